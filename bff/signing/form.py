"""The form fields of a contract: prepared in one revision, filled and signed in later ones.

Preparation adds every field and the evidence pages before anyone signs. After it only values, appearances and
signatures are added, each signer in one revision of their own, so that what a signer was shown is a prefix of the final
file and every earlier signature stays valid under difference analysis.

Positions are ten-thousandths of the page as displayed; here they become PDF space, whatever the page's rotation and
crop. What is drawn comes from a `Paper`; what a signature says comes from `pades`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bff.core.contract import FULL, Field, FieldKind, Signer
from bff.core.errors import Fault, Refusal
from bff.core.mark import Mark
from bff.core.ports import EvidencePage
from bff.signing import objects
from bff.signing.increment import Increment
from bff.signing.objects import DEEPEST, Dict, Unsure
from bff.signing.paper import HIDDEN_FONT, Binder, Drawn, KnownFont

HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"
NAME = re.compile(r"countersign-[0-9a-f]{8}-(signer|field|seal)(?:-(.+))?")
TYPE = b"CountersignType"
"""In a signature's widget: the font of the evidence pages, whose letters the mark may use."""
PRINTED, LOCKED, READ_ONLY = 4, 128, 1
LETTER = (0.0, 0.0, 612.0, 792.0)

Box = tuple[float, float, float, float]


class EvidencePaper(Protocol):
    @property
    def boxes(self) -> Mapping[str, tuple[int, float, float, float, float]]: ...
    def bind(self, binder: Binder) -> tuple[list[Dict], bytes]: ...


class Hand(Protocol):
    """Draws marks and values; the fonts that it names come along."""

    def mark(
        self, mark: Mark, *, width: float, height: float, caption: tuple[str, ...], language: str
    ) -> bytes | Drawn: ...
    def text(self, text: str, *, width: float, height: float, language: str) -> bytes | Drawn: ...
    def seal(self, lines: tuple[str, str], *, width: float, height: float) -> bytes | Drawn: ...


class Paper(Protocol):
    """What is drawn; `bff.signing.paper` draws it."""

    def check(self, *, width: float, height: float) -> bytes: ...
    def evidence(self, page: EvidencePage, *, slots: tuple[str, ...]) -> EvidencePaper: ...
    def with_type(self, known: KnownFont | None) -> Hand: ...


class Draw(Protocol):
    def __call__(self, hand: Hand, w: float, h: float, /) -> bytes | Drawn: ...


class Node:
    """A dictionary in the file that is being changed: an object of its own, or a part of another."""

    def __init__(
        self, increment: Increment, values: Dict, *, reference: bytes = b"", inside: "Node | None" = None
    ) -> None:
        self._increment = increment
        self._reference = reference
        self._inside = inside
        self._name = b""
        self.values = values

    @classmethod
    def at(cls, increment: Increment, reference: bytes) -> "Node":
        return cls(increment, increment.dictionary(reference), reference=reference)

    def child(self, name: bytes) -> "Node":
        """The dictionary under that name, made where there is none."""
        raw = self.values.get(name, objects.NULL)
        value = self._increment.follow(raw)
        values = objects.dictionary(value) if objects.is_dictionary(value) else {}
        found = Node(self._increment, values, inside=self)
        found._name = name
        if values and objects.ref(raw):
            found._reference = raw
        return found

    def save(self) -> None:
        value = objects.written(self.values)
        if self._reference:
            self._increment.put(self._reference, value)
        elif self._inside is not None:
            self._inside.values[self._name] = value
            self._inside.save()


class Entries:
    """An array in the file that is added to: an object of its own, or a part of a dictionary."""

    def __init__(self, increment: Increment, holder: Node, name: bytes) -> None:
        raw = holder.values.get(name, objects.NULL)
        value = increment.follow(raw)
        self._array = value[:1] == b"["
        self.all = objects.elements(value) if self._array else []
        self._increment, self._holder, self._name = increment, holder, name
        self._reference = raw if self._array and objects.ref(raw) else b""
        self._new = False

    def append(self, *values: bytes) -> None:
        self.all += values
        self._new = True

    def save(self) -> None:
        if not self._new:
            return
        if self._reference:
            self._increment.put(self._reference, objects.array(self.all))
        else:
            self._holder.values[self._name] = objects.array(self.all)
            self._holder.save()


def declare_pades(increment: Increment) -> None:
    """PDF 1.7 with the ETSI extension, in files that do not say it yet."""
    root = Node.at(increment, increment.root)
    version = max(increment.source.version, _version(increment.look(root.values, b"Version")))
    if version >= (2, 0):
        return
    if version < (1, 7):
        root.values[b"Version"] = b"/1.7"
        root.save()
    extensions = root.child(b"Extensions")
    if b"ESIC" not in extensions.values:
        extensions.values[b"ESIC"] = b"<</Type/DeveloperExtensions/BaseVersion/1.7/ExtensionLevel 1>>"
        extensions.save()


def _version(raw: bytes | None) -> tuple[int, int]:
    found = re.fullmatch(rb"/(\d)\.(\d)", raw or b"")
    return (int(found[1]), int(found[2])) if found else (0, 0)


# --- pages ---------------------------------------------------------------------------------------------------------


class Pages:
    """The pages of a file, each as its reference, looked up as far as they are asked for."""

    def __init__(self, increment: Increment) -> None:
        self._increment = increment
        self.root = increment.dictionary(increment.root).get(b"Pages", objects.NULL)
        self._known: list[bytes] = []
        self._further = self._leaves(self.root, set())

    def page(self, index: int) -> bytes:
        """The page with this number, from 0. Raises ValueError when there are not so many."""
        while len(self._known) <= index or index < 0:
            leaf = next(self._further, None)
            if leaf is None:
                raise ValueError("a page that is not there")
            self._known.append(leaf)
        return self._known[index]

    def _leaves(self, reference: bytes, above: set[bytes]) -> Iterator[bytes]:
        if reference in above or len(above) > DEEPEST:
            raise Unsure("a circle of pages")
        node = self._increment.dictionary(reference)
        kids = self._increment.look(node, b"Kids")
        if kids is None:
            raise Unsure("a page tree without pages")
        for kid in objects.elements(kids):
            value = self._increment.value(kid)
            if not objects.is_dictionary(value):
                raise Unsure("a page that is none")
            if b"/Kids" in value and b"Kids" in objects.dictionary(value):
                yield from self._leaves(kid, above | {reference})
            else:
                yield kid

    def hang(self, new: Sequence[bytes]) -> None:
        """Behind the last page, under the root of the page tree."""
        node = Node.at(self._increment, self.root)
        count = objects.number(self._increment.look(node.values, b"Count")) or 0
        node.values[b"Count"] = b"%d" % (int(count) + len(new))
        kids = Entries(self._increment, node, b"Kids")
        kids.append(*new)
        kids.save()
        node.save()


def place_on(increment: Increment, page: Dict, place: Field) -> tuple[Box, int]:
    """From the page as displayed to PDF space: undo the turn (clockwise, ISO 32000-2, 7.7.3.3), then the crop."""
    left, bottom, right, top = crop_box(increment, page)
    turn = _turn(increment, page)
    wide, tall = displayed((left, bottom, right, top), turn)
    u0, u1 = place.x / FULL * wide, (place.x + place.w) / FULL * wide
    v1, v0 = tall - place.y / FULL * tall, tall - (place.y + place.h) / FULL * tall
    if turn == 90:
        return (right - v1, bottom + u0, right - v0, bottom + u1), turn
    if turn == 180:
        return (right - u1, top - v1, right - u0, top - v0), turn
    if turn == 270:
        return (left + v0, top - u1, left + v1, top - u0), turn
    return (left + u0, bottom + v0, left + u1, bottom + v1), turn


def crop_box(increment: Increment, page: Dict) -> Box:
    """The part of the page that is displayed: its CropBox within its MediaBox, as PDFium takes it."""
    media = rectangle(increment, _inherited(increment, page, b"MediaBox")) or LETTER
    crop = rectangle(increment, _inherited(increment, page, b"CropBox")) or media
    both = (max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3]))
    return both if both[0] < both[2] and both[1] < both[3] else media


def rectangle(increment: Increment, value: bytes | None) -> Box | None:
    if value is None or value[:1] != b"[":
        return None
    numbers = [objects.number(increment.follow(n)) for n in objects.elements(value)]
    if len(numbers) != 4 or None in numbers:
        return None
    a, b, c, d = (n or 0.0 for n in numbers)
    box = (min(a, c), min(b, d), max(a, c), max(b, d))
    return box if box[0] < box[2] and box[1] < box[3] else None


def _turn(increment: Increment, page: Dict) -> int:
    return int(objects.number(_inherited(increment, page, b"Rotate")) or 0) % 360 // 90 * 90


def _inherited(increment: Increment, page: Dict, name: bytes) -> bytes | None:
    """A page attribute from the page or the nearest node above it; a circle ends the search."""
    for _ in range(DEEPEST):
        if name in page:
            return increment.look(page, name)
        above = increment.look(page, b"Parent")
        if above is None or not objects.is_dictionary(above):
            return None
        page = objects.dictionary(above)
    return None


def displayed(box: Box, turn: int) -> tuple[float, float]:
    wide, tall = box[2] - box[0], box[3] - box[1]
    return (wide, tall) if turn % 180 == 0 else (tall, wide)


def _numbers(values: Iterable[float]) -> bytes:
    return b"[" + b" ".join(_number(n) for n in values) + b"]"


def _number(value: float) -> bytes:
    return f"{value:.3f}".rstrip("0").rstrip(".").encode() if value % 1 else b"%d" % value


# --- preparing: fields and evidence pages --------------------------------------------------------------------------


def signatures(fields: Iterable[Field], signer_id: str) -> list[Field]:
    return [f for f in fields if f.signer_id == signer_id and f.kind is FieldKind.SIGNATURE]


def check_only_signatures(fields: Sequence[Field]) -> None:
    """A signature that is there already allows new signature fields and nothing else."""
    places = [f for f in fields if f.kind is FieldKind.SIGNATURE]
    if len(places) < len(fields) or len({f.signer_id for f in places}) < len(places):
        raise Refusal("signed_file_takes_signatures_only")


@dataclass(frozen=True)
class Place:
    """Where a field goes: its page, its rectangle in PDF space, and how far the page is turned when displayed."""

    page: bytes
    box: Box
    turn: int = 0


@dataclass
class Preparation:
    """One revision that adds form fields and pages. Everything in it is written before anyone signs."""

    increment: Increment
    prefix: str
    _pages: Pages = field(init=False)
    _first: bytes = field(init=False)
    _widgets: dict[bytes, list[bytes]] = field(default_factory=dict)
    _type: bytes = objects.NULL
    """The font that later revisions may set type in."""

    def __post_init__(self) -> None:
        root = Node.at(self.increment, self.increment.root)
        self._pages = Pages(self.increment)
        self._first = self._pages.page(0)
        self.signed = any(True for _ in signed_fields(self.increment))
        self._certified = b"DocMDP" in root.child(b"Perms").values
        _set_up_form(self.increment)
        self._helvetica = helvetica(self.increment)
        declare_pades(self.increment)

    def place(self, signer: Signer, fields: Sequence[Field], slot: Place | None, paper: Paper) -> None:
        """The signer's signature field, in its first place or its slot, and their other fields, to be filled later."""
        first, *_ = [*signatures(fields, signer.id), None]
        others = [f for f in fields if f is not first]
        owned = [self._field_name(f) for f in others]
        where = self._find(first) if first is not None else slot
        label = (first.label if first else "") or signer.name
        self._signature(f"{self.prefix}-signer-{signer.id}", where, locks=owned, label=label)
        for other in others:
            self._value(other, paper)

    def place_seal(self, slot: Place | None) -> None:
        self._signature(f"{self.prefix}-seal", slot, locks=[], label="Seal")

    def there(self, page: int, box: Box) -> Place:
        """A place on a page, numbered from 1."""
        return Place(page=self._pages.page(page - 1), box=box)

    def append(self, paper: EvidencePaper) -> dict[str, Place]:
        """The evidence pages at the end of the document; where each of its boxes is now."""
        new, self._type = paper.bind(self.increment)
        pages = [self.increment.add(objects.written({**page, b"Parent": self._pages.root})) for page in new]
        self._pages.hang(pages)
        return {who: Place(page=pages[n - 1], box=(x0, y0, x1, y1)) for who, (n, x0, y0, x1, y1) in paper.boxes.items()}

    def finish(self) -> bytes:
        """The revision's bytes."""
        self.enter()
        return self.increment.revision()

    def enter(self) -> None:
        """The new fields into the form and onto their pages."""
        annotate(self.increment, self._widgets)
        form = Node.at(self.increment, self.increment.root).child(b"AcroForm")
        fields = Entries(self.increment, form, b"Fields")
        fields.append(*(widget for widgets in self._widgets.values() for widget in widgets))
        fields.save()

    def _field_name(self, place: Field) -> str:
        return f"{self.prefix}-field-{place.id}"

    def _signature(self, name: str, where: Place | None, *, locks: list[str], label: str) -> None:
        """Invisible without a place, and in a certified file, where a visible newcomer would break the certificate."""
        if where is None or self._certified:
            where = Place(page=self._first, box=(0, 0, 0, 0))
        widget = _widget(name, b"/Sig", where, label)
        if self._type != objects.NULL:
            widget[TYPE] = self._type
        if locks:
            names = objects.array(objects.string(lock) for lock in locks)
            widget[b"Lock"] = self.increment.add(b"<</Type/SigFieldLock/Action/Include/Fields" + names + b">>")
        self._add(widget, where.page)

    def _value(self, place: Field, paper: Paper) -> None:
        where = self._find(place)
        name = self._field_name(place)
        if place.kind is FieldKind.CHECKBOX:
            widget = _widget(name, b"/Btn", where, place.label)
            wide, tall = displayed(where.box, where.turn)
            states = [
                (b"Yes", paper.check(width=wide, height=tall)),
                (b"Off", b""),
            ]
            drawn = {s: drawing(self.increment, where.box, where.turn, d, self._helvetica) for s, d in states}
            widget[b"AP"] = objects.written({b"N": objects.written(drawn)})
            widget[b"AS"] = widget[b"V"] = b"/Off"
        else:
            widget = _widget(name, b"/Tx", where, place.label)
            widget[b"DA"] = b"(/" + HIDDEN_FONT.encode() + b" 0 Tf 0 g)"
        widget[b"Ff"] = b"%d" % READ_ONLY
        self._add(widget, where.page)

    def _add(self, widget: Dict, page: bytes) -> None:
        self._widgets.setdefault(page, []).append(self.increment.add(objects.written(widget)))

    def _find(self, place: Field) -> Place:
        page = self._pages.page(place.page - 1)
        box, turn = place_on(self.increment, self.increment.dictionary(page), place)
        return Place(page=page, box=box, turn=turn)


def annotate(increment: Increment, widgets: Mapping[bytes, Sequence[bytes]]) -> None:
    for page, new in widgets.items():
        annotations = Entries(increment, Node.at(increment, page), b"Annots")
        annotations.append(*new)
        annotations.save()


def _set_up_form(increment: Increment) -> None:
    """The AcroForm, made where there is none, flagged as signed and append-only from the start; our plain font in it."""
    root = Node.at(increment, increment.root)
    form = root.child(b"AcroForm")
    if not form.values:
        root.values[b"AcroForm"] = increment.add(b"<</Fields[]>>")
        root.save()
        form = root.child(b"AcroForm")
    form.values[b"SigFlags"] = b"3"
    # A reader that redraws fields would replace what was signed.
    form.values.pop(b"NeedAppearances", None)
    form.save()
    fonts = form.child(b"DR").child(b"Font")
    if HIDDEN_FONT.encode() not in fonts.values:
        fonts.values[HIDDEN_FONT.encode()] = increment.add(HELVETICA)
        fonts.save()


def helvetica(increment: Increment) -> bytes:
    """Our plain font for the resources of an appearance: the form's, if that is the one we made."""
    fonts = Node.at(increment, increment.root).child(b"AcroForm").child(b"DR").child(b"Font")
    named = fonts.values.get(HIDDEN_FONT.encode(), objects.NULL)
    return named if objects.ref(named) and increment.value(named) == HELVETICA else HELVETICA


def _widget(name: str, kind: bytes, where: Place, label: str) -> Dict:
    widget = {
        b"Type": b"/Annot",
        b"Subtype": b"/Widget",
        b"FT": kind,
        b"T": objects.string(name),
        b"TU": objects.string(label or name),
        b"F": b"%d" % (PRINTED | LOCKED),
        b"P": where.page,
        b"Rect": _numbers(where.box),
    }
    return widget | ({b"MK": b"<</R %d>>" % where.turn} if where.turn else {})


def drawing(increment: Increment, box: Box, turn: int, drawn: bytes | Drawn, plain: bytes) -> bytes:
    """An appearance that stands upright on the page as displayed. `plain`: our Helvetica."""
    wide, tall = displayed(box, turn)
    matrix = {
        90: (0, 1, -1, 0, tall, 0),
        180: (-1, 0, 0, -1, wide, tall),
        270: (0, -1, 1, 0, 0, wide),
    }
    operators, fonts = (drawn, {}) if isinstance(drawn, bytes) else (drawn.ops, drawn.fonts)
    named = {key.encode(): font.bind(increment) for key, font in fonts.items()}
    if f"/{HIDDEN_FONT} ".encode() in operators:
        named[HIDDEN_FONT.encode()] = plain
    values = {
        b"Type": b"/XObject",
        b"Subtype": b"/Form",
        b"BBox": _numbers((0, 0, wide, tall)),
        **({b"Matrix": _numbers(matrix[turn])} if turn in matrix else {}),
        b"Resources": objects.written({b"Font": objects.written(named)} if named else {}),
    }
    return increment.add_stream(values, operators)


# --- reading: which fields there are -------------------------------------------------------------------------------


def all_fields(increment: Increment) -> Iterator[tuple[bytes, Dict]]:
    """The terminal fields of the form and what they inherit, in the order of the form."""
    form = increment.look(increment.dictionary(increment.root), b"AcroForm")
    if form is None or not objects.is_dictionary(form):
        return
    fields = increment.look(objects.dictionary(form), b"Fields")
    if fields is not None and fields[:1] == b"[":
        yield from _terminal(increment, objects.elements(fields), {}, 0)


def _terminal(increment: Increment, fields: list[bytes], above: Dict, depth: int) -> Iterator[tuple[bytes, Dict]]:
    if depth > DEEPEST:
        raise Unsure("fields within fields without end")
    for reference in fields:
        value = increment.follow(reference)
        if not objects.is_dictionary(value):
            continue
        values = objects.dictionary(value)
        passed = {name: values[name] for name in (b"FT", b"V") if name in values}
        kids = increment.look(values, b"Kids")
        if kids is not None and kids[:1] == b"[":
            yield from _terminal(increment, objects.elements(kids), above | passed, depth + 1)
        else:
            yield reference, above | values


def signed_fields(increment: Increment) -> Iterator[tuple[Dict, bytes]]:
    """Filled signature fields and the reference to (or value of) the signature in each."""
    for _, values in all_fields(increment):
        if increment.look(values, b"FT") == b"/Sig" and objects.is_dictionary(increment.look(values, b"V")):
            yield values, values[b"V"]


# --- filling: one signer's revision --------------------------------------------------------------------------------


class Form:
    """The prepared fields of a file that is being signed."""

    def __init__(self, increment: Increment, paper: Paper) -> None:
        self._increment = increment
        self._paper = paper
        self._fields: dict[str, bytes] = {}
        self._plain = helvetica(increment)
        self._hand = paper.with_type(None)
        form = increment.look(increment.dictionary(increment.root), b"AcroForm")
        fields = increment.look(objects.dictionary(form), b"Fields") if form and objects.is_dictionary(form) else None
        for reference in objects.elements(fields) if fields is not None else ():
            name = _name(increment.follow(reference))
            if NAME.fullmatch(name):
                self._fields[name] = reference

    def name_of(self, kind: str, identifier: str | None = None) -> str | None:
        """The newest field of that kind and identifier: a file may hold an older contract's fields as well."""
        wanted = (kind, identifier)
        names = [n for n in self._fields if (m := NAME.fullmatch(n)) and m.groups() == wanted]
        return names[-1] if names else None

    def empty_signature(self, kind: str, identifier: str | None = None) -> str:
        name = self.name_of(kind, identifier)
        if name is None:
            raise missing(f"{kind} {identifier or ''}".strip())
        if self._increment.look(self._widget(name).values, b"V") is not None:
            raise Fault(
                "signature_there_already",
                what=f"The {kind}'s signature is in the PDF already.",
                do="Nothing: the job ran twice. The stored revision is the one to go on with.",
            )
        self._hand = self._paper.with_type(self._known(self._widget(name).values))
        return name

    def _known(self, widget: Dict) -> KnownFont | None:
        """The font that the signature's field was prepared with."""
        if objects.ref(widget.get(TYPE)) is None:
            return None
        font = self._increment.dictionary(widget[TYPE])
        (inner,) = objects.elements(self._increment.follow(font[b"DescendantFonts"]))
        widths = objects.elements(self._increment.follow(self._increment.dictionary(inner)[b"W"]))
        number, generation = objects.ref(font[b"ToUnicode"]) or (0, 0)
        return KnownFont.read(
            widget[TYPE],
            to_unicode=self._increment.source.data(number, generation),
            widths=[float(n) for n in widths[1].strip(b"[]").split()],
        )

    def fill(self, name: str, value: str, draw: Draw) -> None:
        self._draw(name, draw, {b"V": objects.string(value)})

    def tick(self, name: str, *, on: bool) -> None:
        widget = self._widget(name)
        widget.values[b"V"] = widget.values[b"AS"] = b"/Yes" if on else b"/Off"
        widget.save()

    def sign(self, name: str, draw: Draw, entries: Dict, *, room: int) -> Increment:
        """The mark, and the signature that freezes what its field was prepared to freeze; the revision with both."""
        lock = self._increment.look(self._widget(name).values, b"Lock")
        if lock is not None:
            entries = {**entries, b"Reference": self._frozen(objects.dictionary(lock))}
        self._draw(name, draw, {b"V": self._increment.add_signature(entries, room=room)})
        return self._increment

    def _frozen(self, lock: Dict) -> bytes:
        what: Dict = {name: lock[name] for name in (b"Action", b"Fields") if name in lock}
        terms = objects.written({b"Type": b"/TransformParams", b"V": b"/1.2"} | what)
        reference = {
            b"Type": b"/SigRef",
            b"TransformMethod": b"/FieldMDP",
            b"Data": self._increment.root,
            b"TransformParams": terms,
        }
        return objects.array([objects.written(reference)])

    def _draw(self, name: str, draw: Draw, values: Dict) -> None:
        widget = self._widget(name)
        widget.values.update(values)
        box = rectangle(self._increment, self._increment.look(widget.values, b"Rect"))
        if box is not None:
            turn = int(objects.number(self._increment.look(widget.child(b"MK").values, b"R")) or 0)
            wide, tall = displayed(box, turn)
            drawn = drawing(self._increment, box, turn, draw(self._hand, wide, tall), self._plain)
            widget.values[b"AP"] = objects.written({b"N": drawn})
        widget.save()

    def _widget(self, name: str) -> Node:
        return Node.at(self._increment, self._fields[name])


def _name(value: bytes) -> str:
    """The partial name of a field that may be one of ours."""
    if b"countersign" not in value or not objects.is_dictionary(value):
        return ""
    return objects.text(objects.dictionary(value).get(b"T", b""))


def missing(what: str) -> Fault:
    return Fault(
        "field_missing",
        what=f"The prepared PDF has no field {what}.",
        do="Prepare the contract again: its fields and its PDF do not belong together.",
    )
