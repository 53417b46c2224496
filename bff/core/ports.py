"""What we ask of the world, in our own words.

Each protocol here has at least two implementations: the embedded one and the scaled or the test one. `wiring.py` is
the only place that knows which is in use. Shapes are frozen dataclasses; digests are lower-case hex SHA-256.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from bff.core.contract import Field, Signer
from bff.core.enterprise import Facts
from bff.core.gestures import Challenge
from bff.core.mark import Mark


class Clock(Protocol):
    def now(self) -> datetime:
        """The present in UTC, with a time zone."""


# --- sending words to people -----------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """What a provider said when it took a message. `provider_id` is what its delivery receipts will name."""

    provider: str
    provider_id: str


class Messenger(Protocol):
    """One channel: SMS or e-mail."""

    def send(self, *, to: str, template: str, params: Mapping[str, str], language: str) -> Sent:
        """Hand one message to the provider. Raises Fault `message_not_taken` when it was not accepted."""

    def check(self) -> str:
        """Try the provider without sending anything, and say what was tried. Raises Fault `message_not_taken`."""


# --- keeping bytes ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """Bytes that are durable: their digest, and the sites that were read back and agreed."""

    sha256: str
    size: int
    sites: tuple[str, ...]


class Archive(Protocol):
    """Content-addressed copies at several sites."""

    def keep(self, content: bytes) -> Kept:
        """Write to every site, fsync, read back, compare. Raises Fault `archive_quorum` below two good copies."""

    def read(self, sha256: str) -> bytes:
        """The content from the first site whose copy still has that digest. Raises Fault `archive_lost`."""

    def sites_of(self, sha256: str) -> tuple[str, ...]:
        """The sites whose copy was read and agreed just now."""


# --- time and certificates -------------------------------------------------------------------------


class Timestamps(Protocol):
    """RFC 3161. Either the embedded authority or a URL."""

    def timestamp(self, digest: bytes) -> bytes:
        """A DER TimeStampToken over a SHA-256 digest. Raises Fault `tsa_down`."""


class RawSigner(Protocol):
    """A private key that is not in this house: a hardware module's, a remote signing service's, a cloud's.

    ECDSA on P-256 or RSA (PKCS #1 v1.5), with SHA-256. Every method raises Fault `seal_key_away`."""

    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""

    def certificates(self) -> tuple[bytes, ...]:
        """What the provider knows of (DER): of the key and of those who issued it. Empty: it knows keys only."""

    def sign(self, data: bytes) -> bytes:
        """The signature over these bytes: ECDSA in DER (or as r and s side by side), RSA as it is."""

    def check(self) -> str:
        """Try it, as far as that costs nothing, and say what was tried."""


# --- paper: what a mark and an evidence page look like --------------------------------------------


@dataclass(frozen=True)
class EvidenceSigner:
    id: str
    name: str
    role: str
    contact: str
    """Masked."""
    order: int


@dataclass(frozen=True)
class EvidencePage:
    """What the page at the end of the document says. It is made before anyone signs, so it tells who and how, not when."""

    contract_id: str
    title: str
    sender_name: str
    document_sha256: str
    """Of the upload as cleaned by intake."""
    pages: int
    deadline: str
    """Already formatted, with zone; empty when there is none."""
    language: str
    signers: tuple[EvidenceSigner, ...]
    verify_url: str
    consent_version: str


# --- preparation: what every signer will see --------------------------------------------------------


class Preparation(Protocol):
    """Reads the uploaded file, so it happens in a limited child process."""

    def prepare(
        self, content: bytes, *, fields: Sequence[Field], signers: Sequence[Signer], evidence: EvidencePage | None
    ) -> bytes:
        """Revision 0: all form fields, one signature field a signer, the seal's field, the evidence pages."""


# --- PAdES: the only door to pyHanko ----------------------------------------------------------------


@dataclass(frozen=True)
class Act:
    """What one signer did, as it goes into their signature. All bytes are kept verbatim in the signed attribute."""

    signer: Signer
    fields: tuple[Field, ...]
    mark: Mark
    values: Mapping[str, str]
    intent: bytes
    proof: Mapping[str, Any]
    identity: Mapping[str, Any]
    evidence_head: str
    signed_at: datetime
    timezone: str
    caption: tuple[str, ...] = ()
    """Lines under the mark in the signer's language, e.g. ("Signed by 李雷", "2026-11-24 12:00 CST", "SMS code")."""


@dataclass(frozen=True)
class Written:
    """A new revision: the whole file, and the PAdES level that its newest signature has reached (B-B, B-T, B-LTA)."""

    content: bytes
    level: str


@dataclass(frozen=True)
class Verdict:
    """What a validator says of one signature in a PDF. `ok` only when everything it names was checked and held."""

    who: str
    kind: str
    """signer, seal, timestamp or foreign."""
    ok: bool
    level: str
    time: str | None
    reasons: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class Pades(Protocol):
    """Everything that writes or judges a signature in a PDF. Every method takes and gives whole files."""

    def sign(self, content: bytes, act: Act) -> Written:
        """Add one signer's revision. B-T when the TSA answers, else B-B."""

    def seal(self, content: bytes, *, contract_id: str, evidence_head: str) -> Written:
        """Add the platform's seal, the validation data of every signature, and the document timestamp: B-LTA, else lower."""

    def seal_report(self, content: bytes, *, contract_id: str, document_sha256: str, evidence_head: str) -> Written:
        """The same under a report about a contract."""

    def raise_level(self, content: bytes) -> Written:
        """Add what a missing TSA left out. Raises Fault `tsa_down` while it is still down."""

    def renew(self, content: bytes) -> Written:
        """Add a further document time stamp over everything. Raises Fault `tsa_down`."""

    def stamped_until(self, content: bytes) -> datetime | None:
        """When the first certificate under the newest document time stamp ends; None without such a time stamp."""

    def stamping_until(self) -> datetime:
        """The same for a time stamp made now. Raises Fault `tsa_down`."""

    def check(self, content: bytes) -> tuple[Verdict, ...]:
        """Judge every signature, offline, against our own roots."""


# --- reading pages -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class PageSize:
    """A page as displayed (after rotation and crop), in PDF points."""

    width: float
    height: float


@dataclass(frozen=True)
class Judged:
    """What intake made of an upload: `ready` (bytes unchanged), `repaired` (rewritten once) or a refusal's code."""

    outcome: str
    reason: str | None
    path: Path | None
    sha256: str | None
    size: int
    pages: tuple[PageSize, ...]
    signed: bool
    warnings: tuple[str, ...]
    title: str
    text: str


class Pages(Protocol):
    """Pictures and words of a page, rendered in a limited child process and cached by the document's digest."""

    def picture(self, sha256: str, *, page: int, width: int) -> Path:
        """A file holding the page (1-based) at `width` px as WebP or JPEG."""

    def sizes(self, sha256: str) -> tuple[PageSize, ...]:
        """Every page's size, in order."""

    def words(self, sha256: str, *, page: int) -> list[dict[str, Any]]:
        """Lines of the page's text with boxes: {"text", "x", "y", "w", "h"} in ten-thousandths of the page."""


# --- passkeys ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NewPasskey:
    credential_id: bytes
    public_key: bytes
    """COSE_Key."""
    sign_count: int
    backed_up: bool
    transports: tuple[str, ...]


@dataclass(frozen=True)
class Assertion:
    """A verified assertion. `verbatim` is what goes into the evidence (base64url strings and the COSE public key)."""

    credential_id: bytes
    sign_count: int
    verbatim: Mapping[str, str]


class Passkeys(Protocol):
    """WebAuthn level 3, platform authenticators, user verification required."""

    def credential_id(self, response: Mapping[str, Any]) -> bytes:
        """The credential that an answer names. Raises Refusal `passkey_refused` when it names none."""

    def creation_options(
        self, *, user_id: bytes, user_name: str, challenge: bytes, exclude: Sequence[bytes]
    ) -> dict[str, Any]: ...

    def check_creation(self, response: Mapping[str, Any], *, challenge: bytes) -> NewPasskey:
        """Raises Refusal `passkey_refused` with a `detail` code."""

    def request_options(self, *, challenge: bytes, allow: Sequence[bytes]) -> dict[str, Any]: ...

    def check_assertion(
        self, response: Mapping[str, Any], *, challenge: bytes, public_key: bytes, sign_count: int
    ) -> Assertion:
        """Raises Refusal `passkey_refused` with a `detail` code."""


# --- faces -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Template:
    """A face as one recogniser describes it: biometric data. It goes into a vault and never into evidence or a log."""

    recogniser: str
    """SHA-256 of the model; templates of different ones cannot be compared."""
    vector: bytes
    """32-bit floats, little endian, of length 1."""

    def __repr__(self) -> str:
        return f"Template({self.recogniser[:12]}…)"


@dataclass(frozen=True)
class Portrait:
    """The face on a photograph (of an ID document): its template, and its picture cut out as JPEG."""

    template: Template
    picture: bytes
    width_pixels: int
    """Of the face, from cheek to cheek."""

    def __repr__(self) -> str:
        return f"Portrait({self.width_pixels} px)"


class Outcome(StrEnum):
    """What becomes of a face video. Only `pass` proves anything."""

    PASS = "pass"
    RETRY = "retry"
    """With a hint, and a new challenge."""
    REVIEW = "review"
    """A human looks."""
    REFUSED = "refused"


@dataclass(frozen=True)
class FaceVerdict:
    """A judgement over one video. `reason` is a stable code; `step` the number of the action it is about."""

    outcome: Outcome
    reason: str
    step: int | None
    scores: Mapping[str, int]
    """Measured, in ten-thousandths; what was not reached is absent."""
    thresholds: Mapping[str, int]
    """In the same unit, as they were when this was judged."""
    models: Mapping[str, str]
    """Name -> SHA-256."""
    video_sha256: str
    challenge_sha256: str
    trace: str = ""
    """With which the same recording is known again, encoded anew or not."""
    template: Template | None = field(default=None, repr=False)
    """The mean of the best frames, where they are one person's."""

    def evidence(self) -> dict[str, Any]:
        """What is kept and signed: strings and integers, and nothing from which a face could be made again."""
        return {
            "outcome": str(self.outcome),
            "reason": self.reason,
            "step": self.step,
            "scores": dict(self.scores),
            "thresholds": dict(self.thresholds),
            "models": dict(self.models),
            "video_sha256": self.video_sha256,
            "challenge_sha256": self.challenge_sha256,
        }


class Faces(Protocol):
    """Photographs and face videos, judged in a worker. One implementation for our pack and an operator's."""

    def portrait(self, photograph: bytes) -> Portrait:
        """The one face on it. Raises Refusal with a code of `biometrics/portrait.py`."""

    def judge(
        self, video: bytes, *, mime: str, challenge: Challenge, portrait: Template, seen: Sequence[str] = ()
    ) -> FaceVerdict:
        """`seen`: traces of this person's earlier videos. Never raises for what somebody recorded."""


# --- what outside services know about people, and paying a little --------------------------------------


class SourceOutcome(StrEnum):
    """What an authoritative source says. Only `match` raises a level; `not_available` says nothing about anybody."""

    MATCH = "match"
    NO_MATCH = "no_match"
    UNKNOWN = "unknown"
    """There is no such person there."""
    NOT_AVAILABLE = "not_available"


@dataclass(frozen=True)
class SourceAnswer:
    """An authoritative source's answer about one person."""

    outcome: SourceOutcome
    provider: str
    reference: str
    """Under which the provider finds its own record of this question."""
    compared: tuple[str, ...]
    """Of name, number, phone, portrait: what the source says it compared."""
    reason: str = ""
    """Why it was not available; a stable code."""

    def evidence(self) -> dict[str, Any]:
        """What is kept and signed; nothing here names the person."""
        return {
            "outcome": str(self.outcome),
            "provider": self.provider,
            "reference": self.reference,
            "compared": list(self.compared),
            "reason": self.reason,
        }


class Source(Protocol):
    """A register that knows people: of the state, of a bank, of a telephone company."""

    @property
    def configured(self) -> bool: ...

    def ask(self, *, name: str, number: str, phone: str | None = None, portrait: bytes | None = None) -> SourceAnswer:
        """Do these belong together? Never raises for what the source does: that is an answer too. `portrait`: JPEG."""

    def check(self) -> str:
        """Knock without asking about anybody, and say what was found. Raises Fault `source_down`."""


class RegisterOutcome(StrEnum):
    """What a trade register says. `not_available` says nothing about anybody."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    """It is there, and struck off, dissolved or revoked."""
    UNKNOWN = "unknown"
    """There is no such number there."""
    NOT_AVAILABLE = "not_available"


class Agreement(StrEnum):
    """Whether a register has the same as was typed."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_COMPARED = "not_compared"


@dataclass(frozen=True)
class RegisterAnswer:
    """A trade register's answer about one enterprise."""

    outcome: RegisterOutcome
    provider: str
    reference: str
    """Under which the provider finds its own record of this question."""
    name: Agreement = Agreement.NOT_COMPARED
    representative: Agreement = Agreement.NOT_COMPARED
    reason: str = ""
    """Why it was not available; a stable code."""

    def evidence(self) -> dict[str, str]:
        """What is kept and signed."""
        said = {"outcome": str(self.outcome), "provider": self.provider, "reference": self.reference}
        agreed = {"name": str(self.name), "representative": str(self.representative)}
        return {**said, **agreed, "reason": self.reason}


class TradeRegister(Protocol):
    """A register that knows enterprises."""

    @property
    def configured(self) -> bool: ...

    def ask(self, facts: Facts, *, request: str) -> RegisterAnswer:
        """Is there such an enterprise, active, of that name and representative? Never raises for what the register does.
        `request` is ours: the same question, however often it is asked, has the same one."""

    def check(self) -> str:
        """Knock without asking about anybody, and say what was found. Raises Fault `register_down`."""


class PayoutState(StrEnum):
    ACCEPTED = "accepted"
    """The bank has it; it is on its way."""
    PAID = "paid"
    FAILED = "failed"
    """It will never arrive; `reason` says why."""


@dataclass(frozen=True)
class Transfer:
    """A small sum to one account. `reference` is ours: the same one is never paid twice."""

    reference: str
    account_name: str
    account_number: str
    bank_code: str
    amount_cents: int
    currency: str
    remark: str

    def __repr__(self) -> str:
        return f"Transfer({self.reference})"


@dataclass(frozen=True)
class Payout:
    """What the bank says about a transfer."""

    reference: str
    provider: str
    provider_reference: str
    state: PayoutState
    reason: str = ""


class Payouts(Protocol):
    """A bank that pays small sums for us."""

    @property
    def configured(self) -> bool: ...

    def pay(self, transfer: Transfer) -> Payout:
        """Once for each reference, however often it is asked. Raises Fault `payout_down` when nobody can know."""

    def status(self, reference: str) -> Payout | None:
        """What became of it; None when the bank never heard of it. Raises Fault `payout_down`."""

    def check(self) -> str:
        """Knock without paying. Raises Fault `payout_down`."""


class DocumentReading(Protocol):
    """What a photograph of a document says (`biometrics/id_document.py`): a proposal, with its doubts by name."""

    @property
    def kind(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, str]: ...
    @property
    def doubts(self) -> tuple[str, ...]: ...
    @property
    def engine(self) -> str: ...
    @property
    def portrait(self) -> Portrait | None: ...


class Documents(Protocol):
    """Photographs of documents, read in a worker."""

    def read(self, photograph: bytes, *, today: date) -> DocumentReading:
        """Raises Refusal `photo_unreadable` or `photo_too_large`."""


class MediaVault(Protocol):
    """Media of people, each under keys of its own, one a generation, that can be destroyed."""

    def keep(self, person: str, content: bytes, *, now: datetime, keep_for: timedelta, generation: int) -> str:
        """The name under which it is read again."""

    def read(self, person: str, name: str) -> bytes:
        """Raises Refusal `face_media_gone` when it was erased or has had its time."""

    def remove(self, person: str, name: str) -> None: ...

    def erase(self, person: str, *, before: int) -> None:
        """Whatever copies exist of the generations before this one can never be read again. May run again."""

    def sweep(self, *, now: datetime, generations: Mapping[str, int]) -> int:
        """Delete what has had its time, and what is of an earlier generation than its person's (0 where none is named);
        how many files went."""


# --- what an enterprise shows ----------------------------------------------------------------------------


@dataclass(frozen=True)
class LicenceReading:
    """What stands on the photograph of a licence (name, number, representative); None where it is none."""

    found: Mapping[str, str] | None
    doubts: tuple[str, ...]
    engine: str


class Licences(Protocol):
    """Reads business licences, in a worker."""

    def read_licence(self, photograph: bytes, *, today: date) -> LicenceReading:
        """Raises Refusal `photo_unreadable` or `photo_too_large`."""


class Imprints(Protocol):
    """Makes a seal's photograph or scan into dots of one colour, in a worker."""

    def cleaned(self, photograph: bytes, *, name: str) -> Mark:
        """A mark of kind `seal`. Raises Refusal `photo_unreadable`, `photo_too_large` or `seal_not_red`."""


class Letters(Protocol):
    """Authorisation letters: contracts of ours that the legal representative signs."""

    def send(self, agent_id: str, facts: Facts, *, email: str | None, phone: str | None, language: str) -> str:
        """The id of the contract that is on its way. Raises Refusal for an address, or `cannot_send_now`."""

    def withdraw(self, agent_id: str, contract_id: str) -> None:
        """Nobody can sign it any more; nothing when it is over already."""


# --- telling the world -----------------------------------------------------------------------------------


class Feed(Protocol):
    """Live status. Lossy on purpose: it says that something changed, never what."""

    def changed(self, topics: Sequence[str]) -> None: ...


class Queue(Protocol):
    """Where committed errands are handed to workers. Disposable: SQL knows every errand."""

    def hand_over(self, errand_id: str, kind: str, argument: str) -> None: ...
