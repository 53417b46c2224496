"""Hostile pictures and videos become plain pixels, in a limited child, without touching the disk.

The bytes go to the child in anonymous memory and the pixels come back the same way, so no face ever lies in a file.
A video is read from memory only, with the container's format forced from its first bytes: a playlist that names other
files or addresses is not a video to us. Only frames that will be looked at are scaled, inside the decoder's own process.

What cannot be taken is refused by name (`NAMES`): `Unusable.code`, the same word wherever it is told.
"""

import contextlib
import fcntl
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bff.biometrics.decoding import LOOK_SIDE_PIXELS, NAMES, Unusable
from bff.cage import Cage, Caged

__all__ = ["LOOK_SIDE_PIXELS", "NAMES", "PRELOAD", "Film", "Image", "Media", "Unusable", "memory"]

Image = NDArray[np.uint8]
"""Height x width x BGR."""

PHOTO_LIMIT_BYTES = 20_000_000
VIDEO_LIMIT_BYTES = 30_000_000
PIXELS_LIMIT_BYTES = 400_000_000
CONTAINERS = {
    "matroska,webm": ("video/webm", "video/x-matroska"),
    "mov,mp4,m4a,3gp,3g2,mj2": ("video/mp4", "video/quicktime"),
}

DECODING = "bff.biometrics.decoding"
PRELOAD = ("av", "av.video.reformatter", DECODING)
"""What the mother of the cage's children has imported before it is needed."""


@dataclass(frozen=True)
class Film:
    """The frames that are looked at, about fifteen a second, upright, with their times in seconds from the first."""

    frames: NDArray[np.uint8]
    times: tuple[float, ...]
    seconds: float
    codec: str
    width: int
    height: int
    """As recorded, upright."""


class Media:
    """Opens pictures and videos in the given cage."""

    def __init__(self, cage: Cage) -> None:
        self._cage = cage

    def warm(self) -> None:
        """Make ready what the next calls, here and after a fork, do not want to wait for."""
        self._cage.warm()

    def photo(self, content: bytes) -> Image:
        """Upright pixels of a JPEG, PNG, WebP or HEIC. Raises Unusable."""
        if len(content) > PHOTO_LIMIT_BYTES:
            raise Unusable("photo_too_large")
        with _believed_only_where_it_fits("photo_unreadable"):
            shape, pixels = self._read("read_photo", content, otherwise="photo_unreadable")
            return np.array(pixels.reshape(shape["height"], shape["width"], 3))

    def film(self, content: bytes, *, mime: str) -> Film:
        """The frames of a video that says it is of this MIME type. Raises Unusable."""
        if len(content) > VIDEO_LIMIT_BYTES:
            raise Unusable("video_too_large")
        container = _container(content)
        if mime.partition(";")[0].strip().lower() not in CONTAINERS[container]:
            raise Unusable("video_type")
        with _believed_only_where_it_fits("video_unreadable"):
            read, pixels = self._read("read_video", content, otherwise="video_unreadable", container=container)
            frames = _upright(pixels, len(read["times"]), read["look"], int(read["turned"]))
            times, seconds = tuple(map(float, read["times"])), float(read["seconds"])
            return Film(frames, times, seconds, str(read["codec"]), int(read["width"]), int(read["height"]))

    def _read(self, act: str, content: bytes, *, otherwise: str, **more: Any) -> tuple[dict[str, Any], Image]:
        with memory() as given, memory() as made:
            os.write(given, content)
            paths = {"given": f"/proc/{os.getpid()}/fd/{given}", "made": f"/proc/{os.getpid()}/fd/{made}"}
            try:
                answer = self._cage.run(f"{DECODING}:{act}", **paths, **more)
            except Caged as end:
                raise Unusable(_named(end, otherwise)) from end
            return answer, _mapped(made)


def _mapped(made: int) -> Image:
    """What the child wrote, where it lies: it is gone, and nobody else can change or shorten that any more."""
    fcntl.fcntl(made, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
    if os.fstat(made).st_size > PIXELS_LIMIT_BYTES:
        raise ValueError("more pixels than were wanted")
    return np.frombuffer(mmap.mmap(made, 0, prot=mmap.PROT_READ), np.uint8)


def _upright(pixels: Image, count: int, look: dict[str, int], turned: int) -> NDArray[np.uint8]:
    """The frames without their rows' padding, turned as the camera said."""
    height, width, row = int(look["height"]), int(look["width"]), int(look["row"])
    if row < 3 * width:
        raise ValueError("rows that overlap")
    frames: NDArray[np.uint8] = np.ndarray((count, height, width, 3), np.uint8, pixels, 0, (height * row, row, 3, 1))
    return np.ascontiguousarray(np.rot90(frames, turned // 90, axes=(1, 2))) if turned else frames


@contextlib.contextmanager
def memory() -> Iterator[int]:
    """A file without a name or a place; it is gone with its descriptor."""
    descriptor = os.memfd_create("countersign-media", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _believed_only_where_it_fits(otherwise: str) -> Iterator[None]:
    """The child has read hostile bytes, so what it says of its own pixels may be made up."""
    try:
        yield
    except (ValueError, TypeError, KeyError) as error:
        raise Unusable(otherwise) from error


def _named(end: Caged, otherwise: str) -> str:
    """Too much work is said as such; what the child refused by name keeps its name; the rest is unreadable."""
    if end.kind in ("out_of_time", "out_of_memory"):
        return "video_too_much_work" if otherwise.startswith("video") else "photo_too_large"
    return end.code if end.code in NAMES else otherwise


def _container(content: bytes) -> str:
    if content[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska,webm"
    if content[4:8] == b"ftyp":
        return "mov,mp4,m4a,3gp,3g2,mj2"
    raise Unusable("video_format")
