"""How often a willing person is turned down, and each attack accepted, over rendered videos.

    python -m tests.biometrics.measure [PHOTOGRAPH …] [--challenges N]

Prints a line a species: how many were made, how many were accepted (for attacks: APCER, for the person: 1 - BPCER), and why
the others were turned down. The counts in the model card come from here. Rendered videos and rendered attacks: this
shows that the checks do what they are for, and nothing about real people with real intentions.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np

from bff.biometrics.faces import Eyes
from bff.biometrics.liveness import FaceJudge
from bff.biometrics.media import PRELOAD, Media
from bff.biometrics.pack import opened
from bff.cage import Cage
from bff.core.gestures import Challenge, Step, derived
from bff.core.ports import FaceVerdict, Outcome, Template
from tests.biometrics.photographs import Image, as_file, astronaut, six_people
from tests.biometrics.renderer import HEIGHT, RATE, WIDTH, Puppet, Room, encoded, performance, recorded
from tests.biometrics.test_liveness import tilted

Made = tuple[str, list[Image], Challenge]
AGAIN = "the same recording again, encoded anew"
WILLING = ("the person", "the person, other light")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.biometrics.measure")
    parser.add_argument("photographs", type=Path, nargs="*", help="more people: one frontal photograph each")
    parser.add_argument("--challenges", type=int, default=3)
    chosen = parser.parse_args()
    eyes = Eyes(opened()).open()
    judge = FaceJudge(eyes, Media(Cage(2048, 30, 120, preload=PRELOAD)))
    people = [astronaut(), *(np.asarray(cv2.imread(str(path)), np.uint8) for path in chosen.photographs)]
    helper = Puppet(six_people(), eyes, 1)
    seen: dict[str, list[FaceVerdict]] = defaultdict(list)
    for photograph in people:
        portrait, puppet = judge.portrait(as_file(photograph)).template, Puppet(photograph, eyes)
        for seed in range(1, chosen.challenges + 1):
            challenge, other = (derived(bytes([n]) * 32, bytes(16)) for n in (seed, seed + 100))
            known: tuple[str, ...] = ()
            for species, frames, asked in _everything(puppet, helper, challenge, other, seed):
                verdict = _judged(judge, frames, asked, portrait, known if species == AGAIN else ())
                known = known or (verdict.trace,)
                seen[species].append(verdict)
                print(species, verdict.outcome, verdict.reason, file=sys.stderr, flush=True)
    _tell(seen)


def _everything(puppet: Puppet, helper: Puppet, challenge: Challenge, other: Challenge, seed: int) -> Iterator[Made]:
    act, room = performance(challenge), Room(seed)
    willing = recorded(lambda second: puppet.at(act(second)), challenge, room=room)
    yield "the person", willing, challenge
    yield (
        "the person, other light",
        recorded(lambda s: puppet.at(act(s)), challenge, room=Room(seed, glow=0.0)),
        challenge,
    )
    yield "photograph", recorded(lambda _: puppet.still, challenge, room=room), challenge
    for name, bent in (("print turned by hand", 0.0), ("print bent and turned", 0.35)):
        shown = recorded(lambda s, b=bent: tilted(puppet.still, act(s).yaw * 1.5, b), challenge, room=room)  # type: ignore[misc]
        yield name, shown, challenge
    yield "video of another challenge", (willing * 2)[: round((other.length_ms / 1000 + 0.2) * RATE)], other
    a, b, c = challenge.steps
    swapped = replace(challenge, steps=(Step(b.action, a.at_ms), Step(a.action, b.at_ms), c))
    yield "right actions, wrong order", willing, swapped
    yield (
        "right actions, other colours",
        recorded(lambda s: puppet.at(act(s)), challenge, room=room, lit_by=other),
        challenge,
    )
    helped = recorded(lambda s: helper.at(act(s)), challenge, room=room)
    for name, at in (("cut to another person at an action", c.at_ms), ("cut inside an action", b.at_ms + 800)):
        begin = RATE * at // 1000
        yield name, [*willing[:begin], *helped[begin:]], challenge
    yield "another person", helped, challenge
    yield "picture that stands still", [*willing[:-12], *[willing[-12]] * 12], challenge
    yield AGAIN, willing, challenge
    stale = (willing * 2)[: round((other.length_ms / 1000 + 0.2) * RATE)]
    yield "screen showing a video of another challenge", filmed_from_a_screen(stale, seed), other
    lit = recorded(lambda s: puppet.at(act(s)), challenge, room=room, lit_by=other)
    yield "screen showing the right actions under other colours", filmed_from_a_screen(lit, seed), challenge
    dull = recorded(lambda s: puppet.at(act(s)), challenge, room=Room(seed, glow=0.0))
    yield "screen showing the right actions, in daylight", filmed_from_a_screen(dull, seed), challenge


def filmed_from_a_screen(frames: list[Image], seed: int) -> list[Image]:
    """A recording that was encoded, shown on a screen and filmed again: fewer levels, cooler, striped, held by a hand."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    stripes = 3.0 * (np.sin(x * 2.09) + np.sin(y * 2.05 + x * 0.03))[..., None]
    tint = np.array([1.06, 1.0, 0.93]) * 0.82
    corners = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], np.float32)
    waves = random.uniform(0.3, 1.2, (4, 2)), random.uniform(0, 6.28, (4, 2))
    shown = _decoded(encoded(frames, codec="libvpx", container="webm", scale=0.75))
    filmed = []
    for number, frame in enumerate(shown[: len(frames)]):
        screen = np.clip(cv2.resize(frame, (WIDTH, HEIGHT)) * tint + 18 + stripes, 0, 255).astype(np.uint8)
        shaken = corners + (4 * np.sin(6.28 * waves[0] * number / RATE + waves[1])).astype(np.float32)
        placed = cv2.getPerspectiveTransform(corners, shaken)
        held = cv2.warpPerspective(screen, placed, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        noisy = held + random.normal(0, 2.0, held.shape[:2])[..., None]
        filmed.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return filmed


def _decoded(video: bytes) -> list[Image]:
    with av.open(BytesIO(video)) as file:
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in file.decode(video=0)]


def _judged(
    judge: FaceJudge, frames: list[Image], challenge: Challenge, portrait: Template, known: tuple[str, ...]
) -> FaceVerdict:
    codec, container = ("libvpx", "webm") if known else ("libx264", "mp4")
    video = encoded(frames, codec=codec, container=container)
    return judge.judge(video, mime=f"video/{container}", challenge=challenge, portrait=portrait, seen=known)


def _tell(seen: dict[str, list[FaceVerdict]]) -> None:
    print("| species | made | accepted | | otherwise |\n|---|---|---|---|---|")
    for species, verdicts in seen.items():
        made, passed = len(verdicts), sum(v.outcome is Outcome.PASS for v in verdicts)
        rate = f"BPCER {(made - passed) / made:.0%}" if species in WILLING else f"APCER {passed / made:.0%}"
        reasons = Counter(f"{v.reason}" for v in verdicts if v.outcome is not Outcome.PASS)
        print(f"| {species} | {made} | {passed} | {rate} | {', '.join(f'{r} {n}' for r, n in reasons.most_common())} |")


if __name__ == "__main__":
    main()
