"""Hostile files in; a clean PDF, or the reason why not, out.

`Intake.judge` makes pictures and Word files PDF (see `converting`) and decides everything that could later keep a
contract from being sealed, while the sender is still there to do something about it. It promises three things:

- what it lets in can be shown (every page opens) and can be written on (the probe has written on it);
- the bytes it gives back are the ones that will be hashed, shown and signed: nothing after it changes them;
- a file that carries signatures is never rewritten. An unsigned one is rewritten once when that is what it takes:
  damage, encryption that asks for no password, a static XFA copy of the form, reader extensions.

The file is read in a cage. Whatever happens there has a name in `REFUSALS`.
"""

import hashlib
import importlib
import math
import os
import re
import resource
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bff.cage import Cage, Caged
from bff.core.errors import Fault, Refusal
from bff.core.ports import Judged, PageSize
from bff.signing.converting import REFUSALS as NOT_CONVERTED
from bff.signing.converting import Converter
from bff.signing.tricks import NODE_LIMIT, NOT_WHAT_IT_SHOULD_BE, check_weight, each, fields, get, noticed, number

if TYPE_CHECKING:
    import pikepdf
    import pypdfium2  # type: ignore[import-untyped]  # it has no types

Probe = Callable[[str, bool], object]

REFUSALS = (
    "too_large",
    "not_a_pdf",
    "password_needed",
    "owner_restricted",
    "unreadable",
    "no_pages",
    "too_many_pages",
    "certified_no_changes",
    "dynamic_xfa",
    "executable_attached",
    "signed_and_encrypted",
    "signed_and_damaged",
    "cannot_be_sealed",
    "too_complex",
    *NOT_CONVERTED,
)
WARNINGS = (
    "from_pictures",
    "from_word",
    "already_signed",
    "certified",
    "javascript",
    "open_action",
    "attachments",
    "hidden_layers",
    "layers_vary",
    "launches",
    "changes_itself",
    "media",
    "print_differs",
    "form_values_vary",
    "outside_content",
    "fonts_missing",
    "xfa",
    "usage_rights_removed",
    "metadata_removed",
    "rebuilt",
)
REPAIRS = ("damaged", "encrypted", "hybrid_xref", "not_strict", "xfa", "usage_rights", "metadata")

GIVING_UP = ("SIGABRT", "SIGTRAP", "SIGILL")
"""How pdfium and the C++ runtime end themselves when they are refused memory."""

HEADER_WINDOW_BYTES = 1024
TEXT_LIMIT_CHARACTERS = 200_000
TITLE_LIMIT_CHARACTERS = 200
TRIAL = ".trial"
DRAWING_PIXELS = 200
DRAWING_CPU_SECONDS = 2.5
"""Drawing every page small finds at once the page that cannot be drawn; a long scan is tried in part."""
PAGE_CPU_SECONDS = 4
"""A page that takes longer is drawn nowhere: the child is ended, and the file is too complex."""


class Intake:
    """Judges uploads. `directory` receives what was let in, named by its SHA-256 and, as the caller will delete it when
    it has been kept elsewhere and two people may upload the same file, by the judgement.

    `probe` is "module:function" of a function (path: str, strict: bool) that writes on the file and throws the result
    away, raising when it cannot; it runs in the cage. It may keep things in a folder of the file's name and `TRIAL`.
    `office` is LibreOffice's program, which Word files need.
    """

    def __init__(
        self,
        cage: Cage,
        directory: Path,
        max_bytes: int,
        max_pages: int,
        *,
        probe: str | None = None,
        office: Path | None = None,
    ) -> None:
        self._cage = cage
        self._directory = directory.absolute()  # the child stands elsewhere
        self._max_bytes = max_bytes
        self._max_pages = max_pages
        self._probe = probe
        self._converter = Converter(cage, self._directory, office)

    def judge(self, path: Path, *more: Path) -> Judged:
        """`ready`, `repaired`, or one of `REFUSALS`, in which case there is no file.

        Raises nothing about the file; Fault when it could not be tried."""
        size = sum(one.stat().st_size for one in (path, *more))
        if size > self._max_bytes:
            return _refused("too_large", size)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        upload = self._directory / f".{uuid.uuid4().hex}.upload"
        clean = upload.with_suffix(".clean")
        try:
            remarks = self._brought_in((path, *more), upload)
            judged = self._kept(self._found(upload, clean), upload, clean)
            return replace(judged, warnings=(*remarks, *judged.warnings))
        except Refusal as refusal:
            return _refused(refusal.code, size)
        finally:
            for file in (upload, clean):
                file.unlink(missing_ok=True)
                shutil.rmtree(f"{file}{TRIAL}", ignore_errors=True)

    def _brought_in(self, paths: tuple[Path, ...], upload: Path) -> tuple[str, ...]:
        """The PDF stands at `upload`: the one that was chosen, or one made of what was chosen, and how it came to be."""
        made = self._converter.convert(paths)
        if made is None:
            shutil.copyfile(paths[0], upload)
            return ()
        os.replace(made.path, upload)
        return (made.remark,)

    def _found(self, upload: Path, clean: Path) -> dict[str, Any]:
        try:
            return self._cage.run(
                "bff.signing.intake:judge_file",
                source=str(upload),
                target=str(clean),
                max_pages=self._max_pages,
                probe=self._probe,
                page_seconds=PAGE_CPU_SECONDS,
            )
        except Caged as end:
            if end.detail == "Fault":
                raise Fault(end.code or "intake", what="Uploads cannot be tried.", do="Run: doctor") from end
            raise Refusal(_why(end)) from end

    def _kept(self, found: dict[str, Any], upload: Path, clean: Path) -> Judged:
        chosen = clean if found["repairs"] else upload
        sha256, size = _digest(chosen)
        place = self._directory / f"{sha256}.{uuid.uuid4().hex[:8]}.pdf"
        os.replace(chosen, place)
        _sync_directory(self._directory)
        return Judged(
            outcome="repaired" if found["repairs"] else "ready",
            reason=found["repairs"][0] if found["repairs"] else None,
            path=place,
            sha256=sha256,
            size=size,
            pages=tuple(PageSize(width, height) for width, height in found["pages"]),
            signed=found["signed"],
            warnings=tuple(found["warnings"]),
            title=found["title"],
            text=found["text"],
        )


def _why(end: Caged) -> str:
    if end.detail == "Refusal" and end.code in REFUSALS:
        return end.code
    gave_up = end.kind in ("out_of_time", "out_of_memory") or end.detail in GIVING_UP
    return "too_complex" if gave_up else "unreadable"


def _refused(code: str, size: int) -> Judged:
    return Judged(
        outcome=code,
        reason=code,
        path=None,
        sha256=None,
        size=size,
        pages=(),
        signed=False,
        warnings=(),
        title="",
        text="",
    )


def _digest(path: Path) -> tuple[str, int]:
    """SHA-256 and size of what is on the disk, and it is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- inside the cage: only here are the libraries that parse PDF loaded ------------------------------


@dataclass
class _Look:
    """What has been noticed about a file so far."""

    signed: bool = False
    repairs: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def repair(self, why: str) -> None:
        if why not in self.repairs:
            self.repairs.append(why)

    def warn(self, of: str) -> None:
        if of not in self.warnings:
            self.warnings.append(of)


def judge_file(
    *, source: str, target: str, max_pages: int, probe: str | None, page_seconds: int | None = None
) -> dict[str, Any]:
    """What the file is. Raises Refusal. Where `repairs` names any, it was rewritten and `target` holds the result.

    With `page_seconds` the process is ended by a page that takes more processor time to draw.
    """
    write = _named(probe)
    try:
        look, final = _cleaned(source, target, write, max_pages)
    except Exception as error:
        if not _may_help(error):
            raise
        _rebuild(source, target, error)
        look, final = _cleaned(target, target, write, max_pages)
        look.repair("damaged")
        look.warn("rebuilt")
    if look.repairs or look.signed:
        shown = _shown(final, max_pages, page_seconds)
    else:
        final, shown = _shown_or_repaired(final, target, max_pages, page_seconds, look)
    return {**shown, "signed": look.signed, "repairs": look.repairs, "warnings": look.warnings}


def _cleaned(source: str, target: str, write: "Probe | None", max_pages: int) -> tuple[_Look, str]:
    """The file as qpdf reads it, and where it stands once it can be written on."""
    import pikepdf

    look = _Look()
    try:
        _check_not_endless(source, max_pages)
        pdf = pikepdf.open(source, allow_overwriting_input=True)
    except pikepdf.PasswordError as error:
        raise Refusal("password_needed") from error
    with pdf:
        if len(pdf.pages) == 0:
            raise Refusal("no_pages")
        check_weight(pdf)
        _check_may_change(pdf, look)
        _check_form(pdf, look)
        if look.signed:
            look.warn("already_signed")
        for of in noticed(pdf):
            look.warn(of)
        _note_damage(pdf, source, look)
        if look.repairs and not look.signed:
            _rewrite(pdf, target)
    return look, _writable(source, target, look, write)


def _check_not_endless(source: str, max_pages: int) -> None:
    """Counts pages only as far as is allowed. An ordinary opening lists them all, and takes minutes over a million."""
    import pikepdf

    with pikepdf.open(source, inherit_page_attributes=False) as pdf:
        if next(islice(_leaves(pdf), max_pages, None), None) is not None:
            raise Refusal("too_many_pages")


def _leaves(pdf: "pikepdf.Pdf") -> Iterator[Any]:
    """The pages, found one by one."""
    import pikepdf

    ways: list[Iterator[Any]] = [iter((get(pdf.Root, "/Pages"),))]
    for _ in range(NODE_LIMIT):
        if not ways:
            return
        one = next(ways[-1], _END)
        if one is _END:
            ways.pop()
        elif (kids := get(one, "/Kids")) is not None:
            ways.append(each(kids))
        elif isinstance(one, pikepdf.Dictionary):
            yield one


def _may_help(error: Exception) -> bool:
    """Whether another reader may make something of it: after what pikepdf raises on files and on strange objects."""
    import pikepdf

    if isinstance(error, Refusal):
        return error.code == "cannot_be_sealed"
    return isinstance(error, (pikepdf.PdfError, pikepdf.PikepdfError, *NOT_WHAT_IT_SHOULD_BE))


def _rebuild(source: str, target: str, error: Exception) -> None:
    """What qpdf cannot read, or no signature survives, but a browser shows: the pages alone, copied by pdfium into a
    document of their own. What a form has filled in becomes part of its page."""
    import pypdfium2

    content = Path(source).read_bytes()
    if "unsupported" in str(error) and b"/Encrypt" in content:
        raise Refusal("password_needed") from error
    if _BYTE_RANGE.search(content):
        raise error if isinstance(error, Refusal) else Refusal("signed_and_damaged") from error
    try:
        with pypdfium2.PdfDocument(source) as document, pypdfium2.PdfDocument.new() as copy:
            _flatten(document)
            copy.import_pages(document)
            copy.save(target)
    except pypdfium2.PdfiumError as cause:
        if "password" in str(cause):
            raise Refusal("password_needed") from cause
        raise Refusal("unreadable" if b"%PDF-" in content[:HEADER_WINDOW_BYTES] else "not_a_pdf") from cause


def _flatten(document: "pypdfium2.PdfDocument") -> None:
    if document.get_formtype() == 0:
        return
    document.init_forms()
    for page in document:
        page.flatten()
        page.close()


def _named(probe: str | None) -> Probe | None:
    if probe is None:
        return None
    module, _, name = probe.partition(":")
    return cast(Probe, getattr(importlib.import_module(module), name))


def _check_may_change(pdf: "pikepdf.Pdf", look: _Look) -> None:
    """What its owner and its certifier allow. Signing adds fields and pages, so that is what has to be allowed."""
    if pdf.is_encrypted:
        if not pdf.owner_password_matched and not (pdf.allow.modify_other and pdf.allow.modify_form):
            raise Refusal("owner_restricted")
        look.repair("encrypted")
    permissions = get(pdf.Root, "/Perms")
    level = _certified(get(permissions, "/DocMDP"))
    if level == 1:
        raise Refusal("certified_no_changes")
    if level:
        look.warn("certified")
    look.signed = bool(level) or _has_signed_field(pdf)
    if get(permissions, "/UR3") is not None or get(permissions, "/UR") is not None:
        look.repair("usage_rights")
        if not look.signed:
            del pdf.Root.Perms
            look.warn("usage_rights_removed")


def _certified(signature: Any) -> int:
    """P of the certification: 1 nothing may change, 2 forms, 3 also annotations; 0 there is none."""
    if signature is None:
        return 0
    for reference in each(get(signature, "/Reference")):
        if get(reference, "/TransformMethod") == "/DocMDP":
            return number(get(reference, "/TransformParams", "/P"), 2)
    return 2


def _has_signed_field(pdf: "pikepdf.Pdf") -> bool:
    return any(get(one, "/V", "/ByteRange") is not None for one in fields(pdf) if get(one, "/FT") in ("/Sig", None))


def _check_form(pdf: "pikepdf.Pdf", look: _Look) -> None:
    """XFA is a second document inside: where it is the only one, no reader but one shows it; else it goes."""
    form = get(pdf.Root, "/AcroForm")
    if get(form, "/XFA") is None:
        return
    no_fields = next(iter(each(get(form, "/Fields"))), None) is None
    if no_fields or get(pdf.Root, "/NeedsRendering") is True:
        raise Refusal("dynamic_xfa")
    look.warn("xfa")
    look.repair("xfa")
    if not look.signed:
        del form["/XFA"]


def _note_damage(pdf: "pikepdf.Pdf", source: str, look: _Look) -> None:
    if pdf.get_warnings():
        look.repair("damaged")
    if b"/XRefStm" in Path(source).read_bytes():
        look.repair("hybrid_xref")


def _rewrite(pdf: "pikepdf.Pdf", target: str) -> None:
    """The whole file anew, in the clear, the same for the same input."""
    import pikepdf

    if "/Size" not in pdf.trailer:
        pdf.trailer["/Size"] = 1  # qpdf fills in the number, but writes the key only where there was one
    pdf.save(
        target,
        deterministic_id=True,
        object_stream_mode=pikepdf.ObjectStreamMode.preserve,
        fix_metadata_version=False,
    )


def _writable(source: str, target: str, look: _Look, probe: Probe | None) -> str:
    """The file that can be written on: as it is, or after the one rewriting, or after that without its metadata."""
    if look.signed:
        return _signed_as_it_is(source, look, probe)
    if not look.repairs:
        if _written(probe, source):
            return source
        _repair_again(source, target)
        look.repair("not_strict")
    if _written(probe, target):
        return target
    if _repair_again(target, target, without_metadata=True):
        look.repair("metadata")
        look.warn("metadata_removed")
    if _written(probe, target) or _written(probe, target, strict=False):
        return target
    raise Refusal("cannot_be_sealed")


def _signed_as_it_is(source: str, look: _Look, probe: Probe | None) -> str:
    reasons, look.repairs = look.repairs, []
    if _written(probe, source, strict=False) and (probe is not None or not {"damaged", "encrypted"} & {*reasons}):
        return source
    raise Refusal("signed_and_encrypted" if "encrypted" in reasons else "signed_and_damaged")


def _repair_again(source: str, target: str, *, without_metadata: bool = False) -> bool:
    import pikepdf

    with pikepdf.open(source, allow_overwriting_input=True) as pdf:
        had = "/Metadata" in pdf.Root
        if without_metadata and had:
            del pdf.Root.Metadata
        _rewrite(pdf, target)
        return had


def _written(probe: Probe | None, path: str, *, strict: bool = True) -> bool:
    """Whether the probe could write on it. A probe throws whatever the file makes its library throw."""
    if probe is None:
        return True
    try:
        probe(path, strict)
    except (MemoryError, Fault):
        raise
    except Exception:  # the door to a library that raises bare AssertionError on bad files
        return False
    return True


def _shown_or_repaired(
    source: str, target: str, max_pages: int, page_seconds: int | None, look: _Look
) -> tuple[str, dict[str, Any]]:
    """pdfium is sometimes the stricter reader: then the rewriting helps it too."""
    try:
        return source, _shown(source, max_pages, page_seconds)
    except Refusal as refusal:
        if refusal.code != "unreadable":
            raise
        _repair_again(source, target)
        look.repair("damaged")
        return target, _shown(target, max_pages, page_seconds)


def _shown(path: str, max_pages: int, page_seconds: int | None) -> dict[str, Any]:
    """What pdfium, which will draw the pages, makes of the file."""
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as document:
            _check_pages(len(document), max_pages)
            title = _title(document.get_metadata_value("Title"))
            sizes, text = _read_pages(document, page_seconds)
            return {"pages": sizes, "title": title, "text": text}
    except pypdfium2.PdfiumError as error:
        raise Refusal("unreadable") from error


def _check_pages(pages: int, max_pages: int) -> None:
    if pages < 1:
        raise Refusal("no_pages")
    if pages > max_pages:
        raise Refusal("too_many_pages")


def _read_pages(document: "pypdfium2.PdfDocument", page_seconds: int | None) -> tuple[list[tuple[float, float]], str]:
    """Sizes as displayed, and the text for the search. Every page is opened; drawing it is tried while time allows."""
    sizes, parts, left = [], [], TEXT_LIMIT_CHARACTERS
    enough = time.process_time() + DRAWING_CPU_SECONDS
    for page in document:
        width, height = page.get_size()
        sizes.append((round(width, 3), round(height, 3)))
        if left > 0:
            parts.append(_plain(page.get_textpage().get_text_range())[:left])
            left -= len(parts[-1]) + 1
        if time.process_time() < enough:
            if page_seconds is not None:
                _end_after(page_seconds)
            page.render(scale=DRAWING_PIXELS / max(width, height, 1.0), grayscale=True).close()
        page.close()
    return sizes, "\n".join(parts)


def _end_after(seconds: int) -> None:
    """The kernel ends this process when it has used so much more processor time. Never later than it would anyway."""
    used = math.ceil(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = used + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _plain(text: str) -> str:
    """Text a database takes: no control characters, no halves of characters, line ends as line feeds."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufffe", "-")
    clean = "".join(c for c in lines if c in "\n\t" or c.isprintable() or c.isspace())
    return clean.encode("utf-8", "ignore").decode().replace("\x00", "")


def _title(given: str) -> str:
    """The document's own title where somebody gave it one, rather than the program that made it."""
    title = " ".join(_plain(given).split())
    title = _MADE_BY.sub("", title)
    title = _EXTENSION.sub("", title)
    return "" if title.lower() in _NO_TITLES else title[:TITLE_LIMIT_CHARACTERS]


_END = object()
_BYTE_RANGE = re.compile(rb"/ByteRange\s*\[")
_MADE_BY = re.compile(r"^Microsoft (Word|PowerPoint|Excel) - ")
_EXTENSION = re.compile(r"\.(docx?|pdf|odt|rtf|txt|pages|wps|xlsx?|pptx?|tmp)$", re.IGNORECASE)
_NO_TITLES = ("untitled", "(untitled)", "document", "无标题", "document1", "title")
