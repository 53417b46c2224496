"""The house's own certificate authority, its revocation lists, and time stamps (RFC 3161).

Two self-signed roots: one for signers and the seal, one for the time stamping certificate. Every leaf has its own
distribution point and a list whose only scope is that leaf and whose end is the leaf's end; this is the profile that
stays valid in validators that know proof of existence, long after everything has expired.

A signer's certificate lives ten years and is used once: its key is made in memory, signs, and is never written. The
revocation list that is final from the first day is honest only because of that.

Private keys are PEM files, mode 0600, in one folder that is made whole or not at all. Nothing here knows PDF.
"""

import os
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import httpx
from asn1crypto import cms as asn1_cms  # type: ignore[import-untyped]  # ships no types
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from rfc3161_client import TimeStampResponse, VerificationError, VerifierBuilder, decode_timestamp_response

from bff.core.errors import Fault
from bff.core.ports import Clock
from bff.signing import cms

ARC = "2.25.242388184400267224250795273426544236926"
"""Our object identifiers: the arc of one random UUID (ITU-T X.667), fixed for good. `.1` act, `.2` TSA policy."""
TSA_POLICY = f"{ARC}.2"

ROOT_LIFETIME = timedelta(days=30 * 365)
LEAF_LIFETIME = timedelta(days=10 * 365)
SKEW = timedelta(minutes=1)
"""Certificates begin a minute early, for readers whose clocks are a little behind."""
LONGEST_NAME = 64
"""Bytes in a name: X.520 says characters, many readers count bytes. Longer ones stand in full in the signed act."""
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
"""RFC 9336. Beside it emailProtection, without which NSS (pdfsig) trusts no signer."""
KEYS = ("signing-root", "tsa-root", "tsa", "seal")


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

    def __init__(self, directory: Path, organisation: str, crl_url: str) -> None:
        self._directory = directory
        self._organisation = organisation
        self._crl_url = crl_url.rstrip("/")
        self._leaves: dict[str, Leaf] = {}

    @classmethod
    def create(cls, directory: Path, *, organisation: str, crl_url: str, now: datetime) -> "Authority":
        """Roots, the TSA's and the seal's keys, made once; a folder that has them already is left as it is."""
        authority = cls(directory, organisation, crl_url)
        if not authority._made():
            authority._make(now)
        return authority

    def issue_signer(
        self,
        name: str,
        *,
        organisation: str | None = None,
        contract_id: str,
        signer_id: str,
        now: datetime,
    ) -> Leaf:
        """A one-shot key and a certificate in the signer's real name. The list is kept, the key is not."""
        subject = _person(name, organisation, contract_id=contract_id, signer_id=signer_id)
        root = self._entity("signing-root")
        leaf = self._issue(root, subject, now=now, purpose=_signing)
        _write(self._crl_path(leaf.certificate.serial_number), leaf.crl)
        return leaf

    @property
    def seal(self) -> Leaf:
        """The platform's own closing signature."""
        return self._leaf("seal", self._entity("signing-root").certificate)

    @property
    def tsa(self) -> Leaf:
        return self._leaf("tsa", self._entity("tsa-root").certificate)

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
        roots = (self._entity(name).certificate for name in ("signing-root", "tsa-root"))
        return tuple(root.public_bytes(serialization.Encoding.PEM) for root in roots)

    # --- making the folder -----------------------------------------------------------------------------

    def _made(self) -> bool:
        """Raises Fault when the folder holds part of an authority: nobody must make a second root over the first."""
        there = [name for name in KEYS if (self._directory / f"{name}.key.pem").is_file()]
        if there and len(there) < len(KEYS):
            raise Fault(
                "authority_incomplete",
                what=f"The authority's folder holds only {', '.join(there)}.",
                do="Restore the folder from a backup; new roots would not validate what the old ones signed.",
            )
        return bool(there)

    def _make(self, now: datetime) -> None:
        """Everything is written beside and moved into place in one step, so a crash leaves nothing half made."""
        whole, part = self._directory, self._directory.with_name(f".{self._directory.name}.{secrets.token_hex(4)}")
        (part / "crls").mkdir(parents=True, mode=0o700)
        part.chmod(0o700)
        try:
            self._fill(part, now)
            _sync_folder(part)
            if self._made():
                return
            os.rename(part, whole)
            _sync_folder(whole.parent)
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
        tsa = self._issue(stamping, self._house("Timestamps"), now=now, purpose=_stamping)
        seal = self._issue(signing, self._house("Seal"), now=now, purpose=_signing)
        for name, entity in zip(KEYS, (signing, stamping, tsa, seal), strict=True):
            _write(folder / f"{name}.key.pem", _key_pem(entity.key))
            _write(folder / f"{name}.pem", entity.certificate.public_bytes(serialization.Encoding.PEM))
        for leaf in (tsa, seal):
            _write(folder / "crls" / f"{leaf.certificate.serial_number:x}.crl", leaf.crl)

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
            _builder(name, name, key, now, ROOT_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return Leaf(key=key, certificate=certificate, root=certificate, crl=b"")

    # --- issuing -----------------------------------------------------------------------------------------

    def _issue(self, root: Leaf, subject: x509.Name, *, now: datetime, purpose: "Purpose") -> Leaf:
        key = ec.generate_private_key(ec.SECP256R1())
        serial = x509.random_serial_number()
        point = [x509.UniformResourceIdentifier(f"{self._crl_url}/{serial:x}.crl")]
        builder = _builder(subject, root.certificate.subject, key, now, LEAF_LIFETIME, serial)
        certificate = (
            purpose(builder)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_issuer_key(root), critical=False)
            .add_extension(x509.CRLDistributionPoints([x509.DistributionPoint(point, None, None, None)]), False)
            .sign(root.key, hashes.SHA256())
        )
        return Leaf(key=key, certificate=certificate, root=root.certificate, crl=_crl(root, certificate, point, now))

    def _entity(self, name: str) -> Leaf:
        return self._entities(name)

    @cached_property
    def _entities(self) -> Callable[[str], Leaf]:
        """Key and certificate of each name, read once, when first asked for."""
        known: dict[str, Leaf] = {}

        def read(name: str) -> Leaf:
            if name not in known:
                known[name] = self._read(name)
            return known[name]

        return read

    def _read(self, name: str) -> Leaf:
        try:
            key = serialization.load_pem_private_key((self._directory / f"{name}.key.pem").read_bytes(), None)
            certificate = x509.load_pem_x509_certificate((self._directory / f"{name}.pem").read_bytes())
        except (OSError, ValueError) as error:
            raise Fault(
                "authority_missing",
                what=f"The authority's {name} key or certificate cannot be read.",
                do="Run the set-up, or restore the authority's folder from a backup.",
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Fault("authority_missing", what=f"The {name} key is not a P-256 key.", do="Restore it from a backup.")
        return Leaf(key=key, certificate=certificate, root=certificate, crl=b"")

    def _leaf(self, name: str, root: x509.Certificate) -> Leaf:
        known = self._leaves.get(name)
        if known is None:
            entity = self._entity(name)
            crl = self.crl(f"{entity.certificate.serial_number:x}")
            known = self._leaves[name] = Leaf(key=entity.key, certificate=entity.certificate, root=root, crl=crl or b"")
        return known

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


def _person(name: str, organisation: str | None, *, contract_id: str, signer_id: str) -> x509.Name:
    """The signer's name as written, UTF-8; the two identifiers make the certificate's subject this one signature's."""
    whose = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, _cut(organisation))] if organisation else []
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
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
    serial: int | None = None,
) -> x509.CertificateBuilder:
    start = (now.astimezone(UTC) - SKEW).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
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


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Durable and whole: written beside with mode 0600, synced, moved into place."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- time -------------------------------------------------------------------------------------------------


class EmbeddedTimestamps:
    """RFC 3161 tokens made in this process by the authority's own TSA key; the time is the clock's."""

    room = 2048
    """Bytes that a token of ours never exceeds, for those who must reserve them beforehand."""

    def __init__(self, authority: Authority, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock

    def timestamp(self, digest: bytes, *, nonce: int | None = None) -> bytes:
        """A DER TimeStampToken over a SHA-256 digest; a nonce is for those who ask over a wire."""
        return cms.token(self._authority.tsa.hand, digest, moment=self._clock.now(), policy=TSA_POLICY, nonce=nonce)

    @property
    def longest(self) -> int:
        """Bytes that a token without a nonce never exceeds, to the point."""
        return cms.longest_token(self._authority.tsa.hand, policy=TSA_POLICY)

    @property
    def roots(self) -> tuple[bytes, ...]:
        return self._authority.roots_pem()[1:]


class UrlTimestamps:
    """An external TSA over HTTP (RFC 3161, section 3.4). Every answer is checked before it is used."""

    room = 12_288

    def __init__(self, url: str, roots: Sequence[bytes], timeout: float = 5.0) -> None:
        self._url = url
        self._roots = tuple(roots)
        self._timeout = timeout

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
        return token

    @property
    def roots(self) -> tuple[bytes, ...]:
        return self._roots

    def crl(self, certificate: bytes) -> bytes | None:
        """The revocation list of one of the TSA's certificates (both DER), from where the certificate says it is."""
        for address in _points(x509.load_der_x509_certificate(certificate)):
            try:
                answer = httpx.get(address, timeout=self._timeout)
                answer.raise_for_status()
                x509.load_der_x509_crl(answer.content)
            except (httpx.HTTPError, ValueError):
                continue
            return answer.content
        return None

    def _ask(self, request: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        try:
            answer = httpx.post(self._url, content=request, headers=headers, timeout=self._timeout)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise _down(f"It did not answer ({type(error).__name__}).") from error
        return answer.content


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
