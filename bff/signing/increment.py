"""Writes one revision behind a PDF: changed and new objects, and the cross-references to them.

What stands in the file is never touched, and what a changed object had besides the change is written as it was. The
cross-references are of the kind that the file's newest ones are, for readers follow only chains of one kind.

A signature's value is a hole of a known size: the revision is laid out whole, its digest is taken around the hole, and
what the signer makes of the digest is set in.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from bff.signing import objects
from bff.signing.objects import DEEPEST, NULL, Dict, Source, Unsure

LARGEST_OFFSET = 10**10
_OURS = {b"Size", b"Prev", b"ID", b"XRefStm", b"Type", b"W", b"Index", b"Filter", b"DecodeParms", b"Length"}


@dataclass(frozen=True)
class Hole:
    """The revision's bytes, and where in them the hexadecimal digits of the signature's value go."""

    content: bytes
    begin: int
    end: int


class NoRoom(ValueError):
    """The signature is larger than the hole that was left for it."""


class Increment:
    """A revision in the making. References are given and taken as they are written: `12 0 R`."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._changed: dict[int, tuple[int, bytes]] = {}
        self._next = source.size
        self._hole: int | None = None
        self._room = 0

    # --- reading through what is changed already ---

    def value(self, reference: bytes) -> bytes:
        named = objects.ref(reference)
        if named is None:
            raise Unsure("not a reference")
        changed = self._changed.get(named[0])
        return changed[1] if changed and changed[0] == named[1] else self.source.value(*named)

    def follow(self, raw: bytes) -> bytes:
        """The value itself where it is given as a reference."""
        for _ in range(DEEPEST):
            if objects.ref(raw) is None:
                return raw
            raw = self.value(raw)
        raise Unsure("a circle of references")

    def look(self, values: Dict, name: bytes) -> bytes | None:
        """What stands there, followed through references; None for null and nothing."""
        raw = values.get(name)
        found = NULL if raw is None else self.follow(raw)
        return None if found == NULL else found

    def dictionary(self, reference: bytes) -> Dict:
        return objects.dictionary(self.value(reference))

    @property
    def root(self) -> bytes:
        return self.source.trailer[b"Root"]

    # --- changing ---

    def add(self, value: bytes) -> bytes:
        self._next += 1
        self._changed[self._next - 1] = (0, value)
        return b"%d 0 R" % (self._next - 1)

    def add_stream(self, values: Dict, data: bytes) -> bytes:
        return self.add(objects.stream(values, data))

    def put(self, reference: bytes, value: bytes) -> None:
        number, generation = objects.ref(reference) or (0, 0)
        self._changed[number] = (generation, value)

    def add_signature(self, values: Dict, *, room: int) -> bytes:
        """A signature dictionary whose value of `room` bytes comes later."""
        reference = self.add(b"")
        self._hole = self._next - 1
        self._room = room
        # The range of bytes is set in once the length of the revision is known: it has a fixed width.
        self._changed[self._hole] = (0, objects.written(values)[:-2])
        return reference

    # --- writing ---

    def revision(self) -> bytes:
        return self._laid_out().content if self._changed else b""

    def signed(self, make: Callable[[bytes], bytes]) -> bytes:
        """The revision with the value that `make` gives for its digest. Raises NoRoom."""
        hole = self._laid_out()
        hasher = self.source.digest()
        hasher.update(hole.content[: hole.begin - 1])
        hasher.update(hole.content[hole.end + 1 :])
        value = make(hasher.digest()).hex().encode()
        if len(value) > hole.end - hole.begin:
            raise NoRoom("the signature has no room")
        return hole.content[: hole.begin] + value.ljust(hole.end - hole.begin, b"0") + hole.content[hole.end :]

    def _laid_out(self) -> Hole:
        parts = [] if self.source.ends_line else [b"\n"]
        at = self.source.length + len(parts)
        places: dict[int, tuple[int, int]] = {}
        begin = 0
        for number, (generation, value) in sorted(self._changed.items()):
            places[number] = (at, generation)
            head = b"%d %d obj\n" % (number, generation)
            if number == self._hole:
                begin = at + len(head) + len(value) + len(_BEFORE)
                value += _BEFORE + bytes(2 * self._room).replace(b"\0", b"0") + _BEHIND
            parts.append(head + value + b"\nendobj\n")
            at += len(parts[-1])
        parts.append(self._index(at, places) if self.source.streams else self._table(at, places))
        content = b"".join(parts)
        if not begin:
            return Hole(content, 0, 0)
        begin -= self.source.length
        end = begin + 2 * self._room
        return Hole(self._ranged(content, begin, end), begin, end)

    def _ranged(self, content: bytes, begin: int, end: int) -> bytes:
        """With the range of bytes that the signature covers: all but the value and its brackets."""
        first, second = self.source.length + begin - 1, self.source.length + end + 1
        covered = b"0 %d %d %d" % (first, second, self.source.length + len(content) - second)
        at = end + len(b">/ByteRange[")
        return content[:at] + covered.ljust(_RANGE) + content[at + _RANGE :]

    def _table(self, at: int, places: dict[int, tuple[int, int]]) -> bytes:
        rows = [b"xref\n"]
        for run in _runs(places):
            rows.append(b"%d %d\n" % (run[0], len(run)))
            rows += [b"%010d %05d n \n" % places[number] for number in run]
        if at >= LARGEST_OFFSET:
            raise Unsure("a file of ten gigabytes")
        trailer = objects.written(self._trailer(self._next))
        return b"".join(rows) + b"trailer\n" + trailer + b"\nstartxref\n%d\n%%%%EOF\n" % at

    def _index(self, at: int, places: dict[int, tuple[int, int]]) -> bytes:
        places = {**places, self._next: (at, 0)}
        width = (at.bit_length() + 7) // 8
        rows = b"".join(
            b"\1" + place.to_bytes(width, "big") + generation.to_bytes(2, "big")
            for _, (place, generation) in sorted(places.items())
        )
        numbers = [n for run in _runs(places) for n in (run[0], len(run))]
        values = {
            b"Type": b"/XRef",
            b"W": b"[1 %d 2]" % width,
            b"Index": b"[" + b" ".join(b"%d" % n for n in numbers) + b"]",
            **self._trailer(self._next + 1),
        }
        return b"%d 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (self._next, objects.stream(values, rows), at)

    def _trailer(self, size: int) -> Dict:
        kept = {name: value for name, value in self.source.trailer.items() if name not in _OURS}
        first = self._first_id()
        return {
            b"Size": b"%d" % size,
            b"Prev": b"%d" % self.source.startxref,
            **kept,
            b"ID": b"[" + first + b"<" + self._own_id(first) + b">]",
        }

    def _first_id(self) -> bytes:
        """The file's own name stays; the second names the revision."""
        known = self.look(self.source.trailer, b"ID")
        both = objects.elements(known) if known is not None and known[:1] == b"[" else []
        return self.follow(both[0]) if both else b"<" + self._own_id(b"first") + b">"

    def _own_id(self, salt: bytes) -> bytes:
        """The same revision of the same file has the same name."""
        hasher = hashlib.sha256(b"%d %d" % (self.source.length, self.source.startxref) + salt)
        for number, (_, value) in sorted(self._changed.items()):
            hasher.update(b"%d " % number + value)
        return hasher.hexdigest()[:32].upper().encode()


_RANGE = 43
"""Four numbers of at most twelve digits in a row; longer ones do not fit into a table either."""
_BEFORE = b"/Contents<"
_BEHIND = b">/ByteRange[" + b" " * _RANGE + b"]>>"


def _runs(places: dict[int, tuple[int, int]]) -> Iterator[list[int]]:
    """Numbers that follow each other."""
    for _, run in groupby(enumerate(sorted(places)), key=lambda pair: pair[1] - pair[0]):
        yield [number for _, number in run]
