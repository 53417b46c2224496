"""The evidence log: an append-only chain of what happened to one contract.

Each entry is canonical JSON (RFC 8785); those exact bytes are stored and hashed, never re-encoded.
`h(i) = SHA-256(0x00 || h(i-1) || bytes(i))`, with `h(-1)` 32 zero bytes. Altering, dropping, inserting or swapping an
entry breaks the chain at the first entry touched, and `check` names it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785

FORMAT = "countersign-evidence/1"
START = bytes(32)
_WHOSE = b'"contract_id":"'
"""In canonical JSON the keys are sorted and a quote inside a string is escaped: the first of these is the entry's own."""


@dataclass(frozen=True)
class Entry:
    """One line of the log as stored: its number from 0, its exact bytes, and the chain's head after it."""

    seq: int
    raw: bytes
    head: bytes

    @property
    def value(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.raw)
        return loaded


@dataclass(frozen=True)
class Break:
    """Where a log stops being what was written: the number of the first bad entry, and in what way it is bad."""

    seq: int
    reason: str


def append(
    head: bytes,
    *,
    seq: int,
    contract_id: str,
    kind: str,
    at: datetime,
    actor: str,
    data: Mapping[str, Any],
) -> Entry:
    """The entry that follows `head`. `actor` is a signer's or person's id, or "platform"; `data` holds no secrets."""
    raw = rfc8785.dumps(
        {
            "format": FORMAT,
            "contract_id": contract_id,
            "seq": seq,
            "kind": kind,
            "at": at.isoformat(timespec="microseconds"),
            "actor": actor,
            "data": dict(data),
        }
    )
    return Entry(seq=seq, raw=raw, head=link(head, raw))


def link(head: bytes, raw: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + head + raw).digest()


def has(entries: Iterable[Entry], **wanted: str) -> bool:
    """Whether some entry's data says all of this."""
    return any(wanted.items() <= entry.value.get("data", {}).items() for entry in entries)


def check(entries: Iterable[Entry], *, contract_id: str) -> Break | None:
    """The first entry that is not what was appended, or None when the whole chain holds."""
    head, sha256 = START, hashlib.sha256
    mine = _WHOSE + rfc8785.dumps(contract_id)[1:] + b',"data":'
    for expected, entry in enumerate(entries):
        raw = entry.raw
        if entry.seq != expected:
            return Break(expected, "missing")
        if sha256(b"\x00" + head + raw).digest() != entry.head:
            return Break(expected, "altered")
        if not raw.startswith(mine, raw.find(_WHOSE)) or not raw.endswith(b',"seq":%d}' % expected):
            return Break(expected, "foreign")
        head = entry.head
    return None
