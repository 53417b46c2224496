"""The feed: what is told arrives, a restart of Valkey is noticed, and its absence disturbs nobody."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bff.feed import CHANNEL, EVERYTHING, LocalFeed, RedisFeed, Subscription, connect
from tests.valkey import valkey

WAIT_SECONDS = 20

Heard = queue.SimpleQueue[frozenset[str] | None]


@contextmanager
def listening(subscription: Subscription | LocalFeed) -> Iterator[Heard]:
    heard: Heard = queue.SimpleQueue()

    def listen() -> None:
        for topics in subscription.listen():
            heard.put(topics)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield heard
    finally:
        subscription.close()
        thread.join()


def test_change_reaches_every_subscription(tmp_path: Path) -> None:
    with valkey(tmp_path) as redis:
        ears = [Subscription(connect("", tmp_path)) for _ in range(2)]
        with listening(ears[0]) as first, listening(ears[1]) as second:
            for heard in (first, second):
                assert heard.get(timeout=WAIT_SECONDS) is EVERYTHING
            RedisFeed(redis).changed(["contract:1", "person:2"])
            for heard in (first, second):
                assert heard.get(timeout=WAIT_SECONDS) == {"contract:1", "person:2"}


@pytest.mark.parametrize("nonsense", [b"not json", b"7", b"[7, null]", b"\xff"])
def test_nonsense_on_the_channel_names_no_topic(tmp_path: Path, nonsense: bytes) -> None:
    with valkey(tmp_path) as redis, listening(Subscription(connect("", tmp_path))) as heard:
        assert heard.get(timeout=WAIT_SECONDS) is EVERYTHING
        redis.publish(CHANNEL, nonsense)
        assert heard.get(timeout=WAIT_SECONDS) == frozenset()


def test_restart_of_valkey_may_have_hidden_anything(tmp_path: Path) -> None:
    with listening(Subscription(connect("", tmp_path))) as heard:
        for _ in range(2):
            with valkey(tmp_path) as redis:
                assert heard.get(timeout=WAIT_SECONDS) is EVERYTHING
                RedisFeed(redis).changed(["contract:1"])
                assert heard.get(timeout=WAIT_SECONDS) == {"contract:1"}


def test_nobody_is_disturbed_when_valkey_is_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    RedisFeed(connect("", tmp_path)).changed(["contract:1"])
    assert "nobody was told" in caplog.text


def test_local_feed_keeps_and_carries_topics() -> None:
    feed = LocalFeed()
    with listening(feed) as heard:
        feed.changed(["contract:1"])
        assert heard.get(timeout=WAIT_SECONDS) == {"contract:1"}
    assert feed.told == ["contract:1"]


def test_address_is_the_url_or_else_the_embedded_socket(tmp_path: Path) -> None:
    assert connect("", tmp_path).connection_pool.connection_kwargs["path"] == str(tmp_path / "run" / "valkey.sock")
    assert connect("redis://elsewhere:7000/3", tmp_path).connection_pool.connection_kwargs["port"] == 7000
