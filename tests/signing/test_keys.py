"""Keys at rest, generations and the root key that is taken away."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bff.core.errors import Fault
from bff.signing import keys
from bff.signing.authority import Authority, EmbeddedTimestamps, check_token
from tests.signing.paperwork import START, StandingClock

WORDS = b"correct horse battery staple 42"
DIGEST = bytes(32)


def make(folder: Path, passphrase: bytes | None = None) -> Authority:
    return Authority.create(
        folder, organisation="Contoso", crl_url="https://x.example/crl", now=START, passphrase=passphrase
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "authority"


def test_with_a_passphrase_no_key_lies_plain(folder: Path) -> None:
    authority = make(folder, WORDS)
    authority.rotate(START)
    contents = [path.read_bytes() for path in folder.glob("*.key.pem")]
    assert len(contents) == 4
    assert all(content.startswith(keys.ENCRYPTED) for content in contents)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.key.pem")} == {0o600}
    assert authority.vouch(b"x")


def test_plain_keys_are_encrypted_by_the_next_set_up_and_stay_the_same_keys(folder: Path) -> None:
    before = make(folder).seal.key.private_numbers()
    locked = make(folder, WORDS)
    assert locked.keys.lock_up() == []
    assert all(locked.keys.encrypted(name) for name in locked.keys.names())
    assert Authority(folder, "Contoso", "https://x.example/crl", WORDS).seal.key.private_numbers() == before


@pytest.mark.parametrize("words", [None, b"another passphrase that is long"])
def test_an_encrypted_key_is_not_opened_without_its_passphrase(folder: Path, words: bytes | None) -> None:
    make(folder, WORDS)
    with pytest.raises(Fault, match="authority_locked"):
        Authority(folder, "Contoso", "https://x.example/crl", words).vouch(b"x")


def test_a_spoilt_key_is_missing_not_locked(folder: Path) -> None:
    make(folder)
    (folder / "seal.key.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(Fault, match="authority_missing"):
        Authority(folder, "Contoso", "https://x.example/crl").vouch(b"x")


def test_a_passphrase_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "words"
    file.write_bytes(WORDS + b"\nnot this\n")
    assert keys.passphrase(str(file)) == WORDS
    assert keys.passphrase("") is None


@pytest.mark.parametrize("content", [b"", b"short\n", None])
def test_a_weak_or_missing_passphrase_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "words"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Fault, match="passphrase_unusable"):
        keys.passphrase(str(file))


# --- generations ----------------------------------------------------------------------------------------------------


def test_a_rotation_brings_new_keys_under_the_same_roots(folder: Path) -> None:
    authority = make(folder)
    old_tsa, old_seal, roots = authority.tsa, authority.seal, authority.roots_pem()
    authority.rotate(START + timedelta(days=10))
    assert authority.roots_pem() == roots
    assert authority.tsa.certificate.serial_number != old_tsa.certificate.serial_number
    assert authority.certificates("tsa") == (old_tsa.certificate, authority.tsa.certificate)
    assert authority.certificates("seal") == (old_seal.certificate, authority.seal.certificate)
    token = EmbeddedTimestamps(authority, StandingClock(START + timedelta(days=11))).timestamp(DIGEST)
    assert check_token(token, DIGEST, roots) == START + timedelta(days=11)


def test_old_certificates_and_lists_stay_and_old_keys_go(folder: Path) -> None:
    authority = make(folder)
    old = authority.tsa.certificate
    authority.rotate(START)
    authority.rotate(START)
    assert authority.keys.names() == ["seal-3", "signing-root", "tsa-3", "tsa-root"]
    assert authority.crl(f"{old.serial_number:x}") is not None
    assert make(folder).tsa.certificate == authority.tsa.certificate


def test_another_process_notices_a_rotation(folder: Path) -> None:
    make(folder)
    worker = Authority(folder, "Contoso", "https://x.example/crl")
    before = worker.seal.certificate
    Authority(folder, "Contoso", "https://x.example/crl").rotate(START)
    assert worker.seal.certificate != before
    assert worker.certificate_of(b"x", worker.vouch(b"x")) == worker.seal.certificate


def test_the_generation_that_signed_a_statement_is_found(folder: Path) -> None:
    authority = make(folder)
    old = authority.vouch(b"an old head")
    first = authority.seal.certificate
    authority.rotate(START)
    assert authority.certificate_of(b"an old head", old) == first
    key = authority.seal.certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    with pytest.raises(InvalidSignature):
        key.verify(old, b"an old head", ec.ECDSA(hashes.SHA256()))


def test_a_crash_between_key_and_certificate_leaves_the_generation_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = make(folder)
    before = authority.tsa.certificate

    def crash(path: Path, content: bytes) -> None:
        if path.name == "tsa-2.pem":
            raise OSError("the power went")
        keys.write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr("bff.signing.authority.write", crash)
        with pytest.raises(OSError, match="power"):
            authority.rotate(START)
    again = make(folder)
    assert again.tsa.certificate == before
    assert again.vouch(b"x")
    again.rotate(START)
    assert len(again.certificates("tsa")) == 2
    assert again.tsa.key.public_key() == again.tsa.certificate.public_key()


def test_only_what_is_old_is_rotated_by_itself(folder: Path) -> None:
    authority = make(folder)
    assert authority.rotate_if_old(START + timedelta(days=2900)) == ()
    assert authority.rotate_if_old(START + timedelta(days=2930)) == ("tsa", "seal")
    assert authority.rotate_if_old(START + timedelta(days=2931)) == ()


def test_the_time_stamps_root_key_can_be_taken_away_and_brought_for_a_rotation(folder: Path, tmp_path: Path) -> None:
    authority = make(folder, WORDS)
    taken = authority.take_root_key(tmp_path / "safe")
    assert "tsa-root" not in authority.keys.names()
    assert stat.S_IMODE(taken.stat().st_mode) == 0o600
    again = make(folder, WORDS)
    assert EmbeddedTimestamps(again, StandingClock()).timestamp(DIGEST)
    with pytest.raises(Fault, match="root_key_away"):
        again.rotate(START)
    assert again.rotate_if_old(START + timedelta(days=3000)) == ("seal",)
    again.rotate(START, only=("tsa",), tsa_root_key=taken)
    assert len(again.certificates("tsa")) == 2
    again.tsa.certificate.verify_directly_issued_by(again.certificates("tsa-root")[0])
    with pytest.raises(Fault, match="root_key_away"):
        again.take_root_key(tmp_path / "safe")


def test_another_houses_root_key_rotates_nothing(folder: Path, tmp_path: Path) -> None:
    authority = make(folder)
    authority.take_root_key(tmp_path / "safe")
    make(tmp_path / "other")
    with pytest.raises(Fault, match="root_key_away"):
        authority.rotate(START, only=("tsa",), tsa_root_key=tmp_path / "other" / "tsa-root.key.pem")
