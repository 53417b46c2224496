"""The tables. Shapes only: what the rows mean is said in `core`, how they are read and written in `unit.py`.

Times are UTC and come back aware. Digests are hex. JSON columns hold what nobody searches. Every table here has its twin
in `migrations/`; a test compares the two.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, ForeignKey, LargeBinary, MetaData, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Utc(TypeDecorator[datetime]):
    """An aware UTC time, also on SQLite, which forgets zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: Utc(), dict[str, Any]: JSON(), list[Any]: JSON(), bytes: LargeBinary()}


Id = String(40)
Digest = String(64)


class PersonRow(Table):
    __tablename__ = "people"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(20))
    role: Mapped[str | None] = mapped_column(String(20))
    handle: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    face_generation: Mapped[int] = mapped_column(default=0, server_default="0")
    """Of the key under which media of this person are kept; raised by each erasure."""


class ContactRow(Table):
    """A verified way to reach a person; an address belongs to one person only."""

    __tablename__ = "contacts"
    value: Mapped[str] = mapped_column(String(320), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    verified_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    """When its person last entered a code that was sent there; a link that was followed is less."""


class PasskeyRow(Table):
    __tablename__ = "passkeys"
    credential_id: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int]
    backed_up: Mapped[bool]
    transports: Mapped[list[Any]]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    link_address: Mapped[str | None] = mapped_column(String(320))
    """Where the link went through which it was set up; None when its person was signed in."""
    link_signer: Mapped[str | None] = mapped_column(Id)
    """Whose link it was: the signer of one contract."""
    kept_at: Mapped[datetime | None]
    """When its person, signed in, said that it is theirs."""


class SessionRow(Table):
    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(Digest, primary_key=True)
    id: Mapped[str] = mapped_column(Id, unique=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    device: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(64))


class ChallengeRow(Table):
    """One open question to a person who signs in or claims the house: a passkey challenge or a code's verifier."""

    __tablename__ = "challenges"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    person_id: Mapped[str | None] = mapped_column(Id)
    contact: Mapped[str | None] = mapped_column(String(320), index=True)
    secret: Mapped[bytes]
    details: Mapped[dict[str, Any]]
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SavedMarkRow(Table):
    __tablename__ = "saved_marks"
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), primary_key=True)
    mark: Mapped[dict[str, Any]]
    saved_at: Mapped[datetime]


class ContractRow(Table):
    __tablename__ = "contracts"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    title: Mapped[str] = mapped_column(String(300))
    state: Mapped[str] = mapped_column(String(20), index=True)
    upload: Mapped[dict[str, Any] | None]
    shown: Mapped[dict[str, Any] | None]
    document: Mapped[dict[str, Any] | None]
    pages: Mapped[list[Any]]
    deadline: Mapped[datetime | None] = mapped_column(index=True)
    timezone: Mapped[str] = mapped_column(String(60))
    message: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(20))
    level: Mapped[str | None] = mapped_column(String(10))
    stamped_until: Mapped[datetime | None]
    renew_at: Mapped[datetime | None] = mapped_column(index=True)
    stuck_reason: Mapped[str | None] = mapped_column(String(80))
    resume: Mapped[str | None] = mapped_column(String(20))
    notes: Mapped[list[Any]]
    folder: Mapped[str] = mapped_column(String(120), default="", index=True)
    search: Mapped[str] = mapped_column(Text)
    evidence_seq: Mapped[int] = mapped_column(default=0)
    evidence_head: Mapped[bytes]
    logged_seq: Mapped[int] = mapped_column(default=0, server_default="0")
    """How many entries of the evidence the tree's newest leaf of this contract covers."""
    created_at: Mapped[datetime] = mapped_column(index=True)
    changed_at: Mapped[datetime] = mapped_column(index=True)
    sent_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class SignerRow(Table):
    __tablename__ = "signers"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey("contracts.id"), index=True)
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(320), index=True)
    phone: Mapped[str | None] = mapped_column(String(32), index=True)
    language: Mapped[str] = mapped_column(String(20))
    order: Mapped[int] = mapped_column("turn_order")
    is_sender: Mapped[bool]
    state: Mapped[str] = mapped_column(String(20))
    applied: Mapped[bool]
    shown_sha256: Mapped[str | None] = mapped_column(Digest)
    needs: Mapped[str] = mapped_column(String(30), default="contact", server_default="contact")
    """The least that has to be known of who this is."""
    organisation: Mapped[str] = mapped_column(String(200), default="", server_default="")
    """For which enterprise; empty: for themselves."""
    organisation_id: Mapped[str] = mapped_column(String(80), default="", server_default="")
    link_generation: Mapped[int]
    link_hash: Mapped[str | None] = mapped_column(Digest, unique=True)
    choice: Mapped[dict[str, Any] | None]


class FieldRow(Table):
    __tablename__ = "fields"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey("contracts.id"), index=True)
    signer_id: Mapped[str] = mapped_column(ForeignKey("signers.id"))
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    page: Mapped[int]
    x: Mapped[int]
    y: Mapped[int]
    w: Mapped[int]
    h: Mapped[int]
    required: Mapped[bool]
    label: Mapped[str] = mapped_column(String(200))


class IntentRow(Table):
    """A statement that a signer may still confirm. `state`: open, used or void."""

    __tablename__ = "intents"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey("contracts.id"), index=True)
    signer_id: Mapped[str] = mapped_column(ForeignKey("signers.id"), index=True)
    method: Mapped[str] = mapped_column(String(20))
    raw: Mapped[bytes]
    state: Mapped[str] = mapped_column(String(10))
    details: Mapped[dict[str, Any]]
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class ActRow(Table):
    """What a signer did: one a signer, never changed."""

    __tablename__ = "acts"
    signer_id: Mapped[str] = mapped_column(ForeignKey("signers.id"), primary_key=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey("contracts.id"), index=True)
    intent: Mapped[bytes]
    method: Mapped[str] = mapped_column(String(20))
    proof: Mapped[dict[str, Any]]
    identity: Mapped[dict[str, Any]]
    mark: Mapped[dict[str, Any]]
    values: Mapped[dict[str, Any]] = mapped_column("field_values")
    language: Mapped[str] = mapped_column(String(20))
    evidence_head: Mapped[str] = mapped_column(Digest)
    signed_at: Mapped[datetime]


class EvidenceRow(Table):
    __tablename__ = "evidence"
    contract_id: Mapped[str] = mapped_column(ForeignKey("contracts.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    raw: Mapped[bytes]
    head: Mapped[bytes]


class RevisionRow(Table):
    """Every revision of the PDF that anybody was ever shown or given."""

    __tablename__ = "revisions"
    contract_id: Mapped[str] = mapped_column(ForeignKey("contracts.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(Digest, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    size: Mapped[int]
    level: Mapped[str | None] = mapped_column(String(10))
    created_at: Mapped[datetime]


class ReportRow(Table):
    """An evidence report that somebody asked for, and its sealed PDF once it is made."""

    __tablename__ = "reports"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey("contracts.id"), index=True)
    account: Mapped[dict[str, Any]]
    content: Mapped[bytes | None]
    reason: Mapped[str | None] = mapped_column(String(80))
    asked_at: Mapped[datetime]


class ErrandRow(Table):
    """A committed wish to run a job. `parked`: given up for now, somebody has to look."""

    __tablename__ = "errands"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    contract_id: Mapped[str | None] = mapped_column(ForeignKey("contracts.id"), index=True)
    signer_id: Mapped[str | None] = mapped_column(Id)
    details: Mapped[dict[str, Any]]
    due_at: Mapped[datetime] = mapped_column(index=True)
    handed_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None] = mapped_column(index=True)
    parked: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]


class MessageRow(Table):
    """A message that a provider took, and what it later said of its delivery."""

    __tablename__ = "messages"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    errand_id: Mapped[str | None] = mapped_column(Id, unique=True)
    contract_id: Mapped[str | None] = mapped_column(ForeignKey("contracts.id"), index=True)
    signer_id: Mapped[str | None] = mapped_column(Id)
    channel: Mapped[str] = mapped_column(String(10))
    template: Mapped[str] = mapped_column(String(40))
    to: Mapped[str] = mapped_column("recipient", String(320))
    provider: Mapped[str] = mapped_column(String(40))
    provider_id: Mapped[str] = mapped_column(String(200), index=True)
    status: Mapped[str] = mapped_column(String(40))
    receipts: Mapped[list[Any]]
    created_at: Mapped[datetime]


class LabelRow(Table):
    __tablename__ = "labels"
    contract_id: Mapped[str] = mapped_column(ForeignKey("contracts.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), primary_key=True)
    label: Mapped[str] = mapped_column(String(60), primary_key=True)


class ReplicaRow(Table):
    __tablename__ = "replicas"
    sha256: Mapped[str] = mapped_column(Digest, primary_key=True)
    site: Mapped[str] = mapped_column(String(40), primary_key=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey("contracts.id"), index=True)
    verified_at: Mapped[datetime]


class TreeLeafRow(Table):
    """One leaf of the tree over all chains; `position` counts from 0 without gaps. `contract_id` may be a chronicle's subject."""

    __tablename__ = "tree_leaves"
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    contract_id: Mapped[str] = mapped_column(Id, index=True)
    seq: Mapped[int]
    head: Mapped[bytes]


class TreeNodeRow(Table):
    """A complete subtree; written once."""

    __tablename__ = "tree_nodes"
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes]


class TreeHeadRow(Table):
    """A head of the tree. Without a signature it still waits for the timestamp service or the sites."""

    __tablename__ = "tree_heads"
    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    raw: Mapped[bytes]
    signature: Mapped[bytes | None]
    tokens: Mapped[list[Any]]
    sites: Mapped[list[Any]]
    created_at: Mapped[datetime]


class TimeStampRow(Table):
    """A time stamp token that the embedded authority gave out. Append-only: the database refuses changes."""

    __tablename__ = "time_stamps"
    serial: Mapped[str] = mapped_column(Id, primary_key=True)
    """Hexadecimal, as in the token."""
    digest: Mapped[bytes]
    """What it is over, SHA-256."""
    at: Mapped[datetime] = mapped_column(index=True)
    certificate: Mapped[str] = mapped_column(Id, index=True)
    """Serial number of the certificate that signed it, hexadecimal."""


class ChronicleRow(Table):
    """What happened to a person or an enterprise as such: a chain for each, like a contract's evidence. Append-only."""

    __tablename__ = "chronicle"
    subject: Mapped[str] = mapped_column(String(60), primary_key=True)
    """`person:ID` or `enterprise:ID`."""
    seq: Mapped[int] = mapped_column(primary_key=True)
    raw: Mapped[bytes]
    head: Mapped[bytes] = mapped_column(index=True)


class ChronicleWaitingRow(Table):
    """An entry of a chronicle that is no leaf of the tree yet. The database itself adds one with every entry."""

    __tablename__ = "chronicle_waiting"
    subject: Mapped[str] = mapped_column(String(60), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class CheckRow(Table):
    """One check of who a person is. `media` names what lies in the vault; `value` is the rest of the state."""

    __tablename__ = "checks"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    contract_id: Mapped[str | None] = mapped_column(ForeignKey("contracts.id"), index=True)
    signer_id: Mapped[str | None] = mapped_column(Id)
    token_hash: Mapped[str] = mapped_column(Digest, unique=True)
    begun_by: Mapped[str] = mapped_column(String(20), server_default="link")
    state: Mapped[str] = mapped_column(String(20), index=True)
    value: Mapped[dict[str, Any]]
    media: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class IdentityRow(Table):
    """Who a person was found to be, once for each check that passed; the newest that still holds counts."""

    __tablename__ = "identities"
    check_id: Mapped[str] = mapped_column(ForeignKey("checks.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    level: Mapped[str] = mapped_column(String(30))
    name: Mapped[str] = mapped_column(String(200))
    document: Mapped[str] = mapped_column(String(30))
    attended_by: Mapped[str | None] = mapped_column(Id)
    checked_at: Mapped[datetime]
    valid_until: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    facts: Mapped[dict[str, Any]]
    media: Mapped[dict[str, Any]]


class FaceVideoRow(Table):
    """A challenge that was issued and the recording that answers it, which arrives in pieces. `state`: open, judging, over."""

    __tablename__ = "face_videos"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    check_id: Mapped[str | None] = mapped_column(ForeignKey("checks.id"), index=True)
    intent_id: Mapped[str | None] = mapped_column(Id, index=True)
    challenge: Mapped[bytes]
    nonce: Mapped[bytes]
    state: Mapped[str] = mapped_column(String(10))
    mime: Mapped[str] = mapped_column(String(60))
    pieces: Mapped[list[Any]]
    size: Mapped[int]
    committed_sha256: Mapped[str | None] = mapped_column(Digest)
    """What the page held itself to before it sent anything, and the length in bytes."""
    committed_bytes: Mapped[int | None]
    committed_at: Mapped[datetime | None]
    sha256: Mapped[str | None] = mapped_column(Digest, index=True)
    trace: Mapped[str] = mapped_column(Text)
    verdict: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class EnterpriseRow(Table):
    """An enterprise; `value` is its whole state, the columns beside it are what is looked for."""

    __tablename__ = "enterprises"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    identifier: Mapped[str] = mapped_column(String(80), index=True)
    """As in a certificate: NTRCN-…"""
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20))
    proving: Mapped[bool] = mapped_column(index=True)
    value: Mapped[dict[str, Any]]
    private: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class EnterpriseMemberRow(Table):
    """Who has a part in an enterprise, to find it by the person."""

    __tablename__ = "enterprise_members"
    enterprise_id: Mapped[str] = mapped_column(ForeignKey("enterprises.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(20))


class EnterpriseSealRow(Table):
    """What a seal draws; never changed."""

    __tablename__ = "enterprise_seals"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    enterprise_id: Mapped[str] = mapped_column(ForeignKey("enterprises.id"), index=True)
    mark: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
