"""What is drawn is looked at: pages are rendered with pdfium (and poppler) and their pixels and words compared."""

import math
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
import segno
from PIL import Image, ImageChops, ImageDraw, ImageStat

from bff.core.errors import Fault
from bff.core.mark import Mark, Point, image_seal, round_seal
from bff.core.ports import EvidencePage, EvidenceSigner
from bff.signing.paper import Dot, KnownFont, Paper, outline
from bff.signing.paper import _typed as typeset

FONTS = Path(__file__).parents[2] / "web" / "vendor" / "fonts"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
CAPTION = ("Signed by Ada", "2026-11-24 12:00 CST", "SMS code")
NAMES = (
    "李雷",
    "欧阳娜娜",
    "阿卜杜拉·穆罕默德·艾山江",
    "José Álvarez-Ñandú",
    "Đặng Ngọc Ánh",
    "Han Meimei 韩梅梅",
    "محمد عبد الله",
    "Иван Петров",
    "Zoë Łukasz O’Brien",
    "अमित",
    "Maximilian Alexander von und zu Hohenstein-Württemberg",
    "Wolfeschlegelsteinhausenbergerdorff",
)
SIZES = ((60, 20), (60, 30), (120, 40), (180, 60), (220, 80), (40, 90))
EDGE = 20
"""White paper around a box, in points, on which nothing may be drawn."""


@pytest.fixture(scope="module")
def paper() -> Paper:
    if not FONTS.is_dir():
        assert os.environ.get("CI") != "true", "the fonts are not set up"
        pytest.skip("no fonts: run make setup")
    return Paper(FONTS)


# --- marks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_typed_mark_is_visible_and_stays_in_its_box_at_every_size(paper: Paper, name: str) -> None:
    for width, height in SIZES:
        ops = paper.mark(_typed(name), width=width, height=height, caption=CAPTION, language="en")
        ink = _ink(_rendered(ops, width, height))
        assert ink is not None, (name, width, height)
        assert _inside(ink, width, height), (name, width, height)
        assert ink[2] - ink[0] > width * 0.3 or ink[3] - ink[1] > height * 0.3


@pytest.mark.parametrize(
    ("name", "picture", "drawn"),
    [
        ("Anna 😀 Berger", "😀", "Anna Berger"),
        ("李雷👩🏽\u200d💻", "👩🏽\u200d💻", "李雷"),
        ("🇨🇳 李雷", "🇨🇳", "李雷"),
        ("1\ufe0f\u20e3 Bob", "1\ufe0f\u20e3", "1 Bob"),
        ("Ada \U0001fae8", "\U0001fae8", "Ada"),
        ("🎉🎉", "🎉🎉", "—"),
    ],
)
def test_emoji_are_found_in_a_mark_but_not_drawn_as_boxes(paper: Paper, name: str, picture: str, drawn: str) -> None:
    text = picture.encode("utf-16-be").hex().upper().encode()
    for part in (paper, paper.with_type(None)):
        made = part.mark(_typed(name), width=180, height=60, caption=(name, "2026"), language="en")
        ops = made if isinstance(made, bytes) else made.ops
        assert ops.count(text) == 2, name  # under the mark and in its caption
    glyphs = [g for line in typeset(name, paper.faces(), width=180, height=60) for g in line.line.glyphs]
    assert 0 not in {g.id for g in glyphs}
    said = "".join(g.said for g in glyphs)
    assert said.replace(" ", "") == drawn.replace(" ", "")


def test_a_letter_that_no_face_has_is_seen_to_be_missing(paper: Paper) -> None:
    [line] = typeset("𓀀", paper.faces(), width=180, height=60)
    assert [g.id for g in line.line.glyphs] == [0]


def test_same_mark_gives_the_same_bytes(paper: Paper) -> None:
    again = Paper(FONTS)
    for mark in (_typed("李雷"), _drawn(_loops())):
        drawn = [p.mark(mark, width=180, height=60, caption=CAPTION, language="en") for p in (paper, again)]
        assert drawn[0] == drawn[1]


def test_mark_needs_no_resources(paper: Paper) -> None:
    ops = paper.mark(_typed("José 李"), width=180, height=60, caption=CAPTION, language="en")
    page = _page(ops)
    operators = {str(operator) for _, operator in pikepdf.parse_content_stream(page.pages[0])}
    assert operators <= {"q", "Q", "cm", "rg", "RG", "w", "m", "l", "c", "h", "f", "S", "BDC", "EMC"}


def test_each_face_draws_its_own_letters(paper: Paper) -> None:
    faces = ("ma-shan-zheng", "zhi-mang-xing", "caveat", "dancing-script")
    drawn = {paper.mark(_typed("Lei 雷", face), width=90, height=40, caption=(), language="en") for face in faces}
    assert len(drawn) == len(faces)


def test_long_name_is_broken_into_lines_where_that_makes_it_larger(paper: Paper) -> None:
    name = "Maximilian Alexander von und zu Hohenstein"
    wide = _ink(_rendered(paper.mark(_typed(name), width=600, height=40, caption=(), language="en"), 600, 40))
    square = _ink(_rendered(paper.mark(_typed(name), width=120, height=60, caption=(), language="en"), 120, 60))
    assert wide is not None
    assert square is not None
    assert (wide[2] - wide[0]) / (wide[3] - wide[1]) > 8
    assert (square[2] - square[0]) / (square[3] - square[1]) < 5


def test_mark_is_in_the_middle_by_its_ink(paper: Paper) -> None:
    for name in ("李雷", "José", "one"):
        ink = _ink(_rendered(paper.mark(_typed(name), width=180, height=60, caption=(), language="en"), 180, 60))
        assert ink is not None
        assert (ink[0] + ink[2]) / 2 == pytest.approx(90, abs=1.5)
        assert (ink[1] + ink[3]) / 2 == pytest.approx(30, abs=1.5)


@pytest.mark.parametrize(("height", "lines"), [(20, 0), (27, 0), (30, 1), (45, 2), (60, 3)])
def test_low_box_has_fewer_lines_of_caption(paper: Paper, height: int, lines: int) -> None:
    ops = paper.mark(_typed("Ada"), width=200, height=height, caption=CAPTION, language="en")
    assert len(_spoken(ops)) == 1 + lines


def test_caption_lines_are_joined_before_any_is_dropped(paper: Paper) -> None:
    wide = _spoken(paper.mark(_typed("Ada"), width=220, height=45, caption=CAPTION, language="en"))
    assert wide == ["Ada", "Signed by Ada", "2026-11-24 12:00 CST · SMS code"]
    narrow = _spoken(paper.mark(_typed("Ada"), width=60, height=30, caption=CAPTION, language="en"))
    assert narrow == ["Ada", "Signed by Ada"]


def test_words_of_a_mark_are_its_actual_text(paper: Paper) -> None:
    ops = paper.mark(_typed("李雷"), width=180, height=60, caption=CAPTION, language="en")
    assert _spoken(ops) == ["李雷", *CAPTION]


def test_readers_extract_the_words_of_a_mark_when_a_hidden_font_is_promised(paper: Paper) -> None:
    ops = Paper(FONTS, hidden_font="Hidden").mark(
        _typed("李雷"), width=180, height=60, caption=("由李雷签署", "短信验证码"), language="zh_Hans_CN"
    )
    text = _words_of(_page(ops, hidden_font="Hidden"))
    assert "".join(text.split()) == "李雷由李雷签署短信验证码"
    plain = paper.mark(_typed("李雷"), width=180, height=60, caption=(), language="en")
    assert _words_of(_page(plain)) == ""


@pytest.mark.parametrize("kind", ["drawn", "seal"])
def test_the_invisible_letter_hides_nothing_that_comes_after_it(paper: Paper, kind: str) -> None:
    """The rendering mode outlives its text object: what is set in type behind it was invisible once."""
    mark = _drawn(_loops()) if kind == "drawn" else SEALS[0]
    hidden = Paper(FONTS, hidden_font="Helv").with_type(None)
    ops = hidden.mark(mark, width=208, height=76, caption=CAPTION, language="en").ops
    before, after = ops.split(b" 3 Tr ")
    assert before.rpartition(b"\n")[2].startswith(b"q BT")
    assert after.partition(b"\n")[0].endswith(b"ET Q")
    assert after.count(b"BT") == len(CAPTION)


def test_preview_has_the_shapes_of_the_paper(paper: Paper) -> None:
    for mark in (_typed("José 李雷"), _drawn(_loops())):
        ink = _ink(_rendered(paper.mark(mark, width=180, height=60, caption=(), language="en"), 180, 60))
        assert ink is not None
        svg = _svg_ends(paper.mark_svg(mark, width=180, height=60))
        assert (svg[0], svg[2]) == pytest.approx((ink[0], ink[2]), abs=1.2)
        assert (60 - svg[3], 60 - svg[1]) == pytest.approx((ink[1], ink[3]), abs=1.2)


def test_preview_escapes_the_name(paper: Paper) -> None:
    svg = paper.mark_svg(_typed('<script>"&\x00'), width=90, height=30)
    assert "<title>&lt;script&gt;&quot;&amp;</title>" in svg
    assert 'fill="currentColor"' in svg


@pytest.mark.parametrize("name", ["", "\u200b", "\ud800", "\n", "a" * 120])
def test_strange_names_draw_something_and_break_nothing(paper: Paper, name: str) -> None:
    ops = paper.mark(_typed(name), width=120, height=60, caption=(name, name), language="en")
    assert _inside(_ink(_rendered(ops, 120, 60)) or (0, 0, 0, 0), 120, 60)
    assert paper.mark_svg(_typed(name), width=60, height=20).startswith("<svg")


# --- pen strokes ---------------------------------------------------------------------------------------


def test_drawn_mark_stays_in_its_box_at_every_size(paper: Paper) -> None:
    for strokes in (_loops(), _zigzag(), (((0, 0, 0, 500), (900, 0, 300, 500)),)):
        for width, height in SIZES:
            ops = paper.mark(_drawn(strokes), width=width, height=height, caption=CAPTION, language="en")
            assert _inside(_ink(_rendered(ops, width, height)) or (-99, 0, 0, 0), width, height)


def test_drawn_mark_keeps_its_proportions(paper: Paper) -> None:
    square = ((0, 0, 0, 500), (800, 0, 99, 500), (800, 800, 199, 500), (0, 800, 299, 500), (0, 0, 399, 500))
    ink = _ink(_rendered(paper.mark(_drawn((square,)), width=220, height=60, caption=(), language="en"), 220, 60))
    assert ink is not None
    assert ink[2] - ink[0] == pytest.approx(ink[3] - ink[1], abs=4)
    assert ink[3] - ink[1] > 45


@pytest.mark.parametrize("shape", ["loops", "zigzag", "spiral", "knot"])
def test_outline_of_a_line_is_all_of_it_and_no_more(shape: str) -> None:
    """Against a round nib set down everywhere along the path: the same ink, without holes or spikes."""
    stroke = {"loops": _loops(), "zigzag": _zigzag(), "spiral": _spiral(), "knot": _knot()}[shape][0]
    halves = [0.5 + 0.6 * math.sin(n / 7) ** 2 for n in range(len(stroke))]
    dots = [Dot(20 + p[0] * 0.05, 5 + p[1] * 0.05, half) for p, half in zip(stroke, halves, strict=True)]
    path = "\n".join(f"{' '.join(f'{n:.3f}' for n in ns)} {op}" for figure in outline(dots, 1.0) for op, ns in figure)
    drawn = _rendered(f"{path}\nf\n".encode(), 180, 60, scale=8).point(lambda v: 255 if v < 128 else 0)
    missing = ImageChops.subtract(_dotted(dots, 8, thinner=0.2), drawn)
    spilled = ImageChops.subtract(drawn, _dotted(dots, 8, thinner=-0.2))
    assert _share(drawn, drawn) == 1
    assert _share(missing, drawn) < 0.002
    assert _share(spilled, drawn) < 0.002


def test_slow_line_is_thicker_than_a_fast_one(paper: Paper) -> None:
    slow = tuple((x, 100, x * 4, 500) for x in range(0, 1001, 20))
    fast = tuple((x, 500, 9000 + x // 4, 500) for x in range(0, 1001, 20))
    assert _thickness(paper, slow, fast) > 1.3


def test_pressed_line_is_thicker_than_a_light_one(paper: Paper) -> None:
    hard = tuple((x, 100, x, 900 + x % 3) for x in range(0, 1001, 20))
    light = tuple((x, 500, 2000 + x, 150 + x % 3) for x in range(0, 1001, 20))
    assert _thickness(paper, hard, light) > 1.5


# --- values ----------------------------------------------------------------------------------------------


SEALS = (
    round_seal("示例科技（杭州）有限公司", middle="合同专用章", foot="91350100M000100Y43"),
    round_seal("北京某某某某某某国际信息技术股份有限公司上海分公司", middle="财务专用章", foot="91110000600037341L"),
    round_seal("Beispiel Maschinenbau Aktiengesellschaft & Compagnie Kommanditgesellschaft", foot="DE136695976"),
    round_seal("ACME"),
    image_seal(
        "ACME", [b"\xff" * 8, *[b"\x80" + bytes(6) + b"\x01"] * 62, b"\xff" * 8], width=64, colour=(190, 20, 30)
    ),
)


@pytest.mark.parametrize("seal", SEALS, ids=lambda seal: seal.name[:12])
@pytest.mark.parametrize(("width", "height"), [(150, 150), (208, 76), (60, 120), (40, 30)])
def test_a_seal_is_round_and_red_and_stays_in_its_box(paper: Paper, seal: Mark, width: int, height: int) -> None:
    ops = paper.mark(seal, width=width, height=height, caption=(), language="en")
    ink = _ink(_rendered(ops, width, height))
    assert ink is not None
    assert _inside(ink, width, height)
    assert abs((ink[2] - ink[0]) - (ink[3] - ink[1])) < 1.5
    colours = _coloured(ops, width, height).getcolors(1_000_000)
    assert colours
    darkest = min((colour for _, colour in colours), key=sum)
    assert darkest[0] > 120 > darkest[1]


def test_the_rim_of_a_seal_is_empty_inside_and_its_star_is_full(paper: Paper) -> None:
    picture = _coloured(paper.mark(SEALS[3], width=100, height=100, caption=(), language="en"), 100, 100)
    at = (EDGE + 50) * 4
    middle, beside = picture.getpixel((at, at)), picture.getpixel((at + 100, at + 80))
    assert isinstance(middle, tuple)
    assert isinstance(beside, tuple)
    assert middle[1] < 80
    assert beside[1] > 240


def test_a_seal_is_never_larger_than_forty_millimetres(paper: Paper) -> None:
    ink = _ink(_rendered(paper.mark(SEALS[0], width=300, height=300, caption=(), language="en"), 300, 300))
    assert ink is not None
    assert 108 < ink[2] - ink[0] <= 114


def test_a_caption_stands_beside_a_seal_where_there_is_room(paper: Paper) -> None:
    ops = paper.mark(SEALS[0], width=208, height=76, caption=CAPTION, language="en")
    picture = _coloured(ops, 208, 76)
    red = picture.convert("RGB").split()
    seal = ImageChops.subtract(red[0], red[1]).point(lambda v: 255 if v > 90 else 0).getbbox()
    assert seal is not None
    assert (seal[2] - seal[0]) / 4 > 70
    assert seal[2] / 4 - EDGE < 80
    assert CAPTION[0] in _spoken(ops)


def test_words_of_a_seal_are_its_actual_text_and_its_preview_has_its_colour(paper: Paper) -> None:
    ops = paper.mark(SEALS[0], width=150, height=150, caption=(), language="en")
    assert _spoken(ops) == ["示例科技（杭州）有限公司 合同专用章 91350100M000100Y43"]
    svg = paper.mark_svg(SEALS[0], width=240, height=240)
    assert 'fill="#c8161d"' in svg
    assert "91350100M000100Y43</title>" in svg


@pytest.mark.parametrize(
    "text",
    ["2026-11-24", "上海市浦东新区世纪大道100号，邮编200120。", "A long value " * 12, "one\ntwo\nthree", "محمد 12"],
)
def test_value_is_never_cut_and_stays_in_its_box(paper: Paper, text: str) -> None:
    for width, height in ((120, 16), (90, 40), (30, 9)):
        ops = paper.text(text, width=width, height=height, language="en")
        assert "".join("".join(_spoken(ops)).split()) == "".join(text.split())
        assert _inside(_ink(_rendered(ops, width, height)) or (-99, 0, 0, 0), width, height)


def test_empty_value_draws_nothing(paper: Paper) -> None:
    assert _ink(_rendered(paper.text("", width=50, height=20, language="en"), 50, 20)) is None


def test_chinese_line_does_not_begin_with_a_full_stop(paper: Paper) -> None:
    text = "甲方应当按时支付租金，乙方应当妥善使用房屋。" * 6
    for width in range(60, 120, 7):
        lines = _spoken(paper.text(text, width=width, height=160, language="zh_Hans_CN"))
        assert len(lines) > 3
        assert not [line for line in lines if line[0] in "，。"]


def test_tick_is_in_its_box(paper: Paper) -> None:
    for width, height in ((10, 10), (14, 30), (60, 18)):
        ink = _ink(_rendered(paper.check(width=width, height=height), width, height))
        assert ink is not None
        assert _inside(ink, width, height)
        assert ink[3] - ink[1] > min(width, height) * 0.5


# --- evidence ----------------------------------------------------------------------------------------------


def test_evidence_says_everything_it_was_given(paper: Paper) -> None:
    page = _evidence(
        title="Lease <b>& more</b> 房屋租赁合同", names=("Ada <i>", "李雷", "Đặng Ngọc Ánh", "محمد عبد الله")
    )
    made = paper.evidence(page, slots=("s1",))
    text = " ".join(_words_of(pikepdf.open(BytesIO(made.content))).split())
    wanted = [
        page.title,
        *(s.name for s in page.signers),
        page.sender_name,
        page.contract_id,
        page.deadline,
        "Landlord",
    ]
    for said in [*wanted, "9F86-D081", page.verify_url, page.consent_version, "•••• 8001"]:
        assert said in text, said
    assert SHA256 in text.replace(" ", "")


def test_a_page_in_latin_letters_brings_one_font(paper: Paper) -> None:
    made = paper.evidence(_evidence(names=("Ada O’Brien", "Grace “Amazing” Hopper")), slots=())
    document = pikepdf.open(BytesIO(made.content))
    assert len(document.pages[0].Resources.Font) == 1
    assert len(made.content) < 11_000


def test_dots_in_names_and_in_masks_are_told_apart(paper: Paper) -> None:
    made = paper.evidence(_evidence(names=("阿依古丽·买买提", "Gal·la")), slots=())
    text = " ".join(_words_of(pikepdf.open(BytesIO(made.content))).split())
    assert all(said in text for said in ("阿依古丽·买买提", "Gal·la", "•••• 8001"))


def test_evidence_has_a_box_for_every_slot_and_the_seal(paper: Paper) -> None:
    page = _evidence(names=tuple(f"Signer {n} 签署人" for n in range(40)))
    slots = tuple(signer.id for signer in page.signers[::2])
    made = paper.evidence(page, slots=slots)
    document = pikepdf.open(BytesIO(made.content))
    assert set(made.boxes) == {*slots, "seal"}
    assert 1 < len(document.pages) < 10
    for number, x0, y0, x1, y1 in made.boxes.values():
        assert 1 <= number <= len(document.pages)
        assert 40 < x0 < x1 < 555
        assert 50 < y0 < y1 < 800
        assert x1 - x0 >= 150
        assert y1 - y0 >= 50
    assert not _overlapping(list(made.boxes.values()))


def test_nothing_is_written_into_a_box_or_beyond_the_margins(paper: Paper) -> None:
    title = "关于上海市浦东新区世纪大道一百号房屋长期租赁与保证金之补充协议" * 4
    page = _evidence(
        title=title, names=("Maximilian Alexander von und zu Hohenstein-Württemberg " * 2, "李" * 60, "w" * 100)
    )
    made = paper.evidence(page, slots=tuple(s.id for s in page.signers))
    pdf = pypdfium2.PdfDocument(made.content)
    for number, sheet in enumerate(pdf, start=1):
        words = sheet.get_textpage()
        letters = [words.get_charbox(i) for i in range(words.count_chars()) if words.get_text_range(i, 1).strip()]
        boxes = [box[1:] for box in made.boxes.values() if box[0] == number]
        assert letters
        for x0, y0, x1, y1 in letters:
            assert x0 > 54
            assert x1 < 541
            assert y0 > 25
            assert not [b for b in boxes if x0 < b[2] and x1 > b[0] and y0 < b[3] and y1 > b[1]]


def test_two_signers_fit_on_one_page(paper: Paper) -> None:
    for language in ("en", "zh_Hans_CN"):
        page = _evidence(names=("李雷", "Han Meimei"), language=language)
        made = paper.evidence(page, slots=tuple(s.id for s in page.signers))
        assert len(pikepdf.open(BytesIO(made.content)).pages) == 1


def test_same_evidence_gives_the_same_bytes(paper: Paper) -> None:
    page = _evidence()
    assert paper.evidence(page, slots=()).content == Paper(FONTS).evidence(page, slots=()).content


def test_evidence_is_small_and_embeds_every_font(paper: Paper) -> None:
    made = paper.evidence(_evidence(title="房屋租赁合同补充协议", names=("李雷", "韩梅梅", "محمد")), slots=("s0",))
    assert len(made.content) < 60_000
    document = pikepdf.open(BytesIO(made.content))
    fonts = document.pages[0].Resources.Font
    assert len(fonts) == 2
    for font in fonts.values():
        assert "/FontFile2" in font.DescendantFonts[0].FontDescriptor
        assert re.match(r"/[A-Z]{6}\+", str(font.BaseFont))


@pytest.mark.parametrize(
    ("language", "caption"),
    [
        (
            "en",
            "Signed by Jörg Ω · Confirmed by face video · identity document and face checked, confirmed by a source",
        ),
        ("zh_Hans_CN", "由Jörg Ω签署 · 以人脸视频确认 · 2026年11月28日"),
    ],
)
def test_captions_are_set_in_the_face_that_the_page_brought(paper: Paper, language: str, caption: str) -> None:
    """A letter that it lacks would bring a font into every signer's revision."""
    made = paper.evidence(_evidence(names=("Jörg Ω",), language=language), slots=())
    document = pikepdf.open(BytesIO(made.content))
    font = document.pages[0].Resources.Font.F0
    known = KnownFont.read(b"1 0 R", to_unicode=font.ToUnicode.read_bytes(), widths=[500.0] * 999)
    drawn = paper.with_type(known).mark(Mark("drawn", "x"), width=600, height=90, caption=(caption,), language=language)
    assert set(drawn.fonts) <= {"F"}


def test_a_later_revision_finds_every_letter_that_the_page_brought(paper: Paper) -> None:
    """Whether the map lists them one by one, as earlier pages did, or in rows."""
    rows = b"2 beginbfrange\n<0001> <0003> <0061>\n<0104> <0105> <00FE>\nendbfrange\n"
    single = b"1 beginbfchar\n<0006> <00660069>\nendbfchar"
    font = KnownFont.read(b"1 0 R", to_unicode=rows + single, widths=[500.0] * 300)
    known = {said: font._codes[said] for said in font._codes}
    assert known == {"a": 1, "b": 2, "c": 3, "þ": 260, "ÿ": 261, "fi": 6}


def test_code_on_the_page_is_the_address_to_verify(paper: Paper) -> None:
    page = _evidence()
    modules = [[bool(m) for m in row] for row in segno.make(page.verify_url, error="m", micro=False).matrix]
    picture = _picture(paper.evidence(page, slots=()).content, scale=6)
    side, left, top = 78.0, 539.28 - 78.0, 56.0
    step = side / len(modules)
    for y, row in enumerate(modules):
        for x, dark in enumerate(row):
            seen = picture.getpixel((int((left + (x + 0.5) * step) * 6), int((top + (y + 0.5) * step) * 6)))
            assert (seen < 128) is dark


def test_poppler_draws_what_pdfium_draws(paper: Paper, tmp_path: Path) -> None:
    if shutil.which("pdftoppm") is None:
        assert os.environ.get("CI") != "true", "poppler-utils is missing"
        pytest.skip("no poppler-utils")
    page = _evidence(names=("李雷", "محمد عبد الله"))
    mark = paper.mark(_drawn(_loops()), width=500, height=200, caption=CAPTION, language="en")
    sheet = BytesIO()
    _page(mark, width=500, height=200).save(sheet)
    for number, content in enumerate((paper.evidence(page, slots=("s0",)).content, sheet.getvalue())):
        path = tmp_path / f"{number}.pdf"
        path.write_bytes(content)
        command = ["pdftoppm", "-r", "144", "-gray", "-singlefile", str(path), str(path.with_suffix(""))]
        ran = subprocess.run(command, capture_output=True, check=True)
        assert ran.stderr == b""
        with Image.open(path.with_suffix(".pgm")) as theirs:
            small = (theirs.width // 4, theirs.height // 4)  # past how each smooths an edge
            ours = _picture(content, scale=2).resize(small, Image.Resampling.BOX)
            apart = ImageStat.Stat(ImageChops.difference(ours, theirs.resize(small, Image.Resampling.BOX)))
            assert apart.mean[0] < 2
            assert ImageStat.Stat(ours).mean[0] < 253


# --- fonts -------------------------------------------------------------------------------------------------


def test_paper_knows_which_names_it_can_write(paper: Paper) -> None:
    for name in ("李雷", "José Álvarez-Ñandú", "Đặng Ngọc Ánh", "محمد عبد الله", "Иван", "Łukasz"):
        assert paper.covers(name), name
    assert not paper.covers("Ada 𓀀")


def test_missing_fonts_are_named(paper: Paper, tmp_path: Path) -> None:
    assert paper.missing_fonts() == []
    assert "ma-shan-zheng" in Paper(tmp_path).missing_fonts()
    shutil.copy(FONTS / "caveat.ttf", tmp_path / "noto-sans-sc-regular.ttf")
    assert "noto-sans-sc-regular (Chinese)" in Paper(tmp_path).missing_fonts()


def test_drawing_without_fonts_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="font_missing"):
        Paper(tmp_path).text("x", width=10, height=10, language="en")


# --- building and looking ------------------------------------------------------------------------------------


def _typed(name: str, face: str = "auto") -> Mark:
    return Mark(kind="typed", name=name, face=face)


def _drawn(strokes: tuple[tuple[Point, ...], ...]) -> Mark:
    return Mark(kind="drawn", name="Ada", strokes=strokes)


def _loops() -> tuple[tuple[Point, ...], ...]:
    wave = [i / 160 * 10 * math.pi for i in range(160)]
    loops = tuple(
        (int(i * 14 + 180 * math.sin(u)), int(500 + (330 * math.exp(-i / 60) + 110) * math.cos(u)), i * 8, 500)
        for i, u in enumerate(wave)
    )
    return loops, tuple((100 + i * 95, 920 - i * 3, 2000 + i * 8, 500) for i in range(24))


def _zigzag() -> tuple[tuple[Point, ...], ...]:
    corners = [(i * 180, 900 * (i % 2)) for i in range(9)]
    path = [
        (ax + (bx - ax) * k // 8, ay + (by - ay) * k // 8) for (ax, ay), (bx, by) in pairwise(corners) for k in range(8)
    ]
    return (tuple((x, y, i * 9, 500) for i, (x, y) in enumerate(path)),)


def _spiral() -> tuple[tuple[Point, ...], ...]:
    """Ends in turns that are tighter than the pen is wide."""
    turns = [(400 * (1 - i / 200), i / 9) for i in range(200)]
    return (
        tuple((int(500 + r * math.cos(a)), int(500 + r * math.sin(a)), i * 8, 500) for i, (r, a) in enumerate(turns)),
    )


def _knot() -> tuple[tuple[Point, ...], ...]:
    """There and back, and a hook: what a hesitating hand does."""
    path = [(0, 0), (900, 30), (880, 60), (20, 40), (20, 44), (30, 40), (500, 900), (505, 905), (500, 910), (490, 900)]
    return (tuple((x, y, n * 30, 500) for n, (x, y) in enumerate(path)),)


def _evidence(*, title: str = "Lease", names: Sequence[str] = ("Ada", "Grace"), language: str = "en") -> EvidencePage:
    signers = tuple(
        EvidenceSigner(id=f"s{n}", name=name, role="Landlord" if n % 2 else "", contact=f"•••• {8000 + n}", order=n + 1)
        for n, name in enumerate(names)
    )
    return EvidencePage(
        contract_id="c_01HQ2Z7K9M4X",
        title=title,
        sender_name="José Álvarez-Ñandú",
        document_sha256=SHA256,
        pages=12,
        deadline="2026-12-01 18:00 CST",
        language=language,
        signers=signers,
        verify_url="https://sign.example.org/verify",
        consent_version="2026-11-1",
    )


def _page(ops: bytes, *, width: float = 180, height: float = 60, hidden_font: str = "") -> pikepdf.Pdf:
    """A page with the box in its middle."""
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(width + 2 * EDGE, height + 2 * EDGE))
    page.obj.Contents = pdf.make_stream(f"1 0 0 1 {EDGE} {EDGE} cm\n".encode() + ops)
    if hidden_font:
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary({f"/{hidden_font}": font}))
    return pdf


def _coloured(ops: bytes, width: float, height: float) -> Image.Image:
    out = BytesIO()
    _page(ops, width=width, height=height).save(out)
    pdf = pypdfium2.PdfDocument(out.getvalue())
    try:
        return pdf[0].render(scale=4).to_pil().convert("RGB")
    finally:
        pdf.close()


def _rendered(ops: bytes, width: float, height: float, *, scale: float = 4) -> Image.Image:
    out = BytesIO()
    _page(ops, width=width, height=height).save(out)
    return _picture(out.getvalue(), scale=scale)


def _picture(content: bytes, *, scale: float) -> Image.Image:
    pdf = pypdfium2.PdfDocument(content)
    try:
        return pdf[0].render(scale=scale, grayscale=True).to_pil().convert("L")
    finally:
        pdf.close()


def _ink(picture: Image.Image, *, scale: float = 4) -> tuple[float, float, float, float] | None:
    """x0, y0, x1, y1 of what is dark, in points from the box's lower left corner."""
    box = picture.point(lambda v: 255 if v < 235 else 0).getbbox()
    if box is None:
        return None
    height = picture.height / scale - EDGE
    return box[0] / scale - EDGE, height - box[3] / scale, box[2] / scale - EDGE, height - box[1] / scale


def _inside(ink: tuple[float, float, float, float], width: float, height: float) -> bool:
    slack = 0.3
    return ink[0] >= -slack and ink[1] >= -slack and ink[2] <= width + slack and ink[3] <= height + slack


def _dotted(dots: Sequence[Dot], scale: float, *, thinner: float) -> Image.Image:
    """Round dots all along the path, each so much thinner in points."""
    picture = Image.new("L", (int((180 + 2 * EDGE) * scale), int((60 + 2 * EDGE) * scale)))
    draw = ImageDraw.Draw(picture)
    for a, b in pairwise(dots):
        for k in range(257):
            x, y = a.x + (b.x - a.x) * k / 256 + EDGE, 60 + EDGE - (a.y + (b.y - a.y) * k / 256)
            r = max(a.half + (b.half - a.half) * k / 256 - thinner, 0.05)
            draw.ellipse([n * scale for n in (x - r, y - r, x + r, y + r)], fill=255)
    return picture


def _share(part: Image.Image, whole: Image.Image) -> float:
    return part.histogram()[255] / max(whole.histogram()[255], 1)


def _thickness(paper: Paper, upper: tuple[Point, ...], lower: tuple[Point, ...]) -> float:
    """How many times thicker the upper of two lines is, in the middle."""
    ops = paper.mark(_drawn((upper, lower)), width=180, height=60, caption=(), language="en")
    column = _rendered(ops, 180, 60, scale=20).crop((2200, 0, 2201, 2000))
    dark = [255 - value for value in column.tobytes()]
    middle = (min(i for i, v in enumerate(dark) if v) + max(i for i, v in enumerate(dark) if v)) // 2
    return sum(dark[:middle]) / sum(dark[middle:])


def _spoken(ops: bytes) -> list[str]:
    return [bytes.fromhex(text).decode("utf-16") for text in re.findall(r"ActualText <(\w+)>", ops.decode())]


def _words_of(pdf: pikepdf.Pdf) -> str:
    out = BytesIO()
    pdf.save(out)
    document = pypdfium2.PdfDocument(out.getvalue())
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


def _svg_ends(svg: str) -> tuple[float, float, float, float]:
    """Of the end points of the path's segments, which is close enough to the ink."""
    data = re.search(r' d="([^"]+)"', svg)
    assert data
    ends = [numbers.split()[-2:] for letter, numbers in re.findall(r"([MLC])([^MLCZ]+)", data[1])]
    xs, ys = [float(x) for x, _ in ends], [float(y) for _, y in ends]
    return min(xs), min(ys), max(xs), max(ys)


def _overlapping(boxes: list[tuple[int, float, float, float, float]]) -> list[tuple[int, int]]:
    return [
        (i, j)
        for i, a in enumerate(boxes)
        for j, b in enumerate(boxes[:i])
        if a[0] == b[0] and a[1] < b[3] and b[1] < a[3] and a[2] < b[4] and b[2] < a[4]
    ]
