"""The account's door: the first start, signing in by code and passkey, sessions, one's mark, members, language."""

import json
import re

import pytest
from flask.testing import FlaskClient

from bff.routes.shared import SESSION
from bff.settings import owner_link
from bff.store.people import Person
from bff.wiring import House
from tests.builders import a_sealed_contract, inbox, work
from tests.routes.conftest import Visit
from tests.soft_authenticator import SoftAuthenticator

ORIGIN = "http://localhost:8000"
DRAWN = {"kind": "drawn", "strokes": [[[0, 0, 0, 500], [900, 300, 40, 500], [400, 800, 90, 500]]]}


def claim_path(home: House) -> str:
    return (owner_link(home.settings) or "").removeprefix(home.settings.public_url)


def asked_code(browser: FlaskClient, home: House, contact: str) -> tuple[str, str]:
    """The question's id and the code from the letter."""
    answer = browser.post("/sign-in/code", data={"contact": contact, "next": "/account"})
    question = re.search(r"question=(\w+)", answer.location)
    assert question is not None
    work(home)
    digits = re.search(r"\b\d{6}\b", inbox(home, to=contact)[0].body)
    assert digits is not None
    return question[1], digits[0]


# --- the first start ---


def test_the_terminals_link_makes_the_owner_once(stranger: FlaskClient, visit: Visit, home: House) -> None:
    path = claim_path(home)
    assert "Your name" in stranger.get(path).text
    answer = stranger.post(path, data={"name": "Olga Owner", "contact": "Olga@Example.org"})
    assert answer.location == "/welcome"
    assert "Sign a sample contract" in stranger.get("/welcome").text
    assert [(m.name, m.role, m.contacts) for m in home.account.members()] == [
        ("Olga Owner", "owner", ("olga@example.org",))
    ]
    assert visit().get(path).status_code == 404


def test_the_sessions_cookie_is_for_this_site_alone(stranger: FlaskClient, home: House) -> None:
    answer = stranger.post(claim_path(home), data={"name": "Olga", "contact": "+4915112345678"})
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith(f"{SESSION}="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=2592000" in cookie


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"name": " ", "contact": "o@example.org"}, "Enter your name"),
        ({"name": "Olga", "contact": "nonsense"}, "Enter an e-mail address, or a mobile number"),
        ({"name": "Olga", "contact": "+1"}, "does not look like a phone number"),
    ],
)
def test_a_wrong_claim_is_refused_and_the_link_still_works(
    stranger: FlaskClient, home: House, typed: dict[str, str], sentence: str
) -> None:
    answer = stranger.post(claim_path(home), data=typed)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert stranger.get(claim_path(home)).status_code == 200


# --- signing in and out ---


def test_a_code_from_the_letter_opens_a_session(stranger: FlaskClient, home: House, owner: Person) -> None:
    question, code = asked_code(stranger, home, "olga@example.org")
    assert stranger.get(f"/sign-in/code?question={question}").status_code == 200
    answer = stranger.post("/sign-in", data={"question": question, "code": code, "next": "/account"})
    assert answer.location == "/account"
    assert "Olga Owner" in stranger.get("/account").text


def test_a_wrong_code_says_how_many_tries_are_left_and_the_sixth_is_void(
    stranger: FlaskClient, home: House, owner: Person
) -> None:
    question, code = asked_code(stranger, home, "olga@example.org")
    wrong = "000000" if code != "000000" else "111111"
    first = stranger.post("/sign-in", data={"question": question, "code": wrong})
    assert first.status_code == 422
    assert "4 tries left" in first.text
    for _ in range(4):
        stranger.post("/sign-in", data={"question": question, "code": wrong})
    assert stranger.post("/sign-in", data={"question": question, "code": code}).status_code == 409


def test_an_unknown_address_gets_the_same_answer_and_no_letter(
    stranger: FlaskClient, home: House, owner: Person
) -> None:
    known = stranger.post("/sign-in/code", data={"contact": "olga@example.org"})
    unknown = stranger.post("/sign-in/code", data={"contact": "nobody@example.org"})
    same = [re.sub(r"\w{32}", "", r.location) for r in (known, unknown)]
    assert known.status_code == unknown.status_code
    assert same[0] == same[1]
    work(home)
    assert inbox(home, to="nobody@example.org") == []


@pytest.mark.parametrize("goal", ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", ""])
def test_after_signing_in_only_our_own_pages_are_gone_to(
    stranger: FlaskClient, home: House, owner: Person, goal: str
) -> None:
    question, code = asked_code(stranger, home, "olga@example.org")
    assert stranger.post("/sign-in", data={"question": question, "code": code, "next": goal}).location == "/"


def test_signing_out_ends_the_session_for_good(desk: FlaskClient, home: House, owner: Person) -> None:
    kept = desk.get_cookie(SESSION)
    assert kept is not None
    assert desk.post("/sign-out").location == "/sign-in"
    desk.set_cookie(SESSION, kept.value)
    assert desk.get("/account").location.startswith("/sign-in")


def test_a_passkey_is_set_up_and_signs_in(desk: FlaskClient, stranger: FlaskClient, home: House, owner: Person) -> None:
    device = SoftAuthenticator(ORIGIN)
    offered = desk.post("/account/passkeys/options").json
    assert offered["flow"] == "create"
    made = device.create(offered["publicKey"])
    kept = desk.post("/account/passkeys", json={"intent": offered["intent"], "credential": made})
    assert kept.json["flow"] == "get"
    assert len(home.account.passkeys(owner)) == 1

    asked = stranger.post("/sign-in/passkey/options").json
    answer = {"intent": asked["intent"], "response": json.dumps(device.get(asked["publicKey"])), "next": "/account"}
    assert stranger.post("/sign-in/passkey", data=answer).location == "/account"
    assert "Set up on" in stranger.get("/account").text


def test_a_passkeys_answer_serves_once(desk: FlaskClient, visit: Visit, home: House, owner: Person) -> None:
    device = SoftAuthenticator(ORIGIN)
    offered = desk.post("/account/passkeys/options").json
    made = device.create(offered["publicKey"])
    desk.post("/account/passkeys", json={"intent": offered["intent"], "credential": made})
    asked = visit().post("/sign-in/passkey/options").json
    answer = {"intent": asked["intent"], "response": json.dumps(device.get(asked["publicKey"]))}
    assert visit().post("/sign-in/passkey", data=answer).status_code == 303
    replayed = visit().post("/sign-in/passkey", data=answer)
    assert replayed.status_code == 422
    assert "not accepted" in replayed.text


@pytest.mark.parametrize("body", [{}, {"intent": "x", "credential": {"id": "AA"}}, [], None])
def test_a_broken_passkey_is_refused_in_json(desk: FlaskClient, home: House, owner: Person, body: object) -> None:
    answer = desk.post("/account/passkeys", json=body)
    assert (answer.status_code, answer.json["code"]) == (422, "passkey_refused")
    assert home.account.passkeys(owner) == []


def test_a_removed_passkey_signs_in_no_more(desk: FlaskClient, visit: Visit, home: House, owner: Person) -> None:
    device = SoftAuthenticator(ORIGIN)
    offered = desk.post("/account/passkeys/options").json
    made = device.create(offered["publicKey"])
    desk.post("/account/passkeys", json={"intent": offered["intent"], "credential": made})
    remove = re.search(r"/account/passkeys/[\w-]+/remove", desk.get("/account").text)
    assert remove is not None
    assert desk.post(remove[0]).status_code == 303
    browser = visit()
    asked = browser.post("/sign-in/passkey/options").json
    answer = {"intent": asked["intent"], "response": json.dumps(device.get(asked["publicKey"]))}
    assert browser.post("/sign-in/passkey", data=answer).status_code == 422


# --- one's own account ---


def test_other_sessions_are_listed_and_closed_but_not_anybody_elses(
    desk: FlaskClient, visit: Visit, home: House, owner: Person
) -> None:
    other = visit("olga@example.org")
    page = desk.get("/account").text
    assert "this device" in page
    closing = re.findall(r"/account/sessions/\w+/close", page)
    assert len(closing) == 2  # the one that claimed the house, and the other browser
    home.account.add_member(owner, name="Max", contact="max@example.org", language="en")
    max_browser = visit("max@example.org")
    for address in closing:
        max_browser.post(address)
    assert other.get("/account").status_code == 200
    for address in closing:
        desk.post(address)
    assert other.get("/account").status_code == 302
    assert desk.get("/account").status_code == 200


def test_a_drawn_mark_is_saved_and_shown(desk: FlaskClient, home: House, owner: Person) -> None:
    assert desk.post("/account/mark", data={"mark": json.dumps(DRAWN)}).status_code == 303
    saved = home.account.saved_mark(owner)
    assert saved is not None
    assert saved["kind"] == "drawn"
    picture = desk.get("/account/mark.svg")
    assert picture.mimetype == "image/svg+xml"
    assert picture.text != desk.get("/account/mark.svg?which=typed").text
    assert "Your saved signature" in desk.get("/account").text


@pytest.mark.parametrize(
    ("mark", "sentence"),
    [
        ("{", "could not read your signature"),
        (json.dumps({"kind": "drawn", "strokes": [[[1, 1, 0, 500], [2, 2, 1, 500]]]}), "only a dot"),
    ],
)
def test_a_bad_mark_is_refused(desk: FlaskClient, home: House, owner: Person, mark: str, sentence: str) -> None:
    answer = desk.post("/account/mark", data={"mark": mark})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert home.account.saved_mark(owner) is None


def test_the_name_changes_and_html_in_it_stays_text(desk: FlaskClient) -> None:
    assert desk.post("/account", data={"name": "<b>Olga</b>", "language": "en"}).status_code == 303
    page = desk.get("/account").text
    assert "&lt;b&gt;Olga" in page
    assert "<b>Olga" not in page
    assert desk.post("/account", data={"name": " "}).status_code == 422


def test_a_device_is_named_as_its_owner_would(app: object) -> None:
    from bff.routes.account import device

    iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Mobile Safari/604.1"
    with app.test_request_context("http://localhost:8000/"):  # type: ignore[attr-defined]
        assert device(iphone) == "Safari on iPhone"
        assert device("curl/8") == "Unknown device"


# --- members ---


def test_a_member_is_added_sends_and_is_removed(desk: FlaskClient, visit: Visit, home: House, owner: Person) -> None:
    assert desk.post("/members", data={"name": "Max", "contact": "max@example.org"}).status_code == 303
    work(home)
    assert [letter.template for letter in inbox(home, to="max@example.org")] == ["may_send"]
    member = visit("max@example.org")
    assert member.get("/contracts/new").status_code == 200
    assert member.get("/members").status_code == 403
    removing = re.search(r"/members/\w+/remove", desk.get("/members").text)
    assert removing is not None
    assert member.post(removing[0]).status_code == 403
    assert desk.post(removing[0]).status_code == 303
    assert member.get("/contracts/new").status_code == 302
    assert visit("max@example.org").get("/contracts/new").status_code == 403


def test_a_member_with_a_wrong_address_is_refused(desk: FlaskClient) -> None:
    answer = desk.post("/members", data={"name": "Max", "contact": "max@"})
    assert answer.status_code == 422
    assert "does not look like an e-mail address" in answer.text


# --- language ---


def test_the_chosen_language_stays_and_only_our_pages_are_gone_back_to(stranger: FlaskClient) -> None:
    answer = stranger.post("/language", data={"language": "zh_Hans_CN", "next": "//evil.example"})
    assert answer.location == "/"
    assert '<html lang="zh-Hans">' in stranger.get("/sign-in").text
    stranger.post("/language", data={"language": "xx", "next": "/sign-in"})
    assert '<html lang="zh-Hans">' in stranger.get("/sign-in").text


# --- passkeys that were set up through a link ---


def test_one_from_a_link_is_shown_and_kept_or_removed(home: House, owner: Person, visit: Visit) -> None:
    sealed = a_sealed_contract(home, owner)
    address = next(s.email or "" for s in sealed.signers if s.name == "李雷")
    browser = visit(address)
    page = browser.get("/account").text
    assert f"Set up through a link that went to {address}" in page
    keep = re.search(r"/account/passkeys/[\w-]+/keep", page)
    assert keep is not None
    assert browser.post(keep[0]).location == "/account#passkeys"
    assert "Set up through a link" not in browser.get("/account").text
    assert browser.post(keep[0].replace("/keep", "/remove")).status_code == 303
    gone = browser.post(keep[0])
    assert gone.status_code == 404
    assert "no such fingerprint" in gone.text


def test_one_from_a_link_does_not_sign_in(home: House, owner: Person, stranger: FlaskClient) -> None:
    a_sealed_contract(home, owner)
    device: SoftAuthenticator = home.__dict__["device_of_li"]
    asked = stranger.post("/sign-in/passkey/options").json
    answer = {"intent": asked["intent"], "response": json.dumps(device.get(asked["publicKey"]))}
    refused = stranger.post("/sign-in/passkey", data=answer)
    assert refused.status_code == 403
    assert "it can sign but not sign in yet" in refused.text
    assert SESSION not in str(refused.headers)
