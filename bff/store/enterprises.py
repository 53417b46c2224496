"""Enterprises as rows: the whole state as one value, beside it what is looked for, the seals' drawings, and who belongs to it."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from bff.core import mark as marks
from bff.core.enterprise import (
    Asked,
    Enterprise,
    Facts,
    Grant,
    Letter,
    Licence,
    Member,
    Ordered,
    Proof,
    Role,
    Seal,
    SealState,
    State,
    Way,
)
from bff.core.errors import Refusal
from bff.core.mark import Mark
from bff.store.models import EnterpriseMemberRow, EnterpriseRow, EnterpriseSealRow


class Enterprises:
    """In a writing unit `get` locks the row, so that one unit at a time changes an enterprise."""

    def __init__(self, session: Session, now: datetime, *, lock: bool) -> None:
        self._session = session
        self._now = now
        self._lock = lock

    def add(self, enterprise: Enterprise) -> None:
        row = EnterpriseRow(id=enterprise.id, private={}, created_at=self._now)
        self._fill(row, enterprise)
        self._session.add(row)
        self._session.flush()
        self._put_members(enterprise)

    def get(self, enterprise_id: str) -> Enterprise | None:
        row = self._session.get(EnterpriseRow, enterprise_id, with_for_update=self._lock or None)
        return _enterprise(row) if row else None

    def put(self, enterprise: Enterprise) -> None:
        self._fill(self._session.get_one(EnterpriseRow, enterprise.id), enterprise)
        self._put_members(enterprise)
        self._session.flush()

    def of_person(self, person_id: str) -> list[Enterprise]:
        """Those that this person has a part in, by name."""
        mine = select(EnterpriseMemberRow.enterprise_id).where(EnterpriseMemberRow.person_id == person_id)
        asked = select(EnterpriseRow).where(EnterpriseRow.id.in_(mine), EnterpriseRow.state != str(State.ENDED))
        return [_enterprise(row) for row in self._session.scalars(asked.order_by(EnterpriseRow.name, EnterpriseRow.id))]

    def proven(self, identifier: str) -> Enterprise | None:
        """The enterprise that proved itself under this identifier; of several, the one that did so last."""
        asked = select(EnterpriseRow).where(
            EnterpriseRow.identifier == identifier, EnterpriseRow.state == str(State.VERIFIED)
        )
        found = [_enterprise(row) for row in self._session.scalars(asked.with_for_update() if self._lock else asked)]
        dated = [(one.proof.at, one.id, one) for one in found if one.proof]
        return max(dated)[2] if dated else None

    def proving(self) -> list[str]:
        """Those with a transfer or a letter under way: the clock asks."""
        return list(self._session.scalars(select(EnterpriseRow.id).where(EnterpriseRow.proving)))

    def private(self, enterprise_id: str) -> dict[str, Any]:
        """What is needed for a moment and recorded nowhere: the account of a transfer that has not been paid yet."""
        return dict(self._session.get_one(EnterpriseRow, enterprise_id).private)

    def keep_private(self, enterprise_id: str, value: Mapping[str, Any]) -> None:
        self._session.get_one(EnterpriseRow, enterprise_id).private = dict(value)
        self._session.flush()

    def add_mark(self, enterprise_id: str, seal_id: str, mark: Mapping[str, Any]) -> None:
        self._session.add(
            EnterpriseSealRow(id=seal_id, enterprise_id=enterprise_id, mark=dict(mark), created_at=self._now)
        )
        self._session.flush()

    def mark(self, enterprise_id: str, seal_id: str) -> dict[str, Any] | None:
        """What that seal draws."""
        row = self._session.get(EnterpriseSealRow, seal_id)
        return dict(row.mark) if row and row.enterprise_id == enterprise_id else None

    def drawn(self, enterprise: Enterprise, seal: Seal) -> Mark:
        """The seal's mark, checked against the digest that was approved. Raises Refusal `no_such_seal`."""
        value = self.mark(enterprise.id, seal.id)
        mark = marks.kept(value, name=enterprise.facts.name) if value else None
        if mark is None or mark.sha256() != seal.sha256:
            raise Refusal("no_such_seal")
        return mark

    def _fill(self, row: EnterpriseRow, enterprise: Enterprise) -> None:
        row.identifier, row.name = enterprise.facts.identifier, enterprise.facts.name
        row.state, row.proving = str(enterprise.state), enterprise.proving
        row.value = _plain(asdict(enterprise))
        row.changed_at = self._now

    def _put_members(self, enterprise: Enterprise) -> None:
        people = {m.person_id: str(m.role) for m in enterprise.members} or {enterprise.registered_by: str(Role.OWNER)}
        mine = EnterpriseMemberRow.enterprise_id == enterprise.id
        self._session.execute(delete(EnterpriseMemberRow).where(mine, EnterpriseMemberRow.person_id.not_in(people)))
        for person_id, role in people.items():
            self._session.merge(EnterpriseMemberRow(enterprise_id=enterprise.id, person_id=person_id, role=role))


def _plain(value: Any) -> Any:
    """With times as text, for JSON."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def _enterprise(row: EnterpriseRow) -> Enterprise:
    value = row.value
    return Enterprise(
        id=row.id,
        registered_by=value["registered_by"],
        facts=Facts(**value["facts"]),
        state=State(row.state),
        licence=_licence(value["licence"]),
        asked=_timed(Asked, value.get("asked"), "at"),
        transfer=_timed(Ordered, value["transfer"], "ordered_at"),
        transfers=value["transfers"],
        letter=_timed(Letter, value["letter"], "sent_at"),
        proof=_proof(value["proof"]),
        trouble=value["trouble"],
        members=tuple(Member(m["person_id"], Role(m["role"])) for m in value["members"]),
        seals=tuple(Seal(**{**s, "state": SealState(s["state"])}) for s in value["seals"]),
        grants=tuple(_timed(Grant, g, "until") for g in value["grants"]),
    )


def _licence(value: Mapping[str, Any] | None) -> Licence | None:
    return Licence(**{**value, **_tuples(value, "differs", "doubts")}) if value else None


def _tuples(value: Mapping[str, Any], *names: str) -> dict[str, tuple[str, ...]]:
    return {name: tuple(value[name]) for name in names}


def _proof(value: Mapping[str, Any] | None) -> Proof | None:
    return _timed(Proof, {**value, "way": Way(value["way"])}, "at") if value else None


def _timed(kind: Any, value: Mapping[str, Any] | None, *moments: str) -> Any:
    if value is None:
        return None
    return kind(**{**value, **{name: datetime.fromisoformat(value[name]) for name in moments}})
