"""Every setting of the house in one frozen dataclass, read once by an entrance from the environment.

Names carry their units. `from_environment` reads `BFF_<NAME IN CAPITALS>`; docs/operating.md documents each one (a test
compares). Secrets are never settings: they are files under `data_dir/secrets`, mode 0600, made at set-up.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "BFF_"
ELSEWHERE_ROOTS = "elsewhere-roots.pem"
"""In the authority's folder: the roots above the certificates of seal keys that are, or were, kept elsewhere."""


@dataclass(frozen=True)
class Settings:
    """What an operator can choose. Defaults make a house for one machine."""

    data_dir: Path = Path("data")
    development: bool = False
    """Development conveniences: /dev/inbox, plain http. Never set in production."""

    public_url: str = "http://localhost:8000"
    """The address people use. WebAuthn's RP ID and origin, links and the `@host #code` line come from it."""
    extra_hosts: tuple[str, ...] = ()
    """More host names to answer to (health checks, a LAN address), comma separated."""
    proxy_hops: int = 0
    """How many trusted proxies in front set X-Forwarded-For/-Proto/-Host."""
    port: int = 8000
    live_port: int = 0
    """Port of the live unit when no proxy routes /live; 0: same origin."""

    database_url: str = ""
    """Empty: SQLite under data_dir. Else a SQLAlchemy URL, e.g. postgresql+psycopg://…"""
    redis_url: str = ""
    """Empty: the embedded Valkey's socket under data_dir."""
    sites: tuple[str, ...] = ()
    """Archive sites (folders), comma separated; empty: data_dir/site-a and data_dir/site-b."""

    tsa_url: str = ""
    """Empty: the embedded timestamp authority. Else RFC 3161 URLs, comma separated, tried in order."""
    tsa_roots: str = ""
    """PEM file with the root certificates of all external TSAs."""
    tsa_timeout_seconds: float = 5.0

    key_passphrase_file: str = ""
    """A file whose first line encrypts the authority's private keys. Empty: they lie plain, mode 0600."""

    seal_key: str = ""
    """Empty: the seal is signed with the authority's own key. Else where it is kept: pkcs11:…, csc+https://…, kms+https://…"""
    seal_key_secret_file: str = ""
    """A file with what the provider of that key asks for: the PIN, or a JSON object."""
    seal_certificates: str = ""
    """PEM file with that key's certificate and those above it. Empty: the provider's, else one that the house issues."""
    seal_timeout_seconds: float = 10.0

    organisation: str = "Countersign"
    """Whose house this is: shown to signers and written into the seal's certificate."""
    mail_url: str = "inbox:"
    """inbox: (development), smtp://user:pass@host:587, smtps://…, or an apprise URL."""
    mail_from: str = "Countersign <no-reply@localhost>"
    sms_url: str = "inbox:"
    """inbox: (development), twilio://SID:TOKEN@host/?from=+1…, or an apprise URL."""

    face_pack: str = ""
    """Empty: the pack that set-up builds. Else a folder with an InsightFace pack and its thresholds.json."""

    source_url: str = ""
    """An authoritative source that confirms name and number, over https. Empty: levels say that none was asked."""
    source_key_file: str = ""
    """A file whose first line is NAME SECRET: the key shared with that source."""
    register_url: str = ""
    """A trade register that knows enterprises, over https. Empty: pages and evidence say that none was asked."""
    register_key_file: str = ""
    """The same kind of file for that register."""
    payout_url: str = ""
    """A bank that pays small sums, over https. Empty: enterprises are not asked to prove a bank account."""
    payout_key_file: str = ""
    """The same kind of file for that bank."""
    provider_timeout_seconds: float = 8.0

    media_days: int = 30
    """How long photographs of documents and face videos are kept; a description of the face is kept for a year."""
    review_by_two: bool = False
    """Whether two people have to accept what only a human can decide about somebody's identity."""

    max_upload_megabytes: int = 60
    max_pages: int = 300
    cage_memory_megabytes: int = 2048
    cage_cpu_seconds: int = 20
    cage_wall_seconds: int = 30

    job_memory_megabytes: int = 2048
    """What one job of a worker may take besides what the worker has loaded."""

    session_days: int = 30
    link_days: int = 180
    resend_seconds: int = 60
    codes_per_number_per_hour: int = 5
    codes_per_address_per_hour: int = 20
    sign_in_per_address_per_hour: int = 60
    sockets_per_person: int = 8
    errand_lease_seconds: int = 60
    """An errand handed to a worker and not finished after this long is handed over again; every job may run twice."""
    history_minutes: int = 60
    """How often the tree over all contracts gets a new head, when anything happened."""
    clock_seconds: float = 5.0
    """How often the clock looks for due errands, deadlines and reminders."""
    log_level: str = "INFO"

    @property
    def tsa_urls(self) -> tuple[str, ...]:
        return tuple(url.strip() for url in self.tsa_url.split(",") if url.strip())

    @property
    def origin(self) -> str:
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def host(self) -> str:
        """Host name without port: WebAuthn's RP ID (WebAuthn L3, section 5.1.2)."""
        return urlsplit(self.public_url).hostname or "localhost"

    @property
    def https(self) -> bool:
        return urlsplit(self.public_url).scheme == "https"


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `BFF_…` variables. Raises ValueError naming the variable that cannot be read."""
    env = os.environ if environment is None else environment
    given = {f.name: env[PREFIX + f.name.upper()] for f in fields(Settings) if PREFIX + f.name.upper() in env}
    return Settings(**{name: _read(name, text) for name, text in given.items()})


def _read(name: str, text: str) -> Any:
    default = getattr(Settings, name)
    try:
        if isinstance(default, bool):
            return {"1": True, "true": True, "0": False, "false": False, "": False}[text.lower()]
        if isinstance(default, tuple):
            return tuple(part.strip() for part in text.split(",") if part.strip())
        return type(default)(text) if not isinstance(default, Path) else Path(text)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{PREFIX}{name.upper()} cannot be read: {text!r}") from error


def owner_file(settings: Settings) -> Path:
    """Where the first owner's one-time secret waits, as long as nobody owns the house."""
    return settings.data_dir / "secrets" / "owner.link"


def owner_link(settings: Settings) -> str | None:
    """The one-time link that makes the owner; None once there is one."""
    try:
        return f"{settings.public_url.rstrip('/')}/claim/{owner_file(settings).read_text().strip()}"
    except OSError:
        return None
