"""What happened to a person or an enterprise as such: one hash chain for each, with the rules of a contract's evidence.

The entry's `contract_id` is the subject's name here (`person:ID`, `enterprise:ID`), so the same check reads both. Numbers of
documents, addresses and media never stand in it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bff.core import evidence
from bff.core.evidence import Entry
from bff.store.models import ChronicleRow


class Chronicle:
    def __init__(self, session: Session) -> None:
        self._session = session

    def record(self, subject: str, *, kind: str, at: datetime, actor: str, data: Mapping[str, Any]) -> Entry:
        """Append to the subject's chain; two units that append at once collide on the number, and one is rolled back."""
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

    def head(self, subject: str) -> str:
        """The chain's newest head, hexadecimal; of an empty chain its start."""
        entries = self.entries(subject)
        return (entries[-1].head if entries else evidence.START).hex()
