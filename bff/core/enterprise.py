"""An enterprise: what it says it is, how it proved it, who acts for it and who may use which of its seals until when.

`advance` is the only way from one state to the next, and `TABLE` says which event is possible where, as for contracts. Three
ways prove an enterprise, and each says something else: the legal representative showed their face (`representative`),
somebody read the statement of its bank account (`account`), or the legal representative authorised an agent in a letter
signed here (`letter`). Besides, a trade register can be asked (`Asked`): what it says otherwise is not gone past, and where
none was asked, or none answered, that is said. What was checked is named and no more.

Nobody acts for an enterprise before one of them has been gone to its end, nor when a year has passed since. Every change
carries who made it, and is refused by name to those who may not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from bff.core.errors import Refusal
from bff.core.identity import GOOD_FOR, Identity, Level, same_name

TRIES = 3
"""For entering what the bank statement says."""
TRANSFER_LIFETIME = timedelta(days=7)
TRANSFERS = 3
"""So many may be ordered for one registration; each costs somebody money."""
LETTER_LIFETIME = timedelta(days=14)
LONGEST_GRANT = timedelta(days=5 * 366)
MOST_MEMBERS, MOST_SEALS = 500, 20

SHOWS_LICENCE = ("cn.uscc",)
"""Registers whose enterprises have a licence that we can read: it has to be shown."""
NOT_ASKED = {"outcome": "not_asked"}
"""What a proof says of the trade register where none was asked."""
SCHEMES = {"lei": "LEIXG", "eu.vat": "VAT"}
"""Of ETSI EN 319 412-1, section 5.1.4; all others are national trade registers (NTR)."""


class State(StrEnum):
    REGISTERED = "registered"
    VERIFIED = "verified"
    ENDED = "ended"


class Way(StrEnum):
    """How an enterprise proved itself."""

    REPRESENTATIVE = "representative"
    ACCOUNT = "account"
    LETTER = "letter"


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    SIGNER = "signer"
    VIEWER = "viewer"


GOVERN = (Role.OWNER, Role.ADMIN)
SEAL_USERS = (Role.OWNER, Role.ADMIN, Role.SIGNER)


@dataclass(frozen=True)
class Facts:
    """What was typed at registration. `register` names the kind of number, e.g. cn.uscc; `country` is ISO 3166."""

    name: str
    country: str
    register: str
    number: str
    representative: str

    @property
    def identifier(self) -> str:
        """As in a certificate's organizationIdentifier (2.5.4.97): NTRCN-91350100M000100Y43, LEIXG-…, VATDE-…"""
        if self.register == "eu.vat":
            return f"VAT{self.number[:2]}-{self.number[2:]}"
        return f"{SCHEMES.get(self.register, f'NTR{self.country}')}-{self.number}"


@dataclass(frozen=True)
class Licence:
    """The photograph of a licence: being read, or what its reading came to. `differs` names what disagrees with the facts."""

    sha256: str
    state: str
    """reading, read or unreadable."""
    found: Mapping[str, str] | None = None
    differs: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        return self.state == "read" and not self.differs


@dataclass(frozen=True)
class Asked:
    """A question to a trade register. `answer`: what `RegisterAnswer.evidence` gives; None while it is on its way."""

    request: str
    at: datetime
    answer: Mapping[str, str] | None = None
    before: Mapping[str, str] | None = None
    """What it answered about the same facts when it was last asked and answered."""

    @property
    def said(self) -> Mapping[str, str] | None:
        """Its last word: a register that is silent takes nothing back."""
        return self.answer if self.answered else self.before

    @property
    def objections(self) -> tuple[str, ...]:
        """What the register has against the facts, of number, status, name and representative."""
        said = self.said or {}
        against = {"unknown": ("number",), "inactive": ("status",)}.get(said.get("outcome", ""), ())
        return (*against, *(name for name in ("name", "representative") if said.get(name) == "differs"))

    @property
    def answered(self) -> bool:
        """Whether the register said anything about the enterprise."""
        return self.answer is not None and self.answer["outcome"] != "not_available"


@dataclass(frozen=True)
class Ordered:
    """A transfer to the enterprise's account that is on its way or waits for what its statement says."""

    reference: str
    account_masked: str
    ordered_at: datetime
    paid: bool = False
    tries: int = 0

    @property
    def void_at(self) -> datetime:
        return self.ordered_at + TRANSFER_LIFETIME


@dataclass(frozen=True)
class Letter:
    """An authorisation letter that waits for the legal representative's signature."""

    contract_id: str
    agent: str
    sent_at: datetime


@dataclass(frozen=True)
class Proof:
    """What the enterprise's standing rests on. `facts`: what a signature carries of it."""

    way: Way
    at: datetime
    by: str
    facts: Mapping[str, Any]

    @property
    def valid_until(self) -> datetime:
        return self.at + GOOD_FOR


@dataclass(frozen=True)
class Member:
    person_id: str
    role: Role


class SealState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    RETIRED = "retired"


@dataclass(frozen=True)
class Seal:
    """`sha256` is that of the mark it draws; nobody uses it before an owner has approved exactly that."""

    id: str
    label: str
    kind: str
    """round or image."""
    sha256: str
    proposed_by: str
    state: SealState = SealState.PROPOSED
    approved_by: str | None = None


@dataclass(frozen=True)
class Grant:
    """One member may use one seal until then."""

    id: str
    seal_id: str
    person_id: str
    until: datetime
    given_by: str
    revoked: bool = False

    def holds(self, now: datetime) -> bool:
        return not self.revoked and now < self.until


@dataclass(frozen=True)
class Enterprise:
    id: str
    registered_by: str
    facts: Facts
    state: State = State.REGISTERED
    licence: Licence | None = None
    asked: Asked | None = None
    """About these very facts; None: no register was asked."""
    transfer: Ordered | None = None
    transfers: int = 0
    letter: Letter | None = None
    proof: Proof | None = None
    trouble: str | None = None
    """Why the last attempt at proving came to nothing; a code."""
    members: tuple[Member, ...] = ()
    seals: tuple[Seal, ...] = ()
    grants: tuple[Grant, ...] = ()

    def role(self, person_id: str) -> Role | None:
        """Before anything is proven only whoever registered it has a part in it."""
        known = next((m.role for m in self.members if m.person_id == person_id), None)
        return known or (Role.OWNER if not self.members and person_id == self.registered_by else None)

    def seal(self, seal_id: str) -> Seal:
        for seal in self.seals:
            if seal.id == seal_id:
                return seal
        raise Refusal("no_such_seal")

    def grant(self, grant_id: str) -> Grant:
        for grant in self.grants:
            if grant.id == grant_id:
                return grant
        raise Refusal("no_such_grant")

    def holds(self, now: datetime) -> bool:
        """Whether it may be acted for now."""
        return self.state is State.VERIFIED and self.proof is not None and now < self.proof.valid_until

    @property
    def proving(self) -> bool:
        return self.transfer is not None or self.letter is not None


def right(enterprise: Enterprise, person_id: str, *, now: datetime, seal_id: str | None = None) -> tuple[Seal, Grant]:
    """The seal that this member may use now, and by which grant: the one that lasts longest."""
    return max(rights(enterprise, person_id, now=now, seal_id=seal_id), key=lambda pair: pair[1].until)


def rights(
    enterprise: Enterprise, person_id: str, *, now: datetime, seal_id: str | None = None
) -> list[tuple[Seal, Grant]]:
    """The seals that this member may use now, and by which grants. Raises Refusal, named for what is missing."""
    name = enterprise.facts.name
    if enterprise.state is not State.VERIFIED or enterprise.proof is None:
        raise Refusal("enterprise_not_proven", name=name)
    if not enterprise.holds(now):
        raise Refusal("enterprise_proof_old", name=name)
    if enterprise.asked is not None and {"number", "status"} & set(enterprise.asked.objections):
        raise Refusal("enterprise_struck_off", name=name)
    role = enterprise.role(person_id)
    if role is None:
        raise Refusal("not_a_member", name=name)
    given = [g for g in enterprise.grants if g.person_id == person_id and seal_id in (None, g.seal_id)]
    usable = [g for g in given if enterprise.seal(g.seal_id).state is SealState.APPROVED]
    if role not in SEAL_USERS or not usable:
        raise Refusal("no_right_to_seal", name=name)
    holding = [g for g in usable if g.holds(now)]
    if not holding:
        raise Refusal("right_to_seal_over", name=name)
    return [(enterprise.seal(grant.seal_id), grant) for grant in holding]


# --- events --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """Something that happened. `kind` names it in the record, `by` is the person who did it (empty: the platform)."""

    kind: ClassVar[str]
    at: datetime
    by: str

    def data(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Registered(Event):
    """The first event of each; it makes the enterprise and is never advanced to."""

    kind: ClassVar[str] = "registered"
    facts: Facts

    def data(self) -> dict[str, Any]:
        return _facts_data(self.facts)


@dataclass(frozen=True)
class Amended(Event):
    """What was typed is corrected, as long as nothing rests on it."""

    kind: ClassVar[str] = "amended"
    facts: Facts

    def data(self) -> dict[str, Any]:
        return _facts_data(self.facts)


@dataclass(frozen=True)
class LicenceShown(Event):
    kind: ClassVar[str] = "licence_shown"
    sha256: str

    def data(self) -> dict[str, Any]:
        return {"sha256": self.sha256}


@dataclass(frozen=True)
class LicenceRead(Event):
    """What a machine read on it. `found` is None when it is no licence or cannot be read."""

    kind: ClassVar[str] = "licence_read"
    sha256: str
    found: Mapping[str, str] | None
    doubts: tuple[str, ...]
    engine: str

    def data(self) -> dict[str, Any]:
        found = dict(self.found) if self.found is not None else None
        return {"sha256": self.sha256, "found": found, "doubts": list(self.doubts), "engine": self.engine}


@dataclass(frozen=True)
class RegisterAsked(Event):
    """A trade register is asked about the facts as they stand."""

    kind: ClassVar[str] = "register_asked"
    request: str

    def data(self) -> dict[str, Any]:
        return {"request": self.request}


@dataclass(frozen=True)
class RegisterAnswered(Event):
    """`answer`: what `RegisterAnswer.evidence` gives."""

    kind: ClassVar[str] = "register_answered"
    request: str
    answer: Mapping[str, str]

    def data(self) -> dict[str, Any]:
        return {"request": self.request, **self.answer}


@dataclass(frozen=True)
class RepresentativeSeen(Event):
    """Way one: whoever registered it is its legal representative, and we know their face. `identity` is what that rests on."""

    kind: ClassVar[str] = "representative_seen"
    identity: Identity

    def data(self) -> dict[str, Any]:
        return {"person": self.identity.person_id, **_identity_data(self.identity)}


@dataclass(frozen=True)
class TransferOrdered(Event):
    """Way two: a random sum with a code goes to the enterprise's account, in the enterprise's own name."""

    kind: ClassVar[str] = "transfer_ordered"
    reference: str
    account_masked: str
    account_sha256: str
    bank_code: str

    def data(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "account_masked": self.account_masked,
            "account_sha256": self.account_sha256,
            "bank_code": self.bank_code,
        }


@dataclass(frozen=True)
class TransferPaid(Event):
    kind: ClassVar[str] = "transfer_paid"
    reference: str
    provider: str
    provider_reference: str

    def data(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "provider": self.provider,
            "provider_reference": self.provider_reference,
        }


@dataclass(frozen=True)
class TransferFailed(Event):
    kind: ClassVar[str] = "transfer_failed"
    reference: str
    reason: str

    def data(self) -> dict[str, Any]:
        return {"reference": self.reference, "reason": self.reason}


@dataclass(frozen=True)
class StatementEntered(Event):
    """Somebody entered the sum and the code; they were the right ones or not."""

    kind: ClassVar[str] = "statement_entered"
    reference: str
    right: bool

    def data(self) -> dict[str, Any]:
        return {"reference": self.reference, "right": self.right}


@dataclass(frozen=True)
class LetterSent(Event):
    """Way three: a letter that authorises the agent went to the legal representative, as a contract of ours."""

    kind: ClassVar[str] = "letter_sent"
    contract_id: str

    def data(self) -> dict[str, Any]:
        return {"contract_id": self.contract_id}


@dataclass(frozen=True)
class LetterSigned(Event):
    """The letter is sealed; `identity` is what is known of whoever signed it."""

    kind: ClassVar[str] = "letter_signed"
    contract_id: str
    document_sha256: str
    identity: Identity

    def data(self) -> dict[str, Any]:
        return {
            "contract_id": self.contract_id,
            "document_sha256": self.document_sha256,
            **_identity_data(self.identity),
        }


@dataclass(frozen=True)
class Abandoned(Event):
    """What was under way came to nothing: run out, declined, withdrawn, or given up by whoever began it."""

    kind: ClassVar[str] = "abandoned"
    reason: str

    def data(self) -> dict[str, Any]:
        return {"reason": self.reason}


@dataclass(frozen=True)
class MemberAdded(Event):
    kind: ClassVar[str] = "member_added"
    person_id: str
    role: Role

    def data(self) -> dict[str, Any]:
        return {"person": self.person_id, "role": str(self.role)}


@dataclass(frozen=True)
class RoleChanged(Event):
    kind: ClassVar[str] = "role_changed"
    person_id: str
    role: Role

    def data(self) -> dict[str, Any]:
        return {"person": self.person_id, "role": str(self.role)}


@dataclass(frozen=True)
class MemberRemoved(Event):
    """Their rights to seals end with it."""

    kind: ClassVar[str] = "member_removed"
    person_id: str

    def data(self) -> dict[str, Any]:
        return {"person": self.person_id}


@dataclass(frozen=True)
class SealProposed(Event):
    kind: ClassVar[str] = "seal_proposed"
    seal_id: str
    label: str
    seal_kind: str
    sha256: str

    def data(self) -> dict[str, Any]:
        return {"seal": self.seal_id, "label": self.label, "kind": self.seal_kind, "sha256": self.sha256}


@dataclass(frozen=True)
class SealDecided(Event):
    """An owner approves or rejects a seal that was proposed."""

    kind: ClassVar[str] = "seal_decided"
    seal_id: str
    approved: bool

    def data(self) -> dict[str, Any]:
        return {"seal": self.seal_id, "approved": self.approved}


@dataclass(frozen=True)
class SealRetired(Event):
    kind: ClassVar[str] = "seal_retired"
    seal_id: str

    def data(self) -> dict[str, Any]:
        return {"seal": self.seal_id}


@dataclass(frozen=True)
class SealGranted(Event):
    kind: ClassVar[str] = "seal_granted"
    grant_id: str
    seal_id: str
    person_id: str
    until: datetime

    def data(self) -> dict[str, Any]:
        return {
            "grant": self.grant_id,
            "seal": self.seal_id,
            "person": self.person_id,
            "until": self.until.isoformat(),
        }


@dataclass(frozen=True)
class GrantRevoked(Event):
    kind: ClassVar[str] = "grant_revoked"
    grant_id: str

    def data(self) -> dict[str, Any]:
        return {"grant": self.grant_id}


@dataclass(frozen=True)
class SealUsed(Event):
    """A member has signed a contract for the enterprise. `by` is the member."""

    kind: ClassVar[str] = "seal_used"
    grant_id: str
    contract_id: str
    signer_id: str
    challenge: str

    def data(self) -> dict[str, Any]:
        return {
            "grant": self.grant_id,
            "contract_id": self.contract_id,
            "signer_id": self.signer_id,
            "challenge": self.challenge,
        }


@dataclass(frozen=True)
class Ended(Event):
    """The enterprise acts here no more."""

    kind: ClassVar[str] = "ended"


# --- the rules -----------------------------------------------------------------------------------------


def advance(enterprise: Enterprise, event: Event) -> Enterprise:
    """The enterprise after the event. Raises Refusal, named for the person, when the event is not possible."""
    step = TABLE.get((enterprise.state, type(event)))
    if step is None:
        over = enterprise.state is State.ENDED
        raise Refusal("enterprise_ended" if over else "enterprise_not_now", name=enterprise.facts.name)
    return step(enterprise, event)


def begin(enterprise_id: str, event: Registered) -> Enterprise:
    return Enterprise(id=enterprise_id, registered_by=event.by, facts=event.facts)


def _amended(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_role(enterprise, event.by, Role.OWNER)
    _check_idle(enterprise)
    licence = enterprise.licence
    if licence and licence.found is not None:
        licence = replace(licence, differs=differences(event.facts, licence.found, licence.doubts))
    asked = enterprise.asked if event.facts == enterprise.facts else None
    return replace(enterprise, facts=event.facts, licence=licence, asked=asked, trouble=None)


def _licence_shown(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_role(enterprise, event.by, Role.OWNER)
    _check_idle(enterprise)
    return replace(enterprise, licence=Licence(event.sha256, "reading"), trouble=None)


def _licence_read(enterprise: Enterprise, event: Any) -> Enterprise:
    if enterprise.licence is None or enterprise.licence.sha256 != event.sha256:
        raise Refusal("enterprise_not_now", name=enterprise.facts.name)
    if event.found is None:
        return replace(enterprise, licence=Licence(event.sha256, "unreadable", doubts=event.doubts))
    differs = differences(enterprise.facts, event.found, event.doubts)
    return replace(enterprise, licence=Licence(event.sha256, "read", event.found, differs, event.doubts))


def _register_asked(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_role(enterprise, event.by, Role.OWNER)
    _check_idle(enterprise)
    before = enterprise.asked.said if enterprise.asked else None
    return replace(enterprise, asked=Asked(event.request, event.at, before=before))


def _register_answered(enterprise: Enterprise, event: Any) -> Enterprise:
    if enterprise.asked is None or enterprise.asked.request != event.request:
        raise Refusal("enterprise_not_now", name=enterprise.facts.name)
    return replace(enterprise, asked=replace(enterprise.asked, answer=dict(event.answer)))


def differences(facts: Facts, found: Mapping[str, str], doubts: tuple[str, ...]) -> tuple[str, ...]:
    """What a licence says otherwise. A number that was misread (its check digit says so) accuses nobody."""
    read = {"name": facts.name, "number": facts.number, "representative": facts.representative}
    misread = {"number"} if "number_check_digit" in doubts else set()
    said = {name: value for name, value in found.items() if name in read and value and name not in misread}
    return tuple(name for name, value in said.items() if not same_name(value, read[name]))


def _check_may_prove(enterprise: Enterprise, by: str, rests_on: str) -> None:
    """The facts have to stand still. A licence that says another number is not gone past, nor one that says otherwise of
    what this way rests on; nor a register that knows no such enterprise, none that is active, or another name."""
    _check_role(enterprise, by, Role.OWNER)
    _check_idle(enterprise)
    licence = enterprise.licence
    if licence is not None and licence.state == "reading":
        raise Refusal("licence_being_read")
    if enterprise.facts.register in SHOWS_LICENCE and (licence is None or licence.state == "unreadable"):
        raise Refusal("licence_missing")
    if licence is not None and {"number", rests_on} & set(licence.differs):
        raise Refusal("licence_says_otherwise")
    if enterprise.asked is not None:
        _check_register(enterprise.asked, rests_on)


def _check_register(asked: Asked, rests_on: str) -> None:
    if asked.answer is None:
        raise Refusal("register_being_asked")
    against = {"number", "status", "name", rests_on} & set(asked.objections)
    if against:
        raise Refusal("register_inactive" if against == {"status"} else "register_says_otherwise")


def _representative_seen(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_may_prove(enterprise, event.by, "representative")
    identity: Identity = event.identity
    if identity.person_id != event.by:
        raise Refusal("enterprise_not_allowed", name=enterprise.facts.name)
    _check_representative(enterprise, identity, event.at, agent=event.by)
    return _verified(enterprise, event, Way.REPRESENTATIVE, _identity_data(identity))


def _check_representative(enterprise: Enterprise, identity: Identity, now: datetime, *, agent: str) -> None:
    """Nobody comes to act for an enterprise by their own word that its representative is who they say."""
    if not identity.satisfies(Level.DOCUMENT_FACE, now=now):
        raise Refusal("representative_not_checked", name=enterprise.facts.representative)
    if not same_name(identity.name, enterprise.facts.representative):
        raise Refusal("representative_another", name=enterprise.facts.representative)
    if identity.on_a_senders_word or identity.decided_by(agent):
        raise Refusal("representative_vouched", name=enterprise.facts.representative)


def _transfer_ordered(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_may_prove(enterprise, event.by, "name")
    if enterprise.transfers >= TRANSFERS:
        raise Refusal("too_many_transfers", most=TRANSFERS)
    ordered = Ordered(event.reference, event.account_masked, event.at)
    return replace(enterprise, transfer=ordered, transfers=enterprise.transfers + 1, trouble=None)


def _transfer_paid(enterprise: Enterprise, event: Any) -> Enterprise:
    return replace(enterprise, transfer=replace(_transfer(enterprise, event), paid=True))


def _transfer_failed(enterprise: Enterprise, event: Any) -> Enterprise:
    _transfer(enterprise, event)
    return replace(enterprise, transfer=None, trouble="transfer_failed")


def _transfer(enterprise: Enterprise, event: Any) -> Ordered:
    if enterprise.transfer is None or enterprise.transfer.reference != event.reference:
        raise Refusal("no_transfer")
    return enterprise.transfer


def _statement_entered(enterprise: Enterprise, event: Any) -> Enterprise:
    """Three wrong answers and the transfer is void; so it is after seven days, whatever is entered."""
    _check_role(enterprise, event.by, Role.OWNER)
    ordered = _transfer(enterprise, event)
    if event.at >= ordered.void_at:
        raise Refusal("transfer_too_late")
    if event.right:
        facts = {"transfer": ordered.reference, "account_masked": ordered.account_masked, "tries": ordered.tries + 1}
        return _verified(enterprise, event, Way.ACCOUNT, facts)
    tried = replace(ordered, tries=ordered.tries + 1)
    if tried.tries >= TRIES:
        return replace(enterprise, transfer=None, trouble="transfer_void")
    return replace(enterprise, transfer=tried)


def _letter_sent(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_may_prove(enterprise, event.by, "representative")
    return replace(enterprise, letter=Letter(event.contract_id, event.by, event.at), trouble=None)


def _letter_signed(enterprise: Enterprise, event: Any) -> Enterprise:
    if enterprise.letter is None or enterprise.letter.contract_id != event.contract_id:
        raise Refusal("no_letter")
    _check_representative(enterprise, event.identity, event.at, agent=enterprise.letter.agent)
    facts = {
        "contract_id": event.contract_id,
        "document_sha256": event.document_sha256,
        **_identity_data(event.identity),
    }
    return _verified(enterprise, replace(event, by=enterprise.letter.agent), Way.LETTER, facts)


def _verified(enterprise: Enterprise, event: Event, way: Way, facts: Mapping[str, Any]) -> Enterprise:
    licence = enterprise.licence
    said = "none" if licence is None else ",".join(("differs", *licence.differs)) if licence.differs else licence.state
    register = enterprise.asked.answer if enterprise.asked else None
    known = {"licence": "agrees" if said == "read" else said, "register": dict(register or NOT_ASKED)}
    proof = Proof(way, event.at, event.by, {**facts, **known})
    members = enterprise.members or (Member(event.by, Role.OWNER),)
    return replace(
        enterprise,
        state=State.VERIFIED,
        proof=proof,
        members=members,
        transfer=None,
        letter=None,
        transfers=0,
        trouble=None,
    )


def _abandoned(enterprise: Enterprise, event: Any) -> Enterprise:
    if not enterprise.proving:
        raise Refusal("enterprise_not_now", name=enterprise.facts.name)
    if event.by:
        _check_role(enterprise, event.by, Role.OWNER)
    return replace(enterprise, transfer=None, letter=None, trouble=event.reason)


# --- members ---


def _member_added(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_may_give(enterprise, event.by, event.role)
    if enterprise.role(event.person_id) is not None:
        raise Refusal("member_already")
    if len(enterprise.members) >= MOST_MEMBERS:
        raise Refusal("too_many_members", most=MOST_MEMBERS)
    return replace(enterprise, members=(*enterprise.members, Member(event.person_id, event.role)))


def _role_changed(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_may_give(enterprise, event.by, event.role)
    _check_may_give(enterprise, event.by, _known_role(enterprise, event.person_id))
    changed = tuple(
        Member(m.person_id, event.role) if m.person_id == event.person_id else m for m in enterprise.members
    )
    return _with_an_owner(replace(enterprise, members=changed))


def _member_removed(enterprise: Enterprise, event: Any) -> Enterprise:
    """Anybody may leave; others are removed by those who could have given the role."""
    role = _known_role(enterprise, event.person_id)
    if event.by != event.person_id:
        _check_may_give(enterprise, event.by, role)
    left = tuple(m for m in enterprise.members if m.person_id != event.person_id)
    grants = tuple(replace(g, revoked=True) if g.person_id == event.person_id else g for g in enterprise.grants)
    return _with_an_owner(replace(enterprise, members=left, grants=grants))


def _check_may_give(enterprise: Enterprise, by: str, role: Role) -> None:
    """Owners give every role; admins the ones that govern nothing."""
    _check_role(enterprise, by, *((Role.OWNER,) if role in GOVERN else GOVERN))


def _known_role(enterprise: Enterprise, person_id: str) -> Role:
    role = enterprise.role(person_id)
    if role is None:
        raise Refusal("no_such_member")
    return role


def _with_an_owner(enterprise: Enterprise) -> Enterprise:
    if not any(m.role is Role.OWNER for m in enterprise.members):
        raise Refusal("last_owner")
    return enterprise


# --- seals ---


def _seal_proposed(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_role(enterprise, event.by, *GOVERN)
    if len(enterprise.seals) >= MOST_SEALS:
        raise Refusal("too_many_seals", most=MOST_SEALS)
    seal = Seal(event.seal_id, event.label, event.seal_kind, event.sha256, event.by)
    return replace(enterprise, seals=(*enterprise.seals, seal))


def _seal_decided(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_role(enterprise, event.by, Role.OWNER)
    seal = enterprise.seal(event.seal_id)
    if seal.state is not SealState.PROPOSED:
        raise Refusal("seal_decided_already")
    state = SealState.APPROVED if event.approved else SealState.REJECTED
    return _with_seal(enterprise, replace(seal, state=state, approved_by=event.by if event.approved else None))


def _seal_retired(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_role(enterprise, event.by, Role.OWNER)
    return _with_seal(enterprise, replace(enterprise.seal(event.seal_id), state=SealState.RETIRED))


def _seal_granted(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_role(enterprise, event.by, *GOVERN)
    if enterprise.seal(event.seal_id).state is not SealState.APPROVED:
        raise Refusal("seal_not_approved")
    if _known_role(enterprise, event.person_id) not in SEAL_USERS:
        raise Refusal("viewers_do_not_seal")
    if not event.at < event.until <= event.at + LONGEST_GRANT:
        raise Refusal("grant_until_unreadable")
    old = tuple(
        replace(g, revoked=True) if (g.seal_id, g.person_id) == (event.seal_id, event.person_id) else g
        for g in enterprise.grants
    )
    grant = Grant(event.grant_id, event.seal_id, event.person_id, event.until, event.by)
    return replace(enterprise, grants=(*old, grant))


def _grant_revoked(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_role(enterprise, event.by, *GOVERN)
    grant = enterprise.grant(event.grant_id)
    revoked = tuple(replace(g, revoked=True) if g.id == grant.id else g for g in enterprise.grants)
    return replace(enterprise, grants=revoked)


def _seal_used(enterprise: Enterprise, event: Any) -> Enterprise:
    grant = enterprise.grant(event.grant_id)
    right(enterprise, event.by, now=event.at, seal_id=grant.seal_id)
    return enterprise


def _ended(enterprise: Enterprise, event: Any) -> Enterprise:
    _check_role(enterprise, event.by, Role.OWNER)
    return replace(enterprise, state=State.ENDED, transfer=None, letter=None)


def _with_seal(enterprise: Enterprise, seal: Seal) -> Enterprise:
    return replace(enterprise, seals=tuple(seal if s.id == seal.id else s for s in enterprise.seals))


def _check_role(enterprise: Enterprise, by: str, *roles: Role) -> None:
    if enterprise.role(by) not in roles:
        raise Refusal("enterprise_not_allowed", name=enterprise.facts.name)


def _check_idle(enterprise: Enterprise) -> None:
    if enterprise.proving:
        raise Refusal("proving_already")


def _facts_data(facts: Facts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "country": facts.country,
        "register": facts.register,
        "number": facts.number,
        "representative": facts.representative,
    }


def _identity_data(identity: Identity) -> dict[str, Any]:
    return {
        "level": str(identity.level),
        "check": identity.check_id,
        "checked_at": identity.checked_at.isoformat(),
        "attended": identity.attended_by is not None,
    }


Step = Callable[[Enterprise, Any], Enterprise]

_PROVING: dict[type[Event], Step] = {
    LicenceShown: _licence_shown,
    LicenceRead: _licence_read,
    RegisterAsked: _register_asked,
    RegisterAnswered: _register_answered,
    RepresentativeSeen: _representative_seen,
    TransferOrdered: _transfer_ordered,
    TransferPaid: _transfer_paid,
    TransferFailed: _transfer_failed,
    StatementEntered: _statement_entered,
    LetterSent: _letter_sent,
    LetterSigned: _letter_signed,
    Abandoned: _abandoned,
}
"""Possible before and after it was proven: a proof is renewed in the same ways."""

TABLE: Mapping[tuple[State, type[Event]], Step] = {
    (State.REGISTERED, Amended): _amended,
    **{(state, event): step for state in (State.REGISTERED, State.VERIFIED) for event, step in _PROVING.items()},
    (State.VERIFIED, MemberAdded): _member_added,
    (State.VERIFIED, RoleChanged): _role_changed,
    (State.VERIFIED, MemberRemoved): _member_removed,
    (State.VERIFIED, SealProposed): _seal_proposed,
    (State.VERIFIED, SealDecided): _seal_decided,
    (State.VERIFIED, SealRetired): _seal_retired,
    (State.VERIFIED, SealGranted): _seal_granted,
    (State.VERIFIED, GrantRevoked): _grant_revoked,
    (State.VERIFIED, SealUsed): _seal_used,
    (State.VERIFIED, Ended): _ended,  # what was never proven is amended; else it would make room for more transfers
}
