"""The contract: its states, what may happen in each, and what follows.

`advance` is the only way from one state to the next, and `TABLE` below is the whole truth about which event is
possible in which state. Nothing here reads a clock or a database: an event carries its own time.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from bff.core.errors import Refusal
from bff.core.identity import Level, masked

FULL = 10_000
"""Page coordinates are ten-thousandths of the displayed page's width and height, from its top left corner."""


class State(StrEnum):
    DRAFT = "draft"
    PREPARED = "prepared"
    SENT = "sent"
    SIGNED = "signed"
    SEALED = "sealed"
    ARCHIVED = "archived"
    STUCK = "stuck"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


OPEN = (State.PREPARED, State.SENT)
ENDED = (State.DECLINED, State.WITHDRAWN, State.EXPIRED)
DONE = (State.SEALED, State.ARCHIVED)

RENEW_AHEAD = timedelta(days=2 * 365)
RENEW_PART = 5
"""A sealed file gets its next time stamp in the last part (a fifth) of what the certificate of its newest one had left
when that was made, and never earlier than `RENEW_AHEAD` before its end."""


class FieldKind(StrEnum):
    SIGNATURE = "signature"
    DATE = "date"
    TEXT = "text"
    CHECKBOX = "checkbox"


@dataclass(frozen=True)
class Field:
    """A place on a page, as displayed: page from 1; x, y, w, h in ten-thousandths from the top left corner."""

    id: str
    signer_id: str
    kind: FieldKind
    page: int
    x: int
    y: int
    w: int
    h: int
    required: bool = True
    label: str = ""


class SignerState(StrEnum):
    WAITING = "waiting"
    INVITED = "invited"
    OPENED = "opened"
    SIGNED = "signed"
    DECLINED = "declined"


@dataclass(frozen=True)
class Signer:
    """A person who acts for a party. `order` 1 goes first; equal orders sign in parallel. `applied`: in the PDF."""

    id: str
    name: str
    role: str = ""
    email: str | None = None
    phone: str | None = None
    language: str = "en"
    """The sender's choice; empty: whatever the signer's browser asks for."""
    order: int = 1
    is_sender: bool = False
    state: SignerState = SignerState.WAITING
    applied: bool = False
    shown_sha256: str | None = None
    """The revision this signer was first shown in their turn; it stays theirs until they sign."""
    link_generation: int = 1
    needs: Level = Level.CONTACT
    """The least that has to be known of who this is before they may sign."""
    organisation: str = ""
    """The enterprise that they sign for; empty: for themselves."""
    organisation_id: str = ""
    """Its identifier as in a certificate, e.g. NTRCN-91350100M000100Y43."""


@dataclass(frozen=True)
class Document:
    """One revision of the PDF: SHA-256 (hex) of the whole file up to its end, pages, bytes."""

    sha256: str
    pages: int
    size: int


@dataclass(frozen=True)
class Contract:
    """What is signed. `document` is the newest revision; `shown` is revision 0, what the first signer sees."""

    id: str
    owner_id: str
    title: str
    state: State = State.DRAFT
    signers: tuple[Signer, ...] = ()
    fields: tuple[Field, ...] = ()
    upload: Document | None = None
    shown: Document | None = None
    document: Document | None = None
    deadline: datetime | None = None
    timezone: str = "UTC"
    message: str = ""
    language: str = "en"
    level: str | None = None
    stamped_until: datetime | None = None
    """When the certificate under the newest document time stamp ends; without a renewal before, its proof ends too."""
    renew_at: datetime | None = None
    stuck_reason: str | None = None
    resume: State | None = None
    created_at: datetime | None = None
    sent_at: datetime | None = None
    ended_at: datetime | None = None

    def signer(self, signer_id: str) -> Signer:
        for signer in self.signers:
            if signer.id == signer_id:
                return signer
        raise Refusal("no_such_signer")

    def fields_of(self, signer_id: str) -> tuple[Field, ...]:
        return tuple(f for f in self.fields if f.signer_id == signer_id)

    @property
    def all_signed(self) -> bool:
        return bool(self.signers) and all(s.state is SignerState.SIGNED for s in self.signers)

    @property
    def all_applied(self) -> bool:
        return self.all_signed and all(s.applied for s in self.signers)

    @property
    def turn(self) -> tuple[Signer, ...]:
        """Whose turn it is: the unsigned signers of the lowest order; before sending, the sender alone.

        A turn comes only when every signature before it is in the PDF, so that each signer sees the earlier ones.
        """
        waiting = [s for s in self.signers if s.state not in (SignerState.SIGNED, SignerState.DECLINED)]
        if self.state is State.PREPARED:
            return tuple(s for s in waiting if s.is_sender)
        if self.state is not State.SENT or not waiting:
            return ()
        first = min(s.order for s in waiting)
        underway = [s for s in self.signers if s.state is SignerState.SIGNED and not s.applied]
        if any(s.order < first or s.is_sender for s in underway):
            return ()
        return tuple(s for s in waiting if s.order == first)


@dataclass(frozen=True)
class Event:
    """Something that happened. `kind` names it in the evidence, `data()` is what the evidence keeps of it."""

    kind: ClassVar[str]
    at: datetime

    def data(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Prepared(Event):
    """Revision 0 exists: all fields and evidence pages are in it and its bytes never change again."""

    kind: ClassVar[str] = "prepared"
    document: Document

    def data(self) -> dict[str, Any]:
        return _document_data(self.document)


@dataclass(frozen=True)
class Reopened(Event):
    """The sender goes back to editing; revision 0 is dropped."""

    kind: ClassVar[str] = "reopened"


@dataclass(frozen=True)
class Sent(Event):
    """Sent to the signers. `statement` is what was timestamped, `token` the RFC 3161 token over it (base64 DER)."""

    kind: ClassVar[str] = "sent"
    statement: str
    token: str
    shared_channels: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        return {
            "statement": self.statement,
            "rfc3161_token": self.token,
            "link_and_code_share_a_channel": list(self.shared_channels),
        }


@dataclass(frozen=True)
class Opened(Event):
    """A signer opened their link for the first time."""

    kind: ClassVar[str] = "opened"
    signer_id: str

    def data(self) -> dict[str, Any]:
        return {"signer_id": self.signer_id}


@dataclass(frozen=True)
class SignedBy(Event):
    """A signer confirmed an intent. The act itself (mark, values, proof) is kept beside, by its challenge."""

    kind: ClassVar[str] = "signed"
    signer_id: str
    method: str
    challenge: str
    document_sha256: str

    def data(self) -> dict[str, Any]:
        return {
            "signer_id": self.signer_id,
            "method": self.method,
            "challenge": self.challenge,
            "document_sha256": self.document_sha256,
        }


@dataclass(frozen=True)
class Applied(Event):
    """A signature job has added this signer's revision to the PDF."""

    kind: ClassVar[str] = "applied"
    signer_id: str
    document: Document
    level: str

    def data(self) -> dict[str, Any]:
        return {"signer_id": self.signer_id, "level": self.level, **_document_data(self.document)}


@dataclass(frozen=True)
class DeclinedBy(Event):
    kind: ClassVar[str] = "declined"
    signer_id: str
    reason: str

    def data(self) -> dict[str, Any]:
        return {"signer_id": self.signer_id, "reason": self.reason}


@dataclass(frozen=True)
class Withdrawn(Event):
    kind: ClassVar[str] = "withdrawn"
    reason: str = ""

    def data(self) -> dict[str, Any]:
        return {"reason": self.reason}


@dataclass(frozen=True)
class Expired(Event):
    kind: ClassVar[str] = "expired"


@dataclass(frozen=True)
class Corrected(Event):
    """The sender corrected how a signer is reached; the signer's old link is dead.

    The evidence is read by many and for long, so it keeps the new addresses masked, with their digests to prove them by.
    """

    kind: ClassVar[str] = "corrected"
    signer_id: str
    email: str | None
    phone: str | None

    def data(self) -> dict[str, Any]:
        return {"signer_id": self.signer_id, **_address("email", self.email), **_address("phone", self.phone)}


@dataclass(frozen=True)
class Postponed(Event):
    """The sender gave a new deadline before sending; what is printed in the document still names the old one."""

    kind: ClassVar[str] = "postponed"
    deadline: datetime
    before: datetime | None

    def data(self) -> dict[str, Any]:
        return {
            "deadline": self.deadline.astimezone(UTC).isoformat(),
            "before": self.before.astimezone(UTC).isoformat() if self.before else None,
        }


@dataclass(frozen=True)
class TakenOver(Event):
    """The owner of the house answers for it from now on: who sent it is no longer a member here."""

    kind: ClassVar[str] = "taken_over"
    person_id: str
    name: str
    before_id: str
    before_name: str

    def data(self) -> dict[str, Any]:
        return {
            "person_id": self.person_id,
            "name": self.name,
            "before_id": self.before_id,
            "before_name": self.before_name,
        }


@dataclass(frozen=True)
class Sealed(Event):
    """The closing job added the platform's seal; `level` is the PAdES baseline level that was reached and checked."""

    kind: ClassVar[str] = "sealed"
    document: Document
    level: str
    stamped_until: datetime | None = None

    def data(self) -> dict[str, Any]:
        return {"level": self.level, **_document_data(self.document), **_until_data(self.stamped_until)}


@dataclass(frozen=True)
class Raised(Event):
    """Timestamps that were missing have been added; the sealed file grew by a revision."""

    kind: ClassVar[str] = "raised"
    document: Document
    level: str
    stamped_until: datetime | None = None

    def data(self) -> dict[str, Any]:
        return {"level": self.level, **_document_data(self.document), **_until_data(self.stamped_until)}


@dataclass(frozen=True)
class Renewed(Event):
    """A further document time stamp keeps the proof alive; the new file was read back from these sites before."""

    kind: ClassVar[str] = "renewed"
    document: Document
    level: str
    stamped_until: datetime
    sites: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        return {
            "level": self.level,
            **_document_data(self.document),
            **_until_data(self.stamped_until),
            "sites": list(self.sites),
        }


@dataclass(frozen=True)
class Archived(Event):
    """Written to these sites, read back there, and the digest agreed."""

    kind: ClassVar[str] = "archived"
    sites: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        return {"sites": list(self.sites)}


@dataclass(frozen=True)
class Stuck(Event):
    """A job gave up for now; somebody has to look. `reason` is a fault's code."""

    kind: ClassVar[str] = "stuck"
    reason: str

    def data(self) -> dict[str, Any]:
        return {"reason": self.reason}


@dataclass(frozen=True)
class Retried(Event):
    kind: ClassVar[str] = "retried"


@dataclass(frozen=True)
class Noted(Event):
    """Something worth keeping that changes no state: a page read, a code sent, a proof refused, a reminder."""

    kind: ClassVar[str] = "noted"
    what: str
    signer_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        named = {"signer_id": self.signer_id} if self.signer_id else {}
        return {"what": self.what, **named, **self.details}


def advance(contract: Contract, event: Event) -> Contract:
    """The contract after the event. Raises Refusal, named for the person, when the event is not possible."""
    step = TABLE.get((contract.state, type(event)))
    if step is None:
        raise Refusal(_why_not(contract.state), state=contract.state.value)
    return step(contract, event)


def _why_not(state: State) -> str:
    if state in ENDED:
        return f"contract_{state.value}"
    if state is State.STUCK:
        return "contract_stuck"
    return "not_now"


def _prepared(contract: Contract, event: Any) -> Contract:
    return replace(contract, state=State.PREPARED, shown=event.document, document=event.document)


def _reopened(contract: Contract, event: Any) -> Contract:
    if any(s.state is SignerState.SIGNED for s in contract.signers):
        raise Refusal("already_signed_by_somebody")
    signers = tuple(replace(s, state=SignerState.WAITING, shown_sha256=None) for s in contract.signers)
    return replace(contract, state=State.DRAFT, shown=None, document=contract.upload, signers=signers)


def _sent(contract: Contract, event: Any) -> Contract:
    if contract.deadline is not None and event.at >= contract.deadline:
        raise Refusal("deadline_in_the_past")
    return _invite(replace(contract, state=State.SENT, sent_at=event.at))


def _invite(contract: Contract) -> Contract:
    """Those whose turn has come are invited; when all have signed the contract is."""
    if contract.all_signed:
        return replace(contract, state=State.SIGNED)
    turn = {s.id for s in contract.turn}
    invited = tuple(
        replace(s, state=SignerState.INVITED) if s.id in turn and s.state is SignerState.WAITING else s
        for s in contract.signers
    )
    return replace(contract, signers=invited)


def _opened(contract: Contract, event: Any) -> Contract:
    signer = contract.signer(event.signer_id)
    if signer.state in (SignerState.INVITED, SignerState.WAITING) and signer in contract.turn:
        shown = contract.document.sha256 if contract.document else None
        return _with(contract, replace(signer, state=SignerState.OPENED, shown_sha256=shown))
    return contract


def _signed_by(contract: Contract, event: Any) -> Contract:
    signer = contract.signer(event.signer_id)
    _check_may_act(contract, signer, event)
    if event.document_sha256 != signer.shown_sha256:
        raise Refusal("document_changed")
    signed = _with(contract, replace(signer, state=SignerState.SIGNED))
    return _invite(signed) if contract.state is State.SENT else signed


def _check_may_act(contract: Contract, signer: Signer, event: Event) -> None:
    if signer.state is SignerState.SIGNED:
        raise Refusal("already_signed")
    if signer not in contract.turn:
        raise Refusal("not_your_turn")
    if contract.deadline is not None and event.at >= contract.deadline:
        raise Refusal("contract_expired")


def _applied(contract: Contract, event: Any) -> Contract:
    signer = contract.signer(event.signer_id)
    if signer.state is not SignerState.SIGNED or signer.applied:
        raise Refusal("nothing_to_apply")
    applied = replace(_with(contract, replace(signer, applied=True)), document=event.document)
    return _invite(applied) if contract.state is State.SENT else applied


def _declined_by(contract: Contract, event: Any) -> Contract:
    signer = contract.signer(event.signer_id)
    _check_may_act(contract, signer, event)
    declined = _with(contract, replace(signer, state=SignerState.DECLINED))
    return replace(declined, state=State.DECLINED, ended_at=event.at)


def _withdrawn(contract: Contract, event: Any) -> Contract:
    if contract.state is State.STUCK and contract.all_signed and contract.resume is not State.PREPARED:
        # Everybody has signed: it is a contract now, even while its seal is stuck.
        raise Refusal("already_signed_by_everybody")
    return replace(contract, state=State.WITHDRAWN, ended_at=event.at)


def _expired(contract: Contract, event: Any) -> Contract:
    if contract.deadline is None or event.at < contract.deadline:
        raise Refusal("not_now", state=contract.state.value)
    return replace(contract, state=State.EXPIRED, ended_at=event.at)


def _corrected(contract: Contract, event: Any) -> Contract:
    signer = contract.signer(event.signer_id)
    if signer.state is SignerState.SIGNED:
        raise Refusal("already_signed")
    back = SignerState.INVITED if signer.state is SignerState.OPENED else signer.state
    fresh = replace(
        signer,
        email=event.email,
        phone=event.phone,
        state=back,
        shown_sha256=None,
        link_generation=signer.link_generation + 1,
    )
    return _with(contract, fresh)


def _postponed(contract: Contract, event: Any) -> Contract:
    if event.deadline <= event.at:
        raise Refusal("deadline_in_the_past")
    return replace(contract, deadline=event.deadline)


def _taken_over(contract: Contract, event: Any) -> Contract:
    """Who was the sender and has not signed yet is asked like everybody else: they get their link by message."""
    signers = tuple(replace(s, is_sender=False) if s.state is not SignerState.SIGNED else s for s in contract.signers)
    asked_anew = tuple(
        replace(s, state=SignerState.WAITING, shown_sha256=None)
        if old.is_sender and not s.is_sender and s.state in (SignerState.INVITED, SignerState.OPENED)
        else s
        for old, s in zip(contract.signers, signers, strict=True)
    )
    after = replace(contract, owner_id=event.person_id, signers=asked_anew)
    return _invite(after) if contract.state is State.SENT else after


def _sealed(contract: Contract, event: Any) -> Contract:
    if not contract.all_applied:
        raise Refusal("signatures_missing")
    return _stamped(replace(contract, state=State.SEALED, document=event.document, level=event.level), event)


def _raised(contract: Contract, event: Any) -> Contract:
    return _stamped(replace(contract, state=State.SEALED, document=event.document, level=event.level), event)


def _renewed(contract: Contract, event: Any) -> Contract:
    if contract.stamped_until is not None and event.stamped_until <= contract.stamped_until:
        raise Refusal("not_now", state=contract.state.value)
    return _stamped(replace(contract, document=event.document, level=event.level), event)


def _stamped(contract: Contract, event: Any) -> Contract:
    return timed(contract, event.stamped_until, now=event.at) if event.stamped_until else contract


def timed(contract: Contract, until: datetime, *, now: datetime) -> Contract:
    """The contract with the end of its newest time stamp's certificate, and the time to renew it."""
    ahead = min(RENEW_AHEAD, max(until - now, timedelta()) / RENEW_PART)
    return replace(contract, stamped_until=until, renew_at=until - ahead)


def _archived(contract: Contract, event: Any) -> Contract:
    return replace(contract, state=State.ARCHIVED)


def _stuck(contract: Contract, event: Any) -> Contract:
    return replace(contract, state=State.STUCK, resume=contract.state, stuck_reason=event.reason)


def _retried(contract: Contract, event: Any) -> Contract:
    return replace(contract, state=contract.resume or State.SIGNED, resume=None, stuck_reason=None)


def _noted(contract: Contract, event: Any) -> Contract:
    return contract


def _with(contract: Contract, signer: Signer) -> Contract:
    return replace(contract, signers=tuple(signer if s.id == signer.id else s for s in contract.signers))


def _address(kind: str, value: str | None) -> dict[str, Any]:
    if value is None:
        return {f"{kind}_masked": None, f"{kind}_sha256": None}
    return {f"{kind}_masked": masked(value), f"{kind}_sha256": hashlib.sha256(value.encode()).hexdigest()}


def _document_data(document: Document) -> dict[str, Any]:
    return {"document_sha256": document.sha256, "pages": document.pages, "bytes": document.size}


def _until_data(until: datetime | None) -> dict[str, Any]:
    return {"stamped_until": until.isoformat()} if until else {}


Step = Callable[[Contract, Any], Contract]

TABLE: dict[tuple[State, type[Event]], Step] = {
    (State.DRAFT, Prepared): _prepared,
    (State.DRAFT, Withdrawn): _withdrawn,
    (State.PREPARED, Reopened): _reopened,
    (State.PREPARED, Opened): _opened,
    (State.PREPARED, SignedBy): _signed_by,
    (State.PREPARED, Applied): _applied,
    (State.PREPARED, DeclinedBy): _declined_by,
    (State.PREPARED, Withdrawn): _withdrawn,
    (State.PREPARED, Corrected): _corrected,
    (State.PREPARED, Postponed): _postponed,
    (State.PREPARED, Sent): _sent,
    (State.PREPARED, Stuck): _stuck,
    (State.SENT, Opened): _opened,
    (State.SENT, SignedBy): _signed_by,
    (State.SENT, Applied): _applied,
    (State.SENT, DeclinedBy): _declined_by,
    (State.SENT, Withdrawn): _withdrawn,
    (State.SENT, Expired): _expired,
    (State.SENT, Corrected): _corrected,
    (State.SENT, Stuck): _stuck,
    (State.SIGNED, Applied): _applied,
    (State.SIGNED, Sealed): _sealed,
    (State.SIGNED, Stuck): _stuck,
    (State.SEALED, Archived): _archived,
    (State.SEALED, Raised): _raised,
    (State.SEALED, Stuck): _stuck,
    (State.ARCHIVED, Raised): _raised,
    (State.ARCHIVED, Renewed): _renewed,
    (State.STUCK, Retried): _retried,
    (State.STUCK, Withdrawn): _withdrawn,
    **{(state, TakenOver): _taken_over for state in State},
    **{(state, Noted): _noted for state in State},
}
