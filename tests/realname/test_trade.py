"""The trade register: what is asked, what is believed, and what an enterprise's proof and signature say of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bff import doctor
from bff.core.enterprise import NOT_ASKED, State
from bff.core.errors import Fault, Refusal
from bff.core.ports import Agreement, RegisterOutcome
from bff.realname.enterprise import QUESTIONS
from bff.realname.provider import Key, Provider
from bff.realname.trade import HttpRegister, NullRegister
from bff.store.people import Person
from bff.throttle import Throttle
from bff.wiring import House
from tests.builders import Clock, a_house, work
from tests.enterprises import NAME, NUMBER, a_person, an_identity, facts, look, registered
from tests.providers import KEY_NAME, SECRET, Outside, key_file, outside

COMPANY = {"name": NAME, "representative": "李雷"}


@pytest.fixture
def service() -> Iterator[Outside]:
    with outside() as kept:
        kept.companies[NUMBER] = dict(COMPANY)
        yield kept


@pytest.fixture
def home(tmp_path: Path, service: Outside, clock: Clock) -> Iterator[House]:
    """A house with a trade register and a bank."""
    key = key_file(tmp_path)
    at = {"register_url": service.trade_url, "payout_url": service.bank_url}
    house = a_house(tmp_path, clock, **at, register_key_file=key, payout_key_file=key)
    yield house
    house.cage.close()
    house.store.close()


@pytest.fixture
def li(home: House) -> Person:
    person = a_person(home, "李雷", "li@example.org")
    an_identity(home, person, "李雷")
    return person


def register(service: Outside, *, secret: str = SECRET) -> HttpRegister:
    pauses: list[float] = []
    return HttpRegister(
        Provider(service.trade_url, Key(KEY_NAME, secret.encode()), timeout_seconds=5.0, sleep=pauses.append)
    )


# --- what is believed ---


def test_an_active_enterprise_agrees_by_name_and_representative(service: Outside) -> None:
    answer = register(service).ask(facts(), request="q1")
    assert answer.evidence() == {
        "outcome": "active",
        "provider": "127.0.0.1",
        "reference": "T-1",
        "name": "agrees",
        "representative": "agrees",
        "reason": "",
    }
    [question] = service.asked
    assert (question["request_id"], question["register"], question["country"]) == ("q1", "cn.uscc", "CN")


@pytest.mark.parametrize(
    ("company", "said"),
    [
        ({"name": "别的公司"}, (RegisterOutcome.ACTIVE, Agreement.DIFFERS, Agreement.AGREES)),
        ({"representative": "韩梅梅"}, (RegisterOutcome.ACTIVE, Agreement.AGREES, Agreement.DIFFERS)),
        ({"status": "inactive"}, (RegisterOutcome.INACTIVE, Agreement.AGREES, Agreement.AGREES)),
    ],
)
def test_what_differs_is_said(service: Outside, company: dict[str, str], said: tuple[str, str, str]) -> None:
    service.companies[NUMBER].update(company)
    answer = register(service).ask(facts(), request="q1")
    assert (answer.outcome, answer.name, answer.representative) == said


def test_an_unknown_number_and_a_silent_representative_are_answers(service: Outside) -> None:
    del service.companies[NUMBER]["representative"]
    assert register(service).ask(facts(), request="q1").representative is Agreement.NOT_COMPARED
    service.companies.clear()
    assert register(service).ask(facts(), request="q2").outcome is RegisterOutcome.UNKNOWN


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"outcome": "active", "reference": "T-1"},
        {"outcome": "active", "reference": "", "name": "agrees"},
        {"outcome": "active", "reference": "T-1", "name": "not_compared"},
        {"outcome": "active", "reference": "T-1", "name": True},
        {"outcome": "active", "reference": "T-1", "name": "agrees", "representative": ["agrees"]},
        {"outcome": "fine", "reference": "T-1", "name": "agrees"},
    ],
)
def test_what_says_too_little_is_no_answer(service: Outside, answer: dict[str, Any]) -> None:
    service.answer = answer
    told = register(service).ask(facts(), request="q1")
    assert (told.outcome, told.reason) == (RegisterOutcome.NOT_AVAILABLE, "answer_unreadable")


def test_a_wrong_key_a_forged_answer_and_silence_are_no_answers(service: Outside) -> None:
    assert register(service, secret="another secret!!").ask(facts(), request="q").reason == "answer_not_signed"
    service.forged = True
    assert register(service).ask(facts(), request="q").reason == "answer_not_signed"
    service.forged, service.failures = False, [0, 503, 503]
    assert register(service).ask(facts(), request="q").reason == "status_503"


def test_doctor_knocks_and_says_where_there_is_none(home: House, service: Outside) -> None:
    assert register(service).check() == "127.0.0.1 answers as Loopback trade register"
    assert NullRegister().check().startswith("none: ")
    line = doctor._tried(home, ("trade register", dict(doctor.BESIDES)["trade register"]))
    assert "Loopback trade register" in line.said
    service.failures = [500, 500, 500]
    with pytest.raises(Fault, match="register_down"):
        register(service).check()


# --- what follows ---


def test_an_enterprise_that_the_register_knows_is_proven_and_says_so(home: House, li: Person) -> None:
    enterprise_id = registered(home, li)
    home.enterprises.prove_by_face(li, enterprise_id)
    proof = look(home, li, enterprise_id).proof
    assert proof is not None
    assert (proof.facts["register"]["outcome"], proof.facts["register"]["reference"]) == ("active", "T-1")
    kinds = [x.value["kind"] for x in home.enterprises.view(li, enterprise_id).entries]
    assert kinds[:3] == ["registered", "register_asked", "licence_shown"]
    assert "register_answered" in kinds


def test_nothing_is_proven_while_the_register_is_being_asked(home: House, li: Person) -> None:
    enterprise_id = home.enterprises.register(li, facts(register="other", number="HRB1", country="DE"))
    with pytest.raises(Refusal, match="register_being_asked"):
        home.enterprises.prove_by_face(li, enterprise_id)


@pytest.mark.parametrize(
    ("company", "code", "objections"),
    [
        ({"name": "别的公司"}, "register_says_otherwise", ("name",)),
        ({"representative": "韩梅梅"}, "register_says_otherwise", ("representative",)),
        ({"status": "inactive"}, "register_inactive", ("status",)),
        (None, "register_says_otherwise", ("number",)),
    ],
)
def test_what_the_register_says_otherwise_is_not_gone_past(
    home: House, service: Outside, li: Person, company: dict[str, str] | None, code: str, objections: tuple[str, ...]
) -> None:
    service.companies = {NUMBER: {**COMPANY, **company}} if company else {}
    enterprise_id = registered(home, li)
    asked = look(home, li, enterprise_id).asked
    assert asked is not None
    assert asked.objections == objections
    with pytest.raises(Refusal, match=code):
        home.enterprises.prove_by_face(li, enterprise_id)


def test_what_was_typed_wrong_is_corrected_and_asked_anew(home: House, service: Outside, li: Person) -> None:
    service.companies[NUMBER]["name"] = "别的公司"
    enterprise_id = registered(home, li)
    home.enterprises.amend(li, enterprise_id, facts(name="别的公司"))
    work(home)
    asked = look(home, li, enterprise_id).asked
    assert asked is not None
    assert (asked.answered, asked.objections, len(service.asked)) == (True, (), 2)


def test_another_representative_does_not_stand_against_the_bank_and_is_said(
    home: House, service: Outside, li: Person
) -> None:
    service.companies[NUMBER]["representative"] = "韩梅梅"
    enterprise_id = registered(home, li)
    home.enterprises.order_transfer(li, enterprise_id, account="6222021234567890", bank_code="102100099996")
    work(home)
    [paid] = service.paid.values()
    home.enterprises.enter_statement(
        li, enterprise_id, amount=f"0.{paid['asked']['amount_cents']:02}", code=paid["asked"]["remark"]
    )
    proof = look(home, li, enterprise_id).proof
    assert proof is not None
    assert proof.facts["register"]["representative"] == "differs"


def test_a_register_that_never_answers_is_told_of_and_may_be_asked_again(
    home: House, service: Outside, li: Person, clock: Clock
) -> None:
    service.failures = [503] * 12
    enterprise_id = registered(home, li)
    for _ in range(4):
        clock.forward(hours=1)
        work(home)
    asked = look(home, li, enterprise_id).asked
    assert asked is not None
    assert (asked.answer is not None, asked.answered) == (True, False)
    home.enterprises.ask_again(li, enterprise_id)
    work(home)
    again = look(home, li, enterprise_id).asked
    assert again is not None
    assert again.answered


def test_who_goes_on_without_an_answer_is_proven_and_it_is_said(
    home: House, service: Outside, li: Person, clock: Clock
) -> None:
    service.failures = [503] * 12
    enterprise_id = registered(home, li)
    for _ in range(4):
        clock.forward(hours=1)
        work(home)
    home.enterprises.prove_by_face(li, enterprise_id)
    proof = look(home, li, enterprise_id).proof
    assert proof is not None
    assert proof.facts["register"]["outcome"] == "not_available"


def test_an_old_answer_is_asked_for_again_before_a_new_proof(
    home: House, service: Outside, li: Person, clock: Clock
) -> None:
    enterprise_id = registered(home, li)
    home.enterprises.prove_by_face(li, enterprise_id)
    clock.forward(days=60)
    service.companies[NUMBER]["status"] = "inactive"
    with pytest.raises(Refusal, match="register_being_asked"):
        home.enterprises.prove_by_face(li, enterprise_id)
    work(home)
    with pytest.raises(Refusal, match="register_inactive"):
        home.enterprises.prove_by_face(li, enterprise_id)
    assert look(home, li, enterprise_id).state is State.VERIFIED


def test_questions_of_one_person_are_counted(home: House, li: Person) -> None:
    home.__dict__["throttle"] = Throttle(None)
    enterprise_id = registered(home, li)
    asked = iter(range(2 * QUESTIONS.amount))  # a full hour that passes meanwhile makes room for a few more
    with pytest.raises(Refusal, match="slow_down"):
        any(home.enterprises.ask_again(li, enterprise_id) for _ in asked)
    assert next(asked) >= QUESTIONS.amount - 1


def test_without_a_register_the_proof_says_that_none_was_asked(tmp_path: Path, clock: Clock) -> None:
    house = a_house(tmp_path, clock)
    person = a_person(house, "李雷", "li@example.org")
    an_identity(house, person, "李雷")
    enterprise_id = registered(house, person)
    with pytest.raises(Refusal, match="register_not_asked_here"):
        house.enterprises.ask_again(person, enterprise_id)
    house.enterprises.prove_by_face(person, enterprise_id)
    proof = look(house, person, enterprise_id).proof
    assert proof is not None
    assert proof.facts["register"] == NOT_ASKED
    house.cage.close()
    house.store.close()
