"""The report and the bundle, for the sender and from each signer's link, and for nobody before the seal."""

import pypdfium2
import pytest
from flask.testing import FlaskClient

from bff.core.contract import Contract
from bff.signing import judging
from bff.signing.verify import verify
from bff.store.people import Person
from bff.wiring import House
from tests.builders import a_sealed_contract, a_sent_contract, token_of


@pytest.fixture
def sealed(home: House, owner: Person) -> Contract:
    return a_sealed_contract(home, owner)


def text(content: bytes) -> str:
    return " ".join(page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(content))


def test_the_sender_gets_the_report_with_the_whole_timeline(home: House, desk: FlaskClient, sealed: Contract) -> None:
    page = desk.get(f"/contracts/{sealed.id}")
    assert f"/contracts/{sealed.id}/report.pdf" in page.text
    answer = desk.get(f"/contracts/{sealed.id}/report.pdf")
    assert answer.mimetype == "application/pdf"
    assert "Purchase agreement - evidence report.pdf" in answer.headers["Content-Disposition"]
    said = text(answer.data)
    for sentence in ("Bob Buyer opened the link", "李雷 signed (fingerprint or face)", "The document was sealed"):
        assert sentence in said
    assert verify(answer.data, roots=home.authority.roots_pem(), at=home.clock.now()).ok


def test_each_signer_gets_report_and_bundle_from_their_link(
    home: House, stranger: FlaskClient, sealed: Contract
) -> None:
    link = f"/s/{token_of(home, sealed, '李雷')}"
    page = stranger.get(link)
    assert f"{link}/report.pdf" in page.text
    assert f"{link}/evidence.zip" in page.text
    report = stranger.get(f"{link}/report.pdf")
    assert "证据报告" in "".join(text(report.data).split())
    assert report.headers["Cache-Control"] == "private, no-store"
    packed = stranger.get(f"{link}/evidence.zip")
    assert packed.mimetype == "application/zip"
    verdict = judging.judge(packed.data, roots=home.authority.roots_pem(), at=home.clock.now())
    assert verdict.ok, verdict.lines()


@pytest.mark.parametrize("what", ["report.pdf", "evidence.zip"])
def test_before_the_seal_there_is_neither(
    home: House, desk: FlaskClient, stranger: FlaskClient, owner: Person, what: str
) -> None:
    sent = a_sent_contract(home, owner)
    link = f"/s/{token_of(home, sent, '李雷')}"
    assert what not in stranger.get(link).text
    assert stranger.get(f"{link}/{what}").status_code == 409
    assert desk.get(f"/contracts/{sent.id}/{what}").status_code == 409


def test_nobody_else_gets_either(stranger: FlaskClient, sealed: Contract) -> None:
    assert stranger.get(f"/contracts/{sealed.id}/report.pdf").status_code != 200
    assert stranger.get("/s/nothing/report.pdf").status_code == 404
    assert stranger.get("/s/nothing/evidence.zip").status_code == 404
