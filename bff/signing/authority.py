"""The house's own certificate authority, its revocation lists, and time stamps (RFC 3161).

Two self-signed roots: one for signers and the seal, one for the time stamping certificate. Every leaf has its own
distribution point and a list whose only scope is that leaf and whose end is the leaf's end; this is the profile that
stays valid in validators that know proof of existence, long after everything has expired.

A signer's certificate lives ten years and is used once: its key is made in memory, signs, and is never written. The
revocation list that is final from the first day is honest only because of that.

The seal's and the time stamps' certificates come in generations under the same roots: `rotate` makes the next one and
destroys the keys of the one before; its certificates and lists stay. A key lies as `keys.py` says, in one folder that is
made whole or not at all; the time stamps' root key may be taken away. Nothing here knows PDF.
"""

import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import httpx
from asn1crypto import cms as asn1_cms  # type: ignore[import-untyped]  # ships no types
from asn1crypto import tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from rfc3161_client import TimeStampResponse, VerificationError, VerifierBuilder, decode_timestamp_response

from bff.core.errors import Fault
from bff.core.ports import Clock
from bff.signing import cms
from bff.signing.keys import Keys, opened, sync_folder, write

ARC = "2.25.242388184400267224250795273426544236926"
"""Our object identifiers: the arc of one random UUID (ITU-T X.667), fixed for good. `.1` act, `.2` TSA policy."""
TSA_POLICY = f"{ARC}.2"

ROOT_LIFETIME = timedelta(days=30 * 365)
LEAF_LIFETIME = timedelta(days=10 * 365)
TSA_LIFETIME = LEAF_LIFETIME
LAST_PART = 5
"""A generation is old when less than this part (a fifth) of its certificate's life is left."""
SKEW = timedelta(minutes=1)
"""Certificates begin a minute early, for readers whose clocks are a little behind."""
LONGEST_NAME = 64
"""Bytes in a name: X.520 says characters, many readers count bytes. Longer ones stand in full in the signed act."""
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
"""RFC 9336. Beside it emailProtection, without which NSS (pdfsig) trusts no signer."""
SERIAL_BITS = 95
"""Of chance in a serial number, which also names its list: it stands five times in a signature, each octet as two digits."""
KEYS = ("signing-root", "tsa-root", "tsa", "seal")
GENERATIONS = ("tsa", "seal")
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True)
class Leaf:
    """A key with its certificate, the root that issued it, and the revocation list of that certificate (DER)."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    root: x509.Certificate
    crl: bytes

    @cached_property
    def hand(self) -> cms.Hand:
        """What signs with it, the certificates encoded once."""
        return cms.Hand.of(self.certificate.public_bytes(serialization.Encoding.DER), self.key)


class Authority:
    """Issues certificates. `crl_url` is the address under which `crl()` is served, up to the serial number."""

    def __init__(self, directory: Path, organisation: str, crl_url: str, passphrase: bytes | None = None) -> None:
        self._directory = directory
        self._organisation = organisation
        self._crl_url = crl_url.rstrip("/")
        self._keys = Keys(directory, passphrase)
        self._known: dict[str, Leaf] = {}
        self._named: dict[str, list[str]] = {}
        self._seen = 0

    @classmethod
    def create(
        cls, directory: Path, *, organisation: str, crl_url: str, now: datetime, passphrase: bytes | None = None
    ) -> "Authority":
        """Roots, the TSA's and the seal's keys, made once. What is there already is kept, and with a passphrase, locked."""
        authority = cls(directory, organisation, crl_url, passphrase)
        if not authority._made():
            authority._make(now)
        authority._keys.lock_up()
        return authority

    def issue_signer(
        self,
        name: str,
        *,
        organisation: str | None = None,
        organisation_id: str | None = None,
        contract_id: str,
        signer_id: str,
        now: datetime,
    ) -> Leaf:
        """A one-shot key and a certificate in the signer's real name. The list is kept, the key is not."""
        subject = _person(name, organisation, organisation_id, contract_id=contract_id, signer_id=signer_id)
        root = self._entity("signing-root")
        leaf = self._issue(root, subject, now=now, purpose=_signing)
        write(self._crl_path(leaf.certificate.serial_number), leaf.crl)
        return leaf

    @property
    def seal(self) -> Leaf:
        """The platform's own closing signature, newest generation."""
        return self._entity(self._names("seal")[-1])

    def certified(self, key: PublicKey, now: datetime) -> tuple[x509.Certificate, x509.Certificate]:
        """A certificate of the house's own for a seal's key that is kept elsewhere, made once, and the signing root."""
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        name = f"elsewhere-{hashlib.sha256(spki).hexdigest()[:16]}"
        with self._alone():
            if not (self._directory / f"{name}.pem").is_file() or _old(self._certificate(name), now):
                root = self._entity("signing-root")
                made, crl = self._certify(root, self._house("Seal"), key, now=now, purpose=_signing)
                write(self._crl_path(made.serial_number), crl)
                write(self._directory / f"{name}.pem", made.public_bytes(serialization.Encoding.PEM))
        return self._certificate(name), self._certificate("signing-root")

    @property
    def tsa(self) -> Leaf:
        return self._entity(self._names("tsa")[-1])

    def certificates(self, what: str) -> tuple[x509.Certificate, ...]:
        """Every generation's certificate of `tsa` or `seal`, oldest first; or the one of a root."""
        names = self._names(what) if what in GENERATIONS else [what]
        return tuple(self._certificate(name) for name in names)

    def certificate_of(self, statement: bytes, signature: bytes) -> x509.Certificate:
        """The generation of the seal whose key signed this statement; the newest when none did."""
        newest_first = self.certificates("seal")[::-1]
        for certificate in newest_first:
            key = certificate.public_key()
            if isinstance(key, ec.EllipticCurvePublicKey) and _signed(key, statement, signature):
                return certificate
        return newest_first[0]

    def old(self, now: datetime) -> tuple[str, ...]:
        """Which of `tsa` and `seal` are in the last part of their life and should be rotated."""
        return tuple(what for what in GENERATIONS if _old(self.certificates(what)[-1], now))

    def rotate(self, now: datetime, *, only: Sequence[str] = GENERATIONS, tsa_root_key: Path | None = None) -> None:
        """The next generation of the time stamps' and the seal's key; the keys before are destroyed.

        `tsa_root_key`: where the time stamps' root key lies when it was taken away. Raises Fault `root_key_away`.
        """
        with self._alone():
            for what in only:
                self._rotate(what, now, tsa_root_key)

    def rotate_if_old(self, now: datetime) -> tuple[str, ...]:
        """What was rotated because its time had come; what needs a root key that is away is left to `doctor`."""
        with self._alone():
            due = [w for w in self.old(now) if self._keys.has(_root_of(w))]
            for what in due:
                self._rotate(what, now, None)
        return tuple(due)

    def take_root_key(self, folder: Path) -> Path:
        """Move the time stamps' root key out of the house; it is needed again to rotate. Raises Fault."""
        if not self._keys.has("tsa-root"):
            raise _away()
        taken = self._keys.path("tsa-root")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write(folder / taken.name, taken.read_bytes())
        write(self._away_path("tsa-root"), b"")
        self._keys.destroy("tsa-root")
        self._known.pop("tsa-root", None)
        return folder / taken.name

    @property
    def keys(self) -> Keys:
        return self._keys

    def vouch(self, statement: bytes) -> bytes:
        """The house's own signature (ECDSA over SHA-256, DER) under a statement, with the seal's key."""
        return self.seal.key.sign(statement, ec.ECDSA(hashes.SHA256()))

    def crl(self, serial_hex: str) -> bytes | None:
        """The revocation list (DER) of the certificate with this serial number, or None when it is not ours."""
        if not re.fullmatch(r"[0-9a-f]{1,40}", serial_hex):
            return None
        path = self._directory / "crls" / f"{serial_hex}.crl"
        return path.read_bytes() if path.is_file() else None

    def roots_pem(self) -> tuple[bytes, ...]:
        """The signing root and the TSA root."""
        return self._roots_pem

    @cached_property
    def _roots_pem(self) -> tuple[bytes, ...]:
        roots = (self._certificate(name) for name in KEYS[:2])
        return tuple(root.public_bytes(serialization.Encoding.PEM) for root in roots)

    # --- making the folder -----------------------------------------------------------------------------

    def _made(self) -> bool:
        """Raises Fault when the folder holds part of an authority: nobody must make a second root over the first."""
        there = [name for name in KEYS if self._accounted(name)]
        if there and len(there) < len(KEYS):
            raise Fault(
                "authority_incomplete",
                what=f"The authority's folder holds only {', '.join(there)}.",
                do="Restore the folder from a backup; new roots would not validate what the old ones signed.",
            )
        return bool(there)

    def _accounted(self, name: str) -> bool:
        """Its key is here, or a newer generation's, or it was taken away on purpose."""
        newest = (self._names(name) or [name])[-1] if name in GENERATIONS else name
        return self._keys.has(newest) or self._away_path(name).is_file()

    def _away_path(self, name: str) -> Path:
        return self._directory / f"{name}.away"

    def _make(self, now: datetime) -> None:
        """Everything is written beside and moved into place in one step, so a crash leaves nothing half made."""
        whole, part = self._directory, self._directory.with_name(f".{self._directory.name}.{secrets.token_hex(4)}")
        (part / "crls").mkdir(parents=True, mode=0o700)
        part.chmod(0o700)
        try:
            self._fill(part, now)
            sync_folder(part)
            if self._made():
                return
            os.rename(part, whole)
            sync_folder(whole.parent)
        except OSError as error:
            raise Fault(
                "authority_not_made",
                what=f"The authority's folder could not be written ({error.strerror}).",
                do="Check that the data directory is writable and the authority's folder empty, then start again.",
            ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _fill(self, folder: Path, now: datetime) -> None:
        signing = self._self_signed("Signing Root", now)
        stamping = self._self_signed("Timestamp Root", now)
        leaves = (self._generation("tsa", stamping, now), self._generation("seal", signing, now))
        for name, entity in zip(KEYS, (signing, stamping, *leaves), strict=True):
            self._keep(folder, name, entity)

    def _generation(self, what: str, root: Leaf, now: datetime) -> Leaf:
        if what == "tsa":
            return self._issue(root, self._house("Timestamps"), now=now, purpose=_stamping, lifetime=TSA_LIFETIME)
        return self._issue(root, self._house("Seal"), now=now, purpose=_signing)

    def _keep(self, folder: Path, name: str, entity: Leaf) -> None:
        """The certificate last: it is what makes a generation."""
        Keys(folder, self._keys.passphrase).write(name, entity.key)
        if entity.crl:
            write(folder / "crls" / f"{entity.certificate.serial_number:x}.crl", entity.crl)
        write(folder / f"{name}.pem", entity.certificate.public_bytes(serialization.Encoding.PEM))

    def _house(self, what: str) -> x509.Name:
        organisation = _cut(self._organisation)
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(NameOID.COMMON_NAME, _cut(f"{_cut(organisation, 48)} {what}")),
            ]
        )

    def _self_signed(self, what: str, now: datetime) -> Leaf:
        key = ec.generate_private_key(ec.SECP256R1())
        name = self._house(f"{what} {secrets.token_hex(2)}")
        certificate = (
            _builder(name, name, key.public_key(), now, ROOT_LIFETIME)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return Leaf(key=key, certificate=certificate, root=certificate, crl=b"")

    # --- generations ---------------------------------------------------------------------------------------

    def _names(self, what: str) -> list[str]:
        """`tsa`, `tsa-2`, `tsa-3` …: those that have a certificate, oldest first."""
        self._look_again()
        if what not in self._named:
            found = [p.name.removesuffix(".pem") for p in self._directory.glob(f"{what}*.pem")]
            numbered = [(int(m[1] or 1), name) for name in found if (m := re.fullmatch(rf"{what}(?:-(\d+))?", name))]
            self._named[what] = [name for _, name in sorted(numbered)] or [what]
        return self._named[what]

    def _rotate(self, what: str, now: datetime, away: Path | None) -> None:
        before = self._names(what)
        number = int(before[-1].removeprefix(what).lstrip("-") or 1) + 1
        self._keep(self._directory, f"{what}-{number}", self._generation(what, self._root(_root_of(what), away), now))
        for name in before:
            if self._keys.has(name):
                self._keys.destroy(name)

    def _root(self, name: str, away: Path | None) -> Leaf:
        if self._keys.has(name):
            return self._entity(name)
        if away is None or name != "tsa-root":
            raise _away()
        try:
            content = away.read_bytes()
        except OSError as error:
            raise _away() from error
        root = self._certificate(name)
        key = opened(content, self._keys.passphrase, name=name)
        if key.public_key() != root.public_key():
            raise _away()
        return Leaf(key=key, certificate=root, root=root, crl=b"")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One rotation at a time, whoever asks for it."""
        with (self._directory / ".rotation.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # --- issuing -----------------------------------------------------------------------------------------

    def _issue(
        self,
        root: Leaf,
        subject: x509.Name,
        *,
        now: datetime,
        purpose: "Purpose",
        lifetime: timedelta = LEAF_LIFETIME,
    ) -> Leaf:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, crl = self._certify(root, subject, key.public_key(), now=now, purpose=purpose, lifetime=lifetime)
        return Leaf(key=key, certificate=certificate, root=root.certificate, crl=crl)

    def _certify(
        self,
        root: Leaf,
        subject: x509.Name,
        key: PublicKey,
        *,
        now: datetime,
        purpose: "Purpose",
        lifetime: timedelta = LEAF_LIFETIME,
    ) -> tuple[x509.Certificate, bytes]:
        """A certificate, and its revocation list."""
        serial = secrets.randbits(SERIAL_BITS) | 1
        point = [x509.UniformResourceIdentifier(f"{self._crl_url}/{serial:x}.crl")]
        builder = _builder(subject, root.certificate.subject, key, now, lifetime, serial)
        certificate = (
            purpose(builder)
            .add_extension(_issuer_key(root), critical=False)
            .add_extension(x509.CRLDistributionPoints([x509.DistributionPoint(point, None, None, None)]), False)
            .sign(root.key, hashes.SHA256())
        )
        return certificate, _crl(root, certificate, point, now)

    def _entity(self, name: str) -> Leaf:
        """Key and certificate of that name, read once, and again when the folder has changed."""
        self._look_again()
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def _look_again(self) -> None:
        """Forgets what was read when another process has rotated. Revocation lists lie deeper and do not count."""
        with suppress(OSError):
            now = self._directory.stat().st_mtime_ns
            if now != self._seen:
                self._seen = now
                self._known.clear()
                self._named.clear()

    def _read(self, name: str) -> Leaf:
        certificate = self._certificate(name)
        crl = self.crl(f"{certificate.serial_number:x}") or b""
        what = name.split("-")[0]
        root = self._certificate(_root_of(what)) if what in GENERATIONS and name not in KEYS[:2] else certificate
        return Leaf(key=self._keys.read(name), certificate=certificate, root=root, crl=crl)

    def _certificate(self, name: str) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate((self._directory / f"{name}.pem").read_bytes())
        except (OSError, ValueError) as error:
            raise Fault(
                "authority_missing",
                what=f"The authority's {name} key or certificate cannot be read.",
                do="Run the set-up, or restore the authority's folder from a backup.",
            ) from error

    def _crl_path(self, serial: int) -> Path:
        return self._directory / "crls" / f"{serial:x}.crl"


Purpose = Callable[[x509.CertificateBuilder], x509.CertificateBuilder]


def _signing(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    purposes = x509.ExtendedKeyUsage([DOCUMENT_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION])
    return builder.add_extension(_usage(commitment=True), critical=True).add_extension(purposes, critical=False)


def _stamping(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    return builder.add_extension(_usage(), critical=True).add_extension(purposes, critical=True)


def _usage(*, certificates: bool = False, commitment: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _person(
    name: str, organisation: str | None, organisation_id: str | None = None, *, contract_id: str, signer_id: str
) -> x509.Name:
    """The signer's name as written, UTF-8; the two identifiers make the certificate's subject this one signature's."""
    whose = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, _cut(organisation))] if organisation else []
    if organisation_id:
        whose.append(x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, _printable(organisation_id)))
    return x509.Name(
        [
            *whose,
            x509.NameAttribute(NameOID.DN_QUALIFIER, _printable(contract_id)),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, _printable(signer_id)),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name(name)),
        ]
    )


def common_name(name: str) -> str:
    """The name as a certificate holds it."""
    return _cut(name)


def _cut(name: str, longest: int = LONGEST_NAME) -> str:
    clean = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", name).split()) or "-"
    if len(clean.encode()) <= longest:
        return clean
    return clean.encode()[: longest - len("…".encode())].decode(errors="ignore") + "…"


def _printable(identifier: str) -> str:
    return re.sub(r"[^A-Za-z0-9 '()+,\-./:=?]", "-", identifier)[:LONGEST_NAME] or "-"


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: PublicKey,
    now: datetime,
    lifetime: timedelta,
    serial: int | None = None,
) -> x509.CertificateBuilder:
    start = (now.astimezone(UTC) - SKEW).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + lifetime)
    )


def _issuer_key(root: Leaf) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key())


def _crl(
    root: Leaf, certificate: x509.Certificate, point: Sequence[x509.UniformResourceIdentifier], now: datetime
) -> bytes:
    """An empty list for one certificate, fresh to that certificate's last second and not one longer."""
    scope = x509.IssuingDistributionPoint(
        full_name=point,
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.certificate.subject)
        .last_update((now.astimezone(UTC) - SKEW).replace(microsecond=0))
        .next_update(certificate.not_valid_after_utc)
        .add_extension(_issuer_key(root), critical=False)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(scope, critical=True)
        .sign(root.key, hashes.SHA256())
    )
    return crl.public_bytes(serialization.Encoding.DER)


def _root_of(what: str) -> str:
    return "tsa-root" if what == "tsa" else "signing-root"


def _old(certificate: x509.Certificate, now: datetime) -> bool:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return ends - now < (ends - begins) / LAST_PART


def _signed(key: ec.EllipticCurvePublicKey, statement: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, statement, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _away() -> Fault:
    return Fault(
        "root_key_away",
        what="A root key that is needed is not in the authority's folder.",
        do="Give the file that was taken away: python -m bff authority rotate --tsa-root-key FILE",
    )


# --- time -------------------------------------------------------------------------------------------------


Book = Callable[[int, bytes, datetime, int], None]
"""Keeps a token's serial number, digest, time, and its certificate's serial number. Raises Fault when it cannot."""


class EmbeddedTimestamps:
    """RFC 3161 tokens made in this process by the authority's own TSA key; the time is the clock's."""

    room = 2048
    """Bytes that a token of ours never exceeds, for those who must reserve them beforehand."""

    def __init__(self, authority: Authority, clock: Clock, book: "Book | None" = None) -> None:
        self._authority = authority
        self._clock = clock
        self._book = book

    def timestamp(self, digest: bytes, *, nonce: int | None = None) -> bytes:
        """A DER TimeStampToken over a SHA-256 digest; a nonce is for those who ask over a wire.

        Written into the book before it leaves our hands: its serial number, what it is over, when, and who signed.
        """
        tsa, moment, serial = self._authority.tsa, self._clock.now(), secrets.randbits(127) | 1
        made = cms.token(tsa.hand, digest, moment=moment, policy=TSA_POLICY, serial=serial, nonce=nonce)
        if self._book is not None:
            self._book(serial, digest, moment, tsa.certificate.serial_number)
        return made

    @property
    def longest(self) -> int:
        """Bytes that a token without a nonce never exceeds, to the point."""
        return cms.longest_token(self._authority.tsa.hand, policy=TSA_POLICY)

    @property
    def roots(self) -> tuple[bytes, ...]:
        return self._authority.roots_pem()[1:]


ROOM_TO_SPARE = 256
"""Bytes that a token may be longer than the longest one so far."""


class UrlTimestamps:
    """An external TSA over HTTP (RFC 3161, section 3.4). Every answer is checked before it is used."""

    room = 12_288

    def __init__(self, url: str, roots: Sequence[bytes], timeout: float = 5.0) -> None:
        self._url = url
        self._roots = tuple(roots)
        self._timeout = timeout
        self._seen = 0

    def timestamp(self, digest: bytes) -> bytes:
        """A DER TimeStampToken over a SHA-256 digest. Raises Fault `tsa_down`, whatever went wrong."""
        nonce = secrets.randbits(63) | 1
        answer = self._ask(_request(digest, nonce))
        try:
            response = decode_timestamp_response(answer)
            _check(response, digest, self._roots, nonce=nonce)
            token = bytes(response.time_stamp_token())
        except (ValueError, VerificationError) as error:
            raise _down(f"Its answer is not an acceptable time stamp ({error}).") from error
        if len(token) > self.room:
            raise _down(f"Its token of {len(token)} bytes is larger than the {self.room} we reserve.")
        self._seen = max(self._seen, len(token) + ROOM_TO_SPARE)
        return token

    @property
    def url(self) -> str:
        return self._url

    @property
    def longest(self) -> int | None:
        """Bytes to reserve for the next token, once one has been seen: a service's tokens differ by little."""
        return min(self._seen, self.room) or None

    @property
    def roots(self) -> tuple[bytes, ...]:
        return self._roots

    def crl(self, certificate: bytes) -> bytes | None:
        """The revocation list of one of the TSA's certificates (both DER), from where the certificate says it is."""
        return fetched_crl(certificate, self._timeout)

    def _ask(self, request: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        try:
            answer = httpx.post(self._url, content=request, headers=headers, timeout=self._timeout)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise _down(f"It did not answer ({type(error).__name__}).") from error
        return answer.content


def fetched_crl(certificate: bytes, timeout: float) -> bytes | None:
    """The revocation list of a certificate (both DER), from where the certificate says it is."""
    for address in _points(x509.load_der_x509_certificate(certificate)):
        try:
            answer = httpx.get(address, timeout=timeout)
            answer.raise_for_status()
            x509.load_der_x509_crl(answer.content)
        except (httpx.HTTPError, ValueError):
            continue
        return answer.content
    return None


def _points(certificate: x509.Certificate) -> list[str]:
    """Web addresses of a certificate's revocation list."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    names = [name for point in points for name in point.full_name or ()]
    return [n.value for n in names if isinstance(n, x509.UniformResourceIdentifier) and n.value.startswith("http")]


def _request(digest: bytes, nonce: int) -> bytes:
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest}
    query = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, "nonce": nonce, "cert_req": True})
    return bytes(query.dump())


def _down(what: str) -> Fault:
    return Fault(
        "tsa_down",
        what=f"The time stamp service cannot be used. {what}",
        do="Check BFF_TSA_URL and BFF_TSA_ROOTS, or that the service is up; what waits for it is raised later.",
    )


class BadToken(Exception):
    """A time stamp token does not prove what it is said to prove."""


def check_token(token: bytes, digest: bytes, roots: Sequence[bytes]) -> datetime:
    """The time that an RFC 3161 token proves for a SHA-256 digest, judged offline against PEM roots.

    The certificate has to have been valid at that time, not now. Raises BadToken.
    """
    try:
        response = decode_timestamp_response(_granted(token))
        _check(response, digest, roots)
    except (ValueError, VerificationError) as error:
        raise BadToken(str(error)) from error
    return response.tst_info.gen_time.astimezone(UTC)


def _granted(token: bytes) -> bytes:
    """A token as the response that brought it: the checker wants one."""
    granted = tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": asn1_cms.ContentInfo.load(token)})
    return bytes(granted.dump())


def _check(response: TimeStampResponse, digest: bytes, roots: Sequence[bytes], *, nonce: int | None = None) -> None:
    certificates = [c for pem in roots for c in x509.load_pem_x509_certificates(pem)]
    if response.tst_info.message_imprint.hash_algorithm.dotted_string != "2.16.840.1.101.3.4.2.1":
        raise VerificationError("not a SHA-256 imprint")
    VerifierBuilder(roots=certificates, nonce=nonce).build().verify(response, digest)
