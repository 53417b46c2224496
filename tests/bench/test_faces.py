"""The bench that tells people apart: its figures against known ones, and one run over a few photographs."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench import faces
from bff.biometrics.pack import DEFAULT_PACK
from tests.biometrics.photographs import as_file, astronaut, six_people, turned


def test_bound_on_no_event_is_the_rule_of_three() -> None:
    assert faces.upper_bound(0, 13_846) == pytest.approx(0.000216, abs=1e-6)
    assert faces.upper_bound(0, 100) == pytest.approx(0.0295, abs=1e-4)
    assert faces.upper_bound(3, 100) == pytest.approx(0.0757, abs=1e-3)
    assert faces.upper_bound(0, 0) == 1.0


def test_equal_error_of_known_scores() -> None:
    genuine, impostor = np.float32([0.5, 0.6, 0.7, 0.8]), np.float32([0.1, 0.2, 0.3, 0.55])
    assert faces.equal_error(genuine, impostor) == pytest.approx(0.25)
    assert faces.equal_error(genuine, impostor - 1) == 0


def test_separation_of_known_scores() -> None:
    random = np.random.default_rng(1)
    genuine, impostor = random.normal(0.7, 0.1, 20_000), random.normal(0.1, 0.1, 20_000)
    assert faces.separation(genuine.astype(np.float32), impostor.astype(np.float32)) == pytest.approx(6, abs=0.1)


@pytest.mark.skipif(not DEFAULT_PACK.exists(), reason="the face models are not built")
def test_a_folder_a_person_becomes_pairs_and_misses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = {
        "astronaut": [astronaut(), turned(astronaut(), 15), np.full((300, 300, 3), 99, np.uint8)],
        "another": [six_people()[260:430, 440:620]],
    }
    for name, images in people.items():
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            (tmp_path / name / f"{number}.png").write_bytes(as_file(image))
    (tmp_path / "another" / "notes.txt").write_text("not a picture")

    assert faces.main([str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    figures = {row["figure"]: row["value"] for row in told["rows"]}
    assert (figures["photographs"], figures["detector misses"], figures["missed"]) == (4, 1, "astronaut/2.png")
    assert (figures["pairs of one person"], figures["pairs of two people"]) == (1, 2)
    assert figures["FRR % at the threshold"] == 0
    assert figures["false matches"] == 0
    assert [goal["met"] for goal in told["goals"]] == [True, True]
