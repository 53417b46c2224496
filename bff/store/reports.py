"""Evidence reports, asked for and made: what each tells, and the sealed PDF once a worker has made it.

A report's id names all that it is made of (`bff.signing.reporting`), so asking twice is asking once. None is kept for long:
it can be made again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from bff.store.models import ReportRow


@dataclass(frozen=True)
class Report:
    """`content` is the sealed PDF, None until it is made; `reason` why it could not be."""

    id: str
    contract_id: str
    account: Mapping[str, Any]
    content: bytes | None
    reason: str | None


class Reports:
    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    def get(self, report_id: str) -> Report | None:
        row = self._session.get(ReportRow, report_id)
        return Report(row.id, row.contract_id, row.account, row.content, row.reason) if row else None

    def add(self, report_id: str, *, contract_id: str, account: Mapping[str, Any]) -> None:
        """Whoever calls holds the contract's row, so that of two who ask at once one finds the other's."""
        self._session.add(ReportRow(id=report_id, contract_id=contract_id, account=dict(account), asked_at=self._now))
        self._session.flush()

    def made(self, report_id: str, content: bytes) -> None:
        self._change(report_id, content=content, reason=None)

    def failed(self, report_id: str, reason: str | None) -> None:
        """None: it is tried again."""
        self._change(report_id, reason=reason)

    def forget(self, before: datetime) -> None:
        self._session.execute(delete(ReportRow).where(ReportRow.asked_at < before))

    def _change(self, report_id: str, **values: Any) -> None:
        self._session.execute(update(ReportRow).where(ReportRow.id == report_id).values(**values))
