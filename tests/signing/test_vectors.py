"""The conformance vectors: rebuilt without a difference, and both verifiers say of each what its index says."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bff.core.errors import Refusal
from bff.signing import bundle, judging, verify
from tests.signing import vectors
from tests.signing.vectors import FOLDER

ROOT = Path(__file__).resolve().parents[2]
INDEX = json.loads((FOLDER / "index.json").read_bytes())
VECTORS = {entry["name"]: entry for entry in INDEX["vectors"]}


@pytest.fixture(scope="module")
def browser() -> Mapping[str, Any]:
    """What the browser's verifier says of each."""
    node = subprocess.run(
        [sys.executable, ROOT / "tools" / "set_up.py", "--which-node"], capture_output=True, text=True, check=True
    ).stdout.strip()
    judge = ROOT / "tests" / "web" / "judge_vectors.mjs"
    answer = subprocess.run([node, "--no-warnings", judge, FOLDER], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-2000:]
    said: Mapping[str, Any] = json.loads(answer.stdout)
    return said


def operator(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the operator's verifier says, in the words of the index."""
    content, roots = (FOLDER / entry["file"]).read_bytes(), [(FOLDER / entry["roots"]).read_bytes()]
    judge = judging.judge if entry["file"].endswith(".zip") else verify.verify
    try:
        verdict = judge(content, roots=roots, at=datetime.fromisoformat(entry["at"]))
    except Refusal:
        return {"ok": False, "wrong": ["unreadable"], "signers": []}
    report = verdict.report if isinstance(verdict, judging.Verdict) else verdict
    signers = [{"name": s.name, "ok": s.ok} for s in report.signers]
    return {"ok": verdict.ok, "wrong": sorted(set(_wrong(verdict, report))), "signers": signers}


def _wrong(verdict: Any, report: verify.Report) -> Iterator[str]:
    for signer in report.signers:
        yield from (f"signer {signer.name}: {check.name}" for check in signer.checks if not check.ok)
    yield from (v.kind for v in report.verdicts if v.kind != "signer" and not v.ok)
    said = " ".join(report.sentences)
    if "Nobody has signed this file" in said:
        yield "unsigned"
    if "not closed by a valid seal" in said:
        yield "unsealed"
    if "bytes that nobody signed" in said:
        yield "tail"
    if isinstance(verdict, judging.Verdict):
        yield from (f"bundle: {check.name}" for check in verdict.checks if not check.ok)


def agrees(said: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """The verdicts are those of the index, and what it says is wrong is named."""
    if said["wrong"] == ["unreadable"] and entry["perhaps_unreadable"]:
        return not said["ok"]
    signers = said["signers"] if entry["signers"] is not None else None
    return said["ok"] == entry["ok"] and set(entry["wrong"]) <= set(said["wrong"]) and signers == entry["signers"]


def test_they_are_rebuilt_without_a_difference() -> None:
    files = vectors.rebuilt()
    there = {str(path.relative_to(FOLDER)): path.read_bytes() for path in FOLDER.rglob("*") if path.is_file()}
    assert sorted(there) == sorted(files)
    assert [name for name, content in files.items() if there[name] != content] == []


def test_there_are_enough_of_both_kinds() -> None:
    assert sum(entry["ok"] for entry in VECTORS.values()) >= 10
    assert sum(not entry["ok"] for entry in VECTORS.values()) >= 60
    assert any(bundle.is_bundle((FOLDER / entry["file"]).read_bytes()) for entry in VECTORS.values())


@pytest.mark.parametrize("name", VECTORS)
def test_the_operators_verifier_says_what_the_index_says(name: str) -> None:
    said = operator(VECTORS[name])
    assert agrees(said, VECTORS[name]), said


@pytest.mark.parametrize("name", VECTORS)
def test_the_browsers_verifier_says_what_the_index_says(name: str, browser: Mapping[str, Any]) -> None:
    assert agrees(browser[name], VECTORS[name]), browser[name]


DIFFER = {
    "sneaky_visible_field": "the browser's finds that the field also breaks every signature before it",
    "seal_removed": "the operator's finds that the empty field also breaks the signers'",
}
"""Both notice, and one names more than the index asks for."""


@pytest.mark.parametrize(
    "name",
    [n for n, e in VECTORS.items() if not e["ok"] and not e["perhaps_unreadable"] and n not in DIFFER],
)
def test_no_verifier_names_what_the_other_does_not_know(name: str, browser: Mapping[str, Any]) -> None:
    assert operator(VECTORS[name])["wrong"] == browser[name]["wrong"]
