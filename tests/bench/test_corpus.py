"""The bench of the corpus counts what it should: a sound file is sealed, a broken one refused, a run goes on."""

import json
from pathlib import Path

import pytest

from bench import corpus
from bench.hostile import KNOTS, bent, hostile
from tests.signing.paperwork import blank_pdf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = tmp_path / "files"
    files.mkdir()
    (files / "sound.pdf").write_bytes(blank_pdf())
    (files / "torn.pdf").write_bytes(b"%PDF-1.7 and nothing")
    return files


def test_a_sound_file_is_sealed_and_a_broken_one_has_a_reason(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep = tmp_path / "kept.jsonl"
    assert corpus.main([str(folder), "--hostile", "1", "--keep", str(keep), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    outcomes = {(row["outcome"], row["reason"]): row["files"] for row in told["rows"]}
    assert outcomes == {("sealed", ""): 1, ("refused", "unreadable"): 1, ("refused", "not_a_pdf"): 1}
    assert {goal["name"]: goal["value"] for goal in told["goals"]}["sealed of those a browser can open"] == 100
    assert all(goal["met"] for goal in told["goals"] if goal["name"] != "slowest file")
    kept = [json.loads(line) for line in keep.read_text().splitlines()]
    assert [row["name"] for row in kept] == ["sound.pdf", "torn.pdf", "knot:nothing"]
    assert kept[0]["rss_mb"] > 20


def test_a_run_goes_on_from_what_was_kept_and_ends_in_time(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep = tmp_path / "kept.jsonl"
    rows = [corpus.Row("sound.pdf", openable=True, outcome="rejected", reason="pdfsig: not valid")]
    keep.write_text("".join(json.dumps(row.__dict__) + "\n" for row in rows))
    assert corpus.main([str(folder), "--keep", str(keep), "--seconds", "0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["outcome"] for row in told["rows"]] == ["rejected"]
    missed = [goal["name"] for goal in told["goals"] if not goal["met"]]
    assert missed[0].startswith("sealed but not accepted")


def test_a_hostile_file_can_be_made_again_from_its_seed(folder: Path) -> None:
    files = sorted(folder.iterdir())
    assert bent(files, 5) == bent(files, 5)
    made = list(hostile(files, count=len(KNOTS) + 40, seed=1))
    assert len({one.name for one in made}) == len(KNOTS) + 40
    assert len({one.name.partition(":")[0] for one in made}) == 7
