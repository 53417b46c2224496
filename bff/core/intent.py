"""The intent: the exact statement that a proof confirms, and the challenge made from it.

Canonical JSON (RFC 8785) over integers and strings only. `challenge = SHA-256(canonical bytes)` is what an
authenticator signs, what an SMS code's verifier is keyed with and what a face video's actions are derived from.
Anyone who holds the bytes can recompute the challenge with a hash function and nothing else.

Who signs for an enterprise confirms a statement of the second format, which has two members more and is else the same.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import rfc8785

from bff.core.errors import Refusal

FORMAT = "countersign-intent/1"
FORMAT_FOR = "countersign-intent/2"
"""For an enterprise."""
FOR = ("organisation", "organisation_identifier")
LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True)
class Intent:
    """Who means to sign what, how and when. Hashes are lower-case hex SHA-256, times RFC 3339 in UTC."""

    contract_id: str
    contract_title: str
    document_sha256: str
    document_pages: int
    signer_id: str
    signer_name: str
    signer_role: str
    mark_sha256: str
    values_sha256: str
    consent_version: str
    consent_sha256: str
    language: str
    method: str
    host: str
    nonce: str
    issued_at: str
    expires_at: str
    format: str = FORMAT
    organisation: str = ""
    """The enterprise that is signed for; empty: nobody but oneself."""
    organisation_identifier: str = ""
    """As in a certificate, e.g. NTRCN-91350100M000100Y43."""

    def canonical(self) -> bytes:
        return rfc8785.dumps(self.members())

    def members(self) -> dict[str, Any]:
        """What the statement says, by name; without an enterprise there is no member for one."""
        said = asdict(self)
        return said if self.format == FORMAT_FOR else {name: said[name] for name in said if name not in FOR}

    def challenge(self) -> bytes:
        """32 bytes: SHA-256 over the canonical bytes."""
        return hashlib.sha256(self.canonical()).digest()

    def expired(self, now: datetime) -> bool:
        return now >= datetime.fromisoformat(self.expires_at)


def read(raw: bytes) -> Intent:
    """The intent in these exact bytes. Raises Refusal `intent_unreadable` unless they are its canonical form."""
    try:
        value: Any = json.loads(raw)
        intent = Intent(**value)
        same = _typed(intent) and intent.canonical() == raw
    except (ValueError, TypeError) as error:
        raise Refusal("intent_unreadable") from error
    own = {f.name for f in fields(Intent)} - set(FOR)
    complete = set(value) == (own | set(FOR) if intent.format == FORMAT_FOR else own)
    known = intent.format == (FORMAT_FOR if intent.organisation and intent.organisation_identifier else FORMAT)
    if not same or not complete or not known:
        raise Refusal("intent_unreadable")
    return intent


def _typed(intent: Intent) -> bool:
    """Strings, and a whole number of pages."""
    values = asdict(intent)
    number = values.pop("document_pages")
    return isinstance(number, int) and not isinstance(number, bool) and all(isinstance(v, str) for v in values.values())


def values_sha256(values: dict[str, str]) -> str:
    """SHA-256 over the canonical JSON of field id -> value (a checkbox is "yes" or ""; a date is ISO 8601)."""
    return hashlib.sha256(rfc8785.dumps(values)).hexdigest()


def fingerprint(document_sha256: str) -> str:
    """The short form of a digest that fits a text message and a printed line: `ABCD-1234`, the first 32 bits."""
    return f"{document_sha256[:4]}-{document_sha256[4:8]}".upper()
