"""Paper: what a mark, a filled-in value and the evidence pages look like.

Marks and values are vector outlines: glyphs shaped by HarfBuzz or pen strokes, written as PDF path operators that need
no resources, and the same outlines as SVG for the preview, so nobody signs a picture that they did not see. The
evidence pages are a PDF of their own with embedded font subsets. The same input always gives the same bytes.

Fonts are files in one folder and are read when first needed. A word is set in the first face that has all of its
letters, else letter by letter; what no font has is drawn as the empty box of the text face, never left out. Any further
`noto-*.ttf` that an operator puts into the folder joins the end of the line. Only the directions of whole runs are
reordered (names, dates and sentences), not the nested embeddings of the full bidirectional algorithm.

Readers extract no text from outlines, whatever their ActualText says (measured with poppler and pdfium). A
`hidden_font` names a font resource (plain Helvetica, not embedded) that the writer of the PDF promises; then each line
also shows one invisible letter of it, which carries the words.

This room knows nothing of signatures: who places these operators in a file, and when, is the business of `pades`.
"""

import hashlib
import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from itertools import groupby, pairwise
from math import atan2, cos, hypot, pi, sin
from pathlib import Path
from statistics import median
from typing import Protocol

import segno
import uharfbuzz as hb  # type: ignore[import-untyped]  # ships no types

from bff.core.errors import Fault
from bff.core.intent import fingerprint
from bff.core.mark import Mark, Point, Stamp
from bff.core.ports import EvidencePage, EvidenceSigner
from bff.signing import objects
from bff.signing.objects import Dict
from bff.signing.truetype import TrueType
from bff.words import words

TEXT, BOLD, ARABIC = "noto-sans-sc-regular", "noto-sans-sc-bold", "noto-sans-arabic"
BRUSH, BRUSH_FAST, PEN, SCRIPT = "ma-shan-zheng", "zhi-mang-xing", "caveat", "dancing-script"
FONTS = (TEXT, BOLD, ARABIC, BRUSH, BRUSH_FAST, PEN, SCRIPT)
CHINESE = (TEXT, BOLD, BRUSH, BRUSH_FAST)
WIDE_IN_CHINESE = "‘’“”•·…–—"
"""Signs that Chinese faces draw a whole letter wide: right in a Chinese name, wrong in a Latin one."""
HAVING_NARROW = (TEXT, BOLD)
"""Chinese faces that have those signs narrow as well, by these features."""
NARROW = {"pwid": True, "halt": True}
DOT = {ord("·"): "･"}
"""These faces draw · as they draw •, with one glyph: readers could not tell which was meant. They have this dot besides."""
SAMPLE_HAN = "签名合同李雷"
"""A text face without these cannot set a Chinese contract's evidence."""

INK = (0.07, 0.12, 0.34)
TEXT_COLOUR = (0.13, 0.15, 0.20)
QUIET = (0.42, 0.45, 0.51)
LINE = (0.80, 0.82, 0.86)
TINT = (0.972, 0.977, 0.988)
ACCENT = (0.16, 0.32, 0.66)

Colour = tuple[float, float, float]
Segment = tuple[str, tuple[float, ...]]
Figure = tuple[Segment, ...]
"""A filled shape: m (move), l (line), c (curve), h (close), y upwards, overlapping parts filled (non-zero rule)."""


HIDDEN_FONT = "Helv"
"""The font resource (plain Helvetica) that every appearance of ours brings, for `Paper(hidden_font=…)`."""


class Binder(Protocol):
    """A PDF that takes objects and says how they are referred to."""

    def add(self, value: bytes) -> bytes: ...
    def add_stream(self, values: Dict, data: bytes) -> bytes: ...


class Font(Protocol):
    """What type is set in."""

    def bind(self, binder: Binder) -> bytes:
        """The font's reference in that PDF, put into it where it is not there."""


@dataclass(frozen=True)
class Drawn:
    """Operators and the fonts that they name."""

    ops: bytes
    fonts: Mapping[str, Font]


class EvidencePaper:
    """The evidence pages, and where in them signatures go: page from 1, x0, y0, x1, y1 in points."""

    def __init__(
        self, sheets: "_Sheets", boxes: Mapping[str, tuple[int, float, float, float, float]], language: str
    ) -> None:
        self._sheets = sheets
        self._language = language
        self.boxes = boxes

    def bind(self, binder: Binder) -> tuple[list[Dict], bytes]:
        """Complete pages without a parent yet, and the reference of the font that later revisions may set type in."""
        return self._sheets.bind(binder)

    @cached_property
    def content(self) -> bytes:
        """The pages as a PDF of their own."""
        return _Book(self.bind).pdf(language=self._language)


class Paper:
    """Draws with the fonts of one folder."""

    def __init__(self, fonts: Path, *, hidden_font: str = "") -> None:
        self._fonts = fonts
        self._hidden = hidden_font

    def with_type(self, known: "KnownFont | None") -> "TypePaper":
        """The same hand, with letters set in fonts that the PDF brings (`known`) or is given."""
        return TypePaper(self._fonts, hidden_font=self._hidden, known=known)

    def mark(self, mark: Mark, *, width: float, height: float, caption: tuple[str, ...], language: str) -> bytes:
        """PDF operators that draw the mark over its caption within 0, 0, width, height points."""
        if mark.stamp is not None:
            drawn, lines = self._seal(mark, caption, width=width, height=height)
            return _isolated([drawn, *(self._line_ops(line, QUIET) for line in lines)])
        lines, room = _caption_lines(caption, self._text_faces(), width=width, height=height)
        drawn = self._mark_ops(mark, width=width, height=height - room)
        lifted = f"q 1 0 0 1 0 {_number(room)} cm\n".encode() + drawn + b"Q\n"
        ops = [_span(mark.name, lifted, hidden=self._hidden, x=1.0, y=room + 1.0)]
        if lines:
            ops.append(_rule(width * MARGIN, room, width * (1 - MARGIN), LINE))
        return _isolated([*ops, *(self._line_ops(line, QUIET) for line in lines)])

    def mark_svg(self, mark: Mark, *, width: int, height: int) -> str:
        """The same outlines as an SVG in the current text colour, for the browser's preview."""
        figures: list[Figure] = []
        fill = "currentColor"
        if mark.stamp is not None:
            figures = self._seal_figures(mark.stamp, width=width, height=height, largest=max(width, height))
            fill = "#{:02x}{:02x}{:02x}".format(*mark.stamp.colour)
        elif mark.kind == "drawn":
            figures = _drawn(mark.strokes, width=width, height=height)
        else:
            for line in _typed(mark.name, self._handwriting(mark), width=width, height=height):
                figures += line.figures()
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" fill="{fill}"><title>{_escaped(mark.said)}</title>'
            f'<path d="{_path_data(figures, height)}"/></svg>'
        )

    def text(self, text: str, *, width: float, height: float, language: str) -> bytes:
        """PDF operators for a filled-in value: one line where it fits at a readable size, else wrapped."""
        lines = _value_lines(text, self._text_faces(), width=width, height=height)
        return _isolated([self._line_ops(line, INK) for line in lines])

    def check(self, *, width: float, height: float) -> bytes:
        """PDF operators for a tick."""
        side = min(width, height) * 0.86
        left, bottom = (width - side) / 2, (height - side) / 2
        figures = [_placed(figure, scale=side, x=left, y=bottom) for figure in _tick()]
        return _isolated([_span("✓", _filled(figures, INK), hidden=self._hidden, x=left, y=bottom)])

    def evidence(self, page: EvidencePage, *, slots: tuple[str, ...]) -> EvidencePaper:
        """The pages at the end of the document, with a box for each signer of `slots` and one for "seal"."""
        return _Certificate(page, slots=slots, faces=self._text_faces()).paper()

    def faces(self) -> "Faces":
        """For text and for headings."""
        return self._text_faces()

    def covers(self, text: str) -> bool:
        """Whether every letter of the text is in one of our fonts."""
        return all(any(face.has(c) for face in self._text_faces()) for c in _clusters(_clean(text)))

    def missing_fonts(self) -> list[str]:
        """The font files that are not there, and the text face's name when it has no Chinese."""
        missing = [name for name in FONTS if not self._file(name).is_file()]
        if TEXT not in missing and not _typeface(self._file(TEXT)).has(SAMPLE_HAN):
            missing.append(f"{TEXT} (Chinese)")
        return missing

    def _mark_ops(self, mark: Mark, *, width: float, height: float) -> bytes:
        if mark.kind == "drawn":
            return _filled(_drawn(mark.strokes, width=width, height=height), INK)
        lines = _typed(mark.name, self._handwriting(mark), width=width, height=height)
        return b"".join(line.ops(INK) for line in lines)

    def _seal(
        self, mark: Mark, caption: tuple[str, ...], *, width: float, height: float
    ) -> tuple[bytes, list["PlacedLine"]]:
        """A seal and its caption: side by side where the box is wide enough for both, else one over the other."""
        faces, stamp = self._text_faces(), mark.stamp
        beside = bool(caption) and width >= height * SEAL_BESIDE
        if beside:
            lines, room = _caption_lines(caption, faces, width=width - height, height=height)
            lines = [replace(line, x=line.x + height, y=line.y + (height - room) / 2) for line in lines]
            x, y, wide, tall = 0.0, 0.0, height, height
        else:
            lines, room = _caption_lines(caption, faces, width=width, height=height)
            x, y, wide, tall = 0.0, room, width, height - room
        figures = self._seal_figures(stamp, width=wide, height=tall) if stamp else []
        colour = tuple(part / 255 for part in stamp.colour) if stamp else INK
        placed = [_placed(figure, x=x, y=y) for figure in figures]
        drawn = _filled(placed, (colour[0], colour[1], colour[2]))
        return _span(mark.said, drawn, hidden=self._hidden, x=x + 1.0, y=y + 1.0), lines

    def _seal_figures(self, stamp: Stamp, *, width: float, height: float, largest: float | None = None) -> list[Figure]:
        most = largest or LARGEST_SEAL
        if stamp.shape == "image":
            return _dots(stamp, width=width, height=height, most=most)
        radius = min(width, height, most) / 2 * (1 - MARGIN / 2)
        figures = _round_seal(stamp, self._faces(BOLD))
        return [_placed(figure, scale=radius, x=width / 2, y=height / 2) for figure in figures]

    def _handwriting(self, mark: Mark) -> "Faces":
        """The chosen face first; left to us, a brush for Chinese names and a pen for others."""
        if mark.face != "auto":
            return self._faces(mark.face, SCRIPT, PEN, BRUSH)
        if any(_is_han(c) for c in mark.name):
            return self._faces(BRUSH, BRUSH_FAST, SCRIPT, PEN)
        return self._faces(SCRIPT, PEN, BRUSH)

    def _text_faces(self) -> "Faces":
        return self._faces(TEXT)

    def _faces(self, *first: str) -> "Faces":
        """These faces, then every other one: text faces before handwriting."""
        return _in_order(self._fonts, first)

    def _file(self, name: str) -> Path:
        return self._fonts / f"{name}.ttf"

    def _line_ops(self, line: "PlacedLine", colour: Colour) -> bytes:
        return _span(line.line.text, line.ops(colour), hidden=self._hidden, x=line.x, y=line.y)


class TypePaper:
    """Draws the same in type: a tenth of the bytes, and every reader finds the words."""

    def __init__(self, fonts: Path, *, hidden_font: str, known: "KnownFont | None") -> None:
        self._plain = Paper(fonts, hidden_font=hidden_font)
        self._known = known

    def mark(self, mark: Mark, *, width: float, height: float, caption: tuple[str, ...], language: str) -> Drawn:
        faces = self._plain._text_faces()
        lines, room = _caption_lines(caption, faces, width=width, height=height)
        items: list[Item] = []
        if mark.stamp is not None:
            drawn, lines = self._plain._seal(mark, caption, width=width, height=height)
            return self._set([drawn, *((line, QUIET) for line in lines)])
        if mark.kind == "drawn":
            ops = self._plain._mark_ops(mark, width=width, height=height - room)
            lifted = f"q 1 0 0 1 0 {_number(room)} cm\n".encode() + ops + b"Q\n"
            items.append(_span(mark.name, lifted, hidden=self._plain._hidden, x=1.0, y=room + 1.0))
        else:
            name = _typed(mark.name, self._plain._handwriting(mark), width=width, height=height - room)
            items += [(replace(line, y=line.y + room), INK) for line in name]
        if lines:
            items.append(_rule(width * MARGIN, room, width * (1 - MARGIN), LINE))
        return self._set([*items, *((line, QUIET) for line in lines)])

    def text(self, text: str, *, width: float, height: float, language: str) -> Drawn:
        lines = _value_lines(text, self._plain._text_faces(), width=width, height=height)
        return self._set([(line, INK) for line in lines])

    def seal(self, lines: tuple[str, str], *, width: float, height: float) -> Drawn:
        """Whose seal, large, and when it was asked for, with room around."""
        faces, items = self._plain._text_faces(), []
        for text, up, tall in zip(lines, (0.5, 0.22), (0.3, 0.2), strict=True):
            for line in _value_lines(text, faces, width=0.92 * width, height=tall * height):
                items.append((replace(line, x=line.x + 0.04 * width, y=line.y + up * height), INK))
        return self._set(items)

    def _set(self, items: Sequence["Item"]) -> Drawn:
        lines = [item[0] for item in items if not isinstance(item, bytes)]
        used: dict[str, _Used] = {}
        for line in lines:
            for glyph in line.line.glyphs:
                if not (self._known and self._known.has(glyph)):
                    used.setdefault(glyph.face.name, _Used(glyph.face)).take(glyph)
        subsets = {name: _Subset(one, f"F{index}") for index, (name, one) in enumerate(used.items())}
        known = [self._known] if self._known else []

        def font(glyph: Glyph) -> TypeFont:
            return next((k for k in known if k.has(glyph)), None) or subsets[glyph.face.name]

        ops = [item if isinstance(item, bytes) else _shown(*item, font) for item in items]
        fonts: dict[str, Font] = {one.key: one for one in subsets.values()}
        if self._known and any(self._known.has(glyph) for line in lines for glyph in line.line.glyphs):
            fonts[self._known.key] = self._known
        return Drawn(_isolated(ops), fonts)


# --- faces and lines ---------------------------------------------------------------------------------

SELECTORS = frozenset(map(chr, range(0xFE00, 0xFE10)))
KEYCAP = "\u20e3"
PICTURES = range(0x1F000, 0x1FB00)
"""Also those that are younger than this Python."""


class Typeface:
    """One font file, shaped and outlined in ems."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._path = path
        self.face = hb.Face(hb.Blob.from_file_path(str(path)))
        self.font = hb.Font(self.face)
        self.upem: int = self.face.upem
        self._unicodes = self.face.unicodes
        self._outlines: dict[int, Figure] = {}
        self._ops: dict[int, bytes] = {}
        self._advances: dict[int, float] = {}
        self._extents: dict[int, tuple[float, float, float, float] | None] = {}

    @cached_property
    def file(self) -> TrueType:
        return TrueType(self._path)

    def has(self, text: str) -> bool:
        return all(self._has_letter(c) for c in text)

    def _has_letter(self, letter: str) -> bool:
        """Joiners, variation selectors and the like need no glyph."""
        return ord(letter) in self._unicodes or unicodedata.category(letter) in ("Cf", "Zs") or letter in SELECTORS

    def shape(self, text: str, direction: str, *, narrow: bool = False) -> list["Glyph"]:
        """The glyphs of a run from left to right, the first at 0. `narrow`: signs as they stand between Latin letters."""
        buffer = hb.Buffer()
        buffer.add_str(text.translate(DOT) if self.name in HAVING_NARROW else text)
        buffer.guess_segment_properties()
        buffer.direction = direction
        hb.shape(self.font, buffer, NARROW if narrow else {})
        clusters = [info.cluster for info in buffer.glyph_infos]
        advances = [position.x_advance / self.upem for position in buffer.glyph_positions]
        said = _said_by_glyph(text, clusters, advances)
        glyphs, x = [], 0.0
        for index, (info, at) in enumerate(zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)):
            left, up = x + at.x_offset / self.upem, at.y_offset / self.upem
            glyphs.append(Glyph(self, info.codepoint, left, up, advances[index], said.get(index, "")))
            x += advances[index]
        return glyphs

    def outline(self, glyph_id: int) -> Figure:
        known = self._outlines.get(glyph_id)
        if known is None:
            known = self._outlines[glyph_id] = self._draw(glyph_id)
        return known

    def extent(self, glyph_id: int) -> tuple[float, float, float, float] | None:
        if glyph_id not in self._extents:
            self._extents[glyph_id] = _extent(self.outline(glyph_id))
        return self._extents[glyph_id]

    def ops(self, glyph_id: int) -> bytes:
        """The outline as PDF operators in font units: whole numbers, the same bytes wherever the letter is drawn."""
        known = self._ops.get(glyph_id)
        if known is None:
            in_units = _placed(self.outline(glyph_id), scale=self.upem)
            known = self._ops[glyph_id] = _path(in_units, whole=True)
        return known

    def _draw(self, glyph_id: int) -> Figure:
        segments: list[Segment] = []
        funcs = hb.DrawFuncs()
        for name, letter in (("move_to", "m"), ("line_to", "l"), ("cubic_to", "c")):
            getattr(funcs, f"set_{name}_func")(
                lambda *numbers, letter=letter: segments.append((letter, tuple(n / self.upem for n in numbers[:-1])))
            )
        funcs.set_close_path_func(lambda *_: segments.append(("h", ())))
        self.font.draw_glyph(glyph_id, funcs, None)
        return tuple(segments)

    def advance(self, glyph_id: int) -> float:
        known = self._advances.get(glyph_id)
        if known is None:
            known = self._advances[glyph_id] = float(self.font.get_glyph_h_advance(glyph_id)) / self.upem
        return known


Faces = tuple[Typeface, ...]


@dataclass(frozen=True)
class Glyph:
    """A glyph at x, y ems; `said` is the text that it stands for (empty when a neighbour says it)."""

    face: Typeface
    id: int
    x: float
    y: float
    advance: float
    said: str


@dataclass(frozen=True)
class Line:
    """Glyphs in visual order on one baseline, in ems. `short`: pictures that no face has are in the text alone."""

    text: str
    glyphs: tuple[Glyph, ...]
    width: float
    short: bool = False

    @cached_property
    def ink(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 of what is black."""
        boxes = [(g, box) for g in self.glyphs if (box := g.face.extent(g.id))]
        placed = [(x0 + g.x, y0 + g.y, x1 + g.x, y1 + g.y) for g, (x0, y0, x1, y1) in boxes]
        return _union(placed) or (0.0, 0.0, self.width, 0.7)


@dataclass(frozen=True)
class PlacedLine:
    """A line at a size, its baseline's start at x, y points; `heavy` type is drawn with a rim of its own colour."""

    line: Line
    size: float
    x: float
    y: float
    heavy: bool = False

    def ops(self, colour: Colour) -> bytes:
        drawn = [
            b"q " + self._matrix(g) + b" cm\n" + path + b"f Q\n" for g in self.line.glyphs if (path := g.face.ops(g.id))
        ]
        return b"".join([_numbers(colour).encode() + b" rg\n", *drawn])

    def _matrix(self, glyph: Glyph) -> bytes:
        scale = f"{self.size / glyph.face.upem:.6f}"
        x, y = self.x + glyph.x * self.size, self.y + glyph.y * self.size
        return f"{scale} 0 0 {scale} {_number(x)} {_number(y)}".encode()

    def figures(self) -> list[Figure]:
        return [
            _placed(g.face.outline(g.id), scale=self.size, x=self.x + g.x * self.size, y=self.y + g.y * self.size)
            for g in self.line.glyphs
        ]


@lru_cache(maxsize=64)
def _in_order(folder: Path, first: tuple[str, ...]) -> "Faces":
    further = sorted({path.stem for path in folder.glob("noto-*.ttf")} - {BOLD, ARABIC})
    names = dict.fromkeys((*first, TEXT, *further, ARABIC, SCRIPT, PEN, BRUSH))
    return tuple(_typeface(folder / f"{name}.ttf") for name in names)


@cache
def _typeface(path: Path) -> Typeface:
    if not path.is_file():
        raise Fault("font_missing", what=f"The font {path.name} is not there.", do="Run `make setup`.")
    return Typeface(path)


@lru_cache(maxsize=4096)
def _set(text: str, faces: Faces) -> Line:
    """One line of text, shaped."""
    glyphs: list[Glyph] = []
    x = 0.0
    clean = _clean(text)
    drawn = _without_pictures(clean, faces)
    for run, direction in _directed(drawn):
        pieces = _by_face(run, faces)
        for piece in reversed(pieces) if direction == "rtl" else pieces:
            shaped = piece.face.shape(piece.text, direction, narrow=piece.narrow)
            glyphs += [replace(g, x=g.x + x) for g in shaped]
            x += sum(g.advance for g in shaped)
    return Line(text=text, glyphs=tuple(glyphs), width=x, short=drawn != clean)


def _without_pictures(text: str, faces: Faces) -> str:
    """Without the emoji that no face has. Letters that none has stay: their empty box tells that something is missing."""
    kept = "".join(_drawable(cluster, faces) for cluster in _clusters(text))
    return text if kept == text else " ".join(kept.split())


def _drawable(cluster: str, faces: Faces) -> str:
    if any(face.has(cluster) for face in faces):
        return cluster
    picture = unicodedata.category(cluster[0]) in ("So", "Sk") or ord(cluster[0]) in PICTURES
    return "" if picture else "".join(c for c in cluster if c != KEYCAP and c not in SELECTORS)


def _clean(text: str) -> str:
    """Composed, without control characters and line ends, one space between words."""
    composed = unicodedata.normalize("NFC", text)
    kept = (" " if c.isspace() or unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in composed)
    return " ".join("".join(c for c in kept if unicodedata.category(c) not in ("Cs", "Co")).split(" "))


def _directed(text: str) -> list[tuple[str, str]]:
    """Runs of one direction in visual order; spaces and signs between two runs go with the line."""
    strong = [_direction(c) for c in text]
    base = next((d for d in strong if d), "ltr")
    before, filled = base, []
    following = _following(strong, base)
    for own, after in zip(strong, following, strict=True):
        before = own or (before if before == after else base)
        filled.append(before)
    runs = [
        ("".join(c for c, _ in group), direction)
        for direction, group in groupby(zip(text, filled, strict=True), key=lambda pair: pair[1])
    ]
    return runs[::-1] if base == "rtl" else runs


def _following(strong: list[str], base: str) -> list[str]:
    """For each letter the direction of the next one that has any."""
    following, after = [], base
    for own in reversed(strong):
        following.append(after)
        after = own or after
    return following[::-1]


def _direction(letter: str) -> str:
    kind = unicodedata.bidirectional(letter)
    if kind in ("R", "AL"):
        return "rtl"
    return "ltr" if kind in ("L", "EN", "AN") else ""


@dataclass(frozen=True)
class Piece:
    """Text in one face. `narrow`: signs that its face has two widths of, in the narrow one."""

    face: Typeface
    text: str
    narrow: bool


def _by_face(run: str, faces: Faces) -> list[Piece]:
    """The run in pieces of one face each: whole words where a face has them, else letter by letter."""
    pieces: list[Piece] = []
    for word in re.findall(r"\s+|[^\s]+", run):
        letters = "".join(c for c in word if c.isalnum())
        favourite = (
            pieces[-1].face if word.isspace() and pieces else next((f for f in faces if f.has(letters)), faces[0])
        )
        chinese = any(_is_han(c) for c in word)
        for part in _clusters(word):
            face = favourite if favourite.has(part) else _face_of(part, faces)
            if part in WIDE_IN_CHINESE:
                face = _face_of_sign(part, face, faces, chinese=chinese)
            new = Piece(face, part, part in WIDE_IN_CHINESE and not chinese and face.name in HAVING_NARROW)
            if pieces and (pieces[-1].face, pieces[-1].narrow) == (face, new.narrow):
                new = replace(new, text=pieces.pop().text + part)
            pieces.append(new)
    return pieces


def _face_of_sign(sign: str, face: Typeface, faces: Faces, *, chinese: bool) -> Typeface:
    """One that draws the sign as wide as it is wanted; the same where it can do either."""
    if (face.name in CHINESE) is chinese or face.name in HAVING_NARROW:
        return face
    able = (f for f in faces if f.has(sign) and ((f.name in CHINESE) is chinese or f.name in HAVING_NARROW))
    return next(able, face)


def _face_of(cluster: str, faces: Faces) -> Typeface:
    """The text face where none has it: its empty box is easy to see."""
    text_face = next((face for face in faces if face.name in (TEXT, BOLD)), faces[0])
    return next((face for face in faces if face.has(cluster)), text_face)


def _clusters(text: str) -> list[str]:
    """Letters with the marks that belong to them."""
    clusters: list[str] = []
    for c in text:
        joins = unicodedata.category(c) in ("Mn", "Mc", "Me", "Cf")
        if clusters and joins:
            clusters[-1] += c
        else:
            clusters.append(c)
    return clusters


def _said_by_glyph(text: str, clusters: Sequence[int], advances: Sequence[float]) -> dict[int, str]:
    """Which text the glyphs stand for: of several that HarfBuzz made of one cluster, the widest says it all."""
    of: dict[int, list[int]] = {}
    for index, cluster in enumerate(clusters):
        of.setdefault(cluster, []).append(index)
    starts = sorted(of)
    said: dict[int, str] = {}
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        said[max(of[start], key=lambda index: advances[index])] = text[start:end]
    return said


def _is_han(letter: str) -> bool:
    return "CJK" in unicodedata.name(letter, "")


# --- typed marks, captions, values ---------------------------------------------------------------------

MARGIN = 0.04
"""Of the box's width and height, on each side of a mark."""
LEAST_INK_EM = 0.78
"""A name without tall letters is set as if it had some, so that "one" is not drawn twice as tall as "Oly"."""
WORTH_A_BREAK = 1.45
"""A further line of a name must make the letters this much larger."""
LINE_PITCH_EM = 1.24
CAP_EM = 0.73
CAPTION_LIMITS = ((28.0, 0), (38.0, 1), (50.0, 2))
"""Below this height in points, at most so many lines of caption; above, three."""
SMALLEST_CAPTION = 4.4
"""Points; a longer line is cut."""
LARGEST_VALUE = 12.0
"""Points."""


def _typed(name: str, faces: Faces, *, width: float, height: float) -> list[PlacedLine]:
    """The name in as few lines as keep it large, in the middle of the box."""
    clean = _clean(name).strip() or "\ufffd"
    if not _without_pictures(clean, faces):
        return _centred([replace(_set("—", faces), text=clean, short=True)], height / 2, width=width, height=height)
    inner_width, inner_height = width * (1 - 2 * MARGIN), height * (1 - 2 * MARGIN)
    lines = [_set(clean, faces)]
    size = _size_within(lines, width=inner_width, height=inner_height)
    for count in (2, 3):
        broken = [_set(part, faces) for part in _balanced(clean, count)]
        larger = _size_within(broken, width=inner_width, height=inner_height)
        if larger > size * WORTH_A_BREAK:
            lines, size = broken, larger
    return _centred(lines, size, width=width, height=height)


def _balanced(text: str, count: int) -> list[str]:
    """The text in at most `count` parts of about one length, at spaces where it has any."""
    pieces = text.split(" ") if " " in text else _clusters(text)
    glue = " " if " " in text else ""
    parts: list[str] = []
    for index in range(count, 0, -1):
        target = (len(glue.join(pieces)) + index - 1) // index
        part = [pieces.pop(0)] if pieces else []
        while pieces and len(glue.join([*part, pieces[0]])) - len(pieces[0]) // 2 <= target:
            part.append(pieces.pop(0))
        if part:
            parts.append(glue.join(part if index > 1 else [*part, *pieces]))
    return parts


def _size_within(lines: Sequence[Line], *, width: float, height: float) -> float:
    x0, y0, x1, y1 = _stacked_ink(lines)
    return min(width / max(x1 - x0, 0.01), height / max(y1 - y0, LEAST_INK_EM))


def _stacked_ink(lines: Sequence[Line]) -> tuple[float, float, float, float]:
    """The ink of lines under each other in ems, each centred on 0, the first baseline at 0."""
    inks = [line.ink for line in lines]
    half = max(ink[2] - ink[0] for ink in inks) / 2
    bottom = min(ink[1] - index for index, ink in enumerate(inks))
    return -half, bottom, half, max(ink[3] - index for index, ink in enumerate(inks))


def _centred(lines: Sequence[Line], size: float, *, width: float, height: float) -> list[PlacedLine]:
    """By the ink, not by the advance: swashes and side bearings would pull a name off the middle."""
    _, y0, _, y1 = _stacked_ink(lines)
    first = height / 2 - (y0 + y1) / 2 * size
    middles = [(line.ink[0] + line.ink[2]) / 2 for line in lines]
    return [
        PlacedLine(line, size, width / 2 - middle * size, first - index * size)
        for index, (line, middle) in enumerate(zip(lines, middles, strict=True))
    ]


def _caption_lines(
    caption: Sequence[str], faces: Faces, *, width: float, height: float
) -> tuple[list[PlacedLine], float]:
    """Small lines at the foot of the box, and the height that they take. A low box joins lines, then drops the last."""
    said = [line for line in (_clean(text).strip() for text in caption) if line]
    count = min(next((most for limit, most in CAPTION_LIMITS if height < limit), 3), len(said))
    if count == 0:
        return [], 0.0
    inner, wanted = width * (1 - 2 * MARGIN), min(max(height * 0.1, 5.0), 6.6)
    rows = next(
        (rows for rows in _joined(said, count) if _fitting(rows, faces, inner) >= SMALLEST_CAPTION), said[:count]
    )
    size = max(min(wanted, _fitting(rows, faces, inner)), SMALLEST_CAPTION)
    lines = [_set(_cut(row, faces, size=size, width=inner), faces) for row in rows]
    last = size * 0.34
    placed = [
        PlacedLine(line, size, (width - line.width * size) / 2, last + (len(lines) - 1 - index) * LINE_PITCH_EM * size)
        for index, line in enumerate(lines)
    ]
    return placed, last + (len(lines) - 1) * LINE_PITCH_EM * size + size * 1.12


def _joined(said: Sequence[str], count: int) -> list[list[str]]:
    """Ways to say it in `count` rows, the most complete first."""
    return [[*said[: count - 1], " · ".join(said[count - 1 : kept])] for kept in range(len(said), count - 1, -1)]


def _fitting(rows: Sequence[str], faces: Faces, width: float) -> float:
    return width / max(max(_set(row, faces).width for row in rows), 0.01)


def _cut(text: str, faces: Faces, *, size: float, width: float) -> str:
    """The text, or as much of it as fits and an ellipsis."""
    if _set(text, faces).width * size <= width:
        return text
    clusters = _clusters(text)
    while clusters and _set("".join(clusters) + "…", faces).width * size > width:
        clusters.pop()
    return "".join(clusters).rstrip() + "…"


def _value_lines(text: str, faces: Faces, *, width: float, height: float) -> list[PlacedLine]:
    """All of the text, as large as the box allows: a value is never cut."""
    left = min(2.0, width * 0.03)
    size = min(LARGEST_VALUE, height * 0.66)
    lines = _wrapped(text, faces, size=size, width=width - 2 * left)
    while len(lines) * LINE_PITCH_EM * size > height and size > 0.5:
        size *= 0.94
        lines = _wrapped(text, faces, size=size, width=width - 2 * left)
    middle = height / 2 - CAP_EM * size / 2
    return [
        PlacedLine(line, size, left, middle + ((len(lines) - 1) / 2 - index) * LINE_PITCH_EM * size)
        for index, line in enumerate(lines)
    ]


# --- breaking text into lines ----------------------------------------------------------------------------

NOT_FIRST = "，。、；：？！…）》」』】〕”’·,.;:?!)]}%»›"
NOT_LAST = "（《「『【〔“‘([{«‹"


@lru_cache(maxsize=2048)
def _wrapped(text: str, faces: Faces, *, size: float, width: float, most: int | None = None) -> tuple[Line, ...]:
    """Lines no wider than `width` points; at most `most`, the last one cut."""
    rows: list[str] = []
    for paragraph in text.splitlines():
        rows += _rows(_clean(paragraph).strip(), faces, width / size)
    if most is not None and len(rows) > most:
        rest = " ".join(rows[most - 1 :])
        rows = [*rows[: most - 1], _cut(rest, faces, size=size, width=width)]
    return tuple(_set(row, faces) for row in rows if row)


def _rows(text: str, faces: Faces, width: float) -> list[str]:
    rows, row, used = [], "", 0.0
    for piece in _pieces(text, faces, width):
        needed = _set(piece.rstrip(), faces).width
        if row and used + needed > width:
            rows.append(row.rstrip())
            row, used = "", 0.0
        row += piece
        used += _set(piece, faces).width
    return [*rows, row.rstrip()]


def _pieces(text: str, faces: Faces, width: float) -> Iterable[str]:
    """What stays together: words, Chinese letters with their punctuation; too wide ones fall into letters."""
    pieces: list[str] = []
    for cluster in _clusters(text):
        if pieces and not _may_break(pieces[-1][-1], cluster):
            pieces[-1] += cluster
        else:
            pieces.append(cluster)
    for piece in pieces:
        yield from _clusters(piece) if _set(piece.rstrip(), faces).width > width else (piece,)


def _may_break(before: str, after: str) -> bool:
    if after.isspace() or after[0] in NOT_FIRST or before in NOT_LAST:
        return False
    wide = unicodedata.east_asian_width(before) in "WF" or unicodedata.east_asian_width(after[0]) in "WF"
    return wide or before.isspace() or (before in "-/" and after.isalpha())


# --- pen strokes -----------------------------------------------------------------------------------------

PEN_WIDTH = 0.040
"""Of the box's height: a fine fountain pen."""
LARGEST_ENLARGEMENT = 2.5
"""A small scribble on the pad is not blown up beyond this."""


@dataclass(frozen=True)
class Dot:
    """A place under the pen in points, and half the width of the line there."""

    x: float
    y: float
    half: float


def _drawn(strokes: Sequence[Sequence[Point]], *, width: float, height: float) -> list[Figure]:
    """Strokes fitted into the box, thinner where the pen was fast and thicker where it pressed."""
    pen = PEN_WIDTH * min(height, width * 0.5)
    inner_width, inner_height = width * (1 - 2 * MARGIN) - 2 * pen, height * (1 - 2 * MARGIN) - 2 * pen
    points = [point for stroke in strokes for point in stroke] or [(0, 0, 0, 0)]
    x0, x1 = min(p[0] for p in points), max(p[0] for p in points)
    y0, y1 = min(p[1] for p in points), max(p[1] for p in points)
    scale = min(inner_width / max(x1 - x0, 1), inner_height / max(y1 - y0, 1), LARGEST_ENLARGEMENT * height / 1000)
    left, top = width / 2 - (x0 + x1) / 2 * scale, height / 2 + (y0 + y1) / 2 * scale
    usual = _usual_speed(strokes)
    figures: list[Figure] = []
    for stroke in strokes:
        halves = _halves(stroke, pen=pen, usual=usual)
        dots = [Dot(left + p[0] * scale, top - p[1] * scale, h) for p, h in zip(stroke, halves, strict=True)]
        figures += outline(_smooth(dots, step=pen), pen)
    return figures


def _usual_speed(strokes: Sequence[Sequence[Point]]) -> float:
    return median([v for stroke in strokes for v in _speeds(stroke) if v > 0] or [1.0])


def _speeds(stroke: Sequence[Point]) -> list[float]:
    """Thousandths of the pad's height in a millisecond, at each point."""
    if len(stroke) < 2:
        return [0.0] * len(stroke)
    speeds = [hypot(b[0] - a[0], b[1] - a[1]) / max(b[2] - a[2], 1) for a, b in pairwise(stroke)]
    return [speeds[0], *speeds]


def _halves(stroke: Sequence[Point], *, pen: float, usual: float) -> list[float]:
    """Half widths: slow is 1.3 of the pen, fast 0.6; a pen that reports pressure is believed more than its speed."""
    pressed = len({p[3] for p in stroke}) > 2
    sway = 0.35 if pressed else 0.75
    wanted = [
        pen / 2 * (1 + sway * (0.45 - v / (v + usual))) * (0.55 + 0.9 * p[3] / 1000 if pressed else 1.0)
        for p, v in zip(stroke, _speeds(stroke), strict=True)
    ]
    return _eased(_eased(wanted)[::-1])[::-1]


def _eased(values: list[float]) -> list[float]:
    eased: list[float] = []
    for value in values:
        eased.append(value if not eased else eased[-1] * 0.7 + value * 0.3)
    return eased


def _smooth(dots: list[Dot], *, step: float) -> list[Dot]:
    """Tremor removed, then evenly spaced along a Catmull-Rom curve, thinning towards where the pen was lifted."""
    kept = dots[:1]
    for dot in dots[1:]:
        if hypot(dot.x - kept[-1].x, dot.y - kept[-1].y) > step * 0.3:
            kept.append(dot)
    if len(kept) > 1:
        kept[-1] = dots[-1]
    calm = [_between(a, b, c, step) for a, b, c in zip(kept, kept[1:], kept[2:], strict=False)]
    path = [*kept[:1], *calm, *kept[-1:]] if len(kept) > 2 else kept
    spaced = path[:1]
    for index in range(len(path) - 1):
        around = [path[max(index - 1, 0)], path[index], path[index + 1], path[min(index + 2, len(path) - 1)]]
        parts = max(1, round(hypot(around[2].x - around[1].x, around[2].y - around[1].y) / (step * 1.6)))
        spaced += [_catmull_rom(around, part / parts) for part in range(1, parts + 1)]
    return _tapered(spaced, step)


def _between(a: Dot, b: Dot, c: Dot, step: float) -> Dot:
    """Drawn a little to its neighbours; less where points are far apart, for there a corner was meant."""
    share = min(step * 3 / (hypot(c.x - a.x, c.y - a.y) or step), 1.0) / 4
    return Dot(b.x + (a.x + c.x - 2 * b.x) * share, b.y + (a.y + c.y - 2 * b.y) * share, b.half)


def _catmull_rom(p: Sequence[Dot], t: float) -> Dot:
    def along(a: float, b: float, c: float, d: float) -> float:
        return b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))

    x = along(p[0].x, p[1].x, p[2].x, p[3].x)
    y = along(p[0].y, p[1].y, p[2].y, p[3].y)
    return Dot(x, y, p[1].half + (p[2].half - p[1].half) * t)


def _tapered(dots: list[Dot], step: float) -> list[Dot]:
    lengths = [hypot(b.x - a.x, b.y - a.y) for a, b in pairwise(dots)]
    total, left, tapered = sum(lengths), sum(lengths), []
    reach = min(step * 5, total / 3)
    for dot, length in zip(dots, [*lengths, 0.0], strict=True):
        near_end = min(left / reach, 1.0) if reach else 1.0
        near_start = min((total - left) / reach, 1.0) if reach else 1.0
        tapered.append(replace(dot, half=dot.half * (0.5 + 0.5 * near_end) * (0.75 + 0.25 * near_start)))
        left -= length
    return tapered


def outline(dots: list[Dot], pen: float) -> list[Figure]:
    """Outlines of gently bent pieces with a round at each joint; all turn one way, so overlaps stay filled."""
    if len(dots) < 2:
        return [_round(replace(dot, half=pen * 0.7)) for dot in dots]
    pieces = _gentle_pieces(dots)
    rounds = [_round(dots[0]), *(_round(piece[-1]) for piece in pieces)]
    return [*(_ribbon(piece) for piece in pieces), *rounds]


def _gentle_pieces(dots: list[Dot]) -> list[list[Dot]]:
    """Cut where the path has turned by more than a quarter: beyond that an offset outline may fold over itself."""
    pieces, piece, turned = [], dots[:2], 0.0
    for before, at, after in zip(dots, dots[1:], dots[2:], strict=False):
        turn = _turn(before, at, after)
        turned += abs(turn)
        if turned > pi / 3 or abs(turn) > pi / 5:
            pieces.append(piece)
            piece, turned = [at], 0.0
        piece.append(after)
    return [*pieces, piece]


def _turn(a: Dot, b: Dot, c: Dot) -> float:
    angle = atan2(c.y - b.y, c.x - b.x) - atan2(b.y - a.y, b.x - a.x)
    return (angle + pi) % (2 * pi) - pi


def _ribbon(dots: list[Dot]) -> Figure:
    right, left = [], []
    for index, dot in enumerate(dots):
        before, after = dots[max(index - 1, 0)], dots[min(index + 1, len(dots) - 1)]
        length = hypot(after.x - before.x, after.y - before.y) or 1.0
        nx, ny = -(after.y - before.y) / length * dot.half, (after.x - before.x) / length * dot.half
        left.append((dot.x + nx, dot.y + ny))
        right.append((dot.x - nx, dot.y - ny))
    left.reverse()
    return (("m", right[0]), *_through(right), ("l", left[0]), *_through(left), ("h", ()))


def _through(points: list[tuple[float, float]]) -> Iterable[Segment]:
    """Curves from the first point through all others."""
    for index in range(len(points) - 1):
        (ax, ay), (bx, by) = points[index], points[index + 1]
        far = hypot(bx - ax, by - ay) / 3
        ux, uy = _unit(points[max(index - 1, 0)], points[index + 1])
        vx, vy = _unit(points[index], points[min(index + 2, len(points) - 1)])
        yield "c", (ax + ux * far, ay + uy * far, bx - vx * far, by - vy * far, bx, by)


def _unit(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    length = hypot(b[0] - a[0], b[1] - a[1]) or 1.0
    return (b[0] - a[0]) / length, (b[1] - a[1]) / length


def _round(dot: Dot) -> Figure:
    x, y, r, k = dot.x, dot.y, dot.half, dot.half * 0.5523
    return (
        ("m", (x + r, y)),
        ("c", (x + r, y + k, x + k, y + r, x, y + r)),
        ("c", (x - k, y + r, x - r, y + k, x - r, y)),
        ("c", (x - r, y - k, x - k, y - r, x, y - r)),
        ("c", (x + k, y - r, x + r, y - k, x + r, y)),
        ("h", ()),
    )


def _tick() -> list[Figure]:
    """In a square of side 1, drawn with the same pen."""
    corners = [Dot(0.10, 0.52, 0.055), Dot(0.38, 0.18, 0.075), Dot(0.92, 0.86, 0.045)]
    first, last = _ribbon(corners[:2]), _ribbon(corners[1:])
    return [first, last, *(_round(corner) for corner in corners)]


# --- seals -------------------------------------------------------------------------------------------------

LARGEST_SEAL = 113.4
"""Points: 40 mm, as the seals of enterprises are."""
SEAL_BESIDE = 1.7
"""A box so many times as wide as tall has room for the caption beside the seal."""
RIM = 0.06
"""Parts of the radius, as everything here: the centre is 0, 0 and the rim ends at 1."""
STAR = 0.35
AROUND_SPAN, FOOT_SPAN = 1.38 * pi, 0.62 * pi
"""How much of the circle the name and the number may take."""
AROUND_EDGE, FOOT_EDGE = 0.89, 0.875
LARGEST_AROUND, LARGEST_MIDDLE, LARGEST_FOOT = 0.25, 0.17, 0.115
"""Sizes of type."""
SMALLEST_SEAL_TYPE = 0.04
RISE_EM = 0.86
"""How far letters rise over their baseline."""
MIDDLE_WIDTH, MIDDLE_BASE = 1.05, -0.56
SPREAD_EM = 0.5
"""At most so much air is put between Chinese letters."""


def _round_seal(stamp: Stamp, faces: Faces) -> list[Figure]:
    """Rim, star, the name around it from left to right over the top, words under the star, the number at the foot."""
    rim = [_circle(1.0), _circle(1.0 - RIM, inwards=True)]
    figures = [tuple(segment for circle in rim for segment in circle), _star(STAR)]
    figures += _around(_set(stamp.around, faces))
    if stamp.middle:
        line = _set(stamp.middle, faces)
        size = min(LARGEST_MIDDLE, MIDDLE_WIDTH / max(line.width, 0.01))
        figures += PlacedLine(line, size, -line.width * size / 2, MIDDLE_BASE).figures()
    if stamp.foot:
        figures += _along_the_foot(_set(stamp.foot, faces))
    return figures


def _around(line: Line) -> list[Figure]:
    size = LARGEST_AROUND
    while size > SMALLEST_SEAL_TYPE and line.width * size > AROUND_SPAN * (AROUND_EDGE - RISE_EM * size):
        size -= 0.005
    radius = AROUND_EDGE - RISE_EM * size
    gaps = max(len(line.glyphs) - 1, 1)
    left = AROUND_SPAN * radius / size - line.width
    air = min(left / gaps, SPREAD_EM if any(_is_han(c) for c in line.text) else 0.06)
    whole = (line.width + air * gaps) * size / radius
    figures = []
    for index, glyph in enumerate(line.glyphs):
        middle = glyph.x + index * air + glyph.advance / 2
        angle = pi / 2 + whole / 2 - middle * size / radius
        figures.append(_turned(glyph, size=size, radius=radius, angle=angle, outwards=True))
    return figures


def _along_the_foot(line: Line) -> list[Figure]:
    size = min(LARGEST_FOOT, FOOT_SPAN * FOOT_EDGE / max(line.width, 0.01))
    whole = line.width * size / FOOT_EDGE
    return [
        _turned(
            glyph,
            size=size,
            radius=FOOT_EDGE,
            angle=1.5 * pi - whole / 2 + (glyph.x + glyph.advance / 2) * size / FOOT_EDGE,
            outwards=False,
        )
        for glyph in line.glyphs
    ]


def _turned(glyph: Glyph, *, size: float, radius: float, angle: float, outwards: bool) -> Figure:
    """The letter standing on a circle at this angle, its head away from the centre or towards it."""
    up_x, up_y = (cos(angle), sin(angle)) if outwards else (-cos(angle), -sin(angle))
    foot_x, foot_y = radius * cos(angle), radius * sin(angle)

    def place(x: float, y: float) -> tuple[float, float]:
        along, over = (x - glyph.advance / 2) * size, (y + glyph.y) * size
        return foot_x + over * up_x + along * up_y, foot_y + over * up_y - along * up_x

    return tuple(
        (op, tuple(n for x, y in zip(numbers[::2], numbers[1::2], strict=True) for n in place(x, y)))
        for op, numbers in glyph.face.outline(glyph.id)
    )


def _circle(radius: float, *, inwards: bool = False) -> Figure:
    """Turned the other way round it is a hole in what surrounds it."""
    flip = -1 if inwards else 1
    around = _round(Dot(0.0, 0.0, radius))
    return tuple((op, tuple(n * flip if i % 2 else n for i, n in enumerate(numbers))) for op, numbers in around)


def _star(radius: float) -> Figure:
    inner = radius * sin(pi / 10) / sin(7 * pi / 10)
    corners = [
        (
            (radius if n % 2 == 0 else inner) * cos(pi / 2 + n * pi / 5),
            (radius if n % 2 == 0 else inner) * sin(pi / 2 + n * pi / 5),
        )
        for n in range(10)
    ]
    return (("m", corners[0]), *(("l", corner) for corner in corners[1:]), ("h", ()))


def _dots(stamp: Stamp, *, width: float, height: float, most: float) -> list[Figure]:
    """One rectangle for each run of dots, and for the same run in the rows below it."""
    inner_width, inner_height = width * (1 - MARGIN), height * (1 - MARGIN)
    dot = min(min(inner_width, most) / stamp.width, min(inner_height, most) / stamp.height)
    left, top = (width - stamp.width * dot) / 2, (height + stamp.height * dot) / 2
    open_runs: dict[tuple[int, int], int] = {}
    figures: list[Figure] = []

    def close(run: tuple[int, int], since: int, row: int) -> None:
        x0, x1 = left + run[0] * dot, left + run[1] * dot
        y0, y1 = top - row * dot, top - since * dot
        figures.append((("m", (x0, y0)), ("l", (x1, y0)), ("l", (x1, y1)), ("l", (x0, y1)), ("h", ())))

    for number, row in enumerate([*stamp.rows(), b""]):
        runs = set(_runs(row, stamp.width))
        for run in [r for r in open_runs if r not in runs]:
            close(run, open_runs.pop(run), number)
        for run in runs:
            open_runs.setdefault(run, number)
    return figures


def _runs(row: bytes, width: int) -> Iterable[tuple[int, int]]:
    """Where ink begins and ends in a row of dots."""
    dots = f"{int.from_bytes(row, 'big'):0{len(row) * 8}b}"[:width] if row else ""
    return ((found.start(), found.end()) for found in re.finditer("1+", dots))


# --- figures as PDF and SVG --------------------------------------------------------------------------------


def _placed(figure: Figure, *, scale: float = 1.0, x: float = 0.0, y: float = 0.0) -> Figure:
    return tuple(
        (op, tuple(n * scale + (y if index % 2 else x) for index, n in enumerate(numbers))) for op, numbers in figure
    )


def _extent(figure: Figure) -> tuple[float, float, float, float] | None:
    """Of the control points: never smaller than the ink."""
    xs = [n for _, numbers in figure for n in numbers[::2]]
    ys = [n for _, numbers in figure for n in numbers[1::2]]
    return (min(xs), min(ys), max(xs), max(ys)) if xs else None


def _union(boxes: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float, float] | None:
    if not boxes:
        return None
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def _number(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _numbers(values: Iterable[float]) -> str:
    return " ".join(_number(value) for value in values)


def _filled(figures: Iterable[Figure], colour: Colour) -> bytes:
    path = b"".join(_path(figure) for figure in figures)
    return _numbers(colour).encode() + b" rg\n" + path + b"f\n" if path else b""


def _path(figure: Figure, *, whole: bool = False) -> bytes:
    write = (lambda n: str(round(n))) if whole else _number
    return "".join(" ".join([*map(write, numbers), op]) + "\n" for op, numbers in figure).encode()


def _path_data(figures: Iterable[Figure], height: float) -> str:
    """SVG counts y downwards."""
    letters = {"m": "M", "l": "L", "c": "C", "h": "Z"}
    return "".join(
        letters[op] + " ".join(_number(height - n if index % 2 else n) for index, n in enumerate(numbers))
        for figure in figures
        for op, numbers in figure
    )


def _rule(x0: float, y: float, x1: float, colour: Colour, *, weight: float = 0.4) -> bytes:
    return f"{_numbers(colour)} RG {weight} w {_number(x0)} {_number(y)} m {_number(x1)} {_number(y)} l S\n".encode()


def _span(said: str, drawn: bytes, *, hidden: str = "", x: float = 0.0, y: float = 0.0) -> bytes:
    """What is drawn, with the words that it stands for. Invisibility outlives its text object, so it is fenced in."""
    letter = f"q BT /{hidden} 6 Tf 3 Tr 1 0 0 1 {_number(x)} {_number(y)} Tm (x) Tj ET Q\n".encode() if hidden else b""
    return b"/Span <</ActualText <" + _utf16(said) + b">>> BDC\n" + drawn + letter + b"EMC\n"


def _utf16(text: str) -> bytes:
    """With a byte order mark, in hexadecimal; half surrogates from a browser become the replacement character."""
    whole = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    return b"FEFF" + whole.encode("utf-16-be").hex().upper().encode()


def _isolated(ops: Iterable[bytes]) -> bytes:
    return b"q\n" + b"".join(ops) + b"Q\n"


def _escaped(text: str) -> str:
    """For XML, without the control characters that XML cannot hold."""
    kept = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs"))
    return kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


# --- the evidence pages --------------------------------------------------------------------------------------

PAGE_WIDTH, PAGE_HEIGHT = 595.28, 841.89
LEFT, RIGHT, TOP, BOTTOM = 56.0, 539.28, 56.0, 58.0
SLOT_WIDTH, SLOT_HEIGHT = 196.0, 56.0
SEAL_WIDTH, SEAL_HEIGHT = 220.0, 64.0
QR_SIDE = 78.0
HEAVY_EM = 0.034
"""The rim that makes type bold: half of it lies outside the letter. A second face would cost 4 KB in every file."""


class Layout:
    """Writes pages from top to bottom; `_y` is how far down, in points from the bottom of the page."""

    def __init__(self, *, title: str, language: str, faces: Faces, later: str = "") -> None:
        self._title = title
        self._faces = faces
        self._say = words(language)
        self._sheets = _Sheets(_set(later, faces))
        self._boxes: dict[str, tuple[int, float, float, float, float]] = {}
        self._y = 0.0
        self.new_page()

    def head(self, heading: str, address: str) -> None:
        _ = self._say
        narrow = RIGHT - LEFT - QR_SIDE - 28
        self._sheets.draw(_qr(address, x=RIGHT - QR_SIDE, y=self._y - QR_SIDE, side=QR_SIDE))
        below = self._y - QR_SIDE - 11
        self.words(_("Scan to verify"), x=RIGHT - QR_SIDE, y=below, size=7.0, colour=QUIET, centred=QR_SIDE)
        self._sheets.draw(_block(LEFT, self._y - 3, 30, 3, ACCENT))
        self._y -= 20
        self.paragraph(heading, size=22, width=narrow, bold=True, pitch=1.25)
        self._y -= 4
        self.paragraph(self._title, size=12.5, width=narrow, pitch=1.4, most=3)
        self._y = min(self._y, below) - 16

    def fact(self, name: str, value: str, *, bold: bool = False, size: float = 9) -> None:
        lines = self.lines(value, size=size, width=RIGHT - LEFT - 108, most=4)
        self.need((size + 5) * max(len(lines), 1))
        self.words(name, x=LEFT, y=self._y - 9, size=8.5, colour=QUIET)
        for line in lines:
            self._sheets.write(PlacedLine(line, size, LEFT + 108, self._y - 9, bold), TEXT_COLOUR)
            self._y -= size + 5
        self._y -= 1.5

    def entry(self, name: str, value: str, *, indent: float) -> None:
        """A small line under others of its kind: never torn apart by the end of a page."""
        lines = self.lines(value, size=8.5, width=RIGHT - LEFT - indent)
        self.need(12.0 * len(lines) + 4)
        self.words(name, x=LEFT, y=self._y - 9, size=8, colour=QUIET)
        for line in lines:
            self._sheets.write(PlacedLine(line, 8.5, LEFT + indent, self._y - 9), TEXT_COLOUR)
            self._y -= 12.0
        self._y -= 4

    def seal(self, words: str) -> None:
        """The box for it, on the right; what is written next stands beside it."""
        top = self._y
        self.words(words, x=RIGHT - SEAL_WIDTH, y=top + 12, size=8.5, colour=QUIET)
        self.box("seal", RIGHT - SEAL_WIDTH, top - SEAL_HEIGHT, SEAL_WIDTH, SEAL_HEIGHT)

    def rule(self, colour: Colour) -> None:
        self._sheets.draw(_rule(LEFT, self._y, RIGHT, colour))

    def gap(self, height: float) -> None:
        self._y -= height

    def made(self, language: str) -> EvidencePaper:
        return EvidencePaper(self._sheets, dict(self._boxes), language)

    def point(self, name: str, sentence: str) -> None:
        lines = self.lines(sentence, size=8.5, width=RIGHT - LEFT - 108)
        names = self.lines(name, size=8.5, width=98)
        self.need(12.0 * max(len(lines), len(names)) + 4)
        for index, line in enumerate(names):
            self._sheets.write(PlacedLine(line, 8.5, LEFT, self._y - 9 - 12.0 * index, True), TEXT_COLOUR)
        for index, line in enumerate(lines):
            self._sheets.write(PlacedLine(line, 8.5, LEFT + 108, self._y - 9 - 12.0 * index), TEXT_COLOUR)
        self._y -= 12.0 * max(len(lines), len(names)) + 4

    def feet(self, said: str) -> None:
        """`said` with {number} and {total}."""
        total = self._sheets.count
        for number in range(1, total + 1):
            place = said.format(number=number, total=total)
            left = _set(_cut(self._title, self._faces, size=7.5, width=RIGHT - LEFT - 160), self._faces)
            right = _set(place, self._faces)
            self._sheets.draw(_rule(LEFT, 46, RIGHT, LINE), page=number)
            self._sheets.write(PlacedLine(left, 7.5, LEFT, 33), QUIET, page=number)
            self._sheets.write(PlacedLine(right, 7.5, RIGHT - right.width * 7.5, 33), QUIET, page=number)

    def heading(self, text: str, *, followed_by: float) -> None:
        """Never alone at the foot of a page."""
        self.need(38 + followed_by)
        self._y -= 16
        self.words(text, x=LEFT, y=self._y - 12, size=12, colour=TEXT_COLOUR, bold=True)
        self._y -= 22

    def paragraph(
        self,
        text: str,
        *,
        size: float,
        width: float = RIGHT - LEFT,
        colour: Colour = TEXT_COLOUR,
        bold: bool = False,
        pitch: float = 1.45,
        most: int | None = None,
    ) -> None:
        for line in self.lines(text, size=size, width=width, most=most):
            self.need(size * pitch)
            self._sheets.write(PlacedLine(line, size, LEFT, self._y - size, bold), colour)
            self._y -= size * pitch

    def lines(self, text: str, *, size: float, width: float, most: int | None = None) -> tuple[Line, ...]:
        return _wrapped(text, self._faces, size=size, width=width, most=most)

    def words(
        self, text: str, *, x: float, y: float, size: float, colour: Colour, bold: bool = False, centred: float = 0.0
    ) -> None:
        line = _set(text, self._faces)
        indent = (centred - line.width * size) / 2 if centred else 0.0
        self._sheets.write(PlacedLine(line, size, x + indent, y, bold), colour)

    def box(self, name: str, x: float, y: float, width: float, height: float) -> None:
        self._sheets.draw(_frame(x, y, width, height))
        self._boxes[name] = (self._sheets.count, round(x, 2), round(y, 2), round(x + width, 2), round(y + height, 2))

    def need(self, height: float) -> None:
        if self._y - height < BOTTOM:
            self.new_page()

    def new_page(self) -> None:
        self._sheets.turn()
        self._y = PAGE_HEIGHT - TOP


class _Certificate(Layout):
    """The pages that are added before anyone signs."""

    def __init__(self, page: EvidencePage, *, slots: tuple[str, ...], faces: Faces) -> None:
        super().__init__(title=page.title, language=page.language, faces=faces, later=_later_words(page))
        self._page = page
        self._slots = slots

    def paper(self) -> EvidencePaper:
        _ = self._say
        self.head(_("Signature certificate"), self._page.verify_url)
        self._facts()
        self._signers()
        self._meaning()
        self._closing()
        self.feet(_("Certificate page {number} of {total}"))
        return self.made(self._page.language)

    def _facts(self) -> None:
        _ = self._say
        page = self._page
        digest = " ".join(page.document_sha256[i : i + 8] for i in range(0, len(page.document_sha256), 8))
        self.fact(_("Sent by"), page.sender_name)
        self.fact(_("Contract number"), page.contract_id)
        self.fact(_("Pages"), str(page.pages))
        if page.deadline:
            self.fact(_("To be signed by"), page.deadline)
        self.fact(_("Fingerprint"), fingerprint(page.document_sha256), bold=True)
        self.fact(_("SHA-256"), digest)
        self.fact(_("Consent text"), page.consent_version)
        note = _(
            "The fingerprint is the start of the SHA-256 of the document as it was before this page was added."
            " This page was added before anyone signed: it says who was asked to sign;"
            " each signature says itself when it was made."
        )
        self._y -= 4
        self.paragraph(note, size=8, colour=QUIET)

    def _signers(self) -> None:
        _ = self._say
        self.heading(_("Signers"), followed_by=SLOT_HEIGHT + 24)
        in_turns = len({signer.order for signer in self._page.signers}) > 1
        for signer in self._page.signers:
            self._signer(signer, in_turns=in_turns)

    def _signer(self, signer: EvidenceSigner, *, in_turns: bool) -> None:
        _ = self._say
        slot = signer.id in self._slots
        left = LEFT + (30 if in_turns else 0)
        width = RIGHT - left - (SLOT_WIDTH + 18 if slot else 0)
        name = self.lines(signer.name, size=11, width=width, most=3)
        role = self.lines(signer.role, size=8.5, width=width, most=2)
        place = _("Signs on this page") if slot else _("Signs in the document")
        small = [*role, *self.lines(f"{signer.contact}  ·  {place}", size=8.5, width=width, most=2)]
        needed = 22 + 15 * len(name) + 12.5 * len(small)
        self.need(max(needed, SLOT_HEIGHT + 18 if slot else 0))
        top = self._y
        self._sheets.draw(_rule(LEFT, top, RIGHT, LINE))
        if in_turns:
            self.words(str(signer.order), x=LEFT, y=top - 22, size=11, colour=ACCENT, bold=True)
        self._y -= 11
        for line in name:
            self._sheets.write(PlacedLine(line, 11, left, self._y - 11, True), TEXT_COLOUR)
            self._y -= 15
        for line in small:
            self._sheets.write(PlacedLine(line, 8.5, left, self._y - 9), QUIET)
            self._y -= 12.5
        self._y = min(self._y - 9, top - SLOT_HEIGHT - 16 if slot else top)
        if slot:
            self.box(signer.id, RIGHT - SLOT_WIDTH, top - 8 - SLOT_HEIGHT, SLOT_WIDTH, SLOT_HEIGHT)

    def _meaning(self) -> None:
        _ = self._say
        self._sheets.draw(_rule(LEFT, self._y, RIGHT, LINE))
        self.heading(_("What the signatures prove"), followed_by=60)
        self.point(
            _("Fingerprint or face unlock"),
            _(
                "The signer's own device signed a statement that names this exact document. The device's answer"
                " is kept in the signature and is checked against the device's key, without trusting the platform."
                " That the device is this person's is the platform's statement."
            ),
        )
        self.point(
            _("SMS code, face video"),
            _(
                "The platform states, in the signature, that a code made for this document was entered,"
                " or that a video showed movements derived from it. The phone itself signs nothing."
            ),
        )
        self.point(
            _("Names"),
            _(
                "The names and contacts on this page are those the sender gave. What else was checked about a person is"
                " written in that person's signature; where nothing is written there, nothing else was checked."
            ),
        )
        self.point(
            _("Seal and time"),
            _(
                "After the last signature the platform seals the document and a timestamp fixes its time."
                " A later change to any byte of a signed version is found out."
            ),
        )

    def _closing(self) -> None:
        """How to verify on the left, the seal on the right."""
        _ = self._say
        self.heading(_("How to verify"), followed_by=SEAL_HEIGHT + 24)
        self.seal(_("Seal of the platform"))
        width = RIGHT - LEFT - SEAL_WIDTH - 28
        self.paragraph(
            _(
                "Open the PDF in any reader that checks signatures, or scan the code at the top of this certificate,"
                " or open the address below."
                " The file holds all that is needed: it can also be checked offline, without the platform."
            ),
            size=8.5,
            width=width,
        )
        self._y -= 3
        self.paragraph(self._page.verify_url, size=8.5, width=width, colour=ACCENT)


def _block(x: float, y: float, width: float, height: float, colour: Colour) -> bytes:
    return f"{_numbers(colour)} rg {_numbers((x, y, width, height))} re f\n".encode()


def _frame(x: float, y: float, width: float, height: float) -> bytes:
    box = _numbers((x, y, width, height))
    return f"{_numbers(TINT)} rg {_numbers(LINE)} RG 0.6 w {box} re B\n".encode()


@lru_cache(maxsize=256)
def _modules(text: str) -> tuple[tuple[bool, ...], ...]:
    """Finding the best mask takes longer than everything else on the page; most pages have the same address."""
    made = segno.make(text, error="m", micro=False).matrix
    return tuple(tuple(bool(module) for module in row) for row in made)


def _qr(text: str, *, x: float, y: float, side: float) -> bytes:
    """In units of one module, row under row, a rectangle for each run of dark ones: small numbers pack well."""
    matrix = _modules(text)
    scale = f"{side / len(matrix):.6f}"
    rows = [f"q {_numbers(TEXT_COLOUR)} rg {scale} 0 0 {scale} {x:.2f} {y + side:.2f} cm\n"]
    for row in matrix:
        dots = "".join(".#"[module] for module in row)
        runs = (f"{run.start()} 0 {len(run[0])} 1 re\n" for run in re.finditer("#+", dots))
        rows.append("1 0 0 1 0 -1 cm\n" + "".join(runs) + "f\n")
    return "".join([*rows, "Q\n"]).encode()


# --- pages with words in them --------------------------------------------------------------------------------


Item = bytes | tuple[PlacedLine, Colour]
"""Operators, or a line of type in a colour."""


class TypeFont(Protocol):
    """A font that glyphs of ours are set in."""

    key: str

    def code(self, glyph: Glyph) -> int: ...
    def advance(self, glyph: Glyph) -> float: ...
    def bind(self, binder: Binder) -> bytes: ...


@dataclass
class _Used:
    """What a document uses of one face: glyph -> the text it stands for."""

    face: Typeface
    said: dict[int, str] = field(default_factory=dict)

    def take(self, glyph: Glyph) -> None:
        if not self.said.get(glyph.id):
            self.said[glyph.id] = glyph.said


PRINTABLE = string.ascii_letters + string.digits + " .,:;+-/()'&@%"
"""What most captions and values are made of; a rarer letter brings a font of its own."""


def _later_words(page: EvidencePage) -> str:
    """Letters that captions and values written after this page will need."""
    _ = words(page.language)
    said = [_("Signed by %(name)s for %(organisation)s"), _("Signed by %(name)s"), "·"]
    said += [
        _("Confirmed by SMS code"),
        _("Confirmed by fingerprint, face or screen lock"),
        _("Confirmed by face video"),
    ]
    said += [_("identity document checked"), _("identity document and face checked")]
    said.append(_("identity document and face checked, confirmed by a source"))
    dated = "年月日" if page.language.startswith("zh") else ""
    names = (_clean(s.name) for s in page.signers)
    return PRINTABLE + "".join(dict.fromkeys("".join((*said, dated, *names))))


class _Sheets:
    """Pages of text and rules, with the used part of each face; nothing in them depends on the clock."""

    def __init__(self, later: Line) -> None:
        self._pages: list[list[Item]] = []
        self._used: dict[str, _Used] = {}
        self._take(later, only=TEXT)

    @property
    def count(self) -> int:
        return len(self._pages)

    def turn(self) -> None:
        self._pages.append([])

    def draw(self, ops: bytes, *, page: int = 0) -> None:
        self._pages[page - 1].append(ops)

    def write(self, line: PlacedLine, colour: Colour, *, page: int = 0) -> None:
        self._take(line.line)
        self._pages[page - 1].append((line, colour))

    def _take(self, line: Line, *, only: str = "") -> None:
        for glyph in line.glyphs:
            name = glyph.face.name
            if only and name != only:
                continue
            if name not in self._used:
                self._used[name] = _Used(glyph.face)
            self._used[name].take(glyph)

    def bind(self, binder: Binder) -> tuple[list[Dict], bytes]:
        subsets = {name: _Subset(used, f"F{index}") for index, (name, used) in enumerate(self._used.items())}
        bound = {name: subset.bind(binder) for name, subset in subsets.items()}
        fonts = objects.written({subsets[name].key.encode(): reference for name, reference in bound.items()})
        resources = binder.add(objects.written({b"Font": fonts}))
        box = b"[0 0 %.2f %.2f]" % (PAGE_WIDTH, PAGE_HEIGHT)
        pages = []
        for items in self._pages:
            ops = [i if isinstance(i, bytes) else _shown(*i, lambda glyph: subsets[glyph.face.name]) for i in items]
            contents = binder.add_stream({}, _isolated(ops))
            page = {b"Type": b"/Page", b"MediaBox": box, b"CropBox": box, b"Rotate": b"0"}
            pages.append({**page, b"Resources": resources, b"Contents": contents})
        return pages, bound.get(TEXT, objects.NULL)


class _Book:
    """A small PDF of its own, the same bytes for the same pages."""

    def __init__(self, bind: Callable[[Binder], tuple[list[Dict], bytes]]) -> None:
        self._objects: list[bytes] = [b"", b""]
        pages, _ = bind(self)
        leaves = [self.add(objects.written({**page, b"Parent": b"2 0 R"})) for page in pages]
        self._objects[1] = b"<</Type/Pages/Count %d/Kids%b>>" % (len(leaves), objects.array(leaves))

    def add(self, value: bytes) -> bytes:
        self._objects.append(value)
        return b"%d 0 R" % len(self._objects)

    def add_stream(self, values: Dict, data: bytes) -> bytes:
        return self.add(objects.stream(values, data))

    def pdf(self, *, language: str) -> bytes:
        lang = objects.string(language.replace("_", "-"))
        self._objects[0] = b"<</Type/Catalog/Pages 2 0 R/Lang%b>>" % lang
        parts, at, rows = [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"], 15, [b"0000000000 65535 f \n"]
        for number, value in enumerate(self._objects, start=1):
            rows.append(b"%010d 00000 n \n" % at)
            parts.append(b"%d 0 obj\n%b\nendobj\n" % (number, value))
            at += len(parts[-1])
        named = hashlib.sha256(b"".join(parts)).hexdigest()[:32].upper().encode()
        trailer = b"trailer\n<</Size %d/Root 1 0 R/ID[<%b><%b>]>>\nstartxref\n%d\n%%%%EOF\n" % (
            len(rows),
            named,
            named,
            at,
        )
        return b"".join([*parts, b"xref\n0 %d\n" % len(rows), *rows, trailer])


def _shown(line: PlacedLine, colour: Colour, font: Callable[[Glyph], TypeFont]) -> bytes:
    """A text object. Glyphs stay in visual order: poppler and pdfium turn Arabic round themselves."""
    ops = [f"BT {_numbers(colour)} rg\n"]
    if line.heavy:
        rim = _number(HEAVY_EM * line.size)
        ops.append(f"2 Tr {_numbers(colour)} RG {rim} w 1 j {_number(HEAVY_EM / 2 * line.size)} Tc\n")
    last: TypeFont | None = None
    height = pen = 0.0
    for glyph in line.line.glyphs:
        own = font(glyph)
        if own is not last or height != glyph.y:
            x, y = line.x + glyph.x * line.size, line.y + glyph.y * line.size
            ops.append(f"{'>]TJ ' if last else ''}/{own.key} {_number(line.size)} Tf 1 0 0 1 {x:.2f} {y:.2f} Tm [<")
            last, height, pen = own, glyph.y, glyph.x
        elif abs(glyph.x - pen) > 0.0005:
            ops.append(f">{_number((pen - glyph.x) * 1000)}<")
        ops.append(f"{own.code(glyph):04X}")
        pen = glyph.x + own.advance(glyph)
    drawn = "".join([*ops, ">]TJ " if last else "", "0 Tr 0 Tc ET\n" if line.heavy else "ET\n"]).encode()
    return _span(line.line.text, drawn) if line.line.short else drawn


class _Subset:
    """The used glyphs of a face as a CID font."""

    def __init__(self, used: _Used, key: str) -> None:
        self.key = key
        self.face = used.face
        self.said = used.said
        self._cut = _cut_font(used.face, frozenset(used.said))
        self.ids = self._cut.ids

    def code(self, glyph: Glyph) -> int:
        return self.ids[glyph.id]

    def advance(self, glyph: Glyph) -> float:
        return glyph.face.advance(glyph.id)

    def bind(self, binder: Binder) -> bytes:
        name = f"/{self._cut.tag}+{self.face.name}".encode()
        extents = self.face.font.get_font_extents("ltr")
        scale = 1000 / self.face.upem
        up, down = round(extents.ascender * scale), round(extents.descender * scale)
        descriptor = {
            b"Type": b"/FontDescriptor",
            b"FontName": name,
            b"Flags": b"4",
            b"FontBBox": b"[-500 %d 1500 %d]" % (down, up),
            b"ItalicAngle": b"0",
            b"Ascent": b"%d" % up,
            b"Descent": b"%d" % down,
            b"CapHeight": b"730",
            b"StemV": b"140" if "bold" in self.face.name else b"80",
            b"FontFile2": binder.add(self._cut.stream),
        }
        widths = [self.face.advance(old) * 1000 for old in self.ids]
        descendant = {
            b"Type": b"/Font",
            b"Subtype": b"/CIDFontType2",
            b"BaseFont": name,
            b"CIDSystemInfo": b"<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>",
            b"CIDToGIDMap": b"/Identity",
            b"DW": b"1000",
            b"W": b"[0[" + _numbers(widths).encode() + b"]]",
            b"FontDescriptor": binder.add(objects.written(descriptor)),
        }
        font = {
            b"Type": b"/Font",
            b"Subtype": b"/Type0",
            b"BaseFont": name,
            b"Encoding": b"/Identity-H",
            b"DescendantFonts": b"[" + binder.add(objects.written(descendant)) + b"]",
            b"ToUnicode": binder.add(_said_stream(frozenset(self._said()))),
        }
        return binder.add(objects.written(font))

    def _said(self) -> Iterable[tuple[int, str]]:
        return ((self.ids[old], text) for old, text in self.said.items() if text)


@dataclass(frozen=True)
class _Cut:
    """A face cut down to some glyphs, as a stream, with six capital letters that tell such cuts apart."""

    ids: Mapping[int, int]
    stream: bytes
    tag: str


@lru_cache(maxsize=256)
def _cut_font(face: Typeface, glyphs: frozenset[int]) -> _Cut:
    cut = face.file.subset(glyphs)
    stream = objects.stream({b"Length1": b"%d" % len(cut.content)}, cut.content)
    digest = hashlib.sha256(cut.content).digest()
    return _Cut(cut.ids, stream, "".join(chr(65 + byte % 26) for byte in digest[:6]))


@lru_cache(maxsize=256)
def _said_stream(letters: frozenset[tuple[int, str]]) -> bytes:
    """A ToUnicode map: letters that follow each other in both orders in one row."""
    runs: list[list[tuple[int, str]]] = []
    for new, text in sorted(letters):
        if runs and _follows(runs[-1][-1], (new, text)):
            runs[-1].append((new, text))
        else:
            runs.append([(new, text)])
    single = [f"<{run[0][0]:04X}> <{_utf16_digits(run[0][1])}>" for run in runs if len(run) == 1]
    longer = [f"<{run[0][0]:04X}> <{run[-1][0]:04X}> <{_utf16_digits(run[0][1])}>" for run in runs if len(run) > 1]
    lines = ["/CIDInit /ProcSet findresource begin 12 dict begin begincmap"]
    lines += ["/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def"]
    lines += ["/CMapName /Adobe-Identity-UCS def /CMapType 2 def"]
    lines += ["1 begincodespacerange <0000> <FFFF> endcodespacerange"]
    lines += [*_blocks("bfrange", longer), *_blocks("bfchar", single)]
    lines.append("endcmap CMapName currentdict /CMap defineresource pop end end")
    return objects.stream({}, "\n".join(lines).encode())


def _follows(before: tuple[int, str], after: tuple[int, str]) -> bool:
    """One more in both; a range must not leave the last octet of its code or of its letter."""
    (code, text), (next_code, next_text) = before, after
    if len(text) != 1 or len(next_text) != 1 or ord(next_text) > 0xFFFF:
        return False
    steps = (next_code - code, ord(next_text) - ord(text))
    return steps == (1, 1) and next_code % 256 > 0 and ord(next_text) % 256 > 0


def _blocks(kind: str, rows: Sequence[str]) -> Iterable[str]:
    """A hundred rows a block, as a CMap wants it."""
    for start in range(0, len(rows), 100):
        block = rows[start : start + 100]
        yield from (f"{len(block)} begin{kind}", *block, f"end{kind}")


def _utf16_digits(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()


class KnownFont:
    """A font that an earlier revision of ours brought: its letters may be set again without bringing it anew."""

    key = "F"

    def __init__(self, reference: bytes, *, codes: Mapping[str, int], widths: Sequence[float]) -> None:
        self._reference = reference
        self._codes = codes
        self._widths = widths

    @classmethod
    def read(cls, reference: bytes, *, to_unicode: bytes, widths: Sequence[float]) -> "KnownFont":
        """From what the font itself says of its letters."""
        return cls(reference, codes=_codes(to_unicode), widths=widths)

    def has(self, glyph: Glyph) -> bool:
        return glyph.face.name == TEXT and self._codes.get(glyph.said, len(self._widths)) < len(self._widths)

    def code(self, glyph: Glyph) -> int:
        return self._codes[glyph.said]

    def advance(self, glyph: Glyph) -> float:
        return self._widths[self._codes[glyph.said]] / 1000

    def bind(self, binder: Binder) -> bytes:
        return self._reference


@lru_cache(maxsize=64)
def _codes(to_unicode: bytes) -> Mapping[str, int]:
    """Letter -> code, from a map of ours: single letters, and ranges."""
    found: dict[str, int] = {}
    for first, last, said in _SAID.findall(to_unicode):
        text, begin = bytes.fromhex(said.decode()).decode("utf-16-be", "replace"), int(first, 16)
        further = int(last, 16) - begin if last and len(text) == 1 else 0
        for step in range(min(further, 255) + 1):
            found[text if step == 0 else chr(ord(text) + step)] = begin + step
    return found


_SAID = re.compile(rb"<([0-9A-F]{4})> (?:<([0-9A-F]{4})> )?<((?:[0-9A-F]{4})+)>\n")
