"""A contract's link may have been forwarded: what it is enough for, and that nothing done with it stands in its person's way."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from bff.core.contract import Contract
from bff.core.enrolment import OVER, Begun, Check, Consented, Ended, State, Way
from bff.core.identity import Identity, Level
from bff.realname.person import BEGUN
from bff.routes.realname import HELD
from bff.signing.desk import NewSigner
from bff.store.people import Person
from bff.throttle import Throttle
from bff.wiring import House
from tests.builders import a_sent_contract, inbox, token_of, work
from tests.databases import ON_BOTH
from tests.enterprises import an_identity
from tests.routes.conftest import Visit

ADDRESS = "lilei@example.org"
LI_LEI = NewSigner(name="李雷", email=ADDRESS, phone=None, needs=Level.DOCUMENT_FACE, language="en")


@pytest.fixture
def sent(home: House, owner: Person) -> Contract:
    return a_sent_contract(home, owner, LI_LEI)


@pytest.fixture
def link(home: House, sent: Contract) -> str:
    return opened(home, sent)


def opened(home: House, contract: Contract) -> str:
    token = token_of(home, contract, LI_LEI.name)
    home.ceremony.open(token)
    return f"/s/{token}/identity"


def li_lei(home: House) -> Person:
    with home.store.read() as unit:
        person = unit.people.by_contact(ADDRESS)
    assert person is not None
    return person


def checks(home: House) -> list[Check]:
    with home.store.read() as unit:
        return unit.identities.checks_of(li_lei(home).id)


def begins(browser: FlaskClient, link: str, **form: str) -> Any:
    return browser.post(link, data=form)


def is_check(answer: Any) -> bool:
    return answer.status_code == 303 and answer.location.startswith("/id/")


def question_of(answer: Any) -> str:
    found = re.search(r"question=(\w+)", answer.location)
    assert found is not None, answer.location
    return found[1]


def the_code(home: House) -> str:
    work(home)
    letter = inbox(home, to=ADDRESS)[0]
    assert letter.template == "contact_code"
    assert "/s/" not in letter.body
    found = re.search(r"\b\d{6}\b", letter.body)
    assert found is not None
    return found[0]


def proves(home: House, browser: FlaskClient, link: str, **form: str) -> Any:
    """Begins with the code that is sent to the address."""
    question = question_of(begins(browser, link, **form))
    return begins(browser, link, question=question, code=the_code(home), **form)


def to_review(home: House, check: Check) -> None:
    """As an attended check that waits for a human."""
    with home.store.begin() as unit:
        now = unit.identities.check(check.id)
        assert now is not None
        now = unit.check_step(now, Consented(unit.now, Way.ATTENDED, "v", "s", "en"))
        unit.identities.put(type(now)(**{**vars(now), "state": State.REVIEW, "why_review": "attended"}))


@ON_BOTH
def test_who_signs_for_the_first_time_begins_with_the_link_alone(home: House, stranger: FlaskClient, link: str) -> None:
    assert is_check(begins(stranger, link))
    (check,) = checks(home)
    assert check.begun_by is Begun.LINK
    with home.store.read() as unit:
        begun = unit.chronicle.entries(f"person:{check.person_id}")[0].value["data"]
    assert begun["begun_by"] == "link"


def test_the_same_browser_goes_on_without_a_code(home: House, stranger: FlaskClient, link: str) -> None:
    first = begins(stranger, link).location
    assert "Go on with it" in stranger.get(link).text
    assert begins(stranger, link).location == first


def test_a_phone_that_took_over_by_the_qr_code_goes_on_from_the_contract(
    home: House, visit: Visit, stranger: FlaskClient, link: str
) -> None:
    check, phone = begins(stranger, link).location, visit()
    assert phone.get(check).status_code == 200
    assert begins(phone, link).location == check


@ON_BOTH
def test_a_forwarded_link_takes_over_no_open_check(home: House, visit: Visit, stranger: FlaskClient, link: str) -> None:
    check = begins(stranger, link).location
    mallory = visit()
    for form in ({}, {"anew": "yes"}):
        assert not is_check(begins(mallory, link, **form))
    assert stranger.get(check).status_code == 200
    (only,) = checks(home)
    assert only.state not in OVER


def test_who_reads_the_address_goes_on_with_a_code_and_who_guesses_does_not(
    home: House, visit: Visit, stranger: FlaskClient, link: str
) -> None:
    begins(stranger, link)
    other = visit()
    question = question_of(begins(other, link))
    page = other.get(f"{link}?question={question}").text
    assert "l•••@example.org" in page
    assert ADDRESS not in page
    wrong = "000000" if the_code(home) != "000000" else "111111"
    answer = begins(other, link, question=question, code=wrong)
    assert answer.status_code == 422
    assert 'aria-describedby="code-error"' in answer.text
    assert is_check(begins(other, link, question=question, code=the_code(home)))
    assert not is_check(begins(other, link, question=question, code=the_code(home)))
    (check,) = checks(home)
    assert check.begun_by is Begun.LINK  # what it holds may still be somebody else's


def test_a_code_that_was_sent_for_another_address_proves_nothing(
    home: House, owner: Person, visit: Visit, link: str
) -> None:
    begins(visit(), link)
    other = a_sent_contract(home, owner, NewSigner("Mallory", "mallory@example.org", None, needs=Level.DOCUMENT_FACE))
    token = token_of(home, other, "Mallory")
    home.ceremony.open(token)
    begins(visit(), f"/s/{token}/identity")
    question = question_of(begins(visit(), f"/s/{token}/identity"))
    work(home)
    code = re.search(r"\b\d{6}\b", inbox(home, to="mallory@example.org")[0].body)
    assert code is not None
    assert not is_check(begins(visit(), link, question=question, code=code[0]))


def test_a_sign_in_code_is_no_answer_here_and_the_other_way_round(home: House, visit: Visit, link: str) -> None:
    begins(visit(), link)
    question = question_of(begins(visit(), link))
    code = the_code(home)
    answer = visit().post("/sign-in", data={"question": question, "code": code})
    assert answer.status_code == 409


@ON_BOTH
def test_who_is_known_is_asked_for_a_code_or_signs_in(home: House, visit: Visit, link: str) -> None:
    own = visit(ADDRESS)
    assert not is_check(begins(visit(), link))
    assert checks(home) == []
    assert is_check(begins(own, link))
    assert checks(home)[0].begun_by is Begun.SESSION


def test_a_session_of_somebody_else_is_none(home: House, desk: FlaskClient, visit: Visit, link: str) -> None:
    visit(ADDRESS)
    assert not is_check(begins(desk, link))
    assert is_check(proves(home, desk, link))
    assert checks(home)[0].begun_by is Begun.CODE


def test_who_was_checked_before_is_asked_for_a_code(home: House, owner: Person, link: str, visit: Visit) -> None:
    begins(visit(), link)
    with home.store.begin() as unit:
        (check,) = unit.identities.checks_of(li_lei(home).id)
        unit.check_step(check, Ended(unit.now, "given_up"))
    an_identity(home, li_lei(home), "李雷", Level.DOCUMENT)
    assert not is_check(begins(visit(), link))
    assert is_check(proves(home, visit(), link))


@ON_BOTH
def test_the_wrong_name_that_a_stranger_left_blocks_nobody(home: House, link: str, visit: Visit) -> None:
    """Also where it is of a higher level: what serves is taken, and a check of one's own can be begun."""
    begins(visit(), link)
    with home.store.begin() as unit:
        (check,) = unit.identities.checks_of(li_lei(home).id)
        unit.check_step(check, Ended(unit.now, "given_up"))
    mallory = an_identity(home, li_lei(home), "Mallory", Level.DOCUMENT_FACE_SOURCE)
    token = link.split("/")[2]
    assert home.ceremony.look(token).lacking == "identity_name_differs"
    assert "Begin anew" in visit().get(link).text
    assert is_check(proves(home, visit(), link, anew="yes"))
    own = an_identity(home, li_lei(home), "李雷")
    view = home.ceremony.look(token)
    assert view.lacking is None
    assert view.identity is not None
    assert own.check_id == view.identity.check_id != mallory.check_id


def test_what_a_stranger_began_ends_when_its_person_begins_anew(home: House, link: str, visit: Visit) -> None:
    mallorys = visit()
    check = begins(mallorys, link).location
    own = visit()
    assert is_check(proves(home, own, link, anew="yes"))
    assert [(c.state is State.ENDED, c.begun_by) for c in checks(home)] == [(True, Begun.LINK), (False, Begun.CODE)]
    assert mallorys.get(check).status_code in (200, 404)
    assert not is_check(begins(mallorys, link))
    assert begins(own, link).location.startswith("/id/")


def test_a_stranger_uses_up_no_tries_of_the_person(home: House, link: str, visit: Visit) -> None:
    home.enrolment._throttle = Throttle(None)
    mallory = visit()
    for _ in range(BEGUN.amount):
        assert is_check(begins(mallory, link, anew="yes"))
    assert begins(mallory, link, anew="yes").status_code == 429
    assert is_check(proves(home, visit(), link, anew="yes"))


@ON_BOTH
def test_a_waiting_review_outlives_a_check_that_is_begun_elsewhere(
    home: House, owner: Person, link: str, visit: Visit, stranger: FlaskClient
) -> None:
    begins(stranger, link)
    to_review(home, checks(home)[0])
    own = visit(ADDRESS)
    assert is_check(own.post("/account/identity"))
    second = opened(home, a_sent_contract(home, owner, LI_LEI))
    assert is_check(begins(own, second))
    assert [c.state for c in checks(home)] == [State.REVIEW, State.ENDED, State.CONSENT]
    assert "waits for a person" in visit().get(link).text
    assert is_check(begins(own, link, anew="yes"))
    assert checks(home)[0].state is State.ENDED


def test_the_cookie_of_a_check_goes_to_contracts_links_only(stranger: FlaskClient, link: str) -> None:
    answer = begins(stranger, link)
    (cookie,) = (c for c in answer.headers.getlist("Set-Cookie") if c.startswith(HELD))
    assert "Path=/s/" in cookie
    assert "HttpOnly" in cookie


@ON_BOTH
def test_after_a_check_only_the_browser_that_was_there_sets_up_a_device(
    home: House, visit: Visit, stranger: FlaskClient, link: str
) -> None:
    begins(stranger, link)
    (check,) = checks(home)
    now = home.clock.now()
    found = Identity(check.person_id, check.id, Level.DOCUMENT_FACE, "李雷", "card", now, now + timedelta(days=365))
    with home.store.begin() as unit:
        unit.identities.add(found, media={})
    token = link.split("/")[2]
    home.ceremony.choose(token, mark={"kind": "typed", "face": "auto"}, values={}, consented=True, language="en")
    asked = f"/s/{token}/passkey/options"
    assert stranger.post(asked).get_json()["flow"] == "create"
    assert visit().post(asked, headers={"Accept": "application/json"}).status_code == 409
    assert "Set up this device" in visit().get(f"/s/{token}/prove").text
