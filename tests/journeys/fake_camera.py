"""A camera for a browser without one, before which a rendered person does as the page asks.

    with FakeCamera(folder) as camera:                        # shows the first picture at once
        browser = launch(args=[*ARGUMENTS, *camera.arguments])  # the browser's only camera, allowed without asking
        camera.show(actor)                                    # the actor comes before it, calm
        act_along(page, camera, actor)                        # and does what the page's next challenge asks

Chromium's fake camera plays a file in a loop, from a moment that nobody knows: an answer to a challenge that is drawn later
cannot be in it. So the file here holds two frames only, and they are written anew twenty times a second: the browser
reads from its start again after each, and films whatever is drawn at that moment. Nothing in the page is patched.

`act_along` reads the challenge from the answer to the page's own request, waits until the page records (data-phase of
<face-capture>), and lets the actor begin: the two clocks differ by less than a person's reaction does. The actor is lit by
the challenge's colours unless told otherwise. An attack is another `Actor`: other actions (`performing=`), another person,
somebody else's colours (`lit_by=`), any function that draws.

The person is rendered as in `tests/biometrics/renderer.py`, and what is said there about it holds here: this proves that the
parts fit together, and nothing about security.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, Response

from bff.core.gestures import Action, Challenge, Colour, Glow, Step
from tests.biometrics.renderer import (
    GLOW_LAG_SECONDS,
    HEIGHT,
    WIDTH,
    Pose,
    Puppet,
    Room,
    _developed,
    _lit,
    performance,
)

Image = NDArray[np.uint8]
RATE = 20
HEADER = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg\n".encode()
FRAME = b"FRAME\n"
FRAME_BYTES = len(FRAME) + WIDTH * HEIGHT * 3 // 2
NOTHING = Challenge((), (), 0)
PATIENCE_MS = 60_000
RECORDED = "() => document.querySelector('face-capture')?.dataset.phase !== 'recording'"
"""Also when the page is gone, for then the form was submitted."""


class FakeCamera:
    """Films what it is shown, from `with` to the end of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "camera.y4m"
        self._draw: Callable[[float], Image] = lambda _: np.full((HEIGHT, WIDTH, 3), 96, np.uint8)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._film, name="fake camera", daemon=True)
        self.trouble: BaseException | None = None

    @property
    def arguments(self) -> list[str]:
        """For the browser's command line."""
        return [
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-video-capture={self.path}",
        ]

    def show(self, scene: "Actor | Callable[[float], Image]") -> None:
        """From now on this is before the camera. A function draws the picture of `time.monotonic()`."""
        self._draw = scene.seen if isinstance(scene, Actor) else scene

    def __enter__(self) -> "FakeCamera":
        self._write(self._draw(time.monotonic()), HEADER)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(10)
        assert self.trouble is None, f"the camera stopped: {self.trouble!r}"

    def _film(self) -> None:
        try:
            with self.path.open("r+b") as file:
                due = time.monotonic()
                while not self._over.wait(max(0.0, due - time.monotonic())):
                    frame = FRAME + _planes(self._draw(time.monotonic()))
                    for number in (0, 1):
                        file.seek(len(HEADER) + number * FRAME_BYTES)
                        file.write(frame)
                    file.flush()
                    due = max(due + 1 / RATE, time.monotonic())
        except BaseException as trouble:  # told by the thread that waits for us
            self.trouble = trouble

    def _write(self, picture: Image, header: bytes) -> None:
        self.path.write_bytes(header + 2 * (FRAME + _planes(picture)))


def _planes(picture: Image) -> bytes:
    return np.ascontiguousarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)).tobytes()


@dataclass
class Actor:
    """A person before the camera: calm, until `act` says what to do. Every pose is drawn beforehand."""

    puppet: Puppet
    room: Room = field(default_factory=Room)
    _challenge: Challenge = NOTHING
    _lit_by: Challenge = NOTHING
    _began: float = 0.0

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.room.seed)
        self._waves = self._random.uniform(0.4, 1.7, (3, 3)), self._random.uniform(0, 6.28, (3, 3))

    def rehearse(self) -> "Actor":
        """Draws what all five actions need, so that nothing is drawn while it is filmed."""
        for action in Action:
            act = performance(Challenge((Step(action, 0),), (), 3000), reaction=0.0)
            for number in range(3 * RATE):
                self.puppet.at(_rounded(act(number / RATE)))
        return self

    def act(self, challenge: Challenge, *, began: float, lit_by: Challenge | None = None) -> None:
        """Does this from `began` (time.monotonic) on, in the light of a screen that shows these colours."""
        self._lit_by = challenge if lit_by is None else lit_by
        self._began, self._challenge = began, challenge

    def seen(self, now: float) -> Image:
        second = now - self._began
        picture = self.puppet.at(_rounded(performance(self._challenge)(second)))
        lit = _lit(picture, self._lit_by, second - GLOW_LAG_SECONDS, self.room)
        return _developed(lit, now % 3600, self._waves, self.room, self._random)


def _rounded(pose: Pose) -> Pose:
    """Few poses: each is drawn once only."""
    return Pose(
        yaw=5 * round(pose.yaw / 5),
        pitch=5 * round(pose.pitch / 5),
        mouth=round(pose.mouth, 1),
        lids=round(4 * pose.lids) / 4,
    )


def act_along(
    page: Page,
    actor: Actor,
    *,
    begin: Callable[[], None],
    performing: Callable[[Challenge], Challenge] = lambda asked: asked,
    lit_by: Callable[[Challenge], Challenge] = lambda asked: asked,
) -> Challenge:
    """`begin` does on the page what starts a recording (or nothing, where it starts by itself).

    Returns the challenge that was asked for, once the recording is over.
    """
    with page.expect_response(_asked, timeout=PATIENCE_MS) as answer:
        begin()
    challenge = challenge_of(answer.value)
    page.locator("face-capture[data-phase=recording]").wait_for(timeout=PATIENCE_MS)
    actor.act(performing(challenge), began=time.monotonic(), lit_by=lit_by(challenge))
    page.wait_for_function(RECORDED, timeout=PATIENCE_MS)
    return challenge


def _asked(response: Response) -> bool:
    if response.request.method != "POST" or "json" not in response.headers.get("content-type", ""):
        return False
    return response.ok and "challenge" in response.json()


def challenge_of(response: Response) -> Challenge:
    """The challenge in the server's answer."""
    told = response.json()["challenge"]
    steps = tuple(Step(Action(step["action"]), step["at_ms"]) for step in told["steps"])
    glows = tuple(Glow(Colour(glow["colour"]), glow["at_ms"]) for glow in told["glows"])
    return Challenge(steps, glows, told["length_ms"], told["format"])
