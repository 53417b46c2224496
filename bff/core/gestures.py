"""What a face video has to show: three actions in an order and colours in a sequence, each at its time.

Everything follows from 32 secret or bound bytes and a nonce by HKDF (RFC 5869), so it cannot be guessed before and can be
recomputed after: for signing, the bytes are the intent's challenge, and anyone who holds the intent and the nonce knows
what that video had to show. A video made for one contract shows the wrong thing for another.

Three of five actions are drawn. Only two of the five are turns, so each challenge asks for the eyes or the mouth as well:
a photograph that is turned by hand passes turns. Left and right are the person's own. Times are milliseconds from the
recording's first frame.

Colours light the face from the screen, as bright as each other and slower than the three flashes a second that may harm
(WCAG 2.3.1); a person may ask for none.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, TypeVar

import rfc8785

from bff.core.errors import Refusal

T = TypeVar("T")

FORMAT = "countersign-gestures/1"
STEPS = 3
LEAD_MS = 1000
"""The person looks straight into the camera first: what is measured is measured against that."""
REACTION_MS = 300
ACTION_MS = 1700
GLOW_MS = 400
"""The shortest time a colour stays."""


class Action(StrEnum):
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    OPEN_MOUTH = "open_mouth"
    CLOSE_EYES = "close_eyes"
    BLINK_TWICE = "blink_twice"


class Pace(StrEnum):
    """Slow gives half as much time again; anybody may choose it."""

    NORMAL = "normal"
    SLOW = "slow"

    @property
    def percent(self) -> int:
        return 150 if self is Pace.SLOW else 100


class Colour(StrEnum):
    """What the screen shows, and its sRGB value. Relative luminance 0.45 to 0.50 for all."""

    ROSE = "rose"
    GREEN = "green"
    SKY = "sky"
    AMBER = "amber"

    @property
    def rgb(self) -> tuple[int, int, int]:
        return {
            Colour.ROSE: (255, 150, 190),
            Colour.GREEN: (60, 205, 90),
            Colour.SKY: (90, 190, 255),
            Colour.AMBER: (245, 175, 40),
        }[self]


@dataclass(frozen=True)
class Step:
    """One action, asked for at this time."""

    action: Action
    at_ms: int


@dataclass(frozen=True)
class Glow:
    """A colour from this time on, until the next."""

    colour: Colour
    at_ms: int


@dataclass(frozen=True)
class Commitment:
    """What a recording will be, said before it is sent: SHA-256 in lower-case hexadecimal of all its `length` bytes."""

    sha256: str
    length: int


@dataclass(frozen=True)
class Challenge:
    """The whole of it. A recording lasts `length_ms` and a little."""

    steps: tuple[Step, ...]
    glows: tuple[Glow, ...]
    length_ms: int
    format: str = FORMAT

    def canonical(self) -> bytes:
        """RFC 8785: what is hashed, stored and handed to the page."""
        return rfc8785.dumps(asdict(self))

    def sha256(self) -> str:
        return hashlib.sha256(self.canonical()).hexdigest()

    def ends_at(self, number: int) -> int:
        """When the next step is asked for, or the recording ends."""
        return self.steps[number + 1].at_ms if number + 1 < len(self.steps) else self.length_ms


def derived(secret: bytes, nonce: bytes, *, pace: Pace = Pace.NORMAL, colours: bool = True) -> Challenge:
    """The challenge of these bytes. `secret` is an intent's challenge, or 32 random bytes where nothing is signed."""
    if len(secret) < 32 or len(nonce) < 16:
        raise ValueError("a challenge needs 32 bytes and a nonce of 16")
    draw = _Draw(secret, nonce)
    order = draw.some(list(Action), STEPS)
    steps, at = [], LEAD_MS + 100 * draw.below(4)
    for action in order:
        steps.append(Step(action, at))
        at += (REACTION_MS + ACTION_MS + 100 * draw.below(4)) * pace.percent // 100
    return Challenge(tuple(steps), tuple(_glows(draw, at)) if colours else (), at)


def _glows(draw: "_Draw", end_ms: int) -> Iterator[Glow]:
    """No colour twice in a row, each 400 to 700 ms."""
    at, colours = 0, list(Colour)
    before: Colour | None = None
    while at < end_ms - GLOW_MS:
        before = draw.one([colour for colour in colours if colour is not before])
        yield Glow(before, at)
        at += GLOW_MS + 100 * draw.below(4)


def read(raw: bytes) -> Challenge:
    """The challenge in these exact bytes. Raises Refusal `gestures_unreadable` unless they are its canonical form."""
    try:
        value: Any = json.loads(raw)
        challenge = Challenge(
            tuple(Step(Action(step["action"]), step["at_ms"]) for step in value["steps"]),
            tuple(Glow(Colour(glow["colour"]), glow["at_ms"]) for glow in value["glows"]),
            value["length_ms"],
            value["format"],
        )
        same = challenge.canonical() == raw and challenge.format == FORMAT and len(challenge.steps) > 0
    except (ValueError, TypeError, KeyError) as error:
        raise Refusal("gestures_unreadable") from error
    if not same:
        raise Refusal("gestures_unreadable")
    return challenge


class _Draw:
    """Lots drawn from HKDF's bytes, without favour: a byte that would favour some is thrown away."""

    def __init__(self, secret: bytes, nonce: bytes) -> None:
        self._key = hmac.digest(nonce, secret, "sha256")
        self._bytes = self._expanded()

    def _expanded(self) -> Iterator[int]:
        block = b""
        for number in range(1, 256):
            block = hmac.digest(self._key, block + FORMAT.encode() + bytes([number]), "sha256")
            yield from block

    def below(self, limit: int) -> int:
        fair = 256 - 256 % limit
        return next(byte for byte in self._bytes if byte < fair) % limit

    def one(self, of: list[T]) -> T:
        return of[self.below(len(of))]

    def some(self, of: list[T], count: int) -> list[T]:
        """`count` different ones, in an order that is drawn too."""
        left = list(of)
        return [left.pop(self.below(len(left))) for _ in range(count)]
