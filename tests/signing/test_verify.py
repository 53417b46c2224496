import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import bff.__main__ as entrance
from bff.core.errors import Refusal
from bff.core.mark import Mark
from bff.signing.verify import main, read_cose_key, verify
from tests.signing.paperwork import ANA, BO, HOST, LI, START, Paperwork, b64, blank_pdf, cose


@pytest.fixture
def work(tmp_path: Path) -> Paperwork:
    work = Paperwork(tmp_path)
    work.signers = (LI,)
    work.prepare(blank_pdf())
    return work


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Paperwork:
    work = Paperwork(tmp_path_factory.mktemp("finished"))
    work.prepare(blank_pdf())
    work.shown = []  # type: ignore[attr-defined]
    for signer, method in ((LI, "passkey"), (ANA, "sms"), (BO, "passkey")):
        work.shown.append(work.content)  # type: ignore[attr-defined]
        work.sign(signer, method=method)
    work.seal()
    return work


def report(work: Paperwork, **how: Any) -> Any:
    return verify(work.content, roots=work.authority.roots_pem(), at=work.clock.now(), **how)


def failed(work: Paperwork) -> list[str]:
    """The checks of the only signer that do not hold."""
    (signer,) = report(work).signers
    return [check.name for check in signer.checks if not check.ok]


def test_a_sealed_file_proves_itself(finished: Paperwork) -> None:
    judged = report(finished)
    assert judged.ok
    assert [s.name for s in judged.signers] == ["李雷", "Ana Pérez-Ñandú", "Bo"]
    assert [s.proof for s in judged.signers] == ["device", "platform", "device"]
    assert [s.level for s in judged.signers] == ["B-LTA"] * 3


def test_the_shown_document_is_found_and_can_be_cut_out(finished: Paperwork) -> None:
    for signer, shown in zip(report(finished).signers, finished.shown, strict=True):  # type: ignore[attr-defined]
        assert finished.content[: signer.shown_bytes] == shown
        assert hashlib.sha256(shown).hexdigest() == signer.document_sha256


def test_the_challenge_is_recomputed_from_the_file_alone(finished: Paperwork) -> None:
    signer = report(finished).signers[0]
    assert len(bytes.fromhex(signer.challenge)) == 32
    intent = signer.facts["intent"]
    assert signer.challenge == hashlib.sha256(canonical(intent)).hexdigest()


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_sentences_keep_device_and_platform_apart(finished: Paperwork) -> None:
    li, ana, bo = report(finished).sentences
    assert "key of their own device" in li
    assert "platform's signed statement" in ana
    assert "key of their own device" in bo


def test_it_still_holds_in_nine_years(finished: Paperwork) -> None:
    later = finished.clock.now() + timedelta(days=3300)
    assert verify(finished.content, roots=finished.authority.roots_pem(), at=later).ok


@pytest.mark.parametrize("name", ["😀 Emil", "𰻞𪚥 𫖯", "محمد 李 Łukasz", "שרה (Sarah)", "\u202eevil", "A" * 120])
def test_people_are_called_as_they_are(tmp_path: Path, name: str) -> None:
    """Younger characters than a library knows, two directions in one name: signed, sealed and found valid."""
    signer = replace(LI, name=name)
    work = Paperwork(tmp_path, signers=(signer,))
    work.prepare(blank_pdf())
    work.sign(signer, method="passkey")
    work.seal()
    assert report(work).ok, report(work).lines()


def test_without_roots_nobody_is_named_and_the_report_says_so(finished: Paperwork) -> None:
    judged = verify(finished.content, roots=None, at=finished.clock.now())
    assert not judged.ok
    (sentence,) = judged.sentences
    assert sentence.startswith("No root certificates were given")
    assert all(check.ok for s in judged.signers for check in s.checks if check.name != "signature")


def test_an_unsealed_file_is_not_called_closed(work: Paperwork) -> None:
    work.sign(LI, method="passkey")
    judged = report(work)
    assert not judged.ok
    assert all(s.ok for s in judged.signers)
    assert "not closed by a valid seal" in judged.sentences[-1]


def test_a_seal_of_another_contract_does_not_close_this_one(work: Paperwork) -> None:
    work.sign(LI)
    work.contract_id = "k2"
    work.seal()
    assert not report(work).ok


def test_a_file_nobody_signed_is_said_to_be_that(work: Paperwork) -> None:
    judged = verify(blank_pdf(), roots=work.authority.roots_pem(), at=work.clock.now())
    assert not judged.ok
    assert judged.sentences == ("Nobody has signed this file through Countersign.",)


def test_what_is_no_pdf_is_unreadable() -> None:
    with pytest.raises(Refusal, match="pdf_unreadable"):
        verify(b"no pdf", roots=())


# --- what does not match what was confirmed ---------------------------------------------------------------------


def test_another_mark_than_the_confirmed_one_is_found(work: Paperwork) -> None:
    work.sign(LI, mark=Mark("typed", LI.name, face="caveat"))
    assert failed(work) == ["mark"]


def test_other_values_than_the_confirmed_ones_are_found(work: Paperwork) -> None:
    work.sign(LI, values={"f2": "2030-01-01"})
    assert failed(work) == ["values"]


def test_a_certificate_in_another_name_is_found(work: Paperwork) -> None:
    act = replace(work.act(LI, work.intent(LI)), signer=replace(LI, name="Somebody Else"))
    work.content = work.pades.sign(work.content, act).content
    assert failed(work) == ["name"]


def test_a_document_that_was_never_shown_is_found(work: Paperwork) -> None:
    work.sign(LI, shown=b"another document")
    assert failed(work) == ["document"]


def test_the_upload_is_not_taken_for_the_prepared_document(work: Paperwork) -> None:
    """It is a prefix too, but pages and fields were added after it."""
    work.sign(LI, shown=blank_pdf())
    assert failed(work) == ["additions"]


def test_an_intent_issued_after_the_signature_is_found(work: Paperwork) -> None:
    intent = work.intent(LI)
    late = replace(intent, issued_at=(work.clock.now() + timedelta(hours=1)).isoformat())
    work.content = work.pades.sign(work.content, work.act(LI, late)).content
    assert failed(work) == ["time"]


@pytest.mark.parametrize("raw", [b"{}", b"\xff", b'{"contract_id": "k1"}'])
def test_an_intent_that_is_not_canonical_is_found(work: Paperwork, raw: bytes) -> None:
    act = replace(work.act(LI, work.intent(LI)), intent=raw)
    if b"contract_id" not in raw:
        act = replace(act, intent=b'{"contract_id":"k1","more":' + json.dumps(raw.decode("latin-1")).encode() + b"}")
    work.content = work.pades.sign(work.content, act).content
    assert failed(work) == ["intent"]


# --- passkeys ---------------------------------------------------------------------------------------------------


def flipped(proof: dict[str, Any], name: str) -> dict[str, Any]:
    text = proof[name]
    return {**proof, name: ("A" if text[0] != "A" else "B") + text[1:]}


LIES: dict[str, tuple[Callable[[Paperwork, Any], dict[str, Any]], list[str]]] = {
    "another challenge": (lambda w, i: w.passkey(i, challenge=b64(bytes(32))), ["challenge"]),
    "a creation": (lambda w, i: w.passkey(i, type="webauthn.create"), ["challenge"]),
    "another origin": (lambda w, i: w.passkey(i, origin="https://evil.example"), ["origin"]),
    "a subdomain": (lambda w, i: w.passkey(i, origin=f"https://x.{HOST}"), ["origin"]),
    "cross-origin": (lambda w, i: w.passkey(i, crossOrigin=True), ["origin"]),
    "no user verification": (lambda w, i: w.passkey(i, flags=0x01), ["device"]),
    "no user presence": (lambda w, i: w.passkey(i, flags=0x04), ["device"]),
    "another RP ID": (lambda w, i: {**w.passkey(i), "rp_id": "evil.example"}, ["device"]),
    "another key": (lambda w, i: w.passkey(i, key=ec.generate_private_key(ec.SECP256R1())), ["assertion"]),
    "a changed assertion": (lambda w, i: flipped(w.passkey(i), "signature"), ["assertion"]),
    "changed data": (lambda w, i: flipped(w.passkey(i), "authenticator_data"), ["device", "assertion"]),
    "no assertion": (lambda w, i: {"method": "passkey"}, ["challenge", "origin", "device", "assertion"]),
    "another method": (lambda w, i: {"method": "sms"}, ["method"]),
    "an unknown method": (lambda w, i: {"method": "magic"}, ["method", "proof"]),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_false_assertion_is_found(work: Paperwork, lie: str) -> None:
    make, expected = LIES[lie]
    intent = work.intent(LI, method="passkey")
    work.content = work.pades.sign(work.content, work.act(LI, intent, make(work, intent))).content
    assert failed(work) == expected


def test_a_true_assertion_for_another_contract_is_found(work: Paperwork) -> None:
    other = work.passkey(replace(work.intent(LI, method="passkey"), contract_id="k2"))
    work.content = work.pades.sign(work.content, work.act(LI, work.intent(LI, method="passkey"), other)).content
    assert failed(work) == ["challenge"]


def test_the_three_kinds_of_passkey_keys_are_read() -> None:
    elliptic = ec.generate_private_key(ec.SECP256R1())
    assert read_cose_key(cose(elliptic)) == elliptic.public_key()
    edwards = ed25519.Ed25519PrivateKey.generate().public_key()
    raw = edwards.public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert read_cose_key(b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20" + raw) == edwards
    numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    n = numbers.n.to_bytes(256)
    assert read_cose_key(b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00" + n + b"\x21\x43\x01\x00\x01") == (
        numbers.public_key()
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xa1",
        b"\xa1\x01",
        b"\x01",
        b"\xbb" + b"\xff" * 8,
        b"\xa1\x01\x02",
        b"\xa1\x01\x42\x01",
        b"\xa1\x41\x01\x01",
    ],
)
def test_what_is_no_cose_key_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_cose_key(raw)


@pytest.mark.parametrize("cut", [1, 20, 40, 76])
def test_a_cut_off_cose_key_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_cose_key(cose(ec.generate_private_key(ec.SECP256R1()))[:cut])


# --- at the command line ------------------------------------------------------------------------------------------


@pytest.fixture
def files(finished: Paperwork, tmp_path: Path) -> tuple[str, str]:
    pdf, pem = tmp_path / "sealed.pdf", tmp_path / "roots.pem"
    pdf.write_bytes(finished.content)
    pem.write_bytes(b"".join(finished.authority.roots_pem()))
    return str(pdf), str(pem)


def test_command_says_what_it_found(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    pdf, pem = files
    assert main([pdf, "--root", pem]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0].startswith("李雷 signed exactly this document")
    assert "FAIL" not in said


def test_command_without_roots_is_not_ok(files: tuple[str, str], caplog: pytest.LogCaptureFixture) -> None:
    assert main([files[0]]) == 1
    assert caplog.records == []  # no library's own story beside the report


def test_a_house_trusts_its_own_roots(
    finished: Paperwork, files: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = tmp_path / "house" / "authority"
    house.mkdir(parents=True)
    for name, pem in zip(("signing-root", "tsa-root"), finished.authority.roots_pem(), strict=True):
        (house / f"{name}.pem").write_bytes(pem)
    monkeypatch.setenv("BFF_DATA_DIR", str(house.parent))
    assert entrance.main(["verify", files[0]]) == 0
    monkeypatch.setenv("BFF_DATA_DIR", str(tmp_path / "elsewhere"))
    assert entrance.main(["verify", files[0]]) == 1


def test_command_prints_one_json_object(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    pdf, pem = files
    assert main([pdf, "--root", pem, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["ok"] is True
    assert [s["name"] for s in printed["signers"]] == ["李雷", "Ana Pérez-Ñandú", "Bo"]


@pytest.mark.parametrize("content", [None, b"", b"%PDF-1.7\n%%EOF\n"])
def test_command_cannot_read_what_is_no_pdf(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.pdf"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path)]) == 2


def test_report_can_be_kept_as_json(finished: Paperwork) -> None:
    kept = report(finished).to_dict()
    assert json.loads(json.dumps(kept))["ok"] is True
    assert set(kept) == {f.name for f in dataclasses.fields(report(finished))}


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        ({"passkey_set_up": "this_link", "passkey_kept_at": None}, "set up by whoever held the link"),
        ({"passkey_set_up": "another_link", "passkey_kept_at": None}, "set up by whoever held the link"),
        ({"passkey_set_up": "another_link", "passkey_kept_at": START.isoformat()}, "key of their own device"),
        ({"passkey_set_up": "signed_in"}, "key of their own device"),
    ],
)
def test_a_device_that_a_link_set_up_is_not_called_the_signers_own(
    work: Paperwork, identity: dict[str, Any], said: str
) -> None:
    work.sign(LI, method="passkey", identity={"level": "contact", **identity})
    assert said in " ".join(report(work).sentences)
