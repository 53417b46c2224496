"""Our cut fonts against fontTools: the same outlines and advances, glyph by glyph."""

from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.signing.truetype import TrueType

FONTS = Path(__file__).parents[2] / "web" / "vendor" / "fonts"
FILES = sorted(FONTS.glob("*.ttf"))
WORDS = "Ada Pérez-Ñandú Đặng Ngọc Ánh 李雷 韩梅梅 محمد عبد الله 0123456789 fi ﬁ Ǻ ẫ"


def drawn(font: TTFont, name: str) -> list[tuple[str, tuple[object, ...]]]:
    glyphs = font.getGlyphSet()
    pen = DecomposingRecordingPen(glyphs)
    glyphs[name].draw(pen)
    return [*pen.value, ("advance", (glyphs[name].width,))]


@cache
def opened(path: Path) -> TTFont:
    return TTFont(BytesIO(path.read_bytes()), lazy=True)


def compare(path: Path, wanted: set[int]) -> int:
    """How many glyphs of the cut font are, one by one, those of the whole."""
    cut = TrueType(path).subset(wanted)
    whole, small = opened(path), TTFont(BytesIO(cut.content))
    assert wanted <= cut.ids.keys()
    assert list(cut.ids.values()) == list(range(len(cut.ids)))
    order = small.getGlyphOrder()
    for old, new in cut.ids.items():
        assert drawn(small, order[new]) == drawn(whole, whole.getGlyphName(old)), old
    return len(cut.ids)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_letters_of_names_keep_their_outlines_and_advances(path: Path) -> None:
    font = opened(path)
    numbers, letters = font.getReverseGlyphMap(), font.getBestCmap()
    wanted = {numbers[letters[ord(c)]] for c in WORDS if ord(c) in letters}
    assert compare(path, wanted) > 10


@given(st.sets(st.integers(0, 600), max_size=40))
@settings(max_examples=15, deadline=None)
def test_any_glyphs_keep_their_outlines_and_advances(wanted: set[int]) -> None:
    assert compare(FONTS / "dancing-script.ttf", wanted) >= max(len(wanted), 1)


def test_parts_of_composed_letters_come_along() -> None:
    font = opened(FONTS / "noto-sans-arabic.ttf")
    composed = [n for n, name in enumerate(font.getGlyphOrder()) if font["glyf"][name].isComposite()]
    assert composed, "the test needs a font with composed letters"
    assert compare(FONTS / "noto-sans-arabic.ttf", set(composed[:60])) > 60


def test_no_hinting_is_left_and_the_checksums_hold() -> None:
    content = TrueType(FONTS / "caveat.ttf").subset(range(1, 60)).content
    font = TTFont(BytesIO(content), checkChecksums=1)
    assert set(font.keys()) - {"GlyphOrder"} == {"glyf", "head", "hhea", "hmtx", "loca", "maxp"}
    for name in font.getGlyphOrder():
        glyph = font["glyf"][name]
        glyph.expand(font["glyf"])
        assert not getattr(getattr(glyph, "program", None), "bytecode", b"")


def test_the_same_glyphs_give_the_same_font() -> None:
    font = FONTS / "caveat.ttf"
    assert TrueType(font).subset([5, 9, 7]).content == TrueType(font).subset([7, 5, 9, 5]).content


def test_a_file_without_such_outlines_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.ttf"
    other.write_bytes(b"OTTO" + bytes(60))
    with pytest.raises(ValueError, match="outlines"):
        TrueType(other)
