"""Moving selfies from one photograph: what a phone would have recorded of a person who does as a challenge asks.

The photograph's 468-point mesh, with four rings around it for hair, ears and neck, is posed and drawn again for every
frame: turns of the head, an opening mouth, closing lids, the screen's colours on the skin, a hand that shakes, noise. It
proves that the judge's logic holds together. It says nothing about security: such a renderer is itself an injection attack,
and it is driven by the same mesh with which the judge measures. Thresholds are never tuned on it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from bff.biometrics.faces import Eyes
from bff.core.gestures import Action, Challenge

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[2]
TRIANGLES = ROOT / "node_modules" / "@vladmandic" / "human" / "src" / "face" / "facemeshcoords.ts"

WIDTH, HEIGHT, RATE = 480, 640, 15
FACE_SHARE = 0.46
TURN_DEGREES, MOUTH_RATIO = 30.0, 0.55
GLOW_GAIN, GLOW_LAG_SECONDS = 0.10, 0.08

OVAL = [
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
]
RINGS = ((1.14, 0.97, 0.25), (1.38, 0.80, 0.6), (1.75, 0.40, 1.0), (2.3, 0.0, 1.0))
"""How far out, how much it moves along, how far back towards the middle of the head."""

UPPER_LIDS = ((246, 161, 160, 159, 158, 157, 173), (466, 388, 387, 386, 385, 384, 398))
LOWER_LIDS = ((7, 163, 144, 145, 153, 154, 155), (249, 390, 373, 374, 380, 381, 382))
SECOND_ROWS = ((247, 30, 29, 27, 28, 56, 190), (467, 260, 259, 257, 258, 286, 414))
THIRD_ROWS = ((113, 225, 224, 223, 222, 221, 189), (342, 445, 444, 443, 442, 441, 413))
EYE_CORNERS = ((33, 133), (263, 362))

INNER_LIPS = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95]
LOWER_LIP = {
    *(146, 91, 181, 84, 17, 314, 405, 321, 375, 95, 88, 178, 87, 14, 317, 402, 318, 324),
    *(77, 90, 180, 85, 16, 315, 404, 320, 307, 96, 89, 179, 86, 15, 316, 403, 319, 325),
}
UPPER_LIP = {
    *(185, 40, 39, 37, 0, 267, 269, 270, 409, 184, 74, 73, 72, 11, 302, 303, 304, 408),
    *(183, 42, 41, 38, 12, 268, 271, 272, 407, 191, 80, 81, 82, 13, 312, 311, 310, 415),
}


@dataclass(frozen=True)
class Pose:
    """Degrees (yaw to the person's own left is positive), the mouth's ratio (0: as photographed), how far lids are closed."""

    yaw: float = 0.0
    pitch: float = 0.0
    mouth: float = 0.0
    lids: float = 0.0


class Puppet:
    """One photograph that can be posed."""

    def __init__(self, photograph: Image, eyes: Eyes, number: int = 0) -> None:
        self.still = _placed(photograph, eyes, number)
        mesh = eyes.read(self.still, eyes.find(self.still, side=640)[0]).mesh.astype(float)
        self._points = np.vstack([mesh, *_rings(mesh)])
        self._moves = np.concatenate([np.ones(468), *(np.full(36, moves) for _, moves, _ in RINGS)])
        neck = np.array([i for i, p in enumerate(self._points) if i >= 468 and p[1] > mesh[152, 1]])
        self._moves[neck] *= 0.55
        self._middle = _middle_of_head(mesh)
        self._jaw = _jaw(self._points)
        skin, self._eyeballs = _triangles(mesh)
        self._skin = np.vstack([skin, _strips()])
        self._drawn: dict[Pose, Image] = {}

    def at(self, pose: Pose) -> Image:
        """The photograph in this pose; drawn once, for most of the time nothing moves."""
        if pose not in self._drawn:
            self._drawn[pose] = self._drawing(pose)
        return self._drawn[pose]

    def _drawing(self, pose: Pose) -> Image:
        calm = self._turned(self._points, pose)
        moved = self._turned(self._deformed(pose), pose)
        picture = self.still.copy()
        cavity = np.int32(np.round(moved[INNER_LIPS, :2] * 8))
        skin = _warp(self.still, self._points, moved, self._skin, picture)
        balls = _warp(self.still, self._points, calm, self._eyeballs, picture)
        teeth = _warp(self.still, self._points, calm, _fan(INNER_LIPS), picture)
        if pose.mouth:
            cv2.fillPoly(picture, [cavity], (38, 30, 52), cv2.LINE_AA, 3)
        for layer, mask in (teeth, balls, skin):
            picture[mask] = layer[mask]
        return picture

    def _deformed(self, pose: Pose) -> Floats:
        points = self._points.copy()
        if pose.lids:
            self._close(points, pose.lids)
        if pose.mouth:
            gap = float(np.linalg.norm(points[13] - points[14]))
            wanted = pose.mouth * float(np.linalg.norm(points[61] - points[291]))
            axis = points[152] - points[10]
            drop = max(0.0, wanted - gap) * axis / np.linalg.norm(axis)
            points += self._jaw[:, None] * drop
        return points

    @staticmethod
    def _close(points: Floats, share: float) -> None:
        """Upper lids go down to the lower ones, what is above them follows less and less."""
        for upper, lower, second, third in zip(UPPER_LIDS, LOWER_LIDS, SECOND_ROWS, THIRD_ROWS, strict=True):
            way = 1.05 * (points[list(lower)] - points[list(upper)]) * share
            points[list(upper)] += way
            points[list(second)] += 0.9 * way
            points[list(third)] += 0.5 * way

    def _turned(self, points: Floats, pose: Pose) -> Floats:
        yaw, pitch = np.radians(pose.yaw), np.radians(pose.pitch)
        around_y = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
        around_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
        spun = (points - self._middle) @ (around_x @ around_y).T + self._middle
        return np.asarray(points + self._moves[:, None] * (spun - points))


def _placed(photograph: Image, eyes: Eyes, number: int) -> Image:
    """The photograph upright, its face in the middle and as wide as in a selfie."""
    box = eyes.find(photograph, side=640)[number]
    face = eyes.read(photograph, box)
    x, y = face.mesh[:, :2].mean(0)
    placed = cv2.getRotationMatrix2D((float(x), float(y)), np.degrees(face.roll), FACE_SHARE * WIDTH / face.width)
    placed[:, 2] += (WIDTH / 2 - x, 0.47 * HEIGHT - y)
    how = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REFLECT_101}
    return np.asarray(cv2.warpAffine(photograph, placed, (WIDTH, HEIGHT), **how), np.uint8)


def _middle_of_head(mesh: Floats) -> Floats:
    width = float(np.linalg.norm(mesh[234, :2] - mesh[454, :2]))
    x, y = mesh[[234, 454, 10, 152], :2].mean(0)
    return np.array([x, y, mesh[[234, 454], 2].mean() + 0.15 * width])


def _rings(mesh: Floats) -> Iterator[Floats]:
    oval, middle = mesh[OVAL], _middle_of_head(mesh)
    for out, _, back in RINGS:
        ring = middle + out * (oval - middle)
        above = oval[:, 1] < middle[1]
        ring[above, 1] -= 0.12 * (out - 1) * (middle[1] - oval[above, 1])
        ring[:, 2] = oval[:, 2] + back * (middle[2] - oval[:, 2])
        yield ring


def _strips() -> NDArray[np.int64]:
    """Two triangles between each pair of neighbours on one ring and the next."""
    loops = [OVAL, *(list(range(468 + 36 * n, 468 + 36 * n + 36)) for n in range(len(RINGS)))]
    triangles = []
    for inner, outer in pairwise(loops):
        for n in range(36):
            m = (n + 1) % 36
            triangles += [(inner[n], outer[n], outer[m]), (inner[n], outer[m], inner[m])]
    return np.array(triangles)


@cache
def _listed() -> NDArray[np.int64]:
    found = re.search(r"TRI468[^=]*=\s*\[([\d,\s]+)\]", TRIANGLES.read_text())
    assert found is not None
    return np.array([int(n) for n in re.findall(r"\d+", found[1])]).reshape(-1, 3)


def _triangles(mesh: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The skin's, and those that fill the eyes."""
    listed = _listed()
    eye = np.zeros(len(listed), bool)
    for corners, upper, lower in zip(EYE_CORNERS, UPPER_LIDS, LOWER_LIDS, strict=True):
        eye |= np.isin(listed, [*corners, *upper, *lower]).all(1)
    return listed[~eye], listed[eye]


def _fan(loop: Sequence[int]) -> NDArray[np.int64]:
    """A polygon between lips: strips from the upper to the lower one."""
    upper, lower = loop[:11], [loop[0], *loop[:9:-1]]
    return np.array(
        [t for n in range(10) for t in ((upper[n], upper[n + 1], lower[n]), (upper[n + 1], lower[n + 1], lower[n]))]
    )


def _jaw(points: Floats) -> Floats:
    """How much of the jaw's drop each point follows."""
    mouth, half = points[[61, 291], :2].mean(0), float(np.linalg.norm(points[61] - points[291])) / 2
    across, down = ((points[:, :2] - mouth) / half).T
    share = np.clip(down / 0.7, 0, 1) * np.exp(-((across / 2.4) ** 2))
    for n in LOWER_LIP:
        share[n] = max(0.22, float(np.sqrt(max(0.0, 1 - across[n] ** 2))))
    for n in UPPER_LIP:
        share[n] = -0.06 * max(0.0, 1 - across[n] ** 2)
    for n, (_, moves, _) in enumerate(RINGS):
        share[468 + 36 * n : 504 + 36 * n] *= moves
    share[[61, 291, 78, 308]] = 0.22
    return np.asarray(share)


def _warp(
    source: Image, at: Floats, to: Floats, triangles: NDArray[np.int64], under: Image
) -> tuple[Image, NDArray[np.bool_]]:
    """The triangles of `source` drawn where their corners have gone, the farthest first; and where that is."""
    far_first = triangles[np.argsort(-to[triangles, 2].mean(1))]
    numbers = np.zeros(under.shape[:2], np.int32)
    corners = np.int32(np.round(to[far_first, :2] * 16))
    for number, corner in enumerate(corners, 1):
        cv2.fillConvexPoly(numbers, corner, number, cv2.LINE_8, 4)
    mask = numbers > 0
    ys, xs = np.nonzero(mask)
    maps = _affine(to[far_first, :2], at[far_first, :2])[numbers[mask] - 1]
    places = maps[:, :, 0] * xs[:, None] + maps[:, :, 1] * ys[:, None] + maps[:, :, 2]
    grid = np.zeros((*under.shape[:2], 2), np.float32)
    grid[mask] = places
    layer = cv2.remap(source, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(layer, np.uint8), mask


def _affine(source: Floats, target: Floats) -> Floats:
    """The map of each triangle; one that is seen from its edge keeps its first corner."""
    ones = np.concatenate([source, np.ones((*source.shape[:2], 1))], 2)
    flat = np.abs(np.linalg.det(ones)) < 1e-3
    ones[flat] = np.eye(3)
    return np.asarray(np.linalg.solve(ones, target).transpose(0, 2, 1))


# --- doing as a challenge asks ---------------------------------------------------------------------


def performance(challenge: Challenge, *, reaction: float = 0.45) -> Callable[[float], Pose]:
    """What a willing person does at each second."""

    def at(second: float) -> Pose:
        pose = Pose()
        for step in challenge.steps:
            pose = _act(step.action, second - step.at_ms / 1000 - reaction) or pose
        return pose

    return at


def _act(action: Action, second: float) -> Pose | None:
    if action in (Action.TURN_LEFT, Action.TURN_RIGHT):
        way = _there_and_back(second, 0.4, 0.4) * (1 if action is Action.TURN_LEFT else -1)
        return Pose(yaw=TURN_DEGREES * way) if way else None
    if action is Action.OPEN_MOUTH:
        open_ = _there_and_back(second, 0.25, 0.6)
        return Pose(mouth=MOUTH_RATIO * open_) if open_ else None
    if action is Action.CLOSE_EYES:
        lids = _there_and_back(second, 0.13, 0.9)
    else:
        lids = max(_there_and_back(second, 0.09, 0.12), _there_and_back(second - 0.6, 0.09, 0.12))
    return Pose(lids=lids) if lids else None


def _there_and_back(second: float, way: float, hold: float) -> float:
    """0 before, 1 while held, smooth between."""
    share = min(second / way, (2 * way + hold - second) / way, 1.0)
    return 0.0 if share <= 0 else share * share * (3 - 2 * share)


@dataclass(frozen=True)
class Room:
    """The light and the hand, by a seed."""

    seed: int = 1
    shake_pixels: float = 5.0
    noise: float = 2.0
    glow: float = GLOW_GAIN


def recorded(
    draw: Callable[[float], Image],
    challenge: Challenge,
    *,
    room: Room | None = None,
    lit_by: Challenge | None = None,
    rate: int = RATE,
) -> list[Image]:
    """The frames of a recording of `challenge`, whatever `draw` shows; the screen may have shown another's colours."""
    room, lit_by = room or Room(), lit_by or challenge
    random = np.random.default_rng(room.seed)
    waves = random.uniform(0.4, 1.7, (3, 3)), random.uniform(0, 6.28, (3, 3))
    frames = []
    for number in range(int((challenge.length_ms / 1000 + 0.2) * rate)):
        second = number / rate
        frames.append(
            _developed(_lit(draw(second), lit_by, second - GLOW_LAG_SECONDS, room), second, waves, room, random)
        )
    return frames


def _lit(picture: Image, challenge: Challenge, second: float, room: Room) -> Image:
    now = [glow.colour for glow in challenge.glows if glow.at_ms / 1000 <= second]
    if not now or not room.glow:
        return picture
    light = np.array(now[-1].rgb[::-1], float) * room.glow
    return np.asarray(np.clip(picture + _mask()[..., None] * light * (0.15 + 0.85 * picture / 255), 0, 255), np.uint8)


@cache
def _mask() -> Floats:
    """The face is near the screen, the room far from it."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    near = ((x - WIDTH / 2) / (0.30 * WIDTH)) ** 2 + ((y - 0.47 * HEIGHT) / (0.30 * HEIGHT)) ** 2
    return np.asarray(0.12 + 0.88 / (1 + near**4))


def _developed(
    picture: Image, second: float, waves: tuple[Floats, Floats], room: Room, random: np.random.Generator
) -> Image:
    """A hand that shakes, and a sensor's noise."""
    x, y, turn = (np.sin(6.28 * waves[0] * second + waves[1]).mean(1)) * (room.shake_pixels, room.shake_pixels, 0.9)
    placed = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), float(turn), 1.02)
    placed[:, 2] += (x, y)
    moved = cv2.warpAffine(picture, placed, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)
    grain = random.normal(0, room.noise, moved.shape[:2]).astype(np.float32)[..., None]
    return np.asarray(np.clip(moved + grain, 0, 255), np.uint8)


SPEED = {
    "libx264": {"preset": "veryfast", "crf": "21"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}


def encoded(
    frames: Sequence[Image],
    *,
    codec: str = "libx264",
    container: str = "mp4",
    scale: float = 1.0,
    rate: int = RATE,
) -> bytes:
    """As MediaRecorder would have written it."""
    file = BytesIO()
    height, width = frames[0].shape[:2]
    with av.open(file, "w", format=container) as made:
        track = made.add_stream(codec, rate=rate, options=SPEED[codec])
        track.codec_context.thread_count = 1
        track.width, track.height = round(width * scale), round(height * scale)
        track.pix_fmt, track.bit_rate = "yuv420p", 2_500_000
        for picture in frames:
            sized = cv2.resize(picture, (track.width, track.height)) if scale != 1 else picture
            made.mux(track.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(sized), format="bgr24")))
        made.mux(track.encode(None))
    return file.getvalue()


@dataclass
class Cast:
    """Puppets by name, each made once."""

    eyes: Eyes
    photographs: dict[str, tuple[Image, int]]
    _made: dict[str, Puppet] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Puppet:
        if name not in self._made:
            photograph, number = self.photographs[name]
            self._made[name] = Puppet(photograph, self.eyes, number)
        return self._made[name]
