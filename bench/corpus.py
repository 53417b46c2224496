"""What becomes of a folder of PDFs: judged, prepared, signed, sealed and checked, through the product's own code.

    python -m bench.corpus DIR [--hostile N] [--seed S] [--keep FILE.jsonl] [--seconds N] [--json]

DIR is searched for .pdf files. `--hostile N` adds N files made from them (see `bench.hostile`), which are in no sample.
Every file ends as `sealed`, as a named refusal, or as something to mend: `crash` (a child died without a word that the
product has a sentence for), `unnamed`, `unsealed` (it was let in and could not be sealed), `rejected` (it was sealed and a
validator does not accept it). `--keep` writes each row down at once, and a second call goes on from there; `--seconds`
ends the run early, with the rows so far. Progress goes to standard error.

A file is openable when pdfium, the reader in Chromium, opens it and draws its first page.

The time of a file is processor time: reading it at upload, and preparing, signing and sealing it. Checking is not in it.
"""

import argparse
import hashlib
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.hostile import hostile
from bench.report import Goal, Report, machine, versions
from bff.cage import Cage, Caged
from bff.core.contract import Field, FieldKind, Signer
from bff.core.errors import Fault, Refusal
from bff.core.intent import Intent, values_sha256
from bff.core.mark import Mark
from bff.core.ports import Act, EvidencePage, EvidenceSigner, Judged
from bff.signing import preparing
from bff.signing.intake import REFUSALS, Intake

if TYPE_CHECKING:
    from bff.signing.authority import Authority

FONTS = Path(__file__).resolve().parents[1] / "web" / "vendor" / "fonts"
SIGNER = Signer(id="s1", name="Ana Pérez")
MARK = Mark("typed", SIGNER.name)
PLACE = Field("f1", "s1", FieldKind.SIGNATURE, 1, 1000, 8000, 3000, 800)
MAX_BYTES, MAX_PAGES = 60_000_000, 300
CONTRACT = "corpus"

SEALED_GOAL_PERCENT, SLOWEST_GOAL_SECONDS = 97.0, 5.0
TO_MEND = ("crash", "unnamed", "unsealed", "rejected")
RIGHTS = (
    "owner_restricted",
    "certified_no_changes",
    "signed_and_damaged",
    "signed_and_encrypted",
    "executable_attached",
)
"""Refusals that obey somebody else's word, or keep somebody else's signature, or protect who opens it."""


@dataclass
class Row:
    """One file's way. Times are milliseconds of processor time, `rss_mb` the largest child's."""

    name: str
    bytes: int = 0
    openable: bool = False
    intake: str = ""
    repairs: str = ""
    warnings: list[str] = field(default_factory=list)
    outcome: str = ""
    reason: str = ""
    intake_ms: float = 0.0
    ceremony_ms: float = 0.0
    rss_mb: float = 0.0

    @property
    def seconds(self) -> float:
        return (self.intake_ms + self.ceremony_ms) / 1000


class Watched(Cage):
    """A cage that also tells what the last call took. A child that died is counted with the wall time it had."""

    ms, rss_mb = 0.0, 0.0

    def run(self, call: str, /, **arguments: Any) -> dict[str, Any]:
        began, self.rss_mb = time.monotonic(), 0.0
        try:
            told = super().run("bench.corpus:watched", call=call, arguments=arguments)
        except Caged:
            self.ms = (time.monotonic() - began) * 1000
            raise
        self.ms, self.rss_mb = told["ms"], told["rss_mb"]
        if "failed" in told:
            raise Caged("failed", told["failed"], told["code"])
        return dict(told["answer"])


def watched(*, call: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """In the cage: the call, and what it took. A failure travels as an answer, so that it is measured as well."""
    from importlib import import_module

    module, _, name = call.partition(":")
    told: dict[str, Any] = {}
    began = time.process_time()
    try:
        told["answer"] = getattr(import_module(module), name)(**arguments)
    except MemoryError:
        raise
    except Exception as error:
        code = getattr(error, "code", None)
        told = {"failed": type(error).__name__, "code": code if isinstance(code, str) else None}
    return {
        **told,
        "ms": (time.process_time() - began) * 1000,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


# --- in the cage ----------------------------------------------------------------------------------------


def open_first_page(*, source: str) -> dict[str, Any]:
    """Whether a browser would show it."""
    import pypdfium2  # type: ignore[import-untyped]  # it has no types

    with pypdfium2.PdfDocument(source) as document:
        page = document[0]
        width, height = page.get_size()
        page.render(scale=780 / max(width, height, 1.0)).close()
    return {"openable": True}


def hold_ceremony(*, source: str, target: str, authority: str, signed: bool) -> dict[str, Any]:
    """Prepared, signed, sealed and checked as the product does it; `refused` names who refused it and why."""
    from bff.signing.authority import EmbeddedTimestamps
    from bff.signing.pades import PyhankoPades
    from bff.signing.paper import HIDDEN_FONT, Paper

    began, content = time.process_time(), Path(source).read_bytes()
    evidence = None if signed else _evidence(content)
    order = {"fields": [asdict(PLACE)], "signers": [asdict(SIGNER)], "evidence": asdict(evidence) if evidence else None}
    try:
        preparing.prepare_file(source=source, target=target, fonts=str(FONTS), order=json.dumps(order))
    except Refusal as refusal:
        return {"refused": refusal.code, "ms": (time.process_time() - began) * 1000}
    paper, clock = Paper(FONTS, hidden_font=HIDDEN_FONT), _Clock()
    keys = _authority(Path(authority))
    pades = PyhankoPades(keys, EmbeddedTimestamps(keys, clock), paper, clock)
    prepared = Path(target).read_bytes()
    try:
        sealed = pades.seal(pades.sign(prepared, _act(prepared)).content, contract_id=CONTRACT, evidence_head="cd" * 32)
    except Fault as fault:
        return {"fault": f"{fault.code}: {fault.what}", "ms": (time.process_time() - began) * 1000}
    spent = (time.process_time() - began) * 1000
    Path(target).write_bytes(sealed.content)
    verdicts = pades.check(sealed.content)
    ours = [v for v in verdicts if v.kind != "foreign"]
    bad = [f"{v.kind}: {'; '.join(v.reasons)[:200]}" for v in ours if not v.ok]
    if len(ours) < 3:  # the signer's, the seal's and the time stamp
        bad.append(f"only {len(ours)} of our signatures were found")
    return {"level": sealed.level, "bad": bad, "ms": spent}


def _authority(folder: Path) -> "Authority":
    from bff.signing.authority import Authority

    return Authority.create(
        folder,
        organisation="Corpus",
        crl_url="https://sign.example.org/authority/crl",
        now=datetime.now(UTC) - timedelta(hours=1),
    )


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def _evidence(content: bytes) -> EvidencePage:
    return EvidencePage(
        contract_id=CONTRACT,
        title="A file of the corpus",
        sender_name=SIGNER.name,
        document_sha256=hashlib.sha256(content).hexdigest(),
        pages=1,
        deadline="",
        language="en",
        signers=(EvidenceSigner(SIGNER.id, SIGNER.name, "", "•••• 8000", 1),),
        verify_url="https://sign.example.org/verify",
        consent_version="1",
    )


def _act(prepared: bytes) -> Act:
    now = _Clock().now()
    intent = Intent(
        contract_id=CONTRACT,
        contract_title="A file of the corpus",
        document_sha256=hashlib.sha256(prepared).hexdigest(),
        document_pages=1,
        signer_id=SIGNER.id,
        signer_name=SIGNER.name,
        signer_role="",
        mark_sha256=MARK.sha256(),
        values_sha256=values_sha256({}),
        consent_version="1",
        consent_sha256="00" * 32,
        language="en",
        method="sms",
        host="sign.example.org",
        nonce="n",
        issued_at=now.isoformat(),
        expires_at=(now + timedelta(minutes=5)).isoformat(),
    )
    return Act(
        signer=SIGNER,
        fields=(PLACE,),
        mark=MARK,
        values={},
        intent=intent.canonical(),
        proof={"method": "sms", "phone_masked": "•••• 8000"},
        identity={"level": "contact"},
        evidence_head="ab" * 32,
        signed_at=now,
        timezone="UTC",
        caption=(f"Signed by {SIGNER.name}",),
    )


# --- outside --------------------------------------------------------------------------------------------


class Corpus:
    """One run's rooms: a cage as the product sets it up, its authority, and pdfsig's store of roots."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        preload = (*preparing.PRELOAD, "bench.corpus", "bff.signing.authority", "bff.signing.paper")
        self._cage = Watched(2048, 20, 30, preload=preload)
        self._browser = Cage(2048, 10, 20, preload=("pypdfium2", "bench.corpus"))
        self._intake = Intake(self._cage, folder / "in", MAX_BYTES, MAX_PAGES, probe="bff.signing.trial:probe")
        self._keys = folder / "authority"
        self._nss = self._roots(_authority(self._keys).roots_pem()[0])

    def _roots(self, pem: bytes) -> Path | None:
        """pdfsig's own store, filled once; None where the tools are not installed."""
        if not (shutil.which("pdfsig") and shutil.which("certutil")):
            return None
        store = self._folder / "nss"
        store.mkdir()
        (store / "root.pem").write_bytes(pem)
        for words in (["-N", "--empty-password"], ["-A", "-n", "root", "-t", "C,C,C", "-i", str(store / "root.pem")]):
            subprocess.run(["certutil", *words, "-d", str(store)], check=True, capture_output=True)
        return store

    @property
    def asks_pdfsig(self) -> bool:
        return self._nss is not None

    def close(self) -> None:
        self._cage.close()
        self._browser.close()

    def row(self, name: str, path: Path) -> Row:
        row = Row(name, bytes=path.stat().st_size, openable=self._openable(path))
        try:
            judged = self._intake.judge(path)
        except Exception as error:  # the promise is that it raises nothing about the file
            row.outcome, row.reason = "unnamed", type(error).__name__
            return row
        self._note(row, judged)
        if judged.path is None:
            row.outcome = "refused" if judged.outcome in REFUSALS else "unnamed"
            row.reason = judged.outcome
            return row
        try:
            self._ceremony(row, judged, judged.path)
        finally:
            judged.path.unlink(missing_ok=True)
        return row

    def _note(self, row: Row, judged: Judged) -> None:
        row.intake, row.warnings, row.repairs = judged.outcome, list(judged.warnings), judged.reason or ""
        row.intake_ms, row.rss_mb = round(self._cage.ms, 1), round(self._cage.rss_mb, 1)

    def _openable(self, path: Path) -> bool:
        try:
            return bool(self._browser.run("bench.corpus:open_first_page", source=str(path))["openable"])
        except Caged:
            return False

    def _ceremony(self, row: Row, judged: Judged, path: Path) -> None:
        target = self._folder / "sealed.pdf"
        try:
            told = self._cage.run(
                "bench.corpus:hold_ceremony",
                source=str(path),
                target=str(target),
                authority=str(self._keys),
                signed=judged.signed,
            )
        except Caged as end:
            row.outcome, row.reason = "crash", str(end)
            row.ceremony_ms = round(self._cage.ms, 1)
            return
        row.ceremony_ms, row.rss_mb = round(told["ms"], 1), max(row.rss_mb, round(self._cage.rss_mb, 1))
        if "refused" in told:
            row.outcome, row.reason = "unsealed", told["refused"]
        elif "fault" in told:
            row.outcome, row.reason = "unsealed", told["fault"]
        else:
            bad = [*told["bad"], *([] if told["level"] == "B-LTA" else [told["level"]]), *self._outsider(target)]
            row.outcome, row.reason = ("rejected", " | ".join(bad)) if bad else ("sealed", "")

    def _outsider(self, path: Path) -> Iterator[str]:
        """What pdfsig has against our two signatures."""
        if self._nss is None:
            return
        try:
            command = ["pdfsig", "-nssdir", str(self._nss), str(path)]
            said = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60).stdout
        except subprocess.TimeoutExpired:
            yield "pdfsig: out of time"
            return
        blocks = [b for b in said.split("\nSignature #")[1:] if "Signature Field Name: countersign-" in b]
        if len(blocks) < 2:
            yield f"pdfsig: {len(blocks)} of our signatures"
        for block in blocks:
            if "ETSI.CAdES.detached" not in block:
                continue  # pdfsig does not know document time stamps
            if "Signature is Valid." not in block:
                yield "pdfsig: not valid"
            elif "Certificate is Trusted." not in block:
                yield "pdfsig: not trusted"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.corpus", description="Judge, sign and seal many PDFs.")
    parser.add_argument("folder", type=Path, help="searched for .pdf files")
    parser.add_argument("--hostile", type=int, default=0, metavar="N", help="make so many hostile files as well")
    parser.add_argument("--seed", type=int, default=1, help="of the hostile files")
    parser.add_argument("--keep", type=Path, help="write rows down here, and go on from those that are there")
    parser.add_argument("--seconds", type=float, default=3600, help="stop after so long, with the rows so far")
    parser.add_argument("--only", default="", help="only files whose name holds this")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    chosen = parser.parse_args(arguments)
    report = run(
        chosen.folder,
        count=chosen.hostile,
        seed=chosen.seed,
        keep=chosen.keep,
        seconds=chosen.seconds,
        only=chosen.only,
    )
    print(report.json() if chosen.json else report.table())
    return 0


def run(
    folder: Path, *, count: int = 0, seed: int = 1, keep: Path | None = None, seconds: float = 3600, only: str = ""
) -> Report:
    files = sorted(folder.rglob("*.pdf"))
    rows = _kept(keep)
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="corpus-") as place:
        corpus = Corpus(Path(place))
        try:
            for name, path in _each(files, folder, Path(place), count, seed):
                if name in rows or only not in name:
                    continue
                if time.monotonic() > ends:
                    print("corpus: out of time; the rest is left out", file=sys.stderr)
                    break
                rows[name] = corpus.row(name, path)
                _write_down(keep, rows[name])
                print(f"{len(rows):5} {_line(rows[name])}", file=sys.stderr)
        finally:
            corpus.close()
        return _report(list(rows.values()), asked=corpus.asks_pdfsig)


def _each(files: Sequence[Path], folder: Path, place: Path, count: int, seed: int) -> Iterator[tuple[str, Path]]:
    for path in files:
        yield str(path.relative_to(folder)), path
    made = place / "made.pdf"
    for one in hostile(files, count=count, seed=seed):
        made.write_bytes(one.content)
        yield one.name, made


def _kept(keep: Path | None) -> dict[str, Row]:
    if keep is None or not keep.exists():
        return {}
    rows = (Row(**json.loads(line)) for line in keep.read_text().splitlines())
    return {row.name: row for row in rows}


def _write_down(keep: Path | None, row: Row) -> None:
    if keep is not None:
        with keep.open("a") as file:
            file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")


def _line(row: Row) -> str:
    return f"{row.outcome:9} {row.reason[:60]:30} {row.seconds:6.2f} s  {row.name}"


def _report(rows: Sequence[Row], *, asked: bool) -> Report:
    versions_of = versions("pikepdf", "pypdfium2", "pyhanko", "cryptography")
    return Report(
        name="corpus",
        machine=machine() | {"pdfsig": "asked" if asked else "missing"},
        versions=versions_of,
        rows=[*_counts(rows), *(_told(row) for row in rows if row.outcome in TO_MEND)],
        goals=_goals(rows),
    )


def _counts(rows: Sequence[Row]) -> Iterator[Mapping[str, Any]]:
    """By outcome and reason: how many, how many of them a browser opens, the median and the slowest."""
    kinds = Counter((row.outcome, row.reason if row.outcome == "refused" else row.repairs) for row in rows)
    for (outcome, reason), _ in sorted(kinds.items(), key=lambda each: -each[1]):
        if outcome in TO_MEND:
            continue
        of = [
            r
            for r in rows
            if r.outcome == outcome and reason in ((r.reason,) if outcome == "refused" else (r.repairs,))
        ]
        yield _counted(outcome, reason, of)


def _counted(outcome: str, reason: str, rows: Sequence[Row]) -> Mapping[str, Any]:
    return {
        "outcome": outcome,
        "reason": reason,
        "files": len(rows),
        "openable": sum(row.openable for row in rows),
        "median_ms": round(statistics.median(row.seconds for row in rows) * 1000, 1),
        "slowest_ms": round(max(row.seconds for row in rows) * 1000, 1),
        "rss_mb": max(row.rss_mb for row in rows),
    }


def _told(row: Row) -> Mapping[str, Any]:
    return {**_counted(row.outcome, f"{row.name}: {row.reason}", [row])}


def _goals(rows: Sequence[Row]) -> list[Goal]:
    openable = [row for row in rows if row.openable]
    free = [row for row in openable if row.reason not in RIGHTS]
    outcomes = Counter(row.outcome for row in rows)
    return [
        Goal("crashes", outcomes["crash"], "files", 0),
        Goal("unnamed errors", outcomes["unnamed"], "files", 0),
        Goal("let in but not sealed", outcomes["unsealed"], "files", 0),
        Goal("sealed but not accepted by pdfsig and our validator", outcomes["rejected"], "files", 0),
        _percent("sealed of those a browser can open", openable),
        _percent("the same without refusals that obey an owner, a certifier or a signature", free),
        Goal("slowest file", round(max((r.seconds for r in rows), default=0.0), 2), "s", SLOWEST_GOAL_SECONDS),
    ]


def _percent(name: str, rows: Sequence[Row]) -> Goal:
    share = 100 * _sealed(rows) / len(rows) if rows else 100.0
    return Goal(name, round(share, 2), "%", SEALED_GOAL_PERCENT, more_is_better=True)


def _sealed(rows: Iterable[Row]) -> int:
    return sum(row.outcome == "sealed" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
