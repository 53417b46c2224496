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
import mmap
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import rfc8785
from asn1crypto import cms as asn1_cms  # type: ignore[import-untyped]  # ships no types
from asn1crypto import core
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.diff_analysis import (
    DEFAULT_DIFF_POLICY,
    DiffPolicy,
    DiffResult,
    FormUpdatingRule,
    GenericFieldModificationRule,
    MetadataUpdateRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    SuspiciousModification,
)
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm, enumerate_sig_fields
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
from pyhanko_certvalidator.ltv import ades_past, poe
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy, RevocationCheckingRule
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer

from bff.core.contract import Field, FieldKind, Signer
from bff.core.errors import Fault, Refusal
from bff.core.ports import Act, Clock, EvidencePage, Timestamps, Verdict, Written
from bff.signing import cms, objects, packed
from bff.signing.authority import ARC, Authority, Leaf, common_name, fetched_crl
from bff.signing.elsewhere import Elsewhere, issued
from bff.signing.form import (
    NAME,
    Draw,
    Entries,
    Form,
    Node,
    Pages,
    Paper,
    Preparation,
    annotate,
    check_only_signatures,
    declare_pades,
    missing,
    signatures,
    signed_fields,
)
from bff.signing.increment import Increment, NoRoom
from bff.signing.objects import File, Source, Unsure

T = TypeVar("T")
ACT = f"{ARC}.1"
"""The signed attribute of a signer: an OCTET STRING, see `act_bytes`."""
SEAL = f"{ARC}.3"
"""The signed attribute of the platform's seal."""
ACT_FORMATS = ("countersign-act/1", "countersign-act/2")
"""The second is packed (`packed.py`) and has the intent as text; the first is what earlier files hold, in base64."""
SEAL_FORMAT = "countersign-seal/1"
REPORT_FORMAT = "countersign-report/1"

LIST_SECONDS = 5.0
"""Patience with an authority that publishes the revocation list of the seal's certificate."""
TOKEN_ROOM = 12_288
"""Bytes for a time stamp token when the TSA does not say what it needs."""


@dataclass(frozen=True)
class Added:
    """The bytes of one revision, and the level that its signature has reached."""

    tail: bytes
    level: str


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
        prefix = f"countersign-{hashlib.sha256(content).hexdigest()[:8]}"
        return content + _with(
            content, lambda source: _prepared(Preparation(Increment(source), prefix), fields, signers, evidence, paper)
        )


def _prepared(
    preparation: Preparation,
    fields: Sequence[Field],
    signers: Sequence[Signer],
    evidence: EvidencePage | None,
    paper: Paper,
) -> bytes:
    if preparation.signed:
        check_only_signatures(fields)
        evidence = None
    homeless = tuple(s.id for s in signers if not signatures(fields, s.id))
    boxes = {}
    if evidence is not None:
        boxes = preparation.append(paper.evidence(evidence, slots=homeless))
    for signer in signers:
        preparation.place(signer, [f for f in fields if f.signer_id == signer.id], boxes.get(signer.id), paper)
    preparation.place_seal(boxes.get("seal"))
    return preparation.finish()


def prepare_report(content: bytes, *, page: int, box: tuple[float, float, float, float]) -> bytes:
    """A report of ours with a field for the seal, on that page (from 1). Raises Refusal `cannot_be_sealed`."""

    def work(source: Source) -> bytes:
        preparation = Preparation(Increment(source), f"countersign-{hashlib.sha256(content).hexdigest()[:8]}")
        preparation.place_seal(preparation.there(page, box))
        return preparation.finish()

    with _refusing():
        return content + _with(content, work)


class PyhankoPades:
    """Implements `core.ports.Pades`. `roots`: PEM certificates of an external TSA, trusted besides the authority's.

    `sealer`: what the seal is signed with instead of the authority's own key, when that is kept elsewhere; `seal_roots`: what
    seals are trusted under besides, of today's key or an earlier one. Both are asked when they are needed."""

    def __init__(
        self,
        authority: Authority,
        timestamps: Timestamps,
        paper: Paper,
        clock: Clock,
        *,
        roots: Sequence[bytes] = (),
        sealer: Callable[[], Elsewhere | None] = lambda: None,
        seal_roots: Callable[[], Sequence[bytes]] = tuple,
    ) -> None:
        self._sealer = sealer
        self._seal_roots = seal_roots
        self._authority = authority
        self._timestamps = timestamps
        self._paper = paper
        self._clock = clock
        self._roots = tuple(roots)

    def sign(self, content: bytes, act: Act) -> Written:
        """One signer's revision. Raises Fault `pdf_unwritable`, `field_missing` or `signature_there_already`."""
        with _faulting():
            added = _with(content, lambda source: self._signed(source, act))
            return Written(content=content + added.tail, level=added.level)

    def _signed(self, source: Source, act: Act) -> Added:
        form = Form(Increment(source), self._paper)
        name = form.empty_signature("signer", act.signer.id)
        self._fill(form, act)
        now = self._clock.now()
        leaf = self._authority.issue_signer(
            act.signer.name,
            organisation=act.signer.organisation or None,
            organisation_id=act.signer.organisation_id or None,
            contract_id=_contract_id(act.intent),
            signer_id=act.signer.id,
            now=min(now, act.signed_at),
        )
        return self._signature(
            form,
            name,
            lambda hand, w, h: hand.mark(
                act.mark, width=w, height=h, caption=act.caption, language=act.signer.language
            ),
            leaf,
            (ACT, act_bytes(act)),
            moment=act.signed_at,
        )

    def _fill(self, form: Form, act: Act) -> None:
        language = act.signer.language
        for field in act.fields:
            name = form.name_of("field", field.id)
            if name is None:
                if field.kind is not FieldKind.SIGNATURE:
                    raise missing(field.id)
                continue
            if field.kind is FieldKind.SIGNATURE:
                form.fill(
                    name,
                    act.mark.said,
                    lambda hand, w, h: hand.mark(act.mark, width=w, height=h, caption=(), language=language),
                )
            elif field.kind is FieldKind.CHECKBOX:
                form.tick(name, on=bool(act.values.get(field.id)))
            elif text := _shown(field.kind, act.values.get(field.id, ""), language):
                form.fill(
                    name,
                    text,
                    lambda hand, w, h, text=text: hand.text(text, width=w, height=h, language=language),
                )

    def sign_file(self, source: Path, target: Path, act: Act) -> str:
        """The same from file to file: the document is hashed and copied, never held in memory. The level reached."""
        with _faulting():
            return _appended(source, target, lambda file: self._signed(file, act))

    def seal(self, content: bytes, *, contract_id: str, evidence_head: str) -> Written:
        """The platform's signature, then validation data and document time stamp; B-B while the TSA is down."""
        return self._closed(content, seal_bytes(contract_id, evidence_head))

    def seal_report(self, content: bytes, *, contract_id: str, document_sha256: str, evidence_head: str) -> Written:
        """The same on a report about a contract: it closes no contract, and says so."""
        return self._closed(content, report_bytes(contract_id, document_sha256, evidence_head))

    def _closed(self, content: bytes, statement: bytes) -> Written:
        with _faulting():
            added = _with(content, lambda source: self._sealed(source, statement))
            sealed = Written(content=content + added.tail, level=added.level)
        try:
            return self.raise_level(sealed.content)
        except Fault as fault:
            if fault.code != "tsa_down":
                raise
            return sealed

    def seal_file(self, source: Path, target: Path, *, contract_id: str, evidence_head: str) -> str:
        """The same from file to file. The level reached."""
        statement = seal_bytes(contract_id, evidence_head)
        with _faulting():
            level = _appended(source, target, lambda file: self._sealed(file, statement))
            try:
                return _appended(target, target, self._raised)
            except Fault as fault:
                if fault.code != "tsa_down":
                    raise
                return level

    def _sealed(self, source: Source, statement: bytes) -> Added:
        form = Form(Increment(source), self._paper)
        name = form.empty_signature("seal")
        now, leaf = self._clock.now(), self._sealer() or self._authority.seal
        lines = (_common_name(leaf.certificate), f"{now.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
        return self._signature(
            form,
            name,
            lambda hand, w, h: hand.seal(lines, width=w, height=h),
            leaf,
            (SEAL, statement),
            moment=now,
        )

    def raise_level(self, content: bytes) -> Written:
        """Validation data of every signature and a document time stamp over all of it. Raises Fault `tsa_down`."""
        with _faulting():
            added = _with(content, lambda source: self._raised(source))
            return Written(content=content + added.tail, level=added.level)

    def _raised(self, source: Source) -> Added:
        increment = Increment(source)
        there = present(increment)
        stamped = bool(there) and there[-1].kind == "timestamp"
        stamps = [s for s in there if s.kind == "timestamp"]
        if stamped and _listed_all(stamps, Store(increment).crls()):
            return Added(b"", "B-LTA")
        certificates, crls, complete = self._validation_data(there)
        if stamped and not complete:
            raise _lists_missing()
        return self._stamped(increment, certificates, crls, level="B-LTA" if complete else "B-T")

    def renew(self, content: bytes) -> Written:
        """A further document time stamp over everything, with what proves it, before the last one's certificate ends.

        Raises Fault `tsa_down`, also while the service's revocation lists cannot be had: half a renewal is none.
        """
        with _faulting():
            added = _with(content, lambda source: self._renewed(source))
            return Written(content=content + added.tail, level=added.level)

    def _renewed(self, source: Source) -> Added:
        increment = Increment(source)
        certificates, crls, complete = self._validation_data(present(increment), ahead=True)
        if not complete:
            raise _lists_missing()
        return self._stamped(increment, certificates, crls, level="B-LTA")

    def _stamped(self, increment: Increment, certificates: list[bytes], crls: list[bytes], *, level: str) -> Added:
        declare_pades(increment)
        Store(increment).supply(certificates, crls)
        name = f"countersign-timestamp-{increment.source.digest().hexdigest()[:16]}"
        add_stamp(increment, name, room=self._token_room)
        return Added(increment.signed(self._timestamps.timestamp), level)

    def stamped_until(self, content: bytes) -> datetime | None:
        """When the first certificate under the newest document time stamp ends; None without such a time stamp."""
        with _faulting():
            there = _with(content, lambda source: present(Increment(source)))
        stamps = [s for s in there if s.kind == "timestamp"]
        return _first_end(stamps[-1].certificates) if stamps else None

    def stamping_until(self) -> datetime:
        """The same for a time stamp made now. Raises Fault `tsa_down`."""
        return _first_end(cms.opened(self._timestamps.timestamp(bytes(32))).certificates)

    def check(self, content: bytes) -> tuple[Verdict, ...]:
        """Every signature, offline, at the clock's time, against the authority's roots and those we were given."""
        ours, stamping = self._authority.roots_pem()
        with _reading():
            lists = [self._authority.crl(f"{c.serial_number:x}") for c in _certificates(_reader(content))]
        return judge(
            content,
            roots=(ours, *self._seal_roots()),
            tsa_roots=(stamping, *self._roots),
            at=self._clock.now(),
            crls=[der for der in lists if der],
        )

    # --- one signature -------------------------------------------------------------------------------------

    def _signature(
        self,
        form: Form,
        name: str,
        draw: Draw,
        leaf: Leaf | Elsewhere,
        statement: tuple[str, bytes],
        *,
        moment: datetime,
    ) -> Added:
        hand = leaf.hand
        entries = {
            b"Type": b"/Sig",
            b"Filter": b"/Adobe.PPKLite",
            b"SubFilter": b"/ETSI.CAdES.detached",
            b"M": f"(D:{moment.astimezone(UTC):%Y%m%d%H%M%S}Z)".encode(),
        }
        room = cms.longest_signature(hand, statement=statement, token=self._token_room)
        revision = form.sign(name, draw, entries, room=room)
        level = "B-T"

        def make(digest: bytes) -> bytes:
            nonlocal level
            try:
                return cms.signature(hand, digest, statement=statement, timestamp=self._timestamps.timestamp)
            except Fault as fault:
                if fault.code != "tsa_down":
                    raise
                level = "B-B"
                return cms.signature(hand, digest, statement=statement)

        tail = revision.signed(make)
        return Added(tail, level)

    @property
    def _token_room(self) -> int:
        """What the TSA says, or has been seen to need."""
        longest: int | None = getattr(self._timestamps, "longest", None)
        return longest or int(getattr(self._timestamps, "room", TOKEN_ROOM))

    def _validation_data(
        self, there: "Sequence[Present]", *, ahead: bool = False
    ) -> tuple[list[bytes], list[bytes], bool]:
        """Certificates of all signatures and time stamps, their revocation lists, and whether each of ours has one.

        `ahead`: also those of the time stamp that is about to be made, which may be another generation's.
        """
        ours = dict.fromkeys(c for s in there if s.kind != "foreign" for c in s.certificates)
        if ahead or not any(s.stamped for s in there):
            # No signature tells yet whose time stamps these are; the TSA itself does.
            sample = cms.opened(self._timestamps.timestamp(hashlib.sha256(b"").digest()))
            ours.update(dict.fromkeys(sample.certificates))
        lists = {der: self._list(der) for der in ours}
        for der in self._under_seal_roots(der for der, found in lists.items() if not found):
            lists[der] = fetched_crl(der, LIST_SECONDS)
        complete = all(found or cms.self_issued(der) for der, found in lists.items())
        issuers = {cms.issuer(der) for der in ours}
        trusted = dict.fromkeys(map(_der, (*self._authority.roots_pem(), *self._seal_roots())))
        roots = [root for root in trusted if cms.issuer(root) in issuers]
        return roots, [der for der in lists.values() if der], complete

    def _list(self, certificate: bytes) -> bytes | None:
        """Our own authority's list, or what a time stamp service can fetch for its own certificates."""
        own = self._authority.crl(f"{cms.serial_number(certificate):x}")
        fetch: Callable[[bytes], bytes | None] | None = getattr(self._timestamps, "crl", None)
        return own or (fetch(certificate) if fetch else None)

    def _under_seal_roots(self, certificates: Iterable[bytes]) -> list[bytes]:
        """Of seals that another authority stands for. From nobody else's certificate is an address believed and asked."""
        above = [x509.load_pem_x509_certificate(pem) for pem in self._seal_roots()]
        left = {der: x509.load_der_x509_certificate(der) for der in certificates} if above else {}
        found: list[bytes] = []
        while under := [der for der, certificate in left.items() if any(issued(certificate, by) for by in above)]:
            above += [left.pop(der) for der in under]
            found += under
        return found


def _lists_missing() -> Fault:
    return Fault(
        "tsa_down",
        what="The revocation lists of the time stamp service, or of the seal's authority, cannot be fetched.",
        do="Check that the addresses named in its certificates can be reached from here.",
    )


def _first_end(certificates: Iterable[bytes]) -> datetime:
    return min(x509.load_der_x509_certificate(der).not_valid_after_utc for der in certificates)


def act_bytes(act: Act) -> bytes:
    """What a signer's signature says besides "this document": canonical JSON (RFC 8785), packed; `countersign-act/2`."""
    said = rfc8785.dumps(
        {
            "format": ACT_FORMATS[-1],
            "intent": act.intent.decode(),
            "proof": dict(act.proof),
            "identity": dict(act.identity),
            "mark": act.mark.to_dict(),
            "values": dict(act.values),
            "evidence_head": act.evidence_head,
        }
    )
    return packed.pack(said)


def intent_of(act: Mapping[str, Any]) -> bytes:
    """The exact bytes of the intent in a signer's statement. Raises ValueError, TypeError or KeyError."""
    if act["format"] == ACT_FORMATS[0]:
        return base64.b64decode(act["intent"], validate=True)
    if act["format"] not in ACT_FORMATS or not isinstance(act["intent"], str):
        raise ValueError("another format")
    return act["intent"].encode()


def seal_bytes(contract_id: str, evidence_head: str) -> bytes:
    """What the seal's signature says: canonical JSON (RFC 8785), `countersign-seal/1`."""
    return rfc8785.dumps({"format": SEAL_FORMAT, "contract_id": contract_id, "evidence_head": evidence_head})


def report_bytes(contract_id: str, document_sha256: str, evidence_head: str) -> bytes:
    """What the seal under a report says: canonical JSON (RFC 8785), `countersign-report/1`."""
    said = {"contract_id": contract_id, "document_sha256": document_sha256, "evidence_head": evidence_head}
    return rfc8785.dumps({"format": REPORT_FORMAT, **said})


def probe(path: str, strict: bool) -> None:
    """Writes on the file and throws the result away, for intake. Raises whatever the file makes pyHanko raise."""
    content = Path(path).read_bytes()
    for prefix in ("countersign-00000000", "countersign-11111111"):
        _read_as(content, strict=strict)
        content += _with(content, partial(_sealable, prefix=prefix))
    reader = _read_as(content, strict=strict)
    if "/Metadata" in reader.root:
        # Difference analysis refuses every revision of a file whose metadata is no XML, also of one that it is older than.
        MetadataUpdateRule.is_well_formed_xml(reader.root.get_value_as_reference("/Metadata"))


def _sealable(source: Source, *, prefix: str) -> bytes:
    preparation = Preparation(Increment(source), prefix=prefix)
    preparation.place_seal(None)
    return preparation.finish()


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


def _contract_of(found: "Found") -> str | None:
    """The contract that a signer's or a seal's statement names; a file may hold the signatures of several."""
    with suppress(ValueError, TypeError, KeyError):
        statement = json.loads(found.statement)
        return str(statement.get("contract_id") or _contract_id(intent_of(statement)))
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


def _with(content: bytes, work: Callable[[Source], T]) -> T:
    """The work done on the file as our own reader sees it; what that does not surely understand, pyHanko reads."""
    try:
        return _twice(work, File(content))
    except Unsure:
        return _twice(work, Patient(content))


def _with_file(path: Path, work: Callable[[Source], T]) -> T:
    """The same on a file, of which only the parts that are asked for are read, and all of it once to be hashed."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return _twice(work, File(mapped, hashed=hashlib.file_digest(file, "sha256")))
    except Unsure:
        return _twice(work, Patient(path.read_bytes()))


def _twice(work: Callable[[Source], T], source: Source) -> T:
    """Once more when a time stamp outgrew what earlier ones had needed: by now it has been seen."""
    try:
        return work(source)
    except NoRoom:
        return work(source)


def _appended(source: Path, target: Path, work: Callable[[Source], Added]) -> str:
    """A copy that the kernel makes (none where it is the same file), and the revision behind it. Its level."""
    added = _with_file(source, work)
    if source != target:
        shutil.copyfile(source, target)
    with target.open("ab") as file:
        file.write(added.tail)
    return added.level


def _reader(content: bytes) -> PdfFileReader:
    """Strict first; a file that can only be read leniently, or is a hybrid, is read leniently."""
    try:
        return _read_as(content, strict=True)
    except Exception:
        return _read_as(content, strict=False)


def _read_as(content: bytes, *, strict: bool) -> PdfFileReader:
    """What every revision touches is read at once, so that a broken file breaks here."""
    reader = PdfFileReader(BytesIO(content), strict=strict)
    if strict and reader.xrefs.hybrid_xrefs_present:
        raise ValueError("hybrid cross-references are not strict")
    for _ in _leaves(reader.root["/Pages"]):
        pass
    for _ in enumerate_sig_fields(reader):
        pass
    return reader


def _leaves(node: generic.DictionaryObject) -> Iterator[generic.IndirectObject]:
    for kid in node["/Kids"]:
        if "/Kids" in kid.get_object():
            yield from _leaves(kid.get_object())
        else:
            yield kid


class Patient:
    """A file as pyHanko reads it, for a revision of ours: whatever is odd in it, pyHanko has understood."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._reader = _reader(content)
        if self._reader.encrypted:
            raise ValueError("an encrypted file takes no revision of ours")
        self.length = len(content)
        self.ends_line = content[-1:] in (b"\n", b"\r")
        self.startxref = int(self._reader.last_startxref or 0)
        self.streams = bool(self._reader.has_xref_stream)
        self.version: tuple[int, int] = self._reader.input_version
        self.trailer = objects.dictionary(_raw(self._reader.trailer.flatten()))

    @cached_property
    def size(self) -> int:
        """A trailer may lie about its size; a new object must never take an old one's number."""
        xrefs = self._reader.xrefs
        known = (r.idnum for n in range(xrefs.total_revisions) for r in xrefs.explicit_refs_in_revision(n))
        return max(int(self._reader.trailer["/Size"]), *(n + 1 for n in known), 1)

    def value(self, number: int, generation: int) -> bytes:
        found = self._object(number, generation)
        return _raw(generic.DictionaryObject(found)) if isinstance(found, generic.StreamObject) else _raw(found)

    def data(self, number: int, generation: int) -> bytes:
        return bytes(self._object(number, generation).data)

    def digest(self) -> "hashlib._Hash":
        return hashlib.sha256(self._content)

    def _object(self, number: int, generation: int) -> Any:
        try:
            return self._reader.get_object(generic.Reference(number, generation, self._reader))
        except PdfReadError:
            return generic.NullObject()


def _raw(found: generic.PdfObject) -> bytes:
    output = BytesIO()
    found.write_to_stream(output, None)
    return output.getvalue().strip()


# --- what is signed already, and the validation data ---------------------------------------------------------------


@dataclass(frozen=True)
class Present:
    """A signature that stands in the file, as far as a further revision has to know."""

    kind: str
    """signer, seal, timestamp or foreign."""
    end: int
    certificates: tuple[bytes, ...]
    """Of the signature and its time stamps."""
    issuer: bytes
    """Of the signer's certificate, DER."""
    stamped: bool


def present(increment: Increment) -> list[Present]:
    """Every signature in the order of the file."""
    found = [_present(increment, increment.follow(value)) for _, value in signed_fields(increment)]
    return sorted(found, key=lambda signature: signature.end)


def _present(increment: Increment, value: bytes) -> Present:
    entries = objects.dictionary(value)
    covered = [
        int(objects.number(increment.follow(n)) or 0)
        for n in objects.elements(increment.look(entries, b"ByteRange") or b"[]")
    ]
    contents = increment.look(entries, b"Contents")
    if len(covered) != 4 or contents is None:
        raise Unsure("a signature without a value")
    try:
        signed = cms.opened(objects.octets(contents))
    except ValueError as error:
        raise Unsure("a signature that is not DER") from error
    kinds = {cms.oid(ACT): "signer", cms.oid(SEAL): "seal"}
    kind = next((kinds[a] for a in signed.attributes if a in kinds), "foreign")
    if increment.look(entries, b"Type") == b"/DocTimeStamp":
        kind = "timestamp"
    return Present(
        kind=kind,
        end=covered[2] + covered[3],
        certificates=(*signed.certificates, *(c for token in signed.tokens for c in token.certificates)),
        issuer=signed.issuer,
        stamped=bool(signed.tokens),
    )


def _listed_all(stamps: Iterable[Present], crls: Iterable[bytes]) -> bool:
    """Whether the issuer of each time stamp's certificate has a revocation list at hand."""
    issuers = {cms.crl_issuer(der) for der in crls}
    return all(stamp.issuer in issuers for stamp in stamps)


class Store:
    """The document security store: certificates and revocation lists, added to and never taken from."""

    def __init__(self, increment: Increment) -> None:
        self._increment = increment
        self._root = Node.at(increment, increment.root)

    def crls(self) -> list[bytes]:
        return [self._increment.source.data(*(objects.ref(r) or (0, 0))) for r in self._entries(b"CRLs").all]

    def supply(self, certificates: Iterable[bytes], crls: Iterable[bytes]) -> None:
        self._root = Node.at(self._increment, self._increment.root)
        if b"DSS" not in self._root.values:
            self._root.values[b"DSS"] = self._increment.add(b"<<>>")
            self._root.save()
        for name, new in ((b"Certs", certificates), (b"CRLs", crls)):
            entries = self._entries(name)
            known = {self._increment.source.data(*(objects.ref(r) or (0, 0))) for r in entries.all}
            entries.append(*(self._increment.add_stream({}, der) for der in new if der not in known))
            entries.save()

    def _entries(self, name: bytes) -> Entries:
        return Entries(self._increment, self._root.child(b"DSS"), name)


def add_stamp(increment: Increment, name: str, *, room: int) -> None:
    """An invisible field on the first page with a document time stamp in it."""
    page = Pages(increment).page(0)
    entries = {b"Type": b"/DocTimeStamp", b"Filter": b"/Adobe.PPKLite", b"SubFilter": b"/ETSI.RFC3161"}
    widget = {
        b"FT": b"/Sig",
        b"T": objects.string(name),
        b"Type": b"/Annot",
        b"Subtype": b"/Widget",
        b"F": b"132",
        b"Rect": b"[0 0 0 0]",
        b"P": page,
        b"V": increment.add_signature(entries, room=room),
    }
    reference = increment.add(objects.written(widget))
    annotate(increment, {page: [reference]})
    form = Node.at(increment, increment.root).child(b"AcroForm")
    fields = Entries(increment, form, b"Fields")
    fields.append(reference)
    fields.save()


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
    """What our signed attribute says, JSON; empty for strangers."""
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
    except (ValueError, IndexError, x509.InvalidVersion):
        return False


def acts_for(certificate: bytes) -> tuple[str, str]:
    """The organisation in a signer's certificate (DER) and its identifier; empty where it names none."""
    try:
        subject = x509.load_der_x509_certificate(certificate).subject
    except (ValueError, x509.InvalidVersion):
        return "", ""
    oids = (x509.NameOID.ORGANIZATION_NAME, x509.NameOID.ORGANIZATION_IDENTIFIER)
    names = (subject.get_attributes_for_oid(oid) for oid in oids)
    name, identifier = (str(found[0].value) if len(found) == 1 else "" for found in names)
    return name, identifier


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
    asn1_x509.NameTypeAndValue._ldap_string_prep = _comparable
    with _reading(), _asking_at(at):
        judgement = _Judgement(
            _reader(content),
            roots=_loaded(roots),
            tsa_roots=_loaded(roots if tsa_roots is None else tsa_roots),
            at=at,
            crls=[asn1_crl.CertificateList.load(der) for der in crls],
        )
        return asyncio.run(judgement.all())


STRICTLY_COMPARABLE = asn1_x509.NameTypeAndValue._ldap_string_prep


def _comparable(part: asn1_x509.NameTypeAndValue, text: str) -> str:
    """asn1crypto compares names in certificates by the characters of 2002 and fails at younger ones (rare Chinese names, emoji)
    and at two directions in one name. People are called so, and X.509 forbids nothing of it."""
    try:
        return str(STRICTLY_COMPARABLE(part, text))
    except ValueError:
        return f" {unicodedata.normalize('NFKC', text).casefold()} "


_asked: ContextVar[datetime | None] = ContextVar("asked", default=None)


class _AskedTime(datetime):
    """`now` as the question has it, inside `judge`."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "_AskedTime":
        return _asked.get() or datetime.now(tz)  # type: ignore[return-value]


@contextmanager
def _asking_at(at: datetime) -> Iterator[None]:
    """pyHanko takes the time of the question, but its past validation and its proofs of existence look at the machine's
    clock all the same (pyhanko 0.38: `init_control_time=None`): for the length of a question that clock is ours."""
    ades_past.datetime = poe.datetime = _AskedTime  # type: ignore[attr-defined]
    before = _asked.set(at)
    try:
        yield
    finally:
        _asked.reset(before)


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
    with suppress(KeyError, TypeError, ValueError):
        left, bottom, right, top = (float(n) for n in widget["/Rect"])
        return left != right and bottom != top
    return False


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


def _der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def _certificates(reader: PdfFileReader) -> Iterator[asn1_x509.Certificate]:
    """What the signatures and their time stamps bring."""
    for signature in reader.embedded_signatures:
        for signed_data in (signature.signed_data, *_tokens(signature.signer_info)):
            for choice in signed_data["certificates"]:
                if choice.name == "certificate":
                    yield choice.chosen


def _tokens(signer_info: asn1_cms.SignerInfo) -> Iterator[asn1_cms.SignedData]:
    for attribute in signer_info["unsigned_attrs"]:
        if attribute["type"].native == "signature_time_stamp_token":
            for value in attribute["values"]:
                yield value["content"]


def _document_stamps(reader: PdfFileReader) -> list[EmbeddedPdfSignature]:
    return [s for s in reader.embedded_signatures if s.sig_object_type == "/DocTimeStamp"]


def _all_listed(stamps: Iterable[EmbeddedPdfSignature], crls: Iterable[asn1_crl.CertificateList]) -> bool:
    """Whether the issuer of each time stamp's certificate has a revocation list at hand."""
    issuers = {crl.issuer.dump() for crl in crls}
    return all(stamp.signer_cert.issuer.dump() in issuers for stamp in stamps)


def _found(signature: EmbeddedPdfSignature) -> Found:
    kind, statement = "foreign", b""
    if signature.sig_object_type == "/DocTimeStamp":
        kind = "timestamp"
    elif act := _own_attribute(signature.signer_info, ACT):
        kind, statement = "signer", packed.unpack(act)
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


def _own_attribute(signer_info: asn1_cms.SignerInfo, oid: str) -> bytes:
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
        proven = result.oldest_evidence_record_timestamp
        time = _stamp_time(result.api_status)
        if time is None and proven and not reasons:
            time = await self._own_time(signature, proven) or proven
        level = "B-LTA" if result.oldest_evidence_record_timestamp and self._stamps_listed else "B-T"
        return _verdict(found, level=level, time=time, reasons=reasons, facts=self._facts(signature, found))

    async def _own_time(self, signature: EmbeddedPdfSignature, proven: datetime) -> datetime | None:
        """What the signature's own stamp says, whose certificate has ended: judged when a later stamp proves that it was
        there. pyHanko takes a later stamp as proof for the signature, and not for the stamp inside it."""
        status = await async_validate_pdf_signature(
            signature,
            signer_validation_context=self._context(self._roots, known=True, moment=proven),
            ts_validation_context=self._context(self._tsa_roots, known=self._stamps_listed, moment=proven),
            diff_policy=self._differences,
        )
        return _stamp_time(status)

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
