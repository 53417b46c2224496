import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from asn1crypto import cms
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, DiffResult

from bff.core.contract import FULL, Field, FieldKind
from bff.core.errors import Fault, Refusal
from bff.core.ports import Verdict
from bff.signing import packed
from bff.signing.authority import EmbeddedTimestamps, check_token
from bff.signing.form import crop_box
from bff.signing.increment import Increment
from bff.signing.objects import File
from bff.signing.pades import ACT, PyhankoPades, find, judge, probe
from tests.outsiders import openssl_cms, openssl_ts, pdfsig, qpdf_check, signatures_in
from tests.signing.paperwork import (
    ANA,
    BO,
    DATA,
    LI,
    DownTimestamps,
    Paperwork,
    PlainPaper,
    StandingClock,
    blank_pdf,
)

CONTRACTS = sorted((DATA / "contracts").glob("*.pdf"))
DIFFICULT = sorted((DATA / "pdfs").glob("*.pdf"))


@pytest.fixture
def work(tmp_path: Path) -> Paperwork:
    return Paperwork(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Paperwork:
    """A contract that three signed and that is sealed; nobody changes it."""
    work = Paperwork(tmp_path_factory.mktemp("finished"))
    work.revisions = [work.prepare(blank_pdf())]  # type: ignore[attr-defined]
    for signer in work.signers:
        work.clock.wait(hours=5)
        work.revisions.append(work.sign(signer).content)  # type: ignore[attr-defined]
    work.revisions.append(work.seal().content)  # type: ignore[attr-defined]
    return work


def broken(verdicts: tuple[Verdict, ...]) -> list[tuple[str, tuple[str, ...]]]:
    return [(v.who, v.reasons) for v in verdicts if not v.ok]


# --- the whole way ------------------------------------------------------------------------------------------


def test_every_signature_of_a_sealed_contract_holds(finished: Paperwork) -> None:
    verdicts = finished.pades.check(finished.content)
    assert broken(verdicts) == []
    assert [(v.kind, v.who, v.level) for v in verdicts] == [
        ("signer", "李雷", "B-LTA"),
        ("signer", "Ana Pérez-Ñandú", "B-LTA"),
        ("signer", "Bo", "B-LTA"),
        ("seal", "Contoso 公司 Seal", "B-LTA"),
        ("timestamp", "Contoso 公司 Timestamps", "B-LTA"),
    ]


def test_what_each_signer_saw_is_a_prefix_of_the_final_file(finished: Paperwork) -> None:
    revisions: list[bytes] = finished.revisions  # type: ignore[attr-defined]
    assert all(after.startswith(before) for before, after in zip(revisions, revisions[1:], strict=False))
    assert revisions[-1] == finished.content


def test_outsiders_find_every_signature_valid_and_trusted(finished: Paperwork, tmp_path: Path) -> None:
    path = tmp_path / "sealed.pdf"
    path.write_bytes(finished.content)
    roots = finished.authority.roots_pem()
    opinions = pdfsig(path, roots)
    assert [o.name for o in opinions] == ["李雷", "Ana Pérez-Ñandú", "Bo", "Contoso 公司 Seal"]
    assert all(o.valid and o.trusted for o in opinions)
    assert qpdf_check(path) == ""
    *signatures, stamp = signatures_in(finished.content)
    assert len(signatures) == 4
    assert all("successful" in openssl_cms(der, signed, roots) for der, signed in signatures)
    assert openssl_ts(*stamp, roots)


def test_each_signature_carries_a_time_stamp_of_its_own_value(finished: Paperwork) -> None:
    roots = finished.authority.roots_pem()
    times = []
    for der, _ in signatures_in(finished.content)[:-1]:
        (info,) = cms.ContentInfo.load(der)["content"]["signer_infos"]
        (attribute,) = [a for a in info["unsigned_attrs"] if a["type"].native == "signature_time_stamp_token"]
        value = info["signature"].native
        assert openssl_ts(attribute["values"][0].dump(), value, roots)
        times.append(check_token(attribute["values"][0].dump(), _sha256(value), roots))
    assert times == sorted(times)
    assert len(set(times)) == 3


def _sha256(content: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(content).digest()


def test_stock_difference_analysis_accepts_every_later_revision(finished: Paperwork) -> None:
    for signature in PdfFileReader(BytesIO(finished.content)).embedded_signatures:
        signature.compute_integrity_info(diff_policy=DEFAULT_DIFF_POLICY)
        assert isinstance(signature.diff_result, DiffResult), signature.fq_name
        assert signature.summarise_integrity_info()["docmdp_ok"]


@pytest.mark.parametrize("days", [2, 400, 3600])
def test_a_sealed_contract_still_holds_years_later(finished: Paperwork, days: int) -> None:
    later = finished.clock.now() + timedelta(days=days)
    assert broken(judge(finished.content, roots=finished.authority.roots_pem(), at=later)) == []


def test_signatures_hold_before_the_contract_is_sealed(work: Paperwork) -> None:
    work.prepare(blank_pdf())
    assert work.sign(LI).level == "B-T"
    work.sign(ANA)
    assert [(v.who, v.ok, v.level) for v in work.pades.check(work.content)] == [
        ("李雷", True, "B-T"),
        ("Ana Pérez-Ñandú", True, "B-T"),
    ]


def test_the_act_is_in_the_signature_byte_for_byte(work: Paperwork) -> None:
    work.prepare(blank_pdf())
    act = work.act(LI, work.intent(LI))
    (found,) = find(work.pades.sign(work.content, act).content)
    statement = json.loads(found.statement)
    assert found.kind == "signer"
    assert set(statement) == {"format", "intent", "proof", "identity", "mark", "values", "evidence_head"}
    assert statement["format"] == "countersign-act/2"
    assert statement["intent"].encode() == act.intent
    assert packed.unpack(cms_attribute(work.pades.sign(work.content, act).content)) == found.statement


def cms_attribute(content: bytes) -> bytes:
    (info,) = cms.ContentInfo.load(signatures_in(content)[0][0])["content"]["signer_infos"]
    (attribute,) = [a for a in info["signed_attrs"] if a["type"].dotted == ACT]
    value: bytes = cms.OctetString.load(attribute["values"][0].dump()).native
    return value


def test_large_drawn_mark_fits_into_the_signature(work: Paperwork) -> None:
    from bff.core.mark import Mark

    points = tuple((n % 9000, n % 1000, n * 8, 500) for n in range(12_000))
    work.prepare(blank_pdf())
    work.sign(LI, mark=Mark("drawn", LI.name, strokes=(points,)))
    assert broken(work.pades.check(work.content)) == []


def test_parallel_signers_may_bind_the_same_revision(work: Paperwork) -> None:
    shown = work.prepare(blank_pdf())
    work.sign(LI, shown=shown)
    work.sign(ANA, shown=shown)
    work.sign(BO, shown=shown)
    work.seal()
    assert broken(work.pades.check(work.content)) == []


# --- the time stamp service is down -----------------------------------------------------------------------


def test_without_a_tsa_the_level_is_said_and_raised_later(work: Paperwork) -> None:
    up, work.pades = work.pades, work.with_timestamps(DownTimestamps())
    work.prepare(blank_pdf())
    assert work.sign(LI).level == "B-B"
    assert [(v.ok, v.level, v.time) for v in work.pades.check(work.content)] == [(True, "B-B", None)]
    work.sign(ANA)
    work.sign(BO)
    assert work.seal().level == "B-B"
    with pytest.raises(Fault, match="tsa_down"):
        work.pades.raise_level(work.content)
    work.clock.wait(hours=3)
    raised = up.raise_level(work.content)
    assert raised.level == "B-LTA"
    assert raised.content.startswith(work.content)
    verdicts = up.check(raised.content)
    assert broken(verdicts) == []
    assert {v.level for v in verdicts} == {"B-LTA"}
    assert {v.time for v in verdicts} == {work.clock.now().isoformat()}


class ForeignTimestamps(EmbeddedTimestamps):
    """Somebody else's TSA; its revocation lists can be had, or not."""

    lists = True

    def crl(self, certificate: bytes) -> bytes | None:
        serial = x509.load_der_x509_certificate(certificate).serial_number
        return self._authority.crl(f"{serial:x}") if self.lists else None


@pytest.mark.parametrize(("lists", "level"), [(True, "B-LTA"), (False, "B-T")])
@pytest.mark.parametrize("was_down", [False, True])
def test_level_with_a_foreign_tsa_is_what_its_lists_allow(
    work: Paperwork, tmp_path: Path, lists: bool, level: str, was_down: bool
) -> None:
    foreign = Paperwork(tmp_path / "foreign").authority
    timestamps = ForeignTimestamps(foreign, work.clock)
    timestamps.lists = lists
    up = PyhankoPades(work.authority, timestamps, PlainPaper(), work.clock, roots=foreign.roots_pem()[1:])
    work.pades = work.with_timestamps(DownTimestamps()) if was_down else up
    work.signers = (LI,)
    work.prepare(blank_pdf())
    work.sign(LI)
    written = work.seal()
    if was_down:
        written = up.raise_level(written.content)
    assert written.level == level
    verdicts = up.check(written.content)
    assert broken(verdicts) == []
    assert {v.level for v in verdicts} == {level}
    ours_alone = work.with_timestamps(timestamps).check(written.content)
    assert broken(ours_alone) != [], "its root has to be given"


def test_lists_that_could_not_be_had_are_added_later(work: Paperwork, tmp_path: Path) -> None:
    foreign = Paperwork(tmp_path / "foreign").authority
    timestamps = ForeignTimestamps(foreign, work.clock)
    timestamps.lists = False
    work.pades = PyhankoPades(work.authority, timestamps, PlainPaper(), work.clock, roots=foreign.roots_pem()[1:])
    work.signers = (LI,)
    work.prepare(blank_pdf())
    work.sign(LI)
    assert work.seal().level == "B-T"
    with pytest.raises(Fault, match="tsa_down"):
        work.pades.raise_level(work.content)
    timestamps.lists = True
    raised = work.pades.raise_level(work.content)
    assert raised.level == "B-LTA"
    assert broken(work.pades.check(raised.content)) == []


def test_raising_twice_changes_nothing(finished: Paperwork) -> None:
    raised = finished.pades.raise_level(finished.content)
    assert (raised.content, raised.level) == (finished.content, "B-LTA")


# --- jobs run twice, fields do not fit -------------------------------------------------------------------------


def test_a_signature_that_is_there_is_not_written_again(work: Paperwork) -> None:
    work.prepare(blank_pdf())
    work.sign(LI)
    with pytest.raises(Fault, match="signature_there_already"):
        work.sign(LI)


def test_a_field_that_was_not_prepared_is_a_fault(work: Paperwork) -> None:
    work.prepare(blank_pdf())
    stranger = Field("f99", "s1", FieldKind.TEXT, 1, 0, 0, 100, 100)
    with pytest.raises(Fault, match="field_missing"):
        work.sign(LI, fields=(stranger,))


def test_a_file_that_is_no_pdf_cannot_be_sealed(work: Paperwork) -> None:
    with pytest.raises(Refusal, match="cannot_be_sealed"):
        work.prepare(b"%PDF-1.7 nothing else")


def test_a_field_on_a_page_that_is_not_there_cannot_be_sealed(work: Paperwork) -> None:
    work.fields = (Field("f1", "s1", FieldKind.SIGNATURE, 2, 0, 0, 100, 100),)
    with pytest.raises(Refusal, match="cannot_be_sealed"):
        work.prepare(blank_pdf())


# --- what is found out ------------------------------------------------------------------------------------------


def test_no_byte_can_be_changed_unseen(finished: Paperwork) -> None:
    size = len(finished.content)
    for place in range(60, size, size // 40):
        tampered = bytearray(finished.content)
        tampered[place] ^= 0x01
        try:
            verdicts = finished.pades.check(bytes(tampered))
        except Refusal as refusal:
            assert refusal.code == "pdf_unreadable"
            continue
        unsigned = finished.content[place : place + 1] in b"0123456789ABCDEF" and _in_padding(finished.content, place)
        assert unsigned or len(verdicts) < 5 or broken(verdicts), f"byte {place}"


def _in_padding(content: bytes, place: int) -> bool:
    """The zeros behind a signature's CMS are covered by nothing and mean nothing."""
    return set(content[max(place - 40, 0) : place + 40]) == {ord("0")}


def append(content: bytes, change: Callable[[pikepdf.Pdf], None]) -> bytes:
    """An incremental update by somebody else: whatever `change` touches is appended as it is then."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(BytesIO(content))
    change(writer)  # type: ignore[arg-type]
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def widget_named(writer: object, ending: str) -> object:
    fields = writer.root["/AcroForm"]["/Fields"]  # type: ignore[attr-defined]
    (found,) = [f.get_object() for f in fields if str(f.get_object()["/T"]).endswith(ending)]
    return found


@pytest.mark.parametrize("ending", ["field-f2", "field-f5", "field-f7", "field-f6"])
@pytest.mark.parametrize("stage", [3, 4], ids=["before the seal", "after the seal"])
def test_a_value_cannot_be_changed_after_it_was_signed(finished: Paperwork, stage: int, ending: str) -> None:
    from pyhanko.pdf_utils.generic import pdf_string

    def change(writer: object) -> None:
        widget = widget_named(writer, ending)
        widget["/V"] = pdf_string("one million")  # type: ignore[index]
        writer.update_container(widget)  # type: ignore[attr-defined]

    signed: bytes = finished.revisions[stage]  # type: ignore[attr-defined]
    names = [who for who, _ in broken(finished.pades.check(append(signed, change)))]
    assert ("李雷" if ending == "field-f2" else "Ana Pérez-Ñandú") in names


def test_an_appearance_cannot_be_overwritten_in_place(finished: Paperwork) -> None:
    from pyhanko.pdf_utils.generic import StreamObject

    def change(writer: object) -> None:
        widget = widget_named(writer, "field-f5")
        reference = widget["/AP"].raw_get("/N")  # type: ignore[index]
        old = reference.get_object()
        new = StreamObject({k: v for k, v in old.items() if k != "/Filter"}, stream_data=b"0 g 0 0 9 9 re f")
        writer.objects[(reference.generation, reference.idnum)] = new  # type: ignore[attr-defined]

    assert broken(finished.pades.check(append(finished.content, change)))


def test_a_field_of_the_upload_cannot_be_filled_after_signing(work: Paperwork) -> None:
    from pyhanko.pdf_utils.generic import pdf_string

    work.prepare(form_pdf())
    work.sign(LI)

    def change(writer: object) -> None:
        widget = widget_named(writer, "Price")
        widget["/V"] = pdf_string("1")  # type: ignore[index]
        writer.update_container(widget)  # type: ignore[attr-defined]

    assert broken(work.pades.check(append(work.content, change))) == [("李雷", ("field_changed_after_signing: Price",))]


def form_pdf() -> bytes:
    pdf = pikepdf.open(BytesIO(blank_pdf()))
    field = pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Widget,
            FT=pikepdf.Name.Tx,
            T="Price",
            DA="/Helv 12 Tf",
            Rect=[300, 500, 380, 520],
            AP=pikepdf.Dictionary(N=pdf.make_stream(b"", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form)),
        )
    )
    pdf.pages[0].obj["/Annots"] = pdf.make_indirect(pikepdf.Array([field]))
    pdf.Root["/AcroForm"] = pikepdf.Dictionary(Fields=pikepdf.Array([field]), NeedAppearances=True)
    output = BytesIO()
    pdf.save(output)
    return output.getvalue()


def test_a_page_cannot_be_drawn_over_after_signing(finished: Paperwork) -> None:
    from pyhanko.pdf_utils.generic import StreamObject

    def change(writer: object) -> None:
        stream = writer.add_object(StreamObject(stream_data=b"0 g 0 0 400 600 re f"))  # type: ignore[attr-defined]
        writer.add_stream_to_page(0, stream)  # type: ignore[attr-defined]

    names = [who for who, _ in broken(finished.pades.check(append(finished.content, change)))]
    assert names[:4] == ["李雷", "Ana Pérez-Ñandú", "Bo", "Contoso 公司 Seal"]


def test_a_revision_of_another_contract_cannot_be_swapped_in(work: Paperwork, tmp_path: Path) -> None:
    """The second signer's revision, moved onto another first signature."""
    work.prepare(blank_pdf())
    before = work.content
    first = work.sign(LI).content
    second = work.sign(ANA).content[len(first) :]
    work.content = before
    other = work.sign(LI, signed_at=work.clock.now() - timedelta(seconds=30)).content
    try:
        verdicts = work.pades.check(other + second)
    except Refusal:
        return
    assert broken(verdicts)


def test_a_signature_under_another_root_is_not_trusted(finished: Paperwork, tmp_path: Path) -> None:
    others = Paperwork(tmp_path).authority.roots_pem()
    verdicts = judge(finished.content, roots=others, at=finished.clock.now())
    assert [v.ok for v in verdicts] == [False] * 5


def test_without_roots_nothing_is_trusted(finished: Paperwork) -> None:
    assert [v.ok for v in judge(finished.content, roots=(), at=finished.clock.now())] == [False] * 5


def test_a_certificate_under_the_tsa_root_signs_nothing(finished: Paperwork) -> None:
    """Roots for time stamps are not roots for signers."""
    signing, stamping = finished.authority.roots_pem()
    verdicts = judge(finished.content, roots=(stamping,), tsa_roots=(signing, stamping), at=finished.clock.now())
    assert [v.ok for v in verdicts] == [False] * 4 + [True]


# --- where things are drawn --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rotate", [0, 90, 180, 270, -90, 450])
@pytest.mark.parametrize("crop", [(), (50, 100, 350, 500)], ids=["whole", "cropped"])
@pytest.mark.parametrize("inherit", [False, True], ids=["own", "inherited"])
def test_a_mark_stands_where_it_was_placed_and_upright(
    work: Paperwork, rotate: int, crop: tuple[int, ...], inherit: bool
) -> None:
    field = Field("f1", "s1", FieldKind.SIGNATURE, 1, 1000, 2000, 4000, 1000)
    work.signers, work.fields = (LI,), (field,)
    work.prepare(blank_pdf(rotate=rotate, crop=crop, inherit=inherit))
    work.sign(LI, values={})
    picture = rendered(work.content)

    def colour(across: float, down: float) -> tuple[int, ...]:
        x = (field.x + field.w * across) / FULL * picture.width
        y = (field.y + field.h * down) / FULL * picture.height
        return tuple(picture.getpixel((int(x), int(y))))[:3]

    assert colour(0.2, 0.2) == (0, 0, 255)
    assert colour(0.8, 0.2) == colour(0.2, 0.8) == colour(0.8, 0.8) == (255, 0, 0)
    assert colour(-0.05, 0.5) == colour(1.05, 0.5) == colour(0.5, -0.1) == colour(0.5, 1.1) == (255, 255, 255)


def rendered(content: bytes, page: int = 0):  # type: ignore[no-untyped-def]
    document = pypdfium2.PdfDocument(content)
    document.init_forms()
    try:
        return document[page].render(scale=1.0, may_draw_forms=True).to_pil().convert("RGB")
    finally:
        document.close()


def test_evidence_pages_do_not_inherit_how_the_contract_is_turned_and_cropped(work: Paperwork) -> None:
    work.prepare(blank_pdf(rotate=90, crop=(50, 100, 350, 500), inherit=True))
    with pikepdf.open(BytesIO(work.content)) as pdf:
        assert len(pdf.pages) == 3
        assert [p.obj.get("/Rotate") for p in pdf.pages][1:] == [0, 0]
        assert [float(n) for n in pdf.pages[2].obj["/CropBox"]] == [0, 0, 400, 600]
        assert int(pdf.Root.Pages["/Count"]) == 3
    assert rendered(work.content, page=1).size == (400, 600)


def test_a_signer_without_a_field_signs_on_the_evidence_page(work: Paperwork) -> None:
    work.prepare(blank_pdf())
    work.sign(BO)
    assert (255, 0, 0) in set(rendered(work.content, page=1).get_flattened_data())
    assert (255, 0, 0) not in set(rendered(work.content, page=0).get_flattened_data())


def test_unfilled_fields_show_nothing(work: Paperwork) -> None:
    work.prepare(blank_pdf())
    assert set(rendered(work.content).get_flattened_data()) == {(255, 255, 255)}


def test_crop_box_never_leaves_the_page() -> None:
    increment = Increment(File(blank_pdf()))

    def page(**boxes: tuple[int, ...]) -> dict[bytes, bytes]:
        return {k.encode(): f"[{' '.join(map(str, v))}]".encode() for k, v in boxes.items()}

    assert crop_box(increment, page(MediaBox=(0, 0, 400, 600), CropBox=(-50, 100, 500, 900))) == (0, 100, 400, 600)
    assert crop_box(increment, page(MediaBox=(400, 600, 0, 0))) == (0, 0, 400, 600)
    assert crop_box(increment, page(MediaBox=(0, 0, 400, 600), CropBox=(700, 700, 900, 900))) == (0, 0, 400, 600)
    assert crop_box(increment, page(MediaBox=(0, 0, 0, 0))) == (0, 0, 612, 792)
    assert crop_box(increment, page()) == (0, 0, 612, 792)


# --- files that come signed --------------------------------------------------------------------------------------


def test_a_sealed_contract_can_be_signed_again_without_breaking_it(finished: Paperwork, tmp_path: Path) -> None:
    again = Paperwork(tmp_path, clock=StandingClock(finished.clock.now() + timedelta(days=1)))
    again.authority = finished.authority
    again.pades = again.with_timestamps(EmbeddedTimestamps(again.authority, again.clock))
    again.contract_id, again.signers = "k2", (replace(LI, id="s9"),)
    again.fields = (Field("f1", "s9", FieldKind.SIGNATURE, 1, 6000, 6000, 2000, 500),)
    prepared = again.prepare(finished.content)
    assert prepared.startswith(finished.content)
    with pikepdf.open(BytesIO(prepared)) as pdf:
        assert len(pdf.pages) == 3, "no evidence pages behind a signature"
    again.sign(again.signers[0], values={})
    again.seal()
    verdicts = again.pades.check(again.content)
    assert broken(verdicts) == []
    assert [v.kind for v in verdicts] == ["signer"] * 3 + ["seal", "timestamp", "signer", "seal", "timestamp"]
    assert [v.facts.get("contract_id") for v in verdicts] == ["k1"] * 4 + [None] + ["k2"] * 2 + [None]


@pytest.mark.parametrize(
    "fields",
    [
        (Field("f1", "s1", FieldKind.TEXT, 1, 0, 0, 100, 100),),
        (Field("f1", "s1", FieldKind.SIGNATURE, 1, 0, 0, 9, 9), Field("f2", "s1", FieldKind.SIGNATURE, 1, 9, 9, 9, 9)),
    ],
    ids=["text", "second mark"],
)
def test_a_signed_file_takes_nothing_but_signatures(
    finished: Paperwork, work: Paperwork, fields: tuple[Field, ...]
) -> None:
    work.fields = fields
    with pytest.raises(Refusal, match="signed_file_takes_signatures_only"):
        work.prepare(finished.content)


# --- many files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("object_streams", [False, True], ids=["table", "object streams"])
def test_both_kinds_of_cross_reference_can_be_signed(work: Paperwork, object_streams: bool, tmp_path: Path) -> None:
    work.prepare(blank_pdf(pages=3, object_streams=object_streams))
    for signer in work.signers:
        work.sign(signer)
    work.seal()
    assert broken(work.pades.check(work.content)) == []
    path = tmp_path / "sealed.pdf"
    path.write_bytes(work.content)
    assert qpdf_check(path) == ""


@pytest.mark.parametrize("path", CONTRACTS or [pytest.param(None, marks=pytest.mark.skip("no shared data"))])
def test_real_contracts_go_the_whole_way(work: Paperwork, path: Path, tmp_path: Path) -> None:
    upload = path.read_bytes()
    assert work.prepare(upload).startswith(upload)
    for signer in work.signers:
        work.sign(signer)
    work.seal()
    assert broken(work.pades.check(work.content)) == []
    sealed = tmp_path / "sealed.pdf"
    sealed.write_bytes(work.content)
    assert all(o.valid and o.trusted for o in pdfsig(sealed, work.authority.roots_pem()))


def difficult() -> Iterator[Path]:
    """What is left when intake has done its work: files it would let in as they are."""
    for path in DIFFICULT:
        try:
            probe(str(path), True)
        except Exception:
            continue
        yield path


def test_difficult_files_that_pass_the_probe_go_the_whole_way(work: Paperwork) -> None:
    if not DIFFICULT:
        pytest.skip("no shared data")
    work.signers, work.fields = (LI,), ()
    failed = []
    for path in difficult():
        try:
            work.prepare(path.read_bytes())
            work.sign(LI, values={})
            work.seal()
            failed += [(path.name, b) for b in broken(work.pades.check(work.content)) if b[0] in (LI.name,)]
        except (Refusal, Fault) as error:
            failed.append((path.name, (error.code, (repr(error.__cause__),))))
    assert failed == []


def test_a_trailer_that_lies_about_its_size_does_not_cost_an_object(work: Paperwork) -> None:
    """Objects 5 and up must stay what they are when the trailer says that there are only five."""
    honest = blank_pdf(pages=4)
    lying = re.sub(rb"/Size \d+", b"/Size 3", honest)
    prepared = work.prepare(lying)
    with pikepdf.open(BytesIO(prepared)) as pdf:
        assert len(pdf.pages) == 6
        assert all("/MediaBox" in page.obj for page in pdf.pages)
        assert "/Fields" in pdf.Root.AcroForm
    for signer in work.signers:
        work.sign(signer)
    assert broken(work.pades.check(work.content)) == []


def test_probe_raises_for_what_cannot_be_written_on(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.pdf", tmp_path / "bad.pdf"
    good.write_bytes(blank_pdf())
    bad.write_bytes(blank_pdf()[:300])
    probe(str(good), True)
    with pytest.raises(Exception, match=r".+"):
        probe(str(bad), True)
