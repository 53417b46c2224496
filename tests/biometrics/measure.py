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
from pathlib import Path

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
from tests.biometrics.renderer import RATE, Puppet, Room, encoded, performance, recorded
from tests.biometrics.test_liveness import tilted

Made = tuple[str, list[Image], Challenge]


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
            for species, frames, asked in _everything(puppet, helper, challenge, other, seed):
                seen[species].append(_judged(judge, frames, asked, portrait))
                print(species, seen[species][-1].outcome, seen[species][-1].reason, file=sys.stderr, flush=True)
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


def _judged(judge: FaceJudge, frames: list[Image], challenge: Challenge, portrait: Template) -> FaceVerdict:
    return judge.judge(encoded(frames), mime="video/mp4", challenge=challenge, portrait=portrait)


def _tell(seen: dict[str, list[FaceVerdict]]) -> None:
    print("| species | made | accepted | otherwise |\n|---|---|---|---|")
    for species, verdicts in seen.items():
        passed = sum(v.outcome is Outcome.PASS for v in verdicts)
        reasons = Counter(f"{v.reason}" for v in verdicts if v.outcome is not Outcome.PASS)
        print(f"| {species} | {len(verdicts)} | {passed} | {', '.join(f'{r} {n}' for r, n in reasons.most_common())} |")


if __name__ == "__main__":
    main()
