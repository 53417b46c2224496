"""Our encoder against asn1crypto's and pyHanko's, byte for byte, and against openssl."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyhanko.sign import attributes, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore

from bff.signing import cms
from bff.signing.authority import TSA_POLICY, Authority
from tests.outsiders import openssl_cms, openssl_ts
from tests.signing.paperwork import START

DER = serialization.Encoding.DER
STATEMENT = "2.25.242388184400267224250795273426544236926.1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("cms") / "authority"
    return Authority.create(folder, organisation="Contoso 公司", crl_url="https://x.example/crl/", now=START)


@pytest.fixture(scope="module")
def rsa_hand() -> tuple[cms.Hand, bytes]:
    """An RSA key whose signing is a call, as a hardware module's is, and its root."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Module")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(0x80)  # its sign bit has to be padded
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    der = certificate.public_bytes(DER)

    def module(data: bytes) -> bytes:
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())

    return cms.Hand(der, (), module, cms.RSA_SHA256, 256), certificate.public_bytes(serialization.Encoding.PEM)


# --- DER ----------------------------------------------------------------------------------------------------------


@given(st.integers())
@example(-128)
def test_integers_are_encoded_as_asn1crypto_does(value: int) -> None:
    assert cms.integer(value) == core.Integer(value).dump()


@given(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 2**130), max_size=8))
def test_object_identifiers_are_encoded_as_asn1crypto_does(first: int, second: int, rest: list[int]) -> None:
    dotted = ".".join(map(str, (first, second, *rest)))
    assert cms.oid(dotted) == core.ObjectIdentifier(dotted).dump()


@given(st.binary(max_size=70_000))
def test_lengths_are_encoded_as_asn1crypto_does(content: bytes) -> None:
    assert cms.tlv(cms.OCTETS, content) == core.OctetString(content).dump()


@given(st.datetimes(datetime(1951, 1, 1), datetime(9999, 1, 1)))
def test_times_are_encoded_as_asn1crypto_does(moment: datetime) -> None:
    whole = moment.replace(microsecond=0, tzinfo=UTC)
    assert cms.time(moment.replace(tzinfo=UTC)) == core.GeneralizedTime(whole).dump()


@given(st.binary(max_size=300))
def test_taking_apart_ends_with_parts_or_a_value_error(der: bytes) -> None:
    for take in (cms.parts, cms.opened, cms.serial_number, cms.issuer, cms.crl_issuer):
        try:
            found = take(der)
        except (ValueError, IndexError):
            continue
        assert found is not None


# --- signatures ---------------------------------------------------------------------------------------------------


class Attribute(attributes.CMSAttributeProvider):
    attribute_type = STATEMENT

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def build_attr_value(self, dry_run: bool = False) -> core.OctetString:
        return core.OctetString(self._content)


class Theirs(signers.Signer):
    """pyHanko's signature, with the value that ours has: ECDSA is another each time."""

    def __init__(self, certificate: bytes, value: bytes, statement: bytes | None) -> None:
        own = asn1_x509.Certificate.load(certificate)
        super().__init__(signing_cert=own, cert_registry=SimpleCertificateStore())
        self.signed = b""
        self._value = value
        self._statement = statement

    def _signed_attr_providers(self, *args: object, **kwargs: object):  # type: ignore[no-untyped-def]
        yield from super()._signed_attr_providers(*args, **kwargs)  # type: ignore[arg-type]
        if self._statement is not None:
            yield Attribute(self._statement)

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        self.signed = data
        return self._value


@pytest.mark.parametrize("kind", ["P-256", "RSA"])
@given(digest=st.binary(min_size=32, max_size=32), statement=st.one_of(st.none(), st.binary(max_size=5000)))
@settings(max_examples=15, deadline=None)
def test_signatures_are_pyhankos_byte_for_byte(
    authority: Authority, rsa_hand: tuple[cms.Hand, bytes], kind: str, digest: bytes, statement: bytes | None
) -> None:
    hand = rsa_hand[0] if kind == "RSA" else authority.seal.hand
    signed: list[bytes] = []
    value = b"\x30" * (hand.longest - 1)
    recording = cms.Hand(
        hand.certificate, hand.chain, lambda data: signed.append(data) or value, hand.algorithm, hand.longest
    )
    ours = cms.signature(recording, digest, statement=None if statement is None else (STATEMENT, statement))
    theirs = Theirs(hand.certificate, value, statement)
    made = asyncio.run(theirs.async_sign(digest, "sha256", use_pades=True))
    assert theirs.signed == signed[0]
    assert made.dump() == ours
    assert len(ours) <= cms.longest_signature(hand, statement=None if statement is None else (STATEMENT, statement))


def test_a_token_is_where_cades_wants_it(authority: Authority) -> None:
    hand = authority.seal.hand

    def stamp(digest: bytes) -> bytes:
        return cms.token(authority.tsa.hand, digest, moment=START, policy=TSA_POLICY)

    made = cms.signature(hand, bytes(32), statement=(STATEMENT, b"said"), timestamp=stamp)
    (info,) = asn1_cms.ContentInfo.load(made, strict=True)["content"]["signer_infos"]
    (attribute,) = info["unsigned_attrs"]
    assert attribute["type"].native == "signature_time_stamp_token"
    imprint = attribute["values"][0]["content"]["encap_content_info"]["content"].parsed["message_imprint"]
    assert imprint["hashed_message"].native == hashlib.sha256(info["signature"].native).digest()
    opened = cms.opened(made + bytes(9))
    assert opened.certificates == (hand.certificate,)
    assert [t.certificates for t in opened.tokens] == [(authority.tsa.hand.certificate,)]
    assert cms.oid(STATEMENT) in opened.attributes


def test_openssl_accepts_signatures_of_both_kinds(authority: Authority, rsa_hand: tuple[cms.Hand, bytes]) -> None:
    content = b"the bytes that are signed"
    digest = hashlib.sha256(content).digest()
    for hand, roots in ((authority.seal.hand, authority.roots_pem()), (rsa_hand[0], (rsa_hand[1],))):
        assert "successful" in openssl_cms(cms.signature(hand, digest, statement=(STATEMENT, b"x")), content, roots)


def test_certificate_is_named_with_its_issuer_and_number(authority: Authority) -> None:
    certificate = authority.seal.certificate
    der = certificate.public_bytes(DER)
    assert cms.serial_number(der) == certificate.serial_number
    assert cms.issuer(der) == certificate.issuer.public_bytes()
    assert cms.crl_issuer(authority.seal.crl) == certificate.issuer.public_bytes()
    assert not cms.self_issued(der)
    assert cms.self_issued(authority.seal.root.public_bytes(DER))


# --- tokens -------------------------------------------------------------------------------------------------------


@given(
    digest=st.binary(min_size=32, max_size=32),
    moment=st.datetimes(datetime(2024, 1, 1), datetime(2090, 1, 1)),
    serial=st.integers(1, 2**159),
    nonce=st.one_of(st.none(), st.integers(0, 2**64)),
)
@settings(max_examples=20, deadline=None)
def test_tokens_say_what_was_asked_in_strict_der(
    authority: Authority, digest: bytes, moment: datetime, serial: int, nonce: int | None
) -> None:
    hand = authority.tsa.hand
    made = cms.token(hand, digest, moment=moment.replace(tzinfo=UTC), policy=TSA_POLICY, serial=serial, nonce=nonce)
    token = asn1_cms.ContentInfo.load(made, strict=True)
    info: tsp.TSTInfo = token["content"]["encap_content_info"]["content"].parsed
    said = info.native
    assert (said["serial_number"], said["nonce"], said["policy"]) == (serial, nonce, TSA_POLICY)
    assert said["message_imprint"]["hashed_message"] == digest
    assert said["gen_time"] == moment.replace(microsecond=0, tzinfo=UTC)
    assert said["accuracy"]["seconds"] == 1
    assert not info["tsa"]
    assert tsp.TSTInfo.load(info.dump()).dump(force=True) == info.dump()
    (signer,) = token["content"]["signer_infos"]
    public = authority.tsa.certificate.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    attributes_der = signer["signed_attrs"].untag().dump()
    public.verify(signer["signature"].native, attributes_der, ec.ECDSA(hashes.SHA256()))
    assert asn1_cms.ContentInfo.load(made).dump(force=True) == made


def test_a_token_never_outgrows_its_estimate(authority: Authority) -> None:
    hand = authority.tsa.hand
    longest = cms.longest_token(hand, policy=TSA_POLICY)
    lengths = {
        len(cms.token(hand, hashlib.sha256(bytes([n])).digest(), moment=START, policy=TSA_POLICY)) for n in range(200)
    }
    assert longest - 12 < max(lengths) <= longest


def test_openssl_accepts_a_token(authority: Authority) -> None:
    digest = hashlib.sha256(b"x").digest()
    token = cms.token(authority.tsa.hand, digest, moment=START, policy=TSA_POLICY)
    assert openssl_ts(token, b"x", authority.roots_pem())
