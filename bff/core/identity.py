"""Who somebody is, how we know, and which proofs and channels may be used.

Levels are honest: each names what was checked, no more. The channel rule is here because it is a decision, not a
delivery detail: a link and the code that confirms it must not travel the same way, and where a signer can be reached
in one way only, that is recorded and said instead of hidden.
"""

from dataclasses import dataclass
from enum import StrEnum


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
