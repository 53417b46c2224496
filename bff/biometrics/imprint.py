"""An enterprise's seal from a photograph or a scan: the red of it as dots of one colour, everything else gone.

Only red is kept, because the paper, its print and its shadows are not. Where too little or too much of the picture is red,
or the red lies all over it, there is no seal on it that could be told from the rest, and that is said.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from bff.biometrics.media import Image, Media, Unusable
from bff.core.errors import Refusal
from bff.core.mark import SEAL_SIDE, Mark, image_seal

LEAST_RED = 28
"""By how much red has to outshine the other colours, at the least, 0..255."""
LEAST_SHARE, MOST_SHARE = 0.002, 0.6
"""Of the picture, and of the seal's own box."""
SPECK_SHARE = 0.0006
"""Spots smaller than this part of the red are dust."""
LEAST_SIDE_PIXELS = 120
BORDER_DOTS = 2


class Imprinter:
    """Implements core.ports.Imprints."""

    def __init__(self, media: Media) -> None:
        self._media = media

    def cleaned(self, photograph: bytes, *, name: str) -> Mark:
        try:
            image = self._media.photo(photograph)
        except Unusable as reason:
            raise Refusal(reason.code) from reason
        ink, colour = _red(image)
        dots = _fitted(ink)
        return image_seal(name, [np.packbits(row).tobytes() for row in dots], width=dots.shape[1], colour=colour)


def _red(image: Image) -> tuple[NDArray[np.uint8], tuple[int, int, int]]:
    """How much each pixel is ink (0..255), cut to the seal, and the ink's colour."""
    blue, green, red = (image[:, :, n].astype(np.int16) for n in range(3))
    redness = np.clip(red - np.maximum(blue, green), 0, 255).astype(np.uint8)
    smooth = cv2.GaussianBlur(redness, (3, 3), 0)
    level, _ = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    ink = _without_specks((smooth > max(level, LEAST_RED)).astype(np.uint8))
    share = float(ink.mean())
    if share < LEAST_SHARE:
        raise Refusal("seal_not_red")
    x, y, width, height = cv2.boundingRect(ink)
    box = ink[y : y + height, x : x + width]
    if min(width, height) < LEAST_SIDE_PIXELS or float(box.mean()) > MOST_SHARE:
        raise Refusal("seal_not_red")
    b, g, r = (int(np.median(image[:, :, n][ink > 0])) for n in range(3))
    return box * np.uint8(255), (r, g, b)


def _without_specks(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    least = max(4.0, float(areas[1:].sum()) * SPECK_SHARE) if count > 1 else 0.0
    kept = areas >= least
    kept[0] = False
    return np.asarray(kept[labels], dtype=np.uint8)


def _fitted(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """As dots, the longer side as long as a seal may be, with a little air."""
    side = SEAL_SIDE - 2 * BORDER_DOTS
    scale = min(1.0, side / max(ink.shape))
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    return np.pad((small >= 128).astype(np.uint8), BORDER_DOTS)
