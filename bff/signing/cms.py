"""CMS signatures and RFC 3161 tokens as bytes, for exactly the profile that the house writes.

One signer, SHA-256; ECDSA on P-256 in this process, or RSA (PKCS #1 v1.5) or ECDSA behind a call, such as a hardware
module's. ESS signing-certificate-v2 (RFC 5035) ties the certificate to the signature; a statement of ours may be a
signed attribute and a time stamp an unsigned one. DER throughout: the same signature value gives the same bytes.

What does not change between two signatures of one certificate is encoded once. Nothing here judges: that is done by
validators which nobody here wrote.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

INTEGER, BIT_STRING, OCTETS, OID, TIME = 0x02, 0x03, 0x04, 0x06, 0x18
SEQUENCE, SET = 0x30, 0x31


def tlv(tag: int, *content: bytes) -> bytes:
    """One DER element."""
    body = b"".join(content)
    size = len(body)
    if size < 128:
        return bytes((tag, size)) + body
    long = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(long))) + long + body


def integer(value: int) -> bytes:
    return tlv(INTEGER, value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True))


@lru_cache(maxsize=256)
def oid(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    encoded = b""
    for arc in (first * 40 + second, *rest):
        groups = [arc & 127]
        while arc := arc >> 7:
            groups.append(arc & 127 | 128)
        encoded += bytes(reversed(groups))
    return tlv(OID, encoded)


def time(moment: datetime) -> bytes:
    """GeneralizedTime, whole seconds."""
    return tlv(TIME, f"{moment.astimezone(UTC):%Y%m%d%H%M%S}Z".encode())


def parts(der: bytes) -> list[bytes]:
    """The elements inside a DER element, each with its own tag and length. Raises ValueError."""
    start, end = _body(der, 0)
    if end != len(der):
        raise ValueError("not one DER element")
    found = []
    while start < end:
        _, after = _body(der, start)
        found.append(der[start:after])
        start = after
    if start != end:
        raise ValueError("a DER element is cut off")
    return found


def _body(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends."""
    if at + 2 > len(der):
        raise ValueError("a DER element is cut off")
    size, start = der[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        size, start = int.from_bytes(der[start : start + count], "big"), start + count
    return start, start + size


SHA256_OID = oid("2.16.840.1.101.3.4.2.1")
SHA256 = tlv(SEQUENCE, SHA256_OID, b"\x05\x00")
ECDSA_SHA256 = tlv(SEQUENCE, oid("1.2.840.10045.4.3.2"))
RSA_SHA256 = tlv(SEQUENCE, oid("1.2.840.113549.1.1.11"), b"\x05\x00")
_DATA = oid("1.2.840.113549.1.7.1")
_SIGNED_DATA = oid("1.2.840.113549.1.7.2")
_CONTENT_TYPE = oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = oid("1.2.840.113549.1.9.4")
_TIMESTAMP = oid("1.2.840.113549.1.9.16.2.14")
_CERTIFICATE_V2 = oid("1.2.840.113549.1.9.16.2.47")
_TIMESTAMP_INFO = oid("1.2.840.113549.1.9.16.1.4")
VERSION_1, VERSION_3 = integer(1), integer(3)

P256_LONGEST = 72
"""Bytes of an ECDSA signature on P-256 in DER; often one or two fewer."""


@dataclass(frozen=True)
class Hand:
    """A certificate and whatever signs for it. `sign` takes the bytes that are signed, not their digest."""

    certificate: bytes
    chain: tuple[bytes, ...]
    """Further certificates that travel along (DER)."""
    sign: Callable[[bytes], bytes]
    algorithm: bytes
    longest: int
    """Bytes that a signature value never exceeds."""

    @classmethod
    def of(
        cls, certificate: bytes, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, chain: Sequence[bytes] = ()
    ) -> "Hand":
        """With a key in memory."""
        if isinstance(key, rsa.RSAPrivateKey):
            known = padding.PKCS1v15()
            longest = (key.key_size + 7) // 8
            return cls(certificate, tuple(chain), lambda data: key.sign(data, known, _HASH), RSA_SHA256, longest)
        return cls(certificate, tuple(chain), lambda data: key.sign(data, _ECDSA), ECDSA_SHA256, P256_LONGEST)

    @cached_property
    def who(self) -> bytes:
        """IssuerAndSerialNumber."""
        issuer, serial = self._named
        return tlv(SEQUENCE, issuer, serial)

    @cached_property
    def _named(self) -> tuple[bytes, bytes]:
        """Issuer and serial number."""
        serial, _, issuer = _fields(self.certificate)[:3]
        return issuer, serial

    @cached_property
    def certificates(self) -> bytes:
        """As a SET OF: in the order of their bytes."""
        return tlv(0xA0, *sorted({self.certificate, *self.chain}))

    @cached_property
    def certificate_named(self) -> bytes:
        """The attribute signing-certificate-v2: digest, issuer and serial number; SHA-256 goes without saying."""
        issuer, serial = self._named
        named = tlv(SEQUENCE, tlv(SEQUENCE, tlv(0xA4, issuer)), serial)
        one = tlv(SEQUENCE, tlv(OCTETS, hashlib.sha256(self.certificate).digest()), named)
        return attribute(_CERTIFICATE_V2, tlv(SEQUENCE, tlv(SEQUENCE, one)))

    @cached_property
    def certificate_digest(self) -> bytes:
        """The same attribute with the digest alone, which is all that RFC 5816 asks of a time stamp."""
        one = tlv(SEQUENCE, tlv(OCTETS, hashlib.sha256(self.certificate).digest()))
        return attribute(_CERTIFICATE_V2, tlv(SEQUENCE, tlv(SEQUENCE, one)))


_HASH = hashes.SHA256()
_ECDSA = ec.ECDSA(_HASH)


def attribute(kind: bytes, *values: bytes) -> bytes:
    return tlv(SEQUENCE, kind, tlv(SET, *sorted(values)))


_IS_DATA = attribute(_CONTENT_TYPE, _DATA)
_IS_TIMESTAMP = attribute(_CONTENT_TYPE, _TIMESTAMP_INFO)


def signature(
    hand: Hand,
    digest: bytes,
    *,
    statement: tuple[str, bytes] | None = None,
    timestamp: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """A detached CAdES signature over a SHA-256 digest.

    `statement`: object identifier and bytes of a signed attribute (an OCTET STRING). `timestamp` gives a token over the
    digest of the signature's value.
    """
    attributes = [_IS_DATA, attribute(_MESSAGE_DIGEST, tlv(OCTETS, digest)), hand.certificate_named]
    if statement is not None:
        attributes.append(attribute(oid(statement[0]), tlv(OCTETS, statement[1])))
    return _signed_data(hand, VERSION_1, tlv(SEQUENCE, _DATA), attributes, timestamp)


def longest_signature(hand: Hand, *, statement: tuple[str, bytes] | None = None, token: int = 0) -> int:
    """Bytes that `signature` never exceeds, with a token of at most so many bytes."""
    placeholder = Hand(hand.certificate, hand.chain, lambda _: bytes(hand.longest), hand.algorithm, hand.longest)
    return len(
        signature(placeholder, bytes(32), statement=statement, timestamp=(lambda _: bytes(token)) if token else None)
    )


def token(
    hand: Hand, digest: bytes, *, moment: datetime, policy: str, serial: int | None = None, nonce: int | None = None
) -> bytes:
    """A TimeStampToken (RFC 3161, section 2.4.2; RFC 5816) over a SHA-256 digest: whole seconds, accurate to one.

    Who made it is said by the certificate inside, and when by the time in it: neither is said twice.
    """
    moment = moment.astimezone(UTC).replace(microsecond=0)
    info = tlv(
        SEQUENCE,
        VERSION_1,
        oid(policy),
        tlv(SEQUENCE, SHA256, tlv(OCTETS, digest)),
        integer(serial or secrets.randbits(127) | 1),
        time(moment),
        tlv(SEQUENCE, integer(1)),
        *(() if nonce is None else (integer(nonce),)),
    )
    attributes = [
        _IS_TIMESTAMP,
        attribute(_MESSAGE_DIGEST, tlv(OCTETS, hashlib.sha256(info).digest())),
        hand.certificate_digest,
    ]
    content = tlv(SEQUENCE, _TIMESTAMP_INFO, tlv(0xA0, tlv(OCTETS, info)))
    return _signed_data(hand, VERSION_3, content, attributes, None)


def longest_token(hand: Hand, *, policy: str) -> int:
    """Bytes that `token` without a nonce never exceeds."""
    placeholder = Hand(hand.certificate, hand.chain, lambda _: bytes(hand.longest), hand.algorithm, hand.longest)
    return (
        len(token(placeholder, bytes(32), moment=datetime(2049, 1, 1, tzinfo=UTC), policy=policy, serial=1 << 126)) + 4
    )


def _signed_data(
    hand: Hand, version: bytes, content: bytes, attributes: list[bytes], timestamp: Callable[[bytes], bytes] | None
) -> bytes:
    body = b"".join(sorted(attributes))
    value = hand.sign(tlv(SET, body))
    unsigned = b""
    if timestamp is not None:
        unsigned = tlv(0xA1, attribute(_TIMESTAMP, timestamp(hashlib.sha256(value).digest())))
    signer = tlv(SEQUENCE, VERSION_1, hand.who, SHA256, tlv(0xA0, body), hand.algorithm, tlv(OCTETS, value), unsigned)
    signed = tlv(SEQUENCE, version, tlv(SET, SHA256), content, hand.certificates, tlv(SET, signer))
    return tlv(SEQUENCE, _SIGNED_DATA, tlv(0xA0, signed))


# --- reading back --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Opened:
    """A signature taken apart and not believed."""

    certificates: tuple[bytes, ...]
    attributes: tuple[bytes, ...]
    """The kinds of its signed attributes, as encoded object identifiers."""
    tokens: tuple["Opened", ...]
    """Its time stamps."""
    issuer: bytes
    """Of the signer's certificate."""


def opened(der: bytes) -> Opened:
    """A signature or token of one signer; zeros behind it are let be. Raises ValueError."""
    kind, content = parts(der[: _body(der, 0)[1]])
    fields = parts(parts(content)[0])
    if kind != _SIGNED_DATA:
        raise ValueError("not signed data")
    certificates = next((parts(field) for field in fields if field[0] == 0xA0), [])
    (info,) = parts(fields[-1])
    about = parts(info)
    signed = next((parts(field) for field in about if field[0] == 0xA0), [])
    unsigned = next((parts(field) for field in about[4:] if field[0] == 0xA1), [])
    return Opened(
        certificates=tuple(c for c in certificates if c[0] == SEQUENCE),
        attributes=tuple(parts(a)[0] for a in signed),
        tokens=tuple(opened(t) for a in unsigned if parts(a)[0] == _TIMESTAMP for t in parts(parts(a)[1])),
        issuer=parts(about[1])[0] if about[1][0] == SEQUENCE else b"",
    )


def orderly(der: bytes) -> bool:
    """Whether what no signature protects is all that it must be (RFC 5652, as PAdES profiles it): nothing in a signature or
    a token can be changed without being found, although readers overlook versions, lists of algorithms and unknown attributes.
    """
    try:
        return all(_in_order(der))
    except (ValueError, IndexError):
        return False


def _in_order(der: bytes) -> Iterator[bool]:
    kind, wrapped = _inside(SEQUENCE, der)
    (signed,) = _inside(0xA0, wrapped)
    version, digests, content, certificates, signers = _inside(SEQUENCE, signed)
    (signer,) = _inside(SET, signers)
    own_version, who, digest, attributes, algorithm, value, *unsigned = _inside(SEQUENCE, signer)
    content_type, *encapsulated = _inside(SEQUENCE, content)
    yield kind == _SIGNED_DATA
    yield own_version == VERSION_1 and version == (VERSION_3 if encapsulated else VERSION_1)
    yield all(_algorithm(each) == _algorithm(digest) for each in _inside(SET, digests))
    yield any(who == tlv(SEQUENCE, issuer(c), _fields(c)[0]) for c in _inside(0xA0, certificates))
    yield attribute(_CONTENT_TYPE, content_type) in _inside(0xA0, attributes)
    yield (
        all(len(_inside(0xA0, e)) == 1 and parts(e)[0][0] == OCTETS for e in encapsulated[:1]) and not encapsulated[1:]
    )
    yield bool(_algorithm(algorithm)) and value[0] == OCTETS
    yield not unsigned or (len(unsigned) == 1 and _timestamped(unsigned[0]))


def _timestamped(unsigned: bytes) -> bool:
    """A timestamp and nothing else."""
    (only,) = _inside(0xA1, unsigned)
    kind, values = _inside(SEQUENCE, only)
    (token,) = _inside(SET, values)
    return kind == _TIMESTAMP and orderly(token)


def _algorithm(der: bytes) -> bytes:
    """The identifier of an algorithm whose parameters are absent or NULL."""
    kind, *parameters = _inside(SEQUENCE, der)
    if kind[0] != OID or parameters not in ([], [b"\x05\x00"]):
        raise ValueError("unexpected parameters")
    return kind


def _inside(tag: int, der: bytes) -> list[bytes]:
    """The elements inside one of that very tag, whose lengths are written as DER has it."""
    found = parts(der)
    if tlv(tag, *found) != der:
        raise ValueError("not DER, or another type")
    return found


def _fields(certificate: bytes) -> list[bytes]:
    """Serial number, algorithm, issuer, validity, subject and what follows."""
    fields = parts(parts(certificate)[0])
    return fields[1:] if fields[0][0] == 0xA0 else fields


def serial_number(certificate: bytes) -> int:
    number = _fields(certificate)[0]
    return int.from_bytes(number[_body(number, 0)[0] :], "big", signed=True)


def issuer(certificate: bytes) -> bytes:
    return _fields(certificate)[2]


def self_issued(certificate: bytes) -> bool:
    fields = _fields(certificate)
    return fields[2] == fields[4]


def crl_issuer(crl: bytes) -> bytes:
    fields = parts(parts(crl)[0])
    return fields[2] if fields[0][0] == INTEGER else fields[1]
