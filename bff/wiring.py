"""The composition root: the only file that knows which hands this house has.

`set_up` makes what must exist before anything starts (directories, secrets, keys, tables); it may run again at any time.
`build` makes a `House` from settings: nothing in it connects until it is used.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from redis import Redis

from bff import doctor, standing
from bff.archive.sites import FolderSites
from bff.cage import Cage
from bff.core.errors import Fault
from bff.core.identity import Channel
from bff.core.ports import Clock, Faces, Messenger, Payouts, Source, TradeRegister
from bff.feed import RedisFeed, connect
from bff.filing.shelf import Shelf
from bff.notify import messenger
from bff.outbox import RqQueue
from bff.passkeys import WebAuthnPasskeys
from bff.realname.account import Account
from bff.realname.enterprise import Enterprises
from bff.realname.letters import Letters
from bff.realname.payouts import HttpPayouts, NullPayouts
from bff.realname.person import Enrolment, Rules
from bff.realname.provider import Provider, read_key
from bff.realname.sources import HttpSource, NullSource
from bff.realname.trade import HttpRegister, NullRegister
from bff.settings import ELSEWHERE_ROOTS, Settings, owner_file
from bff.signing import keys, preparing
from bff.signing.authority import Authority, BadToken, EmbeddedTimestamps, UrlTimestamps, check_token
from bff.signing.bundle import fingerprint
from bff.signing.ceremony import Ceremony, Policy
from bff.signing.converting import found_office
from bff.signing.courier import Courier
from bff.signing.desk import Desk
from bff.signing.elsewhere import Elsewhere, provider
from bff.signing.history import History
from bff.signing.history import House as Vouching
from bff.signing.intake import Intake
from bff.signing.letter import LetterDesk
from bff.signing.links import Links
from bff.signing.pages import PRELOAD, CagedPages
from bff.signing.paper import HIDDEN_FONT, Paper
from bff.signing.preparing import CagedPreparation
from bff.signing.renewal import Renewal
from bff.signing.sealing import Sealing
from bff.signing.services import InOrder
from bff.store import Store
from bff.store.timebook import Given
from bff.store.unit import Announcement
from bff.throttle import Throttle

if TYPE_CHECKING:
    from bff.biometrics.faces import Eyes
    from bff.biometrics.id_document import DocumentReader
    from bff.biometrics.imprint import Imprinter
    from bff.biometrics.media import Media
    from bff.biometrics.vault import FaceVault
    from bff.signing.pades import PyhankoPades
    from bff.signing.reporting import Reporting

WEB = Path(__file__).parent.parent / "web"
FONTS = WEB / "vendor" / "fonts"
SECRETS = ("link.key", "code.key", "ticket.key", "session.key", "face.key")


class SystemClock:
    """The machine's clock. doctor compares it with the timestamp authority's."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def set_up(settings: Settings) -> None:
    """Directories, secrets (0600), the owner's link, the authority's keys, the tables."""
    os.umask(0o077)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("secrets", "run", "work", "inbox", "pages", "authority"):
        (settings.data_dir / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    for _, folder in sites(settings).items():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _one_at_a_time(settings.data_dir / "run" / "set-up.lock"):
        for name in SECRETS:
            _secret(settings.data_dir / "secrets" / name, lambda: secrets.token_bytes(32))
        house = build(settings)
        Authority.create(
            settings.data_dir / "authority",
            organisation=settings.organisation,
            crl_url=_crl_url(settings),
            now=house.clock.now(),
            passphrase=keys.passphrase(settings.key_passphrase_file),
        )
        _keep_seal_roots(settings)
        house.store.migrate()
        if not house.account.members():
            _secret(owner_file(settings), lambda: secrets.token_urlsafe(24).encode())
        house.store.close()
        standing.note(settings.data_dir, repr(settings))


def _keep_seal_roots(settings: Settings) -> None:
    """The roots in the operator's file of seal certificates, added to those of before: old seals stay verifiable."""
    if not settings.seal_certificates:
        return
    try:
        given = x509.load_pem_x509_certificates(keys.readable(settings.seal_certificates))
    except ValueError as error:
        raise keys.away("The file of BFF_SEAL_CERTIFICATES cannot be read as PEM certificates.") from error
    _add_seal_roots(settings, [c for c in given if c.issuer == c.subject])


def _add_seal_roots(settings: Settings, roots: Sequence[x509.Certificate]) -> None:
    known = _certificates(_seal_roots_file(settings))
    if new := [root for root in roots if root not in known]:
        content = b"".join(c.public_bytes(Encoding.PEM) for c in [*known, *new])
        keys.write(_seal_roots_file(settings), content)


def _seal_roots_file(settings: Settings) -> Path:
    return settings.data_dir / "authority" / ELSEWHERE_ROOTS


def _certificates(file: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(file.read_bytes()) if file.is_file() and file.stat().st_size else []


def sites(settings: Settings) -> Mapping[str, Path]:
    """Archive sites by name."""
    folders = [Path(s) for s in settings.sites] or [settings.data_dir / "site-a", settings.data_dir / "site-b"]
    return {chr(ord("A") + n): folder for n, folder in enumerate(folders)}


def build(settings: Settings, clock: Clock | None = None) -> "House":
    return House(settings, clock or SystemClock())


@dataclass
class House:
    """Every use case and every hand, made when first asked for."""

    settings: Settings
    clock: Clock

    # --- hands ---

    @cached_property
    def store(self) -> Store:
        url = self.settings.database_url or f"sqlite:///{self.settings.data_dir.absolute()}/countersign.db"
        return Store(url, self.clock, self._announce)

    @cached_property
    def redis(self) -> "Redis":
        return connect(self.settings.redis_url, self.settings.data_dir)

    @cached_property
    def archive(self) -> FolderSites:
        return FolderSites(sites(self.settings), quorum=2)

    @cached_property
    def cage(self) -> Cage:
        s = self.settings
        return Cage(s.cage_memory_megabytes, s.cage_cpu_seconds, s.cage_wall_seconds, preload=preparing.PRELOAD)

    @cached_property
    def drawing_cage(self) -> Cage:
        s = self.settings
        return Cage(s.cage_memory_megabytes, s.cage_cpu_seconds, s.cage_wall_seconds, preload=PRELOAD)

    @cached_property
    def authority(self) -> Authority:
        s = self.settings
        words = keys.passphrase(s.key_passphrase_file)
        return Authority(s.data_dir / "authority", s.organisation, _crl_url(s), words)

    @cached_property
    def own_timestamps(self) -> EmbeddedTimestamps:
        return EmbeddedTimestamps(self.authority, self.clock, self._write_down)

    @cached_property
    def outside_timestamps(self) -> InOrder | None:
        s = self.settings
        roots = [Path(s.tsa_roots).read_bytes()] if s.tsa_roots else []
        services = [UrlTimestamps(url, roots, s.tsa_timeout_seconds) for url in s.tsa_urls]
        return InOrder(services, self.clock) if services else None

    @cached_property
    def timestamps(self) -> EmbeddedTimestamps | InOrder:
        return self.outside_timestamps or self.own_timestamps

    def _write_down(self, serial: int, digest: bytes, moment: datetime, certificate: int) -> None:
        self.store.write_down(Given(serial=serial, digest=digest, at=moment, certificate=certificate))

    @cached_property
    def paper(self) -> Paper:
        return Paper(FONTS, hidden_font=HIDDEN_FONT)

    @cached_property
    def pades(self) -> "PyhankoPades":
        # pyHanko is large, and only the worker signs.
        from bff.signing.pades import PyhankoPades

        return PyhankoPades(
            self.authority,
            self.timestamps,
            self.paper,
            self.clock,
            roots=self._outside_roots,
            sealer=lambda: self.sealer,
            seal_roots=lambda: self.seal_roots,
        )

    @property
    def roots(self) -> tuple[bytes, ...]:
        """PEM: what a verifier of this house's files has to trust; an external timestamp service's are published by itself."""
        return (*self.authority.roots_pem(), *self.seal_roots)

    @property
    def seal_roots(self) -> tuple[bytes, ...]:
        return tuple(c.public_bytes(Encoding.PEM) for c in _certificates(_seal_roots_file(self.settings)))

    @cached_property
    def sealer(self) -> Elsewhere | None:
        """What the seal is signed with when its key is kept elsewhere."""
        s = self.settings
        if not s.seal_key:
            return None
        given = keys.readable(s.seal_certificates) if s.seal_certificates else b""
        signer = provider(s.seal_key, s.seal_key_secret_file, timeout=s.seal_timeout_seconds)
        return Elsewhere(
            signer,
            given=given,
            issue=lambda key: self.authority.certified(key, self.clock.now()),
            keep=lambda root: _add_seal_roots(s, [root]),
        )

    @property
    def _outside_roots(self) -> tuple[bytes, ...]:
        return self.outside_timestamps.roots if self.outside_timestamps else ()

    @cached_property
    def preparation(self) -> CagedPreparation:
        return CagedPreparation(self.cage, self.settings.data_dir / "work", FONTS)

    @cached_property
    def pages(self) -> CagedPages:
        return CagedPages(self.drawing_cage, self.settings.data_dir / "pages", self.archive.read)

    @cached_property
    def passkeys(self) -> WebAuthnPasskeys:
        s = self.settings
        return WebAuthnPasskeys(s.host, s.organisation, s.origin, ())

    @cached_property
    def messengers(self) -> Mapping[Channel, Messenger]:
        s = self.settings
        inbox = s.data_dir / "inbox"

        def carrier(url: str, channel: Channel) -> Messenger:
            return messenger(
                url,
                channel,
                inbox=inbox,
                sender=s.mail_from,
                public_url=s.public_url,
                organisation=s.organisation,
            )

        return {Channel.EMAIL: carrier(s.mail_url, Channel.EMAIL), Channel.SMS: carrier(s.sms_url, Channel.SMS)}

    @cached_property
    def throttle(self) -> Throttle:
        return Throttle(self.redis)

    @cached_property
    def feed(self) -> RedisFeed:
        return RedisFeed(self.redis)

    @cached_property
    def queue(self) -> RqQueue:
        return RqQueue(self.redis)

    @cached_property
    def links(self) -> Links:
        return Links(self.secret("link.key"), self.settings.public_url)

    # Faces and documents are judged in workers only: what they need is imported when it is asked for, not by pages.

    @cached_property
    def eyes(self) -> "Eyes":
        from bff.biometrics.faces import Eyes
        from bff.biometrics.pack import opened

        pack = self.settings.face_pack
        return Eyes(opened(Path(pack) if pack else None))

    @cached_property
    def media(self) -> "Media":
        from bff.biometrics.media import PRELOAD as READERS
        from bff.biometrics.media import Media

        s = self.settings
        return Media(Cage(s.cage_memory_megabytes, s.cage_cpu_seconds, s.cage_wall_seconds, preload=READERS))

    @cached_property
    def faces(self) -> Faces:
        from bff.biometrics.liveness import FaceJudge

        return FaceJudge(self.eyes, self.media)

    @cached_property
    def documents(self) -> "DocumentReader":
        from bff.biometrics.id_document import DocumentReader
        from bff.biometrics.ocr import Ocr

        return DocumentReader(self.eyes, self.media, Ocr(self.cage))

    @cached_property
    def imprints(self) -> "Imprinter":
        from bff.biometrics.imprint import Imprinter

        return Imprinter(self.media)

    @cached_property
    def face_vault(self) -> "FaceVault":
        from bff.biometrics.vault import FaceVault

        folder = self.settings.data_dir
        return FaceVault(folder / "faces", folder / "face-keys", self.secret("face.key"))

    @cached_property
    def source(self) -> Source:
        s = self.settings
        return HttpSource(self._provider(s.source_url, s.source_key_file)) if s.source_url else NullSource()

    @cached_property
    def trade_register(self) -> TradeRegister:
        s = self.settings
        return HttpRegister(self._provider(s.register_url, s.register_key_file)) if s.register_url else NullRegister()

    @cached_property
    def payouts(self) -> Payouts:
        s = self.settings
        return HttpPayouts(self._provider(s.payout_url, s.payout_key_file)) if s.payout_url else NullPayouts()

    def _provider(self, url: str, key_file: str) -> Provider:
        return Provider(url, read_key(key_file), timeout_seconds=self.settings.provider_timeout_seconds)

    # --- use cases ---

    @cached_property
    def enrolment(self) -> Enrolment:
        s = self.settings
        return Enrolment(
            store=self.store,
            documents=lambda: self.documents,
            faces=lambda: self.faces,
            vault=lambda: self.face_vault,
            source=self.source,
            rules=Rules(media_days=s.media_days, reviewers=2 if s.review_by_two else 1),
            throttle=self.throttle,
        )

    @cached_property
    def letters(self) -> Letters:
        return Letters(store=self.store, messengers=self.messengers, public_url=self.settings.public_url)

    @cached_property
    def desk(self) -> Desk:
        s = self.settings
        probe = "bff.signing.trial:probe"
        intake = Intake(
            self.cage,
            s.data_dir / "work",
            s.max_upload_megabytes * 1_000_000,
            s.max_pages,
            probe=probe,
            office=found_office(),
        )
        return Desk(
            store=self.store,
            clock=self.clock,
            intake=intake,
            archive=self.archive,
            preparation=self.preparation,
            pages=self.pages,
            timestamps=self.timestamps,
            links=self.links,
            ready=self.check_ready,
            verify_url=f"{s.public_url.rstrip('/')}/verify",
        )

    @cached_property
    def ceremony(self) -> Ceremony:
        s = self.settings
        policy = Policy(
            host=s.host,
            resend=timedelta(seconds=s.resend_seconds),
            link_lifetime=timedelta(days=s.link_days),
            codes_per_number=s.codes_per_number_per_hour,
            codes_per_address=s.codes_per_address_per_hour,
        )
        return Ceremony(
            store=self.store,
            clock=self.clock,
            archive=self.archive,
            links=self.links,
            passkeys=self.passkeys,
            sms=self.messengers[Channel.SMS],
            throttle=self.throttle,
            code_key=self.secret("code.key"),
            policy=policy,
            faces=lambda: self.faces,
            vault=lambda: self.face_vault,
            recordings=self.enrolment.recordings,
        )

    @cached_property
    def sealing(self) -> Sealing:
        return Sealing(store=self.store, archive=self.archive, pades=self.pades, links=self.links)

    @cached_property
    def reporting(self) -> "Reporting":
        from bff.signing.reporting import Reporting

        return Reporting(
            store=self.store,
            clock=self.clock,
            pades=lambda: self.pades,
            paper=lambda: self.paper,
            throttle=self.throttle,
            verify_url=f"{self.settings.public_url.rstrip('/')}/verify",
        )

    @cached_property
    def renewal(self) -> Renewal:
        return Renewal(
            store=self.store,
            archive=self.archive,
            pades=lambda: self.pades,
            sealing=lambda: self.sealing,
            rotate=self.authority.rotate_if_old,
        )

    @cached_property
    def history(self) -> History:
        outside = [self.outside_timestamps] if self.outside_timestamps else []
        return History(
            store=self.store,
            clock=self.clock,
            archive=self.archive,
            house=self._vouching,
            timestamps=[self.own_timestamps, *outside],
            every=timedelta(minutes=self.settings.history_minutes),
        )

    def _vouching(self) -> Vouching:
        roots = self.authority.roots_pem()
        return Vouching(
            fingerprint=fingerprint(roots[0]),
            sign=self.authority.vouch,
            certificate=lambda raw, given: self.authority.certificate_of(raw, given).public_bytes(Encoding.PEM),
            roots=(*self.roots, *self._outside_roots),
        )

    @cached_property
    def courier(self) -> Courier:
        return Courier(store=self.store, links=self.links, messengers=self.messengers)

    @cached_property
    def account(self) -> Account:
        s = self.settings
        return Account(
            store=self.store,
            passkeys=self.passkeys,
            messengers=self.messengers,
            throttle=self.throttle,
            code_key=self.secret("code.key"),
            owner_link=owner_file(s),
            host=s.host,
            session_lifetime=timedelta(days=s.session_days),
            codes_per_number=s.codes_per_number_per_hour,
            sign_ins_per_address=s.sign_in_per_address_per_hour,
        )

    @cached_property
    def enterprises(self) -> Enterprises:
        s = self.settings
        letters = LetterDesk(
            store=self.store,
            clock=self.clock,
            desk=self.desk,
            fonts=FONTS,
            work=s.data_dir / "work",
            organisation=s.organisation,
        )
        return Enterprises(
            store=self.store,
            clock=self.clock,
            archive=self.archive,
            payouts=self.payouts,
            register=self.trade_register,
            letters=letters,
            throttle=self.throttle,
            code_key=self.secret("code.key"),
        )

    @cached_property
    def shelf(self) -> Shelf:
        return Shelf(store=self.store, archive=self.archive)

    # --- what the house does by itself ---

    @cached_property
    def version(self) -> str:
        """Changes whenever a static file does: part of their addresses."""
        stamps = [f"{p.name}{p.stat().st_mtime_ns}" for p in sorted(WEB.rglob("*")) if p.is_file()]
        return hashlib.sha256("".join(stamps).encode()).hexdigest()[:10]

    def secret(self, name: str) -> bytes:
        try:
            return (self.settings.data_dir / "secrets" / name).read_bytes()
        except OSError as error:
            raise Fault(
                "secret_missing", what=f"The secret {name} is missing.", do="Run: python -m bff migrate"
            ) from error

    @property
    def secret_names(self) -> tuple[str, ...]:
        return SECRETS

    @property
    def sites(self) -> Mapping[str, Path]:
        return sites(self.settings)

    def proven_time(self, digest: bytes) -> datetime:
        """A fresh token's time, confirmed against the roots. Raises Fault `tsa_down`."""
        timestamps = self.timestamps
        try:
            return check_token(timestamps.timestamp(digest), digest, timestamps.roots)
        except BadToken as error:
            raise Fault(
                "tsa_down", what=f"Its token is not confirmed by its roots ({error}).", do="Check BFF_TSA_ROOTS."
            ) from error

    def check_ready(self) -> None:
        """What sealing needs, tried now by doctor's own lines. Raises the first Fault."""
        doctor.check_ready(self)

    def _announce(self, news: Announcement) -> None:
        """After a commit: errands to the workers, topics to the sockets. Best effort; the clock finds the rest."""
        for errand in news.errands:
            self.queue.hand_over(errand.id, errand.kind, errand.contract_id or "")
        if news.topics:
            self.feed.changed(news.topics)


def _crl_url(settings: Settings) -> str:
    return f"{settings.public_url.rstrip('/')}/authority/crl"


def _secret(path: Path, make: Callable[[], bytes]) -> None:
    """Written once, readable by us alone, on disk before it is used."""
    if path.exists():
        return
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(make())
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
