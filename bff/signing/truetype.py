"""TrueType fonts cut down to the glyphs that a document uses, in fractions of a millisecond.

Only what a PDF reader needs is kept: outlines, advances and the three headers. Hinting goes, since the programs that it
needs would be larger than the letters. A font file is mapped, not read; what is kept in memory is the glyphs asked for.
"""

import mmap
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

KEPT = ("glyf", "head", "hhea", "hmtx", "loca", "maxp")
_WORDS, _XY, _SCALE, _MORE, _XY_SCALE, _MATRIX, _HINTS = 0x1, 0x2, 0x8, 0x20, 0x40, 0x80, 0x100
"""Flags of a component: sizes of what follows, whether more come, whether hinting does."""


@dataclass(frozen=True)
class Subset:
    content: bytes
    ids: dict[int, int]
    """The glyph's number in the whole font, to its number here."""


class TrueType:
    """A font file. Raises ValueError where it has no TrueType outlines."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        count = int.from_bytes(self._data[4:6], "big")
        rows = [struct.unpack(">4sLLL", self._data[12 + 16 * n : 28 + 16 * n]) for n in range(count)]
        self._places = {tag.decode("latin-1"): (at, size) for tag, _, at, size in rows}
        if not set(KEPT) <= set(self._places):
            raise ValueError(f"{path.name} has no TrueType outlines")
        self._outlines: dict[int, bytes] = {}
        self._long = self._part("head", 50, 2) == b"\0\1"
        self._measured = int.from_bytes(self._part("hhea", 34, 2), "big")

    def subset(self, wanted: Iterable[int]) -> Subset:
        """These glyphs and what they are composed of, numbered anew in the old order."""
        outlines: dict[int, bytes] = {}
        open_ = {0, *wanted}
        while open_:
            glyph = open_.pop()
            outlines[glyph] = self._outline(glyph)
            open_ |= {part for _, part in _components(outlines[glyph])} - outlines.keys()
        ids = {old: new for new, old in enumerate(sorted(outlines))}
        renumbered = [_renumbered(outlines[old], ids) for old in ids]
        offsets = [0]
        for outline in renumbered:
            offsets.append(offsets[-1] + len(outline))
        short = offsets[-1] < 2**17
        tables = {
            "glyf": b"".join(renumbered),
            "head": self._head + (b"\0\0" if short else b"\0\1") + b"\0\0",
            "hhea": self._part("hhea", 0, 34) + struct.pack(">H", len(ids)),
            "hmtx": b"".join(self._measures(old) for old in ids),
            "loca": struct.pack(f">{len(offsets)}{'H' if short else 'L'}", *(o // 2 if short else o for o in offsets)),
            "maxp": self._part("maxp", 0, 4) + struct.pack(">H", len(ids)) + self._limits,
        }
        return Subset(_file(tables), ids)

    def _part(self, table: str, start: int, size: int) -> bytes:
        at = self._places[table][0] + start
        return self._data[at : at + size]

    @cached_property
    def _head(self) -> bytes:
        """Without the checksum over the whole, which readers of embedded fonts do not look at."""
        return self._part("head", 0, 8) + bytes(4) + self._part("head", 12, 38)

    @cached_property
    def _limits(self) -> bytes:
        """What the largest glyph may have; no hinting any more."""
        limits = self._part("maxp", 6, 26)
        return limits[:8] + b"\0\1" + bytes(12) + limits[22:]

    def _outline(self, glyph: int) -> bytes:
        if glyph not in self._outlines:
            self._outlines[glyph] = self._bare(glyph)
        return self._outlines[glyph]

    def _bare(self, glyph: int) -> bytes:
        begin, end = self._location(glyph)
        raw = self._part("glyf", begin, end - begin)
        if not raw:
            return b""
        contours = int.from_bytes(raw[:2], "big", signed=True)
        bare = _simple(raw, contours) if contours >= 0 else _composite(raw)
        return bare + bytes(-len(bare) % 2)

    def _location(self, glyph: int) -> tuple[int, int]:
        if self._long:
            begin, end = struct.unpack(">LL", self._part("loca", 4 * glyph, 8))
            return begin, end
        begin, end = struct.unpack(">HH", self._part("loca", 2 * glyph, 4))
        return 2 * begin, 2 * end

    def _measures(self, glyph: int) -> bytes:
        """Advance and left side bearing."""
        if glyph < self._measured:
            return self._part("hmtx", 4 * glyph, 4)
        advance = self._part("hmtx", 4 * (self._measured - 1), 2)
        return advance + self._part("hmtx", 4 * self._measured + 2 * (glyph - self._measured), 2)


def _simple(raw: bytes, contours: int) -> bytes:
    """Without its hinting."""
    at = 10 + 2 * contours
    hints = int.from_bytes(raw[at : at + 2], "big")
    return raw[:at] + b"\0\0" + raw[at + 2 + hints :]


def _composite(raw: bytes) -> bytes:
    """Without its hinting, which comes last."""
    found = bytearray(raw)
    end = 10
    for at, _ in _components(raw):
        flags = int.from_bytes(raw[at - 2 : at], "big")
        found[at - 2 : at] = (flags & ~_HINTS).to_bytes(2, "big")
        end = at + 2 + _size(flags)
    return bytes(found[:end])


def _components(outline: bytes) -> list[tuple[int, int]]:
    """Where each component's glyph number stands, and the number."""
    if len(outline) < 10 or outline[0] < 0x80:
        return []
    found, at = [], 10
    while True:
        flags, glyph = struct.unpack(">HH", outline[at : at + 4])
        found.append((at + 2, glyph))
        at += 4 + _size(flags)
        if not flags & _MORE:
            return found


def _size(flags: int) -> int:
    """Bytes of a component behind its flags and number."""
    transform = 2 if flags & _SCALE else 4 if flags & _XY_SCALE else 8 if flags & _MATRIX else 0
    return (4 if flags & _WORDS else 2) + transform


def _renumbered(outline: bytes, ids: dict[int, int]) -> bytes:
    parts = _components(outline)
    if not parts:
        return outline
    found = bytearray(outline)
    for at, glyph in parts:
        found[at : at + 2] = ids[glyph].to_bytes(2, "big")
    return bytes(found)


def _file(tables: dict[str, bytes]) -> bytes:
    count = len(tables)
    power = count.bit_length() - 1
    header = struct.pack(">LHHHH", 0x00010000, count, 16 << power, power, 16 * count - (16 << power))
    at = 12 + 16 * count
    rows, bodies = [], []
    for tag, body in sorted(tables.items()):
        padded = body + bytes(-len(body) % 4)
        checksum = sum(struct.unpack(f">{len(padded) // 4}L", padded)) & 0xFFFFFFFF
        rows.append(struct.pack(">4sLLL", tag.encode(), checksum, at, len(body)))
        bodies.append(padded)
        at += len(padded)
    return b"".join([header, *rows, *bodies])
