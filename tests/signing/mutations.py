"""Bytes that were bent: the edits that a fuzzer makes, drawn by hypothesis or by a seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

WORDS = (
    b"%%EOF",
    b"startxref\n0\n%%EOF\n",
    b"endobj",
    b"endstream",
    b"/Prev 0",
    b"/Prev 99999999999",
    b"/ByteRange[0 0 0 0]",
    b"/ByteRange[0 1 2 99999999]",
    b"/Contents<00>",
    b"/Length 99999999",
    b"/Kids[1 0 R]",
    b"/Fields[]",
    b"/Type/XRef",
    b"<<",
    b">>",
    b"[" * 80,
    b"(" * 80,
    b"<<" * 80,
    b"1 0 R",
    b"-1",
    b"9" * 40,
    b"\x00" * 8,
    b"\xff" * 8,
    b"\x30\x80",
    b"\x30\x84\xff\xff\xff\xff",
    b'{"',
    b"PK\x03\x04",
    b"PK\x05\x06",
)
"""What parsers stumble over, of PDF, DER, JSON and ZIP."""


@dataclass(frozen=True)
class Edit:
    """`kind` at a place and up to another, both as parts of a million, with a word or an octet to put in."""

    kind: str
    place: int
    other: int
    word: bytes


KINDS = ("flip", "write", "insert", "delete", "double", "swap", "cut")
edits = st.lists(
    st.builds(
        Edit,
        st.sampled_from(KINDS),
        st.integers(0, 999_999),
        st.integers(0, 999_999),
        st.one_of(st.sampled_from(WORDS), st.binary(min_size=1, max_size=4)),
    ),
    min_size=1,
    max_size=4,
)


def drawn(chance: random.Random) -> list[Edit]:
    """The same by a seed, for those who need many at once."""
    return [
        Edit(
            chance.choice(KINDS),
            chance.randrange(1_000_000),
            chance.randrange(1_000_000),
            chance.choice([*WORDS, chance.randbytes(2)]),
        )
        for _ in range(chance.randrange(1, 4))
    ]


def mutated(content: bytes, edits: Sequence[Edit]) -> bytes:
    for edit in edits:
        content = _edited(content, edit)
    return content


def _edited(content: bytes, edit: Edit) -> bytes:
    at = edit.place * len(content) // 1_000_000
    length = 1 + edit.other % 400
    match edit.kind:
        case "flip":
            return (
                content[:at] + bytes(octet ^ 1 << edit.other % 8 for octet in content[at : at + 1]) + content[at + 1 :]
            )
        case "write":
            return content[:at] + edit.word + content[at + len(edit.word) :]
        case "insert":
            return content[:at] + edit.word + content[at:]
        case "delete":
            return content[:at] + content[at + length :]
        case "double":
            return content[: at + length] + content[at:]
        case "swap":
            here, there = sorted((at, edit.other * len(content) // 1_000_000))
            return content[:here] + content[there : there + length] + content[here + length :]
        case _:
            return content[:at]
