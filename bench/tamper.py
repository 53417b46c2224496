"""Changes to a sealed contract, and whether both verifiers find each: single bytes, cuts, appendices, known attacks, the log.

`python -m bench.tamper FILE --root roots.pem [--flips 10000] [--json]`: FILE is a sealed PDF or an evidence bundle. Each of the
flips changes one bit of one byte at a random place (by a seed that is printed). The operator's verifier judges every one, the
browser's, which runs in Node here, judges them too with `--browser`, the bundle's log as well. What is counted: changes that
nobody noticed, and changes after which something is still said to hold that covers the changed place: a signature reaches to
the end of its revision.

A bit may stand where it means nothing even to us: nowhere in a file of ours. So the goal is none unnoticed, and none is excused.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any

from bench.report import Goal, Report, machine, versions
from bff import logs
from bff.core.errors import Refusal
from bff.signing import bundle, judging, pades, verify

ROOT = Path(__file__).resolve().parent.parent
JUDGE = ROOT / "tests" / "web" / "judge_files.mjs"
SEED = 20261124
BATCH = 400
"""Files that the browser's verifier is handed at once."""


@dataclass(frozen=True)
class Tried:
    """One change and what became of it: `failed` names what the verifier found wrong; empty: unnoticed. `held`: what it
    says holds all the same."""

    name: str
    failed: tuple[str, ...]
    held: tuple[str, ...] = ()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.tamper", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--root", type=Path, action="append", required=True, help="root certificates, PEM; may repeat")
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--browser", action="store_true", help="let the browser's verifier judge too")
    parser.add_argument("--json", action="store_true")
    report = measure(parser.parse_args(argv))
    print(report.json() if "--json" in (argv or sys.argv) else report.table())
    return 0


def measure(chosen: argparse.Namespace) -> Report:
    content, roots = chosen.file.read_bytes(), [path.read_bytes() for path in chosen.root]
    log = {}
    if content.startswith(b"PK"):
        log = dict(log_changes(content))
        pdf = bundle.unpack(content)[bundle.PDF]
    else:
        pdf = content
    if judged(roots, ("as it is", pdf)).failed:
        sys.exit("The file does not hold as it is, so nothing can be learnt from changing it.")
    changes = dict(attacks(pdf)) | dict(flips(pdf, chosen.flips, chosen.seed))
    may_hold = {name: _beyond(pdf, int(name.rsplit(" ", 1)[1])) for name in changes if name.startswith("bit ")}
    rows, unnoticed, misnamed = [], 0, 0
    for judge, tried, seconds in _judges(chosen, changes, log, roots):
        missed = [t.name for t in tried if not t.failed]
        wrong = [t.name for t in tried if t.name in may_hold and Counter(t.held) - may_hold[t.name]]
        unnoticed, misnamed = unnoticed + len(missed), misnamed + len(wrong)
        rows.append(_row(judge, tried, missed, wrong, seconds))
    goals = [
        Goal("changes that nobody noticed", unnoticed, "changes", 0),
        Goal("changes after which a changed part was said to hold", misnamed, "changes", 0),
    ]
    facts = {**machine(), "file_bytes": len(content), "seed": chosen.seed}
    return Report("tamper", facts, versions("pyhanko", "cryptography"), rows, goals)


@cache
def _reaches(pdf: bytes) -> tuple[tuple[int, str], ...]:
    return tuple((f.end, f"{f.kind}:{f.who}") for f in pades.find(pdf))


def _beyond(pdf: bytes, place: int) -> Counter[str]:
    """What does not reach as far as this place: it may go on holding when that is changed."""
    return Counter(who for end, who in _reaches(pdf) if end <= place)


def _row(
    judge: str, tried: Sequence[Tried], missed: Sequence[str], wrong: Sequence[str], seconds: float
) -> dict[str, Any]:
    found = Counter(t.failed[0] for t in tried if t.failed)
    return {
        "judge": judge,
        "changes": len(tried),
        "unnoticed": len(missed),
        "which": ", ".join(missed[:10]) or "-",
        "changed part held": len(wrong),
        "where": ", ".join(wrong[:10]) or "-",
        "most often found": ", ".join(f"{name} {count}" for name, count in found.most_common(4)),
        "ms each": 1000 * seconds / max(1, len(tried)),
    }


def _judges(
    chosen: argparse.Namespace, changes: dict[str, bytes], log: dict[str, bytes], roots: list[bytes]
) -> Iterator[tuple[str, list[Tried], float]]:
    begun = time.monotonic()
    with ProcessPoolExecutor(initializer=_quiet) as processes:
        tried = list(processes.map(partial(judged, roots), changes.items(), chunksize=20))
        yield "python -m bff verify", tried, time.monotonic() - begun
        if log:
            begun = time.monotonic()
            tried = list(processes.map(partial(judged_bundle, roots), log.items(), chunksize=5))
            yield "the bundle's log and tree", tried, time.monotonic() - begun
    if chosen.browser:
        begun = time.monotonic()
        tried = list(_in_the_browser({**changes, **log}, chosen.root))
        yield "/verify (in Node)", tried, time.monotonic() - begun


def _quiet() -> None:
    logs.begin("ERROR")


# --- changes -----------------------------------------------------------------------------------------


def attacks(pdf: bytes) -> Iterator[tuple[str, bytes]]:
    """The named ones, as the tests have them."""
    from tests.signing.tampering import attacks as named

    yield from named(pdf)


def flips(content: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(seed)
    for _ in range(count):
        place, bit = chance.randrange(len(content)), chance.randrange(8)
        changed = bytearray(content)
        changed[place] ^= 1 << bit
        yield f"bit {bit} of byte {place}", bytes(changed)


def log_changes(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The log of a bundle: each line altered, dropped, doubled, swapped with the next; the tree's proof altered."""
    parts = bundle.unpack(content)
    lines = parts[bundle.LOG].splitlines(keepends=True)
    for n, line in enumerate(lines):
        yield (
            f"line {n} altered",
            _with(parts, bundle.LOG, _joined(lines, n, [line.replace(b'"at":"2', b'"at":"1', 1)])),
        )
        yield f"line {n} dropped", _with(parts, bundle.LOG, _joined(lines, n, []))
        yield f"line {n} doubled", _with(parts, bundle.LOG, _joined(lines, n, [line, line]))
        if n + 1 < len(lines):
            swapped = [*lines[:n], lines[n + 1], line, *lines[n + 2 :]]
            yield f"line {n} swapped", _with(parts, bundle.LOG, b"".join(swapped))
    proof = json.loads(parts[bundle.HISTORY])
    for key, value in proof.items():
        altered = {**proof, key: _altered(value)}
        if key not in ("format",):
            yield f"proof: {key}", _with(parts, bundle.HISTORY, json.dumps(altered).encode())


def _joined(lines: Sequence[bytes], place: int, instead: Sequence[bytes]) -> bytes:
    return b"".join([*lines[:place], *instead, *lines[place + 1 :]])


def _altered(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return [_altered(value[0]), *value[1:]] if value else ["00" * 32]
    if isinstance(value, dict):
        return {**value, "seq": value["seq"] - 1}
    return value.replace("a", "b", 1) if "a" in value else value + " "


def _with(parts: dict[str, bytes], name: str, part: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for each, content in {**parts, name: part}.items():
            archive.writestr(each, content)
    return buffer.getvalue()


# --- judges ------------------------------------------------------------------------------------------


def judged(roots: list[bytes], change: tuple[str, bytes]) -> Tried:
    name, content = change
    try:
        report = verify.verify(content, roots=roots)
    except Refusal as refusal:
        return Tried(name, (refusal.code,))
    return Tried(name, () if report.ok else tuple(_named(report)) or ("not ok",), tuple(_held(report)))


def _held(report: verify.Report) -> Iterator[str]:
    yield from (f"signer:{signer.name}" for signer in report.signers if signer.ok)
    yield from (f"{v.kind}:{v.who}" for v in report.verdicts if v.ok and v.kind != "signer")


def _named(report: verify.Report) -> Iterator[str]:
    for signer in report.signers:
        yield from (f"signer: {check.name}" for check in signer.checks if not check.ok)
    for verdict in report.verdicts:
        if verdict.kind != "signer" and not verdict.ok:
            yield f"{verdict.kind}: {verdict.reasons[0].split(':')[0]}"
    if not report.signers:
        yield "no signer"


def judged_bundle(roots: list[bytes], change: tuple[str, bytes]) -> Tried:
    name, content = change
    try:
        verdict = judging.judge(content, roots=roots)
    except Refusal as refusal:
        return Tried(name, (refusal.code,))
    failed = tuple(f"bundle: {check.name}" for check in verdict.checks if not check.ok)
    return Tried(name, () if verdict.ok else failed or tuple(_named(verdict.report)) or ("not ok",))


def _in_the_browser(changes: dict[str, bytes], roots: Sequence[Path]) -> Iterator[Tried]:
    node = subprocess.run(
        [sys.executable, ROOT / "tools" / "set_up.py", "--which-node"], capture_output=True, text=True, check=True
    ).stdout.strip()
    names = list(changes)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder, "roots.pem")
        pem.write_bytes(b"".join(path.read_bytes() for path in roots))
        for start in range(0, len(names), BATCH):
            yield from _batch(node, {name: changes[name] for name in names[start : start + BATCH]}, Path(folder), pem)


def _batch(node: str, changes: dict[str, bytes], folder: Path, pem: Path) -> Iterator[Tried]:
    files = folder / "files"
    files.mkdir()
    written = [f"{n:06}.{'zip' if content[:2] == b'PK' else 'pdf'}" for n, content in enumerate(changes.values())]
    for file, content in zip(written, changes.values(), strict=True):
        (files / file).write_bytes(content)
    said = subprocess.run([node, "--no-warnings", JUDGE, files, pem], capture_output=True, text=True, check=True).stdout
    verdicts = json.loads(said)
    for file, name in zip(written, changes, strict=True):
        verdict = verdicts[file]
        yield Tried(name, () if verdict["ok"] else tuple(verdict["failed"]) or ("not ok",), tuple(verdict["held"]))
        (files / file).unlink()
    files.rmdir()


if __name__ == "__main__":
    sys.exit(main())
