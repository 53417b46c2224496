"""Archive sites as real folders: what counts as kept, and what is still read after damage."""

import hashlib
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bff.archive.sites import FolderSites
from bff.core.errors import Fault

CONTENT = b"%PDF-1.7 a sealed contract" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    made = {"a": tmp_path / "site-a", "b": tmp_path / "site-b"}
    for folder in made.values():
        folder.mkdir()
    return made


@pytest.fixture
def sites(folders: dict[str, Path]) -> FolderSites:
    return FolderSites(folders)


def place(folder: Path) -> Path:
    return folder / "sha256" / SHA256[:2] / SHA256[2:4] / SHA256


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)


def test_content_is_kept_at_every_site_under_its_digest(sites: FolderSites, folders: dict[str, Path]) -> None:
    kept = sites.keep(CONTENT)
    assert (kept.sha256, kept.size, kept.sites) == (SHA256, len(CONTENT), ("a", "b"))
    for folder in folders.values():
        assert [f for f in folder.rglob("*") if f.is_file()] == [place(folder)]
        assert place(folder).read_bytes() == CONTENT
        assert place(folder).stat().st_mode & 0o777 == 0o600
    assert sites.read(SHA256) == CONTENT
    assert sites.sites_of(SHA256) == ("a", "b")


def test_keeping_the_same_content_again_leaves_the_copies_alone(sites: FolderSites, folders: dict[str, Path]) -> None:
    sites.keep(CONTENT)
    before = {name: place(folder).stat().st_ino for name, folder in folders.items()}
    assert sites.keep(CONTENT).sites == ("a", "b")
    assert {name: place(folder).stat().st_ino for name, folder in folders.items()} == before


@pytest.mark.parametrize("site", ["a", "b"])
def test_flipped_bit_is_healed_by_whoever_writes_the_same(
    sites: FolderSites, folders: dict[str, Path], site: str, caplog: pytest.LogCaptureFixture
) -> None:
    sites.keep(CONTENT)
    flip(place(folders[site]))
    assert site not in sites.sites_of(SHA256)
    with caplog.at_level(logging.WARNING):
        assert sites.keep(CONTENT).sites == ("a", "b")
    assert f"archive site {site}: the damaged copy of {SHA256} was replaced" in caplog.text
    assert sites.sites_of(SHA256) == ("a", "b")
    assert place(folders[site]).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "harm", [flip, lambda path: os.truncate(path, 10), Path.unlink], ids=["flipped", "truncated", "deleted"]
)
def test_harmed_copy_is_read_around_and_healed(
    sites: FolderSites, folders: dict[str, Path], harm: Callable[[Path], None]
) -> None:
    sites.keep(CONTENT)
    harm(place(folders["a"]))
    assert sites.sites_of(SHA256) == ("b",)
    assert sites.read(SHA256) == CONTENT
    assert place(folders["a"]).read_bytes() == CONTENT
    assert sites.sites_of(SHA256) == ("a", "b")


def test_a_copy_that_cannot_be_healed_keeps_nobody_from_reading(
    sites: FolderSites, folders: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    sites.keep(CONTENT)
    folders["a"].rename(folders["a"].with_name("unmounted"))
    assert sites.read(SHA256) == CONTENT
    assert not folders["a"].exists()
    assert f"archive site a still has no good copy of {SHA256}" in caplog.text


def test_content_damaged_everywhere_is_lost(sites: FolderSites, folders: dict[str, Path]) -> None:
    sites.keep(CONTENT)
    for folder in folders.values():
        flip(place(folder))
    with pytest.raises(Fault) as caught:
        sites.read(SHA256)
    assert caught.value.code == "archive_lost"
    assert sites.sites_of(SHA256) == ()


def test_content_never_kept_is_lost(sites: FolderSites) -> None:
    with pytest.raises(Fault, match="archive_lost"):
        sites.read("0" * 64)


def remove(folder: Path) -> None:
    folder.rmdir()


def file_in_the_way(folder: Path) -> None:
    (folder / "sha256").write_text("in the way")


def read_only(folder: Path) -> None:
    if os.geteuid() == 0:
        # Root writes anywhere but in the kernel's own folders.
        folder.rmdir()
        folder.symlink_to("/proc/self")
    else:
        folder.chmod(0o500)


@pytest.mark.parametrize("spoil", [remove, file_in_the_way, read_only])
def test_site_that_cannot_be_written_breaks_the_quorum(
    sites: FolderSites, folders: dict[str, Path], spoil: Callable[[Path], None]
) -> None:
    spoil(folders["b"])
    with pytest.raises(Fault) as caught:
        sites.keep(CONTENT)
    assert caught.value.code == "archive_quorum"
    assert "Only 1 of 2 archive sites keep copies (b: " in caught.value.what
    assert str(folders["b"]) not in str(caught.value)
    assert sites.read(SHA256) == CONTENT


def test_unmounted_site_is_not_made_anew(sites: FolderSites, folders: dict[str, Path]) -> None:
    folders["b"].rmdir()
    with pytest.raises(Fault):
        sites.keep(CONTENT)
    assert not folders["b"].exists()


def test_two_of_three_sites_are_enough(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in "abc"}
    for name in "bc":
        folders[name].mkdir()
    sites = FolderSites(folders)
    assert sites.keep(CONTENT).sites == ("b", "c")
    assert sites.read(SHA256) == CONTENT


def test_many_writers_of_the_same_content_agree(sites: FolderSites, folders: dict[str, Path]) -> None:
    with ThreadPoolExecutor(8) as writers:
        kept = list(writers.map(sites.keep, [CONTENT] * 24))
    assert {k.sites for k in kept} == {("a", "b")}
    for folder in folders.values():
        assert [f for f in folder.rglob("*") if f.is_file()] == [place(folder)]


def test_failed_write_leaves_no_draft_behind(
    sites: FolderSites, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Fault, match="No space left on device"):
        sites.keep(CONTENT)
    assert [f for folder in folders.values() for f in folder.rglob("*") if f.is_file()] == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "", SHA256.upper(), SHA256 + "\n"])
def test_only_a_digest_names_a_copy(sites: FolderSites, name: str) -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        sites.read(name)


def test_two_names_for_one_folder_are_one_site(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "site")
    with pytest.raises(Fault) as caught:
        FolderSites({"a": tmp_path / "site", "b": tmp_path / "link"})
    assert caught.value.code == "archive_sites"
    with pytest.raises(Fault):
        FolderSites({"a": tmp_path / "site"})
