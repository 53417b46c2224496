"""Signing for an enterprise: who may, what certificate, mark and statement say, and what both verifiers make of it."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from pypdfium2 import PdfDocument

from bff.core import evidence
from bff.core import intent as intents
from bff.core.contract import Contract
from bff.core.errors import Refusal
from bff.signing import bundle, judging, pades
from bff.signing.desk import NewSigner
from bff.signing.verify import verify
from bff.store.people import Person
from bff.wiring import House
from tests.builders import a_sent_contract, inbox, token_of, work
from tests.enterprises import NAME, NUMBER, a_person, sealed
from tests.signing.paperwork import LI, Paperwork, blank_pdf
from tests.signing.test_long_term import browser_verdicts

IDENTIFIER = f"NTRCN-{NUMBER}"
SAM = NewSigner(
    name="Sam Signer",
    email="sam@example.org",
    phone="+4915112345678",
    organisation=NAME,
    organisation_id=IDENTIFIER,
)


@pytest.fixture
def li(home: House) -> Person:
    return a_person(home, "李雷", "li@example.org")


@pytest.fixture
def sam(home: House) -> Person:
    return a_person(home, "Sam Signer", "sam@example.org")


def choose(home: House, contract: Contract, seal_id: str) -> str:
    token = token_of(home, contract, "Sam Signer")
    home.ceremony.open(token)
    mark = {"kind": "seal", "seal_id": seal_id}
    home.ceremony.choose(token, mark=mark, values={}, consented=True, language="en")
    return token


def prove(home: House, token: str) -> None:
    issued = home.ceremony.send_code(token, address="192.0.2.1")
    code = inbox(home, to="+4915112345678")[0].body.rsplit("#", 1)[1].strip()
    home.ceremony.sign_with_code(token, issued.id, code)
    work(home)


def signed(home: House, owner: Person, seal_id: str) -> bytes:
    """The sealed file of a contract that Sam signed for the enterprise."""
    contract = a_sent_contract(home, owner, SAM)
    prove(home, choose(home, contract, seal_id))
    _, content = home.desk.document(owner, contract.id)
    return content


def test_a_sealed_contract_names_the_enterprise_everywhere(
    home: House, owner: Person, li: Person, sam: Person, tmp_path: Path
) -> None:
    enterprise_id, seal_id = sealed(home, li, member=sam)
    content = signed(home, owner, seal_id)
    report = verify(content, roots=home.authority.roots_pem(), at=home.clock.now())
    [signer] = report.signers
    assert report.ok, report
    assert f"Sam Signer for {NAME}" in " ".join(report.sentences)
    assert {check.name: check.ok for check in signer.checks}["organisation"]
    (tmp_path / "contract.pdf").write_bytes(content)
    [browsers] = browser_verdicts(tmp_path, home.authority.roots_pem(), at=home.clock.now()).values()
    assert browsers["ok"], browsers
    known = signer.facts["identity"]["enterprise"]
    assert (known["identifier"], known["proven_by"], known["role"]) == (IDENTIFIER, "representative", "signer")
    assert known["register"] == {"outcome": "not_asked"}
    entries = home.enterprises.view(li, enterprise_id).entries
    assert entries[-1].value["kind"] == "seal_used"
    assert entries[-1].value["data"]["challenge"] == signer.challenge
    assert known["record_head"] == entries[-1].head.hex()
    assert evidence.check(entries, contract_id=f"enterprise:{enterprise_id}") is None


def test_a_bundle_proves_that_the_enterprises_record_has_the_act(
    home: House, owner: Person, li: Person, sam: Person, tmp_path: Path
) -> None:
    _, seal_id = sealed(home, li, member=sam)
    contract = a_sent_contract(home, owner, SAM)
    prove(home, choose(home, contract, seal_id))
    content = home.history.bundle(contract.id)
    parts = bundle.unpack(content)
    [record] = json.loads(parts[bundle.HISTORY])["records"]
    assert contract.id in record["entry"]
    files = {"good": content, "older": _with(parts, lambda proof: proof.pop("records"))}
    for name, change in CHANGES.items():
        files[name] = _with(parts, lambda proof, change=change: change(proof["records"][0]))  # type: ignore[misc]
    for name, file in files.items():
        (tmp_path / f"{name}.zip").write_bytes(file)
    browsers = browser_verdicts(tmp_path, home.authority.roots_pem(), at=home.clock.now())
    for name, file in files.items():
        verdict = judging.judge(file, roots=home.authority.roots_pem(), at=home.clock.now())
        expected = [] if name in ("good", "older") else ["record"]
        assert [check.name for check in verdict.checks if not check.ok] == expected, name
        assert browsers[name]["failed"] == [f"bundle:{each}" for each in expected], name
        assert verdict.ok is browsers[name]["ok"] is not bool(expected)
    assert any(
        "The enterprise's record has the act of Sam Signer" in line
        for line in judging.judge(content, roots=home.authority.roots_pem(), at=home.clock.now()).lines()
    )


def _with(parts: dict[str, bytes], change: Callable[[dict[str, Any]], Any]) -> bytes:
    proof = json.loads(parts[bundle.HISTORY])
    change(proof)
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in {**parts, bundle.HISTORY: json.dumps(proof).encode()}.items():
            archive.writestr(name, part)
    return buffer.getvalue()


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "entry": lambda record: record.update(entry=record["entry"].replace("seal_used", "seal_Used")),
    "before": lambda record: record.update(before="0" * 64),
    "seq": lambda record: record["leaf"].update(seq=record["leaf"]["seq"] + 1),
    "subject": lambda record: record["leaf"].update(contract_id="enterprise:another"),
    "position": lambda record: record.update(position=record["position"] + 1),
    "path": lambda record: record.update(path=record["path"][1:]),
    "head": lambda record: record["leaf"].update(head="0" * 64),
}


def test_the_certificate_carries_person_and_organisation(home: House, owner: Person, li: Person, sam: Person) -> None:
    _, seal_id = sealed(home, li, member=sam)
    found = next(f for f in pades.find(signed(home, owner, seal_id)) if f.kind == "signer")
    subject = x509.load_der_x509_certificate(found.certificate).subject
    told = {
        oid: subject.get_attributes_for_oid(oid)[0].value
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATION_IDENTIFIER)
    }
    assert list(told.values()) == ["Sam Signer", NAME, IDENTIFIER]


def test_the_mark_is_the_seal_with_words_that_can_be_found(home: House, owner: Person, li: Person, sam: Person) -> None:
    _, seal_id = sealed(home, li, member=sam)
    content = signed(home, owner, seal_id)
    assert red_pixels(content) > 300
    assert dark_pixels(content, beside_the_seal=True) > 100  # the caption is there to be seen, not only to be found
    assert "合同专用章".encode("utf-16-be").hex().upper().encode() in b"".join(appearances(content))


def first_page(content: bytes) -> "np.ndarray[Any, Any]":
    document = PdfDocument(content)
    document.init_forms()
    pixels = np.asarray(document[0].render(scale=1).to_pil().convert("RGB")).astype(int)
    document.close()
    return pixels


def dark_pixels(content: bytes, *, beside_the_seal: bool) -> int:
    """In the field (a tenth of the width from the left, half way down), right of the square that the seal takes."""
    pixels = first_page(content)
    height, width = pixels.shape[:2]
    field = pixels[
        int(height * 0.5) : int(height * 0.59), int(width * (0.24 if beside_the_seal else 0.1)) : int(width * 0.45)
    ]
    return int((field.max(axis=2) < 200).sum())


def red_pixels(content: bytes) -> int:
    pixels = first_page(content)
    return int(((pixels[:, :, 0] > 150) & (pixels[:, :, 1] < pixels[:, :, 0] - 60)).sum())


def appearances(content: bytes) -> list[bytes]:
    with pikepdf.open(BytesIO(content)) as file:
        return [o.read_bytes() for o in file.objects if isinstance(o, pikepdf.Stream) and "/BBox" in o]


def test_the_statement_is_of_the_second_format_and_nothing_else_of_the_first(home: House) -> None:
    both = dict.fromkeys(("contract_id", "contract_title", "document_sha256", "signer_id", "signer_name"), "x")
    rest = dict.fromkeys(("signer_role", "mark_sha256", "values_sha256", "consent_version", "consent_sha256"), "x")
    last = dict.fromkeys(("language", "method", "host", "nonce", "issued_at", "expires_at"), "x")
    plain = intents.Intent(**both, **rest, **last, document_pages=1)  # type: ignore[arg-type]
    acting = replace(plain, format=intents.FORMAT_FOR, organisation=NAME, organisation_identifier=IDENTIFIER)
    assert intents.read(acting.canonical()) == acting
    assert b"organisation" not in plain.canonical()
    for odd in (
        replace(acting, format=intents.FORMAT),
        replace(acting, organisation=""),
        replace(plain, format=intents.FORMAT_FOR),
    ):
        if odd.canonical() != plain.canonical():
            with pytest.raises(Refusal, match="intent_unreadable"):
                intents.read(odd.canonical())


# --- who may not ---


@pytest.mark.parametrize("what", ["nobody proven", "no member", "no grant", "grant over", "seal retired", "other name"])
def test_whoever_lacks_the_right_is_refused_by_name(
    home: House, owner: Person, li: Person, sam: Person, what: str
) -> None:
    signer, code = SAM, "enterprise_not_proven"
    seal_id = "0" * 16
    if what != "nobody proven":
        enterprise_id, seal_id = sealed(home, li, member=None if what == "no member" else sam)
        if what == "no member":
            code = "not_a_member"
        elif what == "no grant":
            home.enterprises.change_role(li, enterprise_id, sam.id, "viewer")
            code = "no_right_to_seal"
        elif what == "grant over":
            [given] = home.enterprises.view(li, enterprise_id).enterprise.grants
            home.enterprises.revoke(li, enterprise_id, given.id)
            code = "right_to_seal_over"
        elif what == "seal retired":
            home.enterprises.retire_seal(li, enterprise_id, seal_id)
            code = "no_right_to_seal"
        else:
            signer, code = replace(SAM, organisation="别的公司"), "enterprise_another_name"
    contract = a_sent_contract(home, owner, signer)
    refusal = home.ceremony.look(token_of(home, contract, "Sam Signer")).no_right
    assert refusal is not None
    assert refusal.code == code
    with pytest.raises(Refusal, match=code):
        choose(home, contract, seal_id)


def test_a_right_that_ends_between_choice_and_proof_signs_nothing(
    home: House, owner: Person, li: Person, sam: Person
) -> None:
    enterprise_id, seal_id = sealed(home, li, member=sam)
    contract = a_sent_contract(home, owner, SAM)
    token = choose(home, contract, seal_id)
    issued = home.ceremony.send_code(token, address="192.0.2.1")
    code = inbox(home, to="+4915112345678")[0].body.rsplit("#", 1)[1].strip()
    [given] = home.enterprises.view(li, enterprise_id).enterprise.grants
    home.enterprises.revoke(li, enterprise_id, given.id)
    with pytest.raises(Refusal, match="right_to_seal_over"):
        home.ceremony.sign_with_code(token, issued.id, code)
    assert home.ceremony.look(token).act is None


def test_for_oneself_nobody_uses_a_seal_and_for_an_enterprise_nobody_draws(
    home: House, owner: Person, li: Person, sam: Person
) -> None:
    _, seal_id = sealed(home, li, member=sam)
    alone = a_sent_contract(home, owner, replace(SAM, organisation="", organisation_id=""))
    with pytest.raises(Refusal, match="mark_unreadable"):
        choose(home, alone, seal_id)
    acting = a_sent_contract(home, owner, SAM)
    token = token_of(home, acting, "Sam Signer")
    home.ceremony.open(token)
    with pytest.raises(Refusal, match="mark_unreadable"):
        home.ceremony.choose(token, mark={"kind": "typed", "face": "auto"}, values={}, consented=True, language="en")


def test_a_seal_does_not_become_ones_own_signature(home: House, owner: Person, li: Person, sam: Person) -> None:
    _, seal_id = sealed(home, li, member=sam)
    signed(home, owner, seal_id)
    assert home.account.saved_mark(sam) is None


# --- verifiers ---


@pytest.mark.parametrize(
    ("certified", "stated", "known", "holds"),
    [
        ((NAME, IDENTIFIER), (NAME, IDENTIFIER), IDENTIFIER, True),
        ((NAME, IDENTIFIER), (NAME, "NTRCN-91110000600037341L"), IDENTIFIER, False),
        ((NAME, IDENTIFIER), (NAME, IDENTIFIER), "NTRCN-91110000600037341L", False),
        ((NAME, IDENTIFIER), ("别的公司", IDENTIFIER), IDENTIFIER, False),
        ((NAME, IDENTIFIER), ("", ""), IDENTIFIER, False),
        (("", ""), (NAME, IDENTIFIER), IDENTIFIER, False),
        ((NAME, IDENTIFIER), (NAME, IDENTIFIER), None, False),
    ],
)
def test_both_verifiers_hold_certificate_statement_and_record_together(
    tmp_path: Path, certified: tuple[str, str], stated: tuple[str, str], known: str | None, holds: bool
) -> None:
    papers = Paperwork(tmp_path, signers=(LI,), fields=())
    papers.prepare(blank_pdf())
    signer = replace(LI, organisation=certified[0], organisation_id=certified[1])
    changed: dict[str, Any] = {"identity": {"level": "contact", "enterprise": {"identifier": known}} if known else {}}
    if stated[0]:
        form = {"format": intents.FORMAT_FOR, "organisation": stated[0], "organisation_identifier": stated[1]}
        changed["intent"] = replace(papers.intent(LI), **form).canonical()
    papers.sign(signer, **changed)
    papers.seal()
    [told] = verify(papers.content, roots=papers.authority.roots_pem(), at=papers.clock.now()).signers
    assert {c.name: c.ok for c in told.checks}["organisation"] is holds
    assert told.ok is holds
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "one.pdf").write_bytes(papers.content)
    [verdict] = browser_verdicts(tmp_path / "files", papers.authority.roots_pem(), at=papers.clock.now()).values()
    assert verdict["ok"] is holds
    assert ("signer:organisation" in verdict["failed"]) is not holds
