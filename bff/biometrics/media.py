"""Hostile pictures and videos become plain pixels, in a limited child, without touching the disk.

The bytes go to the child in anonymous memory and the pixels come back the same way, so no face ever lies in a file.
A video is read from memory only, with the container's format forced from its first bytes: a playlist that names other
files or addresses is not a video to us. Only frames that will be looked at are scaled, inside the decoder's own process.

What cannot be taken is refused by name (`NAMES`): `Unusable.code`, the same word wherever it is told.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bff.cage import Cage, Caged

Image = NDArray[np.uint8]
"""Height x width x BGR."""

PHOTO_LIMIT_BYTES = 20_000_000
PHOTO_LIMIT_PIXELS = 60_000_000
PHOTO_SIDE_PIXELS = 1600
"""A photograph is made at most this long: enough for a portrait on a card, and little to go through."""

VIDEO_LIMIT_BYTES = 30_000_000
VIDEO_LIMIT_SECONDS = 13.5
VIDEO_LEAST_SECONDS = 1.0
VIDEO_LIMIT_PIXELS = 1920 * 1080
VIDEO_LIMIT_SIDE_PIXELS = 1920
PIXELS_LIMIT_BYTES = 400_000_000
VIDEO_LEAST_SIDE_PIXELS = 240
VIDEO_LIMIT_FRAMES = 850
VIDEO_LIMIT_GAP_SECONDS = 0.35
LOOK_SIDE_PIXELS = 360
"""The short side of what is looked at."""
LOOK_FRAMES_PER_SECOND = 15
TIMES_ROUNDED_SECONDS = 0.01
"""WebM keeps whole milliseconds, and cameras are not exact either."""
CODECS = {"h264", "vp8", "vp9"}
CONTAINERS = {
    "matroska,webm": ("video/webm", "video/x-matroska"),
    "mov,mp4,m4a,3gp,3g2,mj2": ("video/mp4", "video/quicktime"),
}

PRELOAD = ("av", "av.video.reformatter", "numpy", "PIL.Image", "PIL.ImageOps", __name__)
"""What a spare child of the cage has imported before it is needed."""

NAMES = (
    "photo_unreadable",
    "photo_too_large",
    "video_format",
    "video_type",
    "video_unreadable",
    "video_too_large",
    "video_no_picture",
    "video_streams",
    "video_codec",
    "video_too_many_pixels",
    "video_too_few_pixels",
    "video_too_long",
    "video_too_short",
    "video_times",
    "video_gaps",
    "video_changes",
    "video_too_much_work",
)


class Unusable(Exception):
    """A picture or a video that is not looked at; `code` is one of NAMES."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


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

    def photo(self, content: bytes) -> Image:
        """Upright pixels of a JPEG, PNG or WebP. Raises Unusable."""
        if len(content) > PHOTO_LIMIT_BYTES:
            raise Unusable("photo_too_large")
        with _believed_only_where_it_fits("photo_unreadable"):
            shape, pixels = self._read("read_photo", content, otherwise="photo_unreadable")
            return pixels.reshape(shape["height"], shape["width"], 3)

    def film(self, content: bytes, *, mime: str) -> Film:
        """The frames of a video that says it is of this MIME type. Raises Unusable."""
        if len(content) > VIDEO_LIMIT_BYTES:
            raise Unusable("video_too_large")
        container = _container(content)
        if mime.partition(";")[0].strip().lower() not in CONTAINERS[container]:
            raise Unusable("video_type")
        with _believed_only_where_it_fits("video_unreadable"):
            read, pixels = self._read("read_video", content, otherwise="video_unreadable", container=container)
            frames = pixels.reshape(len(read["times"]), read["look_height"], read["look_width"], 3)
            times, seconds = tuple(map(float, read["times"])), float(read["seconds"])
            return Film(frames, times, seconds, str(read["codec"]), int(read["width"]), int(read["height"]))

    def _read(self, act: str, content: bytes, *, otherwise: str, **more: Any) -> tuple[dict[str, Any], Image]:
        with memory() as given, memory() as made:
            os.write(given, content)
            paths = {"given": f"/proc/{os.getpid()}/fd/{given}", "made": f"/proc/{os.getpid()}/fd/{made}"}
            try:
                answer = self._cage.run(f"{__name__}:{act}", **paths, **more)
            except Caged as end:
                raise Unusable(_named(end, otherwise)) from end
            os.lseek(made, 0, os.SEEK_SET)
            with os.fdopen(os.dup(made), "rb") as file:
                return answer, np.frombuffer(file.read(PIXELS_LIMIT_BYTES), np.uint8)


@contextlib.contextmanager
def memory() -> Iterator[int]:
    """A file without a name or a place; it is gone with its descriptor."""
    descriptor = os.memfd_create("countersign-media")
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


# --- the child's side --------------------------------------------------------------------------------


def read_photo(*, given: str, made: str) -> dict[str, Any]:
    """One picture, turned as its camera says, made smaller where it is large."""
    from PIL import Image as Pictures
    from PIL import ImageOps

    Pictures.MAX_IMAGE_PIXELS = PHOTO_LIMIT_PIXELS // 2  # Pillow refuses at twice its limit
    try:
        with Pictures.open(given, formats=("JPEG", "PNG", "WEBP")) as picture:
            if picture.width * picture.height > PHOTO_LIMIT_PIXELS:
                raise Unusable("photo_too_large")
            picture.draft("RGB", (PHOTO_SIDE_PIXELS, PHOTO_SIDE_PIXELS))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except Pictures.DecompressionBombError as error:
        raise Unusable("photo_too_large") from error
    upright.thumbnail((PHOTO_SIDE_PIXELS, PHOTO_SIDE_PIXELS))
    with open(made, "wb") as file:
        file.write(upright.tobytes("raw", "BGR"))
    return {"width": upright.width, "height": upright.height}


def read_video(*, given: str, made: str, container: str) -> dict[str, Any]:
    """Walk through every frame, keep about fifteen a second."""
    import av

    with open(given, "rb") as file:
        content = BytesIO(file.read())
    options = {"protocol_whitelist": "", "enable_drefs": "0", "probesize": "1000000"}
    try:
        with av.open(content, format=container, options=options) as opened, open(made, "wb") as pixels:
            return _walk(opened, _the_stream(opened), pixels)
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise Unusable("video_unreadable") from error


def _the_stream(opened: Any) -> Any:
    streams = opened.streams.video
    if not streams:
        raise Unusable("video_no_picture")
    if len(streams) > 1 or len(opened.streams) > 2:
        raise Unusable("video_streams")
    context = streams[0].codec_context
    if context is None or context.name not in CODECS:
        raise Unusable("video_codec")
    _check_size(context.width, context.height)
    context.thread_count = 1
    return streams[0]


def _check_size(width: int, height: int) -> None:
    if width * height > VIDEO_LIMIT_PIXELS or max(width, height) > VIDEO_LIMIT_SIDE_PIXELS:
        raise Unusable("video_too_many_pixels")
    if min(width, height) < VIDEO_LEAST_SIDE_PIXELS:
        raise Unusable("video_too_few_pixels")


def _walk(opened: Any, stream: Any, pixels: Any) -> dict[str, Any]:
    look, times = _Look(stream.codec_context.width, stream.codec_context.height), []
    first, last, due, turned = None, None, 0.0, 0
    for number, frame in enumerate(opened.decode(stream)):
        if number >= VIDEO_LIMIT_FRAMES:
            raise Unusable("video_too_long")
        if (frame.width, frame.height) != (look.width, look.height):
            raise Unusable("video_changes")
        now = _time_of(frame, first, last)
        first, last = (now if first is None else first), now
        if number == 0:
            turned = int(frame.rotation) % 360
        if now - first >= due - TIMES_ROUNDED_SECONDS:
            pixels.write(look.at(frame, turned))
            times.append(round(now - first, 4))
            due = max(due + 1 / LOOK_FRAMES_PER_SECOND, now - first - 0.5 / LOOK_FRAMES_PER_SECOND)
    if first is None or last is None or last - first < VIDEO_LEAST_SECONDS:
        raise Unusable("video_too_short")
    return {"times": times, "seconds": last - first, "codec": stream.codec_context.name, **look.shape(turned)}


def _time_of(frame: Any, first: float | None, last: float | None) -> float:
    """The frame's own time. A live recording has times that grow, without holes, and ends soon."""
    now = frame.time
    if now is None or (last is not None and now <= last):
        raise Unusable("video_times")
    if last is not None and now - last > VIDEO_LIMIT_GAP_SECONDS:
        raise Unusable("video_gaps")
    if first is not None and now - first > VIDEO_LIMIT_SECONDS:
        raise Unusable("video_too_long")
    return float(now)


class _Look:
    """Scales frames for looking at, and turns them upright."""

    def __init__(self, width: int, height: int) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self.width, self.height = width, height
        scale = min(1.0, LOOK_SIDE_PIXELS / min(width, height))
        self._size = (round(width * scale), round(height * scale))
        self._reformatter, self._how = VideoReformatter(), Interpolation.FAST_BILINEAR

    def at(self, frame: Any, turned: int) -> bytes:
        small = self._reformatter.reformat(frame, *self._size, "bgr24", interpolation=self._how)
        return np.rot90(small.to_ndarray(), turned // 90).tobytes()

    def shape(self, turned: int) -> Mapping[str, int]:
        look, full = self._size, (self.width, self.height)
        if turned % 180:
            look, full = look[::-1], full[::-1]
        return {"look_width": look[0], "look_height": look[1], "width": full[0], "height": full[1]}
