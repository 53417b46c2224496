"""Faces to test with, from packages that are installed anyway; none of them is in the repository.

The astronaut is a NASA photograph in the public domain that comes with scikit-image. The six people come with insightface
and are used from there only.
"""

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

Image = NDArray[np.uint8]


def astronaut_file() -> Path:
    return _inside("skimage", "data", "astronaut.png")


def astronaut() -> Image:
    return np.asarray(cv2.imread(str(astronaut_file())), np.uint8)


def six_people() -> Image:
    return np.asarray(cv2.imread(str(_inside("insightface", "data", "images", "t1.jpg"))), np.uint8)


def _inside(package: str, *parts: str) -> Path:
    found = find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent.joinpath(*parts)


def as_file(image: Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = BytesIO()
    Pictures.fromarray(np.ascontiguousarray(image[:, :, ::-1])).save(buffer, kind, **options)
    return buffer.getvalue()


def turned(image: Image, degrees: float) -> Image:
    height, width = image.shape[:2]
    placed = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(image, placed, (width, height)), np.uint8)
