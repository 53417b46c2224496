"""Texts travel packed; what another site could make a browser ask for does not."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from bff.routes.pwa import WEB
from bff.store.people import Person
from bff.wiring import House
from tests.builders import BOB, a_sent_contract

PACKED = {"Accept-Encoding": "gzip, deflate, br"}
SHEET = "styles/base.css"


@pytest.fixture
def sheet(home: House) -> str:
    return f"/static/{home.version}/{SHEET}"


@pytest.fixture
def signer_path(home: House, owner: Person) -> str:
    a_sent_contract(home, owner, BOB)
    return "/s/" + _token(home)


def _token(home: House) -> str:
    from bff.notify.inbox import read_all

    body = next(m.body for m in read_all(home.settings.data_dir / "inbox") if m.template == "invitation")
    return body.split("/s/")[1].split()[0]


def test_a_file_is_packed_for_who_takes_it_and_plain_for_who_does_not(stranger: FlaskClient, sheet: str) -> None:
    packed, plain = stranger.get(sheet, headers=PACKED), stranger.get(sheet, buffered=True)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.data) == plain.data == (WEB / SHEET).read_bytes()
    assert len(packed.data) < len(plain.data) / 3
    assert packed.mimetype == plain.mimetype == "text/css"
    for answer in (packed, plain):
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "Accept-Encoding" in answer.vary
    assert packed.get_etag() != plain.get_etag()


def test_a_file_that_the_browser_has_is_not_sent_again(stranger: FlaskClient, sheet: str) -> None:
    for how in (PACKED, {}):
        tag = stranger.get(sheet, headers=how, buffered=True).headers["ETag"]
        again = stranger.get(sheet, buffered=True, headers={**how, "If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
        assert "Accept-Encoding" in again.vary
    other = stranger.get(sheet, headers={**PACKED, "If-None-Match": stranger.get(sheet, buffered=True).headers["ETag"]})
    assert other.status_code == 200


def test_gzip_that_is_refused_is_not_sent(stranger: FlaskClient, sheet: str) -> None:
    refusing = {"Accept-Encoding": "gzip;q=0, br"}
    assert "Content-Encoding" not in stranger.get(sheet, headers=refusing, buffered=True).headers


def test_a_file_outside_of_the_app_is_not_there_packed_or_not(stranger: FlaskClient, home: House) -> None:
    for name in ("styles/../../pyproject.toml", "styles/none.css", "pages/base.html", "lib/../../bff/app.js"):
        for how in (PACKED, {}):
            assert stranger.get(f"/static/{home.version}/{name}", headers=how, buffered=True).status_code == 404


def test_our_own_pages_are_packed(stranger: FlaskClient) -> None:
    packed, plain = stranger.get("/sign-in", headers=PACKED), stranger.get("/sign-in")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert int(packed.headers["Content-Length"]) == len(packed.data)
    assert "Accept-Encoding" in packed.vary
    assert "Cookie" in packed.vary


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
def test_a_page_that_another_site_may_have_asked_for_is_not_packed(desk: FlaskClient, site: str | None) -> None:
    asked = {**PACKED, "Sec-Fetch-Site": site} if site else PACKED
    if site is None:
        desk.environ_base = {k: v for k, v in desk.environ_base.items() if k != "HTTP_SEC_FETCH_SITE"}
    assert "Content-Encoding" not in desk.get("/?q=guess", headers=asked).headers


def test_a_signers_page_is_packed_even_when_the_link_was_in_a_letter(
    visit: Callable[..., FlaskClient], signer_path: str
) -> None:
    answer = visit().get(signer_path, headers={**PACKED, "Sec-Fetch-Site": "cross-site"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Cache-Control"] == "no-store"


def test_pictures_and_small_answers_stay_as_they_are(stranger: FlaskClient, home: House) -> None:
    picture = stranger.get(f"/static/{home.version}/icons/icon-192.png", headers=PACKED, buffered=True)
    assert "Content-Encoding" not in picture.headers
    assert picture.data == (Path(WEB) / "icons" / "icon-192.png").read_bytes()
    assert "Content-Encoding" not in stranger.get("/healthz", headers=PACKED).headers


def test_only_a_worker_may_run_webassembly(stranger: FlaskClient, home: House) -> None:
    policies = [
        stranger.get(f"/static/{home.version}/{name}", headers=PACKED).headers["Content-Security-Policy"]
        for name in ("workers/face-watch.js", "elements/face-capture.js")
    ]
    assert ["wasm-unsafe-eval" in policy for policy in policies] == [True, False]
    assert all("'unsafe-eval'" not in policy for policy in policies)
