"""The benches of one video and of documents: the product's own verdict comes out, with the time it took."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench import documents, selfie
from bff.biometrics.pack import DEFAULT_PACK
from bff.core.gestures import derived
from tests.biometrics import cards
from tests.biometrics.photographs import as_file, astronaut, astronaut_file
from tests.biometrics.renderer import Room, encoded, recorded

pytestmark = pytest.mark.skipif(not DEFAULT_PACK.exists(), reason="the face models are not built")


def test_a_still_is_judged_and_timed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    challenge = derived(bytes(32), bytes(16))
    still = astronaut()[0:260, 130:325]
    picture = np.asarray(cv2.resize(still, (480, 640)), np.uint8)
    (tmp_path / "still.mp4").write_bytes(encoded(recorded(lambda _: picture, challenge, room=Room(shake_pixels=2))))
    (tmp_path / "challenge.json").write_bytes(challenge.canonical() + b"\n")
    asked = [str(tmp_path / "still.mp4"), "--portrait", str(astronaut_file()), "--runs", "1", "--json"]
    assert selfie.main([*asked, "--challenge", str(tmp_path / "challenge.json")]) == 0
    told = json.loads(capsys.readouterr().out)
    figures = {row["figure"]: row["value"] for row in told["rows"]}
    assert (figures["outcome"], figures["reason"], figures["step"]) == ("retry", "action_missing", 0)
    assert figures["processor seconds"] > figures["of them in the child that opens the video"] > 0
    assert figures["once a worker, the start of what makes such children"] > 0
    assert (told["goals"][0]["goal"], told["goals"][0]["unit"]) == (0.6, "s")


def test_a_document_is_read_and_timed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "back.jpg").write_bytes(as_file(cards.photographed(cards.cn_back()), "JPEG"))
    assert documents.main([str(tmp_path / "back.jpg"), "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)["rows"]
    assert (row["kind"], row["fields"], row["engine"]) == ("cn_id_back", 2, "paddle")
