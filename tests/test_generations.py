"""`python -m bff authority …`, as an operator types it."""

import json
from pathlib import Path

import pytest
from cryptography import x509

from bff.__main__ import main
from tests.builders import a_house


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = a_house(tmp_path)
    home.own_timestamps.timestamp(bytes(32))
    home.store.close()
    monkeypatch.setenv("BFF_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data" / "authority"


def shown(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["authority", "show", "--json"]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_show_lists_certificates_days_and_keys(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys)
    assert [(line["name"], line["generation"], line["key"]) for line in found] == [
        ("signing-root", 1, "plain"),
        ("tsa-root", 1, "plain"),
        ("tsa", 1, "plain"),
        ("seal", 1, "plain"),
    ]
    assert found[2]["time_stamps"] == 1
    assert found[2]["days_left"] == 3649
    assert main(["authority", "show"]) == 0
    assert "time stamps, generation 1" in capsys.readouterr().out


def test_rotate_makes_a_generation_and_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["authority", "rotate", "--only", "tsa"]) == 0
    assert [(line["name"], line["generation"], line["key"]) for line in shown(capsys)] == [
        ("signing-root", 1, "plain"),
        ("tsa-root", 1, "plain"),
        ("tsa", 1, "destroyed"),
        ("tsa", 2, "plain"),
        ("seal", 1, "plain"),
    ]


def test_the_root_key_goes_and_comes_for_a_rotation(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["authority", "take-root-key", str(tmp_path / "safe")]) == 0
    assert main(["authority", "rotate"]) == 1
    assert "--tsa-root-key" in capsys.readouterr().err
    assert main(["authority", "rotate", "--tsa-root-key", str(tmp_path / "safe" / "tsa-root.key.pem")]) == 0
    assert {str(line["key"]) for line in shown(capsys) if line["name"] == "tsa-root"} == {"away"}


def test_export_root_gives_certificates_and_no_key(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "roots.pem"
    assert main(["authority", "export-root", str(target)]) == 0
    assert len(x509.load_pem_x509_certificates(target.read_bytes())) == 2
    assert b"PRIVATE" not in target.read_bytes()
    assert main(["authority", "export-root"]) == 0
    assert capsys.readouterr().out == target.read_text()


def test_a_passphrase_file_locks_the_keys_that_are_there(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = tmp_path / "words"
    words.write_text("a passphrase that is long enough\n")
    monkeypatch.setenv("BFF_KEY_PASSPHRASE_FILE", str(words))
    assert main(["migrate"]) == 0
    assert {line["key"] for line in shown(capsys)} == {"encrypted"}
