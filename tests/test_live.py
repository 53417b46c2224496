"""The live line: real sockets to real gunicorn units, refused before they open or told what changed."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from redis import Redis
from simple_websocket import Client, ConnectionClosed

from bff.core.errors import Fault, Refusal
from bff.feed import LocalFeed, RedisFeed
from bff.live import create_app
from bff.routes.live import Hub, Seat, Ticket, Tickets
from bff.settings import Settings
from tests.valkey import valkey

ROOT = Path(__file__).resolve().parent.parent
ORIGIN = "https://sign.example"
KEY = bytes(range(32))
WAIT_SECONDS = 30
HEAVY = (
    "pyhanko",
    "sqlalchemy",
    "rq",
    "onnxruntime",
    "pypdfium2",
    "pikepdf",
    "reportlab",
    "webauthn",
    "apprise",
    "PIL",
)

SERVERS = {"gevent": ["-k", "gevent", "--worker-connections", "100"], "gthread": ["-k", "gthread", "--threads", "40"]}


# --- a running unit ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unit:
    port: int
    redis: Redis

    def open(self, ticket: str) -> Client:
        # This client overlooks a message that comes in one packet with the handshake, until it gets the next: a pong.
        url = f"ws://127.0.0.1:{self.port}/live?ticket={quote(ticket)}"
        return Client.connect(url, headers={"Origin": ORIGIN}, ping_interval=2)

    def begin_listening(self) -> None:
        """The first line makes the unit listen to Valkey, and from then on every topic may have changed."""
        with closing(self.open(ticket("contract:first"))) as line:
            for _ in range(2):
                assert heard(line) == ["contract:first"]

    def changed(self, *topics: str) -> None:
        RedisFeed(self.redis).changed(topics)

    def lines(self) -> int:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("GET", "/healthz")
            return int(connection.getresponse().read().split()[1])


@pytest.fixture(scope="module", params=SERVERS)
def unit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unit]:
    data = tmp_path_factory.mktemp("live")
    (data / "secrets").mkdir()
    (data / "secrets" / "ticket.key").write_bytes(KEY)
    with valkey(data) as redis, running(data, SERVERS[request.param]) as port:
        made = Unit(port, redis)
        made.begin_listening()
        yield made


@contextmanager
def running(data: Path, options: list[str]) -> Iterator[int]:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    environment = {
        **os.environ,
        "BFF_DATA_DIR": str(data),
        "BFF_PUBLIC_URL": ORIGIN,
        "BFF_SOCKETS_PER_PERSON": "3",
        "BFF_LOG_LEVEL": "WARNING",
    }
    command = ["-m", "gunicorn", "bff.live:create_app()", *options, "-w", "1", "--graceful-timeout", "1"]
    address = ["--no-control-socket", "--bind", f"127.0.0.1:{port}", "--log-level", "warning"]
    server = subprocess.Popen([sys.executable, *command, *address], cwd=ROOT, env=environment)
    try:
        until(lambda: answers(port))
        yield port
    finally:
        server.terminate()
        server.wait()


def answers(port: int) -> bool:
    try:
        return Unit(port, Redis()).lines() == 0
    except (OSError, http.client.HTTPException):
        return False


def until(true: Callable[[], bool]) -> None:
    """Wait until the condition holds; fail when it does not within the bound."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def ticket(*topics: str, whose: str = "ana") -> str:
    return Tickets(KEY).issue(topics, whose)


def heard(line: Client) -> list[str]:
    said = line.receive(timeout=WAIT_SECONDS)
    assert said is not None, "nothing was said"
    changed: list[str] = json.loads(said)["changed"]
    return changed


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def refusal(unit: Unit, text: str, origin: str | None = ORIGIN) -> int:
    """The status that a browser gets instead of a line."""
    headers = UPGRADE if origin is None else {**UPGRADE, "Origin": origin}
    with closing(http.client.HTTPConnection("127.0.0.1", unit.port, timeout=10)) as connection:
        connection.request("GET", f"/live?ticket={quote(text)}", headers=headers)
        return connection.getresponse().status


def read_to_the_end(line: Client) -> None:
    while True:
        assert line.receive(timeout=WAIT_SECONDS) is not None


@pytest.fixture(autouse=True)
def nobody_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every line of a test is gone before the next one counts them."""
    yield
    if "unit" in request.fixturenames:
        running_unit: Unit = request.getfixturevalue("unit")
        until(lambda: running_unit.lines() == 0)


def test_line_names_all_its_topics_first_and_then_what_changed(unit: Unit) -> None:
    line = unit.open(ticket("contract:1", "contract:2"))
    assert heard(line) == ["contract:1", "contract:2"]
    unit.changed("contract:9", "contract:2")
    assert heard(line) == ["contract:2"]
    line.close()


def test_change_reaches_every_line_that_may_know_it(unit: Unit) -> None:
    lines = {who: unit.open(ticket("contract:1", whose=who)) for who in ("ana", "li", "mei")}
    other = unit.open(ticket("contract:2", whose="other"))
    for line in (*lines.values(), other):
        heard(line)
    unit.changed("contract:1")
    for line in lines.values():
        assert heard(line) == ["contract:1"]
    unit.changed("contract:2")
    said = heard(other)
    assert "contract:1" not in said
    for line in (*lines.values(), other):
        line.close()


@pytest.mark.parametrize("origin", [None, "", "null", "https://evil.example", "http://sign.example", ORIGIN + ":8443"])
def test_foreign_origin_is_refused_before_the_line_opens(unit: Unit, origin: str | None) -> None:
    assert refusal(unit, ticket("contract:1"), origin) == 403


def test_bad_tickets_are_refused_before_the_line_opens(unit: Unit) -> None:
    good = ticket("contract:1")
    foreign = Tickets(bytes(32)).issue(["contract:1"], "ana")
    for bad in ("", "nonsense", good[:-1], good + "A", foreign):
        assert refusal(unit, bad) == 403


def test_person_has_a_limited_number_of_lines_and_gets_them_back(unit: Unit) -> None:
    lines = [unit.open(ticket("contract:1")) for _ in range(3)]
    assert refusal(unit, ticket("contract:2")) == 429
    stranger = unit.open(ticket("contract:1", whose="somebody else"))
    lines.pop().close()
    until(lambda: unit.lines() == 3)
    lines.append(unit.open(ticket("contract:1")))
    for line in (*lines, stranger):
        line.close()


def test_page_that_vanishes_leaves_no_line(unit: Unit) -> None:
    line = unit.open(ticket("contract:1"))
    heard(line)
    line.sock.shutdown(socket.SHUT_RDWR)
    until(lambda: unit.lines() == 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the client's thread hears it too
def test_what_a_page_says_is_ignored_and_too_much_ends_the_line(unit: Unit) -> None:
    line = unit.open(ticket("contract:1"))
    heard(line)
    line.send("subscribe contract:2")
    unit.changed("contract:2")
    unit.changed("contract:1")
    assert "contract:2" not in heard(line)
    line.send("x" * 5000)
    with pytest.raises(ConnectionClosed):
        read_to_the_end(line)


def test_plain_request_is_no_line(unit: Unit) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", unit.port, timeout=10)) as connection:
        connection.request("GET", f"/live?ticket={quote(ticket('contract:1'))}", headers={"Origin": ORIGIN})
        assert connection.getresponse().status == 400


# --- tickets -----------------------------------------------------------------------------------------


def test_ticket_is_read_as_it_was_issued() -> None:
    assert Tickets(KEY).read(ticket("contract:1", "person:2", whose="p2")) == Ticket(("contract:1", "person:2"), "p2")


@pytest.mark.parametrize(
    "text",
    ["", "x.y.z", ticket("a") + "x", Tickets(bytes(32)).issue(["a"], "b"), ticket("a")[1:], "é"],
    ids=["empty", "nonsense", "longer", "another key", "shorter", "not ASCII"],
)
def test_ticket_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        Tickets(KEY).read(text)
    assert caught.value.code == "ticket_refused"


def test_old_ticket_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        Tickets(KEY, lifetime=timedelta(seconds=-1)).read(ticket("contract:1"))
    assert caught.value.code == "ticket_refused"


# --- the hub -----------------------------------------------------------------------------------------


@pytest.fixture
def feed() -> LocalFeed:
    return LocalFeed()


@pytest.fixture
def hub(feed: LocalFeed) -> Iterator[Hub]:
    made = Hub(feed, per_person=2)
    yield made
    made.close()


def woken(seat: Seat) -> threading.Event:
    event = threading.Event()
    seat.wake = event.set
    return event


def test_slow_line_hears_of_many_changes_once(hub: Hub, feed: LocalFeed) -> None:
    seat = hub.join(Ticket(("contract:1", "contract:2"), "ana"))
    last = woken(hub.join(Ticket(("contract:last",), "li")))
    for _ in range(1000):
        feed.changed(["contract:2", "contract:1", "contract:3"])
    feed.changed(["contract:last"])
    assert last.wait(WAIT_SECONDS)
    assert seat.take() == ["contract:1", "contract:2"]
    assert seat.take() == []


def test_missed_changes_concern_every_topic(feed: LocalFeed) -> None:
    class Missed(LocalFeed):
        def listen(self) -> Iterator[frozenset[str] | None]:
            for _ in super().listen():
                yield None

    missed = Missed()
    hub = Hub(missed, per_person=2)
    seat = hub.join(Ticket(("contract:1", "contract:2"), "ana"))
    event = woken(seat)
    missed.changed(["whatever"])
    assert event.wait(WAIT_SECONDS)
    assert seat.take() == ["contract:1", "contract:2"]
    hub.close()


def test_seat_that_left_is_told_nothing_and_counts_no_more(hub: Hub, feed: LocalFeed) -> None:
    gone, stays = (hub.join(Ticket(("contract:1",), "ana")) for _ in range(2))
    with pytest.raises(Refusal) as caught:
        hub.join(Ticket(("contract:1",), "ana"))
    assert caught.value.code == "too_many_lines"
    hub.leave(gone)
    assert hub.lines == 1
    event = woken(stays)
    feed.changed(["contract:1"])
    assert event.wait(WAIT_SECONDS)
    assert gone.take() == []
    hub.leave(stays)
    assert hub.lines == 0


# --- the entrance ------------------------------------------------------------------------------------


def test_entrance_loads_nothing_heavy() -> None:
    code = f"import sys, bff.live; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []


def test_missing_key_is_a_fault_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Fault) as caught:
        create_app(Settings(data_dir=tmp_path), LocalFeed())
    assert caught.value.code == "secret_missing"


@pytest.mark.parametrize(("development", "said"), [(True, "ticket_refused\n"), (False, "foreign origin\n")])
def test_own_machine_is_an_origin_in_development_only(tmp_path: Path, development: bool, said: str) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "ticket.key").write_bytes(KEY)
    settings = Settings(data_dir=tmp_path, public_url=ORIGIN, development=development)
    client = create_app(settings, LocalFeed()).test_client()
    answer = client.get("/live", headers={**UPGRADE, "Origin": "http://localhost:8000"})
    assert (answer.status_code, answer.text) == (403, said)
