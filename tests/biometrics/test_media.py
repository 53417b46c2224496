"""Hostile pictures and videos: each refused by name, the good ones as pixels."""

import io
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from bff.biometrics.media import LOOK_SIDE_PIXELS, Media, Unusable
from bff.cage import Cage
from tests.biometrics.photographs import Image, as_file, astronaut
from tests.signing.test_converting import HEIC


def refusal_of_photo(media: Media, content: bytes) -> str:
    with pytest.raises(Unusable) as caught:
        media.photo(content)
    return caught.value.code


def refusal_of_video(media: Media, content: bytes, mime: str = "video/mp4") -> str:
    with pytest.raises(Unusable) as caught:
        media.film(content, mime=mime)
    return caught.value.code


# --- photographs ---


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_pictures_come_out_as_pixels(media: Media, kind: str) -> None:
    image = astronaut()[100:228, 100:300]
    got = media.photo(as_file(image, kind, **({"lossless": True} if kind == "WEBP" else {"quality": 95})))
    assert got.shape == image.shape
    assert np.abs(got.astype(int) - image).mean() < (3 if kind == "JPEG" else 0.01)


def test_a_picture_is_turned_as_the_camera_says(media: Media) -> None:
    from PIL import Image as Pictures

    exif = Pictures.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    image = astronaut()[:200, :300]
    assert media.photo(as_file(image, "JPEG", exif=exif.tobytes())).shape == (300, 200, 3)


def test_a_large_picture_is_made_smaller(media: Media) -> None:
    assert media.photo(as_file(np.zeros((3000, 4000, 3), np.uint8), "JPEG")).shape == (1200, 1600, 3)


def _png_of(width: int, height: int) -> bytes:
    """A PNG that claims to be large and holds nothing much."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "photo_unreadable"),
        (bytes(range(256)) * 40, "photo_unreadable"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", "photo_unreadable"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "photo_unreadable"),
        (_png_of(30_000, 30_000), "photo_too_large"),
        (_png_of(9_000, 9_000), "photo_too_large"),
        (bytes(20_000_001), "photo_too_large"),
    ],
    ids=["empty", "random", "svg", "postscript", "bomb", "many-pixels", "many-bytes"],
)
def test_what_is_no_photograph_is_refused_by_name(media: Media, content: bytes, code: str) -> None:
    assert refusal_of_photo(media, content) == code


def test_a_picture_cut_short_is_refused(media: Media) -> None:
    assert refusal_of_photo(media, as_file(astronaut(), "JPEG")[:4000]) == "photo_unreadable"


def test_a_photograph_as_some_phones_take_it_is_read(media: Media) -> None:
    pixels = media.photo(HEIC)
    assert pixels.shape == (32, 64, 3)
    assert pixels[8, 32].argmax() == 0  # blue above
    assert pixels[24, 32].argmax() == 2  # red below
    assert refusal_of_photo(media, HEIC[:300]) == "photo_unreadable"
    assert refusal_of_photo(media, HEIC[:12] + bytes(500)) == "photo_unreadable"


def test_a_gif_is_no_photograph(media: Media) -> None:
    assert refusal_of_photo(media, as_file(astronaut(), "GIF")) == "photo_unreadable"


# --- videos ---


def pictures(count: int, width: int = 480, height: int = 640) -> Iterator[Image]:
    base = (
        np.random.default_rng(5).integers(0, 255, (height // 16, width // 16, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    )
    for number in range(count):
        yield np.ascontiguousarray(np.roll(base, number % 7, 1))


SPEED = {
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libx264": {"preset": "ultrafast", "tune": "zerolatency"},
}


def video(
    count: int = 60,
    *,
    codec: str = "libvpx",
    container: str = "webm",
    size: tuple[int, int] = (480, 640),
    times: list[int] | None = None,
    streams: int = 1,
    rate: int = 30,
) -> bytes:
    """Frames at `rate` a second, or at `times` in that rate's parts of a second."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as made:
        tracks = [made.add_stream(codec, rate=rate, options=SPEED.get(codec, {})) for _ in range(streams)]
        for track in tracks:
            track.width, track.height, track.pix_fmt, track.bit_rate = *size, "yuv420p", 400_000
            track.codec_context.thread_count = 1
        for number, picture in enumerate(pictures(count, *size)):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = times[number] if times else number
            for track in tracks:
                made.mux(track.encode(frame))
        for track in tracks:
            made.mux(track.encode(None))
    return file.getvalue()


@pytest.fixture(scope="module")
def webm() -> bytes:
    return video()


@pytest.mark.parametrize(
    ("codec", "container", "mime"),
    [
        ("libvpx", "webm", "video/webm;codecs=vp8"),
        ("libvpx-vp9", "webm", "video/webm"),
        ("libx264", "mp4", "video/mp4"),
        ("libx264", "mov", "video/quicktime"),
    ],
)
def test_what_phones_record_comes_out_as_fifteen_frames_a_second(
    media: Media, codec: str, container: str, mime: str
) -> None:
    film = media.film(video(60, codec=codec, container=container, size=(720, 1280)), mime=mime)
    assert film.frames.shape[1:] == (640, LOOK_SIDE_PIXELS, 3)
    assert 29 <= len(film.times) == len(film.frames) <= 31
    assert film.seconds == pytest.approx(59 / 30, abs=0.02)
    assert (film.width, film.height) == (720, 1280)
    assert all(0.05 < b - a < 0.09 for a, b in zip(film.times, film.times[1:], strict=False))


def test_frames_keep_their_pictures(media: Media, webm: bytes) -> None:
    film = media.film(webm, mime="video/webm")
    first = next(pictures(1)).reshape(40, 16, 30, 16, 3).mean((1, 3))
    seen = film.frames[0].reshape(40, 12, 30, 12, 3).mean((1, 3))
    assert np.corrcoef(first.ravel(), seen.ravel())[0, 1] > 0.95


def test_a_video_that_lies_on_its_side_is_turned_upright(media: Media) -> None:
    """The rotation that iPhones write: a display matrix in the track header."""
    plain = video(45, codec="libx264", container="mp4", size=(640, 480))
    upright = media.film(plain, mime="video/mp4")
    lying = media.film(_with_matrix(plain, (0, 1, -1, 0)), mime="video/mp4")
    assert (lying.width, lying.height) == (upright.height, upright.width)
    # The matrix (0 1 -1 0) shows the picture a quarter clockwise.
    np.testing.assert_array_equal(lying.frames[0], np.rot90(upright.frames[0], -1))


def _with_matrix(content: bytes, turn: tuple[int, int, int, int]) -> bytes:
    a, b, c, d = (value << 16 for value in turn)
    at = content.index(b"tkhd") + 4 + 40
    matrix = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    return content[:at] + matrix + content[at + 36 :]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "video_format"),
        (bytes(range(256)) * 40, "video_format"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1/a.ts\n", "video_format"),
        (b"<html><video src='x'></video></html>", "video_format"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "video_format"),
        (b"RIFF\x00\x00\x00\x00AVI LIST" + bytes(400), "video_format"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 8, "video_unreadable"),
        (bytes(30_000_001), "video_too_large"),
    ],
    ids=["empty", "random", "m3u8", "html", "concat", "avi", "mp4-of-nothing", "many-bytes"],
)
def test_what_is_no_recording_is_refused_by_name(media: Media, content: bytes, code: str) -> None:
    assert refusal_of_video(media, content) == code


def test_a_wrong_type_is_refused(media: Media, webm: bytes) -> None:
    assert refusal_of_video(media, webm, "video/mp4") == "video_type"
    assert refusal_of_video(media, webm, "image/jpeg") == "video_type"


def test_a_recording_cut_short_gives_its_name(media: Media, webm: bytes) -> None:
    assert refusal_of_video(media, webm[: len(webm) // 4], "video/webm") in ("video_too_short", "video_unreadable")
    assert refusal_of_video(media, video(20), "video/webm") == "video_too_short"
    assert refusal_of_video(media, video(1), "video/webm") == "video_too_short"


def test_fourteen_seconds_are_too_long(media: Media) -> None:
    assert refusal_of_video(media, video(421, codec="libx264", container="mp4", size=(240, 320))) == "video_too_long"


def test_a_thousand_frames_a_second_are_too_many(media: Media) -> None:
    content = video(900, codec="libx264", container="mp4", size=(240, 240), rate=1000)
    assert refusal_of_video(media, content) == "video_too_long"


def test_four_thousand_pixels_wide_is_too_much(media: Media) -> None:
    content = video(2, codec="libx264", container="mp4", size=(3840, 2160))
    assert refusal_of_video(media, content) == "video_too_many_pixels"


def test_a_strip_is_too_long(media: Media) -> None:
    assert (
        refusal_of_video(media, video(2, codec="libx264", container="mp4", size=(3200, 256))) == "video_too_many_pixels"
    )


def test_a_child_that_lies_about_its_pixels_is_not_believed(monkeypatch: pytest.MonkeyPatch, webm: bytes) -> None:
    """As if a parser had been taken over by what it read."""
    media = Media(Cage(512, 5, 20))
    for answer in ({}, {"width": 9, "height": 9}, {"width": "x", "height": None}):
        monkeypatch.setattr(Cage, "run", lambda *_, told=answer, **__: told)
        assert refusal_of_photo(media, b"") == "photo_unreadable"
    true = {"times": [0, 1], "seconds": 1, "codec": "vp8", "width": 9, "height": 9, "turned": 0}

    def run(*_: object, made: str, told: object, **__: object) -> dict[str, object]:
        Path(made).write_bytes(bytes(2 * 9 * 27))
        return {**true, "look": told}

    lies = ({"width": 99, "height": 99, "row": 297}, {"width": 9, "height": 9, "row": 1}, {"width": 9}, None)
    for look in lies:
        monkeypatch.setattr(Cage, "run", partial(run, told=look))
        assert refusal_of_video(media, webm, "video/webm") == "video_unreadable"
    monkeypatch.setattr(Cage, "run", partial(run, told={"width": 9, "height": 9, "row": 27}))
    assert media.film(webm, mime="video/webm").frames.shape == (2, 9, 9, 3)


def test_a_stamp_is_too_little(media: Media) -> None:
    assert refusal_of_video(media, video(45, size=(160, 160)), "video/webm") == "video_too_few_pixels"


def test_a_hole_in_the_recording_is_refused(media: Media) -> None:
    times = list(range(30)) + list(range(50, 80))
    assert refusal_of_video(media, video(60, times=times), "video/webm") == "video_gaps"


def test_two_pictures_at_once_are_refused(media: Media) -> None:
    assert refusal_of_video(media, video(40, streams=2, size=(240, 320)), "video/webm") == "video_streams"


def test_another_codec_is_refused(media: Media) -> None:
    assert refusal_of_video(media, video(40, codec="mpeg4", container="mp4")) == "video_codec"


def test_sound_alone_is_no_video(media: Media) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as made:
        track = made.add_stream("libopus", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.int16), layout="mono")
        frame.rate = 48000
        made.mux(track.encode(frame))
        made.mux(track.encode(None))
    assert refusal_of_video(media, file.getvalue(), "video/webm") == "video_no_picture"


def test_a_recording_that_takes_too_long_to_read_is_refused_and_the_next_one_is_read(webm: bytes) -> None:
    slow = Media(Cage(1024, 5, 0.02))  # less than a child takes to start, on any machine
    assert refusal_of_video(slow, webm, "video/webm") == "video_too_much_work"
    assert len(Media(Cage(1024, 5, 20)).film(webm, mime="video/webm").times) > 20


def test_no_face_is_left_in_a_file(media: Media, webm: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    media.film(webm, mime="video/webm")
    media.photo(as_file(astronaut()))
    assert list(tmp_path.iterdir()) == []
