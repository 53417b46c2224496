"""Revisions of ours before other people's readers, on well-formed files and on odd ones."""

import re
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from bff.core.errors import Refusal
from bff.core.mark import Mark
from bff.signing import objects
from bff.signing.authority import EmbeddedTimestamps
from bff.signing.form import Pages
from bff.signing.increment import Increment
from bff.signing.objects import File, Unsure
from bff.signing.pades import Patient, PyhankoPades, prepare
from bff.signing.paper import HIDDEN_FONT, Paper
from tests.outsiders import pdfsig, qpdf_check
from tests.signing.paperwork import ANA, DATA, LI, DownTimestamps, Paperwork, blank_pdf

FONTS = Path(__file__).parents[2] / "web" / "vendor" / "fonts"


@pytest.fixture
def work(tmp_path: Path) -> Paperwork:
    return Paperwork(tmp_path)


def changed(content: bytes, **entries: str) -> bytes:
    """The catalog with further entries, in a revision of ours."""
    increment = Increment(File(content))
    values = {name.encode(): value.encode() for name, value in entries.items()}
    increment.put(increment.root, objects.written(increment.dictionary(increment.root) | values))
    return content + increment.revision()


@pytest.mark.parametrize("packed", [False, True], ids=["table", "object streams"])
def test_revision_after_revision_is_read_by_qpdf_pdfium_and_pyhanko(packed: bool, tmp_path: Path) -> None:
    content = blank_pdf(pages=3, object_streams=packed)
    for number in range(5):
        content = changed(content, Lang=f"(l{number})")
        with pikepdf.open(BytesIO(content)) as pdf:
            assert str(pdf.Root.Lang) == f"l{number}"
            assert len(pdf.pages) == 3
        assert str(PdfFileReader(BytesIO(content)).root["/Lang"]) == f"l{number}"
    assert len(pypdfium2.PdfDocument(content)) == 3
    path = tmp_path / "revised.pdf"
    path.write_bytes(content)
    assert qpdf_check(path) == ""
    assert PdfFileReader(BytesIO(content)).xrefs.total_revisions == 6
    kinds = re.findall(rb"/Type/XRef|\nxref\n", content[len(blank_pdf(pages=3, object_streams=packed)) :])
    assert set(kinds) == {b"/Type/XRef" if packed else b"\nxref\n"}


@given(st.booleans(), st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=1, max_size=6))
@settings(max_examples=20, deadline=None)
def test_revisions_of_both_writers_in_turn_are_read_the_same(packed: bool, turns: list[tuple[bool, int]]) -> None:
    content = blank_pdf(pages=3, object_streams=packed)
    for number, (ours, page) in enumerate(turns):
        content = (_turned_by_us if ours else _turned_by_pyhanko)(content, page=page, number=number)
    reader, increment = PdfFileReader(BytesIO(content)), Increment(File(content))
    pages = Pages(increment)
    for page in range(3):
        last = max((n for n, (_, turned) in enumerate(turns) if turned == page), default=None)
        theirs = reader.find_page_for_modification(page)[0].get_object().get("/UserUnit")
        assert theirs == last
        assert increment.dictionary(pages.page(page)).get(b"UserUnit") == (None if last is None else b"%d" % last)
    with pikepdf.open(BytesIO(content)) as pdf:
        assert len(pdf.pages) == 3
        assert pdf.check_pdf_syntax() == [] or not all(ours for ours, _ in turns), (
            "pyHanko's count of objects may be off"
        )


def _turned_by_us(content: bytes, *, page: int, number: int) -> bytes:
    increment = Increment(File(content))
    reference = Pages(increment).page(page)
    increment.put(reference, objects.written(increment.dictionary(reference) | {b"UserUnit": b"%d" % number}))
    increment.add_stream({b"Number": b"%d" % number}, b"of ours " * 40)
    return content + increment.revision()


def _turned_by_pyhanko(content: bytes, *, page: int, number: int) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(content))
    reference = writer.find_page_for_modification(page)[0]
    reference.get_object()["/UserUnit"] = generic.NumberObject(number)
    writer.mark_update(reference)
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def test_what_a_change_does_not_touch_is_written_as_it_was() -> None:
    odd = blank_pdf().replace(b"/Type /Catalog", b"/Odd#20Name [ (a(b)\\)c) <0 1 2> /x%y\n ] /Type /Catalog", 1)
    odd = re.sub(rb"startxref\n(\d+)", lambda m: b"startxref\n%d" % odd.rfind(b"xref\n0"), odd)
    shift = len(odd) - len(blank_pdf())
    odd = re.sub(rb"(\d{10}) 00000 n", lambda m: b"%010d 00000 n" % (int(m[1]) + (shift if int(m[1]) > 20 else 0)), odd)
    new = changed(odd, Lang="(en)")[len(odd) :]
    assert b"/Odd#20Name[ (a(b)\\)c) <0 1 2> /x%y\n ]" in new


def test_nothing_changed_adds_nothing() -> None:
    assert Increment(File(blank_pdf())).revision() == b""


def test_the_same_revision_has_the_same_bytes_and_another_has_another_name() -> None:
    first = changed(blank_pdf(), Lang="(a)")
    assert first == changed(blank_pdf(), Lang="(a)")
    names = {re.findall(rb"/ID\[<\w+><(\w+)>", changed(blank_pdf(), Lang=f"({n})"))[-1] for n in range(5)}
    assert len(names) == 5


def test_a_signature_that_has_no_room_is_not_cut() -> None:
    increment = Increment(File(blank_pdf()))
    increment.add_signature({b"Type": b"/Sig"}, room=10)
    with pytest.raises(ValueError, match="no room"):
        increment.signed(lambda digest: bytes(11))


def test_a_file_that_does_not_end_its_line_is_continued_on_a_new_one(work: Paperwork) -> None:
    upload = blank_pdf().rstrip()
    assert not upload.endswith(b"\n")
    work.prepare(upload)
    work.sign(LI)
    assert all(v.ok for v in work.pades.check(work.content))


# --- odd files, which pyHanko reads for us -----------------------------------------------------------------------


def hybrid() -> bytes:
    """A table for old readers and a stream for new ones, naming the same objects."""
    good = blank_pdf(pages=2)
    at = len(good)
    rows = b"".join(b"\x01" + int(o).to_bytes(4, "big") + b"\x00" for o in re.findall(rb"(\d{10}) 00000 n", good))
    count = len(rows) // 6
    stream = b"90 0 obj\n<</Type/XRef/Size 91/W[1 4 1]/Index[1 %d]/Root 1 0 R/Length %d>>stream\n" % (count, len(rows))
    section = stream + rows + b"\nendstream\nendobj\n"
    last = good.rfind(b"xref\n0")
    table = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 91/Root 1 0 R/Prev %d/XRefStm %d>>\n" % (last, at)
    return good + section + table + b"startxref\n%d\n%%%%EOF\n" % (at + len(section))


def sloppy() -> bytes:
    """A table whose rows are a byte short, as some writers make them."""
    good = blank_pdf(pages=2)
    head, tail = good[: good.rfind(b"xref\n0")], good[good.rfind(b"xref\n0") :]
    return head + tail.replace(b" n \n", b" n\n").replace(b" f \n", b" f\n")


@pytest.mark.parametrize("content", [hybrid(), sloppy()], ids=["hybrid", "sloppy table"])
def test_an_odd_file_is_read_by_pyhanko_and_signed_by_us(work: Paperwork, content: bytes, tmp_path: Path) -> None:
    with pytest.raises(Unsure):
        File(content)
    assert Patient(content).size > 2
    work.signers = (LI,)
    work.prepare(content)
    assert work.content.startswith(content)
    work.sign(LI)
    work.seal()
    assert [v.reasons for v in work.pades.check(work.content)] == [()] * 3
    path = tmp_path / "sealed.pdf"
    path.write_bytes(work.content)
    assert all(o.valid and o.trusted for o in pdfsig(path, work.authority.roots_pem()))


def test_both_readers_lead_to_the_same_revision(work: Paperwork) -> None:
    content = changed(blank_pdf(pages=3), Lang="(en)")
    increments = [Increment(File(content)), Increment(Patient(content))]
    for increment in increments:
        increment.put(increment.root, objects.written(dict(sorted(increment.dictionary(increment.root).items()))))
        increment.add(b"<</New true>>")
    ours, theirs = (PdfFileReader(BytesIO(content + i.revision())) for i in increments)
    assert dict(ours.root) == dict(theirs.root)
    assert ours.trailer["/Size"] == theirs.trailer["/Size"]
    assert ours.last_startxref == pytest.approx(theirs.last_startxref, abs=60)  # pyHanko writes more white space


def test_an_encrypted_file_takes_no_revision(work: Paperwork) -> None:
    pdf = pikepdf.open(BytesIO(blank_pdf()))
    output = BytesIO()
    pdf.save(output, encryption=pikepdf.Encryption(owner="o", user=""))
    with pytest.raises(Refusal, match="cannot_be_sealed"):
        work.prepare(output.getvalue())


# --- from file to file --------------------------------------------------------------------------------------------


def test_a_file_is_signed_as_its_bytes_would_be(work: Paperwork, tmp_path: Path) -> None:
    work.prepare(blank_pdf(pages=2))
    source, target = tmp_path / "source.pdf", tmp_path / "target.pdf"
    source.write_bytes(work.content)
    assert work.pades.sign_file(source, target, work.act(LI, work.intent(LI))) == "B-T"
    assert source.read_bytes() == work.content
    assert target.read_bytes().startswith(work.content)
    assert [(v.who, v.ok) for v in work.pades.check(target.read_bytes())] == [("李雷", True)]


def test_a_file_is_sealed_to_the_highest_level(work: Paperwork, tmp_path: Path) -> None:
    work.signers = (LI,)
    work.prepare(blank_pdf(pages=2))
    work.sign(LI)
    source, target = tmp_path / "source.pdf", tmp_path / "target.pdf"
    source.write_bytes(work.content)
    said = {"contract_id": work.contract_id, "evidence_head": "cd" * 32}
    assert work.pades.seal_file(source, target, **said) == "B-LTA"
    assert [(v.kind, v.ok, v.level) for v in work.pades.check(target.read_bytes())] == [
        (kind, True, "B-LTA") for kind in ("signer", "seal", "timestamp")
    ]
    work.pades = work.with_timestamps(DownTimestamps())
    assert work.pades.seal_file(source, target, **said) == "B-B"


class GrowingTimestamps(EmbeddedTimestamps):
    """A TSA that says what its last token needed; the next one is longer."""

    longest = 700  # type: ignore[assignment]

    def timestamp(self, digest: bytes, *, nonce: int | None = None) -> bytes:
        token = super().timestamp(digest, nonce=nonce)
        GrowingTimestamps.longest = max(self.longest, len(token) + 16)  # type: ignore[assignment]
        return token


def test_a_time_stamp_that_outgrew_its_room_is_asked_for_again(work: Paperwork) -> None:
    work.pades = work.with_timestamps(GrowingTimestamps(work.authority, work.clock))
    work.prepare(blank_pdf())
    assert work.sign(LI).level == "B-T"
    assert GrowingTimestamps.longest > 700
    assert [v.ok for v in work.pades.check(work.content)] == [True]


def test_an_odd_file_is_signed_from_file_to_file_too(work: Paperwork, tmp_path: Path) -> None:
    source, target = tmp_path / "source.pdf", tmp_path / "target.pdf"
    source.write_bytes(work.prepare(hybrid())[: -len("%%EOF\n")] + b"%%EOF % more\n")
    work.pades.sign_file(source, target, work.act(LI, work.intent(LI)))
    assert [v.ok for v in work.pades.check(target.read_bytes())] == [True]


# --- what readers find in it --------------------------------------------------------------------------------------


@pytest.fixture
def typeset(work: Paperwork) -> Paperwork:
    """Prepared and signed with the product's own paper."""
    paper = Paper(FONTS, hidden_font=HIDDEN_FONT)
    work.pades = PyhankoPades(work.authority, EmbeddedTimestamps(work.authority, work.clock), paper, work.clock)
    work.signers = (LI, ANA)
    upload = blank_pdf()
    evidence = work.evidence(upload)
    work.content = prepare(upload, fields=work.fields[:5], signers=work.signers, evidence=evidence, paper=paper)
    return work


def test_names_captions_and_values_are_words_to_poppler(typeset: Paperwork, tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("no poppler-utils")
    typeset.sign(LI, values={"f2": "2026-11-01"}, caption=("由 李雷 签署", "2026-11-01 20:00:00 +0800"))
    typeset.sign(ANA, values={"f4": "yes", "f5": "Madrid"}, mark=Mark("typed", ANA.name), fields=typeset.fields[2:5])
    typeset.seal()
    path = tmp_path / "sealed.pdf"
    path.write_bytes(typeset.content)
    said = subprocess.run(["pdftotext", "-l", "1", str(path), "-"], capture_output=True, check=True).stdout.decode()
    for wanted in ("由 李雷 签署", "2026-11-01 20:00:00 +0800", "2026年11月1日", "Madrid", "Ana Pérez-Ñandú"):
        assert wanted in said, (wanted, said)
    assert all(v.ok for v in typeset.pades.check(typeset.content))
    assert qpdf_check(path) == ""


def test_a_mark_borrows_the_font_of_the_evidence_page(typeset: Paperwork) -> None:
    before = len(typeset.content)
    drawn = Mark("drawn", ANA.name, strokes=(((0, 0, 0, 500), (900, 900, 90, 500)),))
    typeset.sign(ANA, values={}, fields=typeset.fields[2:3], mark=drawn)
    added = typeset.content[before:]
    assert b"/FontFile2" not in added
    assert b"/CountersignType" in added


def test_only_the_field_that_we_prepared_names_a_font(work: Paperwork) -> None:
    """A font of the upload, however it is called, never says what a caption says."""
    work.prepare(blank_pdf())
    work.sign(LI)
    assert b"/CountersignType" not in work.content, "plain paper brings no font"


CONTRACTS = sorted((DATA / "contracts").glob("*.pdf"))


@pytest.mark.parametrize("path", CONTRACTS or [pytest.param(None, marks=pytest.mark.skip("no shared data"))])
def test_real_contracts_take_type_and_hold(typeset: Paperwork, path: Path, tmp_path: Path) -> None:
    upload = path.read_bytes()
    paper, evidence = Paper(FONTS, hidden_font=HIDDEN_FONT), typeset.evidence(upload)
    typeset.content = prepare(
        upload, fields=typeset.fields[:5], signers=typeset.signers, evidence=evidence, paper=paper
    )
    typeset.sign(LI, values={"f2": "2026-11-01"})
    typeset.seal()
    assert [v.reasons for v in typeset.pades.check(typeset.content)] == [()] * 3
    sealed = tmp_path / "sealed.pdf"
    sealed.write_bytes(typeset.content)
    assert qpdf_check(sealed) == ""
