"""The seal's key in a hardware module (SoftHSM), at a signing service (CSC API 1 and 2), in a cloud (KMS).

Sealed files that others call valid, and Faults in plain words for everything that goes wrong."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bff import doctor, generations, retrying
from bff.clock import try_again
from bff.core.contract import State
from bff.core.errors import Fault
from bff.signing import kms
from bff.signing.elsewhere import Elsewhere, provider
from bff.signing.pades import PyhankoPades
from bff.signing.verify import verify
from bff.store.people import Person
from bff.wiring import House, build
from tests.builders import BOB, Away, Clock, Generous, _chosen, a_house, a_sent_contract, an_owner, inbox, work
from tests.outsiders import openssl_cms, pdfbox, pdfsig, signatures_in
from tests.remote_signers import PEM, Ca, Csc, Key, Kms, new_key, served
from tests.signing.browser import browser_verdicts
from tests.signing.paperwork import LI, START, Paperwork, PlainPaper, blank_pdf
from tests.softhsm import LIBRARY, Token, softhsm_tokens

KINDS = ("P-256", "RSA")


@pytest.fixture(scope="module")
def ca() -> Iterator[Ca]:
    lists: dict[str, bytes] = {}
    with served(lists) as url:
        yield Ca(url, START, lists)


@pytest.fixture
def paperwork(tmp_path: Path) -> Paperwork:
    return Paperwork(tmp_path, signers=(LI,), fields=())


def sealed(paperwork: Paperwork, sealer: Elsewhere) -> bytes:
    """Signed by one, and sealed with that key."""
    pades = PyhankoPades(
        paperwork.authority,
        paperwork.timestamps,
        PlainPaper(),
        paperwork.clock,
        sealer=lambda: sealer,
        seal_roots=lambda: sealer.roots,
    )
    paperwork.prepare(blank_pdf())
    paperwork.sign(LI)
    written = pades.seal(paperwork.content, contract_id=paperwork.contract_id, evidence_head="cd" * 32)
    assert written.level == "B-LTA"
    assert [v.reasons for v in pades.check(written.content)] == [()] * 3
    return written.content


def check_by_others(content: bytes, paperwork: Paperwork, sealer: Elsewhere, folder: Path) -> None:
    """pdfsig, openssl, PDFBox, our own verifier and the browser's, with the roots and nothing else of us."""
    roots = [*dict.fromkeys((*paperwork.authority.roots_pem(), *sealer.roots))]
    file = folder / "sealed.pdf"
    file.write_bytes(content)
    for opinion in pdfsig(file, roots, at=START + timedelta(hours=1)):
        assert (opinion.valid, opinion.trusted) == (True, True)
    signature, signed = signatures_in(content)[1]
    assert "successful" in openssl_cms(signature, signed, roots, at=START + timedelta(hours=1))
    assert [opinion.verdict for opinion in pdfbox([file], roots)[file]] == ["ok"] * 3
    report = verify(content, roots=roots, at=START + timedelta(hours=1))
    assert report.ok, report
    (said,) = browser_verdicts(folder, roots, at=START + timedelta(hours=1)).values()
    assert said["ok"], said


def certified(ca: Ca, key: Key) -> bytes:
    return ca.chain_pem(ca.seal(key))


def never(_key: object) -> tuple[x509.Certificate, x509.Certificate]:
    raise AssertionError("the house was not to issue a certificate")


# --- a hardware module ---


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Token]]:
    """Each kind of key in a token of its own; made before the library is loaded, which looks for tokens once."""
    with softhsm_tokens(tmp_path_factory.mktemp("hsm"), KINDS) as made:
        yield made.__getitem__


@pytest.mark.parametrize("kind", KINDS)
def test_a_modules_key_seals_under_the_operators_certificates(
    kind: str, softhsm: Callable[[str], Token], ca: Ca, paperwork: Paperwork, tmp_path: Path
) -> None:
    token = softhsm(kind)
    signer = provider(token.uri, str(token.pin_file), timeout=5)
    sealer = Elsewhere(signer, given=certified(ca, token.key), issue=never)
    content = sealed(paperwork, sealer)
    check_by_others(content, paperwork, sealer, tmp_path)
    assert f"token {kind} signed a trial" in sealer.check(START)


@pytest.mark.parametrize("kind", KINDS)
def test_without_certificates_the_house_issues_one_for_that_key_once(
    kind: str, softhsm: Callable[[str], Token], paperwork: Paperwork, tmp_path: Path
) -> None:
    token = softhsm(kind)

    def a_sealer() -> Elsewhere:
        signer = provider(token.uri, str(token.pin_file), timeout=5)
        return Elsewhere(signer, given=b"", issue=lambda key: paperwork.authority.certified(key, START))

    sealer = a_sealer()
    content = sealed(paperwork, sealer)
    check_by_others(content, paperwork, sealer, tmp_path)
    assert sealer.certificate.public_key() == token.key.public_key()
    assert a_sealer().certificate == sealer.certificate


def test_a_forked_process_signs_with_the_module_too(softhsm: Callable[[str], Token]) -> None:
    token = softhsm("P-256")
    signer = provider(token.uri, str(token.pin_file), timeout=5)
    signer.check()
    child = os.fork()
    if child == 0:
        try:
            signer.check()
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    signer.check()


def test_a_refused_pin_is_not_tried_again(softhsm: Callable[[str], Token], tmp_path: Path) -> None:
    token = softhsm("P-256")
    wrong = tmp_path / "pin"
    wrong.write_text("9999")
    signer = provider(token.uri, str(wrong), timeout=5)
    with pytest.raises(Fault, match="refused the PIN") as caught:
        signer.sign(b"x")
    assert caught.value.code == "seal_key_away"
    wrong.write_text("2718")
    with pytest.raises(Fault, match="not tried again"):
        signer.sign(b"x")


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        (f"pkcs11:token=Nobody;object=seal?module-path={LIBRARY}", "NoSuchToken"),
        (f"pkcs11:token=RSA;object=other?module-path={LIBRARY}", "NoSuchKey"),
        ("pkcs11:token=RSA?module-path=/x.so", "token, object"),
    ],
)
def test_what_the_module_does_not_have_is_said(softhsm: Callable[[str], Token], uri: str, why: str) -> None:
    with pytest.raises(Fault, match=why) as caught:
        provider(uri, str(softhsm("RSA").pin_file), timeout=5).sign(b"x")
    assert caught.value.code == "seal_key_away"


# --- a signing service ---


def csc(url: str, service: Csc, folder: Path, **changed: str) -> Elsewhere:
    secret = folder / "csc.json"
    secret.write_text(json.dumps({"client_id": "contoso", "client_secret": "sesame", "pin": "271828", **changed}))
    address = f"csc+{url}csc/v{service.version}?credential=seal-1"
    return Elsewhere(provider(address, str(secret), timeout=5), given=b"", issue=never)


def a_service(ca: Ca, version: int, kind: str = "P-256") -> Csc:
    key = new_key(kind)
    return Csc(version, key, (ca.seal(key), ca.middle, ca.root))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", [1, 2])
def test_a_signing_service_seals_with_its_own_certificates(
    version: int, kind: str, ca: Ca, paperwork: Paperwork, tmp_path: Path
) -> None:
    service = a_service(ca, version, kind)
    with served(service) as url:
        sealer = csc(url, service, tmp_path)
        content = sealed(paperwork, sealer)
        assert "enabled" in sealer.check(START)
    check_by_others(content, paperwork, sealer, tmp_path)
    assert service.asked == [
        "oauth2/token",
        "credentials/info",
        "credentials/authorize",
        "signatures/signHash",
        "credentials/info",
    ]


@pytest.mark.parametrize("version", [1, 2])
def test_a_credential_that_its_token_authorises_is_not_authorised_again(version: int, ca: Ca, tmp_path: Path) -> None:
    service = a_service(ca, version)
    service.pin = None
    with served(service) as url:
        csc(url, service, tmp_path).hand.sign(b"x")
    assert "credentials/authorize" not in service.asked


def test_an_ecdsa_signature_as_two_numbers_is_written_as_der(ca: Ca, tmp_path: Path) -> None:
    service = a_service(ca, 2)
    service.plain = True
    with served(service) as url:
        assert csc(url, service, tmp_path).hand.sign(b"x")[0] == 0x30


def test_an_access_token_that_ended_is_asked_for_anew(ca: Ca, tmp_path: Path) -> None:
    service = a_service(ca, 1)
    with served(service) as url:
        sealer = csc(url, service, tmp_path)
        sealer.hand.sign(b"x")
        assert service.asked.count("oauth2/token") == 1
        sealer._signer._token_ends = 0.0  # type: ignore[attr-defined]
        sealer.hand.sign(b"x")
    assert service.asked.count("oauth2/token") == 2


def _otp(service: Csc) -> None:
    service.otp = True


def _disabled(service: Csc) -> None:
    service.status = "disabled"


def _lying(service: Csc) -> None:
    service.lies = True


def _down(service: Csc) -> None:
    service.down = True


def _other_pin(service: Csc) -> None:
    service.pin = "1"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_otp, "authorised by a person"),
        (_disabled, "not enabled"),
        (_lying, "does not verify"),
        (_down, "no access token"),
        (_other_pin, "credentials/authorize"),
    ],
)
def test_what_goes_wrong_there_is_a_fault_in_plain_words(
    spoil: Callable[[Csc], None], why: str, version: int, ca: Ca, tmp_path: Path
) -> None:
    service = a_service(ca, version)
    spoil(service)
    with served(service) as url, pytest.raises(Fault, match=why) as caught:
        csc(url, service, tmp_path).hand.sign(b"x")
    assert caught.value.code == "seal_key_away"
    assert "sesame" not in str(caught.value)
    assert "271828" not in str(caught.value)


# --- a cloud ---


def cloud(url: str, folder: Path, given: bytes) -> Elsewhere:
    secret = folder / "kms.json"
    secret.write_text(json.dumps({"access_key_id": "AKIDCONTOSO", "secret_access_key": "sesame"}))
    address = f"kms+{url}?key=alias/seal&region=eu-central-1"
    return Elsewhere(provider(address, str(secret), timeout=5), given=given, issue=never)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clouds_key_seals(kind: str, ca: Ca, paperwork: Paperwork, tmp_path: Path) -> None:
    management = Kms(new_key(kind))
    with served(management) as url:
        sealer = cloud(url, tmp_path, certified(ca, management.key))
        content = sealed(paperwork, sealer)
        assert "eu-central-1" in sealer.check(START)
    check_by_others(content, paperwork, sealer, tmp_path)


def test_a_cloud_that_is_down_is_a_fault(ca: Ca, tmp_path: Path) -> None:
    management = Kms(new_key("P-256"), down=True)
    with served(management) as url, pytest.raises(Fault, match="GetPublicKey"):
        cloud(url, tmp_path, b"").hand  # noqa: B018


def test_requests_are_signed_as_the_example_in_amazons_documentation() -> None:
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "host": "iam.amazonaws.com",
        "x-amz-date": "20150830T123600Z",
    }
    keys = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
    url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
    said = kms.authorization("GET", url, headers, b"", region="us-east-1", service="iam", secrets=keys)
    assert said.endswith("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


# --- certificates ---


class Held:
    """A signer whose key a test holds."""

    def __init__(self, key: Key) -> None:
        self.key = key

    def public_key(self) -> bytes:
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.DER, spki)

    def certificates(self) -> tuple[bytes, ...]:
        return ()

    def sign(self, data: bytes) -> bytes:
        raise AssertionError("nothing was to be signed")

    def check(self) -> str:
        return "there"


def test_certificates_that_do_not_fit_are_refused_by_name(ca: Ca) -> None:
    key = new_key("P-256")
    leaf = ca.seal(key)
    for given, why in (
        (certified(ca, new_key("P-256")), "belongs to the seal's key"),
        (leaf.public_bytes(PEM), "Fabrikam Issuing is missing"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
    ):
        with pytest.raises(Fault, match=why):
            Elsewhere(Held(key), given=given, issue=never).certificate  # noqa: B018


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 1024)])
def test_keys_of_other_kinds_are_refused(key: Key, ca: Ca) -> None:
    with pytest.raises(Fault, match="neither P-256 nor RSA"):
        Elsewhere(Held(key), given=certified(ca, key), issue=never).certificate  # noqa: B018


def test_a_certificate_that_has_ended_is_found_before_sending(ca: Ca) -> None:
    key = new_key("P-256")
    given = ca.chain_pem(ca.seal(key, lifetime=timedelta(days=10)))
    with pytest.raises(Fault, match="not valid now") as caught:
        Elsewhere(Held(key), given=given, issue=never).check(START + timedelta(days=30))
    assert caught.value.code == "certificate_ended"


@pytest.mark.parametrize("address", ["csc+http://sign.example.org/csc/v1?credential=x", "vault:x", "kms+ftp://x"])
def test_other_addresses_are_refused(address: str, tmp_path: Path) -> None:
    secret = tmp_path / "s"
    secret.write_text("{}")
    with pytest.raises(Fault) as caught:
        provider(address, str(secret), timeout=1)
    assert caught.value.code == "seal_key_away"


# --- in a house ---


@pytest.fixture
def clouded(tmp_path: Path, ca: Ca, clock: Clock) -> Iterator[tuple[House, Person, Kms]]:
    """A house whose seal's key is in a cloud, with its owner."""
    management = Kms(new_key("RSA"))
    (tmp_path / "secret").write_text(json.dumps({"access_key_id": "AKIDCONTOSO", "secret_access_key": "sesame"}))
    (tmp_path / "chain").write_bytes(certified(ca, management.key))
    with served(management) as url:
        home = a_house(
            tmp_path,
            clock,
            seal_key=f"kms+{url}?key=alias/seal&region=eu-central-1",
            seal_key_secret_file=str(tmp_path / "secret"),
            seal_certificates=str(tmp_path / "chain"),
        )
        yield home, an_owner(home), management
        for part in (home.pages, home.drawing_cage, home.cage, home.store):
            part.close()


def test_a_house_seals_with_it_waits_while_it_is_away_and_never_takes_another_key(
    clouded: tuple[House, Person, Kms], clock: Clock
) -> None:
    home, owner, management = clouded
    sent = a_sent_contract(home, owner, BOB)
    bob = _chosen(home, sent, "Bob Buyer")
    issued = home.ceremony.send_code(bob, address="192.0.2.1")
    home.ceremony.sign_with_code(bob, issued.id, inbox(home, to=BOB.phone or "")[0].body.rsplit("#", 1)[1].strip())
    management.down = True
    for _ in range(8):
        work(home, rounds=2)
        clock.forward(minutes=20)
    stuck = home.desk.look(owner, sent.id)
    assert (stuck.state, stuck.stuck_reason) == (State.STUCK, "seal_key_away")
    line = next(c for c in doctor.run(home) if c.name == "seal key")
    assert (line.state, line.code) == ("fail", "seal_key_away")
    management.down = False
    home.desk.retry(owner, sent.id)
    work(home)
    done = home.desk.look(owner, sent.id)
    assert (done.state, done.level) == (State.ARCHIVED, "B-LTA")
    assert done.document is not None
    report = verify(home.archive.read(done.document.sha256), roots=home.roots, at=clock.now())
    assert report.ok, report
    assert "Sign" in management.asked


def a_stuck_contract(home: House, owner: Person, management: Kms, clock: Clock) -> str:
    """Everybody has signed, and the seal's key was away for longer than its job waits."""
    sent = a_sent_contract(home, owner, BOB)
    bob = _chosen(home, sent, "Bob Buyer")
    issued = home.ceremony.send_code(bob, address="192.0.2.1")
    code = inbox(home, to=BOB.phone or "")[0].body.rsplit("#", 1)[1].strip()
    home.ceremony.sign_with_code(bob, issued.id, code)
    outage(home, management, clock)
    assert home.desk.look(owner, sent.id).stuck_reason == "seal_key_away"
    return sent.id


def outage(home: House, management: Kms, clock: Clock) -> None:
    management.down = True
    for _ in range(8):
        work(home, rounds=2)
        clock.forward(minutes=20)


def test_after_an_outage_everything_is_tried_again_at_once(
    clouded: tuple[House, Person, Kms], clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    home, owner, management = clouded
    contract = a_stuck_contract(home, owner, management, clock)
    waiting = retrying.retry(home)
    assert waiting == [retrying.Line(contract, "seal_key_away", "waits")]
    assert retrying.report(waiting, as_json=False) == 1
    management.down = False
    assert retrying.retry(home, reasons=["seal_check_failed"]) == []
    assert [line.done for line in retrying.retry(home, only_look=True)] == ["would"]
    assert home.desk.look(owner, contract).state is State.STUCK
    again = retrying.retry(home)
    assert retrying.report(again, as_json=True) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])[0]["done"] == "again"
    assert retrying.retry(home) == []
    work(home)
    assert home.desk.look(owner, contract).state is State.ARCHIVED


def test_the_clock_tries_again_what_waited_for_the_key(clouded: tuple[House, Person, Kms], clock: Clock) -> None:
    home, owner, management = clouded
    contract = a_stuck_contract(home, owner, management, clock)
    assert retrying.by_the_clock(home) == 0
    management.down = False
    try_again(home)
    assert home.desk.look(owner, contract).state is State.SIGNED
    outage(home, management, clock)
    for _ in range(retrying.BY_THE_CLOCK - 1):
        management.down = False
        assert retrying.by_the_clock(home) == 1
        assert retrying.by_the_clock(home) == 0
        outage(home, management, clock)
    management.down = False
    assert retrying.by_the_clock(home) == 0
    home.desk.retry(owner, contract)
    work(home)
    assert home.desk.look(owner, contract).state is State.ARCHIVED


def test_the_clock_leaves_alone_what_is_stuck_for_another_reason(
    clouded: tuple[House, Person, Kms], clock: Clock
) -> None:
    home, owner, management = clouded
    contract = a_stuck_contract(home, owner, management, clock)
    with home.store.begin() as unit:
        found = unit.contracts.get(contract)
        assert found is not None
        unit.contracts.put(replace(found, stuck_reason="seal_check_failed"))
    management.down = False
    assert retrying.by_the_clock(home) == 0
    assert [line.done for line in retrying.retry(home)] == ["again"]


def test_the_operator_sees_where_it_is(clouded: tuple[House, Person, Kms], capsys: pytest.CaptureFixture[str]) -> None:
    home, _, management = clouded
    generations.show(home, as_json=True)
    (line,) = [line for line in json.loads(capsys.readouterr().out) if line["name"] == "seal-elsewhere"]
    certificate = home.sealer.certificate if home.sealer else None
    assert certificate is not None
    assert (line["key"], line["serial"]) == ("elsewhere", f"{certificate.serial_number:x}")
    assert certificate.public_key() == management.key.public_key()


def test_before_sending_the_key_is_tried(clouded: tuple[House, Person, Kms]) -> None:
    from bff.core.errors import Refusal

    home, owner, management = clouded
    management.down = True
    with pytest.raises(Refusal, match="cannot_send_now") as caught:
        a_sent_contract(home, owner, BOB)
    assert caught.value.params["fault"] == "seal_key_away"


def test_old_seals_stay_verifiable_when_the_key_changes(clouded: tuple[House, Person, Kms]) -> None:
    home, _, _ = clouded
    changed = build(replace(home.settings, seal_key="", seal_certificates=""), home.clock)
    changed.__dict__.update(queue=Away(), feed=Away(), throttle=Generous())
    assert any("Fabrikam Root" in x509.load_pem_x509_certificate(pem).subject.rfc4514_string() for pem in changed.roots)
    changed.store.close()
