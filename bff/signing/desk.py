"""The sender's desk: upload, name the signers, place the fields, prepare, send; then remind, correct, withdraw, retry.

Every public method is one transaction, except where a file is judged, written or timestamped first: that happens before
the transaction, never inside it. Only the owner of a contract reaches it here; to anybody else it does not exist.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import rfc8785

from bff.core import contract as c
from bff.core import evidence
from bff.core.contract import Contract, Document, Field, FieldKind, Signer, SignerState, State
from bff.core.errors import Fault, Refusal
from bff.core.evidence import Entry
from bff.core.identity import Identity, Level, Routes, link_address, masked, routes
from bff.core.ports import (
    Archive,
    Clock,
    EvidencePage,
    EvidenceSigner,
    Judged,
    Pages,
    PageSize,
    Preparation,
    Timestamps,
)
from bff.signing import consent, knowing
from bff.signing.links import LINKLESS, Links
from bff.store import Store, Unit
from bff.store.contracts import LeftBehind, Revision
from bff.store.errands import Errand, Message
from bff.store.people import Person
from bff.words import moment

MAX_SIGNERS = 50
MAX_FIELDS = 500
PRESSED_TWICE_WITHIN = timedelta(minutes=10)
SENDING_TRIES = 5
SENT_ALREADY = (State.SENT, State.SIGNED, *c.DONE)
REMIND_AT_MOST_EVERY = timedelta(minutes=10)
REMIND_BEFORE_DEADLINE = timedelta(days=1)
FULL_LEVEL = "B-LTA"
"""The PAdES level that every sealed file reaches in the end."""
SAMPLE = "sample"
"""The note on a contract that is a sample."""
SAMPLE_FIELDS = (("signature", 1160, 3900, 760), ("date", 5900, 2300, 320))
"""Kind, x, width and height, in ten-thousandths of the sample's last page."""
SAMPLE_FIELDS_Y = 7300


class JudgesFiles(Protocol):
    def judge(self, path: Path, *more: Path) -> Judged: ...


@dataclass(frozen=True)
class NewSigner:
    """What the sender says of a signer; `id` is set when an existing signer is edited."""

    name: str
    email: str | None
    phone: str | None
    role: str = ""
    language: str = "en"
    order: int = 1
    is_sender: bool = False
    id: str | None = None
    needs: Level = Level.CONTACT
    """The least that has to be known of who this is."""
    organisation: str = ""
    """The enterprise that they sign for, as registered; with its identifier. Empty: for themselves."""
    organisation_id: str = ""


@dataclass(frozen=True)
class Details:
    """Everything the details page of a contract shows."""

    contract: Contract
    owner: Person
    pages: tuple[PageSize, ...]
    notes: tuple[str, ...]
    evidence: tuple[Entry, ...]
    revisions: tuple[Revision, ...]
    messages: tuple[Message, ...]
    errands: tuple[Errand, ...]
    copies: tuple[tuple[str, str, datetime], ...]
    folder: str
    labels: tuple[str, ...]
    routes: dict[str, Routes | None]
    identities: dict[str, Identity]
    """Of signers of whom more than an address is wanted and known, by signer; their name may not be the contract's."""


class Desk:
    """`ready` raises a Fault when something that sealing needs is missing (doctor's checks, made before sending)."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        intake: JudgesFiles,
        archive: Archive,
        preparation: Preparation,
        pages: Pages,
        timestamps: Timestamps,
        links: Links,
        ready: Callable[[], None],
        verify_url: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._intake = intake
        self._archive = archive
        self._preparation = preparation
        self._pages = pages
        self._timestamps = timestamps
        self._links = links
        self._ready = ready
        self._verify_url = verify_url

    # --- drafting ---

    def upload(
        self,
        owner: Person,
        path: Path,
        *more: Path,
        filename: str,
        timezone: str = "UTC",
        remarks: Sequence[str] = (),
        press: str = "",
    ) -> Contract:
        """Judge the file, or the pictures that become one, and open a draft with it.

        `press` names one filling in of the form: the same files sent twice by it make one draft.
        Raises Refusal `intake_<reason>` when it could not be sealed."""
        pressed = _pressed(owner, press, path, *more)
        judged = self._intake.judge(path, *more)
        if judged.path is None or judged.sha256 is None:
            raise Refusal(f"intake_{judged.reason}")
        kept = self._archive.keep(judged.path.read_bytes())
        judged.path.unlink(missing_ok=True)
        title = _clean(judged.title or Path(filename).stem)[:200] or "Contract"
        notes = [*(["repaired"] if judged.outcome == "repaired" else []), *judged.warnings, *remarks]
        document = Document(sha256=kept.sha256, pages=len(judged.pages), size=kept.size)
        return self.draft(
            owner,
            title=title,
            document=document,
            pages=judged.pages,
            notes=notes,
            timezone=timezone,
            contract_id=pressed,
        )

    def draft(
        self,
        owner: Person,
        *,
        title: str,
        document: Document,
        pages: Sequence[PageSize],
        notes: Sequence[str] = (),
        timezone: str = "UTC",
        contract_id: str | None = None,
    ) -> Contract:
        """A draft around a document that is already kept; the one that was just made under this id, if there is one."""
        with self._store.begin() as unit:
            there = unit.contracts.get(contract_id) if contract_id else None
            if there is not None and _just_made(there, owner, unit.now):
                return there
            contract = Contract(
                id=contract_id if contract_id and there is None else secrets.token_hex(10),
                owner_id=owner.id,
                title=title,
                upload=document,
                document=document,
                timezone=timezone,
                language=owner.language,
                created_at=unit.now,
            )
            if not unit.contracts.add_once(contract, pages=pages, notes=notes):
                return self._owned(unit, owner, contract.id)
            unit.contracts.add_revision(contract.id, sha256=document.sha256, kind="upload", size=document.size)
            details = {"document_sha256": document.sha256, "pages": document.pages, "notes": list(notes)}
            return unit.step(contract, c.Noted(unit.now, "uploaded", None, details), actor=owner.id)

    def name_signers(self, owner: Person, contract_id: str, signers: Sequence[NewSigner]) -> Contract:
        """Replace the list of signers; fields of a signer who is gone go too."""
        _check_signers(owner, signers)
        with self._store.begin() as unit:
            contract = self._draft(unit, owner, contract_id)
            known = {s.id for s in contract.signers}
            named = tuple(_signer(s, known) for s in signers)
            left = {s.id for s in named}
            fields = tuple(f for f in contract.fields if f.signer_id in left)
            changed = replace(contract, signers=named, fields=fields)
            unit.contracts.put(changed)
            return changed

    def add_signer(self, owner: Person, contract_id: str, signer: NewSigner) -> Contract:
        """One more signer, at the end; in a contract that is signed one after another, after all others."""
        with self._store.begin() as unit:
            contract = self._draft(unit, owner, contract_id)
            last = max((s.order for s in contract.signers), default=1)
            order = last + 1 if last > 1 else 1
            return self._rename(unit, owner, contract, [*_named(contract), replace(signer, id=None, order=order)])

    def change_signer(self, owner: Person, contract_id: str, signer: NewSigner) -> Contract:
        """Say something else of the signer with this id; place and order stay."""
        with self._store.begin() as unit:
            contract = self._draft(unit, owner, contract_id)
            old = contract.signer(signer.id or "")
            new = replace(signer, order=old.order, is_sender=old.is_sender)
            return self._rename(unit, owner, contract, [new if n.id == new.id else n for n in _named(contract)])

    def remove_signer(self, owner: Person, contract_id: str, signer_id: str) -> Contract:
        with self._store.begin() as unit:
            contract = self._draft(unit, owner, contract_id)
            contract.signer(signer_id)
            return self._rename(unit, owner, contract, [n for n in _named(contract) if n.id != signer_id])

    def move_signer(self, owner: Person, contract_id: str, signer_id: str, *, by: int) -> Contract:
        """Earlier (negative) or later in the list; where people sign one after another, also in the order."""
        with self._store.begin() as unit:
            contract = self._draft(unit, owner, contract_id)
            moved = contract.signer(signer_id)
            others = [n for n in _named(contract) if n.id != signer_id]
            place = max(0, min(len(others), contract.signers.index(moved) + by))
            mine = next(n for n in _named(contract) if n.id == signer_id)
            others.insert(place, mine)
            return self._rename(unit, owner, contract, others)

    def order_signers(self, owner: Person, contract_id: str, *, one_after_another: bool) -> Contract:
        """Everybody at once, or one after another as listed."""
        with self._store.begin() as unit:
            contract = self._draft(unit, owner, contract_id)
            named = [replace(n, order=n_th if one_after_another else 1) for n_th, n in enumerate(_named(contract), 1)]
            return self._rename(unit, owner, contract, named)

    def sign_too(self, owner: Person, contract_id: str) -> Contract:
        """The sender signs as well, at their own addresses, and is asked first."""
        with self._store.begin() as unit:
            contract = self._draft(unit, owner, contract_id)
            if any(s.is_sender for s in contract.signers):
                return contract
            mine = NewSigner(owner.name, owner.email, owner.phone, language=owner.language, is_sender=True)
            return self._rename(unit, owner, contract, [mine, *_named(contract)])

    def _rename(self, unit: Unit, owner: Person, contract: Contract, signers: Sequence[NewSigner]) -> Contract:
        """The new list; where people sign one after another, the order is that of the list."""
        in_turn = any(s.order > 1 for s in signers)
        numbered = [replace(s, order=n) for n, s in enumerate(signers, 1)] if in_turn else list(signers)
        _check_signers(owner, numbered)
        known = {s.id for s in contract.signers}
        named = tuple(_signer(s, known) for s in numbered)
        left = {s.id for s in named}
        changed = replace(contract, signers=named, fields=tuple(f for f in contract.fields if f.signer_id in left))
        unit.contracts.put(changed)
        return changed

    def set_terms(
        self,
        owner: Person,
        contract_id: str,
        *,
        title: str,
        message: str,
        deadline: datetime | None,
        timezone: str,
        language: str,
    ) -> Contract:
        """Title, message and deadline (aware)."""
        if not title.strip():
            raise Refusal("title_missing")
        if deadline is not None and deadline <= self._clock.now():
            raise Refusal("deadline_in_the_past")
        with self._store.begin() as unit:
            contract = self._draft(unit, owner, contract_id)
            changed = replace(
                contract,
                title=_clean(title)[:200],
                message=message.strip()[:2000],
                deadline=deadline,
                timezone=timezone,
                language=language,
            )
            unit.contracts.put(changed)
            return changed

    def place_fields(self, owner: Person, contract_id: str, fields: Sequence[Any]) -> Contract:
        """Replace the fields by those of the field board (JSON objects). Raises Refusal `field_…` for a bad one."""
        if len(fields) > MAX_FIELDS:
            raise Refusal("too_many_fields", most=MAX_FIELDS)
        with self._store.begin() as unit:
            contract = self._draft(unit, owner, contract_id)
            elsewhere = {f.id for f in contract.fields}
            placed = tuple(_field(value, contract, elsewhere) for value in fields)
            if len({f.id for f in placed}) != len(placed):
                raise Refusal("field_unreadable")
            changed = replace(contract, fields=placed)
            unit.contracts.put(changed)
            return changed

    def prepare(self, owner: Person, contract_id: str) -> Contract:
        """Write revision 0. What is in it is what the first signer sees, to the byte."""
        with self._store.read() as unit:
            contract = self._owned(unit, owner, contract_id)
            signed_before = "already_signed" in unit.contracts.notes(contract_id)
        if contract.state is State.PREPARED:
            return contract
        _check_complete(contract)
        if contract.upload is None:
            raise Refusal("not_now", state=contract.state.value)
        content = self._preparation.prepare(
            self._archive.read(contract.upload.sha256),
            fields=contract.fields,
            signers=contract.signers,
            evidence=None if signed_before else self._evidence_page(owner, contract),
        )
        kept = self._archive.keep(content)
        pages = self._pages.sizes(kept.sha256)
        with self._store.begin() as unit:
            now = self._draft(unit, owner, contract_id)
            if now != contract:
                raise Refusal("changed_meanwhile")
            unit.contracts.set_pages(contract_id, pages)
            document = Document(sha256=kept.sha256, pages=len(pages), size=kept.size)
            unit.contracts.add_revision(contract_id, sha256=kept.sha256, kind="prepared", size=kept.size)
            after = unit.step(now, c.Prepared(unit.now, document), actor=owner.id)
            return self._note_needs(unit, owner, after)

    def _note_needs(self, unit: Unit, owner: Person, contract: Contract) -> Contract:
        """What the sender wants to know of whom, where it is more than an address."""
        needs = {s.id: s.needs.value for s in contract.signers if s.needs.rank > Level.CONTACT.rank}
        if not needs:
            return contract
        return unit.step(contract, c.Noted(unit.now, "identity_asked", None, {"levels": needs}), actor=owner.id)

    def reopen(self, owner: Person, contract_id: str) -> Contract:
        """Back to the draft, as long as nobody has signed."""
        with self._store.read() as unit:
            contract = self._owned(unit, owner, contract_id)
        pages = self._pages.sizes(contract.upload.sha256) if contract.upload else ()
        with self._store.begin() as unit:
            contract = self._owned(unit, owner, contract_id)
            unit.contracts.set_pages(contract_id, pages)
            return unit.step(contract, c.Reopened(unit.now), actor=owner.id)

    def own_link(self, owner: Person, contract_id: str) -> str:
        """The path of the sender's own ceremony: the same one as anybody's."""
        with self._store.begin() as unit:
            contract = self._owned(unit, owner, contract_id)
            mine = [s for s in contract.turn if s.is_sender]
            if not mine:
                raise Refusal("not_your_turn")
            _check_own(owner, mine[0])
            return self._links.open_for(unit, mine[0])

    # --- the sample ---

    def send_sample(self, owner: Person, path: Path, *, title: str, phone: str | None) -> Contract:
        """A small contract with oneself, ready to be signed on one's own phone: so that the product shows itself."""
        contract = self.upload(owner, path, filename=title, remarks=(SAMPLE,))
        number = (phone if owner.email else None) or owner.phone
        guest = NewSigner(owner.name, owner.email, number, language=owner.language)
        contract = self.name_signers(owner, contract.id, [guest])
        places = [
            {"kind": kind, "signer_id": contract.signers[0].id, "page": contract.upload.pages if contract.upload else 1}
            | {"x": x, "y": SAMPLE_FIELDS_Y, "w": w, "h": h, "required": True}
            for kind, x, w, h in SAMPLE_FIELDS
        ]
        self.place_fields(owner, contract.id, places)
        self.prepare(owner, contract.id)
        return self.send(owner, contract.id)

    def sample_link(self, owner: Person, contract_id: str) -> str:
        """The address of a sample's only signer, who is the sender. No other link is ever shown to a sender."""
        with self._store.begin() as unit:
            contract = self._owned(unit, owner, contract_id)
            if SAMPLE not in unit.contracts.notes(contract_id):
                raise Refusal("no_such_contract")
            signer = contract.signers[0]
            _check_own(owner, signer)
            self._links.open_for(unit, signer)
            return self._links.url(signer)

    # --- sending and after ---

    def send(self, owner: Person, contract_id: str) -> Contract:
        """Prove the time, then state, evidence and errands in one transaction. Pressing twice sends once."""
        contract = self.look(owner, contract_id)
        if contract.state in SENT_ALREADY:
            return contract
        if contract.deadline is not None and contract.deadline <= self._clock.now():
            raise Refusal("deadline_in_the_past")
        self._check_ready()
        for _ in range(SENDING_TRIES):
            sent = self._send(owner, contract)
            if sent is not None:
                return sent
            contract = self.look(owner, contract_id)
        raise Refusal("changed_meanwhile")

    def _send(self, owner: Person, contract: Contract) -> Contract | None:
        """None when the sender's own signature came into the document meanwhile: then the time of that is proven anew."""
        statement = _statement(contract, self._clock.now())
        token = self._timestamps.timestamp(hashlib.sha256(statement).digest())
        shared = tuple(s.id for s in contract.signers if (r := _routes(s)) and r.shared and not s.is_sender)
        with self._store.begin() as unit:
            before = self._owned(unit, owner, contract.id)
            if before.state in SENT_ALREADY:
                return before
            if _recipients(before) != _recipients(contract):
                raise Refusal("changed_meanwhile")
            if before.document != contract.document:
                return None
            event = c.Sent(unit.now, statement.decode(), base64.b64encode(token).decode(), shared)
            after = unit.step(before, event, actor=owner.id)
            self._links.invite(unit, before, after)
            self._follow_up(unit, after)
            return after

    def postpone(self, owner: Person, contract_id: str, *, deadline: datetime) -> Contract:
        """A new deadline (aware) for what is prepared and not sent; signatures that are there stay."""
        with self._store.begin() as unit:
            contract = self._owned(unit, owner, contract_id)
            if contract.deadline == deadline:
                return contract
            event = c.Postponed(unit.now, deadline=deadline, before=contract.deadline)
            return unit.step(contract, event, actor=owner.id)

    # --- what somebody left behind ---

    def left_behind(self, owner: Person) -> list[LeftBehind]:
        """Contracts of people who may not send any more. For the house's owner."""
        _check_house_owner(owner)
        with self._store.read() as unit:
            return unit.contracts.left_behind()

    def take_over(self, owner: Person, person_id: str) -> int:
        """The house's owner answers for everything that this former member sent; in each contract's record. How many."""
        _check_house_owner(owner)
        with self._store.read() as unit:
            left = unit.contracts.owned_by(person_id)
        return sum(self._take_over(owner, contract_id, person_id) for contract_id in left)

    def _take_over(self, owner: Person, contract_id: str, person_id: str) -> bool:
        with self._store.begin() as unit:
            contract, before = unit.contracts.get(contract_id), unit.people.get(person_id)
            if contract is None or before is None or contract.owner_id != person_id:
                return False
            if before.role is not None:
                raise Refusal("still_a_member", name=before.name)
            event = c.TakenOver(unit.now, owner.id, owner.name, before.id, before.name)
            after = unit.step(contract, event, actor=owner.id)
            self._links.invite(unit, self._not_asked(contract), after)
            return True

    def _not_asked(self, contract: Contract) -> Contract:
        """As if its sender had had no invitation; they had none, only a page of their own."""
        waiting = tuple(replace(s, state=SignerState.WAITING) if s.is_sender else s for s in contract.signers)
        return replace(contract, signers=waiting)

    def _check_ready(self) -> None:
        try:
            self._ready()
        except Fault as fault:
            raise Refusal("cannot_send_now", fault=fault.code) from fault

    def _follow_up(self, unit: Unit, contract: Contract) -> None:
        if contract.state is State.SIGNED and contract.all_applied:
            unit.errand("seal", contract_id=contract.id)
        if contract.deadline and contract.deadline - REMIND_BEFORE_DEADLINE > unit.now:
            for signer in contract.signers:
                due = contract.deadline - REMIND_BEFORE_DEADLINE
                unit.errand("remind", contract_id=contract.id, signer_id=signer.id, due_at=due)

    def withdraw(self, owner: Person, contract_id: str, reason: str = "") -> Contract:
        """Nobody can sign any more; those who were invited are told."""
        with self._store.begin() as unit:
            contract = self._owned(unit, owner, contract_id)
            if contract.state is State.WITHDRAWN:
                return contract
            after = unit.step(contract, c.Withdrawn(unit.now, _clean(reason)[:500]), actor=owner.id)
            unit.errands.drop(contract_id, ["invite", "remind"])
            tell_invited(unit, after, "withdrawn")
            return after

    def remind(self, owner: Person, contract_id: str, signer_id: str) -> None:
        """Send the link again to somebody whose turn it is."""
        with self._store.begin() as unit:
            contract = self._owned(unit, owner, contract_id)
            signer = contract.signer(signer_id)
            if signer not in contract.turn or contract.state is not State.SENT:
                raise Refusal("nothing_to_remind")
            recent = [m for m in unit.errands.messages_of(contract_id) if m.signer_id == signer_id]
            if any(unit.now - m.created_at < REMIND_AT_MOST_EVERY and m.template not in LINKLESS for m in recent):
                raise Refusal("reminded_already", minutes=int(REMIND_AT_MOST_EVERY.total_seconds() // 60))
            self._links.open_for(unit, signer)
            unit.errand("remind", contract_id=contract_id, signer_id=signer_id)

    def correct(
        self, owner: Person, contract_id: str, signer_id: str, *, email: str | None, phone: str | None
    ) -> Contract:
        """Another address for a signer. The old link is dead; the new one goes out if it is their turn."""
        if routes(email=email, phone=phone) is None:
            raise Refusal("signer_unreachable", name="")
        with self._store.begin() as unit:
            contract = self._owned(unit, owner, contract_id)
            signer = contract.signer(signer_id)
            if (signer.email, signer.phone) == (email, phone):
                return contract
            corrected = replace(signer, email=email, phone=phone)
            _check_apart([corrected if s.id == signer_id else s for s in contract.signers])
            if signer.is_sender:
                _check_own(owner, corrected)
            after = unit.step(contract, c.Corrected(unit.now, signer_id, email, phone), actor=owner.id)
            signer = after.signer(signer_id)
            unit.contracts.void_intents(signer_id)
            unit.contracts.choose(signer_id, None)
            self._links.open_for(unit, signer)
            if signer.state is SignerState.INVITED:
                unit.errand("invite", contract_id=contract_id, signer_id=signer_id)
            return after

    def retry(self, owner: Person, contract_id: str) -> Contract:
        """Try again what got stuck."""
        with self._store.begin() as unit:
            contract = self._owned(unit, owner, contract_id)
            return retry(unit, contract, actor=owner.id)

    def retry_for_all(self, contract_id: str, *, at_most: int | None = None) -> bool:
        """The same without anybody's button: for the operator, and for the clock, which tries one contract so often at most."""
        with self._store.begin() as unit:
            contract = unit.contracts.get(contract_id)
            if contract is None or contract.state is not State.STUCK:
                return False
            if at_most is not None and _retried_by_the_house(unit.contracts.evidence(contract_id)) >= at_most:
                return False
            retry(unit, contract, actor="platform")
            return True

    def accept_name(self, owner: Person, contract_id: str, signer_id: str, check_id: str) -> Contract:
        """The name on this signer's document is theirs, though the contract writes it otherwise. Pressed twice: once."""
        with self._store.begin() as unit:
            contract = self._owned(unit, owner, contract_id)
            identity = _identities(unit, contract).get(contract.signer(signer_id).id)
            if identity is None or identity.check_id != check_id:
                raise Refusal("changed_meanwhile")
            details = {"check": check_id, "name_on_document": identity.name}
            entries = unit.contracts.evidence(contract_id)
            if evidence.has(entries, what="name_accepted", signer_id=signer_id, check=check_id):
                return contract
            return unit.step(contract, c.Noted(unit.now, "name_accepted", signer_id, details), actor=owner.id)

    def expire(self, contract_id: str) -> None:
        """The clock found the deadline passed. May run twice."""
        with self._store.begin() as unit:
            contract = unit.contracts.get(contract_id)
            if contract is None or contract.state is not State.SENT:
                return
            after = unit.step(contract, c.Expired(unit.now))
            unit.errands.drop(contract_id, ["invite", "remind"])
            tell_invited(unit, after, "expired")
            tell_sender(unit, after, "expired")

    def overdue(self) -> list[str]:
        with self._store.read() as unit:
            return unit.contracts.overdue()

    # --- looking ---

    def details(self, owner: Person, contract_id: str) -> Details:
        with self._store.read() as unit:
            contract = self._owned(unit, owner, contract_id)
            return Details(
                contract=contract,
                owner=owner,
                pages=unit.contracts.page_sizes(contract_id),
                notes=unit.contracts.notes(contract_id),
                evidence=tuple(unit.contracts.evidence(contract_id)),
                revisions=tuple(unit.contracts.revisions(contract_id)),
                messages=tuple(unit.errands.messages_of(contract_id)),
                errands=tuple(unit.errands.open_of(contract_id)),
                copies=tuple(unit.contracts.replicas(contract_id)),
                folder=unit.contracts.folder(contract_id),
                labels=unit.contracts.labels(contract_id, owner.id),
                routes={s.id: _routes(s) for s in contract.signers},
                identities=_identities(unit, contract),
            )

    def look(self, owner: Person, contract_id: str) -> Contract:
        """The contract alone."""
        with self._store.read() as unit:
            return self._owned(unit, owner, contract_id)

    def document(self, owner: Person, contract_id: str) -> tuple[Contract, bytes]:
        """The newest revision, for reading and download."""
        with self._store.read() as unit:
            contract = self._owned(unit, owner, contract_id)
        if contract.document is None:
            raise Refusal("not_now", state=contract.state.value)
        return contract, self._archive.read(contract.document.sha256)

    def _owned(self, unit: Unit, owner: Person, contract_id: str) -> Contract:
        contract = unit.contracts.get(contract_id)
        if contract is None or contract.owner_id != owner.id:
            raise Refusal("no_such_contract")
        return contract

    def _draft(self, unit: Unit, owner: Person, contract_id: str) -> Contract:
        contract = self._owned(unit, owner, contract_id)
        if contract.state is not State.DRAFT:
            raise Refusal("no_longer_a_draft", state=contract.state.value)
        return contract

    def _evidence_page(self, owner: Person, contract: Contract) -> EvidencePage:
        return EvidencePage(
            contract_id=contract.id,
            title=contract.title,
            sender_name=owner.name,
            document_sha256=contract.upload.sha256 if contract.upload else "",
            pages=contract.upload.pages if contract.upload else 0,
            deadline=moment(contract.deadline, contract.timezone) if contract.deadline else "",
            language=contract.language,
            signers=tuple(
                EvidenceSigner(s.id, s.name, _role(s), masked(s.email or s.phone or ""), s.order)
                for s in contract.signers
            ),
            verify_url=self._verify_url,
            consent_version=consent.VERSION,
        )


def _check_house_owner(person: Person) -> None:
    if person.role != "owner":
        raise Refusal("owner_only")


def _pressed(owner: Person, press: str, *paths: Path) -> str | None:
    """The id of the draft that these files become when the form is sent twice."""
    if not press:
        return None
    digest = hashlib.sha256(f"{owner.id}|{press}".encode())
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:20]


def _just_made(contract: Contract, owner: Person, now: datetime) -> bool:
    """Pressed twice, not: the same file again on purpose."""
    recent = contract.created_at is not None and now - contract.created_at < PRESSED_TWICE_WITHIN
    return contract.owner_id == owner.id and contract.state is State.DRAFT and recent


def tell_sender(unit: Unit, contract: Contract, template: str) -> None:
    unit.errand("tell", contract_id=contract.id, details={"template": template})


def tell_invited(unit: Unit, contract: Contract, template: str) -> None:
    """Everybody who has had a link, except the sender."""
    for signer in contract.signers:
        if signer.state is not SignerState.WAITING and not signer.is_sender:
            unit.errand("tell", contract_id=contract.id, signer_id=signer.id, details={"template": template})


def _retried_by_the_house(entries: Sequence[Entry]) -> int:
    return sum(entry.value["kind"] == c.Retried.kind and entry.value["actor"] == "platform" for entry in entries)


def retry(unit: Unit, contract: Contract, *, actor: str) -> Contract:
    """Out of `stuck`, with fresh errands for whatever is still to be done."""
    after = unit.step(contract, c.Retried(unit.now), actor=actor)
    unit.errands.drop(contract.id, ["sign", "seal", "raise", "archive"])
    if any(s.state is SignerState.SIGNED and not s.applied for s in after.signers):
        unit.errand("sign", contract_id=contract.id)
    elif after.state is State.SIGNED:
        unit.errand("seal", contract_id=contract.id)
    elif after.state is State.SEALED:
        unit.errand("archive", contract_id=contract.id)
    if after.state in c.DONE and after.level != FULL_LEVEL:
        unit.errand("raise", contract_id=contract.id)
    return after


def _identities(unit: Unit, contract: Contract) -> dict[str, Identity]:
    """What is known of the signers of whom the sender wanted to know more."""
    asked = [s for s in contract.signers if s.needs.rank > Level.CONTACT.rank]
    found = {}
    for signer in asked:
        identity = knowing.standing(unit, contract, signer) if _routes(signer) else None
        if identity is not None:
            found[signer.id] = identity
    return found


def _routes(signer: Signer) -> Routes | None:
    return routes(email=signer.email, phone=signer.phone)


def _check_signers(owner: Person, signers: Sequence[NewSigner]) -> None:
    if len(signers) > MAX_SIGNERS:
        raise Refusal("too_many_signers", most=MAX_SIGNERS)
    if sum(s.is_sender for s in signers) > 1:
        raise Refusal("two_senders")
    for signer in signers:
        if not _clean(signer.name):
            raise Refusal("signer_name_missing")
        if len(signer.name) > 120:
            raise Refusal("signer_name_too_long")
        if routes(email=signer.email, phone=signer.phone) is None:
            raise Refusal("signer_unreachable", name=signer.name)
        if signer.is_sender:
            _check_own(owner, signer)
    _check_apart(signers)


def _check_apart(signers: Sequence[Signer | NewSigner]) -> None:
    for address in ("email", "phone"):
        given = [value for s in signers if (value := getattr(s, address))]
        if len(set(given)) != len(given):
            raise Refusal("same_address_twice")


def _check_own(owner: Person, signer: Signer | NewSigner) -> None:
    """A link that a sender sees is their own: whoever holds a link is taken for the person at its address."""
    if link_address(email=signer.email, phone=signer.phone) not in owner.contacts:
        raise Refusal("sender_elsewhere")


def _signer(new: NewSigner, known: set[str]) -> Signer:
    return Signer(
        id=new.id if new.id in known and new.id else secrets.token_hex(8),
        name=_clean(new.name),
        role=_clean(new.role)[:100],
        email=new.email,
        phone=new.phone,
        language=new.language,
        order=max(1, min(MAX_SIGNERS, new.order)),
        is_sender=new.is_sender,
        needs=new.needs,
        organisation=_clean(new.organisation)[:120] if new.organisation_id else "",
        organisation_id=new.organisation_id if _clean(new.organisation) else "",
    )


def _role(signer: Signer) -> str:
    """What the page at the end says of a signer's part: also the enterprise that they sign for."""
    return " · ".join(filter(None, (signer.role, signer.organisation, signer.organisation_id)))


def _named(contract: Contract) -> list[NewSigner]:
    return [
        NewSigner(
            name=s.name,
            email=s.email,
            phone=s.phone,
            role=s.role,
            language=s.language,
            order=s.order,
            is_sender=s.is_sender,
            id=s.id,
            needs=s.needs,
            organisation=s.organisation,
            organisation_id=s.organisation_id,
        )
        for s in contract.signers
    ]


def _clean(text: str) -> str:
    """One line without control characters."""
    return " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())


def _field(value: Any, contract: Contract, known: set[str]) -> Field:
    """A field from untrusted JSON, held against the document and the signers."""
    if not isinstance(value, dict):
        raise Refusal("field_unreadable")
    numbers: list[Any] = [value.get(key) for key in ("page", "x", "y", "w", "h")]
    words = [value.get(key) for key in ("kind", "signer_id", "id")]
    if not all(type(n) is int for n in numbers) or any(isinstance(w, list | dict) for w in words):
        raise Refusal("field_unreadable")
    if value.get("kind") not in set(FieldKind):
        raise Refusal("field_unreadable")
    page, x, y, w, h = numbers
    if not 1 <= page <= (contract.upload.pages if contract.upload else 0):
        raise Refusal("field_off_the_page")
    if x < 0 or y < 0 or w < 50 or h < 50 or x + w > c.FULL or y + h > c.FULL:
        raise Refusal("field_off_the_page")
    if value.get("signer_id") not in {s.id for s in contract.signers}:
        raise Refusal("field_without_signer")
    return Field(
        id=_field_id(value.get("id"), contract, known),
        signer_id=value["signer_id"],
        kind=FieldKind(value["kind"]),
        page=page,
        x=x,
        y=y,
        w=w,
        h=h,
        required=value.get("required") is not False,
        label=_clean(str(value.get("label") or ""))[:100],
    )


def _field_id(given: Any, contract: Contract, known: set[str]) -> str:
    """A known field keeps its id; a name made up by the board becomes the same id each time it is saved."""
    if given in known:
        return str(given)
    name = given if isinstance(given, str) and given else secrets.token_hex(8)
    return "f" + hashlib.sha256(f"{contract.id}|{name}".encode()).hexdigest()[:15]


def _check_complete(contract: Contract) -> None:
    if not contract.signers:
        raise Refusal("signers_missing")
    if not contract.title.strip():
        raise Refusal("title_missing")


def _statement(contract: Contract, now: datetime) -> bytes:
    """What the sending's timestamp is over: RFC 8785 JSON of document, recipients, channels and time."""
    return rfc8785.dumps(
        {
            "format": "countersign-sending/1",
            "contract_id": contract.id,
            "document_sha256": contract.document.sha256 if contract.document else "",
            "recipients": _recipients(contract),
            "time": now.isoformat(timespec="seconds"),
        }
    )


def _recipients(contract: Contract) -> list[dict[str, str]]:
    return [
        {
            "signer_id": s.id,
            "channel": r.link.value,
            "address_sha256": hashlib.sha256((s.email or s.phone or "").encode()).hexdigest(),
        }
        for s in contract.signers
        if (r := _routes(s))
    ]
