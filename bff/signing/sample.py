"""The sample contract: two short pages that say, in the reader's language, what happens when they are signed.

It is a real PDF made from our own words, so that the first minute in a new house shows the whole way. The place for the
signature is drawn at the foot of the last page; `Desk.send_sample` puts the fields there.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph, Spacer

from bff.core.errors import Fault
from bff.words import mark as _
from bff.words import words

TEXT, BOLD = "noto-sans-sc-regular", "noto-sans-sc-bold"
INK, QUIET, ACCENT = HexColor("#17211f"), HexColor("#4c5955"), HexColor("#0b5f63")
SIGN_HERE_TOP, SIGN_HERE_LEFT, SIGN_HERE_WIDTH = 0.82, 0.116, 0.39
"""Of the page: where the line under the signature lies."""

TITLE = _("Sample contract: a cup of tea")
PARTS = (
    (
        _("1. What this is"),
        _(
            "This is a sample. It shows on your own phone how a contract is read, signed and sealed here. It binds"
            " nobody to anything but a cup of tea."
        ),
    ),
    (
        _("2. The cup of tea"),
        _(
            "%(name)s promises to pause for one cup of tea, or coffee, before the end of this week, and to look out of"
            " a window while drinking it."
        ),
    ),
    (
        _("3. How you sign"),
        _(
            "You open the link, read these pages, choose how your signature looks and confirm with a code or with your"
            " fingerprint or face. What you confirm names the exact fingerprint of this document: a confirmation given"
            " for this page is worthless on any other."
        ),
    ),
    (
        _("4. What comes out"),
        _(
            "A PDF that every ordinary reader can check. It carries inside itself who signed, what they were shown,"
            " when it was and with what intent, with timestamps of an authority. You can check it years from"
            " now without us."
        ),
    ),
    (
        _("5. Where it is kept"),
        _(
            "The sealed document is written to several places and read back from each before it counts as archived."
            " You find it in your list, under its title and the names of everybody who signed."
        ),
    ),
)
FOOT = _("Sample contract of %(organisation)s")
SIGN_HERE = _("Signature and date")


def sample(fonts: Path, *, name: str, organisation: str, language: str) -> bytes:
    """The sample contract as a PDF. Raises Fault `fonts_missing`."""
    say = words(language)
    parts = [(say(heading), say(body) % {"name": name}) for heading, body in PARTS]
    foot = say(FOOT) % {"organisation": organisation}
    return typeset(
        fonts, title=say(TITLE), parts=parts, foot=foot, line=say(SIGN_HERE), author=organisation, language=language
    )


def typeset(
    fonts: Path,
    *,
    title: str,
    parts: Sequence[tuple[str, str]],
    foot: str,
    line: str,
    author: str,
    language: str,
) -> bytes:
    """A short contract of headings and paragraphs, with a line to sign on at its fixed place. Raises Fault `fonts_missing`."""
    _register(fonts)
    out = BytesIO()
    document = BaseDocTemplate(
        out,
        pagesize=A4,
        title=title,
        author=author,
        lang="zh-CN" if language.startswith("zh") else "en",
        invariant=True,
    )
    frame = Frame(24 * mm, 24 * mm, A4[0] - 48 * mm, A4[1] - 44 * mm, leftPadding=0, rightPadding=0)

    def every_page(canvas: Canvas, _document: BaseDocTemplate) -> None:
        _page(canvas, foot=foot)

    document.addPageTemplates([PageTemplate(frames=[frame], onPage=every_page)])
    document.build([*_story(title, parts, language), _SignHere(line)])
    return out.getvalue()


def _register(fonts: Path) -> None:
    try:
        for face in (TEXT, BOLD):
            pdfmetrics.registerFont(TTFont(face, str(fonts / f"{face}.ttf")))
    except (TTFError, OSError) as error:
        raise Fault("fonts_missing", what="The text fonts cannot be read.", do="Run: make setup") from error


def _story(title: str, parts: Sequence[tuple[str, str]], language: str) -> list[Flowable]:
    wrap = "CJK" if language.startswith("zh") else None
    text = ParagraphStyle(
        "text", fontName=TEXT, fontSize=11, leading=17.5, textColor=INK, wordWrap=wrap, alignment=TA_LEFT
    )
    head = ParagraphStyle("head", text, fontName=BOLD, fontSize=12.5, leading=18, textColor=ACCENT, spaceBefore=13)
    top = ParagraphStyle("top", text, fontName=BOLD, fontSize=23, leading=30, spaceAfter=8)
    story: list[Flowable] = [Paragraph(escape(title), top)]
    for heading, body in parts:
        story += [Paragraph(escape(heading), head), Spacer(1, 4), Paragraph(escape(body), text)]
    return story


def _page(canvas: Canvas, *, foot: str) -> None:
    canvas.saveState()
    canvas.setFillColor(ACCENT)
    canvas.rect(0, A4[1] - 3 * mm, A4[0], 3 * mm, stroke=0, fill=1)
    canvas.setFont(TEXT, 8.5)
    canvas.setFillColor(QUIET)
    canvas.drawString(24 * mm, 13 * mm, foot)
    canvas.drawRightString(A4[0] - 24 * mm, 13 * mm, str(canvas.getPageNumber()))
    canvas.restoreState()


class _SignHere(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """The line to sign on, at its fixed place on the page."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        return width, 0

    def drawOn(self, canvas: Canvas, x: float, y: float, _sW: float = 0) -> None:
        left, line = SIGN_HERE_LEFT * A4[0], (1 - SIGN_HERE_TOP) * A4[1]
        canvas.saveState()
        canvas.setStrokeColor(QUIET)
        canvas.setLineWidth(0.6)
        canvas.line(left, line, left + 0.704 * A4[0], line)
        canvas.setFont(TEXT, 8.5)
        canvas.setFillColor(QUIET)
        canvas.drawString(left, line - 12, self._label)
        canvas.restoreState()
