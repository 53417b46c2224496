"""Actions, colours and traces read from numbers that are known."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bff.biometrics.movements import (
    HEAD,
    HEAD_POINTS,
    Calm,
    Look,
    Misstep,
    actions,
    calm_of,
    chroma,
    first_misstep,
    pose,
    same_trace,
    shine,
    trace,
)
from bff.core.gestures import Action, Challenge, Colour, Glow, Step, derived

STILL = Look(0.0, 3.0, 4.0, 160.0, 2.0, 0.0, 0.05, 0.25, (0.0, 0.0))
CALM = Calm(2.0, 0.0, 0.05, 0.25)
ASKED = Challenge(
    (Step(Action.TURN_LEFT, 1000), Step(Action.CLOSE_EYES, 3000), Step(Action.OPEN_MOUTH, 5000)), (), 7000
)


def looks(change: Callable[[Look], Look], seconds: float = 7.2) -> list[Look]:
    return [change(replace(STILL, second=n / 15)) for n in range(int(15 * seconds))]


def during(begin: float, end: float, **values: float) -> Callable[[Look], Look]:
    return lambda look: replace(look, **values) if begin <= look.second < end else look  # type: ignore[arg-type]


def both(*changes: Callable[[Look], Look]) -> Callable[[Look], Look]:
    def change(look: Look) -> Look:
        for one in changes:
            look = one(look)
        return look

    return change


WELL = both(during(1.5, 2.2, yaw=30.0), during(3.4, 4.4, eyes=0.05), during(5.5, 6.0, mouth=0.4))


def misstep(change: Callable[[Look], Look], asked: Challenge = ASKED) -> Misstep | None:
    return first_misstep(actions(looks(change), CALM), asked)


def test_calm_is_the_beginning_even_when_somebody_blinks() -> None:
    calm = calm_of(looks(both(during(0.2, 0.4, eyes=0.03), during(1, 9, yaw=40.0, mouth=0.5))))
    assert calm == CALM


def test_what_is_asked_for_is_seen() -> None:
    done = actions(looks(WELL), CALM)
    assert [d.action for d in done] == [Action.TURN_LEFT, Action.CLOSE_EYES, Action.OPEN_MOUTH]
    assert misstep(WELL) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (during(0, 0), Misstep("action_missing", 0)),
        (both(WELL, during(1.5, 2.2, yaw=20.0)), Misstep("action_missing", 0)),
        (both(WELL, during(1.5, 2.2, yaw=-30.0)), Misstep("action_out_of_order", 0)),
        (both(WELL, during(3.4, 4.4, eyes=0.2)), Misstep("action_missing", 1)),
        (both(WELL, during(3.9, 4.4, eyes=0.2)), Misstep("action_missing", 1)),
        (both(WELL, during(5.5, 6.0, mouth=0.19)), Misstep("action_missing", 2)),
        (both(WELL, during(6.2, 6.9, yaw=-30.0)), Misstep("action_not_asked", 2)),
        (both(WELL, during(0.1, 0.8, mouth=0.5)), Misstep("action_not_asked", 0)),
    ],
    ids=["nothing", "half-turn", "other-way", "eyes-open", "eyes-briefly", "lips-only", "turn-extra", "mouth-extra"],
)
def test_the_first_thing_that_is_not_as_asked_is_named(change: Callable[[Look], Look], expected: Misstep) -> None:
    assert misstep(change) == expected


def test_actions_in_another_order_are_out_of_order() -> None:
    swapped = Challenge((ASKED.steps[0], Step(Action.OPEN_MOUTH, 3000), Step(Action.CLOSE_EYES, 5000)), (), 7000)
    assert misstep(WELL, swapped) == Misstep("action_out_of_order", 1)


def test_an_action_before_its_cue_does_not_count() -> None:
    assert misstep(
        both(during(0.5, 0.85, yaw=30.0), during(3.4, 4.4, eyes=0.05), during(5.5, 6.0, mouth=0.4))
    ) == Misstep("action_out_of_order", 0)


def test_two_blinks_are_two_and_one_is_nothing() -> None:
    asked = Challenge((Step(Action.BLINK_TWICE, 1000),), (), 4000)
    twice = both(during(1.5, 1.7, eyes=0.05), during(2.0, 2.2, eyes=0.05))
    assert misstep(twice, asked) is None
    assert misstep(during(1.5, 1.7, eyes=0.05), asked) == Misstep("action_missing", 0)
    assert misstep(during(1.5, 2.7, eyes=0.05), asked) == Misstep("action_out_of_order", 0)


def test_blinking_by_itself_harms_no_other_challenge() -> None:
    assert misstep(both(WELL, during(2.5, 2.65, eyes=0.05), during(2.8, 2.95, eyes=0.05))) is None


def test_eyes_are_not_judged_from_the_side() -> None:
    assert misstep(both(WELL, during(3.3, 4.5, yaw=25.0))) != Misstep("action_missing", 2)
    assert misstep(both(WELL, during(3.3, 4.5, yaw=18.0))) == Misstep("action_missing", 1)


def test_nobody_looked_at_the_eyes_means_nothing_was_seen() -> None:
    none = [replace(look, eyes=None) for look in looks(WELL)]
    assert Action.CLOSE_EYES not in {d.action for d in actions(none, calm_of(none))}


def test_pose_is_recovered_from_six_points() -> None:
    for yaw, pitch in ((0, 0), (25, 0), (-25, 0), (0, 12), (20, -10)):
        y, x = math.radians(yaw), math.radians(pitch)
        # To the person's own left is to the right in the picture: the nose, which is nearer, goes there.
        around = np.array([[math.cos(y), 0, -math.sin(y)], [0, 1, 0], [math.sin(y), 0, math.cos(y)]])
        nod = np.array([[1, 0, 0], [0, math.cos(x), -math.sin(x)], [0, math.sin(x), math.cos(x)]])
        points = HEAD @ (nod @ around).T + (0, 0, 600)
        mesh = np.zeros((468, 3))
        focal = 1.2 * 640
        mesh[list(HEAD_POINTS), 0] = focal * points[:, 0] / points[:, 2] + 180
        mesh[list(HEAD_POINTS), 1] = focal * points[:, 1] / points[:, 2] + 320
        assert pose(mesh, 360, 640)[0] == pytest.approx(yaw, abs=0.5)
        assert abs(pose(mesh, 360, 640)[1]) == pytest.approx(abs(pitch), abs=1.5)


# --- colours ---


def lit(challenge: Challenge, *, gain: float, lag: float = 0.1, noise: float = 0.4, drift: float = 0.0) -> list[Look]:
    random = np.random.default_rng(2)
    table = {glow.at_ms: chroma(np.array(glow.colour.rgb, float)) for glow in challenge.glows}

    def change(look: Look) -> Look:
        shown = [table[at] for at in table if at / 1000 <= look.second - lag]
        value = gain * (shown[-1] if shown else np.zeros(2)) + random.normal(0, noise, 2) + drift * look.second
        return replace(look, glow=(float(value[0]), float(value[1])))

    return looks(change)


COLOURED, OTHER = derived(b"a" * 32, bytes(16)), derived(b"b" * 32, bytes(16))


def test_colours_of_the_screen_are_seen_on_the_skin_through_noise_lag_and_drift() -> None:
    seen = shine(lit(COLOURED, gain=0.06, lag=0.2, noise=1.0, drift=2.0), CALM, COLOURED.glows)
    assert seen is not None
    assert seen.seen
    assert seen.lag == pytest.approx(0.2, abs=0.1)


def test_colours_of_another_screen_contradict() -> None:
    seen = shine(lit(OTHER, gain=0.06), CALM, COLOURED.glows)
    assert seen is not None
    assert seen.contradicts


def test_daylight_says_nothing() -> None:
    seen = shine(lit(COLOURED, gain=0.0), CALM, COLOURED.glows)
    assert seen is not None
    assert not seen.seen
    assert not seen.contradicts


def test_without_colours_there_is_nothing_to_compare() -> None:
    assert shine(looks(WELL), CALM, ()) is None
    assert shine(looks(WELL), CALM, [Glow(Colour.SKY, 0)]) is None


# --- traces ---


def wandering(seed: int) -> list[Look]:
    random = np.random.default_rng(seed)
    a, b = random.uniform(0.5, 3, (2, 3)), random.uniform(0, 6, (2, 3))

    def change(look: Look) -> Look:
        x, y = 0.1 * np.sin(a * look.second + b).sum(1)
        return replace(look, x=3 + float(x), y=4 + float(y))

    return looks(change)


def test_the_same_recording_is_known_again_and_another_is_not() -> None:
    first = wandering(1)
    again = [replace(look, x=look.x + 0.004 * (-1) ** n) for n, look in enumerate(first)]
    assert same_trace(trace(first), trace(again))
    assert not same_trace(trace(first), trace(wandering(2)))
