"""What a PDF may do, carry, or show differently somewhere else than on our pages.

What is shown must be what is signed, and our pages show one picture. `noticed` names everything by which a reader, a
printer, a date or a click could make another one; the sender reads a sentence for each before anyone signs. What could
harm whoever opens the file, a program attached to it, is refused: taking it out would change quietly what its author put
together, and in a signed file nothing can be taken out.

Everything is looked at through `get` and `each`, which find nothing where the file is not what it should be. Runs in
intake's cage.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from bff.core.errors import Refusal

if TYPE_CHECKING:
    import pikepdf

NODE_LIMIT = 100_000
"""Objects and actions looked at; a file with more of them is still judged, by its first ones."""
NOTE_LIMIT, FIELD_LIMIT = 20_000, 3_000
"""Annotations and form fields of a file that can be sealed within a few seconds."""
STREAM_LIMIT_BYTES = 64_000_000
FLATE_RATIO = 1032
"""The most that Flate can squeeze."""
MAGIC_BYTES = 64
PROGRAMS = (
    b"MZ",
    b"\x7fELF",
    b"#!",
    b"\xca\xfe\xba\xbe",
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"L\x00\x00\x00\x01\x14\x02",
)
"""How programs for Windows, Linux, a shell, Java and macOS begin, and Windows' shortcuts."""
PROGRAM_ENDING = re.compile(
    r"\.(apk|app|appimage|bat|chm|cmd|com|command|cpl|deb|dll|dmg|docm|dotm|exe|hta|inf|ipa|iso|jar|js|jse|lnk|mjs|msc|msi"
    r"|msix|msp|mst|pif|pkg|ppam|pptm|ps1|psm1|py|pyw|reg|rpm|scf|scr|sct|sh|sldm|swf|url|vb|vbe|vbs|vhd|ws|wsc|wsf|wsh"
    r"|xlam|xll|xlsm|xltm)[. ]*$",
    re.IGNORECASE,
)
DRAWN_BY_READERS = frozenset({"/RichMedia", "/3D", "/Movie", "/Sound", "/Screen"})
CHANGING = frozenset({"/Hide", "/SetOCGState", "/ImportData", "/ResetForm", "/Rendition", "/GoTo3DView"})
STANDARD_FONTS = re.compile(
    r"^/(?:[A-Z]{6}\+)?(Helvetica|Times|Courier|Arial|TimesNewRoman|CourierNew|Symbol|ZapfDingbats)(?:[-,]?(?:PS|MT|Roman|Bold|Italic|Oblique))*(?:MT)?$"
)
"""Every reader brings these, or the ones with the same widths."""
HIDDEN, PRINTED, NOT_VIEWED = 2, 4, 32
PUSH_BUTTON, PASSWORD = 1 << 16, 1 << 13


def noticed(pdf: "pikepdf.Pdf") -> Iterator[str]:
    """Codes of what was found, perhaps several times. Raises Refusal `executable_attached`."""
    notes = list(annotations(pdf))
    inputs = list(fields(pdf))
    yield from _of_actions(list(_actions(pdf, notes, inputs)), get(pdf.Root, "/OpenAction"))
    if get(pdf.Root, "/Names", "/JavaScript") is not None:
        yield "javascript"
    yield from _of_attachments(pdf, notes)
    yield from _of_layers(get(pdf.Root, "/OCProperties"))
    yield from _of_notes(notes)
    yield from _of_values(get(pdf.Root, "/AcroForm"), inputs)
    yield from _of_objects(pdf)


# --- what it does -------------------------------------------------------------------------------------


def _actions(pdf: "pikepdf.Pdf", notes: Iterable[Any], inputs: Iterable[Any]) -> Iterator[Any]:
    """Every action that an event of the document, a page, an annotation or a field begins, and what follows it."""
    waiting = [get(pdf.Root, "/OpenAction"), *each_value(get(pdf.Root, "/AA"))]
    for one in (*(page.obj for page in pdf.pages), *notes, *inputs):
        waiting += [get(one, "/A"), *each_value(get(one, "/AA"))]
    left = NODE_LIMIT
    seen: set[tuple[int, int]] = set()
    while waiting and left > 0:
        one, left = waiting.pop(), left - 1
        if get(one) is None or (one.is_indirect and one.objgen in seen):
            continue
        if one.is_indirect:
            seen.add(one.objgen)
        yield one
        following = get(one, "/Next")
        waiting += [following, *each(following)]


def _of_actions(actions: Iterable[Any], opening: Any) -> Iterator[str]:
    if get(opening, "/S") not in (None, "/GoTo"):
        yield "open_action"
    for action in actions:
        kind = word(get(action, "/S"))
        if kind == "/JavaScript":
            yield "javascript"
        elif kind == "/Launch":
            yield "launches"
        elif kind in CHANGING:
            yield "changes_itself"


def _of_attachments(pdf: "pikepdf.Pdf", notes: Iterable[Any]) -> Iterator[str]:
    attached = [get(one, "/FS") for one in notes if get(one, "/Subtype") == "/FileAttachment"]
    attached += _named_files(get(pdf.Root, "/Names", "/EmbeddedFiles"))
    for holder in (pdf.Root, *(page.obj for page in pdf.pages)):
        attached += each(get(holder, "/AF"))
    for one in attached:
        yield "attachments"
        if _runs(one):
            raise Refusal("executable_attached")


def _named_files(tree: Any) -> Iterator[Any]:
    """The values of a name tree, however it is knotted."""
    waiting = [tree]
    seen: set[tuple[int, int]] = set()
    while waiting and len(seen) < NODE_LIMIT:
        node = waiting.pop()
        if get(node) is None or (node.is_indirect and node.objgen in seen):
            continue
        seen.add(node.objgen if node.is_indirect else (-len(seen), 0))
        waiting += each(get(node, "/Kids"))
        yield from list(each(get(node, "/Names")))[1::2]


def _runs(attached: Any) -> bool:
    """Whether it is a program by its name (with dots and blanks behind it, too) or by how it begins."""
    names = (word(get(attached, key)) for key in ("/F", "/UF", "/DOS", "/Unix", "/Mac"))
    if any(PROGRAM_ENDING.search(name) for name in names):
        return True
    return any(unpacked(stream, MAGIC_BYTES).startswith(PROGRAMS) for stream in each_value(get(attached, "/EF")))


# --- what it shows only sometimes ---------------------------------------------------------------------


def _of_layers(layers: Any) -> Iterator[str]:
    """Layers that are off and could be switched on, and layers that a reader switches by itself."""
    usual = get(layers, "/D")
    if get(usual, "/BaseState") == "/OFF" or next(each(get(usual, "/OFF")), None) is not None:
        yield "hidden_layers"
    for rule in each(get(usual, "/AS")):
        kinds = {word(kind) for kind in each(get(rule, "/Category"))}
        for layer in each(get(rule, "/OCGs")):
            if any(get(layer, "/Usage", kind) is not None for kind in kinds):
                yield "layers_vary"


def _of_notes(notes: Iterable[Any]) -> Iterator[str]:
    """Stamps and notes that show on the screen or on paper alone, and what every reader draws in its own way."""
    for note in notes:
        kind, flags = word(get(note, "/Subtype")), number(get(note, "/F"), 0)
        if kind in DRAWN_BY_READERS:
            yield "media"
        button = kind == "/Widget" and number(get(note, "/Ff"), 0) & PUSH_BUTTON
        if kind in ("/Link", "/Popup", "/Text") or button or flags & HIDDEN or get(note, "/AP", "/N") is None:
            continue
        if bool(flags & NOT_VIEWED) == bool(flags & PRINTED) and not _empty(get(note, "/Rect")):
            yield "print_differs"


def _empty(rectangle: Any) -> bool:
    corners = [word(corner) for corner in each(rectangle)]
    return len(corners) != 4 or corners[0] == corners[2] or corners[1] == corners[3]


def _of_values(form: Any, inputs: Iterable[Any]) -> Iterator[str]:
    """Text fields whose drawn appearance is not their value: which of the two is seen depends on the reader."""
    anew = get(form, "/NeedAppearances") is True
    for one in inputs:
        value = get(one, "/V")
        if _kind(one) not in ("/Tx", "/Ch") or number(get(one, "/Ff"), 0) & PASSWORD or not _letters(value):
            continue
        if anew or _draws_another(one, _letters(value)):
            yield "form_values_vary"


def _kind(one: Any) -> str:
    return word(get(one, "/FT") or get(one, "/Parent", "/FT"))


def _draws_another(one: Any, letters: str) -> bool:
    """Compared where the letters can be read without the font: ASCII in a font of single bytes."""
    for widget in (one, *each(get(one, "/Kids"))):
        appearance = get(widget, "/AP", "/N")
        fonts = list(each_value(get(appearance, "/Resources", "/Font")))
        if get(appearance) is None or any(get(font, "/Subtype") == "/Type0" for font in fonts):
            continue
        drawn = _drawn(appearance)
        if letters.isascii() and drawn is not None and drawn != letters:
            return True
    return False


def _drawn(appearance: Any) -> str | None:
    """The letters that an appearance draws; None where it cannot be read."""
    import pikepdf

    try:
        steps = pikepdf.parse_content_stream(appearance, operators="Tj TJ ' \"")
    except (pikepdf.PdfError, pikepdf.PikepdfError, *NOT_WHAT_IT_SHOULD_BE):
        return None
    parts: list[Any] = []
    for step in steps:
        for operand in step.operands:
            parts += each(operand) if isinstance(operand, pikepdf.Array) else [operand]
    text = "".join(bytes(part).decode("latin-1") for part in parts if isinstance(part, pikepdf.String))
    return _letters(text) if text.isascii() else None


def _letters(value: Any) -> str:
    import pikepdf

    return "".join(c for c in word(value) if c.isalnum()) if isinstance(value, (str, pikepdf.String)) else ""


def _of_objects(pdf: "pikepdf.Pdf") -> Iterator[str]:
    """What lies in other files or printers' pictures, and fonts that every machine replaces by another."""
    import pikepdf

    for index, one in enumerate(pdf.objects):
        if index >= NODE_LIMIT:
            return
        if isinstance(one, pikepdf.Stream):
            if get(one, "/F") is not None or get(one, "/Ref") is not None:
                yield "outside_content"
            if get(one, "/Alternates") is not None:
                yield "print_differs"
        elif _is_missing_font(one):
            yield "fonts_missing"


def _is_missing_font(one: Any) -> bool:
    if get(one, "/Type") != "/Font" or get(one, "/Subtype") in ("/Type0", "/Type3"):
        return False
    described = get(one, "/FontDescriptor")
    if any(get(described, key) is not None for key in ("/FontFile", "/FontFile2", "/FontFile3")):
        return False
    return STANDARD_FONTS.match(word(get(one, "/BaseFont")).replace(" ", "")) is None


def check_weight(pdf: "pikepdf.Pdf") -> None:
    """Raises Refusal `too_complex` for what unpacks to more than any page, form or description needs.

    Pictures and attachments are not looked at: a reader unpacks the ones line by line and the others not at all.
    """
    import pikepdf

    for index, one in enumerate(pdf.objects):
        if index >= NODE_LIMIT:
            return
        if (
            not isinstance(one, pikepdf.Stream)
            or get(one, "/Subtype") == "/Image"
            or get(one, "/Type") == "/EmbeddedFile"
        ):
            continue
        if len(unpacked(one, STREAM_LIMIT_BYTES)) >= STREAM_LIMIT_BYTES:
            raise Refusal("too_complex")


def unpacked(stream: Any, limit: int) -> bytes:
    """The first bytes of a stream, `limit` at most. What is packed in another way than by Flate is taken as it lies."""
    import pikepdf

    if not isinstance(stream, pikepdf.Stream):
        return b""
    packing = get(stream, "/Filter")
    layers = [
        word(one) for one in (each(packing) if isinstance(packing, pikepdf.Array) else [packing] if packing else [])
    ]
    if not set(layers) <= {"/FlateDecode", "/Fl"}:
        return b""
    try:
        content = stream.read_raw_bytes()
        if len(layers) == 1 and len(content) * FLATE_RATIO < limit and limit > MAGIC_BYTES:
            return b""  # it cannot become that large
        for _ in layers:
            content = zlib.decompressobj().decompress(content, limit)
    except (zlib.error, pikepdf.PdfError, pikepdf.PikepdfError, *NOT_WHAT_IT_SHOULD_BE):
        return b""
    return content[:limit]


# --- looking without being hurt -----------------------------------------------------------------------


def annotations(pdf: "pikepdf.Pdf") -> Iterator[Any]:
    """Raises Refusal `too_complex`."""
    seen = 0
    for page in pdf.pages:
        for one in each(get(page.obj, "/Annots")):
            seen += 1
            if seen > NOTE_LIMIT:
                raise Refusal("too_complex")
            yield one


def fields(pdf: "pikepdf.Pdf") -> Iterator[Any]:
    """Every form field once, however its tree is knotted. Raises Refusal `too_complex`."""
    waiting = list(each(get(pdf.Root, "/AcroForm", "/Fields")))
    seen: set[tuple[int, int]] = set()
    while waiting:
        one = waiting.pop()
        if get(one) is None or (one.is_indirect and one.objgen in seen):
            continue
        seen.add(one.objgen if one.is_indirect else (-len(seen), 0))
        if len(seen) > FIELD_LIMIT:
            raise Refusal("too_complex")
        waiting.extend(each(get(one, "/Kids")))
        yield one


def get(thing: Any, *path: str) -> Any:
    """The value down a path of dictionary keys; None wherever the file does not have one there."""
    import pikepdf

    for key in path:
        if not isinstance(thing, (pikepdf.Dictionary, pikepdf.Stream)):
            return None
        try:
            thing = thing.get(key)
        except NOT_WHAT_IT_SHOULD_BE:
            return None
    return thing


def each(array: Any) -> Iterator[Any]:
    import pikepdf

    if isinstance(array, pikepdf.Array):
        yield from array


def each_value(dictionary: Any) -> Iterator[Any]:
    import pikepdf

    if isinstance(dictionary, pikepdf.Dictionary):
        yield from dictionary.as_dict().values()


def word(value: Any) -> str:
    """A name or a text as letters; empty where its bytes are none."""
    try:
        return str(value)
    except NOT_WHAT_IT_SHOULD_BE:
        return ""


def number(given: Any, otherwise: int) -> int:
    try:
        return int(given)
    except (TypeError, ValueError):
        return otherwise


NOT_WHAT_IT_SHOULD_BE = (ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError)
