"""A recording to measure with: three seconds as a phone makes them, 720 x 1280 at thirty frames a second, H.264.

    python -m tests.biometrics.clip DIR
    python -m bench.selfie DIR/clip.mp4 --portrait DIR/portrait.png --challenge DIR/challenge.json

One action is asked for and done, the dearest to judge: closed eyes. VP8 and VP9 lie beside it.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from bff.biometrics.faces import Eyes
from bff.biometrics.pack import opened
from bff.core.gestures import Action, Challenge, Colour, Glow, Step
from tests.biometrics.photographs import Image, astronaut, astronaut_file
from tests.biometrics.renderer import Puppet, encoded, performance, recorded

PHONE_WIDTH, PHONE_HEIGHT, PHONE_RATE = 720, 1280, 30
GLOWS = tuple(Glow(colour, 450 * number) for number, colour in enumerate((*Colour, Colour.SKY, Colour.ROSE)))
CHALLENGE = Challenge((Step(Action.CLOSE_EYES, 1000),), GLOWS, 2800)
CODECS = {"clip.mp4": ("libx264", "mp4"), "vp8.webm": ("libvpx", "webm"), "vp9.webm": ("libvpx-vp9", "webm")}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.biometrics.clip")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(exist_ok=True)
    (folder / "portrait.png").write_bytes(astronaut_file().read_bytes())
    (folder / "challenge.json").write_bytes(CHALLENGE.canonical())
    frames = phone_frames(Eyes(opened()).open())
    for name, (codec, container) in CODECS.items():
        (folder / name).write_bytes(encoded(frames, codec=codec, container=container, rate=PHONE_RATE))


def phone_frames(eyes: Eyes) -> list[Image]:
    puppet, act = Puppet(astronaut(), eyes), performance(CHALLENGE)
    random = np.random.default_rng(7)
    small = recorded(lambda second: puppet.at(act(second)), CHALLENGE, rate=PHONE_RATE)
    return [_as_large_as_a_phones(frame, random) for frame in small]


def _as_large_as_a_phones(frame: Image, random: np.random.Generator) -> Image:
    """With a sensor's noise at that size, for a decoder has to work for it."""
    large = cv2.resize(frame, (PHONE_WIDTH, PHONE_WIDTH * 4 // 3), interpolation=cv2.INTER_CUBIC)
    rest = (PHONE_HEIGHT - large.shape[0]) // 2
    whole = cv2.copyMakeBorder(large, rest, rest, 0, 0, cv2.BORDER_REFLECT_101).astype(np.int16)
    return np.clip(whole + random.integers(-3, 4, (*whole.shape[:2], 1)), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
