"""Who uses this house: claiming it, signing in with a passkey or a code, sessions, members, one's own mark.

There are no passwords. Nothing here tells whether an address is known: asking for a code answers the same, takes the
same path and the same time for everybody; only the errand that carries the code finds out. A code is derived from its
question with the house's key, so it is stored nowhere; five tries, then it is void. One that was asked for through a
contract's link opens no session: it shows that somebody reads what is sent to an address.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from bff.core import mark as marks
from bff.core.errors import Refusal
from bff.core.identity import Channel
from bff.core.ports import Messenger, Passkeys
from bff.store import Store, Unit
from bff.store.errands import Errand
from bff.store.people import Challenge, Passkey, Person, SessionOf
from bff.throttle import Rule, Throttle

CODE_LIFETIME = timedelta(minutes=5)
CHALLENGE_LIFETIME = timedelta(minutes=5)
TRIES = 5
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Client:
    """Where a request comes from: kept with a session so that its owner can recognise it."""

    device: str
    address: str


@dataclass(frozen=True)
class Entered:
    """A session was opened: its secret (for the cookie, kept nowhere else) and whose it is."""

    token: str
    person: Person


class Account:
    def __init__(
        self,
        *,
        store: Store,
        passkeys: Passkeys,
        messengers: Mapping[Channel, Messenger],
        throttle: Throttle,
        code_key: bytes,
        owner_link: Path,
        host: str,
        session_lifetime: timedelta,
        codes_per_number: int,
        sign_ins_per_address: int,
    ) -> None:
        self._store = store
        self._passkeys = passkeys
        self._messengers = messengers
        self._throttle = throttle
        self._code_key = code_key
        self._owner_link = owner_link
        self._host = host
        self._lifetime = session_lifetime
        self._per_number = Rule("sign-in-number", codes_per_number)
        self._per_address = Rule("sign-in-address", sign_ins_per_address)
        self._per_contact = Rule("contact-number", codes_per_number)

    # --- the first start ---

    def claimable(self, token: str) -> bool:
        """Is this the one-time link that the terminal showed, and does the house have no owner yet?"""
        try:
            expected = self._owner_link.read_text().strip()
        except OSError:
            return False
        return bool(expected) and hmac.compare_digest(expected.encode(), token.encode())

    def claim(self, token: str, *, name: str, contact: str, language: str, client: Client) -> Entered:
        """Make the owner and open their first session; the link is used up."""
        if not self.claimable(token):
            raise Refusal("owner_link_unknown")
        if not name.strip():
            raise Refusal("name_missing")
        with self._store.begin() as unit:
            if unit.people.with_roles():
                raise Refusal("owner_link_unknown")
            person = unit.people.add(name=name.strip()[:120], language=language, role="owner")
            unit.people.verified(person.id, contact)
            entered = self._enter(unit, person, client)
        self._owner_link.unlink(missing_ok=True)
        return entered

    # --- signing in ---

    def ask_code(self, contact: str, *, client: Client, language: str) -> str:
        """The id of a question that a code answers. The code goes out by an errand, if anybody is known there."""
        self._throttle.take(self._per_address, client.address)
        self._throttle.take(self._per_number, hashlib.sha256(contact.encode()).hexdigest())
        with self._store.begin() as unit:
            question = unit.people.ask(
                "code",
                secret=secrets.token_bytes(32),
                lifetime=CODE_LIFETIME,
                contact=contact,
                details={"language": language},
            )
            unit.errand("code", details={"question": question})
            return question

    def ask_contact(self, contact: str, *, client: Client, language: str, title: str, sender: str) -> str:
        """The id of a question whose code shows that somebody reads what is sent there. `title`, `sender`: of the contract
        whose link they hold. What is asked for by a link uses up nothing of who signs in."""
        self._throttle.take(self._per_address, client.address)
        self._throttle.take(self._per_contact, hashlib.sha256(contact.encode()).hexdigest())
        with self._store.begin() as unit:
            question = unit.people.ask(
                "contact",
                secret=secrets.token_bytes(32),
                lifetime=CODE_LIFETIME,
                contact=contact,
                details={"language": language, "title": title, "sender": sender},
            )
            unit.errand("code", details={"question": question, "kind": "contact"})
            return question

    def contact_shown(self, question_id: str, code: str, *, contact: str, client: Client) -> None:
        """The code that was sent to this address. Raises Refusal `code_wrong`, `code_void` or `code_late`."""
        self._throttle.take(self._per_address, client.address)
        with self._store.begin() as unit:
            question = unit.people.question(question_id, "contact")
            if question is None or question.contact != contact:
                raise Refusal("code_late")
            wrong = self._tried(unit, question, code)
            person = unit.people.by_contact(contact)
            if wrong is None and person is not None:
                unit.people.confirmed(person.id, contact)
        if wrong is not None:
            raise wrong

    def carry_code(self, errand: Errand) -> None:
        """The errand: send the code to those who are known, and to nobody else."""
        kind = str(errand.details.get("kind", "code"))
        with self._store.read() as unit:
            question = unit.people.question(str(errand.details.get("question")), kind)
            contact = question.contact if question else None
            known = contact is not None and self._known(unit, contact)
        if question is None or contact is None or not known or question.used:
            return
        channel = Channel.EMAIL if "@" in contact else Channel.SMS
        named = {name: str(question.details.get(name, "")) for name in ("title", "sender")}
        params = {**named, "code": self._code(question), "host": self._host, "minutes": "5"}
        language = str(question.details.get("language", "en"))
        template = "contact_code" if kind == "contact" else "sign_in_code"
        self._messengers[channel].send(to=contact, template=template, params=params, language=language)

    def _known(self, unit: Unit, contact: str) -> bool:
        return unit.people.by_contact(contact) is not None or unit.contracts.signer_name(contact) is not None

    def enter_with_code(self, question_id: str, code: str, *, client: Client) -> Entered:
        """Open a session. Raises Refusal `code_wrong`, `code_void` or `code_late`."""
        self._throttle.take(self._per_address, client.address)
        with self._store.begin() as unit:
            question = unit.people.question(question_id, "code")
            if question is None or question.contact is None:
                raise Refusal("code_late")
            wrong = self._tried(unit, question, code)
            if wrong is None:
                return self._enter(unit, self._person_at(unit, question), client)
        raise wrong

    def _tried(self, unit: Unit, question: Challenge, code: str) -> Refusal | None:
        """Counts the try, in a unit that is not rolled back for it; None when it is right. Raises Refusal `code_void`."""
        if question.used or question.tries >= TRIES:
            raise Refusal("code_void")
        unit.people.tried(question.id)
        digits = "".join(ch for ch in code if ch.isdecimal())
        known = self._known(unit, question.contact or "")
        if known and hmac.compare_digest(digits.encode(), self._code(question).encode()):
            unit.people.answered(question.id)
            return None
        left = TRIES - question.tries - 1
        return Refusal("code_wrong", left=left) if left else Refusal("code_void")

    def _person_at(self, unit: Unit, question: Challenge) -> Person:
        contact = question.contact or ""
        person = unit.people.by_contact(contact)
        if person is None:
            name = unit.contracts.signer_name(contact) or contact
            language = str(question.details.get("language", "en"))
            person = unit.people.add(name=name, language=language, role=None)
        unit.people.confirmed(person.id, contact)
        return unit.people.get(person.id) or person

    def _code(self, question: Challenge) -> str:
        purpose = b"sign-in|" if question.kind == "code" else b"contact|"
        digest = hmac.new(self._code_key, purpose + question.secret, hashlib.sha256).digest()
        return f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06d}"

    def ask_passkey(self, *, client: Client) -> tuple[str, dict[str, Any]]:
        """A question that any of our passkeys may answer (discoverable credentials)."""
        self._throttle.take(self._per_address, client.address)
        challenge = secrets.token_bytes(32)
        with self._store.begin() as unit:
            question = unit.people.ask("passkey", secret=challenge, lifetime=CHALLENGE_LIFETIME)
        return question, self._passkeys.request_options(challenge=challenge, allow=())

    def enter_with_passkey(self, question_id: str, response: Mapping[str, Any], *, client: Client) -> Entered:
        """Open a session with an assertion over the question's challenge; a question serves once."""
        with self._store.begin() as unit:
            question = unit.people.question(question_id, "passkey")
            key = unit.people.passkey(self._passkeys.credential_id(response))
            if question is None or question.used or key is None:
                raise Refusal("passkey_refused", detail="unknown")
            assertion = self._passkeys.check_assertion(
                response, challenge=question.secret, public_key=key.public_key, sign_count=key.sign_count
            )
            unit.people.answered(question_id)
            unit.people.passkey_used(key.credential_id, sign_count=assertion.sign_count)
            person = unit.people.get(key.person_id)
            if person is None:
                raise Refusal("passkey_refused", detail="unknown")
            if not key.signs_in:
                raise Refusal("passkey_signs_only")
            return self._enter(unit, person, client)

    def _enter(self, unit: Unit, person: Person, client: Client) -> Entered:
        token = secrets.token_urlsafe(32)
        unit.people.open_session(
            person.id,
            token_hash=_hash(token),
            lifetime=self._lifetime,
            device=client.device,
            address=client.address,
        )
        return Entered(token=token, person=unit.people.get(person.id) or person)

    # --- being signed in ---

    def whose(self, token: str) -> tuple[Person, SessionOf] | None:
        """The person of a session's secret, or None when it is unknown, closed or over."""
        with self._store.read() as unit:
            session = unit.people.session(_hash(token))
            person = unit.people.get(session.person_id) if session else None
            stale = session is not None and unit.now - session.seen_at > SEEN_EVERY
        if session is None or person is None:
            return None
        if stale:
            with self._store.begin() as unit:
                unit.people.touch_session(session.id)
        return person, session

    def sessions(self, person: Person) -> list[SessionOf]:
        with self._store.read() as unit:
            return unit.people.sessions(person.id)

    def passkeys(self, person: Person) -> list[Passkey]:
        with self._store.read() as unit:
            return unit.people.passkeys(person.id)

    def close_session(self, person: Person, session_id: str) -> None:
        with self._store.begin() as unit:
            unit.people.close_session(person.id, session_id)

    def offer_passkey(self, person: Person) -> tuple[str, dict[str, Any]]:
        """Options to enrol this device for a person who is signed in."""
        challenge = secrets.token_bytes(32)
        with self._store.begin() as unit:
            question = unit.people.ask("enrol", secret=challenge, lifetime=CHALLENGE_LIFETIME, person_id=person.id)
            exclude = [k.credential_id for k in unit.people.passkeys(person.id)]
        options = self._passkeys.creation_options(
            user_id=person.handle, user_name=person.name, challenge=challenge, exclude=exclude
        )
        return question, options

    def add_passkey(self, person: Person, question_id: str, response: Mapping[str, Any]) -> None:
        with self._store.begin() as unit:
            question = unit.people.question(question_id, "enrol")
            if question is None or question.used or question.person_id != person.id:
                raise Refusal("passkey_refused", detail="challenge")
            new = self._passkeys.check_creation(response, challenge=question.secret)
            unit.people.answered(question_id)
            unit.people.add_passkey(person.id, new)

    def keep_passkey(self, person: Person, credential: bytes) -> None:
        """It is mine: a passkey that came through a link signs in from now on.

        Raises Refusal `address_not_confirmed` until a code sent to that link's address has been entered: else whoever
        holds one forwarded link could have theirs kept by somebody who reads another mailbox.
        """
        with self._store.begin() as unit:
            key = unit.people.passkey(credential)
            if key is None or key.person_id != person.id:
                raise Refusal("no_such_passkey")
            if key.signs_in:
                return
            if not unit.people.has_confirmed(person.id, key.link_address or ""):
                raise Refusal("address_not_confirmed", address=key.link_address or "")
            unit.people.keep_passkey(credential)

    def remove_passkey(self, person: Person, credential: bytes) -> None:
        with self._store.begin() as unit:
            unit.people.remove_passkey(person.id, credential)

    def rename(self, person: Person, *, name: str, language: str) -> None:
        if not name.strip():
            raise Refusal("name_missing")
        with self._store.begin() as unit:
            unit.people.change(person.id, name=name.strip()[:120], language=language)

    # --- one's own mark ---

    def save_mark(self, person: Person, mark: Any) -> None:
        chosen = marks.read(mark, name=person.name)
        with self._store.begin() as unit:
            unit.people.save_mark(person.id, chosen.to_dict())

    def saved_mark(self, person: Person) -> Mapping[str, Any] | None:
        with self._store.read() as unit:
            return unit.people.saved_mark(person.id)

    # --- members ---

    def members(self) -> list[Person]:
        with self._store.read() as unit:
            return unit.people.with_roles()

    def add_member(self, owner: Person, *, name: str, contact: str, language: str) -> None:
        """Somebody who may send from this house; they sign in with a code to this address, and a letter tells them."""
        if owner.role != "owner":
            raise Refusal("owner_only")
        if not name.strip():
            raise Refusal("name_missing")
        with self._store.begin() as unit:
            person = unit.people.by_contact(contact)
            if person is None:
                person = unit.people.add(name=name.strip()[:120], language=language, role="member")
                unit.people.verified(person.id, contact)
            elif person.role is None:
                unit.people.change(person.id, role="member")
            else:
                return
            told = {"person": person.id, "by": owner.id, "to": contact}
            unit.errand("member_added", details=told)

    def make_owner(self, owner: Person, person_id: str) -> None:
        """Another owner: where two have to look at something, or one may not decide about themselves."""
        if owner.role != "owner":
            raise Refusal("owner_only")
        with self._store.begin() as unit:
            member = unit.people.get(person_id)
            if member is None or member.role is None:
                raise Refusal("no_such_member")
            unit.people.change(person_id, role="owner")

    def remove_member(self, owner: Person, person_id: str) -> None:
        """They may no longer send; their sessions end; what they signed stays."""
        if owner.role != "owner" or owner.id == person_id:
            raise Refusal("owner_only")
        with self._store.begin() as unit:
            unit.people.change(person_id, role=None)
            for session in unit.people.sessions(person_id):
                unit.people.close_session(person_id, session.id)

    def forget_expired(self) -> None:
        with self._store.begin() as unit:
            unit.people.forget_expired()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
