"""Limits in a real Valkey: shared by all processes, each key for itself, and never open when Valkey is away."""

from pathlib import Path

import pytest

from bff.core.errors import Refusal
from bff.feed import connect
from bff.throttle import Rule, Throttle
from tests.valkey import valkey

CODES = Rule("codes", 3)


def taken(throttle: Throttle, key: str, *, rule: Rule = CODES, most: int = 10) -> int:
    """How often it may be taken before it is refused."""
    for number in range(most):
        try:
            throttle.take(rule, key)
        except Refusal:
            return number
    return most


def test_a_limit_is_kept_across_processes_for_each_key_and_rule(tmp_path: Path) -> None:
    with valkey(tmp_path):
        one, other = Throttle(connect("", tmp_path)), Throttle(connect("", tmp_path))
        one.take(CODES, "bob")
        other.take(CODES, "bob")
        assert taken(one, "bob") == 1
        assert taken(other, "bob") == 0
        assert taken(other, "li lei") == 3
        assert taken(other, "bob", rule=Rule("sign-ins", 4)) == 4


def test_a_limit_ends_by_itself(tmp_path: Path) -> None:
    with valkey(tmp_path) as redis:
        throttle = Throttle(connect("", tmp_path))
        assert taken(throttle, "bob", rule=Rule("codes", 3, minutes=1)) == 3
        lives = [redis.ttl(name) for name in redis.scan_iter()]
        assert lives
        assert all(0 < seconds <= 2 * 60 for seconds in lives)  # a sliding minute looks at the one before it too


def test_without_valkey_each_process_counts_for_itself_and_refuses_too(tmp_path: Path) -> None:
    with valkey(tmp_path):
        throttle = Throttle(connect("", tmp_path))
        assert taken(throttle, "bob") == 3
    assert taken(throttle, "bob") == 3
    assert taken(throttle, "bob") == 0
    with valkey(tmp_path):
        assert taken(throttle, "bob") == 3  # what the first one knew died with it


def test_without_any_valkey_at_all_it_still_refuses() -> None:
    assert taken(Throttle(None), "bob") == 3


def test_a_refusal_says_how_long_the_limit_is(tmp_path: Path) -> None:
    with valkey(tmp_path):
        throttle = Throttle(connect("", tmp_path))
        assert taken(throttle, "bob") == 3
        with pytest.raises(Refusal, match="slow_down") as refused:
            throttle.take(CODES, "bob")
    assert refused.value.params["minutes"] == CODES.minutes
