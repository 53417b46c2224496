import hashlib
import http.server
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import tsp
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bff.core.errors import Fault
from bff.signing.authority import Authority, BadToken, EmbeddedTimestamps, Leaf, UrlTimestamps, check_token
from tests import tsa
from tests.outsiders import openssl_ts
from tests.signing.paperwork import START, StandingClock

DIGEST = hashlib.sha256(b"hello").digest()


def make(folder: Path) -> Authority:
    return Authority.create(folder, organisation="Contoso 公司", crl_url="https://x.example/authority/crl/", now=START)


def issue(authority: Authority, name: str = "李雷", **changed: str) -> Leaf:
    given = {"contract_id": "k1", "signer_id": "s1", **changed}
    return authority.issue_signer(name, now=START, **given)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make(tmp_path / "authority")


def test_second_set_up_keeps_the_keys_of_the_first(tmp_path: Path) -> None:
    first = make(tmp_path / "authority").roots_pem()
    assert make(tmp_path / "authority").roots_pem() == first


def test_half_an_authority_is_never_completed_with_new_roots(tmp_path: Path) -> None:
    make(tmp_path / "authority")
    (tmp_path / "authority" / "tsa-root.key.pem").unlink()
    with pytest.raises(Fault, match="authority_incomplete"):
        make(tmp_path / "authority")


def test_empty_folder_that_was_made_before_is_filled(tmp_path: Path) -> None:
    (tmp_path / "authority").mkdir()
    assert len(make(tmp_path / "authority").roots_pem()) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["authority"]


def test_private_keys_are_readable_by_their_owner_only(authority: Authority, tmp_path: Path) -> None:
    keys = list((tmp_path / "authority").glob("*.key.pem"))
    assert len(keys) == 4
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_missing_key_is_a_fault_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="authority_missing"):
        issue(Authority(tmp_path, "Contoso", "https://x.example"))


def test_signer_certificate_carries_the_real_name_for_ten_years(authority: Authority) -> None:
    certificate = issue(authority, organisation="示例公司").certificate
    subject = {a.oid: a.value for a in certificate.subject}
    assert subject[NameOID.COMMON_NAME] == "李雷"
    assert subject[NameOID.ORGANIZATION_NAME] == "示例公司"
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=3650)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {u.dotted_string for u in usage} == {
        "1.3.6.1.5.5.7.3.36",
        ExtendedKeyUsageOID.EMAIL_PROTECTION.dotted_string,
    }


@pytest.mark.parametrize("name", ["x" * 200, "长" * 200, "", "a\x00\nb", "名 " * 60])
def test_any_name_gives_a_certificate(authority: Authority, name: str) -> None:
    (common,) = issue(authority, name).certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert 1 <= len(str(common.value).encode()) <= 64
    assert str(common.value).isprintable()


def test_identifiers_that_no_certificate_can_hold_are_made_printable(authority: Authority) -> None:
    leaf = issue(authority, contract_id="k_1*", signer_id="名_" + "z" * 90)
    values = [str(a.value) for a in leaf.certificate.subject if a.oid != NameOID.COMMON_NAME]
    assert values == ["k-1-", "--" + "z" * 62]


def test_each_certificate_has_its_own_list_that_ends_with_it(authority: Authority) -> None:
    leaf = issue(authority)
    serial = f"{leaf.certificate.serial_number:x}"
    kept = authority.crl(serial)
    assert kept == leaf.crl
    crl = x509.load_der_x509_crl(leaf.crl)
    scope = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    point = leaf.certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0]
    assert scope.critical
    assert [n.value for n in scope.value.full_name or ()] == [f"https://x.example/authority/crl/{serial}.crl"]
    assert point.full_name == scope.value.full_name
    assert crl.next_update_utc == leaf.certificate.not_valid_after_utc
    key = leaf.root.public_key()
    assert crl.is_signature_valid(key)  # type: ignore[arg-type]
    leaf.certificate.verify_directly_issued_by(leaf.root)


@pytest.mark.parametrize("serial", ["", "../seal.key", "ABC", "0" * 41, "abc"])
def test_only_our_own_serial_numbers_name_a_list(authority: Authority, serial: str) -> None:
    assert authority.crl(serial) is None


def test_a_signers_key_is_never_written(authority: Authority, tmp_path: Path) -> None:
    before = {p for p in tmp_path.rglob("*") if p.is_file()}
    issue(authority)
    new = {p for p in tmp_path.rglob("*") if p.is_file()} - before
    assert [p.suffix for p in new] == [".crl"]


def test_token_proves_the_time_to_us_and_to_openssl(authority: Authority) -> None:
    clock = StandingClock()
    token = EmbeddedTimestamps(authority, clock).timestamp(DIGEST)
    assert check_token(token, DIGEST, authority.roots_pem()) == START
    assert len(token) < EmbeddedTimestamps.room
    assert openssl_ts(token, b"hello", authority.roots_pem())


def test_token_stays_good_when_its_certificate_has_expired(authority: Authority) -> None:
    token = EmbeddedTimestamps(authority, StandingClock(START + timedelta(days=3000))).timestamp(DIGEST)
    assert check_token(token, DIGEST, authority.roots_pem()) == START + timedelta(days=3000)


def test_token_made_after_its_certificate_expired_is_refused(authority: Authority) -> None:
    token = EmbeddedTimestamps(authority, StandingClock(START + timedelta(days=3700))).timestamp(DIGEST)
    with pytest.raises(BadToken):
        check_token(token, DIGEST, authority.roots_pem())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token, authority: (token, hashlib.sha256(b"other").digest(), authority.roots_pem()),
        lambda token, authority: (token, DIGEST, authority.roots_pem()[:1]),
        lambda token, authority: (token[:-4] + bytes(4), DIGEST, authority.roots_pem()),
        lambda token, authority: (b"not a token", DIGEST, authority.roots_pem()),
        lambda token, authority: (token[:100], DIGEST, authority.roots_pem()),
    ],
    ids=["other digest", "foreign root", "broken signature", "no token", "cut off"],
)
def test_bad_token_is_refused(
    authority: Authority, spoil: Callable[..., tuple[bytes, bytes, tuple[bytes, ...]]]
) -> None:
    token = EmbeddedTimestamps(authority, StandingClock()).timestamp(DIGEST)
    with pytest.raises(BadToken):
        check_token(*spoil(token, authority))


def test_a_signers_certificate_cannot_make_time_stamps(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    leaf = issue(authority)
    monkeypatch.setattr(Authority, "tsa", leaf)
    token = EmbeddedTimestamps(authority, StandingClock()).timestamp(DIGEST)
    with pytest.raises(BadToken):
        check_token(token, DIGEST, authority.roots_pem())


@contextmanager
def served(answer: Callable[[bytes], tuple[int, bytes]]) -> Iterator[str]:
    """A TSA on the loopback that answers each query with what `answer` makes of it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, content = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def reply(authority: Authority, query: bytes, **lies: Any) -> bytes:
    return tsa.reply(authority, query, clock=StandingClock(), **lies)


def test_external_tsa_gives_a_token_that_holds(authority: Authority) -> None:
    with served(lambda query: (200, reply(authority, query))) as url:
        token = UrlTimestamps(url, authority.roots_pem()[1:], timeout=2).timestamp(DIGEST)
    assert check_token(token, DIGEST, authority.roots_pem()) == START


def test_room_for_an_external_token_is_learned_from_the_first(authority: Authority) -> None:
    with served(lambda query: (200, reply(authority, query))) as url:
        stamps = UrlTimestamps(url, authority.roots_pem()[1:], timeout=2)
        assert stamps.longest is None
        token = stamps.timestamp(DIGEST)
    assert stamps.longest == len(token) + 256


@pytest.mark.parametrize(
    "answer",
    [
        lambda authority, query: (500, b""),
        lambda authority, query: (200, b"<html>"),
        lambda authority, query: (200, bytes(tsp.TimeStampResp({"status": {"status": "rejection"}}).dump())),
        lambda authority, query: (200, reply(authority, query, nonce=7)),
        lambda authority, query: (200, reply(authority, query, digest=hashlib.sha256(b"other").digest())),
    ],
    ids=["error", "not a reply", "rejected", "other nonce", "other digest"],
)
def test_external_tsa_that_answers_badly_is_down(
    authority: Authority, answer: Callable[[Authority, bytes], tuple[int, bytes]]
) -> None:
    with (
        served(lambda query: answer(authority, query)) as url,
        pytest.raises(Fault, match="tsa_down"),
    ):
        UrlTimestamps(url, authority.roots_pem(), timeout=2).timestamp(DIGEST)


def test_external_tsa_with_foreign_roots_is_down(authority: Authority, tmp_path: Path) -> None:
    others = make(tmp_path / "other").roots_pem()
    with (
        served(lambda query: (200, reply(authority, query))) as url,
        pytest.raises(Fault, match="tsa_down"),
    ):
        UrlTimestamps(url, others, timeout=2).timestamp(DIGEST)


def test_external_tsa_that_is_not_there_is_down(authority: Authority) -> None:
    with pytest.raises(Fault, match="tsa_down"):
        UrlTimestamps("http://127.0.0.1:9/", authority.roots_pem(), timeout=0.5).timestamp(DIGEST)
