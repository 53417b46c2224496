"""What a phone has to load before the first page can be read, counted: a budget in bytes, not in seconds."""

import gzip
import re

import pytest
from flask.testing import FlaskClient

from bff.core.errors import Refusal
from bff.notify.inbox import read_all
from bff.routes.pwa import WEB, imports
from bff.store.people import Person
from bff.wiring import House
from tests.builders import BOB, a_sent_contract

BUDGET_BYTES = 40_000
"""Page, styles and scripts, packed; of 150 kB that a first readable page may cost, the rest is the picture's."""
PICTURE_BYTES = 110_000
PACKED = {"Accept-Encoding": "gzip"}
FILE = re.compile(r'(?:<script[^>]* src|<link rel="(?:stylesheet|icon|modulepreload)" href)="([^"]+)"')


@pytest.fixture
def path(home: House, owner: Person) -> str:
    a_sent_contract(home, owner, BOB)
    letter = next(m for m in read_all(home.settings.data_dir / "inbox") if m.template == "invitation")
    return "/s/" + letter.body.split("/s/")[1].split()[0]


def test_the_first_page_costs_little_and_its_picture_is_asked_for_at_once(stranger: FlaskClient, path: str) -> None:
    page = stranger.get(path, headers=PACKED)
    html = gzip.decompress(page.data).decode()
    files = list(dict.fromkeys(FILE.findall(html)))
    assert len(files) >= 8
    answers = [stranger.get(file, headers=PACKED, buffered=True) for file in files]
    assert {answer.status_code for answer in answers} == {200}
    assert len(page.data) + sum(len(answer.data) for answer in answers) <= BUDGET_BYTES
    pictures = re.findall(r'<link rel="preload" as="image" fetchpriority="high" href="([^"]+)"', html)
    assert len(pictures) == 1
    assert re.search(rf'<img fetchpriority="high" src="{re.escape(pictures[0])}"', html)
    assert html.count('loading="lazy"') == html.count("<figure") - 1
    picture = stranger.get(pictures[0].replace("&amp;", "&"), buffered=True)
    assert (picture.status_code, picture.mimetype) == (200, "image/webp")
    assert len(picture.data) <= PICTURE_BYTES


def test_no_script_waits_for_another_to_name_it(stranger: FlaskClient, path: str) -> None:
    html = stranger.get(path).get_data(as_text=True)
    named = {re.sub(r"^/static/[^/]+/", "", file) for file in FILE.findall(html)}
    for script in (name for name in named if name.endswith(".js")):
        assert set(imports(script)) <= named, script
        assert (WEB / script).is_file()


def test_looking_ahead_is_no_opening(stranger: FlaskClient, path: str, home: House) -> None:
    """A browser that fetches the link by itself leaves no evidence; a person who opens it does."""
    token = path.removeprefix("/s/")
    ahead = {"Sec-Purpose": "prefetch;prerender"}
    assert stranger.get(path, headers=ahead).status_code == 503
    assert stranger.get(f"{path}/sign").headers["Location"] == path  # reading comes first
    assert home.ceremony.look(token).signer.state == "invited"
    assert stranger.get(path).status_code == 200
    assert home.ceremony.look(token).signer.state == "opened"
    evidence = _evidence(home, token)
    assert stranger.get(f"{path}/sign", headers=ahead).status_code == 200
    assert _evidence(home, token) == evidence


def test_a_form_is_answered_by_a_redirect_unless_the_page_can_do_without(
    stranger: FlaskClient, path: str, home: House
) -> None:
    stranger.get(path)
    form = {"mark": '{"kind":"typed","face":"auto"}', "consent": "yes"}
    plain = stranger.post(f"{path}/sign", data=form)
    assert (plain.status_code, plain.headers["Location"]) == (303, f"{path}/prove")
    at_once = stranger.post(f"{path}/sign", data={**form, "onward": "yes"})
    assert at_once.status_code == 200
    html = at_once.get_data(as_text=True)
    assert f'data-address="{path}/prove"' in html
    assert '"publicKey"' not in html  # this browser has said nothing of passkeys
    asked = stranger.post(f"{path}/sign", data={**form, "onward": "passkey"}).get_data(as_text=True)
    intent = re.search(r'"intent": ?"(\w+)"', asked)
    assert intent is not None
    with home.store.read() as unit:
        issued = unit.contracts.intent(intent[1])
    assert issued is not None
    assert (issued.method, issued.state) == ("passkey", "open")


def _evidence(home: House, token: str) -> int:
    with home.store.read() as unit:
        found = unit.contracts.by_link(token)
        if found is None:
            raise Refusal("link_unknown")
        return len(unit.contracts.evidence(found[0].id))
