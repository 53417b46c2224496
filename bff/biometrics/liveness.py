"""Is this a recording of the person on the portrait, doing what this challenge asked for?

The video becomes frames in a cage (`media.py`), the networks follow one face through them (`faces.py`), the movements are
read from numbers (`movements.py`), and the checks below are asked in their order. Each has a name (REASONS), and a verdict
carries everything that was measured with the thresholds it was held against: an opinion that can be read again later.

1. Can it be judged at all: one face, near, sharp and lit, all the time? Otherwise another try, with the hint.
2. Is it this person, in every frame that was looked at closely, without a cut to somebody else? Otherwise refused.
3. Is it a new recording, and moving? 4. Were the actions done, each in its time, and nothing else?
5. Did the screen's colours show on the skin? In daylight they do not, and then nothing follows from it; other colours do.
6. How alike are the mean of the best frames and the portrait: a match, or a matter for a human?

What it does not know: a rendered video that is fed into the browser instead of a camera can do all of this (`card.md`).
"""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from bff.biometrics import portrait as portraits
from bff.biometrics.faces import MESH_FLAG_LEAST, Box, Eyes, Face, Vector, brightness, likeness, mean, sharpness
from bff.biometrics.media import NAMES, Film, Image, Media, Unusable
from bff.biometrics.movements import (
    CALM_SECONDS,
    EARLY_SECONDS,
    EYES_SHARE,
    GLOW_ALIKE,
    LATE_SECONDS,
    MOUTH_GAIN,
    SIDEWAYS_DEGREES,
    TURN_DEGREES,
    Calm,
    Look,
    actions,
    calm_of,
    chroma,
    first_misstep,
    mouth_ratio,
    pose,
    same_trace,
    shine,
    trace,
)
from bff.core.gestures import Action, Challenge
from bff.core.ports import FaceVerdict, Outcome, Portrait, Template

FACE_LEAST_PIXELS = 100
FACE_MOST_SHARE = 0.85
LOST_SHARE = 0.15
FRAMES_PER_SECOND_LEAST = 11.0
SECONDS_MISSING = 0.6
"""How much shorter than its challenge a recording may be."""
SHARPNESS_LEAST = 12.0
BRIGHTNESS_LEAST = 40.0
FIND_EVERY = 4
FIND_PIXELS = 192
SECOND_FACE_SHARE = 0.35
FRONTAL_DEGREES = 12.0
COMPARABLE_DEGREES = 30.0
JUMP_WIDTHS, JUMP_SECONDS = 0.5, 0.15
FROZEN_LEVELS, FROZEN_SECONDS = 0.15, 0.5
BEST_FRAMES, BREAKS = 4, 2
EYES_END_SECONDS = 1.0
"""How long after the last moment to begin it an action of the eyes is watched."""
EYE_ACTIONS = (Action.CLOSE_EYES, Action.BLINK_TWICE)

REASONS: Mapping[str, Outcome] = {
    **{name: Outcome.RETRY for name in NAMES if name.startswith("video_")},
    "video_cut_short": Outcome.RETRY,
    "video_few_frames": Outcome.RETRY,
    "face_not_found": Outcome.RETRY,
    "face_lost": Outcome.RETRY,
    "face_small": Outcome.RETRY,
    "face_near": Outcome.RETRY,
    "face_dark": Outcome.RETRY,
    "face_blurred": Outcome.RETRY,
    "face_never_frontal": Outcome.RETRY,
    "two_faces": Outcome.RETRY,
    "face_enrol_again": Outcome.RETRY,
    "other_person": Outcome.REFUSED,
    "spliced": Outcome.REFUSED,
    "seen_before": Outcome.REFUSED,
    "frozen": Outcome.RETRY,
    "jumped": Outcome.RETRY,
    "action_missing": Outcome.RETRY,
    "action_out_of_order": Outcome.RETRY,
    "action_not_asked": Outcome.RETRY,
    "other_colours": Outcome.RETRY,
    "match_unsure": Outcome.REVIEW,
    "match": Outcome.PASS,
}


class _Ended(Exception):
    """A check decided; the rest is not asked."""

    def __init__(self, reason: str, step: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.step = step


@dataclass
class _Case:
    """What has been measured so far; whatever the end, it goes into the verdict."""

    scores: dict[str, int] = field(default_factory=dict)
    trace: str = ""
    template: Template | None = None

    def note(self, **measured: float) -> None:
        """Likenesses and shares, in ten-thousandths."""
        self.scores.update({name: round(10_000 * value) for name, value in measured.items()})

    def count(self, **measured: float) -> None:
        """Whole things, in the unit of their name."""
        self.scores.update({name: round(value) for name, value in measured.items()})


class FaceJudge:
    """The port `Faces`: networks that are open, and a cage for what people send."""

    def __init__(self, eyes: Eyes, media: Media) -> None:
        self._eyes = eyes
        self._media = media

    def portrait(self, photograph: bytes) -> Portrait:
        return portraits.read(self._eyes, self._media, photograph)

    def judge(
        self, video: bytes, *, mime: str, challenge: Challenge, portrait: Template, seen: Sequence[str] = ()
    ) -> FaceVerdict:
        case, step = _Case(), None
        try:
            self._ask(case, video, mime, challenge, portrait, seen)
            reason = "match"
        except _Ended as end:
            reason, step = end.reason, end.step
        except Unusable as unusable:
            reason = unusable.code
        return FaceVerdict(
            outcome=REASONS[reason],
            reason=reason,
            step=step,
            scores=case.scores,
            thresholds=self._thresholds(),
            models=self._eyes.digests,
            video_sha256=hashlib.sha256(video).hexdigest(),
            challenge_sha256=challenge.sha256(),
            trace=case.trace,
            template=case.template,
        )

    def _thresholds(self) -> dict[str, int]:
        held = self._eyes.thresholds
        shares = {
            "match": held.match,
            "review": held.review,
            "among": held.among,
            "neighbour": held.neighbour,
            "glow": GLOW_ALIKE,
            "eyes": EYES_SHARE,
            "mouth": MOUTH_GAIN,
            "lost": LOST_SHARE,
        }
        case = _Case()
        case.note(**shares)
        case.count(face_pixels=FACE_LEAST_PIXELS, turn_degrees=TURN_DEGREES)
        return case.scores

    def _ask(
        self, case: _Case, video: bytes, mime: str, challenge: Challenge, portrait: Template, seen: Sequence[str]
    ) -> None:
        if portrait.recogniser != self._eyes.digests["recognition"]:
            raise _Ended("face_enrol_again")
        film = self._media.film(video, mime=mime)
        _check_length(film, challenge, case)
        watched = _Watcher(self._eyes, film).watch()
        _check_picture(watched, film, case)
        calm = calm_of(watched.looks)
        match = self._check_person(watched, calm, portraits.vector(portrait, self._eyes), case)
        case.trace = trace(watched.looks)
        if any(same_trace(case.trace, earlier) for earlier in seen):
            raise _Ended("seen_before")
        _check_motion(watched)
        looks = _with_lids(self._eyes, watched, calm, challenge)
        calm = calm_of(looks)
        _check_actions(looks, calm, challenge, case)
        _check_colours(looks, calm, challenge, case)
        if match < self._eyes.thresholds.match:
            raise _Ended("match_unsure")

    def _check_person(self, watched: "_Watched", calm: Calm, portrait: Vector, case: _Case) -> float:
        """The likeness of the best frames' mean. Every frame that is looked at closely has to be this person."""
        held, looks = self._eyes.thresholds, watched.looks
        best = _best_frames(watched, calm)
        if len(best) < 2:
            raise _Ended("face_never_frontal")
        breaks = _breaks(watched)
        numbers = sorted({*best, *_turned_frames(watched, calm), *(n for pair in breaks for n in pair)})
        vectors = dict(zip(numbers, self._eyes.describe_all([watched.aligned[n] for n in numbers]), strict=True))
        middle = mean([vectors[n] for n in best])
        match = likeness(middle, portrait)
        among = min(likeness(vectors[n], middle) for n in best)
        comparable = [n for n in numbers if abs(looks[n].yaw - calm.yaw) <= COMPARABLE_DEGREES]
        least = min(likeness(vectors[n], portrait) for n in comparable)
        near = [likeness(vectors[a], vectors[b]) for a, b in breaks if a in comparable and b in comparable]
        case.note(match=match, among_least=among, portrait_least=least, neighbour_least=min(near, default=1.0))
        case.count(frames_described=len(numbers))
        if match < held.review and among >= held.among:
            raise _Ended("other_person")
        if among < held.among or least < held.review or min(near, default=1.0) < held.neighbour:
            raise _Ended("spliced")
        case.template = Template(self._eyes.digests["recognition"], middle.astype("<f4").tobytes())
        return match


# --- watching ----------------------------------------------------------------------------------------


@dataclass
class _Watched:
    """The looks at one face, each with its frame and the face in it; `lost` counts frames without it."""

    looks: list[Look] = field(default_factory=list)
    seen: list[tuple[Image, Face]] = field(default_factory=list)
    aligned: list[Image] = field(default_factory=list)
    small: list[Image] = field(default_factory=list)
    """The surroundings of the face in few pixels: what tells frozen frames."""
    lost: int = 0
    crowded: int = 0


class _Watcher:
    """Follows the widest face through the film. Finding costs more than following, so it is asked now and then only."""

    def __init__(self, eyes: Eyes, film: Film) -> None:
        self._eyes, self._film = eyes, film
        self._face: Face | None = None

    def watch(self) -> _Watched:
        watched = _Watched()
        for number, (frame, second) in enumerate(zip(self._film.frames, self._film.times, strict=True)):
            self._face = self._followed(frame, number, watched)
            if self._face is None:
                watched.lost += 1
            else:
                watched.looks.append(_look(frame, self._face, second))
                watched.seen.append((frame, self._face))
                watched.aligned.append(self._eyes.aligned(frame, self._face))
                watched.small.append(cv2.resize(frame, (45, 80), interpolation=cv2.INTER_AREA).astype(np.uint8))
        return watched

    def _followed(self, frame: Image, number: int, watched: _Watched) -> Face | None:
        face = self._eyes.follow(frame, self._face) if self._face else None
        if face is not None and face.flag <= MESH_FLAG_LEAST:
            face = None
        if face is None or number % FIND_EVERY == 0:
            boxes = self._eyes.find(frame, side=FIND_PIXELS)
            if not boxes:
                return face
            wide = [box for box in boxes if box.width >= SECOND_FACE_SHARE * boxes[0].width]
            new = [self._eyes.read(frame, box) for box in wide if face is None or not _on(face, box)]
            real = [other for other in new if other.flag > MESH_FLAG_LEAST]
            watched.crowded += len(real) + (face is not None) > 1
            if face is None or (real and real[0].width > face.width):
                face = real[0] if real else None
        return face


def _look(frame: Image, face: Face, second: float) -> Look:
    """What the mesh and the colours tell; the lids are looked at later (`_with_lids`)."""
    height, width = frame.shape[:2]
    mesh = face.mesh.astype(float)
    yaw, pitch = pose(mesh, width, height)
    x, y = face.mesh[:, :2].mean(0) / face.width
    return Look(second, float(x), float(y), face.width, yaw, pitch, mouth_ratio(mesh), None, _glow(frame, face))


def _on(face: Face, box: Box) -> bool:
    """This box is around the face that is followed already."""
    return float(np.linalg.norm(face.mesh[:, :2].mean(0) - box.centre)) <= JUMP_WIDTHS * face.width


SKIN = (50, 280, 151, 205, 425)
"""Cheeks and forehead."""


def _glow(frame: Image, face: Face) -> tuple[float, float]:
    """The skin's colour less the room's: the screen is near to the one and far from the other."""
    height, width = frame.shape[:2]
    half = max(2, round(0.06 * face.width))
    patches = []
    for x, y in face.mesh[list(SKIN), :2]:
        left, top = round(float(x)) - half, round(float(y)) - half
        patch = frame[max(0, top) : max(0, top + 2 * half), max(0, left) : max(0, left + 2 * half)]
        if patch.size:
            patches.append(_colour(patch))
    edge = max(4, width // 14)
    around = (_colour(frame[: height // 2, :edge]) + _colour(frame[: height // 2, -edge:])) / 2
    skin = np.mean(patches, axis=0) if patches else around
    blue, red = chroma(skin[::-1]) - chroma(around[::-1])
    return float(blue), float(red)


def _colour(patch: Image) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    return np.array(cv2.mean(patch)[:3])


def _with_lids(eyes: Eyes, watched: _Watched, calm: Calm, challenge: Challenge) -> list[Look]:
    """The looks again, with how far the lids are open where that is judged. A network of its own reads them, all in one go:
    one that takes turns with another finds the processor's cache full of the other."""
    numbers = _lids_wanted(watched.looks, calm, challenge)
    measured = dict(zip(numbers, eyes.openness_all([watched.seen[n] for n in numbers]), strict=True))
    return [replace(look, eyes=measured.get(n)) for n, look in enumerate(watched.looks)]


def _lids_wanted(looks: Sequence[Look], calm: Calm, challenge: Challenge) -> list[int]:
    """Every frontal frame while an action of the eyes may go on; of the calm beginning, whose level alone counts, every other."""
    windows = [
        (step.at_ms / 1000 - EARLY_SECONDS, challenge.ends_at(number) / 1000 + LATE_SECONDS + EYES_END_SECONDS)
        for number, step in enumerate(challenge.steps)
        if step.action in EYE_ACTIONS
    ]
    frontal = [n for n, look in enumerate(looks) if abs(look.yaw - calm.yaw) < SIDEWAYS_DEGREES]
    judged = {n for n in frontal if any(begin <= looks[n].second <= end for begin, end in windows)}
    level = [n for n in frontal if looks[n].second <= CALM_SECONDS][::2] if windows else []
    return sorted({*judged, *level})


# --- the checks --------------------------------------------------------------------------------------


def _check_length(film: Film, challenge: Challenge, case: _Case) -> None:
    case.count(video_milliseconds=1000 * film.seconds, frames_looked_at=len(film.times))
    if film.seconds < challenge.length_ms / 1000 - SECONDS_MISSING:
        raise _Ended("video_cut_short")
    if len(film.times) / film.seconds < FRAMES_PER_SECOND_LEAST:
        raise _Ended("video_few_frames")


def _check_picture(watched: _Watched, film: Film, case: _Case) -> None:
    looks = watched.looks
    case.count(frames_lost=watched.lost, frames_crowded=watched.crowded)
    if len(looks) < 8:
        raise _Ended("face_not_found")
    if watched.crowded > 1:
        raise _Ended("two_faces")
    if watched.lost > LOST_SHARE * len(film.times):
        raise _Ended("face_lost")
    width = float(np.median([look.width for look in looks]))
    light = float(np.median([brightness(picture) for picture in watched.aligned]))
    sharp = float(np.median([sharpness(picture) for picture in watched.aligned]))
    case.count(face_pixels=width, brightness=light, sharpness=sharp)
    if width < FACE_LEAST_PIXELS:
        raise _Ended("face_small")
    if width > FACE_MOST_SHARE * film.frames.shape[2]:
        raise _Ended("face_near")
    if light < BRIGHTNESS_LEAST:
        raise _Ended("face_dark")
    if sharp < SHARPNESS_LEAST:
        raise _Ended("face_blurred")


def _best_frames(watched: _Watched, calm: Calm) -> list[int]:
    """The sharpest frontal frame of each part of the recording."""
    frontal = [n for n, look in enumerate(watched.looks) if abs(look.yaw - calm.yaw) < FRONTAL_DEGREES]
    parts = np.array_split(np.array(frontal), BEST_FRAMES)
    return [int(max(part, key=lambda n: sharpness(watched.aligned[n]))) for part in parts if len(part)]


def _turned_frames(watched: _Watched, calm: Calm) -> list[int]:
    """The frame turned most to either side, as far as it can still be compared."""
    turns = [(look.yaw - calm.yaw, n) for n, look in enumerate(watched.looks)]
    turns = [(turn, n) for turn, n in turns if FRONTAL_DEGREES <= abs(turn) <= COMPARABLE_DEGREES]
    return [n for turn, n in {max(turns), min(turns)}] if turns else []


def _breaks(watched: _Watched) -> list[tuple[int, int]]:
    """Where one face changes most from one look to the next: a cut would be there."""
    tiny = [_flat(cv2.resize(cv2.cvtColor(a, cv2.COLOR_BGR2GRAY), (16, 16))) for a in watched.aligned]
    alike = sorted((float(a @ b), n) for n, (a, b) in enumerate(itertools.pairwise(tiny)))
    return [(n, n + 1) for _, n in alike[:BREAKS]]


def _flat(picture: "cv2.typing.MatLike") -> Vector:
    values = np.asarray(picture, np.float32).ravel()
    values = values - values.mean()
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-6), np.float32)


def _check_motion(watched: _Watched) -> None:
    """A head does not leap, and no camera gives the same picture for half a second."""
    since = watched.looks[0].second
    for n, (before, now) in enumerate(zip(watched.looks, watched.looks[1:], strict=False)):
        leap = max(abs(before.x - now.x), abs(before.y - now.y))
        if now.second - before.second <= JUMP_SECONDS and leap > JUMP_WIDTHS:
            raise _Ended("jumped")
        changed = np.abs(watched.small[n + 1].astype(np.int16) - watched.small[n]).mean()
        if changed > FROZEN_LEVELS:
            since = now.second
        elif now.second - since >= FROZEN_SECONDS:
            raise _Ended("frozen")


def _check_actions(looks: Sequence[Look], calm: Calm, challenge: Challenge, case: _Case) -> None:
    done = actions(looks, calm)
    case.count(actions_seen=len(done), yaw_most=max(look.yaw - calm.yaw for look in looks))
    case.count(yaw_least=min(look.yaw - calm.yaw for look in looks))
    case.note(mouth_calm=calm.mouth, mouth_most=max(look.mouth for look in looks))
    eyes = [look.eyes for look in looks if look.eyes is not None]
    if eyes and calm.eyes is not None:
        case.note(eyes_calm=calm.eyes, eyes_least=min(eyes))
    misstep = first_misstep(done, challenge)
    if misstep is not None:
        raise _Ended(misstep.kind, misstep.number)


def _check_colours(looks: Sequence[Look], calm: Calm, challenge: Challenge, case: _Case) -> None:
    seen = shine(looks, calm, challenge.glows)
    if seen is None:
        return
    case.note(glow=seen.alike, glow_visible=seen.visible / 255)
    case.count(glow_milliseconds=1000 * seen.lag, glow_seen=seen.seen)
    if seen.contradicts:
        raise _Ended("other_colours")
