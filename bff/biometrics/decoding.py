"""The child's side of `media.py`: bytes that nobody knows become frames of plain pixels.

It runs in the cage only, and imports nothing that it does not need: a library of arrays costs a process as much time as a
second of video. So pixels leave as the decoder made them, rows with their padding, not yet turned upright.
"""

from io import BytesIO
from typing import Any

PHOTO_LIMIT_PIXELS = 60_000_000
PHOTO_SIDE_PIXELS = 1600
"""A photograph is made at most this long: enough for a portrait on a card, and little to go through."""
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")

VIDEO_LIMIT_SECONDS = 13.5
VIDEO_LEAST_SECONDS = 1.0
VIDEO_LIMIT_PIXELS = 1920 * 1080
VIDEO_LIMIT_SIDE_PIXELS = 1920
VIDEO_LEAST_SIDE_PIXELS = 240
VIDEO_LIMIT_FRAMES = 850
VIDEO_LIMIT_GAP_SECONDS = 0.35
LOOK_SIDE_PIXELS = 360
"""The short side of what is looked at."""
LOOK_FRAMES_PER_SECOND = 15
TIMES_ROUNDED_SECONDS = 0.01
"""WebM keeps whole milliseconds, and cameras are not exact either."""
CODECS = {"h264", "vp8", "vp9"}

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


def read_photo(*, given: str, made: str) -> dict[str, Any]:
    """One picture, turned as its camera says, made smaller where it is large."""
    from PIL import Image as Pictures
    from PIL import ImageOps

    Pictures.MAX_IMAGE_PIXELS = PHOTO_LIMIT_PIXELS // 2  # Pillow refuses at twice its limit
    try:
        with Pictures.open(given, formats=_formats(given)) as picture:
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


def _formats(given: str) -> tuple[str, ...]:
    """By how the file begins. Another library reads HEIC, the format of some phones: only where it is one."""
    with open(given, "rb") as file:
        head = file.read(12)
    if head[4:8] != b"ftyp" or head[8:12] not in HEIC_BRANDS:
        return ("JPEG", "PNG", "WEBP")
    import pi_heif  # type: ignore[import-untyped]  # it has no types

    pi_heif.register_heif_opener()
    return ("HEIF",)


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
            pixels.write(look.at(frame))
            times.append(round(now - first, 4))
            due = max(due + 1 / LOOK_FRAMES_PER_SECOND, now - first - 0.5 / LOOK_FRAMES_PER_SECOND)
    if first is None or last is None or last - first < VIDEO_LEAST_SECONDS:
        raise Unusable("video_too_short")
    full = (look.height, look.width) if turned % 180 else (look.width, look.height)
    codec, seconds = stream.codec_context.name, last - first
    sizes = {"width": full[0], "height": full[1], "turned": turned, "look": look.shape}
    return {"times": times, "seconds": seconds, "codec": codec, **sizes}


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
    """Scales frames for looking at."""

    def __init__(self, width: int, height: int) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self.width, self.height = width, height
        scale = min(1.0, LOOK_SIDE_PIXELS / min(width, height))
        self._size = (round(width * scale), round(height * scale))
        self._row = 0
        self._reformatter, self._how = VideoReformatter(), Interpolation.FAST_BILINEAR

    def at(self, frame: Any) -> memoryview:
        (plane,) = self._reformatter.reformat(frame, *self._size, "bgr24", interpolation=self._how).planes
        self._row = plane.line_size
        return memoryview(plane)[: plane.line_size * self._size[1]]

    @property
    def shape(self) -> dict[str, int]:
        """As the pixels lie there; `row` is a row's length in bytes, padding included."""
        return {"width": self._size[0], "height": self._size[1], "row": self._row}
