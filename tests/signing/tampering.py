# mypy: allow-untyped-calls
"""What somebody might do to a sealed file, each by name: bytes changed, cut, appended, and the published PDF attacks.

Every function takes the sealed file and gives the tampered one, or several. None of them may pass any verifier of ours.
"""

import re
from collections.abc import Callable, Iterator
from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from tests.outsiders import signatures_in

CONTENTS = re.compile(rb"/Contents\s*<([0-9A-Fa-f]+)>")


def attacks(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Every attack that needs no key, by name."""
    yield from _bytes_changed(content)
    yield from _cut(content)
    yield "appended_garbage", content + b"\n% nothing to see here"
    yield "appended_space", content + b" " * 40
    yield "prefixed", b"\n" + content
    yield from _swapped_signatures(content)
    yield "hidden_in_the_padding", _in_the_padding(content)
    yield "digit_in_another_case", _another_case(content)
    yield "another_tag_around_the_signature", _another_tag(content)
    for name, change in REVISIONS.items():
        yield name, _revised(content, change)


def _bytes_changed(content: bytes) -> Iterator[tuple[str, bytes]]:
    """One bit here and there, and one inside each signature, each key of a signature dictionary, each %%EOF."""
    places = {f"every_{n}": int(n * len(content) / 12) for n in range(12)}
    places |= {f"contents_{n}": m.start(1) + 400 for n, m in enumerate(CONTENTS.finditer(content))}
    places |= {f"range_{n}": m.end() + 3 for n, m in enumerate(re.finditer(rb"/ByteRange\s*\[", content))}
    places |= {f"eof_{n}": m.start() + 2 for n, m in enumerate(re.finditer(rb"%%EOF", content))}
    for name, place in places.items():
        changed = bytearray(content)
        changed[place] ^= 1
        yield f"flipped_{name}", bytes(changed)


def _cut(content: bytes) -> Iterator[tuple[str, bytes]]:
    ends = [m.end() for m in re.finditer(rb"%%EOF\n?", content)]
    for n, end in enumerate(ends[:-2]):  # without its last time stamp a file still holds, at a lower level
        yield f"cut_to_revision_{n}", content[:end]
    yield "cut_last_byte_of_eof", content[: content.rindex(b"%%EOF") + 4]
    yield "cut_in_half", content[: len(content) // 2]


def _swapped_signatures(content: bytes) -> Iterator[tuple[str, bytes]]:
    """One signer's CMS in another's place, of the same room."""
    found = list(CONTENTS.finditer(content))
    first, second = found[0], found[1]
    if len(first[1]) == len(second[1]):
        swapped = bytearray(content)
        swapped[slice(*first.span(1))], swapped[slice(*second.span(1))] = second[1], first[1]
        yield "swapped_signatures", bytes(swapped)
    longest = max(found, key=lambda m: len(m[1]))
    for n, one in enumerate(found):
        if one is not longest and len(longest[1].rstrip(b"0")) <= len(one[1]):
            copied = bytearray(content)
            copied[slice(*one.span(1))] = longest[1].rstrip(b"0").ljust(len(one[1]), b"0")
            yield f"copied_signature_{n}", bytes(copied)


def _in_the_padding(content: bytes) -> bytes:
    """The place behind the last signature's DER is covered by no range: nothing may stand there."""
    last = list(CONTENTS.finditer(content))[-1]
    assert last.start(1) + 2 * len(signatures_in(content)[-1][0]) <= last.end(1) - 2, "no padding"
    changed = bytearray(content)
    changed[last.end(1) - 2 : last.end(1)] = b"41"
    return bytes(changed)


def _another_case(content: bytes) -> bytes:
    """A hexadecimal digit of the last signature, which no range covers: the same to a reader, and changed."""
    last = list(CONTENTS.finditer(content))[-1]
    place = last.start(1) + next(n for n, digit in enumerate(last[1]) if digit in b"abcdef")
    return content[:place] + content[place : place + 1].upper() + content[place + 1 :]


def _another_tag(content: bytes) -> bytes:
    """The [0] around the last signature's signed data becomes a [2]."""
    last = list(CONTENTS.finditer(content))[-1]
    place = last.start(1) + last[1].index(b"a0")
    return content[: place + 1] + b"2" + content[place + 2 :]


Change = Callable[[IncrementalPdfFileWriter], None]


def _revised(content: bytes, change: Change) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(content), strict=False)
    change(writer)
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def _page(writer: IncrementalPdfFileWriter) -> generic.DictionaryObject:
    page: generic.DictionaryObject = writer.find_page_for_modification(0)[0].get_object()
    return page


def _other_words(writer: IncrementalPdfFileWriter) -> None:
    """Replace: the page's own content is another one (published as "shadow: replace")."""
    stream = generic.StreamObject(stream_data=b"BT /F1 24 Tf 72 700 Td (I owe you a million) Tj ET")
    page = _page(writer)
    page["/Contents"] = writer.add_object(stream)
    writer.update_container(page)


def _overwritten_words(writer: IncrementalPdfFileWriter) -> None:
    """Replace: the page keeps pointing at the same object, which is another one now."""
    reference = _page(writer).raw_get("/Contents")
    first = reference.get_object()[0] if isinstance(reference.get_object(), generic.ArrayObject) else None
    target = first.container_ref if first is not None else reference.reference
    stream = generic.StreamObject(stream_data=b"BT /F1 24 Tf 72 700 Td (I owe you a million) Tj ET")
    writer.objects[(target.generation, target.idnum)] = stream


def _annotation(writer: IncrementalPdfFileWriter) -> None:
    """Evil annotation: a stamp over the text."""
    look = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 400, 100))),
        },
        stream_data=b"1 1 1 rg 0 0 400 100 re f",
    )
    stamp = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/Stamp"),
            pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (50, 600, 450, 700))),
            pdf_name("/F"): generic.NumberObject(4),
            pdf_name("/AP"): generic.DictionaryObject({pdf_name("/N"): writer.add_object(look)}),
        }
    )
    page = _page(writer)
    page["/Annots"] = generic.ArrayObject([*page.get("/Annots", []), writer.add_object(stamp)])
    writer.update_container(page)


def _opens_something(writer: IncrementalPdfFileWriter) -> None:
    action = {pdf_name("/S"): pdf_name("/JavaScript"), pdf_name("/JS"): pdf_string("app.alert('hello')")}
    writer.root["/OpenAction"] = writer.add_object(generic.DictionaryObject(action))
    writer.update_root()


def _other_pages(writer: IncrementalPdfFileWriter) -> None:
    """Hide: the catalogue points at another page tree."""
    page = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Page"),
            pdf_name("/MediaBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 595, 842))),
        }
    )
    reference = writer.add_object(page)
    pages = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Pages"),
            pdf_name("/Kids"): generic.ArrayObject([reference]),
            pdf_name("/Count"): generic.NumberObject(1),
        }
    )
    page["/Parent"] = writer.root["/Pages"] = writer.add_object(pages)
    writer.update_root()


def _field(writer: IncrementalPdfFileWriter, ending: str) -> generic.DictionaryObject:
    for reference in writer.root["/AcroForm"]["/Fields"]:
        field: generic.DictionaryObject = reference.get_object()
        if ending in str(field.get("/T", "")):
            return field
    raise LookupError(ending)


def _mark_moved(writer: IncrementalPdfFileWriter) -> None:
    """A signer's mark somewhere else on the page."""
    widget = _field(writer, "-signer-")
    widget["/Rect"] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 100, 100)))
    writer.update_container(widget)


def _mark_redrawn(writer: IncrementalPdfFileWriter) -> None:
    """A signed field with another appearance."""
    look = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 400, 100))),
        },
        stream_data=b"0 0 400 100 re f",
    )
    widget = _field(writer, "-signer-")
    widget["/AP"] = generic.DictionaryObject({pdf_name("/N"): writer.add_object(look)})
    writer.update_container(widget)


def _signature_removed(writer: IncrementalPdfFileWriter) -> None:
    widget = _field(writer, "-signer-")
    del widget["/V"]
    writer.update_container(widget)


def _signature_stripped(writer: IncrementalPdfFileWriter) -> None:
    """Universal signature forgery: a signature without what it signs."""
    signature = _field(writer, "-signer-")["/V"]
    del signature["/ByteRange"]
    writer.update_container(signature)


def _seal_removed(writer: IncrementalPdfFileWriter) -> None:
    widget = _field(writer, "-seal")
    del widget["/V"]
    writer.update_container(widget)


def _form_removed(writer: IncrementalPdfFileWriter) -> None:
    del writer.root["/AcroForm"]
    writer.update_root()


def _new_visible_field(writer: IncrementalPdfFileWriter) -> None:
    """Sneaky signature: another signature field whose picture lies over the text."""
    look = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 400, 100))),
        },
        stream_data=b"1 1 1 rg 0 0 400 100 re f",
    )
    page_reference = writer.find_page_for_modification(0)[0]
    field = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/Widget"),
            pdf_name("/FT"): pdf_name("/Sig"),
            pdf_name("/T"): pdf_string("Harmless"),
            pdf_name("/P"): page_reference,
            pdf_name("/F"): generic.NumberObject(4),
            pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (50, 600, 450, 700))),
            pdf_name("/AP"): generic.DictionaryObject({pdf_name("/N"): writer.add_object(look)}),
        }
    )
    reference = writer.add_object(field)
    page = page_reference.get_object()
    page["/Annots"] = generic.ArrayObject([*page.get("/Annots", []), reference])
    writer.update_container(page)
    fields = writer.root["/AcroForm"]["/Fields"]
    fields.append(reference)
    writer.update_container(fields)


def _attachment(writer: IncrementalPdfFileWriter) -> None:
    file = generic.StreamObject(stream_data=b"MZ")
    names = generic.ArrayObject([pdf_string("x.exe"), writer.add_object(file)])
    tree = generic.DictionaryObject({pdf_name("/Names"): names})
    writer.root["/Names"] = generic.DictionaryObject({pdf_name("/EmbeddedFiles"): tree})
    writer.update_root()


REVISIONS: dict[str, Change] = {
    "shadow_replace_contents": _other_words,
    "shadow_replace_in_place": _overwritten_words,
    "evil_annotation": _annotation,
    "open_action": _opens_something,
    "shadow_hide_pages": _other_pages,
    "mark_moved": _mark_moved,
    "mark_redrawn": _mark_redrawn,
    "signature_removed": _signature_removed,
    "forgery_without_range": _signature_stripped,
    "seal_removed": _seal_removed,
    "form_removed": _form_removed,
    "sneaky_visible_field": _new_visible_field,
    "attachment": _attachment,
}
