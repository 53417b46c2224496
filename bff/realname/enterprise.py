"""Enterprises: registering one, the three ways to prove it, its members, seals and who may use them.

The rules are in `core/enterprise.py`; here they meet the database, the trade register, the bank, the licence's reader and
the letter. What takes long (reading, asking, paying, cleaning a seal) is an errand; a page asks `settle` before it shows
anything, and so does the clock, so that a letter that was signed or a transfer that has run out counts without anybody
watching.

The sum and the code of a transfer are derived from its reference with the house's key and kept nowhere; the account is kept
until the bank has it, and of it only a mask and a digest are recorded.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bff.core import contract as c
from bff.core import enterprise as e
from bff.core import mark as marks
from bff.core.enterprise import Enterprise, Facts, Role, State
from bff.core.errors import Fault, Refusal
from bff.core.evidence import Entry
from bff.core.identity import Identity, best_for
from bff.core.mark import Mark
from bff.core.ports import (
    Archive,
    Clock,
    Imprints,
    Letters,
    Licences,
    Payouts,
    PayoutState,
    RegisterOutcome,
    TradeRegister,
    Transfer,
)
from bff.store import Store, Unit
from bff.store.errands import Errand
from bff.store.people import Person
from bff.throttle import Rule, Throttle

MOST_REGISTRATIONS = 10
"""Unproven ones of one person."""
PICTURES, LETTERS, ORDERS = Rule("enterprise-picture", 30), Rule("enterprise-letter", 5), Rule("enterprise-transfer", 5)
MEMBERS = Rule("enterprise-members", 60)
QUESTIONS = Rule("register-question", 20)
"""Of one person."""
REGISTER_TRIES = 4
ANSWER_GOOD_FOR = timedelta(days=30)
"""Whoever proves an enterprise later has the register asked anew."""
PHOTO_LIMIT_BYTES = 20_000_000
SMALLEST_SUM, LARGEST_SUM = 11, 99
"""Cents."""
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without what is read as something else; a bank's remark keeps capitals and digits."""
CODE_LENGTH = 6
CURRENCIES = {"CN": "CNY", "GB": "GBP", "US": "USD", "JP": "JPY", "CH": "CHF", "SG": "SGD", "AU": "AUD", "IN": "INR"}
ENDED_LETTER = {
    c.State.DECLINED: "letter_declined",
    c.State.WITHDRAWN: "letter_withdrawn",
    c.State.EXPIRED: "letter_expired",
}


@dataclass(frozen=True)
class Who:
    """A member as others of the enterprise see them."""

    id: str
    name: str
    contacts: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """Everything an enterprise's page shows to somebody who has a part in it."""

    enterprise: Enterprise
    role: Role
    people: Mapping[str, Who]
    entries: tuple[Entry, ...]
    identity: Identity | None
    """What is known of the person who looks."""
    imprint: str | None
    """`cleaning` while a photographed seal is being cleaned, else the code of why the last one could not be."""
    now: datetime


class Enterprises:
    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        archive: Archive,
        payouts: Payouts,
        register: TradeRegister,
        letters: Letters,
        throttle: Throttle,
        code_key: bytes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._archive = archive
        self._payouts = payouts
        self._register = register
        self._letters = letters
        self._throttle = throttle
        self._code_key = code_key

    # --- registering ---

    def register(self, person: Person, facts: Facts) -> str:
        """The id of the new registration. Raises Refusal `enterprise_known` when it has proven itself here already."""
        self._count_question(person)
        with self._store.begin() as unit:
            self._check_free(unit, facts, but=None)
            waiting = [one for one in unit.enterprises.of_person(person.id) if one.state is State.REGISTERED]
            if len(waiting) >= MOST_REGISTRATIONS:
                raise Refusal("too_many_registrations", most=MOST_REGISTRATIONS)
            begun = unit.enterprise_begin(secrets.token_hex(10), e.Registered(unit.now, person.id, facts))
            self._ask(unit, begun, person)
            return begun.id

    def amend(self, person: Person, enterprise_id: str, facts: Facts) -> None:
        self._count_question(person)
        with self._store.begin() as unit:
            mine = self._mine(unit, person, enterprise_id)
            self._check_free(unit, facts, but=enterprise_id)
            self._ask(unit, unit.enterprise_step(mine, e.Amended(unit.now, person.id, facts)), person)

    def show_licence(self, person: Person, enterprise_id: str, photograph: bytes) -> None:
        """Keep the photograph and have it read."""
        _check_photograph(photograph)
        with self._store.read() as unit:
            e.advance(self._mine(unit, person, enterprise_id), e.LicenceShown(unit.now, person.id, ""))
        self._throttle.take(PICTURES, person.id)
        kept = self._archive.keep(photograph)
        with self._store.begin() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
            unit.enterprise_step(enterprise, e.LicenceShown(unit.now, person.id, kept.sha256))
            unit.errand("licence", details={"enterprise": enterprise_id, "sha256": kept.sha256})

    def read_licence(self, errand: Errand, reader: Licences) -> None:
        """The errand. May run twice: what has been read, or was replaced by another photograph, is left alone."""
        sha256 = str(errand.details["sha256"])
        with self._store.read() as unit:
            enterprise = unit.enterprises.get(str(errand.details["enterprise"]))
        if enterprise is None or not _waits(enterprise, sha256):
            return
        try:
            read = reader.read_licence(self._archive.read(sha256), today=self._clock.now().date())
            found, doubts, engine = read.found, read.doubts, read.engine
        except Refusal as refusal:
            found, doubts, engine = None, (refusal.code,), ""
        self._licence_read(errand, sha256, found, doubts, engine)

    def unread(self, errand: Errand) -> None:
        """The licence could not be read here, however often it was tried: another photograph, or a human."""
        self._licence_read(errand, str(errand.details["sha256"]), None, ("not_read",), "")

    def _licence_read(
        self, errand: Errand, sha256: str, found: Mapping[str, str] | None, doubts: tuple[str, ...], engine: str
    ) -> None:
        with self._store.begin() as unit:
            enterprise = unit.enterprises.get(str(errand.details["enterprise"]))
            if enterprise is not None and _waits(enterprise, sha256):
                unit.enterprise_step(enterprise, e.LicenceRead(unit.now, "", sha256, found, doubts, engine))

    # --- the trade register ---

    @property
    def registered(self) -> bool:
        """Whether there is a register to ask."""
        return self._register.configured

    def ask_again(self, person: Person, enterprise_id: str) -> None:
        """The register did not answer, or has been corrected since. Raises Refusal `register_not_asked_here`."""
        if not self._register.configured:
            raise Refusal("register_not_asked_here")
        self._count_question(person)
        with self._store.begin() as unit:
            self._ask(unit, self._mine(unit, person, enterprise_id), person)

    def ask_register(self, errand: Errand) -> None:
        """The errand. A register that does not answer is asked a few times; one question has one id all the time."""
        with self._store.read() as unit:
            enterprise = self._waiting(unit, errand)
        if enterprise is None:
            return
        answer = self._register.ask(enterprise.facts, request=str(errand.details["request"]))
        if answer.outcome is RegisterOutcome.NOT_AVAILABLE and errand.attempts + 1 < REGISTER_TRIES:
            raise Fault("register_down", what="The trade register did not answer.", do="Look at doctor's line.")
        self._answered(errand, answer.evidence())

    def not_answered(self, errand: Errand) -> None:
        """The errand failed every time: that the register did not answer is said, and nobody waits for ever."""
        self._answered(errand, {"outcome": str(RegisterOutcome.NOT_AVAILABLE), "reason": "given_up"})

    def _count_question(self, person: Person) -> None:
        if self._register.configured:
            self._throttle.take(QUESTIONS, person.id)

    def _ask(self, unit: Unit, enterprise: Enterprise, person: Person) -> None:
        if not self._register.configured:
            return
        request = secrets.token_hex(16)
        unit.enterprise_step(enterprise, e.RegisterAsked(unit.now, person.id, request))
        unit.errand("ask_register", details={"enterprise": enterprise.id, "request": request})

    def _waiting(self, unit: Unit, errand: Errand) -> Enterprise | None:
        """The enterprise, if it is this question that it waits for."""
        enterprise = unit.enterprises.get(str(errand.details["enterprise"]))
        asked = enterprise.asked if enterprise else None
        return enterprise if asked and not asked.answer and asked.request == errand.details["request"] else None

    def _answered(self, errand: Errand, answer: Mapping[str, str]) -> None:
        with self._store.begin() as unit:
            enterprise = self._waiting(unit, errand)
            if enterprise is not None:
                unit.enterprise_step(
                    enterprise, e.RegisterAnswered(unit.now, "", str(errand.details["request"]), answer)
                )

    def _check_asked(self, person: Person, enterprise_id: str) -> None:
        """Before a way is gone: what was never asked, or long ago, is asked now. Raises Refusal `register_being_asked`."""
        if not self._register.configured:
            return
        with self._store.begin() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
            asked = enterprise.asked
            if enterprise.proving or (asked is not None and unit.now - asked.at < ANSWER_GOOD_FOR):
                return
            self._ask(unit, enterprise, person)
        raise Refusal("register_being_asked")

    # --- way one: the legal representative's face ---

    def prove_by_face(self, person: Person, enterprise_id: str) -> None:
        """The person is the legal representative, and has shown document and face."""
        self._check_asked(person, enterprise_id)
        with self._store.begin() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
            identity = _representative(unit, person.id, enterprise)
            if identity is None:
                raise Refusal("representative_not_checked", name=enterprise.facts.representative)
            self._check_free(unit, enterprise.facts, but=enterprise.id)
            unit.enterprise_step(enterprise, e.RepresentativeSeen(unit.now, person.id, identity))

    # --- way two: a transfer to the enterprise's account ---

    @property
    def pays(self) -> bool:
        return self._payouts.configured

    def order_transfer(self, person: Person, enterprise_id: str, *, account: str, bank_code: str) -> None:
        """The account is the enterprise's own: the transfer is in its name, whoever asks."""
        if not self._payouts.configured:
            raise Refusal("payout_not_offered")
        number, bank = "".join(account.split()).upper(), "".join(bank_code.split()).upper()
        if not (6 <= len(number) <= 34 and number.isalnum() and number.isascii()):
            raise Refusal("account_unreadable")
        if not (4 <= len(bank) <= 20 and bank.isalnum() and bank.isascii()):
            raise Refusal("bank_code_unreadable")
        self._check_asked(person, enterprise_id)
        self._throttle.take(ORDERS, person.id)
        reference = secrets.token_hex(12)
        with self._store.begin() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
            masked, digest = f"•••• {number[-4:]}", hashlib.sha256(number.encode()).hexdigest()
            unit.enterprise_step(enterprise, e.TransferOrdered(unit.now, person.id, reference, masked, digest, bank))
            private = unit.enterprises.private(enterprise_id)
            account_of = {"reference": reference, "number": number, "bank": bank}
            unit.enterprises.keep_private(enterprise_id, {**private, "account": account_of})
            unit.errand("transfer", details={"enterprise": enterprise_id, "reference": reference})

    def pay(self, errand: Errand) -> None:
        """The errand. The bank pays each reference once, so it may run twice. Raises Fault `payout_down`."""
        enterprise_id, reference = str(errand.details["enterprise"]), str(errand.details["reference"])
        with self._store.read() as unit:
            enterprise = unit.enterprises.get(enterprise_id)
            account = unit.enterprises.private(enterprise_id).get("account") if enterprise else None
        waits = enterprise is not None and enterprise.transfer is not None and not enterprise.transfer.paid
        if not waits or enterprise is None or not account or account["reference"] != reference:
            return
        amount, code = self._statement(reference)
        paid = self._payouts.pay(
            Transfer(
                reference=reference,
                account_name=enterprise.facts.name,
                account_number=account["number"],
                bank_code=account["bank"],
                amount_cents=amount,
                currency=CURRENCIES.get(enterprise.facts.country, "EUR"),
                remark=code,
            )
        )
        with self._store.begin() as unit:
            now = unit.enterprises.get(enterprise_id)
            if now is None or now.transfer is None or now.transfer.reference != reference:
                return
            if paid.state is PayoutState.FAILED:
                unit.enterprise_step(now, e.TransferFailed(unit.now, "", reference, paid.reason))
            else:
                unit.enterprise_step(
                    now, e.TransferPaid(unit.now, "", reference, paid.provider, paid.provider_reference)
                )
            self._forget_account(unit, enterprise_id)

    def enter_statement(self, person: Person, enterprise_id: str, *, amount: str, code: str) -> None:
        """What the account's statement says. A wrong answer is recorded before it is refused."""
        wrong: Refusal | None = None
        with self._store.begin() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
            ordered = enterprise.transfer
            if ordered is None:
                raise Refusal("no_transfer")
            right = self._is_statement(ordered.reference, amount, code)
            if right:
                self._check_free(unit, enterprise.facts, but=enterprise.id)
            after = unit.enterprise_step(enterprise, e.StatementEntered(unit.now, person.id, ordered.reference, right))
            if not right:
                left = e.TRIES - after.transfer.tries if after.transfer else 0
                wrong = Refusal("statement_wrong", left=left) if left else Refusal("transfer_void")
        if wrong is not None:
            raise wrong

    def _is_statement(self, reference: str, amount: str, code: str) -> bool:
        cents, word = self._statement(reference)
        said = "".join(ch for ch in code.upper() if ch.isalnum())
        right = hmac.compare_digest(said.encode(), word.encode())
        return right and _cents(amount) == cents

    def _statement(self, reference: str) -> tuple[int, str]:
        """The sum in cents and the code of a transfer."""
        digest = hmac.new(self._code_key, b"transfer|" + reference.encode(), hashlib.sha256).digest()
        cents = SMALLEST_SUM + int.from_bytes(digest[:8], "big") % (LARGEST_SUM - SMALLEST_SUM + 1)
        number, letters = int.from_bytes(digest[8:24], "big"), []
        for _ in range(CODE_LENGTH):
            number, letter = divmod(number, len(CODE_LETTERS))
            letters.append(CODE_LETTERS[letter])
        return cents, "".join(letters)

    def _forget_account(self, unit: Unit, enterprise_id: str) -> None:
        private = unit.enterprises.private(enterprise_id)
        unit.enterprises.keep_private(enterprise_id, {n: v for n, v in private.items() if n != "account"})

    # --- way three: an authorisation letter ---

    def send_letter(
        self, person: Person, enterprise_id: str, *, email: str | None, phone: str | None, language: str
    ) -> None:
        """Make the letter that names this person as agent, and send it to the legal representative."""
        if {email, phone} & set(person.contacts):
            raise Refusal("letter_to_oneself")
        self._check_asked(person, enterprise_id)
        with self._store.read() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
            e.advance(enterprise, e.LetterSent(unit.now, person.id, ""))
        self._throttle.take(LETTERS, person.id)
        contract_id = self._letters.send(person.id, enterprise.facts, email=email, phone=phone, language=language)
        with self._store.begin() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
            unit.enterprise_step(enterprise, e.LetterSent(unit.now, person.id, contract_id))

    def give_up(self, person: Person, enterprise_id: str) -> None:
        """Stop what is under way, to choose another way."""
        self._stop(person, enterprise_id, lambda now: e.Abandoned(now, person.id, "given_up"))

    def _stop(self, person: Person, enterprise_id: str, event: Callable[[datetime], e.Event]) -> None:
        """Nothing is left of a transfer or a letter that was under way."""
        with self._store.begin() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
            letter = enterprise.letter
            unit.enterprise_step(enterprise, event(unit.now))
            self._forget_account(unit, enterprise_id)
        if letter is not None:
            self._letters.withdraw(letter.agent, letter.contract_id)

    # --- time passes ---

    def settle(self, enterprise_id: str) -> None:
        """A letter that has been signed or will never be, a transfer that has run out. May run at any time."""
        with self._store.read() as unit:
            enterprise = unit.enterprises.get(enterprise_id)
            event = self._due(unit, enterprise) if enterprise else None
        if event is None:
            return
        with self._store.begin() as unit:
            enterprise = unit.enterprises.get(enterprise_id)
            event = self._due(unit, enterprise) if enterprise else None
            if enterprise is not None and event is not None:
                unit.enterprise_step(enterprise, self._possible(unit, enterprise, event))
                self._forget_account(unit, enterprise_id)

    def settle_all(self) -> None:
        with self._store.read() as unit:
            waiting = unit.enterprises.proving()
        for enterprise_id in waiting:
            self.settle(enterprise_id)

    def _due(self, unit: Unit, enterprise: Enterprise) -> e.Event | None:
        if enterprise.transfer is not None and unit.now >= enterprise.transfer.void_at:
            return e.Abandoned(unit.now, "", "transfer_late")
        if enterprise.letter is None:
            return None
        contract = unit.contracts.get(enterprise.letter.contract_id)
        if contract is None or contract.state in c.ENDED:
            return e.Abandoned(unit.now, "", ENDED_LETTER.get(contract.state, "") if contract else "letter_withdrawn")
        if contract.state not in c.DONE or contract.document is None:
            return None
        signer = contract.signers[0]
        act = unit.contracts.act(signer.id)
        identity = _representative(unit, str(act.identity.get("person_id", "")), enterprise) if act else None
        if identity is None:
            return e.Abandoned(unit.now, "", "letter_not_checked")
        return e.LetterSigned(unit.now, "", contract.id, contract.document.sha256, identity)

    def _possible(self, unit: Unit, enterprise: Enterprise, event: e.Event) -> e.Event:
        """The event, or why it proves nothing."""
        try:
            if isinstance(event, e.LetterSigned):
                self._check_free(unit, enterprise.facts, but=enterprise.id)
            e.advance(enterprise, event)
        except Refusal as refusal:
            return e.Abandoned(unit.now, "", refusal.code)
        return event

    # --- members ---

    def add_member(
        self, person: Person, enterprise_id: str, *, name: str, contact: str, role: str, language: str
    ) -> None:
        """Somebody who signs in, and signs, at this address; a letter tells them."""
        if not name.strip():
            raise Refusal("name_missing")
        with self._store.begin() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
            self._throttle.take(MEMBERS, person.id)
            known = unit.people.by_contact(contact)
            if known is None:
                known = unit.people.add(name=name.strip()[:120], language=language, role=None)
                unit.people.verified(known.id, contact)
            unit.enterprise_step(enterprise, e.MemberAdded(unit.now, person.id, known.id, _role(role)))
            told = {"enterprise": enterprise_id, "person": known.id, "by": person.id, "to": contact}
            unit.errand("member_added", details=told)

    def change_role(self, person: Person, enterprise_id: str, member_id: str, role: str) -> None:
        self._step(person, enterprise_id, lambda now: e.RoleChanged(now, person.id, member_id, _role(role)))

    def remove_member(self, person: Person, enterprise_id: str, member_id: str) -> None:
        self._step(person, enterprise_id, lambda now: e.MemberRemoved(now, person.id, member_id))

    # --- seals ---

    def propose_round(self, person: Person, enterprise_id: str, *, label: str, middle: str) -> None:
        """A round seal drawn from the enterprise's name and number."""
        with self._store.begin() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
            mark = marks.round_seal(enterprise.facts.name, middle=middle, foot=enterprise.facts.number)
            self._propose(unit, enterprise, person.id, label, mark)

    def propose_image(self, person: Person, enterprise_id: str, *, label: str, photograph: bytes) -> None:
        """A photograph or scan of the seal; it is proposed when it has been cleaned."""
        _check_photograph(photograph)
        with self._store.read() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
            e.advance(enterprise, e.SealProposed(unit.now, person.id, "", "", "image", ""))
        self._throttle.take(PICTURES, person.id)
        kept = self._archive.keep(photograph)
        with self._store.begin() as unit:
            self._mine(unit, person, enterprise_id)
            private = unit.enterprises.private(enterprise_id)
            unit.enterprises.keep_private(enterprise_id, {**private, "imprint": "cleaning"})
            unit.errand(
                "imprint",
                details={"enterprise": enterprise_id, "sha256": kept.sha256, "label": label, "by": person.id},
            )
            unit.announcement.topics.append(f"enterprise:{enterprise_id}")

    def clean_imprint(self, errand: Errand, cleaner: Imprints) -> None:
        """The errand."""
        enterprise_id = str(errand.details["enterprise"])
        with self._store.read() as unit:
            enterprise = unit.enterprises.get(enterprise_id)
            waits = enterprise is not None and unit.enterprises.private(enterprise_id).get("imprint") == "cleaning"
        if enterprise is None or not waits:
            return
        trouble, mark = None, None
        try:
            photograph = self._archive.read(str(errand.details["sha256"]))
            mark = cleaner.cleaned(photograph, name=enterprise.facts.name)
        except Refusal as refusal:
            trouble = refusal.code
        self._imprinted(enterprise_id, errand, mark, trouble)

    def not_cleaned(self, errand: Errand) -> None:
        """It could not be cleaned here, however often it was tried."""
        self._imprinted(str(errand.details["enterprise"]), errand, None, "photo_unreadable")

    def _imprinted(self, enterprise_id: str, errand: Errand, mark: Mark | None, trouble: str | None) -> None:
        with self._store.begin() as unit:
            enterprise = unit.enterprises.get(enterprise_id)
            private = unit.enterprises.private(enterprise_id)
            if enterprise is None or private.pop("imprint", None) != "cleaning":
                return
            unit.enterprises.keep_private(enterprise_id, {**private, **({"imprint": trouble} if trouble else {})})
            if mark is not None:
                self._propose(unit, enterprise, str(errand.details["by"]), str(errand.details["label"]), mark)
            unit.announcement.topics.append(f"enterprise:{enterprise_id}")

    def _propose(self, unit: Unit, enterprise: Enterprise, by: str, label: str, mark: Mark) -> None:
        seal_id, shape = secrets.token_hex(8), mark.stamp.shape if mark.stamp else ""
        words = " ".join(label.split())[:60] or enterprise.facts.name[:60]
        unit.enterprise_step(enterprise, e.SealProposed(unit.now, by, seal_id, words, shape, mark.sha256()))
        unit.enterprises.add_mark(enterprise.id, seal_id, mark.to_dict())

    def decide_seal(self, person: Person, enterprise_id: str, seal_id: str, *, approved: bool) -> None:
        self._step(person, enterprise_id, lambda now: e.SealDecided(now, person.id, seal_id, approved))

    def retire_seal(self, person: Person, enterprise_id: str, seal_id: str) -> None:
        self._step(person, enterprise_id, lambda now: e.SealRetired(now, person.id, seal_id))

    def grant(self, person: Person, enterprise_id: str, seal_id: str, *, member_id: str, until: datetime) -> None:
        grant_id = secrets.token_hex(8)
        self._step(
            person, enterprise_id, lambda now: e.SealGranted(now, person.id, grant_id, seal_id, member_id, until)
        )

    def revoke(self, person: Person, enterprise_id: str, grant_id: str) -> None:
        self._step(person, enterprise_id, lambda now: e.GrantRevoked(now, person.id, grant_id))

    def end(self, person: Person, enterprise_id: str) -> None:
        self._stop(person, enterprise_id, lambda now: e.Ended(now, person.id))

    # --- looking ---

    def mine(self, person: Person) -> Sequence[Enterprise]:
        with self._store.read() as unit:
            return unit.enterprises.of_person(person.id)

    def view(self, person: Person, enterprise_id: str) -> View:
        self.settle(enterprise_id)
        with self._store.read() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
            entries = unit.chronicle.entries(f"enterprise:{enterprise_id}")
            named = {m.person_id for m in enterprise.members} | {x.value["actor"] for x in entries}
            named |= {str(x.value["data"].get("person", "")) for x in entries} | {person.id}
            known = {i: who for i in named if (who := unit.people.get(i)) is not None}
            return View(
                enterprise=enterprise,
                role=enterprise.role(person.id) or Role.VIEWER,
                people={i: Who(i, who.name, who.contacts) for i, who in known.items()},
                entries=tuple(entries),
                identity=_representative(unit, person.id, enterprise),
                imprint=unit.enterprises.private(enterprise_id).get("imprint"),
                now=unit.now,
            )

    def owned(self, person: Person, enterprise_id: str) -> Enterprise:
        """Raises Refusal `enterprise_not_allowed` for members who are no owners."""
        with self._store.read() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
        if enterprise.role(person.id) is not Role.OWNER:
            raise Refusal("enterprise_not_allowed", name=enterprise.facts.name)
        return enterprise

    def seal_mark(self, person: Person, enterprise_id: str, seal_id: str) -> Mark:
        with self._store.read() as unit:
            enterprise = self._mine(unit, person, enterprise_id)
            return unit.enterprises.drawn(enterprise, enterprise.seal(seal_id))

    def licence(self, person: Person, enterprise_id: str) -> bytes:
        """The photograph that was shown, for those who have a part in it."""
        with self._store.read() as unit:
            licence = self._mine(unit, person, enterprise_id).licence
        if licence is None:
            raise Refusal("licence_missing")
        return self._archive.read(licence.sha256)

    # --- shared by the above ---

    def _step(self, person: Person, enterprise_id: str, event: Any) -> None:
        with self._store.begin() as unit:
            unit.enterprise_step(self._mine(unit, person, enterprise_id), event(unit.now))

    def _mine(self, unit: Unit, person: Person, enterprise_id: str) -> Enterprise:
        enterprise = unit.enterprises.get(enterprise_id)
        if enterprise is None or enterprise.role(person.id) is None:
            raise Refusal("no_such_enterprise")
        return enterprise

    def _check_free(self, unit: Unit, facts: Facts, *, but: str | None) -> None:
        """One enterprise proves itself here once; whoever else acts for it becomes its member."""
        unit.in_turn(f"identifier {facts.identifier}")
        there = unit.enterprises.proven(facts.identifier)
        if there is not None and there.id != but and there.holds(unit.now):
            raise Refusal("enterprise_known", name=there.facts.name)


def _representative(unit: Unit, person_id: str, enterprise: Enterprise) -> Identity | None:
    """What is known of this person as the legal representative; what rests on a sender's word comes last."""
    known = sorted(unit.identities.known_of(person_id), key=lambda one: one.on_a_senders_word)
    return best_for(known, enterprise.facts.representative)


def _waits(enterprise: Enterprise, sha256: str) -> bool:
    """Whether this photograph is the one that is to be read."""
    licence = enterprise.licence
    return licence is not None and licence.sha256 == sha256 and licence.state == "reading"


def _check_photograph(photograph: bytes) -> None:
    if not photograph:
        raise Refusal("intake_missing")
    if len(photograph) > PHOTO_LIMIT_BYTES:
        raise Refusal("photo_too_large")


def _role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError as error:
        raise Refusal("role_unknown") from error


def _cents(amount: str) -> int | None:
    """0.37, 0,37 and 37 are the same: sums are never as large as one whole."""
    text = amount.strip().replace(",", ".").lstrip("¥￥€$£ ").strip()
    whole, dot, part = text.partition(".")
    if not dot:
        return int(whole) if whole.isdecimal() and len(whole) <= 2 else None
    ok = part.isdecimal() and len(part) <= 2 and (whole == "" or whole.strip("0") == "")
    return int(part.ljust(2, "0")) if ok else None
