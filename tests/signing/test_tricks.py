"""What a file does, carries or shows only sometimes: each kind is named once, and a program is not passed on."""

import io
import zlib
from collections.abc import Callable
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Pdf, Stream, String

from bff.core.errors import Refusal
from bff.routes.refusals import SENTENCES
from bff.routes.telling import NOTES
from bff.signing import tricks
from bff.signing.intake import REFUSALS, WARNINGS

SCRIPT = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))


def paper() -> Pdf:
    pdf = Pdf.new()
    pdf.add_blank_page(page_size=(400, 600))
    return pdf


def found(pdf: Pdf) -> set[str]:
    """As intake meets it: saved, and read again."""
    content = io.BytesIO()
    pdf.save(content)
    with pikepdf.open(io.BytesIO(content.getvalue())) as again:
        tricks.check_weight(again)
        return set(tricks.noticed(again))


def with_note(pdf: Pdf, **entries: Any) -> Pdf:
    note = Dictionary(Type=Name.Annot, Rect=Array([10, 10, 90, 40]), **entries)
    pdf.pages[0].obj.Annots = Array([pdf.make_indirect(note)])
    return pdf


def drawn(pdf: Pdf, content: bytes = b"0 0 m", **entries: Any) -> Dictionary:
    return Dictionary(
        N=Stream(pdf, content, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 80, 30]), **entries)
    )


def with_value(value: str, shown: bytes, *, font: Name = Name.Type1, **entries: Any) -> Pdf:
    pdf = paper()
    letters = Dictionary(Font=Dictionary(F=Dictionary(Type=Name.Font, Subtype=font, BaseFont=Name.Helvetica)))
    with_note(
        pdf,
        Subtype=Name.Widget,
        FT=Name.Tx,
        T=String("sum"),
        V=String(value),
        F=4,
        AP=drawn(pdf, b"BT /F 9 Tf (%b) Tj ET" % shown, Resources=letters),
    )
    pdf.Root.AcroForm = Dictionary(Fields=pdf.pages[0].obj.Annots, **entries)
    return pdf


def with_layer(*, usage: Dictionary | None = None, **usual: Any) -> Pdf:
    pdf = paper()
    layer = pdf.make_indirect(Dictionary(Type=Name.OCG, Name=String("clause 7")))
    if usage is not None:
        layer.Usage = usage
    rules = {key: Array([layer]) if value == "layer" else value for key, value in usual.items()}
    if usage is not None:
        rules["AS"] = Array([Dictionary(Event=Name.Print, Category=Array([Name.Print]), OCGs=Array([layer]))])
    pdf.Root.OCProperties = Dictionary(OCGs=Array([layer]), D=Dictionary(**rules))
    return pdf


def with_font(**font: Any) -> Pdf:
    pdf = paper()
    letters = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.TrueType, **font))
    pdf.pages[0].obj.Resources = Dictionary(Font=Dictionary(F=letters))
    return pdf


def with_page_action(action: Dictionary) -> Pdf:
    pdf = paper()
    pdf.pages[0].obj.AA = Dictionary(O=action)
    return pdf


def with_outside_stream() -> Pdf:
    pdf = paper()
    picture = pdf.make_stream(b"", F=String("//elsewhere/price.txt"))
    pdf.pages[0].obj.Resources = Dictionary(XObject=Dictionary(X=picture))
    return pdf


def with_other_picture_for_print() -> Pdf:
    pdf = paper()
    plain = {"Type": Name.XObject, "Subtype": Name.Image, "Width": 1, "Height": 1}
    other = pdf.make_stream(b"\x00", **plain, BitsPerComponent=8, ColorSpace=Name.DeviceGray)
    shown = pdf.make_stream(b"\xff", **plain, BitsPerComponent=8, ColorSpace=Name.DeviceGray)
    shown.Alternates = Array([Dictionary(Image=other, DefaultForPrinting=True)])
    pdf.pages[0].obj.Resources = Dictionary(XObject=Dictionary(X=shown))
    return pdf


def with_stamp(flags: int, *, kind: Name = Name.Stamp) -> Pdf:
    pdf = paper()
    return with_note(pdf, Subtype=kind, F=flags, AP=drawn(pdf))


FOUND: dict[str, tuple[Callable[[], Pdf], set[str]]] = {
    "nothing": (paper, set()),
    "a script on a page": (lambda: with_page_action(SCRIPT), {"javascript"}),
    "a script after a harmless step": (
        lambda: with_page_action(Dictionary(S=Name.GoTo, Next=Array([SCRIPT]))),
        {"javascript"},
    ),
    "a program started by a link": (
        lambda: with_note(paper(), Subtype=Name.Link, A=Dictionary(S=Name.Launch, F=String("calc.exe"))),
        {"launches"},
    ),
    "a click that hides something": (
        lambda: with_note(paper(), Subtype=Name.Link, A=Dictionary(S=Name.Hide, T=String("x"))),
        {"changes_itself"},
    ),
    "a link to a page": (lambda: with_note(paper(), Subtype=Name.Link, A=Dictionary(S=Name.URI)), set()),
    "a film": (lambda: with_note(paper(), Subtype=Name.RichMedia), {"media"}),
    "a layer that is off": (lambda: with_layer(OFF="layer"), {"hidden_layers"}),
    "a layer that is on": (lambda: with_layer(ON="layer"), set()),
    "all layers off": (lambda: with_layer(BaseState=Name.OFF), {"hidden_layers"}),
    "a layer for print": (
        lambda: with_layer(usage=Dictionary(Print=Dictionary(PrintState=Name.OFF))),
        {"layers_vary"},
    ),
    "a layer whose use is only described": (lambda: with_layer(usage=Dictionary(CreatorInfo=Dictionary())), set()),
    "a stamp on the screen alone": (lambda: with_stamp(0), {"print_differs"}),
    "a stamp on paper alone": (lambda: with_stamp(4 | 32), {"print_differs"}),
    "a stamp on both": (lambda: with_stamp(4), set()),
    "a stamp on neither": (lambda: with_stamp(2), set()),
    "a comment": (lambda: with_stamp(0, kind=Name.Text), set()),
    "another picture for print": (with_other_picture_for_print, {"print_differs"}),
    "a value drawn as it is": (lambda: with_value("1,000.00", b"1,000.00"), set()),
    "a value drawn as another": (lambda: with_value("1,000.00", b"9,000.00"), {"form_values_vary"}),
    "a value that readers draw anew": (
        lambda: with_value("1,000.00", b"1,000.00", NeedAppearances=True),
        {"form_values_vary"},
    ),
    "a value in letters that cannot be read": (lambda: with_value("10", b"ab", font=Name.Type0), set()),
    "a stream in another file": (with_outside_stream, {"outside_content"}),
    "a font that is not there": (lambda: with_font(BaseFont=Name("/FangSong")), {"fonts_missing"}),
    "a font that every reader has": (lambda: with_font(BaseFont=Name("/TimesNewRomanPS-BoldItalicMT")), set()),
}


@pytest.mark.parametrize(("make", "codes"), FOUND.values(), ids=FOUND)
def test_each_kind_is_named(make: Callable[[], Pdf], codes: set[str]) -> None:
    assert found(make()) == codes


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("invoice.exe", b"x"),
        ("invoice.pdf.SCR", b"x"),
        ("macro.docm ..", b"x"),
        ("photo.jpg", b"MZ\x90\x00" + bytes(60)),
        ("notes.txt", b"#!/bin/sh\n"),
        ("notes.txt", b"\x7fELF" + bytes(60)),
    ],
)
def test_an_attached_program_is_refused_by_its_name_or_its_beginning(name: str, content: bytes) -> None:
    pdf = paper()
    pdf.attachments[name] = content
    with pytest.raises(Refusal, match="executable_attached"):
        found(pdf)


def test_a_program_behind_a_paper_clip_is_refused_too() -> None:
    pdf = paper()
    inside = Dictionary(F=pdf.make_stream(b"MZ\x90\x00"))
    with_note(pdf, Subtype=Name.FileAttachment, FS=Dictionary(Type=Name.Filespec, F=String("a.txt"), EF=inside))
    with pytest.raises(Refusal, match="executable_attached"):
        found(pdf)


@pytest.mark.parametrize("name", ["annex.pdf", "table.xlsx", "photo.jpg", "executable"])
def test_an_attached_document_is_mentioned(name: str) -> None:
    pdf = paper()
    pdf.attachments[name] = b"%PDF-1.7 or something else"
    assert found(pdf) == {"attachments"}


def test_what_unpacks_to_too_much_is_found_without_unpacking_it() -> None:
    pdf = paper()
    squeezed = zlib.compress(zlib.compress(b"q " * tricks.STREAM_LIMIT_BYTES, 9), 9)
    pdf.pages[0].obj.Contents = Stream(pdf, squeezed)
    pdf.pages[0].obj.Contents["/Filter"] = Array([Name.FlateDecode, Name.FlateDecode])
    content = io.BytesIO()
    pdf.save(content, compress_streams=False)
    with pikepdf.open(io.BytesIO(content.getvalue())) as bomb, pytest.raises(Refusal, match="too_complex"):
        tricks.check_weight(bomb)


def test_a_font_whose_name_is_no_text_is_a_font_that_is_not_there() -> None:
    content = io.BytesIO()
    with_font(BaseFont=Name("/FangSong")).save(content, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    chinese = content.getvalue().replace(b"/FangSong", b"/\xba\xda\xcc\xe5\xba\xda\xcc\xe5")
    assert chinese != content.getvalue()
    with pikepdf.open(io.BytesIO(chinese)) as pdf:
        assert set(tricks.noticed(pdf)) == {"fonts_missing"}


def test_every_code_has_its_sentence() -> None:
    assert set(WARNINGS) <= set(NOTES)
    assert {f"intake_{code}" for code in REFUSALS} <= set(SENTENCES)
    assert set().union(*(codes for _, codes in FOUND.values())) <= set(WARNINGS)
