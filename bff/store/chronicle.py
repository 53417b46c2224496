"""What happened to a person or an enterprise as such: one hash chain for each, with the rules of a contract's evidence.

The entry's `contract_id` is the subject's name here (`person:ID`, `enterprise:ID`), so the same check reads both. Numbers of
documents, addresses and media never stand in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bff.core import evidence
from bff.core.evidence import Entry
from bff.store.models import ChronicleRow
from bff.store.turns import in_turn


@dataclass(frozen=True)
class Line:
    """One entry of a chronicle, whose it is, and the chain's head before it."""

    subject: str
    entry: Entry
    before: bytes


class Chronicle:
    def __init__(self, session: Session) -> None:
        self._session = session

    def record(self, subject: str, *, kind: str, at: datetime, actor: str, data: Mapping[str, Any]) -> Entry:
        """Append to the subject's chain; of two units that append at once the second waits."""
        in_turn(self._session, f"chronicle {subject}")
        newest = self._session.scalar(
            select(ChronicleRow).where(ChronicleRow.subject == subject).order_by(ChronicleRow.seq.desc()).limit(1)
        )
        head, seq = (newest.head, newest.seq + 1) if newest else (evidence.START, 0)
        entry = evidence.append(head, seq=seq, contract_id=subject, kind=kind, at=at, actor=actor, data=data)
        self._session.add(ChronicleRow(subject=subject, seq=seq, raw=entry.raw, head=entry.head))
        self._session.flush()
        return entry

    def entries(self, subject: str) -> list[Entry]:
        rows = self._session.scalars(
            select(ChronicleRow).where(ChronicleRow.subject == subject).order_by(ChronicleRow.seq)
        )
        return [Entry(seq=row.seq, raw=row.raw, head=row.head) for row in rows]

    def line(self, head: str) -> Line | None:
        """The entry after which its chain had this head (hex)."""
        row = self._session.scalar(select(ChronicleRow).where(ChronicleRow.head == bytes.fromhex(head)))
        if row is None:
            return None
        before = self._session.get(ChronicleRow, (row.subject, row.seq - 1)) if row.seq else None
        return Line(row.subject, Entry(row.seq, row.raw, row.head), before.head if before else evidence.START)

    def head(self, subject: str) -> str:
        """The chain's newest head, hexadecimal; of an empty chain its start."""
        entries = self.entries(subject)
        return (entries[-1].head if entries else evidence.START).hex()
