"""A photographed seal becomes dots: the red is kept, paper, print and dust are gone, and what is no seal is said to be none."""

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from bff.biometrics.imprint import Imprinter
from bff.biometrics.media import Media
from bff.core.errors import Refusal
from bff.core.mark import SEAL_SIDE, Mark

RED = (203, 38, 44)


def saved(picture: Image.Image, form: str = "JPEG") -> bytes:
    out = BytesIO()
    picture.save(out, form, quality=80)
    return out.getvalue()


def sheet(
    *, paper: tuple[int, int, int] = (236, 233, 225), seal: bool = True, colour: tuple[int, ...] = RED
) -> Image.Image:
    """A sheet with print, a shadow, dust and, where wanted, a ring with a block in it."""
    picture = Image.new("RGB", (900, 700), paper)
    pen = ImageDraw.Draw(picture)
    for line in range(30, 690, 28):
        pen.line((20, line, 880, line), fill=(40, 40, 44), width=4)
    for spot in range(40, 860, 90):
        pen.point((spot, 660), fill=RED)
    if seal:
        pen.ellipse((250, 150, 650, 550), outline=colour, width=20)
        pen.rectangle((400, 300, 500, 400), fill=colour)
    shade = np.linspace(0.7, 1.0, 900)[None, :, None]
    shaded = (np.asarray(picture) * shade).clip(0, 255).astype(np.uint8)
    return Image.fromarray(shaded).filter(ImageFilter.GaussianBlur(1.2))


def dots(mark: Mark) -> NDArray[np.uint8]:
    assert mark.stamp is not None
    rows = [np.unpackbits(np.frombuffer(row, np.uint8))[: mark.stamp.width] for row in mark.stamp.rows()]
    return np.array(rows)


def test_the_red_is_kept_and_everything_else_is_gone(media: Media) -> None:
    mark = Imprinter(media).cleaned(saved(sheet()), name="Example")
    found = dots(mark)
    height, width = found.shape
    assert abs(height - width) <= 6
    assert max(found.shape) <= SEAL_SIDE
    middle = found[height // 2 - 20 : height // 2 + 20, width // 2 - 20 : width // 2 + 20]
    assert middle.mean() > 0.98
    between = found[height // 2 - 10 : height // 2 + 10, width // 5 : width // 4]
    assert between.mean() < 0.02
    assert mark.stamp is not None
    red, green, blue = mark.stamp.colour
    assert red > 140
    assert max(green, blue) < 80


def test_the_same_photograph_gives_the_same_mark(media: Media) -> None:
    content = saved(sheet())
    assert Imprinter(media).cleaned(content, name="E").sha256() == Imprinter(media).cleaned(content, name="E").sha256()


@pytest.mark.parametrize(
    "picture",
    [
        sheet(seal=False),
        sheet(colour=(40, 60, 190)),
        Image.new("RGB", (600, 600), RED),
        Image.new("RGB", (600, 600), (255, 255, 255)),
        Image.new("L", (600, 600), 128),
    ],
    ids=["no seal", "a blue one", "all red", "all white", "all grey"],
)
def test_a_picture_without_a_red_seal_is_refused_by_name(media: Media, picture: Image.Image) -> None:
    with pytest.raises(Refusal, match="seal_not_red"):
        Imprinter(media).cleaned(saved(picture), name="E")


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(100), b"<svg/>", b"%PDF-1.4", b"GIF89a" + bytes(50)]
)
def test_hostile_bytes_are_refused_and_the_worker_lives(media: Media, content: bytes) -> None:
    with pytest.raises(Refusal, match="photo_unreadable"):
        Imprinter(media).cleaned(content, name="E")
    assert Imprinter(media).cleaned(saved(sheet(), "PNG"), name="E").kind == "seal"
