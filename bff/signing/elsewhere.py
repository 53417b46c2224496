"""The seal signed with a key that is not in this house: in a hardware module, at a remote signing service, in a cloud.

The certificates are the operator's (a file), or the provider's, or, where neither names any, one that the house's own signing
root issues for that key. Whatever the provider answers is checked before it is believed: the key belongs to the certificate, the
certificates make a path to a root, each signature verifies. Any failure is a Fault: what is to be sealed waits for it, and
nothing is ever sealed with another key instead.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from bff.core.errors import Fault
from bff.core.ports import RawSigner
from bff.signing import cms
from bff.signing.keys import away

SMALLEST_RSA_BITS, LARGEST_RSA_BITS = 2048, 4096
LONGEST_PATH = 6
KINDS = ("pkcs11:", "csc+", "kms+")
HERE = ("127.0.0.1", "localhost", "::1")
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM

Key = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def provider(address: str, secret_file: str, *, timeout: float) -> RawSigner:
    """The one that `BFF_SEAL_KEY` names. Raises Fault `seal_key_away`. Nothing is asked of it yet."""
    secret = _secret(secret_file)
    if address.startswith("pkcs11:"):
        from bff.signing.pkcs11 import Module  # a module's library is loaded where one is used

        return Module(address, secret.splitlines()[0].strip() if secret.strip() else "")
    kind, _, url = address.partition("+")
    if not url.startswith("https://") and not url.startswith(tuple(f"http://{host}" for host in HERE)):
        raise away("BFF_SEAL_KEY names no address that begins with https://.")
    if kind == "csc":
        from bff.signing.csc import Service

        return Service(url, _object(secret), timeout=timeout)
    if kind == "kms":
        from bff.signing.kms import Kms

        return Kms(url, _object(secret), timeout=timeout)
    raise away(f"BFF_SEAL_KEY has to begin with {', '.join(KINDS)}.")


def _secret(path: str) -> str:
    try:
        return Path(path).read_text() if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise away("The file of BFF_SEAL_KEY_SECRET_FILE cannot be read.") from error


def _object(secret: str) -> Mapping[str, str]:
    try:
        found = json.loads(secret)
        return {str(name): str(value) for name, value in found.items()}
    except (ValueError, AttributeError) as error:
        raise away("The file of BFF_SEAL_KEY_SECRET_FILE has to hold a JSON object.") from error


class Elsewhere:
    """The seal's certificate and hand. `issue` makes a certificate of the house's own for a public key, or finds the one
    that was made, with its root; `given` are the operator's certificates, PEM; `keep` is told of another's root."""

    def __init__(
        self,
        signer: RawSigner,
        *,
        given: bytes,
        issue: Callable[[Key], tuple[x509.Certificate, x509.Certificate]],
        keep: Callable[[x509.Certificate], None] = lambda root: None,
    ) -> None:
        self._signer = signer
        self._given = given
        self._issue = issue
        self._keep = keep

    @property
    def certificate(self) -> x509.Certificate:
        return self._path[0]

    @cached_property
    def hand(self) -> cms.Hand:
        """What signs, with the certificates between the seal's and the root."""
        algorithm, longest = cms.ECDSA_SHA256, cms.P256_LONGEST
        if isinstance(self._key, rsa.RSAPublicKey):
            algorithm, longest = cms.RSA_SHA256, (self._key.key_size + 7) // 8
        chain = tuple(c.public_bytes(DER) for c in self._path[1:-1])
        return cms.Hand(self.certificate.public_bytes(DER), chain, self._sign, algorithm, longest)

    @property
    def roots(self) -> tuple[bytes, ...]:
        """The root (PEM) that verifiers have to trust."""
        return (self._path[-1].public_bytes(PEM),)

    def check(self, now: datetime) -> str:
        """The provider tried, the certificates looked at. Raises Fault `seal_key_away` or `certificate_ended`."""
        said = self._signer.check()
        for certificate in self._path:
            if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
                raise Fault(
                    "certificate_ended",
                    what=f"A certificate of the seal is not valid now: {certificate.subject.rfc4514_string()}.",
                    do="Get a new one for the same key and name it in BFF_SEAL_CERTIFICATES.",
                )
        return said

    def _sign(self, data: bytes) -> bytes:
        value = self._signer.sign(data)
        if (
            isinstance(self._key, ec.EllipticCurvePublicKey)
            and len(value) == 64
            and not _verifies(self._key, value, data)
        ):
            value = encode_dss_signature(int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big"))
        if not _verifies(self._key, value, data):
            raise away("It answered with a signature that does not verify under the seal's certificate.")
        return value

    @cached_property
    def _key(self) -> Key:
        try:
            key = load_der_public_key(self._signer.public_key())
        except ValueError as error:
            raise away("Its public key cannot be read.") from error
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            return key
        if isinstance(key, rsa.RSAPublicKey) and SMALLEST_RSA_BITS <= key.key_size <= LARGEST_RSA_BITS:
            return key
        raise away("Its key is neither P-256 nor RSA of 2048 to 4096 bits.")

    @cached_property
    def _path(self) -> tuple[x509.Certificate, ...]:
        """From the seal's certificate to its root."""
        try:
            known = [x509.load_der_x509_certificate(der) for der in self._signer.certificates()]
            known += x509.load_pem_x509_certificates(self._given) if self._given else []
        except ValueError as error:
            raise away("A certificate of the seal cannot be read.") from error
        if not known:
            return self._issue(self._key)
        mine = [c for c in known if c.public_key() == self._key]
        if not mine:
            raise away("None of the certificates belongs to the seal's key.")
        path = _path(max(mine, key=lambda c: c.not_valid_after_utc), known)
        self._keep(path[-1])
        return path


def _path(leaf: x509.Certificate, known: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    path = [leaf]
    while path[-1].issuer != path[-1].subject and len(path) < LONGEST_PATH:
        issuers = [c for c in known if issued(path[-1], c)]
        if not issuers:
            raise away(f"The certificate of {path[-1].issuer.rfc4514_string()} is missing in BFF_SEAL_CERTIFICATES.")
        path.append(issuers[0])
    if len(path) < 2 or path[-1].issuer != path[-1].subject:
        raise away("The seal's certificate has to be issued by an authority whose root is in BFF_SEAL_CERTIFICATES.")
    return tuple(path)


def issued(one: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _verifies(key: Key, value: bytes, data: bytes) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(value, data, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(value, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
