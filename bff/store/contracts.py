"""Contracts as rows: the contract itself, its signers and fields, acts and intents, evidence, revisions and labels."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bff.core import evidence
from bff.core.contract import DONE, ENDED, Contract, Document, Field, FieldKind, Signer, SignerState, State
from bff.core.identity import Level
from bff.core.ports import PageSize
from bff.store.models import (
    ActRow,
    ContractRow,
    ErrandRow,
    EvidenceRow,
    FieldRow,
    IntentRow,
    LabelRow,
    PersonRow,
    ReplicaRow,
    RevisionRow,
    SignerRow,
)


@dataclass(frozen=True)
class ActOf:
    """A signer's act as it was recorded."""

    signer_id: str
    contract_id: str
    intent: bytes
    method: str
    proof: Mapping[str, Any]
    identity: Mapping[str, Any]
    mark: Mapping[str, Any]
    values: Mapping[str, str]
    language: str
    evidence_head: str
    signed_at: datetime


@dataclass(frozen=True)
class LeftBehind:
    """Somebody who may not send any more, and what they still answer for: all contracts, and those not finished."""

    person_id: str
    name: str
    contracts: int
    unfinished: int


@dataclass(frozen=True)
class IntentOf:
    """An intent that was issued. `details` holds the method's own secrets-free state (verifier, phone, provider id)."""

    id: str
    contract_id: str
    signer_id: str
    method: str
    raw: bytes
    state: str
    details: Mapping[str, Any]
    tries: int
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Revision:
    sha256: str
    kind: str
    size: int
    level: str | None
    created_at: datetime


@dataclass(frozen=True)
class Listed:
    """A contract as a line in a list."""

    id: str
    title: str
    state: State
    owner_id: str
    owner_name: str
    parties: tuple[str, ...]
    folder: str
    labels: tuple[str, ...]
    deadline: datetime | None
    changed_at: datetime
    created_at: datetime
    mine_to_sign: bool


@dataclass(frozen=True)
class Wanted:
    """What a list is asked for; empty means any."""

    text: str = ""
    states: tuple[State, ...] = ()
    party: str = ""
    folder: str = ""
    label: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    offset: int = 0


class Contracts:
    """In a writing unit `get` locks the contract's row, so that one unit at a time changes a contract."""

    def __init__(self, session: Session, now: datetime, *, lock: bool) -> None:
        self._session = session
        self._now = now
        self._lock = lock

    # --- the contract ---

    def add_once(self, contract: Contract, *, pages: Sequence[PageSize], notes: Sequence[str] = ()) -> bool:
        """Whether it was added; False when there is one with its id, also by somebody who is quicker by a moment."""
        if self.get(contract.id) is not None:
            return False
        try:
            with self._session.begin_nested():
                self.add(contract, pages=pages, notes=notes)
        except IntegrityError:
            if self.get(contract.id) is None:
                raise
            return False
        return True

    def add(self, contract: Contract, *, pages: Sequence[PageSize], notes: Sequence[str] = ()) -> None:
        row = ContractRow(
            id=contract.id,
            pages=[[p.width, p.height] for p in pages],
            notes=list(notes),
            search="",
            evidence_seq=0,
            evidence_head=evidence.START,
            created_at=self._now,
            changed_at=self._now,
        )
        self._fill(row, contract)
        self._session.add(row)
        self._session.flush()
        self._put_signers(contract)

    def get(self, contract_id: str) -> Contract | None:
        self._session.flush()
        row = self._session.get(ContractRow, contract_id, with_for_update=self._lock or None)
        return self._contract(row) if row else None

    def put(self, contract: Contract) -> None:
        row = self._session.get_one(ContractRow, contract.id)
        self._fill(row, contract)
        row.changed_at = self._now
        self._put_signers(contract)

    def page_sizes(self, contract_id: str) -> tuple[PageSize, ...]:
        row = self._session.get_one(ContractRow, contract_id)
        return tuple(PageSize(width=w, height=h) for w, h in row.pages)

    def set_pages(self, contract_id: str, pages: Sequence[PageSize]) -> None:
        row = self._session.get_one(ContractRow, contract_id)
        row.pages = [[p.width, p.height] for p in pages]

    def notes(self, contract_id: str) -> tuple[str, ...]:
        """What intake had to say (repaired, javascript, already_signed …)."""
        return tuple(self._session.get_one(ContractRow, contract_id).notes)

    def owned_by(self, person_id: str) -> list[str]:
        """Every contract that this person answers for, the oldest first."""
        mine = select(ContractRow.id).where(ContractRow.owner_id == person_id)
        return list(self._session.scalars(mine.order_by(ContractRow.created_at, ContractRow.id)))

    def left_behind(self) -> list[LeftBehind]:
        """Contracts of people who may not send any more, counted by person."""
        unfinished = [s.value for s in State if s not in (*DONE, *ENDED)]
        asked = (
            select(
                PersonRow.id,
                PersonRow.name,
                func.count(),
                func.sum(case((ContractRow.state.in_(unfinished), 1), else_=0)),
            )
            .join(ContractRow, ContractRow.owner_id == PersonRow.id)
            .where(PersonRow.role.is_(None))
            .group_by(PersonRow.id, PersonRow.name)
            .order_by(PersonRow.name)
        )
        return [
            LeftBehind(who, name, int(count), int(open_)) for who, name, count, open_ in self._session.execute(asked)
        ]

    def overdue(self) -> list[str]:
        """Sent contracts whose deadline has passed."""
        late = (ContractRow.state == State.SENT.value, ContractRow.deadline <= self._now)
        return list(self._session.scalars(select(ContractRow.id).where(*late)))

    def stuck(self) -> list[tuple[str, str]]:
        """Ids of stuck contracts, the oldest first, and why: doctor asks."""
        rows = select(ContractRow.id, ContractRow.stuck_reason).where(ContractRow.state == State.STUCK.value)
        return [(i, reason or "?") for i, reason in self._session.execute(rows.order_by(ContractRow.changed_at))]

    def to_renew(self, limit: int) -> list[str]:
        """Archived contracts whose newest time stamp is due for its successor, or of which nobody has looked yet; without
        those for which the errand waits already."""
        waiting = select(ErrandRow.contract_id).where(ErrandRow.kind == "renew", ErrandRow.done_at.is_(None))
        unseen = and_(ContractRow.renew_at.is_(None), ContractRow.level == "B-LTA")
        asked = (
            select(ContractRow.id)
            .where(
                ContractRow.state == State.ARCHIVED.value,
                or_(ContractRow.renew_at <= self._now, unseen),
                ContractRow.id.not_in(waiting.where(ErrandRow.contract_id.is_not(None))),
            )
            .order_by(ContractRow.renew_at)
            .limit(limit)
        )
        return list(self._session.scalars(asked))

    def put_times(self, contract_id: str, *, stamped_until: datetime | None, renew_at: datetime | None) -> None:
        """What was always in the file and nobody had looked up: no event, as nothing has happened."""
        row = self._session.get_one(ContractRow, contract_id)
        row.stamped_until, row.renew_at = stamped_until, renew_at

    def stamps_end(self, before: datetime) -> int:
        """How many finished contracts' time stamps end before that: doctor asks."""
        count = select(func.count()).where(ContractRow.stamped_until < before)
        return int(self._session.scalar(count.where(ContractRow.state.in_([s.value for s in DONE]))) or 0)

    def _contract(self, row: ContractRow) -> Contract:
        """As it is now, whatever this unit saw of it before it held the lock."""
        signers = self._session.scalars(
            select(SignerRow).where(SignerRow.contract_id == row.id).order_by(SignerRow.position),
            execution_options={"populate_existing": True},
        )
        fields = self._session.scalars(
            select(FieldRow).where(FieldRow.contract_id == row.id).order_by(FieldRow.position),
            execution_options={"populate_existing": True},
        )
        return Contract(
            id=row.id,
            owner_id=row.owner_id,
            title=row.title,
            state=State(row.state),
            signers=tuple(_signer(s) for s in signers),
            fields=tuple(_field(f) for f in fields),
            upload=_document(row.upload),
            shown=_document(row.shown),
            document=_document(row.document),
            deadline=row.deadline,
            timezone=row.timezone,
            message=row.message,
            language=row.language,
            level=row.level,
            stamped_until=row.stamped_until,
            renew_at=row.renew_at,
            stuck_reason=row.stuck_reason,
            resume=State(row.resume) if row.resume else None,
            created_at=row.created_at,
            sent_at=row.sent_at,
            ended_at=row.ended_at,
        )

    def _fill(self, row: ContractRow, contract: Contract) -> None:
        row.owner_id = contract.owner_id
        row.title = contract.title
        row.state = contract.state.value
        row.upload = asdict(contract.upload) if contract.upload else None
        row.shown = asdict(contract.shown) if contract.shown else None
        row.document = asdict(contract.document) if contract.document else None
        row.deadline = contract.deadline
        row.timezone = contract.timezone
        row.message = contract.message
        row.language = contract.language
        row.level = contract.level
        row.stamped_until = contract.stamped_until
        row.renew_at = contract.renew_at
        row.stuck_reason = contract.stuck_reason
        row.resume = contract.resume.value if contract.resume else None
        row.sent_at = contract.sent_at
        row.ended_at = contract.ended_at
        row.search = _searchable(contract)

    def _put_signers(self, contract: Contract) -> None:
        kept = {s.id for s in contract.signers}
        fields = {f.id for f in contract.fields}
        self._session.execute(delete(FieldRow).where(FieldRow.contract_id == contract.id, FieldRow.id.not_in(fields)))
        self._session.execute(delete(SignerRow).where(SignerRow.contract_id == contract.id, SignerRow.id.not_in(kept)))
        for position, signer in enumerate(contract.signers):
            row = self._session.get(SignerRow, signer.id) or SignerRow(id=signer.id, contract_id=contract.id)
            _fill_signer(row, signer, position)
            self._session.add(row)
        self._session.flush()
        for position, field in enumerate(contract.fields):
            place = self._session.get(FieldRow, field.id) or FieldRow(id=field.id, contract_id=contract.id)
            _fill_field(place, field, position)
            self._session.add(place)

    # --- evidence and revisions ---

    def record(
        self, contract_id: str, *, kind: str, at: datetime, actor: str, data: Mapping[str, Any]
    ) -> evidence.Entry:
        """Append to the contract's chain. The contract's row is the lock: two units cannot append at once."""
        row = self._session.get_one(ContractRow, contract_id)
        entry = evidence.append(
            row.evidence_head,
            seq=row.evidence_seq,
            contract_id=contract_id,
            kind=kind,
            at=at,
            actor=actor,
            data=data,
        )
        self._session.add(EvidenceRow(contract_id=contract_id, seq=entry.seq, raw=entry.raw, head=entry.head))
        row.evidence_seq = entry.seq + 1
        row.evidence_head = entry.head
        self._session.flush()
        return entry

    def evidence(self, contract_id: str) -> list[evidence.Entry]:
        rows = self._session.scalars(
            select(EvidenceRow).where(EvidenceRow.contract_id == contract_id).order_by(EvidenceRow.seq)
        )
        return [evidence.Entry(seq=row.seq, raw=row.raw, head=row.head) for row in rows]

    def evidence_head(self, contract_id: str) -> str:
        return self._session.get_one(ContractRow, contract_id).evidence_head.hex()

    def behind_the_tree(self, contract_id: str) -> bool:
        """Has this contract's chain grown since its last leaf?"""
        row = self._session.get_one(ContractRow, contract_id)
        return row.evidence_seq > row.logged_seq

    def add_revision(self, contract_id: str, *, sha256: str, kind: str, size: int, level: str | None = None) -> None:
        self._session.merge(
            RevisionRow(contract_id=contract_id, sha256=sha256, kind=kind, size=size, level=level, created_at=self._now)
        )

    def revisions(self, contract_id: str) -> list[Revision]:
        rows = self._session.scalars(
            select(RevisionRow).where(RevisionRow.contract_id == contract_id).order_by(RevisionRow.created_at)
        )
        return [Revision(r.sha256, r.kind, r.size, r.level, r.created_at) for r in rows]

    def add_replicas(self, contract_id: str, *, sha256: str, sites: Sequence[str]) -> None:
        for site in sites:
            self._session.merge(ReplicaRow(sha256=sha256, site=site, contract_id=contract_id, verified_at=self._now))

    def replicas(self, contract_id: str) -> list[tuple[str, str, datetime]]:
        rows = self._session.scalars(select(ReplicaRow).where(ReplicaRow.contract_id == contract_id))
        return [(row.sha256, row.site, row.verified_at) for row in rows]

    # --- links, choices, intents, acts ---

    def set_link(self, signer_id: str, token: str) -> None:
        """Only the hash of a link's token is kept; a signer has one link at a time."""
        self._session.execute(update(SignerRow).where(SignerRow.id == signer_id).values(link_hash=_hash(token)))

    def by_link(self, token: str) -> tuple[Contract, Signer] | None:
        link = select(SignerRow.contract_id, SignerRow.id).where(SignerRow.link_hash == _hash(token))
        found = self._session.execute(link).one_or_none()
        contract = self.get(found.contract_id) if found else None
        return (contract, contract.signer(found.id)) if found and contract else None

    def signer_name(self, contact: str) -> str | None:
        """The name by which somebody was last asked to sign at this address, once a link has gone there."""
        asked = or_(SignerRow.email == contact, SignerRow.phone == contact)
        return self._session.scalar(
            select(SignerRow.name).where(asked, SignerRow.link_hash.is_not(None)).order_by(SignerRow.id).limit(1)
        )

    def choose(self, signer_id: str, choice: Mapping[str, Any] | None) -> None:
        row = self._session.get_one(SignerRow, signer_id)
        row.choice = dict(choice) if choice else None

    def choice(self, signer_id: str) -> dict[str, Any] | None:
        row = self._session.get_one(SignerRow, signer_id)
        return dict(row.choice) if row.choice else None

    def issue(
        self,
        *,
        contract_id: str,
        signer_id: str,
        method: str,
        raw: bytes,
        details: Mapping[str, Any],
        expires_at: datetime,
    ) -> str:
        row = IntentRow(
            id=secrets.token_hex(16),
            contract_id=contract_id,
            signer_id=signer_id,
            method=method,
            raw=raw,
            state="open",
            details=dict(details),
            tries=0,
            created_at=self._now,
            expires_at=expires_at,
        )
        self._session.add(row)
        self._session.flush()
        return row.id

    def intent(self, intent_id: str) -> IntentOf | None:
        row = self._session.get(IntentRow, intent_id)
        return _intent(row) if row else None

    def intents_of(self, signer_id: str, *, method: str | None = None) -> list[IntentOf]:
        """Newest first."""
        wanted = [IntentRow.signer_id == signer_id] + ([IntentRow.method == method] if method else [])
        rows = self._session.scalars(select(IntentRow).where(*wanted).order_by(IntentRow.created_at.desc()))
        return [_intent(row) for row in rows]

    def change_intent(self, intent_id: str, **values: Any) -> None:
        row = self._session.get_one(IntentRow, intent_id)
        for name, value in values.items():
            setattr(row, name, value)
        self._session.flush()

    def void_intents(self, signer_id: str, *, method: str | None = None) -> None:
        wanted = [IntentRow.signer_id == signer_id, IntentRow.state == "open"]
        if method:
            wanted.append(IntentRow.method == method)
        self._session.execute(update(IntentRow).where(*wanted).values(state="void"))

    def codes_sent_to(self, phone_sha256: str, *, since: datetime) -> int:
        """How many codes went to this number since then, over all contracts."""
        rows = self._session.scalars(select(IntentRow).where(IntentRow.method == "sms", IntentRow.created_at > since))
        return sum(1 for row in rows if row.details.get("phone_sha256") == phone_sha256)

    def add_act(self, act: ActOf) -> None:
        values = asdict(act)
        self._session.add(ActRow(**values))
        self._session.flush()

    def act(self, signer_id: str) -> ActOf | None:
        row = self._session.get(ActRow, signer_id)
        return _act(row) if row else None

    def acts(self, contract_id: str) -> list[ActOf]:
        rows = self._session.scalars(select(ActRow).where(ActRow.contract_id == contract_id).order_by(ActRow.signed_at))
        return [_act(row) for row in rows]

    # --- finding again ---

    def seen_by(self, person_id: str, contacts: Sequence[str], wanted: Wanted) -> list[Listed]:
        """Contracts that this person owns, or signs at an address that they have verified; newest change first."""
        mine = select(SignerRow.contract_id).where(
            or_(SignerRow.email.in_(contacts), SignerRow.phone.in_(contacts)),
            SignerRow.state != SignerState.WAITING.value,
        )
        query = (
            select(ContractRow, PersonRow.name)
            .join(PersonRow, PersonRow.id == ContractRow.owner_id)
            .where(or_(ContractRow.owner_id == person_id, ContractRow.id.in_(mine)))
            .order_by(ContractRow.changed_at.desc(), ContractRow.id)
        )
        for condition in self._conditions(person_id, wanted):
            query = query.where(condition)
        rows = self._session.execute(query.limit(wanted.limit).offset(wanted.offset)).all()
        return [self._listed(row, owner, person_id, contacts) for row, owner in rows]

    def _conditions(self, person_id: str, wanted: Wanted) -> list[Any]:
        labelled = select(LabelRow.contract_id).where(LabelRow.person_id == person_id, LabelRow.label == wanted.label)
        conditions: list[Any] = [_contains(ContractRow.search, word) for word in wanted.text.lower().split()]
        if wanted.states:
            conditions.append(ContractRow.state.in_([s.value for s in wanted.states]))
        if wanted.party:
            conditions.append(_contains(ContractRow.search, wanted.party.lower(), after="\n"))
        if wanted.folder:
            conditions.append(ContractRow.folder == wanted.folder)
        if wanted.label:
            conditions.append(ContractRow.id.in_(labelled))
        if wanted.since:
            conditions.append(ContractRow.created_at >= wanted.since)
        if wanted.until:
            conditions.append(ContractRow.created_at < wanted.until)
        return conditions

    def _listed(self, row: ContractRow, owner: str, person_id: str, contacts: Sequence[str]) -> Listed:
        contract = self._contract(row)
        turn = {s.id for s in contract.turn}
        return Listed(
            id=row.id,
            title=row.title,
            state=contract.state,
            owner_id=row.owner_id,
            owner_name=owner,
            parties=tuple(s.name for s in contract.signers),
            folder=row.folder if row.owner_id == person_id else "",
            labels=self.labels(row.id, person_id),
            deadline=row.deadline,
            changed_at=row.changed_at,
            created_at=row.created_at,
            mine_to_sign=any(s.id in turn and {s.email, s.phone} & set(contacts) for s in contract.signers),
        )

    def labels(self, contract_id: str, person_id: str) -> tuple[str, ...]:
        mine = (LabelRow.contract_id == contract_id, LabelRow.person_id == person_id)
        return tuple(self._session.scalars(select(LabelRow.label).where(*mine).order_by(LabelRow.label)))

    def set_labels(self, contract_id: str, person_id: str, labels: Sequence[str]) -> None:
        self._session.execute(
            delete(LabelRow).where(LabelRow.contract_id == contract_id, LabelRow.person_id == person_id)
        )
        for label in dict.fromkeys(labels):
            self._session.add(LabelRow(contract_id=contract_id, person_id=person_id, label=label))

    def all_labels(self, person_id: str) -> list[str]:
        mine = LabelRow.person_id == person_id
        return list(self._session.scalars(select(LabelRow.label).where(mine).distinct().order_by(LabelRow.label)))

    def folder(self, contract_id: str) -> str:
        return self._session.get_one(ContractRow, contract_id).folder

    def set_folder(self, contract_id: str, folder: str) -> None:
        self._session.get_one(ContractRow, contract_id).folder = folder

    def folders(self, owner_id: str) -> list[str]:
        mine = (ContractRow.owner_id == owner_id, ContractRow.folder != "")
        return list(
            self._session.scalars(select(ContractRow.folder).where(*mine).distinct().order_by(ContractRow.folder))
        )

    def count_states(self) -> dict[str, int]:
        rows = self._session.execute(select(ContractRow.state, func.count()).group_by(ContractRow.state))
        return {state: int(count) for state, count in rows}


def _contains(column: Any, words: str, *, after: str = "") -> Any:
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.like(f"%{after}%{escaped}%" if after else f"%{escaped}%", escape="\\")


def _searchable(contract: Contract) -> str:
    """What a search looks at, in lower case: a line for the title, then one for each signer's name and role."""
    parts = [contract.title] + [f"{s.name} {s.role} {s.organisation}" for s in contract.signers]
    return "\n".join(" ".join(part.split()) for part in parts).lower()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _document(value: dict[str, Any] | None) -> Document | None:
    return Document(**value) if value else None


def _signer(row: SignerRow) -> Signer:
    return Signer(
        id=row.id,
        name=row.name,
        role=row.role,
        email=row.email,
        phone=row.phone,
        language=row.language,
        order=row.order,
        is_sender=row.is_sender,
        state=SignerState(row.state),
        applied=row.applied,
        shown_sha256=row.shown_sha256,
        link_generation=row.link_generation,
        needs=Level(row.needs),
        organisation=row.organisation,
        organisation_id=row.organisation_id,
    )


def _fill_signer(row: SignerRow, signer: Signer, position: int) -> None:
    row.position = position
    names = ("name", "role", "email", "phone", "language", "order", "is_sender", "applied")
    for name in (*names, "organisation", "organisation_id"):
        setattr(row, name, getattr(signer, name))
    row.state = signer.state.value
    row.shown_sha256 = signer.shown_sha256
    row.link_generation = signer.link_generation
    row.needs = str(signer.needs)


def _field(row: FieldRow) -> Field:
    return Field(
        id=row.id,
        signer_id=row.signer_id,
        kind=FieldKind(row.kind),
        page=row.page,
        x=row.x,
        y=row.y,
        w=row.w,
        h=row.h,
        required=row.required,
        label=row.label,
    )


def _fill_field(row: FieldRow, field: Field, position: int) -> None:
    row.position = position
    for name in ("signer_id", "page", "x", "y", "w", "h", "required", "label"):
        setattr(row, name, getattr(field, name))
    row.kind = field.kind.value


def _intent(row: IntentRow) -> IntentOf:
    return IntentOf(
        id=row.id,
        contract_id=row.contract_id,
        signer_id=row.signer_id,
        method=row.method,
        raw=row.raw,
        state=row.state,
        details=dict(row.details),
        tries=row.tries,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _act(row: ActRow) -> ActOf:
    return ActOf(
        signer_id=row.signer_id,
        contract_id=row.contract_id,
        intent=row.intent,
        method=row.method,
        proof=dict(row.proof),
        identity=dict(row.identity),
        mark=dict(row.mark),
        values=dict(row.values),
        language=row.language,
        evidence_head=row.evidence_head,
        signed_at=row.signed_at,
    )
