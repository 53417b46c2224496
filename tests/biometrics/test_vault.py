"""Media of people: readable for whom they are kept, and by nobody once the key is destroyed."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bff.biometrics.vault import FaceVault, Load
from bff.core.errors import Fault, Refusal

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
VIDEO = b"a face moves " * 200_000


@pytest.fixture
def vault(tmp_path: Path) -> FaceVault:
    return FaceVault(tmp_path / "media", tmp_path / "keys", b"k" * 32)


def test_what_was_kept_is_read_again_and_lies_there_encrypted(vault: FaceVault, tmp_path: Path) -> None:
    name = vault.keep("li-lei", VIDEO, now=NOW)
    assert vault.read("li-lei", name) == VIDEO
    stored = (tmp_path / "media" / "li-lei" / name).read_bytes()
    assert b"a face moves" not in stored
    assert (tmp_path / "keys" / "li-lei.key").stat().st_mode & 0o077 == 0


def test_erasing_a_person_makes_every_copy_unreadable(vault: FaceVault, tmp_path: Path) -> None:
    name, other = vault.keep("li-lei", VIDEO, now=NOW), vault.keep("han-meimei", VIDEO, now=NOW)
    shutil.copytree(tmp_path / "media", tmp_path / "backup")
    vault.erase("li-lei")
    vault.erase("li-lei")
    with pytest.raises(Refusal, match="face_media_gone"):
        vault.read("li-lei", name)
    shutil.copytree(tmp_path / "backup", tmp_path / "media", dirs_exist_ok=True)
    with pytest.raises(Refusal, match="face_media_gone"):
        vault.read("li-lei", name)
    vault.keep("li-lei", b"a new beginning", now=NOW)
    with pytest.raises(Fault, match="face_media_broken"):
        vault.read("li-lei", name)
    assert vault.read("han-meimei", other) == VIDEO


@pytest.mark.parametrize("where", [0, 60, -1])
def test_a_changed_byte_is_found(vault: FaceVault, tmp_path: Path, where: int) -> None:
    name = vault.keep("li-lei", VIDEO, now=NOW)
    path = tmp_path / "media" / "li-lei" / name
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    with pytest.raises(Fault, match="face_media_broken"):
        vault.read("li-lei", name)


def test_media_cannot_be_passed_off_as_other_media(vault: FaceVault, tmp_path: Path) -> None:
    first, second = (vault.keep("li-lei", content, now=NOW) for content in (b"one", b"two"))
    folder = tmp_path / "media" / "li-lei"
    shutil.copyfile(folder / first, folder / second)
    with pytest.raises(Fault):
        vault.read("li-lei", second)


def test_keys_are_worth_nothing_without_the_houses_secret(vault: FaceVault, tmp_path: Path) -> None:
    name = vault.keep("li-lei", VIDEO, now=NOW)
    thief = FaceVault(tmp_path / "media", tmp_path / "keys", b"x" * 32)
    with pytest.raises(Fault, match="face_key_broken"):
        thief.read("li-lei", name)


def test_the_key_of_one_person_is_no_key_for_another(vault: FaceVault, tmp_path: Path) -> None:
    vault.keep("li-lei", VIDEO, now=NOW)
    name = vault.keep("han-meimei", VIDEO, now=NOW)
    shutil.copyfile(tmp_path / "keys" / "li-lei.key", tmp_path / "keys" / "han-meimei.key")
    with pytest.raises(Fault, match="face_key_broken"):
        vault.read("han-meimei", name)


def test_after_its_time_it_is_gone_and_the_last_of_a_person_takes_the_key_along(
    vault: FaceVault, tmp_path: Path
) -> None:
    old, new = vault.keep("li-lei", b"old", now=NOW), vault.keep("li-lei", b"new", now=NOW + timedelta(days=20))
    vault.keep("han-meimei", b"old", now=NOW)
    assert vault.sweep(now=NOW + timedelta(days=29)) == 0
    assert vault.sweep(now=NOW + timedelta(days=31)) == 2
    assert vault.read("li-lei", new) == b"new"
    with pytest.raises(Refusal):
        vault.read("li-lei", old)
    assert [key.name for key in (tmp_path / "keys").iterdir()] == ["li-lei.key"]
    assert vault.load() == Load(1)


def test_what_is_kept_longer_keeps_the_key(vault: FaceVault) -> None:
    video = vault.keep("li-lei", VIDEO, now=NOW)
    template = vault.keep("li-lei", b"a template", now=NOW, keep_for=timedelta(days=365))
    assert vault.sweep(now=NOW + timedelta(days=31)) == 1
    with pytest.raises(Refusal):
        vault.read("li-lei", video)
    assert vault.read("li-lei", template) == b"a template"
    vault.remove("li-lei", template)
    vault.remove("li-lei", template)
    with pytest.raises(Refusal):
        vault.read("li-lei", template)


def test_the_operator_is_warned_before_so_many_faces_have_to_be_filed() -> None:
    assert not Load(89_999).near_filing
    assert Load(90_000).near_filing


@pytest.mark.parametrize("name", ["../secrets", "", "a/b", "a.b", "x" * 81])
def test_ids_cannot_lead_out_of_the_vault(vault: FaceVault, name: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        vault.keep(name, b"", now=NOW)
    vault.keep("li-lei", b"", now=NOW)
    with pytest.raises(ValueError, match="not an id"):
        vault.read("li-lei", name)
