"""The enterprise's door: every form of its page, and what each member finds there."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from bff.core.enterprise import RegisterAnswered, RegisterAsked, State
from bff.realname.provider import Provider, read_key
from bff.realname.trade import HttpRegister
from bff.signing import judging
from bff.store.people import Person
from bff.wiring import House
from tests.builders import work
from tests.enterprises import NAME, NUMBER, Reader, a_person, an_identity, look, proven, registered, sealed
from tests.providers import Outside, key_file, outside
from tests.routes.conftest import Visit

TYPED = {
    "name": "示例科技（杭州）有限公司",
    "register": "cn.uscc",
    "number": "91350100M000100Y43",
    "representative": "李雷",
}


@pytest.fixture
def li(home: House) -> Person:
    home.__dict__["documents"] = Reader()
    return a_person(home, "李雷", "li@example.org")


@pytest.fixture
def browser(visit: Visit, li: Person) -> FlaskClient:
    return visit("li@example.org")


def photograph() -> dict[str, object]:
    return {"photograph": (BytesIO(b"a picture"), "licence.jpg")}


def test_from_registration_to_a_right_by_plain_forms(home: House, browser: FlaskClient, li: Person) -> None:
    an_identity(home, li, "李雷")
    made = browser.post("/enterprises/new", data=TYPED)
    assert made.status_code == 303
    at = made.headers["Location"]
    shown = browser.post(f"{at}/licence", data=photograph(), content_type="multipart/form-data")
    assert shown.status_code == 303
    assert "The licence is being read" in browser.get(at).text
    work(home)
    assert "The licence agrees with what you typed." in browser.get(at).text
    assert browser.post(f"{at}/face").status_code == 303
    page = browser.get(at).text
    assert "The legal representative showed document and face here. No trade register was asked." in page
    browser.post(f"{at}/members", data={"name": "Sam", "contact": "sam@example.org", "role": "signer"})
    browser.post(f"{at}/seals", data={"middle": "合同专用章", "label": "Contracts"})
    enterprise = look(home, li, at.rsplit("/", 1)[1])
    [seal] = enterprise.seals
    assert browser.get(f"{at}/seals/{seal.id}.svg").mimetype == "image/svg+xml"
    browser.post(f"{at}/seals/{seal.id}/approve")
    sam = next(m.person_id for m in enterprise.members if m.person_id != li.id)
    browser.post(f"{at}/seals/{seal.id}/grants", data={"member": sam, "until": "2099-01-01"})
    assert (
        "Choose a day from tomorrow on"
        in browser.post(f"{at}/seals/{seal.id}/grants", data={"member": sam, "until": "2099-01-01"}).text
    )
    until = home.clock.now().replace(year=home.clock.now().year + 1).date().isoformat()
    assert browser.post(f"{at}/seals/{seal.id}/grants", data={"member": sam, "until": until}).status_code == 303
    [given] = look(home, li, enterprise.id).grants
    assert (given.person_id, given.until.date().isoformat()) == (sam, until)
    browser.post(f"{at}/grants/{given.id}/revoke")
    assert look(home, li, enterprise.id).grants[0].revoked


def test_a_wrong_number_comes_back_beside_what_was_typed(browser: FlaskClient) -> None:
    answer = browser.post("/enterprises/new", data={**TYPED, "number": "91350100M000100Y44"})
    assert answer.status_code == 422
    assert "This number cannot be right" in answer.text
    assert 'value="91350100M000100Y44"' in answer.text


def test_a_difference_is_shown_and_mended(home: House, browser: FlaskClient, li: Person) -> None:
    reader = Reader({"name": "别的公司", "number": "91350100M000100Y43", "representative": "韩梅梅"})
    enterprise_id = registered(home, li, reader=reader)
    at = f"/enterprises/{enterprise_id}"
    assert "别的公司" in browser.get(at).text
    refused = browser.post(f"{at}/letter", data={"email": "han@example.org"})
    assert refused.status_code == 409
    assert "The licence says otherwise than what you typed" in refused.text
    mended = browser.post(f"{at}/facts", data={**TYPED, "name": "别的公司", "representative": "韩梅梅"})
    assert mended.status_code == 303
    assert "The licence agrees" in browser.get(at).text


def test_without_a_bank_its_way_is_not_offered(home: House, browser: FlaskClient, li: Person) -> None:
    at = f"/enterprises/{registered(home, li)}"
    assert "bank account</summary>" not in browser.get(at).text
    assert browser.post(f"{at}/transfer", data={"account": "6222021234567890", "bank": "1021"}).status_code == 409


def test_a_member_sees_everything_and_changes_nothing(home: House, visit: Visit, li: Person) -> None:
    sam = a_person(home, "Sam", "sam@example.org")
    enterprise_id, seal_id = sealed(home, li, member=sam)
    theirs = visit("sam@example.org")
    at = f"/enterprises/{enterprise_id}"
    page = theirs.get(at).text
    assert "Contracts" in page
    assert f"{at}/seals/{seal_id}/retire" not in page
    for form, data in (
        ("members", {"name": "X", "contact": "x@example.org", "role": "viewer"}),
        ("seals", {"middle": ""}),
        (f"seals/{seal_id}/retire", {}),
        (f"members/{li.id}/remove", {}),
        ("end", {}),
    ):
        assert theirs.post(f"{at}/{form}", data=data).status_code == 403, form
    assert look(home, li, enterprise_id).state is State.VERIFIED


def test_strangers_find_nothing(home: House, visit: Visit, li: Person) -> None:
    enterprise_id, seal_id = sealed(home, li)
    a_person(home, "X", "x@example.org")
    theirs = visit("x@example.org")
    for path in ("", "/licence.jpg", f"/seals/{seal_id}.svg", "/seal.svg"):
        assert theirs.get(f"/enterprises/{enterprise_id}{path}").status_code == 404
    assert theirs.post(f"/enterprises/{enterprise_id}/end").status_code == 404


def test_the_photograph_is_served_as_a_picture_that_runs_nothing(home: House, browser: FlaskClient, li: Person) -> None:
    answer = browser.get(f"/enterprises/{registered(home, li)}/licence.jpg")
    assert (answer.data, answer.mimetype) == (b"a photograph", "image/jpeg")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'"


def test_htmx_gets_the_part_that_changes(home: House, browser: FlaskClient, li: Person) -> None:
    part = browser.get(f"/enterprises/{registered(home, li)}", headers={"HX-Request": "true"}).text
    assert part.strip().startswith('<div id="enterprise"')
    assert "<html" not in part


def test_the_list_names_ones_enterprises(home: House, browser: FlaskClient, li: Person) -> None:
    assert "You act for no enterprise yet" in browser.get("/enterprises").text
    proven(home, li)
    assert "示例科技（杭州）有限公司" in browser.get("/enterprises").text


def test_everything_is_there_in_chinese(home: House, browser: FlaskClient, li: Person) -> None:
    enterprise_id, _ = sealed(home, li)
    page = browser.get(f"/enterprises/{enterprise_id}?lang=zh_Hans_CN").text
    for words in ("已认证", "印章", "成员", "记录", "已授权成员使用印章"):
        assert words in page


# --- the trade register ---


@pytest.fixture
def trade() -> Iterator[Outside]:
    with outside() as kept:
        yield kept


@pytest.fixture
def asking(home: House, trade: Outside, tmp_path: Path) -> House:
    """The house, which from now on asks a trade register."""
    key = read_key(key_file(tmp_path))
    home.enterprises._register = HttpRegister(Provider(trade.trade_url, key, timeout_seconds=5.0))
    return home


def test_the_page_says_that_no_register_is_asked(home: House, browser: FlaskClient, li: Person) -> None:
    at = f"/enterprises/{registered(home, li)}"
    assert "No trade register is asked here" in browser.get(at).text
    proven(home, li)
    assert browser.post(f"{at}/register").status_code == 409


def test_the_page_says_what_the_register_says(asking: House, trade: Outside, browser: FlaskClient, li: Person) -> None:
    at = f"/enterprises/{registered(asking, li)}"
    page = browser.get(at).text
    assert "There is no enterprise of this number." in page
    assert "No trade register is asked" not in page
    refused = browser.post(f"{at}/letter", data={"email": "lei@example.org"})
    assert "The trade register says otherwise than what you typed" in refused.text
    trade.companies[NUMBER] = {"name": NAME, "representative": "李雷"}
    assert browser.post(f"{at}/register").status_code == 303
    assert "The trade register is being asked" in browser.get(at).text
    work(asking)
    assert "The trade register agrees with what you typed." in browser.get(at).text


def test_the_page_says_what_a_silent_register_said_before(
    asking: House, trade: Outside, browser: FlaskClient, li: Person
) -> None:
    trade.companies = {}
    enterprise_id = registered(asking, li)
    with asking.store.begin() as unit:
        asked = unit.enterprises.get(enterprise_id)
        assert asked is not None
        again = unit.enterprise_step(asked, RegisterAsked(unit.now, li.id, "q2"))
        unit.enterprise_step(again, RegisterAnswered(unit.now, "", "q2", {"outcome": "not_available"}))
    page = browser.get(f"/enterprises/{enterprise_id}").text
    assert "There is no enterprise of this number." in page
    assert "You may go on" not in page


def test_a_proof_says_where_a_person_stood_in_for_a_face(home: House, browser: FlaskClient, li: Person) -> None:
    enterprise_id = proven(home, li)
    assert "showed document and face here" in browser.get(f"/enterprises/{enterprise_id}").text
    with home.store.begin() as unit:
        enterprise = unit.enterprises.get(enterprise_id)
        assert enterprise is not None
        assert enterprise.proof is not None
        seen = replace(enterprise.proof, facts={**enterprise.proof.facts, "attended": True})
        unit.enterprises.put(replace(enterprise, proof=seen))
    page = browser.get(f"/enterprises/{enterprise_id}").text
    assert "showed document and face here" not in page
    assert "A person of this service compared the legal representative" in page


def test_a_proof_says_what_the_register_said(asking: House, trade: Outside, browser: FlaskClient, li: Person) -> None:
    trade.companies[NUMBER] = {"name": NAME}
    at = f"/enterprises/{proven(asking, li)}"
    assert "it did not say who represents it" in browser.get(at).text


# --- the record ---


def test_an_owner_downloads_the_record_and_nobody_else(
    home: House, visit: Visit, browser: FlaskClient, li: Person
) -> None:
    sam = a_person(home, "Sam", "sam@example.org")
    enterprise_id, _ = sealed(home, li, member=sam)
    at = f"/enterprises/{enterprise_id}"
    assert f"{at}/record.zip" in browser.get(at).text
    given = browser.get(f"{at}/record.zip")
    assert given.mimetype == "application/zip"
    assert judging.judge(given.data, roots=home.authority.roots_pem(), at=home.clock.now()).ok
    theirs = visit("sam@example.org")
    assert f"{at}/record.zip" not in theirs.get(at).text
    assert theirs.get(f"{at}/record.zip").status_code == 403
