"""What a face does over time: measured frame by frame, then read as actions, colours and breaks.

Numbers in, numbers out: no picture and no network is opened here. Everything about a person is measured against that same
person's own calm face at the beginning. Angles are degrees; yaw is positive where the person turns to their own left.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bff.core.gestures import Action, Challenge, Glow

Floats = NDArray[np.float64]

TURN_DEGREES = 20.0
TURN_SECONDS = 0.18
MOUTH_LEAST, MOUTH_GAIN = 0.25, 0.15
"""Open: the ratio of the lips' gap to the mouth's width is at least this, and this much above the person's own calm."""
MOUTH_SECONDS = 0.18
EYES_SHARE = 0.55
"""Closed: below this share of the person's own calm openness."""
EYES_CLOSED_SECONDS = 0.6
BLINK_SECONDS = 0.5
SIDEWAYS_DEGREES = 15.0
"""Eyes and mouth are judged only where the head is turned less than this from its calm."""
SAME_ACTION_SECONDS = 0.6
"""Two turns nearer than this are one."""
EARLY_SECONDS, LATE_SECONDS = 0.10, 0.45
"""How far before its cue and after the next one an action may still begin: the page's clock is not the recorder's."""

GLOW_LAGS_SECONDS = tuple(n * 0.05 for n in range(9))
GLOW_ALIKE = 0.60
GLOW_VISIBLE = 1.5
"""The deviation of the face's colour over the sequence, in levels of 255, from which a screen's light can be told at all."""

CALM_SECONDS = 0.9

HEAD_POINTS = (4, 152, 33, 263, 61, 291)
HEAD = np.array(
    [(0, 0, 0), (0, 63.6, 12.5), (-43.3, -32.7, 26), (43.3, -32.7, 26), (-28.9, 28.9, 24.1), (28.9, 28.9, 24.1)],
    np.float64,
)
"""Nose, chin, outer corners of the eyes, corners of the mouth of a common head, in millimetres; y down, z away from us."""


@dataclass(frozen=True)
class Look:
    """One frame: when, where the face is (in widths of a face), and what it does. `eyes` is None where nobody asked."""

    second: float
    x: float
    y: float
    width: float
    yaw: float
    pitch: float
    mouth: float
    eyes: float | None
    glow: tuple[float, float]
    """Blue and red difference of the skin, less that of what is around the head."""


@dataclass(frozen=True)
class Calm:
    """The person's own face when nothing is asked: medians of the beginning."""

    yaw: float
    pitch: float
    mouth: float
    eyes: float | None


@dataclass(frozen=True)
class Done:
    """An action that was seen, from its beginning to its end."""

    action: Action
    begin: float
    end: float


def pose(mesh: Floats, width: int, height: int) -> tuple[float, float]:
    """Yaw and pitch of the head, by the perspective of six points."""
    focal = 1.2 * max(width, height)
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    points = np.ascontiguousarray(mesh[list(HEAD_POINTS), :2], np.float64)
    found, turn, _ = cv2.solvePnP(HEAD, points, camera, None, flags=cv2.SOLVEPNP_SQPNP)
    if not found:
        return 0.0, 0.0
    r, _ = cv2.Rodrigues(turn)
    yaw = math.atan2(-r[2, 0], math.hypot(r[0, 0], r[1, 0]))
    return -math.degrees(yaw), math.degrees(math.atan2(r[2, 1], r[2, 2]))


def mouth_ratio(mesh: Floats) -> float:
    """The lips' gap over the mouth's width."""
    across = float(np.linalg.norm(mesh[61, :2] - mesh[291, :2]))
    return float(np.linalg.norm(mesh[13, :2] - mesh[14, :2])) / max(across, 1e-6)


def calm_of(looks: Sequence[Look]) -> Calm:
    """Before the first cue. Eyes: the upper quarter, for people blink."""
    early = [look for look in looks if look.second <= CALM_SECONDS] or list(looks[:3])
    eyes = [look.eyes for look in early if look.eyes is not None]
    yaw, pitch, mouth = (
        float(np.median(values)) for values in zip(*((e.yaw, e.pitch, e.mouth) for e in early), strict=True)
    )
    return Calm(yaw, pitch, mouth, float(np.percentile(eyes, 75)) if eyes else None)


def actions(looks: Sequence[Look], calm: Calm) -> list[Done]:
    """Everything that was done, in the order of its beginning."""
    frontal = [look for look in looks if abs(look.yaw - calm.yaw) < SIDEWAYS_DEGREES]
    done = [
        *_held(looks, Action.TURN_LEFT, lambda look: look.yaw - calm.yaw >= TURN_DEGREES, TURN_SECONDS),
        *_held(looks, Action.TURN_RIGHT, lambda look: look.yaw - calm.yaw <= -TURN_DEGREES, TURN_SECONDS),
        *_held(frontal, Action.OPEN_MOUTH, lambda look: _mouth_open(look, calm), MOUTH_SECONDS),
        *_eyes(frontal, calm),
    ]
    return sorted(done, key=lambda d: d.begin)


def _mouth_open(look: Look, calm: Calm) -> bool:
    return look.mouth > max(MOUTH_LEAST, calm.mouth + MOUTH_GAIN)


def _held(looks: Sequence[Look], action: Action, true: Callable[[Look], bool], least: float) -> list[Done]:
    runs: list[Done] = []
    for begin, end in _runs(looks, true):
        if runs and begin - runs[-1].end < SAME_ACTION_SECONDS:
            runs[-1] = Done(action, runs[-1].begin, end)
        else:
            runs.append(Done(action, begin, end))
    return [run for run in runs if run.end - run.begin >= least]


def _eyes(looks: Sequence[Look], calm: Calm) -> list[Done]:
    """Long closures, and pairs of short ones. A single blink is nothing: everybody does."""
    if calm.eyes is None:
        return []
    limit = EYES_SHARE * calm.eyes
    runs = _runs([look for look in looks if look.eyes is not None], lambda look: (look.eyes or 0.0) < limit)
    shut = [Done(Action.CLOSE_EYES, a, b) for a, b in runs if b - a >= EYES_CLOSED_SECONDS]
    blinks = [(a, b) for a, b in runs if b - a < BLINK_SECONDS]
    pairs: list[Done] = []
    for (begin, _), (again, end) in itertools.pairwise(blinks):
        if again - begin <= 2 * SAME_ACTION_SECONDS and not (pairs and begin < pairs[-1].end):
            pairs.append(Done(Action.BLINK_TWICE, begin, end))
    return [*shut, *pairs]


def _runs(looks: Sequence[Look], true: Callable[[Look], bool]) -> list[tuple[float, float]]:
    """Stretches in which it is true, as times; a stretch ends where the next look says no."""
    runs, begin = [], None
    for look in looks:
        if true(look) and begin is None:
            begin = look.second
        elif not true(look) and begin is not None:
            runs.append((begin, look.second))
            begin = None
    if begin is not None:
        runs.append((begin, looks[-1].second))
    return runs


@dataclass(frozen=True)
class Misstep:
    """The first thing that is not as it was asked for: missing, early, late, or another action in its place."""

    kind: str
    number: int


def first_misstep(done: Sequence[Done], challenge: Challenge) -> Misstep | None:
    """Each action between its own cue and the next one, and no turn, mouth or closed eyes that nobody asked for."""
    used: set[Done] = set()
    for number, step in enumerate(challenge.steps):
        opens, closes = step.at_ms / 1000 - EARLY_SECONDS, challenge.ends_at(number) / 1000
        mine = [d for d in done if d.action is step.action]
        fitting = [d for d in mine if opens <= d.begin <= closes + LATE_SECONDS]
        if fitting:
            used.add(fitting[0])
        else:
            instead = [d for d in _others(done, used) if opens <= d.begin <= closes]
            return Misstep("action_out_of_order" if instead or mine else "action_missing", number)
    stray = _others(done, used)
    if stray:
        return Misstep("action_not_asked", _number_at(stray[0].begin, challenge))
    return None


def _others(done: Sequence[Done], used: set[Done]) -> list[Done]:
    """What counts as an action although it was not asked for: two blinks do not."""
    return [d for d in done if d not in used and d.action is not Action.BLINK_TWICE]


def _number_at(second: float, challenge: Challenge) -> int:
    return max([n for n, step in enumerate(challenge.steps) if step.at_ms / 1000 <= second + EARLY_SECONDS] or [0])


@dataclass(frozen=True)
class Shine:
    """How well the face's colour follows the screen's (-1 to 1), after how long, and how much it changes at all."""

    alike: float
    lag: float
    visible: float

    @property
    def seen(self) -> bool:
        return self.alike >= GLOW_ALIKE

    @property
    def contradicts(self) -> bool:
        """Something coloured lit this face, and it was not our screen."""
        return self.visible >= GLOW_VISIBLE and not self.seen


def shine(looks: Sequence[Look], calm: Calm, glows: Sequence[Glow]) -> Shine | None:
    """Only where the head is nearly still: a turned cheek has another colour of its own. None: nothing to compare."""
    still = [look for look in looks if abs(look.yaw - calm.yaw) < SIDEWAYS_DEGREES and not _mouth_open(look, calm)]
    if len(glows) < 4 or len(still) < 12:
        return None
    seconds = np.array([look.second for look in still])
    seen = _detrended(seconds, np.array([look.glow for look in still]))
    best = max(
        ((_alike(seen, _shown(seconds - lag, glows)), lag) for lag in GLOW_LAGS_SECONDS), key=lambda pair: pair[0]
    )
    return Shine(best[0], best[1], float(np.sqrt((seen**2).sum(1).mean())))


def _detrended(seconds: Floats, values: Floats) -> Floats:
    """Without its mean and its slow drift (a cloud, the camera's white balance)."""
    design = np.column_stack([np.ones_like(seconds), seconds])
    return np.asarray(values - design @ np.linalg.lstsq(design, values, rcond=None)[0])


def _shown(seconds: Floats, glows: Sequence[Glow]) -> Floats:
    """Blue and red difference of the colour shown at each second."""
    at = np.searchsorted([glow.at_ms / 1000 for glow in glows], seconds, side="right") - 1
    table = np.array([chroma(np.array(glow.colour.rgb, np.float64)) for glow in glows])
    return _detrended(seconds, table[np.clip(at, 0, None)])


def chroma(rgb: Floats) -> Floats:
    """Blue and red difference (BT.601) of a colour or of rows of them."""
    return np.asarray(rgb @ np.array([[-0.169, 0.5], [-0.331, -0.419], [0.5, -0.081]]))


def _alike(one: Floats, other: Floats) -> float:
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum() / norms) if norms > 1e-9 else 0.0


# --- the same video again ----------------------------------------------------------------------------

TRACE_POINTS = 64
TRACE_STEP = 0.001
"""A trace is written in steps of this share of a face's width."""
SAME_TRACE = 0.93
"""Two traces whose steps agree this well are one recording, encoded anew perhaps: no hand shakes twice alike."""


def trace(looks: Sequence[Look]) -> str:
    """How the head wandered through the picture: a hash that survives another encoding of the same recording."""
    seconds = np.array([look.second for look in looks])
    wanted = np.linspace(seconds[0], seconds[-1], TRACE_POINTS)
    paths = [np.interp(wanted, seconds, [value(look) for look in looks]) for value in (_x, _y)]
    steps = np.clip(np.round([(path - path.mean()) / TRACE_STEP for path in paths]), -32767, 32767)
    return steps.astype("<i2").tobytes().hex()


def _x(look: Look) -> float:
    return look.x


def _y(look: Look) -> float:
    return look.y


def same_trace(one: str, other: str) -> bool:
    """By how both go from each point to the next; where they are matters less than the way they shake."""
    a, b = (np.diff(np.frombuffer(bytes.fromhex(t), "<i2").astype(float).reshape(2, -1)) for t in (one, other))
    return a.shape == b.shape and _alike(a, b) >= SAME_TRACE
