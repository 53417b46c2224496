"""Files made to hurt whoever reads them: real ones bent at random by seed, and bombs and knots built by hand.

`bent` gives the same file for the same seed, so that what a run finds can be made again from its name alone.
"""

import io
import random
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Hostile:
    """A made file: its name tells how to make it again."""

    name: str
    content: bytes


def hostile(samples: Sequence[Path], *, count: int, seed: int) -> Iterator[Hostile]:
    """Every knot once, then bent samples until there are `count` in all."""
    made = 0
    for name, build in KNOTS.items():
        if made < count:
            made += 1
            yield Hostile(f"knot:{name}", build())
    for number in range(seed, seed + count - made if samples else seed):
        yield bent(samples, number)


def bent(samples: Sequence[Path], seed: int) -> Hostile:
    chance = random.Random(seed)
    path = chance.choice(list(samples))
    how = chance.choice(list(BENDS))
    content = BENDS[how](path.read_bytes(), chance)
    if how == "splice":
        content = spliced(path.read_bytes(), chance.choice(list(samples)).read_bytes(), chance)
    return Hostile(f"{how}:{seed}:{path.name}", content)


# --- real files, bent ---------------------------------------------------------------------------------


def flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 3, 10, 100)) if changed else 0):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def cut(content: bytes, chance: random.Random) -> bytes:
    """Cut short, or with a piece missing or doubled in the middle."""
    start, end = sorted((chance.randrange(len(content) + 1), chance.randrange(len(content) + 1)))
    return chance.choice((content[:end], content[:start] + content[end:], content[:end] + content[start:]))


def spliced(content: bytes, other: bytes, chance: random.Random) -> bytes:
    """The beginning of one file and the end, with its cross-references, of another."""
    return content[: chance.randrange(len(content) + 1)] + other[chance.randrange(len(other) + 1) :]


def renumbered(content: bytes, chance: random.Random) -> bytes:
    """Offsets, lengths, counts and object numbers that lie."""
    numbers = list(re.finditer(rb"(?<![\w.])\d{1,10}(?![\w.])", content))
    lies = (b"0", b"1", b"-1", b"65535", b"2147483647", b"4294967296", b"99999999999999999999", b"%d" % len(content))
    return _replaced(content, chance, numbers, lies)


def renamed(content: bytes, chance: random.Random) -> bytes:
    """Keys that are called by other keys' names."""
    names = list(re.finditer(rb"/[A-Za-z]{1,20}", content))
    words = sorted({found.group() for found in names}) or [b"/X"]
    return _replaced(content, chance, names, words)


def retyped(content: bytes, chance: random.Random) -> bytes:
    """Values of another type than they should be."""
    values = list(re.finditer(rb"\d+ \d+ R|\[[^\[\]]{0,80}\]|\([^()]{0,80}\)|(?<=\s)(?:true|false|null)", content))
    return _replaced(content, chance, values, (b"null", b"[]", b"<<>>", b"(x)", b"1 0 R", b"3 0 R", b"-7.5", b"/N"))


def _replaced(content: bytes, chance: random.Random, places: list[re.Match[bytes]], by: Sequence[bytes]) -> bytes:
    chosen = sorted(
        chance.sample(places, min(len(places), chance.choice((1, 2, 5, 25)))), key=lambda found: -found.start()
    )
    for found in chosen:
        content = content[: found.start()] + chance.choice(by) + content[found.end() :]
    return content


BENDS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "flip": flipped,
    "cut": cut,
    "splice": lambda content, chance: content,  # takes a second file, see `bent`
    "number": renumbered,
    "name": renamed,
    "type": retyped,
}

# --- built by hand ------------------------------------------------------------------------------------


def file_of(
    objects: Sequence[bytes],
    *,
    root: str = "1 0 R",
    trailer: bytes = b"",
    prev: int | None = None,
    size: int | None = None,
) -> bytes:
    """A PDF of these objects, numbered from 1, under a classic table."""
    body, places = io.BytesIO(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), []
    body.seek(0, io.SEEK_END)
    for number, text in enumerate(objects, 1):
        places.append(body.tell())
        body.write(b"%d 0 obj\n%b\nendobj\n" % (number, text))
    start = body.tell()
    body.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    body.writelines(b"%010d 00000 n \n" % place for place in places)
    more = b"/Prev %d " % (start if prev is None else prev) if prev is not None else b""
    body.write(b"trailer\n<</Size %d /Root %b %b%b>>\n" % (size or len(objects) + 1, root.encode(), more, trailer))
    body.write(b"startxref\n%d\n%%%%EOF\n" % start)
    return body.getvalue()


def paper(
    content: bytes = b"0 0 m", *more: bytes, catalog: bytes = b"", page: bytes = b"", filters: bytes = b""
) -> bytes:
    """One page: catalogue 1, pages 2, page 3, its content 4, and more objects from 5."""
    return file_of(
        [
            b"<</Type/Catalog /Pages 2 0 R %b>>" % catalog,
            b"<</Type/Pages /Count 1 /Kids [3 0 R] /MediaBox [0 0 612 792]>>",
            b"<</Type/Page /Parent 2 0 R /Contents 4 0 R %b>>" % page,
            b"<</Length %d %b>>\nstream\n%b\nendstream" % (len(content), filters, content),
            *more,
        ]
    )


def _stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<</Length %d %b>>\nstream\n%b\nendstream" % (len(content), entries, content)


def _bomb(megabytes: int, layers: int = 1) -> tuple[bytes, bytes]:
    packer = zlib.compressobj(9)
    line = b"q 1 0 0 1 0 0 cm " * 61_681  # a megabyte
    content = b"".join(packer.compress(line) for _ in range(megabytes)) + packer.flush()
    for _ in range(layers - 1):
        content = zlib.compress(content, 9)
    return content, b"/Filter [%b]" % (b"/FlateDecode " * layers)


def _deep_page_tree(levels: int) -> bytes:
    kids = [b"<</Type/Pages /Count 1 /Kids [%d 0 R] /Parent %d 0 R>>" % (n + 3, n + 1) for n in range(levels)]
    leaf = b"<</Type/Page /Parent %d 0 R /MediaBox [0 0 9 9]>>" % (levels + 1)
    return file_of([b"<</Type/Catalog /Pages 2 0 R>>", *kids, leaf])


def _deep_fields(levels: int) -> bytes:
    first = 5
    fields = [b"<</T (a) /Kids [%d 0 R]>>" % (first + n + 1) for n in range(levels)]
    return paper(
        b"0 0 m",
        *fields,
        b"<</T (z) /FT /Tx>>",
        catalog=b"/AcroForm <</Fields [5 0 R]>>",
    )


def _shared_kids(levels: int) -> bytes:
    """A tree whose every branch is the next one, ten times: few bytes, 10^levels pages."""
    objects = [b"<</Type/Catalog /Pages 2 0 R>>"]
    for n in range(levels):
        objects.append(b"<</Type/Pages /Count %d /Kids [%b]>>" % (10 ** (levels - n), b"%d 0 R " % (n + 3) * 10))
    return file_of([*objects, b"<</Type/Page /Parent 2 0 R /MediaBox [0 0 9 9]>>"])


def _drawn_forms(levels: int) -> bytes:
    """Drawings that each draw the next one twenty times."""
    forms = []
    for n in range(levels):
        entries = b"/Type/XObject /Subtype/Form /BBox [0 0 99 99] /Resources <</XObject <</F %d 0 R>>>>" % (n + 6)
        forms.append(_stream(b"/F Do " * 20, entries))
    forms.append(_stream(b"0 0 9 9 re f", b"/Type/XObject /Subtype/Form /BBox [0 0 99 99]"))
    return paper(b"/F Do", *forms, page=b"/Resources <</XObject <</F 5 0 R>>>>")


def _picture(width: int, height: int, kind: bytes) -> bytes:
    entries = b"/Type/XObject /Subtype/Image /Width %d /Height %d /BitsPerComponent 8 /ColorSpace /DeviceRGB " % (
        width,
        height,
    )
    content = zlib.compress(bytes(1_000_000), 9)
    return paper(
        b"600 0 0 700 0 0 cm /I Do",
        _stream(content, entries + b"/Filter /%b" % kind),
        page=b"/Resources <</XObject <</I 5 0 R>>>>",
    )


def _object_stream_in_itself() -> bytes:
    inner = b"5 0 <</Length 3>>"
    return paper(b"0 0 m", _stream(inner, b"/Type/ObjStm /N 1 /First 4 /Extends 5 0 R"), catalog=b"/AcroForm 5 0 R")


def _cross_reference_stream(widths: bytes, size: int) -> bytes:
    head = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog /Pages 2 0 R>>\nendobj\n"
    return (
        head
        + b"5 0 obj\n<</Type/XRef /Size %d /W [%b] /Root 1 0 R /Length 9>>\nstream\n123456789\nendstream\nendobj\n"
        % (size, widths)
        + b"startxref\n%d\n%%%%EOF" % len(head)
    )


def _encrypted(handler: bytes) -> bytes:
    return file_of(
        [
            b"<</Type/Catalog /Pages 2 0 R>>",
            b"<</Type/Pages /Count 1 /Kids [3 0 R] /MediaBox [0 0 9 9]>>",
            b"<</Type/Page /Parent 2 0 R>>",
            handler,
        ],
        trailer=b"/Encrypt 4 0 R /ID [(a)(b)]",
    )


KNOTS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "header_only": lambda: b"%PDF-1.7",
    "deep_arrays": lambda: paper(catalog=b"/X " + b"[" * 60_000 + b"]" * 60_000),
    "deep_dictionaries": lambda: paper(catalog=b"/X " + b"<</A" * 30_000 + b" 1 " + b">>" * 30_000),
    "deep_parentheses": lambda: paper(catalog=b"/X " + b"(" * 100_000 + b")" * 100_000),
    "open_arrays": lambda: paper(catalog=b"/X " + b"[" * 200_000),
    "deep_page_tree": lambda: _deep_page_tree(3_000),
    "deep_fields": lambda: _deep_fields(3_000),
    "shared_kids": lambda: _shared_kids(7),
    "page_is_its_parent": lambda: file_of(
        [b"<</Type/Catalog /Pages 2 0 R>>", b"<</Type/Pages /Count 1 /Kids [2 0 R]>>"]
    ),
    "count_lies": lambda: paper().replace(b"/Count 1 ", b"/Count 2147483647 "),
    "count_is_negative": lambda: paper().replace(b"/Count 1 ", b"/Count -1 "),
    "huge_page": lambda: paper(page=b"/MediaBox [0 0 1e30 1e30]"),
    "no_page_size": lambda: paper(page=b"/MediaBox [0 0 0 0]"),
    "page_size_is_words": lambda: paper(page=b"/MediaBox [(a) /B null 3 0 R]"),
    "turned_by_seven": lambda: paper(page=b"/Rotate 7"),
    "unit_is_huge": lambda: paper(page=b"/UserUnit 1e9"),
    "bomb": lambda: paper(_bomb(300)[0], filters=_bomb(300)[1]),
    "bomb_in_bomb": lambda: paper(_bomb(2_000, 2)[0], filters=_bomb(1, 2)[1]),
    "bomb_as_metadata": lambda: paper(
        b"0 0 m", _stream(_bomb(600)[0], b"/Type/Metadata /Subtype/XML /Filter/FlateDecode"), catalog=b"/Metadata 5 0 R"
    ),
    "drawn_forms": lambda: _drawn_forms(12),
    "form_draws_itself": lambda: paper(
        b"/F Do",
        _stream(b"/F Do", b"/Type/XObject /Subtype/Form /BBox [0 0 9 9] /Resources <</XObject <</F 5 0 R>>>>"),
        page=b"/Resources <</XObject <</F 5 0 R>>>>",
    ),
    "huge_picture": lambda: _picture(60_000, 60_000, b"FlateDecode"),
    "wide_picture": lambda: _picture(2_147_483_647, 2, b"FlateDecode"),
    "picture_of_no_kind": lambda: _picture(10, 10, b"JBIG2Decode"),
    "many_notes": lambda: paper(
        b"0 0 m", b"<</Type/Annot /Subtype/Text /Rect [0 0 9 9]>>", page=b"/Annots [" + b"5 0 R " * 300_000 + b"]"
    ),
    "many_fields": lambda: paper(
        b"0 0 m",
        *(b"<</T (f%d) /FT/Tx /Rect [0 0 9 9] /Subtype/Widget>>" % n for n in range(20_000)),
        catalog=b"/AcroForm <</Fields [" + b" ".join(b"%d 0 R" % (n + 5) for n in range(20_000)) + b"]>>",
    ),
    "many_revisions": lambda: b"".join(paper() for _ in range(400)),
    "previous_is_itself": lambda: file_of(
        [b"<</Type/Catalog /Pages 2 0 R>>", b"<</Type/Pages /Count 0 /Kids []>>"], prev=0
    ).replace(b"/Prev 0", b"/Prev 120"),
    "length_is_itself": lambda: paper().replace(b"<</Length 5 >>", b"<</Length 4 0 R>>"),
    "size_lies": lambda: paper().replace(b"/Size 5", b"/Size 2000000000"),
    "root_is_a_number": lambda: paper().replace(b"/Root 1 0 R", b"/Root 12345  "),
    "root_is_the_page": lambda: paper().replace(b"/Root 1 0 R", b"/Root 3 0 R"),
    "object_stream_in_itself": _object_stream_in_itself,
    "wide_cross_references": lambda: _cross_reference_stream(b"1 2147483647 2", 5),
    "no_cross_references": lambda: _cross_reference_stream(b"0 0 0", 2_000_000_000),
    "negative_cross_references": lambda: _cross_reference_stream(b"-1 -4 -2", -5),
    "unknown_encryption": lambda: _encrypted(b"<</Filter/Unknown /V 99>>"),
    "empty_encryption": lambda: _encrypted(b"<<>>"),
    "short_encryption": lambda: _encrypted(
        b"<</Filter/Standard /V 5 /R 6 /O (a) /U (b) /OE () /UE () /P -1 /Perms ()>>"
    ),
    "certificate_encryption": lambda: _encrypted(b"<</Filter/Adobe.PubSec /V 4 /SubFilter/adbe.pkcs7.s5>>"),
    "form_is_an_array": lambda: paper(catalog=b"/AcroForm [1 2 3]"),
    "form_fields_are_a_number": lambda: paper(catalog=b"/AcroForm <</Fields 7>>"),
    "notes_are_a_number": lambda: paper(page=b"/Annots 7"),
    "notes_are_strange": lambda: paper(page=b"/Annots [7 null (x) [ ] 99 0 R 3 0 R]"),
    "resources_are_strange": lambda: paper(page=b"/Resources [1 2]"),
    "content_is_the_page": lambda: paper(page=b"/Contents 3 0 R"),
    "contents_are_many": lambda: paper(page=b"/Contents [" + b"4 0 R " * 50_000 + b"]"),
    "names_in_a_ring": lambda: paper(
        b"0 0 m", b"<</Kids [5 0 R 5 0 R]>>", catalog=b"/Names <</EmbeddedFiles 5 0 R /JavaScript 5 0 R>>"
    ),
    "layers_in_a_ring": lambda: paper(
        b"0 0 m", b"<</Type/OCMD /OCGs [5 0 R] /VE [/Not 5 0 R]>>", catalog=b"/OCProperties <</OCGs [5 0 R] /D 5 0 R>>"
    ),
    "action_in_a_ring": lambda: paper(b"0 0 m", b"<</S/JavaScript /JS (x) /Next 5 0 R>>", catalog=b"/OpenAction 5 0 R"),
    "signed_with_nothing": lambda: paper(
        b"0 0 m",
        b"<</FT/Sig /T (s) /V <</Type/Sig /ByteRange [0 9 9 9] /Contents <00>>> /Subtype/Widget /Rect [0 0 9 9]>>",
        catalog=b"/AcroForm <</SigFlags 3 /Fields [5 0 R]>>",
    ),
    "signed_strangely": lambda: paper(
        b"0 0 m",
        b"<</FT/Sig /T 7 /V [1 2] /Kids [5 0 R null 7]>>",
        catalog=b"/AcroForm <</SigFlags (x) /Fields [5 0 R]>> /Perms <</DocMDP 7>>",
    ),
    "store_is_strange": lambda: paper(catalog=b"/DSS [7] /Extensions 7 /MarkInfo (x)"),
    "version_is_strange": lambda: paper(catalog=b"/Version /9.9.9"),
}
