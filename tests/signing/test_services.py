"""Several time stamp services: asked in order, a dead one costs its patience once."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bff import doctor
from bff.core.errors import Fault
from bff.signing.authority import Authority, UrlTimestamps, check_token
from bff.signing.services import InOrder
from tests.builders import a_house
from tests.signing.paperwork import StandingClock
from tests.signing.test_authority import make, reply, served

DIGEST = hashlib.sha256(b"hello").digest()


class Service:
    """A TSA on the loopback that works or not, and counts who asked."""

    def __init__(self, authority: Authority) -> None:
        self.authority, self.up, self.asked = authority, True, 0

    def answer(self, query: bytes) -> tuple[int, bytes]:
        self.asked += 1
        return (200, reply(self.authority, query)) if self.up else (503, b"")


@pytest.fixture
def services(tmp_path: Path) -> list[Service]:
    return [Service(make(tmp_path / name)) for name in ("first", "second")]


@pytest.fixture
def urls(services: list[Service]) -> Iterator[list[str]]:
    with ExitStack() as stack:
        yield [stack.enter_context(served(service.answer)) for service in services]


def in_order(services: list[Service], urls: list[str], clock: StandingClock) -> InOrder:
    roots = [root for service in services for root in service.authority.roots_pem()[1:]]
    return InOrder([UrlTimestamps(url, roots, timeout=2) for url in urls], clock)


def signed_by(token: bytes, service: Service) -> bool:
    try:
        check_token(token, DIGEST, service.authority.roots_pem())
    except Exception:
        return False
    return True


def test_the_first_that_works_is_the_one(services: list[Service], urls: list[str]) -> None:
    both = in_order(services, urls, StandingClock())
    assert signed_by(both.timestamp(DIGEST), services[0])
    assert [s.asked for s in services] == [1, 0]


def test_room_is_what_the_longest_token_so_far_needed(services: list[Service], urls: list[str]) -> None:
    both = in_order(services, urls, StandingClock())
    assert both.longest is None
    first = len(both.timestamp(DIGEST))
    services[0].up = False
    second = len(both.timestamp(DIGEST))
    assert both.longest == max(first, second) + 256


def test_a_dead_service_is_asked_once_and_again_after_a_rest(services: list[Service], urls: list[str]) -> None:
    clock = StandingClock()
    both = in_order(services, urls, clock)
    services[0].up = False
    assert all(signed_by(both.timestamp(DIGEST), services[1]) for _ in range(3))
    assert [s.asked for s in services] == [1, 3]
    services[0].up = True
    clock.wait(minutes=6)
    assert signed_by(both.timestamp(DIGEST), services[0])


def test_one_that_rests_is_asked_when_no_other_answers(services: list[Service], urls: list[str]) -> None:
    both = in_order(services, urls, StandingClock())
    services[0].up = False
    both.timestamp(DIGEST)
    services[0].up, services[1].up = True, False
    assert signed_by(both.timestamp(DIGEST), services[0])


def test_the_room_for_a_token_is_learned_whoever_gives_it(services: list[Service], urls: list[str]) -> None:
    both = in_order(services, urls, StandingClock())
    assert both.longest is None
    services[0].up = False
    token = both.timestamp(DIGEST)
    assert both.longest is not None
    assert len(token) < both.longest < both.room


def test_when_all_are_down_the_time_stamp_is(services: list[Service], urls: list[str]) -> None:
    both = in_order(services, urls, StandingClock())
    for service in services:
        service.up = False
    with pytest.raises(Fault, match="tsa_down"):
        both.timestamp(DIGEST)
    assert [h.failure.code for h in both.health(DIGEST) if h.failure] == ["tsa_down", "tsa_down"]


def test_a_house_takes_a_list_and_doctor_names_the_one_that_fails(
    services: list[Service], urls: list[str], tmp_path: Path
) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(b"".join(root for s in services for root in s.authority.roots_pem()))
    home = a_house(tmp_path / "house", tsa_url=", ".join(urls), tsa_roots=str(roots))

    def states() -> tuple[str, str]:
        lines = {check.name: check.state for check in doctor.run(home)}
        return lines["timestamps"], lines["timestamp services"]

    assert states() == ("ok", "ok")
    services[0].up = False
    assert states() == ("ok", "warn")
    asked = services[0].asked
    doctor.check_ready(home)
    assert services[0].asked == asked, "sending must not wait for a service that is known to be dead"
    services[1].up = False
    assert states() == ("fail", "fail")
