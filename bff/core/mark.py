"""A mark: what a signer draws in a signature field, kept as vectors.

Either the name set in a handwriting face (`typed`) or pen strokes (`drawn`). Strokes are integers, so that the same
mark always has the same canonical bytes (RFC 8785) and therefore the same SHA-256 in the intent.
"""

import hashlib
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


@dataclass(frozen=True)
class Mark:
    """What is drawn. `name` is the signer's name; `face` is used when typed, `strokes` when drawn."""

    kind: Literal["typed", "drawn"]
    name: str
    face: str = "auto"
    strokes: tuple[tuple[Point, ...], ...] = ()

    def canonical(self) -> bytes:
        """RFC 8785 JSON, the bytes that are hashed and kept."""
        return rfc8785.dumps(self.to_dict())

    def sha256(self) -> str:
        return hashlib.sha256(self.canonical()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        if self.kind == "typed":
            return {"kind": "typed", "name": self.name, "face": self.face}
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
