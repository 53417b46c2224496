"""Live status over Valkey: which topics changed, told to every process that holds sockets.

Lossy on purpose. A topic says that something changed, never what; whoever hears it fetches the truth from SQL. What was
said while nobody listened is lost, so a subscription tells when it (re)started and its sockets then fetch everything.
Topics are words such as `contract:<id>`, `person:<id>`, `signer:<id>`.
"""

import json
import logging
import queue
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

CHANNEL = "countersign:changed"
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 3.0
LISTEN_SECONDS = 1.0
PAUSE_SECONDS = 1.0

EVERYTHING = None
"""What a subscription says instead of topics when it may have missed some."""

log = logging.getLogger("countersign.feed")


def connect(redis_url: str, data_dir: Path) -> Redis:
    """Valkey or Redis at a URL, or the embedded one's socket. Nothing is opened until it is used.

    It gives up fast: a signer's request must not wait for a queue that SQL can rebuild.
    """
    patience: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
        "retry": Retry(NoBackoff(), 1),
        "health_check_interval": 30,
    }
    if redis_url:
        return Redis.from_url(redis_url, **patience)
    return Redis(unix_socket_path=str(data_dir.absolute() / "run" / "valkey.sock"), **patience)


class RedisFeed:
    """Implements core.ports.Feed. When Valkey is away nothing is told, and pages poll."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def changed(self, topics: Sequence[str]) -> None:
        try:
            self._redis.publish(CHANNEL, json.dumps(list(topics)))
        except RedisError as error:
            log.warning("nobody was told of a change: %s", type(error).__name__)


class Subscription:
    """The other end of RedisFeed, for one listener; it outlives Valkey's restarts."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._closed = threading.Event()

    def listen(self) -> Iterator[frozenset[str] | None]:
        """Changed topics, until closed; EVERYTHING whenever some may have been missed."""
        while not self._closed.is_set():
            try:
                yield from self._listen_while_connected()
            except RedisError as error:
                log.warning("not listening for changes: %s", type(error).__name__)
                self._closed.wait(PAUSE_SECONDS)

    def close(self) -> None:
        self._closed.set()

    def _listen_while_connected(self) -> Iterator[frozenset[str] | None]:
        with self._redis.pubsub() as channel:  # type: ignore[no-untyped-call]
            channel.subscribe(CHANNEL)
            while not self._closed.is_set():
                message = channel.get_message(timeout=LISTEN_SECONDS)
                if message is None:
                    continue
                # redis-py subscribes again by itself after a lost line, and only this message tells.
                yield EVERYTHING if message["type"] == "subscribe" else _topics(message["data"])


def _topics(raw: bytes) -> frozenset[str]:
    try:
        said = json.loads(raw)
    except ValueError:
        return frozenset()
    return frozenset(each for each in said if isinstance(each, str)) if isinstance(said, list) else frozenset()


class LocalFeed:
    """Both ends inside one process, for tests; `told` keeps every topic in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self._waiting: queue.SimpleQueue[frozenset[str] | None] = queue.SimpleQueue()
        self._closed = threading.Event()

    def changed(self, topics: Sequence[str]) -> None:
        self.told.extend(topics)
        self._waiting.put(frozenset(topics))

    def listen(self) -> Iterator[frozenset[str] | None]:
        while True:
            topics = self._waiting.get()
            if self._closed.is_set():
                return
            yield topics

    def close(self) -> None:
        self._closed.set()
        self._waiting.put(EVERYTHING)
