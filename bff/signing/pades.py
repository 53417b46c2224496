# mypy: allow-untyped-calls
"""The only door to pyHanko: everything that writes or judges a signature in a PDF.

What it promises:

- One preparatory revision holds every form field and the evidence pages. After it only values, appearances and
  signatures are added, each signer in one revision of their own, so that what a signer was shown is a prefix of the
  final file and every earlier signature stays valid under difference analysis.
- A signer's signature locks that signer's values, and `judge` finds every other field that was touched where no
  signer's revision could have touched it.
- The intent, the proof and the identity travel in the signature as one signed attribute (`ACT`), byte for byte.
- The level that is returned was reached. Without a time stamp it is B-B, never the server's clock dressed up.

Positions are ten-thousandths of the page as displayed; here they become PDF space, whatever the page's rotation and
crop. Who may sign, and when, is not known here.
"""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any, Protocol

import rfc8785
from asn1crypto import cms, core  # type: ignore[import-untyped]  # ships no types
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.sign import attributes, signers
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.diff_analysis import (
    DEFAULT_DIFF_POLICY,
    DiffPolicy,
    DiffResult,
    FormUpdatingRule,
    GenericFieldModificationRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    SuspiciousModification,
)
from pyhanko.sign.fields import (
    FieldMDPAction,
    FieldMDPSpec,
    MDPPerm,
    SigFieldSpec,
    SigSeedSubFilter,
    enumerate_sig_fields,
)
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.constants import ESIC_EXTENSION_1
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp, SignatureObject
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko.sign.validation.ades import ades_lta_validation
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError, SignatureValidationError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.errors import PathBuildingError, PathValidationError
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy, RevocationCheckingRule
from pyhanko_certvalidator.registry import SimpleCertificateStore, SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer

from bff.core.contract import FULL, Field, FieldKind, Signer
from bff.core.errors import Fault, Refusal
from bff.core.mark import Mark
from bff.core.ports import Act, Clock, EvidencePage, Timestamps, Verdict, Written
from bff.signing.authority import ARC, Authority, Leaf, common_name
from bff.signing.paper import HIDDEN_FONT

ACT = f"{ARC}.1"
"""The signed attribute of a signer: an OCTET STRING with canonical JSON, see `act_bytes`."""
SEAL = f"{ARC}.3"
"""The signed attribute of the platform's seal."""
ACT_FORMAT = "countersign-act/1"
SEAL_FORMAT = "countersign-seal/1"

CMS_ROOM = 4096
"""Bytes for everything in a signature besides our attribute and the time stamp."""
TOKEN_ROOM = 12_288
"""Bytes for a time stamp token when the TSA does not say what it needs."""
NAME = re.compile(r"countersign-[0-9a-f]{8}-(signer|field|seal)(?:-(.+))?")
PRINTED, LOCKED, READ_ONLY = 4, 128, 1

Box = tuple[float, float, float, float]


class EvidencePaper(Protocol):
    @property
    def content(self) -> bytes: ...
    @property
    def boxes(self) -> Mapping[str, tuple[int, float, float, float, float]]: ...


class Paper(Protocol):
    """What is drawn; `bff.signing.paper` draws it."""

    def mark(self, mark: Mark, *, width: float, height: float, caption: tuple[str, ...], language: str) -> bytes: ...
    def text(self, text: str, *, width: float, height: float, language: str) -> bytes: ...
    def check(self, *, width: float, height: float) -> bytes: ...
    def evidence(self, page: EvidencePage, *, slots: tuple[str, ...]) -> EvidencePaper: ...


def prepare(
    content: bytes,
    *,
    fields: Sequence[Field],
    signers: Sequence[Signer],
    evidence: EvidencePage | None,
    paper: Paper,
) -> bytes:
    """Revision 0; needs no key. Raises Refusal `cannot_be_sealed`, `signed_file_takes_signatures_only` or
    `too_complex_to_prepare`."""
    with _refusing():
        writer = _writer(content)
        preparation = _Preparation(writer, prefix=f"countersign-{hashlib.sha256(content).hexdigest()[:8]}")
        if preparation.signed:
            _check_only_signatures(fields)
            evidence = None
        homeless = tuple(s.id for s in signers if not _signatures(fields, s.id))
        boxes = {}
        if evidence is not None:
            boxes = preparation.append(paper.evidence(evidence, slots=homeless))
        for signer in signers:
            preparation.place(signer, [f for f in fields if f.signer_id == signer.id], boxes.get(signer.id), paper)
        preparation.place_seal(boxes.get("seal"))
        return _written(writer)


class PyhankoPades:
    """Implements `core.ports.Pades`. `roots`: PEM certificates of an external TSA, trusted besides the authority's."""

    def __init__(
        self, authority: Authority, timestamps: Timestamps, paper: Paper, clock: Clock, *, roots: Sequence[bytes] = ()
    ) -> None:
        self._authority = authority
        self._timestamps = timestamps
        self._paper = paper
        self._clock = clock
        self._roots = tuple(roots)

    def sign(self, content: bytes, act: Act) -> Written:
        """One signer's revision. Raises Fault `pdf_unwritable`, `field_missing` or `signature_there_already`."""
        with _faulting():
            writer = _writer(content)
            form = _Form(writer)
            name = form.empty_signature("signer", act.signer.id)
            self._fill(form, act)
            place = form.widget(name)
            form.draw(
                place,
                lambda w, h: self._paper.mark(
                    act.mark, width=w, height=h, caption=act.caption, language=act.signer.language
                ),
            )
            now = self._clock.now()
            leaf = self._authority.issue_signer(
                act.signer.name,
                contract_id=_contract_id(act.intent),
                signer_id=act.signer.id,
                now=min(now, act.signed_at),
            )
            stamp = _Statement(ACT, act_bytes(act))
            return self._signature(writer, leaf, name, stamp, moment=act.signed_at)

    def _fill(self, form: "_Form", act: Act) -> None:
        language = act.signer.language
        for field in act.fields:
            name = form.name_of("field", field.id)
            if name is None:
                if field.kind is not FieldKind.SIGNATURE:
                    raise _missing(field.id)
                continue
            if field.kind is FieldKind.SIGNATURE:
                form.fill(
                    name,
                    act.mark.name,
                    lambda w, h: self._paper.mark(act.mark, width=w, height=h, caption=(), language=language),
                )
            elif field.kind is FieldKind.CHECKBOX:
                form.tick(name, on=bool(act.values.get(field.id)))
            elif text := _shown(field.kind, act.values.get(field.id, ""), language):
                form.fill(
                    name,
                    text,
                    lambda w, h, text=text: self._paper.text(text, width=w, height=h, language=language),
                )

    def seal(self, content: bytes, *, contract_id: str, evidence_head: str) -> Written:
        """The platform's signature, then validation data and document time stamp; B-B while the TSA is down."""
        with _faulting():
            writer = _writer(content)
            form = _Form(writer)
            name = form.empty_signature("seal")
            statement = rfc8785.dumps(
                {"format": SEAL_FORMAT, "contract_id": contract_id, "evidence_head": evidence_head}
            )
            now = self._clock.now()
            leaf = self._authority.seal
            form.draw(form.widget(name), lambda w, h: self._seal_lines(leaf, now, w, h))
            sealed = self._signature(writer, leaf, name, _Statement(SEAL, statement), moment=now)
        try:
            return self.raise_level(sealed.content)
        except Fault as fault:
            if fault.code != "tsa_down":
                raise
            return sealed

    def _seal_lines(self, leaf: Leaf, now: datetime, width: float, height: float) -> bytes:
        """Whose seal, and when it was asked for, with room around."""
        lines = ((_common_name(leaf.certificate), 0.5, 0.3), (f"{now.astimezone(UTC):%Y-%m-%d %H:%M} UTC", 0.22, 0.2))
        drawn = [
            b"q 1 0 0 1 %.3f %.3f cm\n%b\nQ"
            % (0.04 * width, up * height, self._paper.text(t, width=0.92 * width, height=tall * height, language="en"))
            for t, up, tall in lines
        ]
        return b"\n".join(drawn)

    def raise_level(self, content: bytes) -> Written:
        """Validation data of every signature and a document time stamp over all of it. Raises Fault `tsa_down`."""
        with _faulting():
            writer = _writer(content)
            stamped = _stamped_last(writer.prev)
            if stamped and _all_listed(_document_stamps(writer.prev), _store(writer.prev)[1]):
                return Written(content=content, level="B-LTA")
            certificates, crls, complete = self._validation_data(writer.prev)
            if stamped and not complete:
                raise Fault(
                    "tsa_down",
                    what="The time stamp service's revocation lists cannot be fetched.",
                    do="Check that the addresses named in its certificates can be reached from here.",
                )
            _declare_pades(writer)
            DocumentSecurityStore.supply_dss_in_writer(writer, None, certs=certificates, crls=crls)
            name = f"countersign-timestamp-{hashlib.sha256(content).hexdigest()[:16]}"
            placeholder = DocumentTimestamp(bytes_reserved=2 * self._token_room)
            embedder = PdfCMSEmbedder(new_field_spec=SigFieldSpec(sig_field_name=name)).write_cms(name, writer)
            next(embedder)
            embedder.send(SigObjSetup(sig_placeholder=placeholder))
            prepared, output = embedder.send(SigIOSetup(md_algorithm="sha256", output=BytesIO()))
            embedder.send(self._timestamps.timestamp(prepared.document_digest))
            return Written(content=output.getvalue(), level="B-LTA" if complete else "B-T")

    def check(self, content: bytes) -> tuple[Verdict, ...]:
        """Every signature, offline, at the clock's time, against the authority's roots and those we were given."""
        ours, stamping = self._authority.roots_pem()
        with _reading():
            lists = [self._authority.crl(f"{c.serial_number:x}") for c in _certificates(_reader(content))]
        return judge(
            content,
            roots=(ours,),
            tsa_roots=(stamping, *self._roots),
            at=self._clock.now(),
            crls=[der for der in lists if der],
        )

    # --- one signature -------------------------------------------------------------------------------------

    def _signature(
        self, writer: IncrementalPdfFileWriter, leaf: Leaf, name: str, statement: "_Statement", *, moment: datetime
    ) -> Written:
        _declare_pades(writer)
        lock = _lock(writer, name)
        room = CMS_ROOM + len(statement.content) + self._token_room
        placeholder = SignatureObject(timestamp=moment, subfilter=SigSeedSubFilter.PADES, bytes_reserved=2 * room)
        embedder = PdfCMSEmbedder().write_cms(name, writer, existing_fields_only=True)
        next(embedder)
        embedder.send(SigObjSetup(sig_placeholder=placeholder, mdp_setup=SigMDPSetup("sha256", field_lock=lock)))
        prepared, output = embedder.send(SigIOSetup(md_algorithm="sha256", output=BytesIO()))
        signed, level = self._cms(_OneShot(leaf, statement), prepared.document_digest)
        embedder.send(signed)
        return Written(content=output.getvalue(), level=level)

    def _cms(self, signer: "_OneShot", digest: bytes) -> tuple[cms.ContentInfo, str]:
        try:
            return asyncio.run(signer.over(digest, _Stamper(self._timestamps))), "B-T"
        except Fault as fault:
            if fault.code != "tsa_down":
                raise
            return asyncio.run(signer.over(digest, None)), "B-B"

    @property
    def _token_room(self) -> int:
        return int(getattr(self._timestamps, "room", TOKEN_ROOM))

    def _validation_data(
        self, reader: PdfFileReader
    ) -> tuple[list[asn1_x509.Certificate], list[asn1_crl.CertificateList], bool]:
        """Certificates of all signatures and time stamps, their revocation lists, and whether each of ours has one."""
        ours = {c.dump(): c for s in reader.embedded_signatures if _found(s).kind != "foreign" for c in _chain(s)}
        if not any(True for s in reader.embedded_signatures for _ in _tokens(s.signer_info)):
            # No signature tells yet whose time stamps these are; the TSA itself does.
            sample = cms.ContentInfo.load(self._timestamps.timestamp(hashlib.sha256(b"").digest()))
            ours.update((c.dump(), c) for c in _certificates_in(sample["content"]))
        lists = {der: self._list(certificate) for der, certificate in ours.items()}
        complete = all(lists[der] or c.self_issued for der, c in ours.items())
        every = {c.dump(): c for c in _certificates(reader)} | ours
        return list(every.values()), [asn1_crl.CertificateList.load(der) for der in lists.values() if der], complete

    def _list(self, certificate: asn1_x509.Certificate) -> bytes | None:
        """Our own authority's list, or what a time stamp service can fetch for its own certificates."""
        own = self._authority.crl(f"{certificate.serial_number:x}")
        fetch: Callable[[bytes], bytes | None] | None = getattr(self._timestamps, "crl", None)
        return own or (fetch(certificate.dump()) if fetch else None)


def act_bytes(act: Act) -> bytes:
    """What a signer's signature says besides "this document": canonical JSON (RFC 8785), `countersign-act/1`."""
    return rfc8785.dumps(
        {
            "format": ACT_FORMAT,
            "intent": base64.b64encode(act.intent).decode("ascii"),
            "proof": dict(act.proof),
            "identity": dict(act.identity),
            "mark": act.mark.to_dict(),
            "values": dict(act.values),
            "evidence_head": act.evidence_head,
        }
    )


def probe(path: str, strict: bool) -> None:
    """Writes on the file and throws the result away, for intake. Raises whatever the file makes pyHanko raise."""
    with open(path, "rb") as file:
        writer = _read_as(file.read(), strict=strict)
    preparation = _Preparation(writer, prefix="countersign-00000000")
    preparation.place_seal(None)
    again = _read_as(_written(writer), strict=strict)
    list(enumerate_sig_fields(again))
    preparation = _Preparation(again, prefix="countersign-11111111")
    preparation.place_seal(None)
    _written(again)


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


def _contract_of(found: "Found") -> str | None:
    """The contract that a signer's or a seal's statement names; a file may hold the signatures of several."""
    with suppress(ValueError, TypeError, KeyError):
        statement = json.loads(found.statement)
        return str(statement.get("contract_id") or _contract_id(base64.b64decode(statement["intent"])))
    return None


def _statement_of(found: "Found") -> Mapping[str, Any]:
    with suppress(ValueError, RecursionError):
        statement = json.loads(found.statement)
        return statement if isinstance(statement, dict) else {}
    return {}


def _contract_id(intent: bytes) -> str:
    return str(json.loads(intent)["contract_id"])


def _shown(kind: FieldKind, value: str, language: str) -> str:
    """A value as it is drawn: a date in the signer's way of writing it, where nobody could read it differently."""
    if kind is FieldKind.DATE and language.startswith("zh"):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            return value
        return f"{day.year}年{day.month}月{day.day}日"
    return value


# --- opening and writing files ------------------------------------------------------------------------------


@contextmanager
def _refusing() -> Iterator[None]:
    """pyHanko raises anything at all on hostile files, bare AssertionError and RecursionError included."""
    try:
        yield
    except (Refusal, Fault):
        raise
    except (MemoryError, RecursionError) as error:
        raise Refusal("too_complex_to_prepare") from error
    except Exception as error:
        raise Refusal("cannot_be_sealed") from error


@contextmanager
def _faulting() -> Iterator[None]:
    try:
        yield
    except (Refusal, Fault):
        raise
    except Exception as error:
        raise Fault(
            "pdf_unwritable",
            what=f"The PDF could not be signed ({type(error).__name__}).",
            do="Look at the file with the doctor; the contract is kept and can be retried.",
        ) from error


def _missing(what: str) -> Fault:
    return Fault(
        "field_missing",
        what=f"The prepared PDF has no field {what}.",
        do="Prepare the contract again: its fields and its PDF do not belong together.",
    )


def _writer(content: bytes) -> IncrementalPdfFileWriter:
    """Strict first; a file that can only be read leniently, or is a hybrid, is read leniently."""
    try:
        return _read_as(content, strict=True)
    except Exception:
        return _read_as(content, strict=False)


def _read_as(content: bytes, *, strict: bool) -> IncrementalPdfFileWriter:
    """A writer over the file. What every revision touches is read at once, so that a broken file breaks here."""
    writer = IncrementalPdfFileWriter(BytesIO(content), strict=strict)
    reader = writer.prev
    if strict and reader.xrefs.hybrid_xrefs_present:
        raise ValueError("hybrid cross-references are not strict")
    if not strict:
        # A trailer may lie about its size; a new object must never take an old one's number.
        known = (
            r.idnum for n in range(reader.xrefs.total_revisions) for r in reader.xrefs.explicit_refs_in_revision(n)
        )
        writer._lastobj_id = max(writer._lastobj_id, *known, 0)
    for _ in _leaves(reader.root["/Pages"]):
        pass
    for _ in enumerate_sig_fields(reader):
        pass
    return writer


def _reader(content: bytes) -> PdfFileReader:
    return _writer(content).prev


def _written(writer: IncrementalPdfFileWriter) -> bytes:
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def _declare_pades(writer: IncrementalPdfFileWriter) -> None:
    writer.ensure_output_version((1, 7))
    if writer.output_version < (2, 0):
        writer.register_extension(ESIC_EXTENSION_1)


# --- preparing: fields and evidence pages --------------------------------------------------------------------


def _signatures(fields: Iterable[Field], signer_id: str) -> list[Field]:
    return [f for f in fields if f.signer_id == signer_id and f.kind is FieldKind.SIGNATURE]


def _check_only_signatures(fields: Sequence[Field]) -> None:
    """A signature that is there already allows new signature fields and nothing else."""
    places = [f for f in fields if f.kind is FieldKind.SIGNATURE]
    if len(places) < len(fields) or len({f.signer_id for f in places}) < len(places):
        raise Refusal("signed_file_takes_signatures_only")


@dataclass(frozen=True)
class _Place:
    """Where a field goes: its page, its rectangle in PDF space, and how far the page is turned when displayed."""

    page: generic.IndirectObject
    box: Box
    turn: int = 0


class _Preparation:
    """One revision that adds form fields and pages. Everything in it is written before anyone signs."""

    def __init__(self, writer: IncrementalPdfFileWriter, *, prefix: str) -> None:
        self._writer = writer
        self._prefix = prefix
        self.signed = any(True for _ in enumerate_sig_fields(writer.prev, filled_status=True))
        self._certified = "/DocMDP" in _dictionary(_look(writer.root, "/Perms"))
        self._form = _form(writer)
        self._pages = int(writer.root["/Pages"]["/Count"])
        _declare_pades(writer)

    def place(self, signer: Signer, fields: Sequence[Field], slot: _Place | None, paper: Paper) -> None:
        """The signer's signature field, in its first place or its slot, and their other fields, to be filled later."""
        first, *_ = [*_signatures(fields, signer.id), None]
        others = [f for f in fields if f is not first]
        name = f"{self._prefix}-signer-{signer.id}"
        owned = [self._field_name(f) for f in others]
        where = self._find(first) if first is not None else slot
        self._signature(name, where, locks=owned, label=(first.label if first else "") or signer.name)
        for field in others:
            self._value(field, paper)

    def place_seal(self, slot: _Place | None) -> None:
        self._signature(f"{self._prefix}-seal", slot, locks=[], label="Seal")

    def _field_name(self, field: Field) -> str:
        return f"{self._prefix}-field-{field.id}"

    def _signature(self, name: str, where: _Place | None, *, locks: list[str], label: str) -> None:
        """Invisible without a place, and in a certified file, where a visible newcomer would break the certificate."""
        if where is None or self._certified:
            where = _Place(page=self._page(0), box=(0, 0, 0, 0))
        widget = _widget(name, "/Sig", where, label)
        if locks:
            widget["/Lock"] = self._writer.add_object(FieldMDPSpec(FieldMDPAction.INCLUDE, locks).as_sig_field_lock())
        self._add(widget, where.page)

    def _value(self, field: Field, paper: Paper) -> None:
        where = self._find(field)
        if field.kind is FieldKind.CHECKBOX:
            widget = self._checkbox(field, where, paper)
        else:
            widget = _widget(self._field_name(field), "/Tx", where, field.label)
            widget["/DA"] = pdf_string(f"/{HIDDEN_FONT} 0 Tf 0 g")
        widget["/Ff"] = generic.NumberObject(READ_ONLY)
        self._add(widget, where.page)

    def _checkbox(self, field: Field, where: _Place, paper: Paper) -> generic.DictionaryObject:
        widget = _widget(self._field_name(field), "/Btn", where, field.label)
        width, height = _displayed(where.box, where.turn)
        states = {
            "/Yes": _drawing(self._writer, where.box, where.turn, paper.check(width=width, height=height)),
            "/Off": _drawing(self._writer, where.box, where.turn, b""),
        }
        widget["/AP"] = generic.DictionaryObject({"/N": generic.DictionaryObject(states)})
        widget["/AS"] = widget["/V"] = pdf_name("/Off")
        return widget

    def _add(self, widget: generic.DictionaryObject, page: generic.IndirectObject) -> None:
        reference = self._writer.add_object(widget)
        fields = self._form["/Fields"]
        fields.append(reference)
        self._writer.update_container(fields)
        _annotate(self._writer, page, reference)

    def _page(self, index: int) -> generic.IndirectObject:
        reference: generic.IndirectObject = self._writer.find_page_for_modification(index)[0]
        return reference

    def _find(self, field: Field) -> _Place:
        if not 1 <= field.page <= self._pages:
            raise ValueError("a field on a page that is not there")
        page = self._page(field.page - 1)
        box, turn = _place_on(page.get_object(), field)
        return _Place(page=page, box=box, turn=turn)

    def append(self, paper: EvidencePaper) -> dict[str, _Place]:
        """The evidence pages at the end of the document; where each of its boxes is now."""
        pages = _import_pages(self._writer, paper.content)
        return {
            who: _Place(page=pages[n - 1], box=(x0, y0, x1, y1)) for who, (n, x0, y0, x1, y1) in paper.boxes.items()
        }


def _form(writer: IncrementalPdfFileWriter) -> generic.DictionaryObject:
    """The AcroForm, made where there is none, flagged as signed and append-only from the start."""
    root = writer.root
    form = _look(root, "/AcroForm")
    if not isinstance(form, generic.DictionaryObject):
        form = generic.DictionaryObject({"/Fields": generic.ArrayObject()})
        root["/AcroForm"] = writer.add_object(form)
        writer.update_root()
    if not isinstance(_look(form, "/Fields"), generic.ArrayObject):
        form["/Fields"] = generic.ArrayObject()
    form["/SigFlags"] = generic.NumberObject(3)
    # A reader that redraws fields would replace what was signed (pyHanko drops this too, but only when signing).
    form.pop("/NeedAppearances", None)
    fonts = _child(_child(form, "/DR"), "/Font")
    if HIDDEN_FONT not in {key[1:] for key in fonts}:
        fonts[f"/{HIDDEN_FONT}"] = writer.add_object(_helvetica())
    for touched in (form, fonts, _child(form, "/DR")):
        writer.update_container(touched)
    return form


def _child(parent: generic.DictionaryObject, key: str) -> generic.DictionaryObject:
    if not isinstance(_look(parent, key), generic.DictionaryObject):
        parent[key] = generic.DictionaryObject()
    child: generic.DictionaryObject = parent[key]
    return child


def _helvetica() -> generic.DictionaryObject:
    return generic.DictionaryObject(
        {
            "/Type": pdf_name("/Font"),
            "/Subtype": pdf_name("/Type1"),
            "/BaseFont": pdf_name("/Helvetica"),
            "/Encoding": pdf_name("/WinAnsiEncoding"),
        }
    )


def _look(node: Mapping[str, Any], key: str) -> Any:
    """What stands there, followed through references (a PDF dictionary's own `get` does not); None for null."""
    value = node[key] if key in node else None  # noqa: SIM401 - `get` gives the reference, not what it names
    return None if isinstance(value, generic.NullObject) else value


def _dictionary(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, generic.DictionaryObject) else {}


def _widget(name: str, kind: str, where: _Place, label: str) -> generic.DictionaryObject:
    return generic.DictionaryObject(
        {
            "/Type": pdf_name("/Annot"),
            "/Subtype": pdf_name("/Widget"),
            "/FT": pdf_name(kind),
            "/T": pdf_string(name),
            "/TU": pdf_string(label or name),
            "/F": generic.NumberObject(PRINTED | LOCKED),
            "/P": where.page,
            "/Rect": generic.ArrayObject(generic.FloatObject(round(n, 3)) for n in where.box),
            "/MK": generic.DictionaryObject({"/R": generic.NumberObject(where.turn)}),
        }
    )


def _annotate(writer: IncrementalPdfFileWriter, page: generic.IndirectObject, widget: generic.IndirectObject) -> None:
    node = page.get_object()
    annotations = _look(node, "/Annots")
    if not isinstance(annotations, generic.ArrayObject):
        node["/Annots"] = generic.ArrayObject([widget])
        writer.mark_update(page)
        return
    annotations.append(widget)
    raw = node.raw_get("/Annots")
    writer.mark_update(raw if isinstance(raw, generic.IndirectObject) else page)


def _place_on(page: generic.DictionaryObject, field: Field) -> tuple[Box, int]:
    """From the page as displayed to PDF space: undo the turn (clockwise, ISO 32000-2, 7.7.3.3), then the crop."""
    left, bottom, right, top = crop_box(page)
    turn = _turn(page)
    wide, tall = _displayed((left, bottom, right, top), turn)
    u0, u1 = field.x / FULL * wide, (field.x + field.w) / FULL * wide
    v1, v0 = tall - field.y / FULL * tall, tall - (field.y + field.h) / FULL * tall
    if turn == 90:
        return (right - v1, bottom + u0, right - v0, bottom + u1), turn
    if turn == 180:
        return (right - u1, top - v1, right - u0, top - v0), turn
    if turn == 270:
        return (left + v0, top - u1, left + v1, top - u0), turn
    return (left + u0, bottom + v0, left + u1, bottom + v1), turn


def crop_box(page: generic.DictionaryObject) -> Box:
    """The part of the page that is displayed: its CropBox within its MediaBox, as PDFium takes it."""
    media = _rectangle(_inherited(page, "/MediaBox")) or (0.0, 0.0, 612.0, 792.0)
    crop = _rectangle(_inherited(page, "/CropBox")) or media
    both = (max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3]))
    return both if both[0] < both[2] and both[1] < both[3] else media


def _rectangle(value: Any) -> Box | None:
    try:
        a, b, c, d = (float(n) for n in value)
    except (TypeError, ValueError):
        return None
    box = (min(a, c), min(b, d), max(a, c), max(b, d))
    return box if box[0] < box[2] and box[1] < box[3] else None


def _turn(page: generic.DictionaryObject) -> int:
    try:
        return int(_inherited(page, "/Rotate") or 0) % 360 // 90 * 90
    except (TypeError, ValueError):
        return 0


def _inherited(page: generic.DictionaryObject, key: str) -> Any:
    """A page attribute from the page or the nearest node above it; a circle ends the search."""
    node: Any = page
    for _ in range(64):
        if not isinstance(node, generic.DictionaryObject):
            return None
        if key in node:
            return node[key]
        node = _look(node, "/Parent")
    return None


def _displayed(box: Box, turn: int) -> tuple[float, float]:
    wide, tall = box[2] - box[0], box[3] - box[1]
    return (wide, tall) if turn % 180 == 0 else (tall, wide)


def _drawing(writer: IncrementalPdfFileWriter, box: Box, turn: int, operators: bytes) -> generic.IndirectObject:
    """An appearance that stands upright on the page as displayed."""
    wide, tall = _displayed(box, turn)
    matrix = {
        0: (1, 0, 0, 1, 0, 0),
        90: (0, 1, -1, 0, tall, 0),
        180: (-1, 0, 0, -1, wide, tall),
        270: (0, -1, 1, 0, 0, wide),
    }
    fonts = generic.DictionaryObject({f"/{HIDDEN_FONT}": _helvetica()})
    stream = generic.StreamObject(
        {
            "/Type": pdf_name("/XObject"),
            "/Subtype": pdf_name("/Form"),
            "/BBox": generic.ArrayObject(generic.FloatObject(round(n, 3)) for n in (0, 0, wide, tall)),
            "/Matrix": generic.ArrayObject(generic.FloatObject(round(n, 3)) for n in matrix[turn]),
            "/Resources": generic.DictionaryObject({"/Font": fonts}),
        },
        stream_data=operators,
    )
    if operators:
        stream.compress()
    return writer.add_object(stream)


def _import_pages(writer: IncrementalPdfFileWriter, content: bytes) -> list[generic.IndirectObject]:
    """The pages of another PDF after our last page. What ours inherit from above must not reach the new ones."""
    source = PdfFileReader(BytesIO(content))
    tree = source.root["/Pages"]
    for index in range(int(tree["/Count"])):
        page = source.find_page_for_modification(index)[0].get_object()
        page["/MediaBox"] = _numbers(_inherited(page, "/MediaBox"))
        page["/CropBox"] = page["/MediaBox"]
        page["/Rotate"] = generic.NumberObject(0)
        page["/Resources"] = _inherited(page, "/Resources")
        page.pop("/Parent", None)
    holder = generic.DictionaryObject({"/Kids": generic.ArrayObject(_leaves(tree))})
    holder.container_ref = tree.container_ref
    imported: Any = _look(_dictionary(writer.import_object(holder)), "/Kids")
    _graft(writer, imported)
    return list(imported)


def _numbers(values: Iterable[Any]) -> generic.ArrayObject:
    return generic.ArrayObject(generic.FloatObject(float(n)) for n in values)


def _leaves(node: generic.DictionaryObject) -> Iterator[generic.IndirectObject]:
    for kid in node["/Kids"]:
        if "/Kids" in kid.get_object():
            yield from _leaves(kid.get_object())
        else:
            yield kid


def _graft(writer: IncrementalPdfFileWriter, pages: Iterable[generic.IndirectObject]) -> None:
    """Hangs pages behind the last one of the root of the page tree."""
    root = writer.root.raw_get("/Pages")
    node = root.get_object()
    new = list(pages)
    for page in new:
        page.get_object()["/Parent"] = root
    node["/Kids"].extend(new)
    node["/Count"] = generic.NumberObject(int(node["/Count"]) + len(new))
    writer.update_container(node["/Kids"])
    writer.update_container(node)


# --- filling: one signer's revision ---------------------------------------------------------------------------


class _Form:
    """The prepared fields of a file that is being signed."""

    def __init__(self, writer: IncrementalPdfFileWriter) -> None:
        self._writer = writer
        self._fields: dict[str, generic.IndirectObject] = {}
        form = _dictionary(_look(writer.root, "/AcroForm"))
        for reference in _look(form, "/Fields") or ():
            node = reference.get_object()
            if NAME.fullmatch(str(_look(node, "/T"))):
                self._fields[str(node["/T"])] = reference

    def name_of(self, kind: str, identifier: str | None = None) -> str | None:
        """The newest field of that kind and identifier: a file may hold an older contract's fields as well."""
        wanted = (kind, identifier)
        names = [n for n in self._fields if (m := NAME.fullmatch(n)) and m.groups() == wanted]
        return names[-1] if names else None

    def empty_signature(self, kind: str, identifier: str | None = None) -> str:
        name = self.name_of(kind, identifier)
        if name is None:
            raise _missing(f"{kind} {identifier or ''}".strip())
        if _look(self.widget(name), "/V") is not None:
            raise Fault(
                "signature_there_already",
                what=f"The {kind}'s signature is in the PDF already.",
                do="Nothing: the job ran twice. The stored revision is the one to go on with.",
            )
        return name

    def widget(self, name: str) -> generic.DictionaryObject:
        node: generic.DictionaryObject = self._fields[name].get_object()
        return node

    def fill(self, name: str, value: str, draw: "Draw") -> None:
        widget = self.widget(name)
        widget["/V"] = pdf_string(value)
        self.draw(widget, draw)

    def tick(self, name: str, *, on: bool) -> None:
        widget = self.widget(name)
        widget["/V"] = widget["/AS"] = pdf_name("/Yes" if on else "/Off")
        self._writer.update_container(widget)

    def draw(self, widget: generic.DictionaryObject, draw: "Draw") -> None:
        box = _rectangle(widget["/Rect"])
        if box is None:
            return
        turn = int(_look(_dictionary(_look(widget, "/MK")), "/R") or 0)
        wide, tall = _displayed(box, turn)
        widget["/AP"] = generic.DictionaryObject({"/N": _drawing(self._writer, box, turn, draw(wide, tall))})
        self._writer.update_container(widget)


class Draw(Protocol):
    def __call__(self, w: float, h: float, /) -> bytes: ...


def _lock(writer: IncrementalPdfFileWriter, name: str) -> FieldMDPSpec | None:
    """What the signature freezes, as its field was prepared to say."""
    for _, _, reference in enumerate_sig_fields(writer, with_name=name):
        lock = _look(reference.get_object(), "/Lock")
        return FieldMDPSpec.from_pdf_object(lock) if lock is not None else None
    return None


# --- the CMS ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Statement:
    """What goes into a signature as a signed attribute of ours."""

    oid: str
    content: bytes


class _Attribute(attributes.CMSAttributeProvider):
    def __init__(self, statement: _Statement) -> None:
        self.attribute_type = statement.oid
        self._content = statement.content

    async def build_attr_value(self, dry_run: bool = False) -> core.OctetString:
        return core.OctetString(self._content)


class _OneShot(signers.Signer):
    """Signs with a key that is held in memory and adds our statement to what is signed."""

    def __init__(self, leaf: Leaf, statement: _Statement) -> None:
        chain = SimpleCertificateStore.from_certs([_asn1(leaf.root)])
        super().__init__(signing_cert=_asn1(leaf.certificate), cert_registry=chain)
        self._key = leaf.key
        self._statement = statement

    async def over(self, digest: bytes, timestamper: TimeStamper | None) -> cms.ContentInfo:
        return await self.async_sign(digest, "sha256", use_pades=True, timestamper=timestamper)

    def _signed_attr_providers(self, *args: Any, **kwargs: Any) -> Iterator[attributes.CMSAttributeProvider]:
        yield from super()._signed_attr_providers(*args, **kwargs)
        yield _Attribute(self._statement)

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))


class _Stamper(TimeStamper):
    """Our port, where pyHanko wants a TSA."""

    def __init__(self, timestamps: Timestamps) -> None:
        super().__init__(include_nonce=False)
        self._timestamps = timestamps

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        return cms.ContentInfo.load(self._timestamps.timestamp(message_digest))


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def _certificates(reader: PdfFileReader) -> Iterator[asn1_x509.Certificate]:
    for signature in reader.embedded_signatures:
        yield from _chain(signature)


def _chain(signature: EmbeddedPdfSignature) -> Iterator[asn1_x509.Certificate]:
    """What a signature and its time stamps bring."""
    yield from _certificates_in(signature.signed_data)
    for token in _tokens(signature.signer_info):
        yield from _certificates_in(token)


def _certificates_in(signed_data: cms.SignedData) -> Iterator[asn1_x509.Certificate]:
    for choice in signed_data["certificates"]:
        if choice.name == "certificate":
            yield choice.chosen


def _tokens(signer_info: cms.SignerInfo) -> Iterator[cms.SignedData]:
    for attribute in signer_info["unsigned_attrs"]:
        if attribute["type"].native == "signature_time_stamp_token":
            for value in attribute["values"]:
                yield value["content"]


def _document_stamps(reader: PdfFileReader) -> list[EmbeddedPdfSignature]:
    return [s for s in reader.embedded_signatures if s.sig_object_type == "/DocTimeStamp"]


def _stamped_last(reader: PdfFileReader) -> bool:
    """Whether the newest signature is a document time stamp: then it covers everything before it."""
    return bool(reader.embedded_signatures) and reader.embedded_signatures[-1].sig_object_type == "/DocTimeStamp"


def _all_listed(stamps: Iterable[EmbeddedPdfSignature], crls: Iterable[asn1_crl.CertificateList]) -> bool:
    """Whether the issuer of each time stamp's certificate has a revocation list at hand."""
    issuers = {crl.issuer.dump() for crl in crls}
    return all(stamp.signer_cert.issuer.dump() in issuers for stamp in stamps)


# --- judging -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """A signature as it stands in the file, taken apart and not yet believed."""

    field: str
    kind: str
    """signer, seal, timestamp or foreign."""
    who: str
    certificate: bytes
    """DER."""
    statement: bytes
    """The bytes of our signed attribute; empty for strangers."""
    end: int
    """Where the revision that it signs ends."""
    gap: tuple[int, int] = (0, 0)
    """From where to where the signature itself stands, which no range covers."""


def find(content: bytes) -> tuple[Found, ...]:
    """Every signature in the order of the file. Raises Refusal `pdf_unreadable`."""
    with _reading():
        return tuple(_found(signature) for signature in _reader(content).embedded_signatures)


def named(name: str, certificate: bytes) -> bool:
    """Whether a certificate (DER) is in this name, as far as a certificate can hold it."""
    try:
        return _common_name(x509.load_der_x509_certificate(certificate)) == common_name(name)
    except (ValueError, IndexError):
        return False


def judge(
    content: bytes,
    *,
    roots: Sequence[bytes],
    at: datetime,
    tsa_roots: Sequence[bytes] | None = None,
    crls: Sequence[bytes] = (),
) -> tuple[Verdict, ...]:
    """Every signature judged offline at a time, against PEM roots. Raises Refusal `pdf_unreadable`.

    With a document time stamp over it, a signature is judged for the long term (ETSI EN 319 102-1, 5.6.3): what was
    proven to exist in time stays valid when certificates have expired since. `crls` add to what the file brings.
    """
    with _reading():
        judgement = _Judgement(
            _reader(content),
            roots=_loaded(roots),
            tsa_roots=_loaded(roots if tsa_roots is None else tsa_roots),
            at=at,
            crls=[asn1_crl.CertificateList.load(der) for der in crls],
        )
        return asyncio.run(judgement.all())


def only_signatures_since(content: bytes, cut: int) -> bool:
    """Whether all that was added after the first `cut` bytes is signatures, filled-in fields and time stamps."""
    with _reading():
        reader = _reader(content)
        ends = [reader.xrefs.get_xref_container_info(n).end_location for n in range(reader.xrefs.total_revisions)]
        base = max((n for n, end in enumerate(ends) if end <= cut), default=None)
        if base is None:
            return False
        if base == len(ends) - 1:
            return True
        try:
            return isinstance(_Differences().review_file(reader, base), DiffResult)
        except PdfReadError:
            return False


def empty_fields_shown_since(content: bytes, cut: int) -> tuple[str, ...]:
    """Signature fields that came after the first `cut` bytes, show something and hold no signature."""
    with _reading():
        before = {str(name) for name, _, _ in enumerate_sig_fields(_reader(content[:cut]))}
        return tuple(
            str(name)
            for name, value, reference in enumerate_sig_fields(_reader(content))
            if str(name) not in before and value is None and _shows(reference.get_object())
        )


def _shows(widget: generic.DictionaryObject) -> bool:
    box = _rectangle(_look(widget, "/Rect"))
    return box is not None and box[0] != box[2] and box[1] != box[3]


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (Refusal, Fault):
        raise
    except Exception as error:
        raise Refusal("pdf_unreadable") from error


def _loaded(roots: Sequence[bytes]) -> list[asn1_x509.Certificate]:
    return [_asn1(c) for pem in roots for c in x509.load_pem_x509_certificates(pem)]


def _found(signature: EmbeddedPdfSignature) -> Found:
    kind, statement = "foreign", b""
    if signature.sig_object_type == "/DocTimeStamp":
        kind = "timestamp"
    elif act := _own_attribute(signature.signer_info, ACT):
        kind, statement = "signer", act
    elif seal := _own_attribute(signature.signer_info, SEAL):
        kind, statement = "seal", seal
    subject = signature.signer_cert.subject.native
    _, first, second, length = (int(n) for n in signature.byte_range)
    return Found(
        field=str(signature.field_name),
        kind=kind,
        who=str(subject.get("common_name") or signature.signer_cert.subject.human_friendly),
        certificate=signature.signer_cert.dump(),
        statement=statement,
        end=second + length,
        gap=(first, second),
    )


def _own_attribute(signer_info: cms.SignerInfo, oid: str) -> bytes:
    """The one value of our signed attribute; none, or more than one, is nothing."""
    values = [v for a in signer_info["signed_attrs"] if a["type"].dotted == oid for v in a["values"]]
    return bytes(core.OctetString.load(values[0].dump()).native) if len(values) == 1 else b""


class _Judgement:
    """One file, one time, one set of roots. Differences between revisions are analysed once for all signatures."""

    def __init__(
        self,
        reader: PdfFileReader,
        *,
        roots: list[asn1_x509.Certificate],
        tsa_roots: list[asn1_x509.Certificate],
        at: datetime,
        crls: list[asn1_crl.CertificateList],
    ) -> None:
        self._reader = reader
        self._roots = roots
        self._tsa_roots = tsa_roots
        self._at = at
        self._signatures = reader.embedded_signatures
        self._signature_names = {str(name) for name, _, _ in enumerate_sig_fields(reader)}
        self._stamps = _document_stamps(reader)
        self._certs, self._crls = _store(reader)
        self._with_lists = bool(self._crls)
        self._crls = [*self._crls, *crls]
        self._differences = _Differences()
        # An external TSA's lists may not have been there to be kept: then its certificate is believed unrevoked, and
        # the level says that the file does not prove it.
        self._stamps_listed = _all_listed(self._stamps, self._crls)

    async def all(self) -> tuple[Verdict, ...]:
        return tuple([await self._one(signature) for signature in self._signatures])

    async def _one(self, signature: EmbeddedPdfSignature) -> Verdict:
        found = _found(signature)
        try:
            if found.kind == "timestamp":
                return await self._stamp(signature, found)
            if found.kind == "foreign":
                return await self._stranger(signature, found)
            stamped = any(True for _ in _tokens(signature.signer_info))
            if stamped and self._later(signature) and self._with_lists:
                return await self._long_term(signature, found)
            return await self._basic(signature, found, stamped=stamped)
        except (SignatureValidationError, PathBuildingError, PathValidationError, ValueError) as error:
            return _verdict(found, level="B-B", time=None, reasons=(f"not_valid: {_line(error)}",))

    async def _long_term(self, signature: EmbeddedPdfSignature, found: Found) -> Verdict:
        result = await ades_lta_validation(
            signature,
            PdfSignatureValidationSpec(
                SignatureValidationSpec(
                    cert_validation_policy=_policy(self._roots),
                    ts_cert_validation_policy=_policy(self._tsa_roots, required=self._stamps_listed),
                    revinfo_gathering_policy=RevocationInfoGatheringSpec(RevinfoOnlineFetchingRule.LOCAL_ONLY),
                    local_knowledge=LocalKnowledge(known_crls=[CRLContainer(c) for c in self._crls]),
                ),
                diff_policy=self._differences,
            ),
            timing_info=ValidationTimingInfo(self._at, self._at, point_in_time_validation=False),
        )
        reasons = [*self._reasons(signature, result.api_status), *self._touched(signature, found)]
        if result.ades_subindic != AdESPassed.OK:
            reasons.append(f"{result.ades_subindic.standard_name.lower()}: {_line(result.failure_msg or '')}")
        time = _stamp_time(result.api_status) or result.oldest_evidence_record_timestamp
        level = "B-LTA" if result.oldest_evidence_record_timestamp and self._stamps_listed else "B-T"
        return _verdict(found, level=level, time=time, reasons=reasons, facts=self._facts(signature, found))

    async def _basic(self, signature: EmbeddedPdfSignature, found: Found, *, stamped: bool) -> Verdict:
        """Without a time stamp of its own, at the time that a document time stamp proves; without any, at this time."""
        proven = await self._proven(signature)
        moment = proven or self._at
        known = self._with_lists or _listed(signature.signer_cert, self._crls)
        status = await async_validate_pdf_signature(
            signature,
            signer_validation_context=self._context(self._roots, known=known, moment=moment),
            ts_validation_context=self._context(self._tsa_roots, known=False, moment=moment),
            diff_policy=self._differences,
        )
        reasons = [*self._reasons(signature, status), *self._touched(signature, found)]
        if not status.trusted:
            reasons.append("certificate_not_trusted")
        time = _stamp_time(status)
        if stamped and time is None:
            reasons.append("timestamp_not_valid")
        reached = "B-LTA" if proven and self._with_lists and self._stamps_listed else "B-T" if proven or time else "B-B"
        return _verdict(found, level=reached, time=time or proven, reasons=reasons, facts=self._facts(signature, found))

    async def _proven(self, signature: EmbeddedPdfSignature) -> datetime | None:
        """When the first document time stamp after it proves that it existed; each of them has to hold."""
        later = self._later(signature)
        verdicts = [await self._one(stamp) for stamp in later]
        return _genuine_time(later[0]) if verdicts and all(v.ok for v in verdicts) else None

    async def _stranger(self, signature: EmbeddedPdfSignature, found: Found) -> Verdict:
        """A signature that came with the upload: whether it still holds, not whose it is."""
        status = await async_validate_pdf_signature(
            signature,
            signer_validation_context=self._context(self._roots, known=False),
            diff_policy=self._differences,
        )
        facts = {**self._facts(signature, found), "trust": "not_judged"}
        return _verdict(found, level="B-B", time=None, reasons=self._reasons(signature, status), facts=facts)

    async def _stamp(self, signature: EmbeddedPdfSignature, found: Found) -> Verdict:
        """A document time stamp is judged now, or at the time of the one that took over from it."""
        later = self._later(signature)
        moment = _genuine_time(later[0]) if later else self._at
        status = await async_validate_pdf_timestamp(
            signature,
            validation_context=self._context(self._tsa_roots, known=self._stamps_listed, moment=moment),
            diff_policy=self._differences,
        )
        reasons = [*self._reasons(signature, status)]
        if not status.trusted:
            reasons.append("certificate_not_trusted")
        level = "B-LTA" if self._stamps_listed else "B-T"
        return _verdict(found, level=level, time=status.timestamp, reasons=reasons, facts=self._facts(signature, found))

    def _later(self, signature: EmbeddedPdfSignature) -> list[EmbeddedPdfSignature]:
        return [s for s in self._stamps if s.signed_revision > signature.signed_revision]

    def _reasons(self, signature: EmbeddedPdfSignature, status: Any) -> Iterator[str]:
        """What is wrong with the signature itself and with what was added after it."""
        if status is None:
            yield "not_valid"
            return
        if not status.intact:
            yield "content_changed"
        elif not status.valid:
            yield "signature_not_valid"
        coverage: Any = signature.coverage
        if coverage is None or coverage < SignatureCoverageLevel.ENTIRE_REVISION:
            yield "does_not_cover_its_revision"
        if isinstance(signature.diff_result, SuspiciousModification) or not _allowed(signature):
            yield "changed_after_signing"

    def _touched(self, signature: EmbeddedPdfSignature, found: Found) -> Iterator[str]:
        """After a signer, prepared fields may still be filled by others; after the seal nothing but signatures."""
        changed = getattr(signature.diff_result, "changed_form_fields", ())
        for name in sorted(str(n) for n in changed):
            if name not in self._signature_names and not (found.kind == "signer" and NAME.fullmatch(name)):
                yield f"field_changed_after_signing: {_line(name)}"

    def _facts(self, signature: EmbeddedPdfSignature, found: Found) -> dict[str, Any]:
        certificate = signature.signer_cert
        facts = {
            "field": found.field,
            "revision": int(signature.signed_revision),
            "serial": f"{certificate.serial_number:x}",
            "issuer": certificate.issuer.human_friendly,
        }
        if found.kind == "seal":
            facts["evidence_head"] = str(_statement_of(found).get("evidence_head", ""))
        return facts | ({"contract_id": contract} if (contract := _contract_of(found)) else {})

    def _context(
        self, roots: list[asn1_x509.Certificate], *, known: bool, moment: datetime | None = None
    ) -> ValidationContext:
        return ValidationContext(
            trust_roots=roots,
            other_certs=self._certs,
            crls=self._crls,
            moment=moment or self._at,
            allow_fetching=False,
            revocation_mode="hard-fail" if known else "soft-fail",
        )


class _Differences(DiffPolicy):
    """pyHanko's analysis, each question answered once, and stricter in one thing: a drawn appearance is never
    overwritten in place (the allowance for it also reports fields as changed that are not)."""

    def __init__(self) -> None:
        self._policy = StandardDiffPolicy(
            global_rules=list(DEFAULT_DIFF_POLICY.global_rules),
            form_rule=FormUpdatingRule(
                field_rules=[
                    SigFieldCreationRule(),
                    SigFieldModificationRule(allow_in_place_appearance_stream_changes=False),
                    GenericFieldModificationRule(allow_in_place_appearance_stream_changes=False),
                ]
            ),
        )
        self._answers: dict[tuple[int, str, Any], DiffResult | SuspiciousModification] = {}

    def review_file(
        self,
        reader: PdfFileReader,
        base_revision: int | HistoricalResolver,
        field_mdp_spec: FieldMDPSpec | None = None,
        doc_mdp: MDPPerm | None = None,
    ) -> DiffResult | SuspiciousModification:
        number = base_revision if isinstance(base_revision, int) else base_revision.revision
        question = (number, repr(field_mdp_spec), doc_mdp)
        if question not in self._answers:
            self._answers[question] = self._policy.review_file(reader, number, field_mdp_spec, doc_mdp)
        return self._answers[question]


def _verdict(
    found: Found, *, level: str, time: datetime | None, reasons: Iterable[str], facts: Mapping[str, Any] | None = None
) -> Verdict:
    why = tuple(reasons)
    when = time.astimezone(UTC).isoformat() if time else None
    return Verdict(who=found.who, kind=found.kind, ok=not why, level=level, time=when, reasons=why, facts=facts or {})


def _line(error: object) -> str:
    return " ".join(str(error).split())[:200]


def _stamp_time(status: Any) -> datetime | None:
    validity = getattr(status, "timestamp_validity", None)
    if validity is None or not (validity.valid and validity.intact and validity.trusted):
        return None
    moment: datetime = validity.timestamp
    return moment


def _genuine_time(stamp: EmbeddedPdfSignature) -> datetime:
    moment: datetime = stamp.signed_data["encap_content_info"]["content"].parsed["gen_time"].native
    return moment


def _allowed(signature: EmbeddedPdfSignature) -> bool:
    return signature.summarise_integrity_info()["docmdp_ok"] is not False


def _listed(certificate: asn1_x509.Certificate, crls: Iterable[asn1_crl.CertificateList]) -> bool:
    """Whether a list at hand is this certificate's own: the same address in both."""
    points = {url for p in certificate.crl_distribution_points for url in [p.url] if url}
    return any(crl.issuing_distribution_point_value is not None and _address(crl) in points for crl in crls)


def _address(crl: asn1_crl.CertificateList) -> str | None:
    names = crl.issuing_distribution_point_value["distribution_point"].native
    return names[0] if isinstance(names, list) and names else None


def _policy(roots: list[asn1_x509.Certificate], *, required: bool = True) -> CertValidationPolicySpec:
    """Revocation lists are required, or looked at where there are any; nothing is fetched."""
    rule = RevocationCheckingRule.CRL_REQUIRED if required else RevocationCheckingRule.CHECK_IF_DECLARED_SOFT
    return CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=roots),
        revinfo_policy=CertRevTrustPolicy(RevocationCheckingPolicy(rule, rule)),
    )


def _store(reader: PdfFileReader) -> tuple[list[asn1_x509.Certificate], list[asn1_crl.CertificateList]]:
    """Certificates and lists that the file itself brings."""
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return [], []
    lists = [asn1_crl.CertificateList.load(r.get_object().data) for r in store.crls]
    return list(store.load_certs()), lists
