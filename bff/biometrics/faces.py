"""Faces in pictures: found, measured, described, compared.

`Eyes` holds the four networks, opened once a worker with its threads said explicitly. A picture is BGR pixels; a
description (template) is a unit vector of one recogniser and means nothing to another, so it travels with that
recogniser's digest. Points come from the 468-point mesh: they are steadier than the detector's five.

Nothing here opens a file that came from outside (`media.py` does) or decides about a person (`liveness.py` does).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bff.biometrics.media import Image
from bff.biometrics.pack import Pack, Thresholds, digest_of, opened

Points = NDArray[np.float32]
Vector = NDArray[np.float32]

DETECTION_THRESHOLD = 0.5
STRIDE = 32
"""The detector's input is a multiple of this in both directions."""
MESH_FLAG_LEAST = 0.9
"""The mesh network's own word that it sees a face: real faces measured 0.998 and more, patterned cloth under 0.04."""
MESH_PIXELS, MESH_MARGIN = 192, 1.5
EYE_PIXELS, EYE_MARGIN = 64, 2.3
EYES_TOGETHER = 4
"""Faces whose eyes are looked at in one call: more leave the processor's cache."""
ALIGNED_PIXELS = 112

WHERE_ALIGNED = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
"""Where ArcFace's convention puts eyes, nose and the corners of the mouth in its 112 pixels."""

EYE_CORNERS = ((33, 133), (263, 362))
"""Outer and inner corner of the eye on the picture's left, then on its right."""


@dataclass(frozen=True)
class Box:
    """A face found by the detector, in pixels of the picture."""

    left: float
    top: float
    right: float
    bottom: float
    score: float
    points: Points
    """Eyes, nose, corners of the mouth: five rows of x, y; left in the picture first."""

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def centre(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


@dataclass(frozen=True)
class Face:
    """468 points (x, y in pixels of the picture, z alike) and how sure the mesh is that this is a face at all."""

    mesh: Points
    flag: float

    @property
    def five(self) -> Points:
        m = self.mesh
        rows = (m[[33, 133]].mean(0), m[[362, 263]].mean(0), m[4], m[61], m[291])
        return np.array(rows, np.float32)[:, :2]

    @property
    def width(self) -> float:
        """Between the outermost points of both cheeks."""
        return float(np.linalg.norm(self.mesh[234, :2] - self.mesh[454, :2]))

    @property
    def roll(self) -> float:
        """Radians by which the line through the eyes is turned."""
        left, right = self.five[:2]
        return math.atan2(right[1] - left[1], right[0] - left[0])


class Eyes:
    """The networks of a pack. Safe to share between threads and after a fork when `threads` is 1."""

    def __init__(self, pack: Pack, *, threads: int = 1) -> None:
        self._pack = pack
        self._threads = threads

    @property
    def models(self) -> Path:
        """The folder of the pack."""
        return self._pack.folder

    @cached_property
    def _app(self) -> Any:
        from insightface.app import FaceAnalysis

        app = FaceAnalysis(
            name=str(self._pack.folder),
            allowed_modules=["detection", "recognition"],
            providers=["CPUExecutionProvider"],
            sess_options=self._options(),
        )
        app.prepare(ctx_id=-1, det_thresh=DETECTION_THRESHOLD, det_size=(640, 640))
        return app

    @cached_property
    def _mesh(self) -> onnxruntime.InferenceSession:
        return self._session("mesh")

    @cached_property
    def _iris(self) -> onnxruntime.InferenceSession:
        return self._session("iris")

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the four models in use."""
        models = {task: self._app.models[task].model_file for task in ("detection", "recognition")}
        files = {**models, **{name: self._pack.landmarks / f"{name}.onnx" for name in ("mesh", "iris")}}
        return {name: digest_of(self._pack.landmarks / file) for name, file in files.items()}

    @cached_property
    def thresholds(self) -> Thresholds:
        return self._pack.thresholds_of(self.digests["recognition"])

    def open(self) -> "Eyes":
        """Every network now, rather than at first use: a worker calls this before it forks."""
        _ = (self._app, self._mesh, self._iris)
        return self

    def find(self, image: Image, *, side: int) -> list[Box]:
        """Every face, the widest first, looked for at this size (a multiple of 32; 640 finds small ones)."""
        boxes, points = self._app.det_model.detect(image, input_size=_room(image, side))
        found = [_box(row, five) for row, five in zip(boxes, points, strict=True)]
        return sorted(found, key=lambda box: -box.width)

    def read(self, image: Image, box: Box) -> Face:
        """The mesh of a face that was just found."""
        (left, right), (x, y) = box.points[:2], box.centre
        side = MESH_MARGIN * max(box.width, box.bottom - box.top)
        return self._read(image, x, y, side, math.atan2(right[1] - left[1], right[0] - left[0]))

    def follow(self, image: Image, before: Face) -> Face:
        """The mesh of a face that was there a moment ago; its flag says whether it still is."""
        low, high = before.mesh[:, :2].min(0), before.mesh[:, :2].max(0)
        x, y = (low + high) / 2
        return self._read(image, x, y, MESH_MARGIN * float((high - low).max()), before.roll)

    def _read(self, image: Image, x: float, y: float, side: float, roll: float) -> Face:
        placed = _cut_at(x, y, MESH_PIXELS / side, roll, MESH_PIXELS)
        flag, rows = _run(self._mesh, [_cut(image, placed, MESH_PIXELS)], ["flag", "mesh"])
        points = rows.reshape(468, 3)
        flat = _back(points[:, :2], placed)
        return Face(np.column_stack([flat, points[:, 2] * side / MESH_PIXELS]).astype(np.float32), float(flag[0, 0]))

    def openness(self, image: Image, face: Face) -> float:
        """How far both eyes are open: height over width of the lid opening, by the iris network, mean of two eyes.

        The mesh alone hardly follows a closing lid; this network looks at each eye from near.
        """
        return self.openness_all([(image, face)])[0]

    def openness_all(self, seen: Sequence[tuple[Image, Face]]) -> list[float]:
        """The openness of each face on its picture."""
        several = [seen[n : n + EYES_TOGETHER] for n in range(0, len(seen), EYES_TOGETHER)]
        return [opening for some in several for opening in self._openings(some)]

    def _openings(self, seen: Sequence[tuple[Image, Face]]) -> list[float]:
        crops = [
            self._eye(image, face, corners, mirrored)
            for image, face in seen
            for corners, mirrored in zip(EYE_CORNERS, (0, 1), strict=True)
        ]
        (rows,) = _run(self._iris, crops, ["eye"])
        eyes = [_opening(row.reshape(76, 3)[:, :2]) for row in rows]
        return [(one + other) / 2 for one, other in zip(eyes[::2], eyes[1::2], strict=True)]

    def _eye(self, image: Image, face: Face, corners: tuple[int, int], mirrored: int) -> Image:
        outer, inner = face.mesh[list(corners), :2]
        x, y = (outer + inner) / 2
        scale = EYE_PIXELS / max(EYE_MARGIN * float(np.linalg.norm(outer - inner)), 1.0)
        crop = _cut(image, _cut_at(x, y, scale, face.roll, EYE_PIXELS), EYE_PIXELS)
        return np.ascontiguousarray(crop[:, ::-1]) if mirrored else crop

    def describe(self, image: Image, face: Face) -> Vector:
        return np.asarray(self.describe_all([self.aligned(image, face)])[0], np.float32)

    def describe_all(self, aligned: Sequence[Image]) -> NDArray[np.float32]:
        """Unit vectors, one a picture of `aligned`."""
        if not aligned:
            return np.empty((0, 0), np.float32)
        vectors = np.asarray(self._app.models["recognition"].get_feat(list(aligned)), np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    def aligned(self, image: Image, face: Face) -> Image:
        """The face as recognisers want it: 112 pixels, eyes and mouth in their places."""
        placed = _similarity(face.five, WHERE_ALIGNED)
        return np.asarray(cv2.warpAffine(image, placed, (ALIGNED_PIXELS, ALIGNED_PIXELS)), np.uint8)

    def _session(self, name: str) -> onnxruntime.InferenceSession:
        path = self._pack.landmarks / f"{name}.onnx"
        return onnxruntime.InferenceSession(str(path), self._options(), providers=["CPUExecutionProvider"])

    def _options(self) -> onnxruntime.SessionOptions:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        return options


def _room(image: Image, side: int) -> tuple[int, int]:
    """Width and height of the detector's input: the picture's longer side fills `side`, the shorter one is not padded to it."""
    height, width = image.shape[:2]
    shorter, longer = sorted((height, width))
    need = min(side, -(-side * shorter // (longer * STRIDE)) * STRIDE)
    return (need, side) if width < height else (side, need)


def _box(row: Sequence[float], five: Points) -> Box:
    left, top, right, bottom, score = map(float, row)
    return Box(left, top, right, bottom, score, np.asarray(five, np.float32))


def likeness(one: Vector, other: Vector) -> float:
    """The cosine of two descriptions by the same recogniser."""
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def mean(vectors: Sequence[Vector]) -> Vector:
    """The description of several frames together."""
    total = np.sum(vectors, axis=0)
    return np.asarray(total / np.linalg.norm(total), np.float32)


def sharpness(aligned: Image) -> float:
    """Variance of the Laplacian over an aligned face: a few units when it is blurred, hundreds when it is sharp."""
    return float(cv2.Laplacian(cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())


def brightness(aligned: Image) -> float:
    """Mean of the luma, 0 to 255."""
    return float(cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY).mean())


# --- geometry ----------------------------------------------------------------------------------------


def _run(session: onnxruntime.InferenceSession, crops: Sequence[Image], outputs: list[str]) -> list[Any]:
    """RGB, 0 to 1, channels first."""
    size = (crops[0].shape[1], crops[0].shape[0])
    blob = cv2.dnn.blobFromImages(list(crops), 1 / 255, size, swapRB=True)
    return list(session.run(outputs, {session.get_inputs()[0].name: blob}))


def _cut_at(x: float, y: float, scale: float, roll: float, pixels: int) -> NDArray[np.float64]:
    """The affine map that brings (x, y) to the middle of a square, scaled and turned upright."""
    cos, sin = scale * math.cos(-roll), scale * math.sin(-roll)
    half = pixels / 2
    return np.array([[cos, -sin, half - cos * x + sin * y], [sin, cos, half - sin * x - cos * y]])


def _cut(image: Image, placed: NDArray[np.float64], pixels: int) -> Image:
    return np.asarray(cv2.warpAffine(image, placed, (pixels, pixels), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _back(points: Points, placed: NDArray[np.float64]) -> NDArray[np.float64]:
    inverse = cv2.invertAffineTransform(placed)
    return np.asarray(points @ inverse[:, :2].T + inverse[:, 2])


def _similarity(points: Points, places: Points) -> NDArray[np.float64]:
    """Least squares over scale, turn and shift (Umeyama without mirroring), with points as complex numbers."""
    source, target = points @ np.array([1, 1j]), places @ np.array([1, 1j])
    centre, goal = source.mean(), target.mean()
    centred = source - centre
    turn = np.vdot(centred, target - goal) / max(float(np.vdot(centred, centred).real), 1e-9)
    shift = goal - turn * centre
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _opening(eye: Points) -> float:
    """Mean distance of upper and lower lid over the eye's width. 0 to 8 run along the lower lid, 9 to 15 the upper."""
    lower, upper = eye[1:8], eye[9:16]
    return float(np.linalg.norm(lower - upper, axis=1).mean() / max(float(np.linalg.norm(eye[0] - eye[8])), 1e-6))


# --- models check ------------------------------------------------------------------------------------

PROOF = ("skimage", "data", "astronaut.png")
"""A public domain photograph (NASA) that comes with a package we need anyway."""


def prove(*, folder: str, landmarks: str) -> dict[str, Any]:
    """Called in a cage, where no connection can be made: open every network and recognise one face and its mirror image."""
    eyes = Eyes(opened(Path(folder), Path(landmarks))).open()
    image = np.asarray(cv2.imread(str(_proof())), np.uint8)
    pictures = [image, np.ascontiguousarray(image[:, ::-1])]
    seen = [(picture, eyes.read(picture, eyes.find(picture, side=640)[0])) for picture in pictures]
    vectors = [eyes.describe(picture, face) for picture, face in seen]
    return {
        "digests": eyes.digests,
        "thresholds": asdict(eyes.thresholds),
        "numbers": len(vectors[0]),
        "likeness": round(likeness(*vectors), 3),
        "flag": round(min(face.flag for _, face in seen), 3),
        "openness": round(eyes.openness(*seen[0]), 3),
    }


def _proof() -> Path:
    found = find_spec(PROOF[0])
    if found is None or found.origin is None:
        raise FileNotFoundError(PROOF[0])
    return Path(found.origin).parent.joinpath(*PROOF[1:])
