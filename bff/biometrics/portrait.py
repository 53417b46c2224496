"""The one face on a photograph, good enough to compare with.

What is asked of it was measured: from 70 pixels between the cheeks a portrait on a card still matches its owner, at 48 it
does so no more in one case of six. Everything that makes a photograph useless is a Refusal which says what to do better.
"""

import cv2
import numpy as np

from bff.biometrics.faces import MESH_FLAG_LEAST, Box, Eyes, Face, brightness, sharpness
from bff.biometrics.media import Image, Media, Unusable
from bff.biometrics.movements import pose
from bff.core.errors import Refusal
from bff.core.ports import Portrait, Template

LEAST_PIXELS = 70
GHOST_SHARE = 0.6
"""A second face narrower than this share of the first is the card's own ghost picture, not a second person."""
LIMIT_TURN_DEGREES = 35.0
LEAST_SHARPNESS = 15.0
LEAST_BRIGHTNESS, LIMIT_BRIGHTNESS = 35.0, 245.0
PICTURE_MARGIN, PICTURE_QUALITY = 0.6, 90

REFUSALS = (
    "photo_unreadable",
    "photo_too_large",
    "photo_no_face",
    "photo_many_faces",
    "photo_face_small",
    "photo_face_turned",
    "photo_face_blurred",
    "photo_face_dark",
    "photo_face_glare",
)


def read(eyes: Eyes, media: Media, photograph: bytes) -> Portrait:
    """Raises Refusal with one of REFUSALS."""
    try:
        image = media.photo(photograph)
    except Unusable as reason:
        raise Refusal(reason.code) from reason
    return of(eyes, image)


def of(eyes: Eyes, image: Image) -> Portrait:
    """The portrait on pixels that are ours already."""
    box, face = _the_face(eyes, image)
    aligned = eyes.aligned(image, face)
    _check(face, aligned, image)
    template = Template(eyes.digests["recognition"], eyes.describe(image, face).astype("<f4").tobytes())
    return Portrait(template, _cut(image, box), round(face.width))


def vector(template: Template, eyes: Eyes) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """The numbers again. Raises Refusal `face_enrol_again` where another recogniser has taken its place."""
    if template.recogniser != eyes.digests["recognition"]:
        raise Refusal("face_enrol_again")
    return np.frombuffer(template.vector, "<f4").astype(np.float32)


def _the_face(eyes: Eyes, image: Image) -> tuple[Box, Face]:
    found = [(box, eyes.read(image, box)) for box in eyes.find(image, side=640)]
    real = [(box, face) for box, face in found if face.flag > MESH_FLAG_LEAST]
    if not real:
        raise Refusal("photo_no_face")
    if any(face.width > GHOST_SHARE * real[0][1].width for _, face in real[1:]):
        raise Refusal("photo_many_faces")
    return real[0]


def _check(face: Face, aligned: Image, image: Image) -> None:
    height, width = image.shape[:2]
    if face.width < LEAST_PIXELS:
        raise Refusal("photo_face_small", pixels=round(face.width), least=LEAST_PIXELS)
    if abs(pose(face.mesh.astype(float), width, height)[0]) > LIMIT_TURN_DEGREES:
        raise Refusal("photo_face_turned")
    if brightness(aligned) < LEAST_BRIGHTNESS:
        raise Refusal("photo_face_dark")
    if brightness(aligned) > LIMIT_BRIGHTNESS:
        raise Refusal("photo_face_glare")
    if sharpness(aligned) < LEAST_SHARPNESS:
        raise Refusal("photo_face_blurred")


def _cut(image: Image, box: Box) -> bytes:
    """The head with a margin, as a small JPEG."""
    height, width = image.shape[:2]
    x, y, half = *box.centre, (0.5 + PICTURE_MARGIN) * max(box.width, box.bottom - box.top)
    left, top = max(0, round(x - half)), max(0, round(y - half))
    head = image[top : min(height, round(y + half)), left : min(width, round(x + half))]
    _, content = cv2.imencode(".jpg", head, [cv2.IMWRITE_JPEG_QUALITY, PICTURE_QUALITY])
    return content.tobytes()
