"""The report and the bundle, for the sender and from each signer's link, and for nobody before the seal."""

import pypdfium2
import pytest
from flask.testing import FlaskClient

from bff.core.contract import Contract
from bff.signing import judging
from bff.signing.verify import verify
from bff.store.people import Person
from bff.wiring import House
from tests.builders import a_sealed_contract, a_sent_contract, token_of, work


@pytest.fixture
def sealed(home: House, owner: Person) -> Contract:
    return a_sealed_contract(home, owner)


def text(content: bytes) -> str:
    return " ".join(page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(content))


def test_the_sender_gets_the_report_with_the_whole_timeline(home: House, desk: FlaskClient, sealed: Contract) -> None:
    page = desk.get(f"/contracts/{sealed.id}")
    assert f'href="/contracts/{sealed.id}/report"' in page.text
    asked = desk.get(f"/contracts/{sealed.id}/report")
    assert 'data-state="waiting"' in asked.text
    early = desk.get(f"/contracts/{sealed.id}/report.pdf")
    assert (early.status_code, early.headers["Location"]) == (303, f"/contracts/{sealed.id}/report")
    work(home)
    assert f"/contracts/{sealed.id}/report.pdf" in desk.get(f"/contracts/{sealed.id}/report").text
    part = desk.get(f"/contracts/{sealed.id}/report", headers={"HX-Request": "true"})
    assert part.text.lstrip().startswith('<section id="report"')
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
    assert f'href="{link}/report"' in page.text
    assert f"{link}/evidence.zip" in page.text
    assert 'data-state="waiting"' in stranger.get(f"{link}/report").text
    work(home)
    assert 'data-state="made"' in stranger.get(f"{link}/report").text
    report = stranger.get(f"{link}/report.pdf")
    assert "证据报告" in "".join(text(report.data).split())
    assert report.headers["Cache-Control"] == "private, no-store"
    packed = stranger.get(f"{link}/evidence.zip")
    assert packed.mimetype == "application/zip"
    verdict = judging.judge(packed.data, roots=home.authority.roots_pem(), at=home.clock.now())
    assert verdict.ok, verdict.lines()


def test_who_waited_in_vain_is_told_and_can_ask_again(home: House, desk: FlaskClient, sealed: Contract) -> None:
    page = f"/contracts/{sealed.id}/report"
    desk.get(page)
    with home.store.read() as unit:
        (errand,) = [e for e in unit.errands.open_of(sealed.id) if e.kind == "report"]
    with home.store.begin() as unit:
        unit.errands.park(errand.id, error="seal_key_away")
    home.reporting.given_up(errand, "seal_key_away")
    assert 'data-state="failed"' in desk.get(page).text
    assert desk.post(page).status_code == 303
    assert 'data-state="waiting"' in desk.get(page).text
    work(home)
    assert 'data-state="made"' in desk.get(page).text


@pytest.mark.parametrize("what", ["report", "report.pdf", "evidence.zip"])
def test_before_the_seal_there_is_neither(
    home: House, desk: FlaskClient, stranger: FlaskClient, owner: Person, what: str
) -> None:
    sent = a_sent_contract(home, owner)
    link = f"/s/{token_of(home, sent, '李雷')}"
    assert f"/{what}" not in stranger.get(link).text
    assert stranger.get(f"{link}/{what}").status_code == 409
    assert desk.get(f"/contracts/{sent.id}/{what}").status_code == 409


def test_nobody_else_gets_either(stranger: FlaskClient, sealed: Contract) -> None:
    assert stranger.get(f"/contracts/{sealed.id}/report.pdf").status_code != 200
    assert stranger.get("/s/nothing/report.pdf").status_code == 404
    assert stranger.get("/s/nothing/evidence.zip").status_code == 404
