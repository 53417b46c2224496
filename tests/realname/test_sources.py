"""The authoritative source: what is asked, what is believed, and what happens when it fails."""

import base64
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bff import doctor
from bff.core.errors import Fault
from bff.core.ports import SourceOutcome
from bff.realname import provider as providers
from bff.realname.provider import Key, Provider, read_key
from bff.realname.sources import HttpSource, NullSource
from bff.wiring import House
from tests.builders import Clock, a_house
from tests.providers import KEY_NAME, SECRET, Outside, key_file, outside

NUMBER = "11010519491231002X"


@pytest.fixture
def service() -> Iterator[Outside]:
    with outside() as kept:
        kept.people[NUMBER] = "李雷"
        yield kept


def source(service: Outside, *, secret: str = SECRET, timeout: float = 5.0) -> HttpSource:
    pauses: list[float] = []
    key = Key(KEY_NAME, secret.encode())
    return HttpSource(Provider(service.source_url, key, timeout_seconds=timeout, sleep=pauses.append))


def test_name_and_number_that_belong_together_match(service: Outside) -> None:
    answer = source(service).ask(name="李雷", number=NUMBER)
    assert (answer.outcome, answer.reference) == (SourceOutcome.MATCH, "R-1")
    assert answer.compared == ("name", "number")


def test_another_name_does_not_match(service: Outside) -> None:
    assert source(service).ask(name="韩梅梅", number=NUMBER).outcome is SourceOutcome.NO_MATCH


def test_unknown_number_is_said_to_be_unknown(service: Outside) -> None:
    assert source(service).ask(name="李雷", number="110105194912310020").outcome is SourceOutcome.UNKNOWN


def test_phone_and_portrait_travel_where_they_are_to_be_compared(service: Outside) -> None:
    answer = source(service).ask(name="李雷", number=NUMBER, phone="+8613800138000", portrait=b"\xff\xd8jpeg")
    assert answer.compared == ("name", "number", "phone", "portrait")
    [question] = service.asked
    assert base64.b64decode(question["portrait_jpeg"]) == b"\xff\xd8jpeg"
    assert question["phone"] == "+8613800138000"


def test_a_wrong_key_is_no_answer_about_a_person(service: Outside) -> None:
    answer = source(service, secret="not the secret of both").ask(name="李雷", number=NUMBER)
    assert (answer.outcome, answer.reason) == (SourceOutcome.NOT_AVAILABLE, "answer_not_signed")
    assert not service.asked


def test_an_unsigned_answer_is_not_believed_without_tls(service: Outside) -> None:
    service.signs = False
    answer = source(service).ask(name="李雷", number=NUMBER)
    assert (answer.outcome, answer.reason) == (SourceOutcome.NOT_AVAILABLE, "answer_not_signed")


def test_a_signature_over_another_answer_is_not_believed(service: Outside) -> None:
    service.forged = True
    assert source(service).ask(name="李雷", number=NUMBER).outcome is SourceOutcome.NOT_AVAILABLE


def test_a_signed_answer_belongs_to_its_question_alone(service: Outside) -> None:
    """The same words, signed for an earlier question, prove nothing of a later one."""
    asked = Provider(service.source_url, Key(KEY_NAME, SECRET.encode()), timeout_seconds=5.0)
    earlier = Key(KEY_NAME, SECRET.encode()).sign("answer", "200", "0" * 64, "1" * 64)
    with pytest.raises(providers.Unanswered):
        asked._check_signed(earlier, 200, "2" * 64, b"{}")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"outcome": "yes", "reference": "R", "compared": ["name", "number"]},
        {"outcome": "match", "reference": "R", "compared": ["name"]},
        {"outcome": "match", "reference": "R"},
        {"outcome": "match", "reference": "", "compared": ["name", "number"]},
        {"outcome": "match", "reference": "R", "compared": ["name", "number", "portrait"]},
        {"outcome": "match", "reference": "R", "compared": [["name"], "number"]},
        {"outcome": ["match"], "reference": "R", "compared": ["name", "number"]},
    ],
)
def test_an_answer_that_does_not_hold_what_it_claims_is_no_match(service: Outside, said: dict[str, object]) -> None:
    service.answer = said
    answer = source(service).ask(name="李雷", number=NUMBER)
    assert (answer.outcome, answer.reason) == (SourceOutcome.NOT_AVAILABLE, "answer_unreadable")


def test_a_failing_service_is_asked_again_with_the_same_question(service: Outside) -> None:
    service.failures = [503, 0]
    assert source(service).ask(name="李雷", number=NUMBER).outcome is SourceOutcome.MATCH


def test_a_service_that_stays_down_is_asked_three_times(service: Outside) -> None:
    service.failures = [503, 502, 503, 503]
    answer = source(service).ask(name="李雷", number=NUMBER)
    assert (answer.outcome, answer.reason) == (SourceOutcome.NOT_AVAILABLE, "status_503")
    assert len(service.failures) == 1


def test_a_service_that_hangs_costs_its_timeouts_and_no_more(service: Outside) -> None:
    slow = threading.Event()
    service.said = lambda *_: (slow.wait(3), (200, {}))[1]  # type: ignore[method-assign,assignment]
    answer = source(service, timeout=0.2).ask(name="李雷", number=NUMBER)
    slow.set()
    assert (answer.outcome, answer.reason) == (SourceOutcome.NOT_AVAILABLE, "unreachable")


def test_an_endless_answer_is_not_read_to_its_end(service: Outside) -> None:
    service.answer = {"outcome": "match", "padding": "x" * 300_000}
    assert source(service).ask(name="李雷", number=NUMBER).reason == "answer_too_long"


def test_neither_name_nor_number_reaches_a_log(service: Outside, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service.failures = [503]
    source(service).ask(name="李雷", number=NUMBER, phone="+8613800138000")
    assert not any(word in caplog.text for word in ("李雷", NUMBER, "13800138000", SECRET))


def test_without_a_source_nothing_is_claimed() -> None:
    answer = NullSource().ask(name="李雷", number=NUMBER)
    assert (answer.outcome, answer.reason) == (SourceOutcome.NOT_AVAILABLE, "not_configured")


@pytest.mark.parametrize(
    "url", ["http://register.example/v1", "https://register.example/v1?key=1", "ftp://127.0.0.1/", "register"]
)
def test_an_address_over_which_names_would_travel_openly_is_refused(url: str) -> None:
    with pytest.raises(Fault, match="provider_address"):
        Provider(url, Key("a", b"b" * 16), timeout_seconds=1.0)


@pytest.mark.parametrize("content", ["", "name", "name short", " \n"])
def test_a_key_file_without_name_and_secret_is_a_fault(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    with pytest.raises(Fault, match="provider_key_unreadable"):
        read_key(str(path))


# --- doctor ---------------------------------------------------------------------------------------------


def line(home: House, name: str) -> doctor.Check:
    return doctor._tried(home, (name, dict(doctor.BESIDES)[name]))


def test_doctor_says_that_no_source_is_asked(home: House) -> None:
    assert line(home, "authoritative source").state == "ok"
    assert "not checked" in line(home, "authoritative source").said


def test_doctor_knocks_at_the_source_without_asking_about_anybody(tmp_path: Path, service: Outside) -> None:
    home = a_house(tmp_path, Clock(), source_url=service.source_url, source_key_file=key_file(tmp_path))
    assert "Loopback register" in line(home, "authoritative source").said
    assert not service.asked
    home.store.close()


def test_doctor_names_a_source_that_is_down(tmp_path: Path) -> None:
    home = a_house(tmp_path, Clock(), source_url="http://127.0.0.1:9/", source_key_file=key_file(tmp_path))
    found = line(home, "authoritative source")
    assert (found.state, found.code) == ("fail", "source_down")
    home.store.close()
