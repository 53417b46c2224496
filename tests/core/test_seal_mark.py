"""An enterprise's seal as a mark: its bytes are always the same, and nobody else's bytes become one."""

import base64
import zlib

import pytest

from bff.core import mark as marks
from bff.core.errors import Refusal
from bff.core.mark import Mark, Stamp

NAME = "示例科技（杭州）有限公司"


def ring() -> Mark:
    rows = [bytes([0b11111111, 0b10000000])] + [bytes([0b10000000, 0b10000000])] * 7
    return marks.image_seal(NAME, [*rows, rows[0]], width=9, colour=(190, 20, 30))


@pytest.mark.parametrize("mark", [marks.round_seal(NAME, middle="合同专用章", foot="9135"), ring()])
def test_a_kept_seal_comes_back_as_it_was(mark: Mark) -> None:
    again = marks.kept(mark.to_dict(), name="somebody else")
    assert again == mark
    assert again.sha256() == mark.sha256()


def test_what_a_seal_shows_is_part_of_its_digest() -> None:
    digests = {
        marks.round_seal(NAME, middle=middle, foot=foot).sha256()
        for middle in ("合同专用章", "财务专用章", "")
        for foot in ("9135", "9136")
    }
    assert len(digests) == 6


def test_a_browser_cannot_bring_a_seal() -> None:
    with pytest.raises(Refusal, match="mark_unreadable"):
        marks.read(marks.round_seal(NAME).to_dict(), name=NAME)


def test_any_other_mark_is_kept_as_it_was_read() -> None:
    value = {"kind": "typed", "name": "李雷", "face": "auto"}
    assert marks.kept(value, name="李雷") == marks.read(value, name="李雷")


@pytest.mark.parametrize(
    ("name", "middle", "foot"), [("", "", ""), ("x" * 121, "", ""), (NAME, "x" * 25, ""), (NAME, "", "x" * 41)]
)
def test_words_that_no_seal_has_room_for_are_refused(name: str, middle: str, foot: str) -> None:
    with pytest.raises(Refusal, match="seal_words_too_long"):
        marks.round_seal(name, middle=middle, foot=foot)


@pytest.mark.parametrize(
    "changed",
    [
        {"shape": "image", "width": 0, "height": 0},
        {"width": 513},
        {"nonsense": 1},
        {"colour": 3},
    ],
)
def test_a_seal_that_cannot_be_is_not_read(changed: dict[str, object]) -> None:
    value = ring().to_dict()
    with pytest.raises(Refusal, match="mark_unreadable"):
        marks.kept({**value, "seal": {**value["seal"], **changed}}, name=NAME)


def stamp(bits: str) -> Stamp:
    return Stamp("image", width=9, height=9, bits=bits)


@pytest.mark.parametrize(
    "bits",
    [
        "",
        "no base64!",
        base64.b64encode(b"no zlib").decode(),
        base64.b64encode(zlib.compress(bytes(17))).decode(),
        base64.b64encode(zlib.compress(bytes(40_000_000))).decode(),
    ],
)
def test_dots_that_are_too_few_or_a_bomb_are_refused(bits: str) -> None:
    with pytest.raises(Refusal, match="mark_unreadable"):
        stamp(bits).rows()


def test_the_words_of_a_seal_are_what_a_reader_finds() -> None:
    assert marks.round_seal(NAME, middle="合同专用章", foot="9135").said == f"{NAME} 合同专用章 9135"
    assert ring().said == NAME
    assert Mark("typed", "李雷").said == "李雷"
