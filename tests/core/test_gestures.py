"""What a face video has to show: recomputable by anyone, guessable by nobody, possible for a person."""

import itertools
import re
from collections import Counter
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, strategies

from bff.core import gestures
from bff.core.errors import Refusal
from bff.core.gestures import Action, Challenge, Colour, Glow, Pace, Step, derived

NONCE = bytes(range(16))
secrets = strategies.binary(min_size=32, max_size=32)


def luminance(colour: Colour) -> float:
    linear = [(v / 255 / 12.92) if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour.rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@given(secrets)
def test_the_same_bytes_give_the_same_challenge_and_others_another(secret: bytes) -> None:
    assert derived(secret, NONCE) == derived(secret, NONCE)
    assert derived(secret, NONCE) != derived(secret, bytes(16))


@given(secrets)
def test_three_different_actions_with_eyes_or_mouth_among_them(secret: bytes) -> None:
    actions = [step.action for step in derived(secret, NONCE).steps]
    assert len(set(actions)) == 3
    assert set(actions) - {Action.TURN_LEFT, Action.TURN_RIGHT}


@given(secrets, strategies.sampled_from(Pace))
def test_every_action_has_its_time_and_the_whole_fits_into_a_recording(secret: bytes, pace: Pace) -> None:
    challenge = derived(secret, NONCE, pace=pace)
    assert challenge.steps[0].at_ms >= gestures.LEAD_MS
    for number, step in enumerate(challenge.steps):
        assert challenge.ends_at(number) - step.at_ms >= 2000 * pace.percent // 100
    assert challenge.length_ms < 13_000


@given(secrets)
def test_colours_change_slowly_and_always_to_another(secret: bytes) -> None:
    glows = derived(secret, NONCE).glows
    assert glows[0].at_ms == 0
    for before, after in itertools.pairwise(glows):
        assert after.at_ms - before.at_ms >= 400  # at most two and a half changes a second
        assert after.colour is not before.colour
    assert len(glows) >= 8


def test_colours_are_about_as_bright_as_each_other() -> None:
    bright = [luminance(colour) for colour in Colour]
    assert max(bright) - min(bright) < 0.1  # WCAG counts a flash from a change of a tenth


def test_who_asks_for_no_colours_gets_none_and_the_same_actions() -> None:
    assert derived(bytes(32), NONCE, colours=False).glows == ()
    assert derived(bytes(32), NONCE, colours=False).steps == derived(bytes(32), NONCE).steps


def test_lots_are_drawn_from_hkdf() -> None:
    expected = HKDF(SHA256(), 64, NONCE, gestures.FORMAT.encode()).derive(b"k" * 32)
    draw = gestures._Draw(b"k" * 32, NONCE)
    assert bytes(next(draw._bytes) for _ in range(64)) == expected


def test_every_order_comes_up_about_as_often() -> None:
    orders = Counter(tuple(step.action for step in derived(n.to_bytes(32), NONCE).steps) for n in range(6000))
    assert len(orders) == 60
    assert max(orders.values()) < 2 * min(orders.values())


def test_canonical_bytes_are_read_back() -> None:
    challenge = derived(bytes(32), NONCE)
    assert gestures.read(challenge.canonical()) == challenge


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"steps":[]}',
        derived(bytes(32), NONCE).canonical() + b" ",
        derived(bytes(32), NONCE).canonical().replace(b"gestures/1", b"gestures/2"),
        derived(bytes(32), NONCE).canonical().replace(b'"at_ms"', b'"at_ms" '),
        Challenge((), (Glow(Colour.SKY, 0),), 4000).canonical(),
        derived(bytes(32), NONCE).canonical().replace(b"turn_", b"spin_"),
    ],
)
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(Refusal):
        gestures.read(raw)


def test_too_few_bytes_are_no_secret() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        derived(bytes(31), NONCE)
    with pytest.raises(ValueError, match="32 bytes"):
        derived(bytes(32), bytes(15))


def test_a_step_ends_where_the_next_one_begins() -> None:
    challenge = Challenge((Step(Action.OPEN_MOUTH, 1000), Step(Action.TURN_LEFT, 3000)), (), 5200)
    assert [challenge.ends_at(n) for n in range(2)] == [3000, 5200]


def test_the_page_shows_the_colours_that_the_judge_looks_for() -> None:
    script = (Path(__file__).parents[2] / "web" / "lib" / "gestures.js").read_text("utf-8")
    found = re.findall(r"(\w+): \[(\d+), (\d+), (\d+)\]", script)
    assert {name: tuple(map(int, rgb)) for name, *rgb in found} == {colour.value: colour.rgb for colour in Colour}
