"""The live line: a WebSocket that says "this changed" to the pages that may know it, and nothing else.

A page is given a signed ticket with its topics; the browser shows it at `/live`. Nobody chooses topics freely: a
foreign Origin or a bad ticket is refused before the line opens, and a person has a limited number of lines. At first
all topics are named once, so that a page which was away fetches everything again; afterwards only what changed.

What changed is a set, not a queue: a slow phone hears of ten changes once, costs one small set, and is dropped when it
takes nothing for a while. This door is also used by the gevent unit, so it imports nothing heavy.
"""

import json
import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from flask import Blueprint, Response, abort, g, request
from flask_sock import Sock  # type: ignore[import-untyped]
from itsdangerous import BadSignature, URLSafeTimedSerializer
from simple_websocket import Server  # type: ignore[import-untyped]

from bff.core.errors import Refusal

TICKET_LIFETIME = timedelta(hours=12)
PING_SECONDS = 25
SEND_SECONDS = 10
"""How long a line may refuse to take a message before it is dropped."""
LOOK_SECONDS = 5
"""How often a quiet line is looked at: simple-websocket may wake us a moment before it notes that the line closed."""
LONGEST_MESSAGE = 1024
SOCKET_OPTIONS = {"ping_interval": PING_SECONDS, "max_message_size": LONGEST_MESSAGE}
"""For the app's `SOCK_SERVER_OPTIONS`."""

log = logging.getLogger("countersign.live")


# --- tickets -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ticket:
    """What a page may hear of, and whose page it is (a person's or signer's key, for the cap)."""

    topics: tuple[str, ...]
    whose: str


class Tickets:
    """Signs tickets in the pages' process and reads them in the socket's: both hold the same key."""

    def __init__(self, key: bytes, lifetime: timedelta = TICKET_LIFETIME) -> None:
        self._serializer = URLSafeTimedSerializer(key, salt="live")
        self._lifetime = lifetime

    def issue(self, topics: Sequence[str], whose: str) -> str:
        return str(self._serializer.dumps([whose, *topics]))

    def read(self, text: str) -> Ticket:
        """The ticket. Raises Refusal `ticket_refused` when it is not ours or too old."""
        try:
            whose, *topics = self._serializer.loads(text, max_age=int(self._lifetime.total_seconds()))
        except BadSignature as error:
            raise Refusal("ticket_refused") from error
        return Ticket(topics=tuple(topics), whose=whose)


# --- who listens in this process ---------------------------------------------------------------------


class Changes(Protocol):
    """Where the hub hears of changes: bff.feed's Subscription or LocalFeed. None: anything may have changed."""

    def listen(self) -> Iterator[frozenset[str] | None]: ...

    def close(self) -> None: ...


class Seat:
    """One open line: its topics, and those that changed since it last looked."""

    def __init__(self, ticket: Ticket) -> None:
        self.topics = frozenset(ticket.topics)
        self.whose = ticket.whose
        self.wake: Callable[[], None] = lambda: None
        self._changed: set[str] = set()
        self._lock = threading.Lock()

    def tell(self, topics: frozenset[str]) -> None:
        with self._lock:
            self._changed |= topics & self.topics
        self.wake()

    def take(self) -> list[str]:
        """What changed since the last call."""
        with self._lock:
            changed, self._changed = self._changed, set()
        return sorted(changed)


class Hub:
    """All lines of this process, and the one thread that hears of changes for them; it starts with the first line."""

    def __init__(self, changes: Changes, per_person: int) -> None:
        self._changes = changes
        self._per_person = per_person
        self._lock = threading.Lock()
        self._seats: dict[str, set[Seat]] = defaultdict(set)
        self._lines: Counter[str] = Counter()
        self._thread: threading.Thread | None = None

    def join(self, ticket: Ticket) -> Seat:
        """A seat for one line. Raises Refusal `too_many_lines` above the person's share."""
        seat = Seat(ticket)
        with self._lock:
            if self._lines[seat.whose] >= self._per_person:
                raise Refusal("too_many_lines")
            self._lines[seat.whose] += 1
            for topic in seat.topics:
                self._seats[topic].add(seat)
            if self._thread is None:
                self._thread = threading.Thread(target=self._carry, name="live-changes", daemon=True)
                self._thread.start()
        return seat

    def leave(self, seat: Seat) -> None:
        with self._lock:
            self._lines[seat.whose] -= 1
            if not self._lines[seat.whose]:
                del self._lines[seat.whose]
            for topic in seat.topics:
                self._seats[topic].discard(seat)
                if not self._seats[topic]:
                    del self._seats[topic]

    @property
    def lines(self) -> int:
        with self._lock:
            return self._lines.total()

    def close(self) -> None:
        self._changes.close()
        if self._thread is not None:
            self._thread.join()

    def _carry(self) -> None:
        for topics in self._changes.listen():
            for seat in self._concerned(topics):
                seat.tell(seat.topics if topics is None else topics)

    def _concerned(self, topics: frozenset[str] | None) -> set[Seat]:
        with self._lock:
            named = self._seats.keys() if topics is None else topics & self._seats.keys()
            return {seat for topic in named for seat in self._seats[topic]}


# --- the door ----------------------------------------------------------------------------------------


def make_door(hub: Hub, tickets: Tickets, origins: Sequence[str]) -> Blueprint:
    """The blueprint that serves `/live` to pages of these exact origins."""
    door = Blueprint("live", __name__)
    sock = Sock()

    @door.before_request
    def admit() -> None:
        """Refuse while an HTTP status can still say so; afterwards there is only an open line to close."""
        if request.headers.get("Origin") not in origins:
            abort(Response("foreign origin\n", 403))
        try:
            g.seat = hub.join(tickets.read(request.args.get("ticket", "")))
        except Refusal as refusal:
            abort(Response(f"{refusal.code}\n", 429 if refusal.code == "too_many_lines" else 403))

    @door.teardown_request
    def depart(_: BaseException | None) -> None:
        seat: Seat | None = g.pop("seat", None)
        if seat is not None:
            hub.leave(seat)

    def live(line: Server) -> None:
        _tell_changes(line, g.seat)

    sock.route("/live", bp=door)(live)
    return door


def _tell_changes(line: Server, seat: Seat) -> None:
    """Until the line closes. The line's own event wakes us, for a change as for a good-bye."""
    line.sock.settimeout(SEND_SECONDS)
    seat.wake = line.event.set
    try:
        line.send(_said(sorted(seat.topics)))
        while line.connected:
            line.event.wait(LOOK_SECONDS)
            line.event.clear()
            # Pages only listen; what they say anyway is forgotten.
            line.input_buffer.clear()
            if changed := seat.take():
                line.send(_said(changed))
    except OSError:
        # It broke or took nothing for too long: no good-bye either.
        line.connected = False


def _said(topics: Sequence[str]) -> str:
    return json.dumps({"changed": topics}, separators=(",", ":"))
