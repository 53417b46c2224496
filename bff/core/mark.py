"""A mark: what a signer draws in a signature field, kept as vectors.

Either the name set in a handwriting face (`typed`) or pen strokes (`drawn`), or an enterprise's `seal`: a round one drawn
from words, or one that was photographed and made into black and white dots of one colour. All numbers are integers, so that
the same mark always has the same canonical bytes (RFC 8785) and therefore the same SHA-256 in the intent.

`read` takes what a browser says; a seal never comes from there, but from the enterprise's own record (`kept`).
"""

import base64
import binascii
import hashlib
import zlib
from dataclasses import dataclass
from itertools import pairwise
from math import hypot
from typing import Any, Literal

import rfc8785

from bff.core.errors import Refusal

Point = tuple[int, int, int, int]
"""x, y in thousandths of the pad's height, t in ms since the first point, pressure 0..1000 (500 where unknown)."""

FACES = ("auto", "ma-shan-zheng", "zhi-mang-xing", "caveat", "dancing-script")
MAX_POINTS = 12_000
MAX_NAME = 120
SMALLEST_INK = 250
"""Total pen travel, in thousandths of the pad's height, below which a drawing is a dot and not a signature."""
SEAL_RED = (200, 22, 29)
SEAL_SIDE = 512
"""Dots on the longer side of a photographed seal, at most."""
SEAL_WORDS = (120, 24, 40)
"""Letters around, in the middle and at the foot of a round seal, at most."""


@dataclass(frozen=True)
class Stamp:
    """What an enterprise's seal shows. `colour` is RGB, 0..255.

    `round`: the name around a star, words under the star, a number at the foot. `image`: `bits` are the rows of
    width x height dots, each row filled up to whole octets, the first dot highest, 1 is ink; zlib, then base64.
    """

    shape: Literal["round", "image"]
    colour: tuple[int, int, int] = SEAL_RED
    around: str = ""
    middle: str = ""
    foot: str = ""
    width: int = 0
    height: int = 0
    bits: str = ""

    def to_dict(self) -> dict[str, Any]:
        common = {"shape": self.shape, "colour": list(self.colour)}
        if self.shape == "round":
            return {**common, "around": self.around, "middle": self.middle, "foot": self.foot}
        return {**common, "width": self.width, "height": self.height, "bits": self.bits}

    def rows(self) -> list[bytes]:
        """The dots, row by row. Raises Refusal `mark_unreadable`."""
        stride = (self.width + 7) // 8
        try:
            opener = zlib.decompressobj()
            raw = opener.decompress(base64.b64decode(self.bits, validate=True), stride * self.height + 1)
        except (zlib.error, binascii.Error, ValueError) as error:
            raise Refusal("mark_unreadable") from error
        if len(raw) != stride * self.height:
            raise Refusal("mark_unreadable")
        return [raw[at : at + stride] for at in range(0, len(raw), stride)]


@dataclass(frozen=True)
class Mark:
    """What is drawn. `name` is the signer's name, of a seal the enterprise's; `face` is used when typed, `strokes` when
    drawn, `stamp` when it is a seal."""

    kind: Literal["typed", "drawn", "seal"]
    name: str
    face: str = "auto"
    strokes: tuple[tuple[Point, ...], ...] = ()
    stamp: Stamp | None = None

    @property
    def said(self) -> str:
        """The words that a reader finds where it is drawn."""
        stamp = self.stamp
        return " ".join(filter(None, (self.name, stamp.middle, stamp.foot))) if stamp else self.name

    def canonical(self) -> bytes:
        """RFC 8785 JSON, the bytes that are hashed and kept."""
        return rfc8785.dumps(self.to_dict())

    def sha256(self) -> str:
        return hashlib.sha256(self.canonical()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        if self.kind == "typed":
            return {"kind": "typed", "name": self.name, "face": self.face}
        if self.stamp is not None:
            return {"kind": "seal", "name": self.name, "seal": self.stamp.to_dict()}
        return {"kind": "drawn", "name": self.name, "strokes": [[list(p) for p in s] for s in self.strokes]}


def read(value: Any, *, name: str) -> Mark:
    """A mark from untrusted JSON; the name is the signer's, whatever the browser says.

    Raises Refusal `mark_unreadable`, `mark_is_a_dot` or `mark_too_large`.
    """
    if not isinstance(value, dict):
        raise Refusal("mark_unreadable")
    if value.get("kind") == "typed":
        return _typed(value, name)
    if value.get("kind") == "drawn":
        return _drawn(value, name)
    raise Refusal("mark_unreadable")


def round_seal(name: str, *, middle: str = "", foot: str = "") -> Mark:
    """A seal drawn from words. Raises Refusal `seal_words_too_long`."""
    words = tuple(" ".join(text.split()) for text in (name, middle, foot))
    if not words[0] or any(len(text) > most for text, most in zip(words, SEAL_WORDS, strict=True)):
        raise Refusal("seal_words_too_long")
    return Mark("seal", words[0], stamp=Stamp("round", around=words[0], middle=words[1], foot=words[2]))


def image_seal(name: str, rows: list[bytes], *, width: int, colour: tuple[int, int, int]) -> Mark:
    """A seal of dots."""
    bits = base64.b64encode(zlib.compress(b"".join(rows), 9)).decode()
    return Mark("seal", name, stamp=Stamp("image", colour=colour, width=width, height=len(rows), bits=bits))


def kept(value: dict[str, Any], *, name: str) -> Mark:
    """A mark from our own records: also a seal, whose name is the enterprise's."""
    if value.get("kind") != "seal":
        return read(value, name=name)
    try:
        parts = dict(value["seal"])
        stamp = Stamp(**{**parts, "colour": tuple(parts["colour"])})
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal("mark_unreadable") from error
    if stamp.shape == "image" and not 1 <= max(stamp.width, stamp.height) <= SEAL_SIDE:
        raise Refusal("mark_unreadable")
    return Mark("seal", str(value["name"]), stamp=stamp)


def _typed(value: dict[str, Any], name: str) -> Mark:
    face = value.get("face", "auto")
    if face not in FACES or not name.strip() or len(name) > MAX_NAME:
        raise Refusal("mark_unreadable")
    return Mark(kind="typed", name=name, face=face)


def _drawn(value: dict[str, Any], name: str) -> Mark:
    strokes = value.get("strokes")
    if not isinstance(strokes, list) or not all(isinstance(s, list) for s in strokes):
        raise Refusal("mark_unreadable")
    if sum(len(s) for s in strokes) > MAX_POINTS:
        raise Refusal("mark_too_large")
    mark = Mark(kind="drawn", name=name, strokes=tuple(tuple(_point(p) for p in s) for s in strokes if s))
    if _travel(mark.strokes) < SMALLEST_INK:
        raise Refusal("mark_is_a_dot")
    return mark


def _point(value: Any) -> Point:
    if not isinstance(value, list) or len(value) != 4 or not all(type(n) is int for n in value):
        raise Refusal("mark_unreadable")
    x, y, t, pressure = value
    if not (-20_000 <= x <= 20_000 and -20_000 <= y <= 20_000 and 0 <= t <= 3_600_000 and 0 <= pressure <= 1000):
        raise Refusal("mark_unreadable")
    return x, y, t, pressure


def _travel(strokes: tuple[tuple[Point, ...], ...]) -> float:
    pairs = ((a, b) for stroke in strokes for a, b in pairwise(stroke))
    return sum(hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairs)
