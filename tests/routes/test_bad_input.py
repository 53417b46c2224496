"""Bad input, and what it gets: the right status, a sentence, the evidence where it matters, and no change of state.

One house serves the whole module; every test has a contract of its own.
"""

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bff.app import create_app
from bff.core import evidence
from bff.core.contract import Contract, State
from bff.realname.account import Client
from bff.routes.shared import SESSION
from bff.signing.desk import NewSigner
from bff.store.people import Person
from bff.wiring import House
from tests.builders import Clock, a_house, a_sent_contract, an_owner, inbox, token_of, work
from tests.routes.conftest import OURS
from tests.soft_authenticator import GOOD, Misbehaviour, SoftAuthenticator

ORIGIN = "http://localhost:8000"
BOB = NewSigner(name="Bob Buyer", email="bob@example.org", phone="+4915112345678")
CAROL = NewSigner(name="Carol Clerk", email="carol@example.org", phone="+4915112345679", order=2)
TYPED = json.dumps({"kind": "typed", "face": "auto"})
TRACES = ("Traceback", "sqlalchemy", "bff/", 'File "')


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[House]:
    house = a_house(tmp_path_factory.mktemp("bad"), clock)
    yield house
    for part in (house.pages, house.drawing_cage, house.cage, house.store):
        part.close()


@pytest.fixture(scope="module")
def owner(home: House) -> Person:
    return an_owner(home)


@pytest.fixture(scope="module")
def app(home: House) -> Flask:
    return create_app(home.settings, home)


@pytest.fixture
def phone(app: Flask) -> FlaskClient:
    """A signer's browser: no cookie, only a link."""
    return browser(app)


@pytest.fixture
def desk(app: Flask, home: House, owner: Person) -> FlaskClient:
    made = browser(app)
    made.set_cookie(SESSION, entered(home, owner.contacts[0]))
    return made


@pytest.fixture
def sent(home: House, owner: Person) -> Contract:
    return a_sent_contract(home, owner, BOB, CAROL)


@pytest.fixture(scope="module")
def standing(home: House, owner: Person) -> Contract:
    """One contract for all tests that leave it as it is."""
    return a_sent_contract(home, owner, BOB, CAROL)


def browser(app: Flask) -> FlaskClient:
    made = app.test_client()
    made.environ_base = {**made.environ_base, **OURS}
    return made


def entered(home: House, contact: str) -> str:
    client = Client("test", "127.0.0.1")
    question = home.account.ask_code(contact, client=client, language="en")
    with home.store.read() as unit:
        asked = unit.people.question(question, "code")
    assert asked is not None
    return home.account.enter_with_code(question, home.account._code(asked), client=client).token


class Watched:
    """A contract whose state and evidence are compared before and after a request."""

    def __init__(self, home: House, contract: Contract) -> None:
        self._home, self._id = home, contract.id
        self.before = self._look()

    def _look(self) -> tuple[Contract | None, list[evidence.Entry]]:
        with self._home.store.read() as unit:
            return unit.contracts.get(self._id), unit.contracts.evidence(self._id)

    def unchanged(self, *, noted: str | None = None) -> None:
        """The same contract; no new evidence but one refused proof with this detail."""
        now, entries = self._look()
        new = [e.value["data"] for e in entries[len(self.before[1]) :]]
        assert now == self.before[0]
        assert evidence.check(entries, contract_id=self._id) is None
        if noted is None:
            assert new == []
        else:
            assert [d["what"] for d in new] == ["proof_refused"]
            assert noted in (new[0]["code"], new[0]["detail"])


def understood(answer: Any, status: int, sentence: str) -> None:
    """The status, a sentence that a person reads, and nothing of our insides."""
    assert answer.status_code == status
    assert sentence in answer.text
    assert not [trace for trace in TRACES if trace in answer.text]


def chosen(phone: FlaskClient, home: House, contract: Contract, name: str = "Bob Buyer") -> str:
    """Read and chosen: the path of this signer's ceremony, ready to prove."""
    path = f"/s/{token_of(home, contract, name)}"
    phone.get(path)
    assert phone.post(f"{path}/sign", data={"mark": TYPED, "consent": "yes"}).status_code == 303
    return path


def coded(phone: FlaskClient, home: House, path: str, to: str = "+4915112345678") -> tuple[str, str]:
    """A code was sent: the intent's id and the code."""
    assert phone.post(f"{path}/code").status_code == 303
    intent = re.search(r'name="intent" value="(\w+)"', phone.get(f"{path}/prove").text)
    assert intent is not None
    return intent[1], inbox(home, to=to)[0].body.rsplit("#", 1)[1].strip()


def sign_with_code(phone: FlaskClient, path: str, intent: str, code: str) -> Any:
    return phone.post(f"{path}/sign/code", data={"intent": intent, "code": code})


# --- the link ---


@pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 4000, "..%2f..%2fetc", "%ff%fe", "'%20or%201=1--", "a%0d%0ab"])
@pytest.mark.parametrize("page", ["", "/sign", "/prove", "/pages/1", "/document.pdf", "/signed.pdf", "/mark.svg"])
def test_a_foreign_link_leads_nowhere(phone: FlaskClient, token: str, page: str) -> None:
    understood(phone.get(f"/s/{token}{page}"), 404, "")


def test_an_unknown_link_and_a_replaced_one_are_answered_alike(
    phone: FlaskClient, home: House, owner: Person, sent: Contract
) -> None:
    old = token_of(home, sent, "Bob Buyer")
    home.desk.correct(owner, sent.id, sent.signers[0].id, email="b2@example.org", phone=None)
    answers = [phone.get(f"/s/{token}") for token in (old, "B" * 43)]
    understood(answers[0], 404, "This link does not work")
    assert answers[0].text.replace(old, "") == answers[1].text.replace("B" * 43, "")


def test_a_link_that_is_too_old_says_so(phone: FlaskClient, home: House, sent: Contract, clock: Clock) -> None:
    path = chosen(phone, home, sent)
    watched, now = Watched(home, sent), clock.moment
    clock.forward(days=181)
    try:
        understood(phone.get(path), 410, "too old")
        understood(phone.post(f"{path}/code"), 410, "too old")
    finally:
        clock.moment = now
    watched.unchanged()


def test_out_of_turn_nothing_can_be_chosen_or_proven(phone: FlaskClient, home: House, sent: Contract) -> None:
    path = f"/s/{token_of(home, sent, 'Carol Clerk')}"
    with home.store.begin() as unit:
        home.links.open_for(unit, sent.signers[1])
    watched = Watched(home, sent)
    assert phone.get(path).status_code == 200
    understood(phone.post(f"{path}/sign", data={"mark": TYPED, "consent": "yes"}), 409, "not your turn yet")
    understood(phone.post(f"{path}/code"), 409, "not your turn yet")
    understood(phone.post(f"{path}/passkey/options"), 409, "not your turn yet")
    understood(phone.post(f"{path}/decline", data={"reason": "no"}), 409, "not your turn yet")
    watched.unchanged()


def test_who_has_signed_cannot_sign_or_decline_again(phone: FlaskClient, home: House, sent: Contract) -> None:
    path = chosen(phone, home, sent)
    intent, code = coded(phone, home, path)
    assert sign_with_code(phone, path, intent, code).status_code == 303
    watched = Watched(home, sent)
    assert sign_with_code(phone, path, intent, code).status_code == 303  # a double tap is the same act
    understood(sign_with_code(phone, path, "another", code), 409, "already signed")
    understood(phone.post(f"{path}/sign", data={"mark": TYPED, "consent": "yes"}), 409, "already signed")
    understood(phone.post(f"{path}/decline"), 409, "already signed")
    watched.unchanged()


def end_it(home: House, owner: Person, contract: Contract, how: str, clock: Clock) -> None:
    if how == "withdrawn":
        home.desk.withdraw(owner, contract.id, "no more")
    elif how == "declined":
        home.ceremony.decline(token_of(home, contract, "Bob Buyer"), "no")
    else:
        clock.forward(hours=2)
        home.desk.expire(contract.id)


@pytest.mark.parametrize(
    ("how", "status", "sentence"),
    [("withdrawn", 409, "has withdrawn"), ("declined", 409, "declined"), ("expired", 410, "deadline has passed")],
)
def test_what_ended_meanwhile_cannot_be_signed(
    phone: FlaskClient, home: House, owner: Person, clock: Clock, how: str, status: int, sentence: str
) -> None:
    two = [BOB, NewSigner(name="Eve", email="eve@example.org", phone="+4915112345677")]
    contract = a_sent_contract(home, owner, *two, deadline=clock.now() + timedelta(hours=1))
    path = chosen(phone, home, contract, "Eve")
    intent, code = coded(phone, home, path, "+4915112345677")
    end_it(home, owner, contract, how, clock)
    watched = Watched(home, contract)
    understood(sign_with_code(phone, path, intent, code), status, sentence)
    understood(phone.post(f"{path}/passkey/options"), status, sentence)
    watched.unchanged()
    assert phone.get(path).status_code == 200  # the page tells what became of it


def test_after_the_deadline_nothing_is_signed_even_before_the_clock_has_ended_it(
    phone: FlaskClient, home: House, owner: Person, clock: Clock
) -> None:
    contract = a_sent_contract(home, owner, BOB, deadline=clock.now() + timedelta(minutes=2))
    path = chosen(phone, home, contract)
    intent, code = coded(phone, home, path)
    clock.forward(minutes=2)
    watched = Watched(home, contract)
    understood(sign_with_code(phone, path, intent, code), 410, "deadline has passed")
    watched.unchanged()


# --- codes ---


def test_wrong_codes_are_counted_written_down_and_the_fifth_voids_the_code(
    phone: FlaskClient, home: House, sent: Contract
) -> None:
    path = chosen(phone, home, sent)
    intent, code = coded(phone, home, path)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for left in (4, 3, 2, 1):
        watched = Watched(home, sent)
        understood(sign_with_code(phone, path, intent, wrong), 422, f"{left} tries left")
        watched.unchanged(noted="code_wrong")
    understood(sign_with_code(phone, path, intent, wrong), 409, "Ask for a new one")
    watched = Watched(home, sent)
    understood(sign_with_code(phone, path, intent, code), 409, "Ask for a new one")
    watched.unchanged(noted="code_void")


def test_a_late_code_is_refused_and_written_down(phone: FlaskClient, home: House, sent: Contract, clock: Clock) -> None:
    path = chosen(phone, home, sent)
    intent, code = coded(phone, home, path)
    clock.forward(minutes=5)
    watched = Watched(home, sent)
    understood(sign_with_code(phone, path, intent, code), 409, "too old")
    watched.unchanged(noted="code_late")


def test_a_code_of_another_contract_is_worthless(
    phone: FlaskClient, home: House, owner: Person, sent: Contract
) -> None:
    other = a_sent_contract(home, owner, BOB)
    intent, code = coded(phone, home, chosen(phone, home, other))
    path = chosen(phone, home, sent)
    mine, _ = coded(phone, home, path)
    watched = Watched(home, sent)
    understood(sign_with_code(phone, path, intent, code), 409, "does not belong to this document")
    watched.unchanged(noted="intent_unknown")
    watched = Watched(home, sent)
    assert sign_with_code(phone, path, mine, code).status_code == 422
    watched.unchanged(noted="code_wrong")


def test_a_second_code_comes_only_after_a_while(phone: FlaskClient, home: House, sent: Contract) -> None:
    path = chosen(phone, home, sent)
    coded(phone, home, path)
    watched = Watched(home, sent)
    understood(phone.post(f"{path}/code"), 429, "already on its way")
    watched.unchanged()


# --- assertions ---


@pytest.fixture
def enrolled(phone: FlaskClient, home: House, standing: Contract) -> tuple[str, SoftAuthenticator, dict[str, Any]]:
    """Bob's path, his phone with a passkey, and the question that it has to answer."""
    return asked_for(phone, home, standing)


def asked_for(phone: FlaskClient, home: House, contract: Contract) -> tuple[str, SoftAuthenticator, dict[str, Any]]:
    path = chosen(phone, home, contract)
    device = SoftAuthenticator(ORIGIN)
    asked = phone.post(f"{path}/passkey/options").json
    if asked["flow"] == "create":
        made = {"intent": asked["intent"], "credential": device.create(asked["publicKey"])}
        asked = phone.post(f"{path}/passkey/enrol", json=made).json
        BOBS.append(device)
    return path, BOBS[-1], asked


BOBS: list[SoftAuthenticator] = []
"""Bob's phone keeps its passkey from one test to the next, as phones do."""


def answer_with(phone: FlaskClient, path: str, intent: str, response: Any) -> Any:
    return phone.post(f"{path}/sign/passkey", data={"intent": intent, "response": json.dumps(response)})


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        (Misbehaviour(user_verified=False), "user_verification"),
        (Misbehaviour(user_present=False), "user_verification"),
        (Misbehaviour(client_data={"crossOrigin": True}), "cross_origin"),
        (Misbehaviour(client_data={"topOrigin": "https://evil.example"}), "cross_origin"),
        (Misbehaviour(origin="https://evil.example"), "origin"),
        (Misbehaviour(origin="http://localhost:8001"), "origin"),
        (Misbehaviour(rp_id="evil.example"), "origin"),
        (Misbehaviour(challenge=bytes(32)), "challenge"),
        (Misbehaviour(kind="webauthn.create"), "malformed"),
        (Misbehaviour(bad_signature=True), "signature"),
        (Misbehaviour(raw_client_data=b"{"), "malformed"),
    ],
)
def test_a_bad_assertion_is_refused_and_written_down(
    phone: FlaskClient,
    home: House,
    standing: Contract,
    enrolled: tuple[str, SoftAuthenticator, dict[str, Any]],
    wrong: Misbehaviour,
    detail: str,
) -> None:
    path, device, asked = enrolled
    watched = Watched(home, standing)
    answer = answer_with(phone, path, asked["intent"], device.get(asked["publicKey"], wrong))
    understood(answer, 422, "was not accepted")
    watched.unchanged(noted=detail)


def test_an_assertion_serves_one_contract_once(phone: FlaskClient, home: House, owner: Person, sent: Contract) -> None:
    path, device, asked = asked_for(phone, home, sent)
    good = device.get(asked["publicKey"], GOOD)
    other = a_sent_contract(home, owner, BOB)
    elsewhere = chosen(phone, home, other)
    question = phone.post(f"{elsewhere}/passkey/options").json
    watched = Watched(home, other)
    understood(answer_with(phone, elsewhere, question["intent"], good), 422, "was not accepted")
    watched.unchanged(noted="challenge")
    watched = Watched(home, other)
    understood(answer_with(phone, elsewhere, asked["intent"], good), 409, "does not belong to this document")
    watched.unchanged(noted="intent_unknown")
    assert answer_with(phone, path, asked["intent"], good).status_code == 303
    watched = Watched(home, sent)
    assert answer_with(phone, path, asked["intent"], good).status_code == 303  # a double tap
    understood(answer_with(phone, path, "another", good), 409, "already signed")
    watched.unchanged()


def test_a_passkey_of_somebody_else_is_unknown_here(
    phone: FlaskClient, home: House, standing: Contract, enrolled: tuple[str, SoftAuthenticator, dict[str, Any]]
) -> None:
    path, _, asked = enrolled
    thief = SoftAuthenticator(ORIGIN)
    thief.create(
        {"pubKeyCredParams": [{"alg": -7}], "user": {"id": "AAAA"}, "rp": {"id": "localhost"}, "challenge": "AA"}
    )
    watched = Watched(home, standing)
    options = {**asked["publicKey"], "allowCredentials": []}
    understood(answer_with(phone, path, asked["intent"], thief.get(options)), 422, "was not accepted")
    watched.unchanged(noted="unknown")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"intent": "\\u0000"}',
        b'{"intent": "\\ud800", "credential": {}}',
    ],
)
def test_a_broken_enrolment_is_refused(phone: FlaskClient, home: House, standing: Contract, body: bytes) -> None:
    path = chosen(phone, home, standing)
    watched = Watched(home, standing)
    answer = phone.post(f"{path}/passkey/enrol", data=body, content_type="application/json")
    understood(answer, 409, "does not belong to this document")
    watched.unchanged()


# --- fields, names, words ---


def test_a_field_of_another_signer_cannot_be_filled(phone: FlaskClient, home: House, standing: Contract) -> None:
    path = f"/s/{token_of(home, standing, 'Bob Buyer')}"
    phone.get(path)
    foreign = next(f.id for f in standing.fields if f.signer_id == standing.signers[1].id)
    watched = Watched(home, standing)
    data = {"mark": TYPED, "consent": "yes", f"value-{foreign}": "mine now"}
    understood(phone.post(f"{path}/sign", data=data), 403, "belongs to somebody else")
    watched.unchanged()


@pytest.mark.parametrize(
    "mark",
    ["", "{", "[" * 50_000, "null", '{"kind":"typed","face":"../x"}', '{"kind":"drawn","strokes":[[[1e9,0,0,0]]]}'],
)
def test_a_broken_mark_is_refused(phone: FlaskClient, home: House, standing: Contract, mark: str) -> None:
    path = f"/s/{token_of(home, standing, 'Bob Buyer')}"
    phone.get(path)
    watched = Watched(home, standing)
    answer = phone.post(f"{path}/sign", data={"mark": mark, "consent": "yes"})
    understood(answer, 422, "could not read your signature")
    watched.unchanged()


EVIL = "<script>alert(1)</script><b>"


def test_html_is_shown_as_text_wherever_it_appears(
    desk: FlaskClient, phone: FlaskClient, home: House, owner: Person
) -> None:
    contract = a_sent_contract(home, owner, NewSigner(name=f"Eve {EVIL}", email="e@example.org", phone=None, role=EVIL))
    path = f"/s/{token_of(home, contract, contract.signers[0].name)}"
    with home.store.begin() as unit:
        unit.contracts.set_folder(contract.id, EVIL)
        unit.contracts.set_labels(contract.id, owner.id, [EVIL])
    pages = [phone.get(path), phone.get(f"{path}/sign"), phone.get(f"{path}/mark.svg")]
    phone.post(f"{path}/decline", data={"reason": EVIL})
    work(home)
    pages += [desk.get("/"), desk.get(f"/contracts/{contract.id}"), phone.get(path)]
    for page in pages:
        assert page.status_code == 200
        assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in pages[4].text
    letters = inbox(home, to="olga@example.org") + inbox(home, to="e@example.org")
    assert [m.template for m in letters if EVIL.replace("<", "") in m.body.replace("<", "")]
    assert not any("<script" in (m.html or "") for m in letters)


def test_the_reason_of_a_decline_reaches_the_sender(phone: FlaskClient, home: House, owner: Person) -> None:
    contract = a_sent_contract(home, owner, BOB)
    phone.post(f"/s/{token_of(home, contract, 'Bob Buyer')}/decline", data={"reason": "The price is wrong"})
    work(home)
    letter = inbox(home, to="olga@example.org")[0]
    assert (letter.template, "The price is wrong" in letter.body) == ("declined", True)


# --- requests that no page of ours makes ---


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8000.evil.example"},
        {},
    ],
)
def test_a_form_of_another_site_changes_nothing(
    app: Flask, home: House, owner: Person, standing: Contract, headers: dict[str, str]
) -> None:
    foreign = app.test_client()
    foreign.set_cookie(SESSION, entered(home, owner.contacts[0]))
    watched = Watched(home, standing)
    for path in (f"/contracts/{standing.id}/withdraw", f"/s/{token_of(home, standing, 'Bob Buyer')}/decline"):
        understood(foreign.post(path, base_url=ORIGIN, headers=headers), 403, "did not come from our own page")
    watched.unchanged()


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost:8000@evil.example", "[::1"])
def test_a_host_that_is_not_ours_gets_nothing(app: Flask, host: str) -> None:
    answer = app.test_client().get("/sign-in", headers={"Host": host})
    understood(answer, 400, "not ours")
    assert "evil" not in answer.text


def test_a_planted_session_is_not_taken_over(phone: FlaskClient, app: Flask, home: House, owner: Person) -> None:
    phone.set_cookie(SESSION, "planted")
    question = home.account.ask_code(owner.contacts[0], client=Client("t", "127.0.0.1"), language="en")
    with home.store.read() as unit:
        asked = unit.people.question(question, "code")
    assert asked is not None
    assert phone.post("/sign-in", data={"question": question, "code": home.account._code(asked)}).status_code == 303
    kept = phone.get_cookie(SESSION)
    assert kept is not None
    assert len(kept.value) > 40
    thief = browser(app)
    thief.set_cookie(SESSION, "planted")
    assert thief.get("/account").status_code == 302


@pytest.mark.parametrize(
    "goal", ["//evil.example", "https:evil.example", "/\\evil", "javascript:alert(1)", "/\n/evil", "%0d%0aX: y"]
)
def test_no_address_leads_away_from_here(phone: FlaskClient, desk: FlaskClient, goal: str) -> None:
    assert desk.get("/sign-in", query_string={"next": goal}).location == "/"
    assert phone.post("/language", data={"language": "en", "next": goal}).location == "/"


@pytest.mark.parametrize(
    "path",
    [
        "/contracts/..%2f..%2fetc%2fpasswd",
        "/contracts/%2e%2e/document.pdf",
        "/contracts/x%00y",
        "/contracts/" + "9" * 5000,
        "/authority/crl/..%2f..%2fsecrets%2flink.crl",
        "/static/x/..%2f..%2fpyproject.toml",
        "/static/x/styles/..%2f..%2f..%2fpyproject.toml",
        "/static/x/vendor/../../pyproject.toml",
        "/?q=%00",
        "/?since=%00&n=99999999999999999999&party=%ff",
        "/sign-in/code?question=%00",
    ],
)
def test_tricks_in_an_address_find_nothing(desk: FlaskClient, path: str) -> None:
    answer = desk.get(path)
    assert (
        answer.status_code in (200, 308, 400, 404)
        if path.startswith("/?since")
        else answer.status_code in (308, 400, 404)
    )
    assert not [trace for trace in (*TRACES, "[project]", "root:") if trace in answer.text]


def test_a_page_number_beyond_all_numbers_is_not_found(desk: FlaskClient, home: House, standing: Contract) -> None:
    for page in ("0", "99", "9" * 30, "9" * 5000, "-1", "1.5", "x"):
        assert desk.get(f"/contracts/{standing.id}/pages/{page}").status_code == 404, page


@pytest.mark.parametrize(
    ("method", "path"), [("get", "/sign-out"), ("delete", "/account"), ("put", "/sign-in"), ("post", "/healthz")]
)
def test_a_method_that_is_not_meant_is_405(phone: FlaskClient, method: str, path: str) -> None:
    answer = getattr(phone, method)(path)
    understood(answer, 405, "could not read this request")
    assert answer.headers["Allow"]


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"\xff", b"{}", b'[{"id": "\\ud800"}]', b"[1]", b'{"fields": "x"}', b"[1e999]"]
)
def test_nonsense_for_the_field_board_is_refused(
    desk: FlaskClient, home: House, owner: Person, standing: Contract, body: bytes
) -> None:
    draft = home.desk.draft(owner, title="D", document=standing.document, pages=())  # type: ignore[arg-type]
    answer = desk.post(f"/contracts/{draft.id}/fields", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (422, "field_unreadable")


def test_a_request_without_a_file_may_not_be_large(
    desk: FlaskClient, phone: FlaskClient, home: House, standing: Contract
) -> None:
    huge = b"[" + b"1," * 1_500_000 + b"1]"
    understood(
        desk.post(f"/contracts/{standing.id}/fields", data=huge, content_type="application/json"),
        413,
        "more than can be sent",
    )
    understood(
        phone.post(f"/s/{token_of(home, standing, 'Bob Buyer')}/decline", data={"reason": "x" * 3_000_000}),
        413,
        "more than",
    )
    assert home.desk.look(home.account.members()[0], standing.id).state is State.SENT


def test_nul_and_broken_utf8_in_forms_are_refused_or_made_harmless(desk: FlaskClient, phone: FlaskClient) -> None:
    understood(phone.post("/sign-in/code", data={"contact": "a\0@example.org"}), 400, "could not read")
    understood(desk.post("/account", data={"name": "O\0lga"}), 400, "could not read")
    broken = desk.post(
        "/account", data=b"name=Olga%FF%FE+Owner&language=en", content_type="application/x-www-form-urlencoded"
    )
    assert broken.status_code == 303
    assert "Olga" in desk.get("/account").text
    desk.post("/account", data={"name": "Olga Owner", "language": "en"})


def test_a_file_name_and_a_title_with_control_characters_become_one_line(
    desk: FlaskClient, home: House, owner: Person
) -> None:
    from tests.builders import a_pdf

    file = (io.BytesIO(a_pdf()), "Le\0ase\tX.pdf")
    made = desk.post("/contracts/new", data={"file": file, "zone": "x\0y"})
    assert made.status_code == 303
    title = home.desk.look(owner, made.location.split("/")[2]).title
    assert title
    assert title.isprintable()


# --- who exists ---


def test_unknown_and_somebody_elses_contract_are_answered_alike(
    app: Flask, home: House, owner: Person, standing: Contract
) -> None:
    home.account.add_member(owner, name="Max", contact="max@example.org", language="en")
    other = browser(app)
    other.set_cookie(SESSION, entered(home, "max@example.org"))
    unknown = hashlib.sha256(b"x").hexdigest()[:20]
    calls: list[Callable[[str], Any]] = [
        lambda c: other.get(f"/contracts/{c}"),
        lambda c: other.get(f"/contracts/{c}/document.pdf"),
        lambda c: other.get(f"/contracts/{c}/signed.pdf"),
        lambda c: other.get(f"/contracts/{c}/signers/{standing.signers[0].id}/correct"),
        lambda c: other.post(f"/contracts/{c}/withdraw"),
        lambda c: other.post(f"/contracts/{c}/send"),
        lambda c: other.post(f"/contracts/{c}/file", data={"folder": "x", "labels": "y"}),
        lambda c: other.put(f"/contracts/{c}/fields", json=[]),
    ]
    watched = Watched(home, standing)
    for call in calls:
        mine, nobodys = call(standing.id), call(unknown)
        assert mine.status_code == nobodys.status_code == 404
        assert mine.text.replace(standing.id, "") == nobodys.text.replace(unknown, "")
    watched.unchanged()


def test_signing_in_tells_nobody_who_is_known(phone: FlaskClient, home: House, owner: Person) -> None:
    answers = {}
    for contact in ("olga@example.org", "nobody@example.org"):
        asked = phone.post("/sign-in/code", data={"contact": contact})
        question = re.search(r"question=(\w+)", asked.location or "")
        assert question is not None
        page = phone.get(asked.location).text
        tries = [phone.post("/sign-in", data={"question": question[1], "code": "abc"}) for _ in range(6)]
        answers[contact] = (asked.status_code, page, *[(t.status_code, t.text) for t in tries])
        answers[contact] = json.loads(json.dumps(answers[contact]).replace(question[1], "Q"))
    assert answers["olga@example.org"] == answers["nobody@example.org"]
