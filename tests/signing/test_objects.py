"""Our reader of values and files against pyHanko's: the same, or an honest "not sure"."""

import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

from bff.signing import objects
from bff.signing.increment import Increment
from bff.signing.objects import File, Unsure
from tests.signing.paperwork import DATA, blank_pdf

WHERE = generic.Reference(1, 0, PdfFileReader(BytesIO(blank_pdf())))
FILES = [*sorted((DATA / "contracts").glob("*.pdf")), *sorted((DATA / "pdfs").glob("*.pdf"))]


# --- values -------------------------------------------------------------------------------------------------------

# pyHanko writes names with control characters as `#F`, which nobody can read back.
names = st.text(st.characters(codec="ascii", min_codepoint=0x20), min_size=1, max_size=9).map(
    lambda text: generic.NameObject("/" + text)
)
simple = st.one_of(
    names,
    st.integers(-(2**31), 2**31).map(generic.NumberObject),
    st.floats(-1e6, 1e6).map(lambda n: generic.FloatObject(round(n, 4))),
    st.booleans().map(generic.BooleanObject),
    st.just(generic.NullObject()),
    st.binary(max_size=30).map(generic.ByteStringObject),
    st.text(max_size=20).map(generic.TextStringObject),
    st.builds(generic.IndirectObject, st.integers(1, 10**6), st.integers(0, 65535), st.none()),
)
values = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5).map(generic.ArrayObject),
        st.dictionaries(names, inner, max_size=5).map(generic.DictionaryObject),
    ),
    max_leaves=25,
)


def as_written(value: generic.PdfObject) -> bytes:
    output = BytesIO()
    value.write_to_stream(output, None)
    return output.getvalue()


@given(values, st.sampled_from([b"", b" ", b"\n%a ) > comment\n", b"\r\n"]))
def test_a_value_ends_where_pyhanko_says(value: generic.PdfObject, before: bytes) -> None:
    raw = as_written(value)
    begin, end = objects.span(before + raw + b"\nendobj")
    assert (before + raw)[begin:end] == raw.strip()


@given(st.dictionaries(names, values, max_size=8))
def test_a_dictionary_taken_apart_and_written_is_the_same(value: dict[generic.NameObject, generic.PdfObject]) -> None:
    raw = as_written(generic.DictionaryObject(value))
    apart = objects.dictionary(raw)
    assert {generic.NameObject("/" + name.decode("latin-1")) for name in apart} == set(value)
    again = generic.DictionaryObject.read_from_stream(BytesIO(objects.written(apart)), WHERE)
    assert as_written(again) == as_written(generic.DictionaryObject.read_from_stream(BytesIO(raw), WHERE))


@given(st.lists(values, max_size=8))
def test_an_array_has_as_many_parts_as_it_had(value: list[generic.PdfObject]) -> None:
    parts = objects.elements(as_written(generic.ArrayObject(value)))
    assert parts == [as_written(part).strip() for part in value]


@given(st.text(max_size=60))
def test_text_comes_back_and_pyhanko_reads_it_too(text: str) -> None:
    assume(not re.search("[\ud800-\udfff]", text))
    raw = objects.string(text)
    assert objects.text(raw) == text
    read = generic.read_object(BytesIO(raw + b" "), WHERE)
    assert str(read) == text or (text == "" and len(read) == 0)


@given(st.binary(max_size=60))
def test_octets_are_those_that_pyhanko_wrote(content: bytes) -> None:
    assert objects.octets(as_written(generic.ByteStringObject(content))) == content


@given(st.lists(st.sampled_from([b"(", b")", b"\\", b"a", b"\\(", b"\r\n", b"\\053"]), max_size=20).map(b"".join))
def test_strings_with_brackets_in_them_end_where_pyhanko_ends(inner: bytes) -> None:
    raw = b"(" + inner + b") "
    try:
        stream = BytesIO(raw)
        read = generic.read_object(stream, WHERE)
    except Exception:
        return
    if not isinstance(read, generic.ByteStringObject | generic.TextStringObject):
        return
    begin, end = objects.span(raw)
    assert (begin, end) == (0, stream.tell())


@given(st.binary(max_size=200))
def test_anything_else_is_not_sure(raw: bytes) -> None:
    for read in (objects.elements, objects.dictionary, objects.span):
        with suppress(Unsure):
            assert read(raw) is not None


# --- files --------------------------------------------------------------------------------------------------------


def shapes() -> Iterator[tuple[str, bytes]]:
    yield "table", blank_pdf(pages=4)
    yield "object streams", blank_pdf(pages=4, object_streams=True)
    for mode in ("table", "object streams"):
        content = dict(shapes_of_two())[mode]
        yield f"{mode}, changed once", content


def shapes_of_two() -> Iterator[tuple[str, bytes]]:
    for mode, packed in (("table", False), ("object streams", True)):
        content = blank_pdf(pages=4, object_streams=packed)
        increment = Increment(File(content))
        increment.put(increment.root, objects.written(increment.dictionary(increment.root) | {b"Lang": b"(en)"}))
        yield mode, content + increment.revision()


@pytest.mark.parametrize(("name", "content"), list(shapes()), ids=[name for name, _ in shapes()])
def test_every_object_is_what_pyhanko_reads(name: str, content: bytes) -> None:
    assert compared(content) > 5


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_real_files_are_read_as_pyhanko_reads_them_or_not_at_all(path: Path) -> None:
    content = path.read_bytes()
    try:
        File(content)
    except Unsure:
        return
    compared(content)


def compared(content: bytes) -> int:
    """How many objects both readers read, each of them the same."""
    file, reader = File(content), PdfFileReader(BytesIO(content), strict=False)
    if reader.encrypted:
        pytest.fail("an encrypted file was taken")
    same = 0
    for number in range(1, min(file.size, 3000)):
        try:
            ours = file.value(number, 0)
        except Unsure:
            continue
        try:
            theirs = reader.get_object(generic.Reference(number, 0, reader))
        except Exception:
            continue  # pyHanko cannot read it: then nobody can say what is right
        if isinstance(theirs, generic.StreamObject):
            theirs = generic.DictionaryObject(theirs)
        try:
            mine = generic.read_object(BytesIO(ours + b" "), generic.Reference(number, 0, reader))
        except Exception:
            continue
        assert as_written(mine) == as_written(theirs), number
        same += 1
    return same


def test_unpacked_streams_are_what_pikepdf_unpacks() -> None:
    pdf = pikepdf.new()
    pdf.add_blank_page()
    stream = pdf.make_indirect(pdf.make_stream(b"0 0 m " * 500))
    pdf.Root.Extra = stream
    output = BytesIO()
    pdf.save(output)
    file = File(output.getvalue())
    root = objects.dictionary(file.value(*(objects.ref(file.trailer[b"Root"]) or (0, 0))))
    assert file.data(*(objects.ref(root[b"Extra"]) or (0, 0))) == b"0 0 m " * 500


def spoilt() -> Iterator[tuple[str, bytes]]:
    good = blank_pdf(pages=2)
    yield "no header", b"x" + good
    yield "no end", good[:-8]
    yield "something behind the end", good + b"more"
    yield "a table of the wrong pitch", good.replace(b" 00000 n \n", b" 00000 n\n")
    yield "a table that is off", re.sub(rb"startxref\n(\d+)", lambda m: b"startxref\n%d" % (int(m[1]) + 3), good)
    yield "encrypted", good.replace(b"trailer <<", b"trailer << /Encrypt 9 0 R")
    yield "hybrid", good.replace(b"trailer <<", b"trailer << /XRefStm 9")
    yield (
        "a circle",
        re.sub(
            rb"startxref\n(\d+)",
            lambda m: m[0],
            good.replace(b"trailer <<", b"trailer << /Prev %d" % good.rfind(b"xref\n0")),
        ),
    )


@pytest.mark.parametrize(("what", "content"), list(spoilt()), ids=[what for what, _ in spoilt()])
def test_a_file_that_is_odd_is_not_guessed_at(what: str, content: bytes) -> None:
    with pytest.raises(Unsure):
        File(content)


def test_an_object_that_is_elsewhere_is_not_taken_for_another() -> None:
    good = blank_pdf(pages=2)
    moved = good.replace(b"\n1 0 obj", b"\n7 0 obj")
    with pytest.raises(Unsure):
        File(moved).value(1, 0)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zlib.compress(bytes(objects.LARGEST_INDEX + 1))
    with pytest.raises(Unsure):
        objects._unpack({b"Filter": b"/FlateDecode"}, bomb)


@given(st.integers(0, 1200), st.binary(min_size=1, max_size=4), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(at: int, damage: bytes, packed: bool) -> None:
    good = DAMAGED[packed]
    at %= len(good)
    content = good[:at] + damage + good[at + len(damage) :]
    with suppress(Unsure):
        file = File(content)
        for number in range(file.size if file.size < 100 else 0):
            assert file.value(number, 0)


DAMAGED = {packed: blank_pdf(pages=2, object_streams=packed) for packed in (False, True)}
