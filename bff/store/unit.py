"""One unit of work: the transaction, and the rooms of the memory as seen from inside it.

`step` is how a contract changes: it advances the state, writes the evidence entry and wishes the errands in the same
transaction. There is no other way to write a contract's state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bff.core import enrolment, enterprise
from bff.core.contract import Contract, Event, advance
from bff.core.enrolment import Check
from bff.core.enterprise import Enterprise
from bff.store.chronicle import Chronicle
from bff.store.contracts import Contracts
from bff.store.enterprises import Enterprises
from bff.store.errands import Errand, Errands
from bff.store.history import History
from bff.store.identities import Identities
from bff.store.people import People
from bff.store.reports import Reports
from bff.store.timebook import TimeBook
from bff.store.turns import in_turn


@dataclass
class Announcement:
    """What is told after the commit: errands to hand over at once, and topics that changed."""

    errands: list[Errand] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.errands or self.topics)


class Unit:
    """`now` is the time of the whole unit."""

    def __init__(self, session: Session, now: datetime, *, lock: bool) -> None:
        self.now = now
        self.announcement = Announcement()
        self.afterwards: list[Callable[[], None]] = []
        """Done once the unit is committed. Whoever adds here wishes an errand for the same: the process may die before."""
        self.contracts = Contracts(session, now, lock=lock)
        self.people = People(session, now, lock=lock)
        self.errands = Errands(session, now)
        self.history = History(session, now)
        self.reports = Reports(session, now)
        self.time_book = TimeBook(session)
        self.identities = Identities(session, now, lock=lock)
        self.chronicle = Chronicle(session)
        self.enterprises = Enterprises(session, now, lock=lock)
        self._session = session

    def step(self, contract: Contract, event: Event, *, actor: str = "platform") -> Contract:
        """The contract after `event`, written together with its evidence. Raises Refusal when it is not possible."""
        after = advance(contract, event)
        self.contracts.put(after)
        self.contracts.record(after.id, kind=event.kind, at=event.at, actor=actor, data=event.data())
        self.announcement.topics.append(f"contract:{contract.id}")
        self._session.flush()
        return after

    def check_step(self, check: Check, event: enrolment.Event, *, actor: str = "platform") -> Check:
        """The check after `event`, written together with its entry in the person's chronicle. Raises Refusal."""
        after = enrolment.advance(check, event)
        self.identities.put(after)
        data = {"check": check.id, **event.data()}
        self.chronicle.record(f"person:{check.person_id}", kind=event.kind, at=event.at, actor=actor, data=data)
        self.announcement.topics.append(f"check:{check.id}")
        self._session.flush()
        return after

    def enterprise_step(self, before: Enterprise, event: enterprise.Event) -> Enterprise:
        """The enterprise after `event`, written together with its entry in the enterprise's chronicle. Raises Refusal."""
        after = enterprise.advance(before, event)
        self.enterprises.put(after)
        self._chronicle(after, event)
        return after

    def enterprise_begin(self, enterprise_id: str, event: enterprise.Registered) -> Enterprise:
        begun = enterprise.begin(enterprise_id, event)
        self.enterprises.add(begun)
        self._chronicle(begun, event)
        return begun

    def _chronicle(self, after: Enterprise, event: enterprise.Event) -> None:
        self.chronicle.record(
            f"enterprise:{after.id}", kind=event.kind, at=event.at, actor=event.by or "platform", data=event.data()
        )
        self.announcement.topics.append(f"enterprise:{after.id}")
        self._session.flush()

    def in_turn(self, purpose: str) -> None:
        """Alone from here to the end of the unit among those with this purpose; asked for before anything is read for it."""
        in_turn(self._session, purpose)

    def errand(
        self,
        kind: str,
        *,
        contract_id: str | None = None,
        signer_id: str | None = None,
        details: Mapping[str, Any] | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """Wish for a job; it is handed to a worker after the commit, or when it is due."""
        errand = self.errands.add(
            kind, contract_id=contract_id, signer_id=signer_id, details=details or {}, due_at=due_at or self.now
        )
        if errand.due_at <= self.now:
            self.announcement.errands.append(errand)
