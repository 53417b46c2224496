"""What intake lets in, what it mends and what it turns away, on files made here and on real ones nobody here made."""

import hashlib
import io
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2  # type: ignore[import-untyped]  # it has no types
import pytest
from hypothesis import given, settings, strategies
from pikepdf import Array, Dictionary, Encryption, Name, Pdf, Permissions, Stream, String

from bench.hostile import KNOTS, bent
from bff.cage import Cage
from bff.core.errors import Fault
from bff.core.ports import Judged, PageSize
from bff.signing.intake import REFUSALS, REPAIRS, WARNINGS, Intake, judge_file

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
HERE = "tests.signing.probes"

Judge = Callable[[bytes], Judged]


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    cage = Cage(2048, 10, 20, preload=("pikepdf", "pypdfium2", "bff.signing.intake"))
    yield cage
    cage.close()


@pytest.fixture
def judge(cage: Cage, tmp_path: Path) -> Judge:
    return judge_with(cage, tmp_path)


def judge_with(cage: Cage, tmp_path: Path, **how: Any) -> Judge:
    intake = Intake(cage, tmp_path / "in", how.pop("max_bytes", 4_000_000), how.pop("max_pages", 20), **how)

    def judge(content: bytes) -> Judged:
        upload = tmp_path / "upload"
        upload.write_bytes(content)
        judged = intake.judge(upload)
        left = [path.name for path in (tmp_path / "in").glob(".*")]  # also no folder of a trial
        assert left == []
        assert upload.read_bytes() == content
        if judged.path is not None:
            assert judged.sha256 == hashlib.sha256(judged.path.read_bytes()).hexdigest()
            assert judged.path.name.startswith(judged.sha256)
            assert judged.size == judged.path.stat().st_size
        return judged

    return judge


def paper(*, pages: int = 1, text: str = "The parties agree", title: str = "", **page: Any) -> Pdf:
    pdf = Pdf.new()
    font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
    for number in range(1, pages + 1):
        leaf = pdf.add_blank_page(page_size=(612, 792)).obj
        leaf.Resources = Dictionary(Font=Dictionary(F1=font))
        leaf.Contents = pdf.make_stream(f"BT /F1 24 Tf 72 700 Td ({text} {number}) Tj ET".encode())
        for key, value in page.items():
            leaf[f"/{key}"] = value
    if title:
        pdf.docinfo["/Title"] = String(title)
    return pdf


def saved(pdf: Pdf, **how: Any) -> bytes:
    content = io.BytesIO()
    pdf.save(content, **how)
    return content.getvalue()


def with_form(pdf: Pdf, **field: Any) -> Pdf:
    box = pdf.make_indirect(
        Dictionary(Type=Name.Annot, Subtype=Name.Widget, Rect=Array([72, 72, 200, 100]), T=String("one"), **field)
    )
    pdf.pages[0].obj.Annots = Array([box])
    pdf.Root.AcroForm = Dictionary(Fields=Array([box]))
    return pdf


def signed(*, certified: int | None = None, nested: bool = False) -> Pdf:
    pdf = paper()
    signature = Dictionary(Type=Name.Sig, ByteRange=Array([0, 10, 20, 30]), Contents=String("x" * 64))
    if certified:
        rules = Dictionary(Type=Name.TransformParams, P=certified)
        signature.Reference = Array([Dictionary(TransformMethod=Name.DocMDP, TransformParams=rules)])
    signature = pdf.make_indirect(signature)
    with_form(pdf, FT=Name.Sig, V=signature)
    if nested:
        leaf = pdf.Root.AcroForm.Fields[0]
        branch = pdf.make_indirect(Dictionary(T=String("branch"), FT=Name.Sig, Kids=Array([leaf])))
        del leaf["/FT"]
        branch.Kids.append(branch)  # a knot
        pdf.Root.AcroForm.Fields = Array([branch])
    if certified:
        pdf.Root.Perms = Dictionary(DocMDP=signature)
    return pdf


def bomb(megabytes: int) -> bytes:
    """A page whose content unpacks to so much, with graphics states opened all the way."""
    pdf = paper()
    squeezed = zlib.compress(b"q " * (megabytes * 1024 * 512), 9)
    pdf.pages[0].obj.Contents = Stream(pdf, zlib.compress(squeezed, 9))
    pdf.pages[0].obj.Contents["/Filter"] = Array([Name.FlateDecode, Name.FlateDecode])
    return saved(pdf, compress_streams=False)


def a_million_pages() -> bytes:
    """One page, named a thousand times in a list that is itself named a thousand times."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1000000 /Kids [%b] >>" % (b"3 0 R " * 1000),
        b"<< /Type /Pages /Parent 2 0 R /Count 1000 /Kids [%b] >>" % (b"4 0 R " * 1000),
        b"<< /Type /Page /Parent 3 0 R /MediaBox [0 0 612 792] >>",
    ]
    return written(objects)


def a_list_of_a_million_pages() -> bytes:
    return written(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count 1000000 /Kids [%b] >>" % (b"3 0 R " * 1_000_000),
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>",
        ]
    )


def written(objects: list[bytes]) -> bytes:
    content, places = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(content))
    return content + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


# --- let in ---


def test_a_sound_file_is_let_in_unchanged(judge: Judge) -> None:
    content = saved(paper(pages=2, title="Lease of a flat"))
    judged = judge(content)
    assert (judged.outcome, judged.reason, judged.warnings) == ("ready", None, ())
    assert judged.path is not None
    assert judged.path.read_bytes() == content
    assert judged.title == "Lease of a flat"
    assert " ".join(judged.text.split()) == "The parties agree 1 The parties agree 2"


def test_sizes_are_those_of_the_pages_as_displayed(judge: Judge) -> None:
    turned = judge(saved(paper(Rotate=90, CropBox=Array([100, 100, 400, 300]))))
    assert turned.pages == (PageSize(200, 300),)


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("Microsoft Word - 租赁合同.docx", "租赁合同"),
        ("  spaced \n out ", "spaced out"),
        ("Untitled", ""),
        ("x" * 500, "x" * 200),
        ("bell\x07 and null\x00", "bell and null"),
    ],
)
def test_a_title_is_what_a_person_called_it(judge: Judge, given: str, title: str) -> None:
    assert judge(saved(paper(title=given))).title == title


def test_a_header_after_some_rubbish_is_still_a_header(judge: Judge) -> None:
    judged = judge(b"\r\n\r\nrubbish\n" + saved(paper()))
    assert judged.outcome in ("ready", "repaired")
    assert "The parties agree" in judged.text


def test_two_who_upload_the_same_file_each_have_their_own(judge: Judge) -> None:
    upload = saved(paper())
    first, second = judge(upload), judge(upload)
    assert first.sha256 == second.sha256
    assert first.path != second.path


def test_a_folder_named_relatively_is_found_by_the_child_and_closed_to_others(
    cage: Cage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("upload").write_bytes(saved(paper())[:-100])
    judged = Intake(cage, Path("in"), 1_000_000, 9).judge(Path("upload"))
    assert judged.outcome == "repaired"
    assert Path("in").stat().st_mode & 0o077 == 0


# --- mended ---


def test_a_torn_unsigned_file_is_mended_and_stays_the_same_every_time(judge: Judge) -> None:
    torn = saved(paper(pages=3))[:-200]
    first, second = judge(torn), judge(torn)
    assert (first.outcome, first.reason, len(first.pages)) == ("repaired", "damaged", 3)
    assert first.sha256 == second.sha256
    assert "The parties agree 3" in first.text


def test_encryption_that_asks_for_nothing_and_forbids_nothing_is_taken_off(judge: Judge) -> None:
    judged = judge(saved(paper(), encryption=Encryption(owner="owner", user="")))
    assert (judged.outcome, judged.reason) == ("repaired", "encrypted")
    with pikepdf.open(str(judged.path)) as pdf:
        assert not pdf.is_encrypted


def test_a_static_xfa_form_loses_its_second_face_and_the_sender_is_told(judge: Judge) -> None:
    pdf = with_form(paper(), FT=Name.Tx)
    pdf.Root.AcroForm.XFA = pdf.make_stream(b"<xdp/>")
    judged = judge(saved(pdf))
    assert (judged.outcome, judged.reason, judged.warnings) == ("repaired", "xfa", ("xfa",))
    with pikepdf.open(str(judged.path)) as clean:
        assert "/XFA" not in clean.Root.AcroForm
        assert len(clean.Root.AcroForm.Fields) == 1


def test_reader_extensions_are_taken_off_and_the_sender_is_told(judge: Judge) -> None:
    pdf = paper()
    pdf.Root.Perms = Dictionary(UR3=pdf.make_indirect(Dictionary(Type=Name.Sig, ByteRange=Array([0, 1, 2, 3]))))
    judged = judge(saved(pdf))
    assert (judged.outcome, judged.reason, judged.signed) == ("repaired", "usage_rights", False)
    assert judged.warnings == ("usage_rights_removed",)


def test_what_the_probe_cannot_write_on_strictly_is_rewritten(cage: Cage, tmp_path: Path) -> None:
    judge = judge_with(cage, tmp_path, probe=f"{HERE}:wants_qpdf_s_hand")
    content = saved(paper(), qdf=True)
    assert judge(content.replace(b"%PDF-1.3\n%", b"%PDF-1.3\n%%", 1)).outcome in ("ready", "repaired")
    foreign = content.replace(b"%\xbf\xf7\xa2\xfe", b"%\xe2\xe3\xcf\xd3")
    assert foreign != content
    assert (judge(foreign).outcome, judge(foreign).reason) == ("repaired", "not_strict")


def test_metadata_that_stops_the_probe_is_removed_and_the_sender_is_told(cage: Cage, tmp_path: Path) -> None:
    pdf = paper()
    pdf.Root.Metadata = pdf.make_stream(b"<x:xmpmeta>", Type=Name.Metadata, Subtype=Name.XML)
    judged = judge_with(cage, tmp_path, probe=f"{HERE}:hates_metadata")(saved(pdf, fix_metadata_version=False))
    assert (judged.outcome, judged.warnings) == ("repaired", ("metadata_removed",))


def test_what_no_rewriting_helps_is_refused(cage: Cage, tmp_path: Path) -> None:
    judge = judge_with(cage, tmp_path, probe=f"{HERE}:never_content")
    assert judge(saved(paper())).outcome == "cannot_be_sealed"


# --- the trial: what is let in can be sealed, and is accepted ---


def test_a_form_that_would_read_as_changed_is_flattened_into_its_pages(whole: Judge) -> None:
    pdf = with_form(paper(), FT=Name.Tx, V=String("one"))
    pdf.Root.AcroForm.Fields[0].AP = pdf.make_stream(b"0 0 m", Subtype=Name.Form, BBox=Array([0, 0, 9, 9]))
    judged = whole(saved(pdf))
    assert (judged.outcome, judged.reason) == ("repaired", "damaged")
    assert "rebuilt" in judged.warnings
    with pikepdf.open(str(judged.path)) as clean:
        assert "/AcroForm" not in clean.Root


def test_a_house_without_its_fonts_says_so_instead_of_blaming_the_file(cage: Cage, tmp_path: Path) -> None:
    judge = judge_with(cage, tmp_path, probe=f"{HERE}:has_no_fonts")
    with pytest.raises(Fault, match="font_missing"):
        judge(saved(paper()))


def test_a_sound_file_passes_the_trial_unchanged(whole: Judge) -> None:
    judged = whole(saved(paper(pages=2)))
    assert (judged.outcome, judged.warnings) == ("ready", ())


# --- signed files ---


@pytest.mark.parametrize("nested", [False, True])
def test_a_signed_file_is_let_in_untouched_and_the_sender_is_told(judge: Judge, nested: bool) -> None:
    content = saved(signed(nested=nested))
    judged = judge(content)
    assert (judged.outcome, judged.signed, judged.warnings) == ("ready", True, ("already_signed",))
    assert judged.path is not None
    assert judged.path.read_bytes() == content


def test_a_signed_file_is_not_mended(judge: Judge) -> None:
    assert judge(saved(signed())[:-30]).outcome == "signed_and_damaged"


def test_a_signed_file_that_only_the_lenient_probe_likes_is_let_in_untouched(cage: Cage, tmp_path: Path) -> None:
    content = saved(signed())
    judged = judge_with(cage, tmp_path, probe=f"{HERE}:only_leniently")(content)
    assert (judged.outcome, judged.sha256) == ("ready", hashlib.sha256(content).hexdigest())


def test_a_signed_file_that_cannot_be_written_on_is_refused(cage: Cage, tmp_path: Path) -> None:
    judge = judge_with(cage, tmp_path, probe=f"{HERE}:never_content")
    assert judge(saved(signed())).outcome == "signed_and_damaged"
    assert judge(saved(signed(), encryption=Encryption(owner="o", user=""))).outcome == "signed_and_encrypted"


def test_a_field_that_waits_for_a_signature_is_not_one(judge: Judge) -> None:
    assert not judge(saved(with_form(paper(), FT=Name.Sig))).signed


def test_a_certifier_who_forbids_changes_is_obeyed(judge: Judge) -> None:
    assert judge(saved(signed(certified=1))).outcome == "certified_no_changes"


@pytest.mark.parametrize("level", [2, 3])
def test_a_certifier_who_allows_signing_is_mentioned(judge: Judge, level: int) -> None:
    judged = judge(saved(signed(certified=level)))
    assert (judged.outcome, judged.warnings) == ("ready", ("certified", "already_signed"))


# --- turned away ---


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_a_pdf"),
        (b"PK\x03\x04 a document of another kind", "not_a_pdf"),
        (b"%PDF-1.7 and then nothing", "unreadable"),
        (b"%PDF-1.7\n" + bytes(4_000_000), "too_large"),
    ],
)
def test_what_is_no_pdf_is_turned_away_by_name(judge: Judge, content: bytes, code: str) -> None:
    judged = judge(content)
    assert (judged.outcome, judged.reason, judged.path, judged.sha256) == (code, code, None, None)
    assert judged.size == len(content)


def test_a_password_is_asked_for(judge: Judge) -> None:
    assert judge(saved(paper(), encryption=Encryption(owner="o", user="u"))).outcome == "password_needed"


@pytest.mark.parametrize("forbidden", [{"modify_other": False}, {"modify_form": False, "modify_annotation": False}])
def test_an_owner_who_forbids_changes_is_obeyed(judge: Judge, forbidden: dict[str, bool]) -> None:
    locked = Encryption(owner="o", user="", allow=Permissions(**forbidden))
    assert judge(saved(paper(), encryption=locked)).outcome == "owner_restricted"


def test_no_pages_and_too_many_are_refused(cage: Cage, tmp_path: Path) -> None:
    judge = judge_with(cage, tmp_path, max_pages=3)
    assert judge(saved(Pdf.new())).outcome == "no_pages"
    assert judge(saved(paper(pages=4))).outcome == "too_many_pages"
    assert judge(saved(paper(pages=3))).outcome == "ready"


@pytest.mark.parametrize("pages", [a_million_pages, a_list_of_a_million_pages])
def test_a_million_pages_are_too_many_before_anybody_has_listed_them(
    tmp_path: Path, pages: Callable[[], bytes]
) -> None:
    assert judge_with(Cage(1000, 5, 20), tmp_path, max_bytes=10_000_000)(pages()).outcome == "too_many_pages"


def test_a_tree_of_pages_that_holds_itself_has_a_named_end(judge: Judge) -> None:
    knot = b"<< /Type /Pages /Count 9 /Kids [2 0 R] >>"
    assert judge(written([b"<< /Type /Catalog /Pages 2 0 R >>", knot])).outcome in REFUSALS


@pytest.mark.parametrize("sign", ["NeedsRendering", "no fields"])
def test_a_dynamic_xfa_form_is_refused(judge: Judge, sign: str) -> None:
    pdf = with_form(paper(), FT=Name.Tx)
    pdf.Root.AcroForm.XFA = pdf.make_stream(b"<xdp/>")
    if sign == "no fields":
        pdf.Root.AcroForm.Fields = Array([])
        del pdf.pages[0].obj["/Annots"]
    else:
        pdf.Root.NeedsRendering = True
    assert judge(saved(pdf)).outcome == "dynamic_xfa"


def test_a_bomb_is_too_complex_and_harms_nobody(tmp_path: Path) -> None:
    judge = judge_with(Cage(400, 5, 10), tmp_path)
    content = bomb(600)
    assert len(content) < 10_000
    assert judge(content).outcome == "too_complex"


# --- mentioned ---


def test_what_readers_run_open_carry_or_hide_is_mentioned(judge: Judge) -> None:
    pdf = with_form(paper(), FT=Name.Tx)
    script = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))
    pdf.Root.OpenAction = script
    pdf.attachments["appendix.txt"] = b"appendix"
    layer = pdf.make_indirect(Dictionary(Type=Name.OCG, Name=String("draft")))
    pdf.Root.OCProperties = Dictionary(OCGs=Array([layer]), D=Dictionary(OFF=Array([layer])))
    judged = judge(saved(pdf))
    assert judged.outcome == "ready"
    assert set(judged.warnings) == {"javascript", "open_action", "attachments", "hidden_layers"}


def test_going_to_a_page_on_opening_is_not_worth_a_word(judge: Judge) -> None:
    pdf = paper()
    pdf.Root.OpenAction = Array([pdf.pages[0].obj, Name.Fit])
    assert judge(saved(pdf)).warnings == ()


def test_a_script_in_a_field_is_mentioned(judge: Judge) -> None:
    script = Dictionary(S=Name.JavaScript, JS=String("1"))
    assert judge(saved(with_form(paper(), FT=Name.Tx, AA=Dictionary(K=script)))).warnings == ("javascript",)


# --- files that are not what they should be ---


@pytest.mark.parametrize("place", ["Perms", "AcroForm", "Names", "AA", "OCProperties", "OpenAction", "Metadata"])
@pytest.mark.parametrize("value", [7, Array([1, Name.X]), String("x")], ids=["number", "array", "string"])
def test_nonsense_in_the_catalogue_is_named_or_let_in(tmp_path: Path, place: str, value: Any) -> None:
    pdf = paper()
    pdf.Root[f"/{place}"] = value
    source = tmp_path / "source"
    source.write_bytes(saved(pdf, fix_metadata_version=False))
    found = judge_file(source=str(source), target=str(tmp_path / "target"), max_pages=9, probe=None)
    assert len(found["pages"]) == 1


@pytest.mark.parametrize("seed", range(6))
def test_a_contract_with_broken_bytes_has_a_named_end(judge: Judge, seed: int) -> None:
    chance, content = random.Random(seed), bytearray(saved(with_form(paper(pages=2), FT=Name.Tx)))
    for _ in range(12):
        content[chance.randrange(len(content))] = chance.randrange(256)
    assert judge(bytes(content)).outcome in ("ready", "repaired", *REFUSALS)


FUZZ_SEEDS = (3, 17, 42, 101, 271, 577, 1009, 4242)
"""Of `bench.hostile.bent`: flips, cuts, splices, lying numbers, foreign names and types."""


@pytest.fixture(scope="module")
def whole(cage: Cage, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """As the house sets it up, with the trial."""
    return judge_with(cage, tmp_path_factory.mktemp("whole"), probe="bff.signing.trial:probe")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("samples")
    made = {
        "form": saved(with_form(paper(pages=3), FT=Name.Tx, V=String("1"))),
        "streams": saved(paper(pages=2), object_stream_mode=pikepdf.ObjectStreamMode.generate),
        "locked": saved(paper(), encryption=Encryption(owner="o", user="")),
        "signed": saved(signed()),
    }
    for name, content in made.items():
        (folder / f"{name}.pdf").write_bytes(content)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("seed", FUZZ_SEEDS)
def test_a_bent_file_has_a_named_end(whole: Judge, samples: list[Path], seed: int) -> None:
    assert whole(bent(samples, seed).content).outcome in ("ready", "repaired", *REFUSALS)


@pytest.mark.parametrize(
    "knot", ["deep_arrays", "shared_kids", "bomb_in_bomb", "form_is_an_array", "names_in_a_ring", "store_is_strange"]
)
def test_a_knot_has_a_named_end(whole: Judge, knot: str) -> None:
    assert whole(KNOTS[knot]()).outcome in ("ready", "repaired", *REFUSALS)


@pytest.mark.parametrize("knot", ["drawn_forms", "many_notes", "many_fields", "bomb"])
def test_what_would_keep_every_reader_busy_is_too_complex(whole: Judge, knot: str) -> None:
    assert whole(KNOTS[knot]()).outcome == "too_complex"


@settings(max_examples=15, deadline=None, database=None, derandomize=True)
@given(
    which=strategies.integers(0, 3),
    changes=strategies.lists(
        strategies.tuples(strategies.floats(0, 1, exclude_max=True), strategies.binary(max_size=12)),
        min_size=1,
        max_size=8,
    ),
)
def test_any_bytes_have_a_named_end(
    whole: Judge, samples: list[Path], which: int, changes: list[tuple[float, bytes]]
) -> None:
    content = bytearray(samples[which].read_bytes())
    for place, piece in changes:
        start = int(place * len(content))
        content[start : start + len(piece) or start + 1] = piece
    assert whole(bytes(content)).outcome in ("ready", "repaired", *REFUSALS)


REAL_OUTCOMES = {
    "signed_verified.pdf": "ready",
    "two_paragraphs.pdf": "ready",
    "cmykjpeg.pdf": "ready",
    "issue9972-3.pdf": "repaired",
    "issue12706.pdf": "repaired",
    "prefilled_f1040.pdf": "repaired",
    "scan-bad.pdf": "repaired",
    "issue9418.pdf": "repaired",
    "issue16091.pdf": "repaired",
    "PDFBOX-3148-2-fuzzed.pdf": "repaired",
    "poppler-91414-0-54.pdf": "repaired",
    "print_protection.pdf": "password_needed",
    "issue6010_1.pdf": "password_needed",
    "poppler-742-0-fuzzed.pdf": "unreadable",
    "poppler-395-0-fuzzed.pdf": "signed_and_damaged",
}


@pytest.mark.parametrize(("name", "outcome"), REAL_OUTCOMES.items())
def test_real_files_have_the_outcome_a_browser_s_user_expects(judge: Judge, name: str, outcome: str) -> None:
    path = REAL / "pdfs" / name
    if not path.exists():
        pytest.skip("the folder of real files is not here")
    judged = judge(path.read_bytes())
    assert judged.outcome == outcome
    assert set(judged.warnings) <= set(WARNINGS)
    assert judged.reason is None or judged.reason in (*REPAIRS, *REFUSALS)


@pytest.mark.parametrize("name", [name for name, outcome in REAL_OUTCOMES.items() if outcome == "repaired"])
def test_a_mended_file_looks_as_it_did(judge: Judge, name: str) -> None:
    path = REAL / "pdfs" / name
    if not path.exists():
        pytest.skip("the folder of real files is not here")
    assert drawn(judge(path.read_bytes()).path) == drawn(path)


def drawn(path: Path | None) -> list[bytes]:
    with pypdfium2.PdfDocument(path) as document:
        return [page.render(scale=0.5).to_pil().tobytes() for page in document]


def test_real_contracts_are_let_in_unchanged(judge: Judge) -> None:
    contracts = sorted((REAL / "contracts").glob("*.pdf"))
    if not contracts:
        pytest.skip("the folder of real files is not here")
    for path in contracts:
        judged = judge(path.read_bytes())
        assert (judged.outcome, judged.warnings) == ("ready", ())
        assert len(judged.text) > 1000
