"""Errands and messages: what was wished for, and what providers took."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from bff.store.models import ErrandRow, MessageRow

PROGRESS = {
    "taken": 0,
    "accepted": 1,
    "scheduled": 1,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "undelivered": 4,
    "failed": 4,
    "delivered": 5,
    "read": 6,
}
"""How far each state of a message is; a message that arrived after all counts more than a failure before it."""


@dataclass(frozen=True)
class Errand:
    id: str
    kind: str
    contract_id: str | None
    signer_id: str | None
    details: Mapping[str, Any]
    due_at: datetime
    attempts: int
    done: bool
    parked: bool
    last_error: str | None


@dataclass(frozen=True)
class Message:
    id: str
    errand_id: str | None
    contract_id: str | None
    signer_id: str | None
    channel: str
    template: str
    to: str
    provider: str
    provider_id: str
    status: str
    created_at: datetime


class Errands:
    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    def add(
        self,
        kind: str,
        *,
        contract_id: str | None,
        signer_id: str | None,
        details: Mapping[str, Any],
        due_at: datetime,
    ) -> Errand:
        row = ErrandRow(
            id=secrets.token_hex(12),
            kind=kind,
            contract_id=contract_id,
            signer_id=signer_id,
            details=dict(details),
            due_at=due_at,
            handed_at=self._now if due_at <= self._now else None,
            parked=False,
            attempts=0,
            created_at=self._now,
        )
        self._session.add(row)
        self._session.flush()
        return _errand(row)

    def get(self, errand_id: str) -> Errand | None:
        row = self._session.get(ErrandRow, errand_id)
        return _errand(row) if row else None

    def start(self, errand_id: str) -> None:
        """One more attempt begins now; the lease runs from here."""
        self._change(errand_id, attempts=ErrandRow.attempts + 1, handed_at=self._now)

    def finish(self, errand_id: str) -> None:
        self._change(errand_id, done_at=self._now, last_error=None)

    def again(self, errand_id: str, *, error: str, after: timedelta) -> None:
        self._change(errand_id, due_at=self._now + after, handed_at=None, last_error=error[:200])

    def park(self, errand_id: str, *, error: str) -> None:
        self._change(errand_id, parked=True, last_error=error[:200])

    def drop(self, contract_id: str, kinds: Sequence[str]) -> None:
        """Wishes that no longer make sense (a reminder for a withdrawn contract, a parked job that is retried)."""
        self._session.execute(
            update(ErrandRow)
            .where(ErrandRow.contract_id == contract_id, ErrandRow.kind.in_(kinds), ErrandRow.done_at.is_(None))
            .values(done_at=self._now, last_error="dropped")
        )

    def claim_due(self, *, lease: timedelta, limit: int = 200) -> list[Errand]:
        """Errands to hand over now: due, and never handed or handed longer than `lease` ago."""
        rows = self._session.scalars(
            select(ErrandRow)
            .where(
                ErrandRow.done_at.is_(None),
                ErrandRow.parked.is_(False),
                ErrandRow.due_at <= self._now,
                or_(ErrandRow.handed_at.is_(None), ErrandRow.handed_at < self._now - lease),
            )
            .order_by(ErrandRow.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for row in rows:
            row.handed_at = self._now
        return [_errand(row) for row in rows]

    def parked(self) -> list[Errand]:
        """Errands that were given up: doctor asks."""
        rows = select(ErrandRow).where(ErrandRow.done_at.is_(None), ErrandRow.parked.is_(True))
        return [_errand(row) for row in self._session.scalars(rows.order_by(ErrandRow.created_at))]

    def late(self, by: timedelta) -> int:
        """How many errands should have been done `by` ago and are not, nor given up: doctor asks."""
        undone = (ErrandRow.done_at.is_(None), ErrandRow.parked.is_(False))
        count = select(func.count()).where(*undone, ErrandRow.due_at < self._now - by)
        return int(self._session.scalar(count) or 0)

    def open_of(self, contract_id: str) -> list[Errand]:
        rows = self._session.scalars(
            select(ErrandRow).where(ErrandRow.contract_id == contract_id, ErrandRow.done_at.is_(None))
        )
        return [_errand(row) for row in rows]

    # --- messages ---

    def message_of(self, errand_id: str) -> Message | None:
        row = self._session.scalar(select(MessageRow).where(MessageRow.errand_id == errand_id))
        return _message(row) if row else None

    def keep_message(
        self,
        *,
        errand_id: str | None,
        contract_id: str | None,
        signer_id: str | None,
        channel: str,
        template: str,
        to: str,
        provider: str,
        provider_id: str,
    ) -> None:
        self._session.add(
            MessageRow(
                id=secrets.token_hex(12),
                errand_id=errand_id,
                contract_id=contract_id,
                signer_id=signer_id,
                channel=channel,
                template=template,
                to=to,
                provider=provider,
                provider_id=provider_id,
                status="taken",
                receipts=[],
                created_at=self._now,
            )
        )

    def receipt(self, provider_id: str, *, status: str) -> Message | None:
        """Keep what a provider says of a message's delivery; None when it is not one of ours.

        Receipts come late, twice and out of order: all are kept once, and the state only ever goes forward.
        """
        row = self._session.scalar(select(MessageRow).where(MessageRow.provider_id == provider_id).with_for_update())
        if row is None:
            return None
        if not any(r["status"] == status[:40] for r in row.receipts):
            row.receipts = [*row.receipts, {"status": status[:40], "at": self._now.isoformat()}]
        if PROGRESS.get(status, 0) > PROGRESS.get(row.status, 0):
            row.status = status
        return _message(row)

    def messages_of(self, contract_id: str) -> list[Message]:
        rows = self._session.scalars(
            select(MessageRow).where(MessageRow.contract_id == contract_id).order_by(MessageRow.created_at)
        )
        return [_message(row) for row in rows]

    def _change(self, errand_id: str, **values: Any) -> None:
        self._session.execute(update(ErrandRow).where(ErrandRow.id == errand_id).values(**values))


def _errand(row: ErrandRow) -> Errand:
    return Errand(
        id=row.id,
        kind=row.kind,
        contract_id=row.contract_id,
        signer_id=row.signer_id,
        details=dict(row.details),
        due_at=row.due_at,
        attempts=row.attempts,
        done=row.done_at is not None,
        parked=row.parked,
        last_error=row.last_error,
    )


def _message(row: MessageRow) -> Message:
    return Message(
        id=row.id,
        errand_id=row.errand_id,
        contract_id=row.contract_id,
        signer_id=row.signer_id,
        channel=row.channel,
        template=row.template,
        to=row.to,
        provider=row.provider,
        provider_id=row.provider_id,
        status=row.status,
        created_at=row.created_at,
    )
