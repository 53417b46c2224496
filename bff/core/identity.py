"""Who somebody is, how we know, and which proofs and channels may be used.

Levels are honest: each names what was checked, no more. The channel rule is here because it is a decision, not a
delivery detail: a link and the code that confirms it must not travel the same way, and where a signer can be reached
in one way only, that is recorded and said instead of hidden.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

GOOD_FOR = timedelta(days=365)
"""How long a person who has been checked is not asked again."""


class Method(StrEnum):
    """How a signer confirms an intent."""

    SMS = "sms"
    PASSKEY = "passkey"
    FACE = "face"


class Level(StrEnum):
    """What has been checked about a person. Only `contact` is reached by following a link or entering a code."""

    NONE = "none"
    CONTACT = "contact"
    DOCUMENT = "document"
    DOCUMENT_FACE = "document+face"
    DOCUMENT_FACE_SOURCE = "document+face+source"

    @property
    def rank(self) -> int:
        """More was checked at a higher one."""
        return list(Level).index(self)


CHOOSABLE = (Level.CONTACT, Level.DOCUMENT, Level.DOCUMENT_FACE, Level.DOCUMENT_FACE_SOURCE)
"""What a sender may ask of a signer."""


@dataclass(frozen=True)
class Identity:
    """Who a person was found to be, and what that rests on. `facts` is what a signature carries of it: no number, no face."""

    person_id: str
    check_id: str
    level: Level
    name: str
    document: str
    """The kind of document, e.g. passport."""
    checked_at: datetime
    valid_until: datetime
    attended_by: str | None = None
    """The person who saw document and bearer with their own eyes, where no face video was judged."""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def by_link(self) -> bool:
        """Whoever held a contract's link began the check; nobody showed that they receive what is sent to its address."""
        return self.facts.get("begun_by") == "link"

    @property
    def on_a_senders_word(self) -> bool:
        """A sender vouched for them, for a contract of their own."""
        return dict(self.facts.get("attended") or {}).get("as") == "sender"

    def decided_by(self, person_id: str) -> bool:
        """This person was among those who vouched for them, or looked where a machine was unsure."""
        return person_id in (self.attended_by, *self.facts.get("reviewed_by", ()))

    @property
    def order(self) -> tuple[bool, int, datetime]:
        """The greatest is the best: nothing that a stranger may have left goes before what its person did."""
        return not self.by_link, self.level.rank, self.checked_at

    def holds(self, now: datetime) -> bool:
        return now < self.valid_until

    def satisfies(self, needed: Level, *, now: datetime) -> bool:
        source = dict(self.facts.get("source") or {}).get("outcome")
        return (
            self.holds(now) and serves(self.level, attended=bool(self.attended_by), source=source).rank >= needed.rank
        )


def serves(level: Level, *, attended: bool, source: str | None) -> Level:
    """What this is as good as: an attended check stands in for a face video, which nobody can be made to record; not for what a
    source has to confirm. `source` is its answer, None where none was asked."""
    if not attended:
        return level
    seen = Level.DOCUMENT_FACE_SOURCE if source == "match" else Level.DOCUMENT_FACE
    return max(level, seen, key=lambda one: one.rank)


def best_for(known: Sequence[Identity], name: str) -> Identity | None:
    """The first under this name, else the first of all."""
    return next((one for one in known if same_name(one.name, name)), next(iter(known), None))


def same_name(one: str, other: str) -> bool:
    """Whether two ways of writing can be one name: case, accents' encoding, punctuation and the parts' order aside.

    Documents write the family name first or last, and in capitals; nothing here guesses at transliterations.
    """
    return bool(_parts(one)) and _parts(one) == _parts(other)


def _parts(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", name).casefold()
    letters = "".join(ch if ch.isalnum() or unicodedata.category(ch).startswith("M") else " " for ch in plain)
    parts = letters.split()
    return sorted(parts) if all(part.isascii() or not _is_han(part) for part in parts) else ["".join(parts)]


def _is_han(text: str) -> bool:
    return any("\u3400" <= ch <= "\u9fff" or ord(ch) >= 0x20000 for ch in text)


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"


@dataclass(frozen=True)
class Routes:
    """How one signer is reached: the link's channel, the code's (None: no code possible), and whether they are one."""

    link: Channel
    code: Channel | None
    shared: bool

    @property
    def methods(self) -> tuple[Method, ...]:
        return (Method.PASSKEY, Method.SMS) if self.code else (Method.PASSKEY,)


def routes(*, email: str | None, phone: str | None) -> Routes | None:
    """The default policy: links by e-mail when there is one, codes by SMS; None when there is no way to reach them."""
    if email:
        return Routes(Channel.EMAIL, Channel.SMS if phone else None, shared=False)
    if phone:
        return Routes(Channel.SMS, Channel.SMS, shared=True)
    return None


def link_address(*, email: str | None, phone: str | None) -> str | None:
    """Where the link goes: who holds it is taken for the person at this address."""
    reach = routes(email=email, phone=phone)
    if reach is None:
        return None
    return email if reach.link is Channel.EMAIL else phone


def masked(contact: str) -> str:
    """Enough of an address to recognise one's own, too little to learn another's: `a•••@example.org`, `•••• 8000`."""
    name, at, host = contact.partition("@")
    if at:
        return f"{name[:1]}•••@{host}"
    return f"•••• {contact[-4:]}"
