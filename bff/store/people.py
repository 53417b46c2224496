"""People: those who have an account and those who only ever signed; their contacts, passkeys, sessions and marks."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session as SqlSession

from bff.core.ports import NewPasskey
from bff.store.models import ChallengeRow, ContactRow, PasskeyRow, PersonRow, SavedMarkRow, SessionRow


@dataclass(frozen=True)
class Person:
    """Somebody we know. `role` is "owner" or "member" for those who may send, None for those who only sign."""

    id: str
    name: str
    language: str
    role: str | None
    handle: bytes
    """64 random bytes: the WebAuthn user handle."""
    contacts: tuple[str, ...]

    @property
    def email(self) -> str | None:
        return next((c for c in self.contacts if "@" in c), None)

    @property
    def phone(self) -> str | None:
        return next((c for c in self.contacts if "@" not in c), None)


@dataclass(frozen=True)
class Passkey:
    credential_id: bytes
    person_id: str
    public_key: bytes
    sign_count: int
    backed_up: bool
    created_at: datetime
    used_at: datetime | None
    link_address: str | None = None
    """Where the link went through which it was set up; None when its person was signed in."""
    link_signer: str | None = None
    kept_at: datetime | None = None

    @property
    def signs_in(self) -> bool:
        """It is its person's for sure: set up while they were signed in, or kept by them afterwards."""
        return self.link_address is None or self.kept_at is not None

    def signs_at(self, address: str) -> bool:
        """May it sign what is addressed there? Whoever held one link proves no more than that address."""
        return self.signs_in or self.link_address == address


@dataclass(frozen=True)
class SessionOf:
    id: str
    person_id: str
    created_at: datetime
    seen_at: datetime
    device: str
    address: str


@dataclass(frozen=True)
class Challenge:
    id: str
    kind: str
    person_id: str | None
    contact: str | None
    secret: bytes
    details: Mapping[str, Any]
    tries: int
    expires_at: datetime
    used: bool


class People:
    """In a writing unit `question` locks its row, so that an answer is judged by one unit at a time."""

    def __init__(self, session: SqlSession, now: datetime, *, lock: bool) -> None:
        self._session = session
        self._now = now
        self._lock = lock

    def add(self, *, name: str, language: str, role: str | None, handle: bytes | None = None) -> Person:
        row = PersonRow(
            id=secrets.token_hex(10),
            name=name,
            language=language,
            role=role,
            handle=handle or secrets.token_bytes(64),
            created_at=self._now,
        )
        self._session.add(row)
        self._session.flush()
        return self._person(row)

    def get(self, person_id: str) -> Person | None:
        row = self._session.get(PersonRow, person_id)
        return self._person(row) if row else None

    def by_contact(self, *values: str | None) -> Person | None:
        """The person who has verified the first of these addresses that anybody has verified."""
        for value in values:
            row = self._session.get(ContactRow, value) if value else None
            if row is not None:
                return self.get(row.person_id)
        return None

    def by_handle(self, handle: bytes) -> Person | None:
        row = self._session.scalar(select(PersonRow).where(PersonRow.handle == handle))
        return self._person(row) if row else None

    def with_roles(self) -> list[Person]:
        rows = self._session.scalars(
            select(PersonRow).where(PersonRow.role.is_not(None)).order_by(PersonRow.created_at)
        )
        return [self._person(row) for row in rows]

    def change(self, person_id: str, **values: Any) -> None:
        """Set name, language or role."""
        self._session.execute(update(PersonRow).where(PersonRow.id == person_id).values(**values))

    def verified(self, person_id: str, value: str) -> None:
        """This person has shown that they receive what is sent to `value`."""
        row = self._session.get(ContactRow, value)
        if row is None:
            kind = "email" if "@" in value else "phone"
            row = ContactRow(value=value, kind=kind, person_id=person_id, verified_at=self._now)
            self._session.add(row)
        elif row.person_id == person_id:
            row.verified_at = self._now
        self._session.flush()

    def confirmed(self, person_id: str, value: str) -> None:
        """This person has entered a code that was sent to `value`: more than having followed a link."""
        self.verified(person_id, value)
        row = self._session.get_one(ContactRow, value)
        if row.person_id == person_id:
            row.confirmed_at = self._now
        self._session.flush()

    def has_confirmed(self, person_id: str, value: str) -> bool:
        row = self._session.get(ContactRow, value)
        return row is not None and row.person_id == person_id and row.confirmed_at is not None

    def is_known(self, person_id: str) -> bool:
        """Whether more is known of this person than where a link went: they have a role, a passkey or a session here, or have
        entered a code that was sent to them."""
        person = self._session.get_one(PersonRow, person_id)
        traces = (
            select(PasskeyRow.credential_id).where(PasskeyRow.person_id == person_id),
            select(SessionRow.id).where(SessionRow.person_id == person_id),
            select(ContactRow.value).where(ContactRow.person_id == person_id, ContactRow.confirmed_at.is_not(None)),
        )
        return person.role is not None or any(self._session.scalar(asked.limit(1)) is not None for asked in traces)

    # --- passkeys ---

    def add_passkey(
        self, person_id: str, passkey: NewPasskey, *, link_address: str | None = None, link_signer: str | None = None
    ) -> None:
        """`link_…`: through whose link it came, when nobody was signed in."""
        self._session.add(
            PasskeyRow(
                credential_id=passkey.credential_id,
                person_id=person_id,
                public_key=passkey.public_key,
                sign_count=passkey.sign_count,
                backed_up=passkey.backed_up,
                transports=list(passkey.transports),
                created_at=self._now,
                link_address=link_address,
                link_signer=link_signer,
            )
        )
        self._session.flush()

    def passkeys(self, person_id: str) -> list[Passkey]:
        rows = self._session.scalars(
            select(PasskeyRow).where(PasskeyRow.person_id == person_id).order_by(PasskeyRow.created_at)
        )
        return [_passkey(row) for row in rows]

    def passkey(self, credential_id: bytes) -> Passkey | None:
        row = self._session.get(PasskeyRow, credential_id)
        return _passkey(row) if row else None

    def passkey_used(self, credential_id: bytes, *, sign_count: int) -> None:
        self._session.execute(
            update(PasskeyRow)
            .where(PasskeyRow.credential_id == credential_id)
            .values(sign_count=sign_count, used_at=self._now)
        )

    def keep_passkey(self, credential_id: bytes) -> None:
        self._session.execute(
            update(PasskeyRow).where(PasskeyRow.credential_id == credential_id).values(kept_at=self._now)
        )

    def remove_passkey(self, person_id: str, credential_id: bytes) -> None:
        self._session.execute(
            delete(PasskeyRow).where(PasskeyRow.person_id == person_id, PasskeyRow.credential_id == credential_id)
        )

    # --- sessions ---

    def open_session(self, person_id: str, *, token_hash: str, lifetime: timedelta, device: str, address: str) -> None:
        self._session.add(
            SessionRow(
                token_hash=token_hash,
                id=secrets.token_hex(8),
                person_id=person_id,
                created_at=self._now,
                seen_at=self._now,
                expires_at=self._now + lifetime,
                device=device[:200],
                address=address[:64],
            )
        )

    def session(self, token_hash: str) -> SessionOf | None:
        row = self._session.get(SessionRow, token_hash)
        return _session_of(row) if row and row.expires_at > self._now else None

    def touch_session(self, session_id: str) -> None:
        self._session.execute(update(SessionRow).where(SessionRow.id == session_id).values(seen_at=self._now))

    def sessions(self, person_id: str) -> list[SessionOf]:
        rows = self._session.scalars(
            select(SessionRow)
            .where(SessionRow.person_id == person_id, SessionRow.expires_at > self._now)
            .order_by(SessionRow.seen_at.desc())
        )
        return [_session_of(row) for row in rows]

    def close_session(self, person_id: str, session_id: str) -> None:
        self._session.execute(delete(SessionRow).where(SessionRow.person_id == person_id, SessionRow.id == session_id))

    # --- challenges of sign-in ---

    def ask(
        self,
        kind: str,
        *,
        secret: bytes,
        lifetime: timedelta,
        person_id: str | None = None,
        contact: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> str:
        row = ChallengeRow(
            id=secrets.token_hex(16),
            kind=kind,
            person_id=person_id,
            contact=contact,
            secret=secret,
            details=dict(details or {}),
            tries=0,
            created_at=self._now,
            expires_at=self._now + lifetime,
        )
        self._session.add(row)
        self._session.flush()
        return row.id

    def question(self, challenge_id: str, kind: str) -> Challenge | None:
        row = self._session.get(ChallengeRow, challenge_id, with_for_update=self._lock or None)
        return _challenge(row) if row and row.kind == kind and row.expires_at > self._now else None

    def questions_asked(self, contact: str, *, since: datetime) -> int:
        count = select(func.count()).where(ChallengeRow.contact == contact, ChallengeRow.created_at > since)
        return int(self._session.scalar(count) or 0)

    def tried(self, challenge_id: str) -> None:
        self._session.execute(
            update(ChallengeRow).where(ChallengeRow.id == challenge_id).values(tries=ChallengeRow.tries + 1)
        )

    def answered(self, challenge_id: str) -> None:
        self._session.execute(update(ChallengeRow).where(ChallengeRow.id == challenge_id).values(used_at=self._now))

    def forget_expired(self) -> None:
        """Sessions and challenges that nobody can use any more."""
        for table in (ChallengeRow, SessionRow):
            self._session.execute(delete(table).where(table.expires_at < self._now - timedelta(days=1)))

    # --- marks ---

    def save_mark(self, person_id: str, mark: Mapping[str, Any]) -> None:
        self._session.merge(SavedMarkRow(person_id=person_id, mark=dict(mark), saved_at=self._now))

    def saved_mark(self, person_id: str) -> dict[str, Any] | None:
        row = self._session.get(SavedMarkRow, person_id)
        return dict(row.mark) if row else None

    def _person(self, row: PersonRow) -> Person:
        contacts = self._session.scalars(
            select(ContactRow.value).where(ContactRow.person_id == row.id).order_by(ContactRow.verified_at)
        )
        return Person(
            id=row.id,
            name=row.name,
            language=row.language,
            role=row.role,
            handle=row.handle,
            contacts=tuple(contacts),
        )


def _passkey(row: PasskeyRow) -> Passkey:
    return Passkey(
        credential_id=row.credential_id,
        person_id=row.person_id,
        public_key=row.public_key,
        sign_count=row.sign_count,
        backed_up=row.backed_up,
        created_at=row.created_at,
        used_at=row.used_at,
        link_address=row.link_address,
        link_signer=row.link_signer,
        kept_at=row.kept_at,
    )


def _session_of(row: SessionRow) -> SessionOf:
    return SessionOf(
        id=row.id,
        person_id=row.person_id,
        created_at=row.created_at,
        seen_at=row.seen_at,
        device=row.device,
        address=row.address,
    )


def _challenge(row: ChallengeRow) -> Challenge:
    return Challenge(
        id=row.id,
        kind=row.kind,
        person_id=row.person_id,
        contact=row.contact,
        secret=row.secret,
        details=dict(row.details),
        tries=row.tries,
        expires_at=row.expires_at,
        used=row.used_at is not None,
    )
