"""Media of people: readable for whom they are kept, and by nobody once the key is destroyed."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from bff.biometrics import vault as module
from bff.biometrics.vault import FaceVault, Load
from bff.core.errors import Fault, Refusal

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
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
    vault.erase("li-lei", before=1)
    vault.erase("li-lei", before=1)
    with pytest.raises(Refusal, match="face_media_gone"):
        vault.read("li-lei", name)
    shutil.copytree(tmp_path / "backup", tmp_path / "media", dirs_exist_ok=True)
    with pytest.raises(Refusal, match="face_media_gone"):
        vault.read("li-lei", name)
    vault.keep("li-lei", b"a new beginning", now=NOW)
    with pytest.raises(Fault, match="face_media_broken"):
        vault.read("li-lei", name)
    assert vault.read("han-meimei", other) == VIDEO


def test_an_erasure_that_is_done_again_touches_nothing_that_was_kept_after_it(vault: FaceVault, tmp_path: Path) -> None:
    before = vault.keep("li-lei", VIDEO, now=NOW)
    after = vault.keep("li-lei", b"a new beginning", now=NOW, generation=1)
    assert vault.load() == Load(1)
    for _ in range(2):
        vault.erase("li-lei", before=1)
        assert vault.read("li-lei", after) == b"a new beginning"
        with pytest.raises(Refusal, match="face_media_gone"):
            vault.read("li-lei", before)
    assert [key.name for key in (tmp_path / "keys").glob("*.key")] == ["li-lei.1.key"]
    vault.remove("li-lei", after)
    with pytest.raises(Refusal, match="face_media_gone"):
        vault.read("li-lei", after)


def test_the_key_of_one_generation_opens_nothing_of_another(vault: FaceVault, tmp_path: Path) -> None:
    vault.keep("li-lei", VIDEO, now=NOW)
    after = vault.keep("li-lei", VIDEO, now=NOW, generation=1)
    shutil.copyfile(tmp_path / "keys" / "li-lei.key", tmp_path / "keys" / "li-lei.1.key")
    with pytest.raises(Fault, match="face_key_broken"):
        vault.read("li-lei", after)


def test_what_comes_back_from_a_backup_after_an_erasure_is_swept(vault: FaceVault, tmp_path: Path) -> None:
    """Also when the keys were in that backup, against all advice."""
    before, other = vault.keep("li-lei", VIDEO, now=NOW), vault.keep("han-meimei", VIDEO, now=NOW)
    shutil.copytree(tmp_path, tmp_path.with_name("backup"))
    vault.erase("li-lei", before=1)
    after = vault.keep("li-lei", b"new", now=NOW, generation=1)
    shutil.copytree(tmp_path.with_name("backup"), tmp_path, dirs_exist_ok=True)
    assert vault.sweep(now=NOW, generations={"li-lei": 1}) == 1
    with pytest.raises(Refusal, match="face_media_gone"):
        vault.read("li-lei", before)
    assert vault.read("li-lei", after) == b"new"
    assert vault.read("han-meimei", other) == VIDEO


def test_a_first_file_that_is_just_being_written_is_not_swept(
    vault: FaceVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is there and the folder is still empty: a sweep waits, and finds the file."""
    sweeper = FaceVault(tmp_path / "media", tmp_path / "keys", b"k" * 32)
    sweep = Thread(target=lambda: sweeper.sweep(now=NOW, generations={}))
    real = module._write

    def slowly(path: Path, content: bytes, **how: bool) -> None:
        if path.parent.name == "li-lei":
            path.parent.mkdir(parents=True)
            sweep.start()
            sweep.join(timeout=0.5)  # it is over by then where nothing holds it up
        real(path, content, **how)

    monkeypatch.setattr(module, "_write", slowly)
    name = vault.keep("li-lei", VIDEO, now=NOW)
    sweep.join(timeout=10)
    assert vault.read("li-lei", name) == VIDEO


def test_two_who_keep_somebodys_first_files_at_the_same_moment_use_one_key(
    vault: FaceVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FaceVault(tmp_path / "media", tmp_path / "keys", b"k" * 32)
    names = []
    real = FaceVault._make_key

    def meanwhile(self: FaceVault, place: str) -> None:
        if self is vault:
            names.append(other.keep("li-lei", b"the other's", now=NOW))
        real(self, place)

    monkeypatch.setattr(FaceVault, "_make_key", meanwhile)
    names.append(vault.keep("li-lei", b"mine", now=NOW))
    assert [vault.read("li-lei", name) for name in names] == [b"the other's", b"mine"]


@pytest.mark.parametrize("moment", ["link", "replace", "key there"])
def test_what_a_killed_writer_left_is_swept_and_in_nobodys_way(vault: FaceVault, tmp_path: Path, moment: str) -> None:
    """Killed before its key is in place, before its file is, and between the two."""
    code = f"from tests.biometrics.test_vault import dies_keeping; dies_keeping({str(tmp_path)!r}, {moment!r})"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert any((tmp_path / "keys").glob("*li-lei.key*"))
    name = vault.keep("han-meimei", VIDEO, now=NOW)
    assert vault.sweep(now=NOW, generations={}) == (moment == "replace")
    assert not any((tmp_path / "keys").glob("*li-lei*"))
    assert not (tmp_path / "media" / "li-lei").exists()
    assert vault.read("han-meimei", name) == VIDEO
    name = vault.keep("li-lei", VIDEO, now=NOW)
    assert vault.read("li-lei", name) == VIDEO


def test_what_does_not_belong_there_does_not_stop_a_sweep(vault: FaceVault, tmp_path: Path) -> None:
    vault.keep("li-lei", b"old", now=NOW)
    for name in ("lost+found", "a.b.c", ".hidden"):
        (tmp_path / "media" / name).mkdir()
    assert vault.sweep(now=NOW + timedelta(days=31), generations={}) == 1
    assert (tmp_path / "media" / "lost+found").exists()


def test_a_child_that_was_forked_meanwhile_holds_up_nobody(vault: FaceVault, monkeypatch: pytest.MonkeyPatch) -> None:
    real, children = module._write, []

    def forking(path: Path, content: bytes, **how: bool) -> None:
        copies = [os.dup(int(handle.name)) for handle in Path("/proc/self/fd").iterdir() if leads_to_lock(handle)]
        children.extend(copies)  # as a child has them that shares what was open
        real(path, content, **how)

    monkeypatch.setattr(module, "_write", forking)
    name = vault.keep("li-lei", VIDEO, now=NOW)
    erasing = Thread(target=lambda: vault.erase("li-lei", before=1))
    erasing.start()
    erasing.join(timeout=10)
    held_up = erasing.is_alive()
    for handle in children:
        os.close(handle)
    assert children
    assert not held_up
    with pytest.raises(Refusal, match="face_media_gone"):
        vault.read("li-lei", name)


def leads_to_lock(handle: Path) -> bool:
    try:
        return ".lock-" in os.readlink(handle)
    except FileNotFoundError:  # of the listing itself
        return False


def dies_keeping(folder: str, moment: str) -> None:
    def last(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if moment == "key there":
        FaceVault._key = last  # type: ignore[method-assign,assignment]
    else:
        setattr(os, moment, last)
    FaceVault(Path(folder) / "media", Path(folder) / "keys", b"k" * 32).keep("li-lei", VIDEO, now=NOW)


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
    assert vault.sweep(now=NOW + timedelta(days=29), generations={}) == 0
    assert vault.sweep(now=NOW + timedelta(days=31), generations={}) == 2
    assert vault.read("li-lei", new) == b"new"
    with pytest.raises(Refusal):
        vault.read("li-lei", old)
    assert [key.name for key in (tmp_path / "keys").glob("*.key")] == ["li-lei.key"]
    assert vault.load() == Load(1)


def test_what_is_kept_longer_keeps_the_key(vault: FaceVault) -> None:
    video = vault.keep("li-lei", VIDEO, now=NOW)
    template = vault.keep("li-lei", b"a template", now=NOW, keep_for=timedelta(days=365))
    assert vault.sweep(now=NOW + timedelta(days=31), generations={}) == 1
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
