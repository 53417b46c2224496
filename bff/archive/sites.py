"""Folders as archive sites: the same bytes in every one of them, found by their SHA-256.

A copy counts only when it is durable and was read back: written beside its place, fsync'd, renamed, the directory
fsync'd, read again (from the disk, where the system lets us ask) and its digest compared. Fewer good copies than the
quorum is a fault, and then nothing that depends on them may be committed. A damaged copy found on the way, when writing
or when reading, is replaced and said in the log. A folder that is not there is never made here: an unmounted disk would
become the system's own.

Names are digests, so a file in place is never changed, only replaced by one with the very same bytes.
"""

import hashlib
import logging
import os
import re
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bff.core.errors import Fault
from bff.core.ports import Kept

log = logging.getLogger(__name__)

DIGEST = re.compile(r"[0-9a-f]{64}")


class FolderSites:
    """Implements core.ports.Archive over local or mounted folders; they are read in the order given."""

    def __init__(self, folders: Mapping[str, Path], quorum: int = 2) -> None:
        places = {folder.resolve() for folder in folders.values()}
        if len(places) < quorum or len(places) < len(folders):
            raise Fault(
                "archive_sites",
                what=f"{len(places)} separate archive folders for {len(folders)} sites; {quorum} are needed.",
                do="Name at least two different folders in BFF_SITES, best on different disks.",
            )
        self._folders = dict(folders)
        self._quorum = quorum

    def keep(self, content: bytes) -> Kept:
        """Write to every site at once. Raises Fault `archive_quorum` below the quorum of good copies."""
        sha256 = hashlib.sha256(content).hexdigest()
        with ThreadPoolExecutor(len(self._folders)) as threads:
            tries = {name: threads.submit(_keep, name, f, sha256, content) for name, f in self._folders.items()}
        failed = {name: error for name, each in tries.items() if (error := each.exception()) is not None}
        for name, error in failed.items():
            if not isinstance(error, OSError):
                raise error
            log.error("archive site %s did not keep %s: %s", name, sha256, _why(error))
        good = tuple(name for name in self._folders if name not in failed)
        if len(good) < self._quorum:
            raise Fault(
                "archive_quorum",
                what=f"Only {len(good)} of {len(self._folders)} archive sites keep copies"
                f" ({', '.join(f'{name}: {_why(error)}' for name, error in failed.items())}).",
                do="Check that the folders in BFF_SITES are mounted, writable and have space; it is tried again.",
            )
        return Kept(sha256=sha256, size=len(content), sites=good)

    def try_out(self) -> dict[str, str | None]:
        """Write, read back and remove a few bytes at every site; per site None, or why it did not work."""
        with ThreadPoolExecutor(len(self._folders)) as threads:
            tries = {name: threads.submit(_try_out, folder) for name, folder in self._folders.items()}
        return {name: _why(error) if (error := each.exception()) else None for name, each in tries.items()}

    @property
    def quorum(self) -> int:
        return self._quorum

    def read(self, sha256: str) -> bytes:
        """The first good copy; sites before it, which had none, get theirs again. Raises Fault `archive_lost`."""
        poor: list[str] = []
        for name, folder in self._folders.items():
            content = _good_copy(name, folder, sha256)
            if content is not None:
                for each in poor:
                    _heal(each, self._folders[each], sha256, content)
                return content
            poor.append(name)
        raise Fault(
            "archive_lost",
            what=f"No archive site has a good copy of {sha256}.",
            do="Check that the folders in BFF_SITES are mounted; else restore this file from a backup.",
        )

    def sites_of(self, sha256: str) -> tuple[str, ...]:
        """The sites whose copy was read and agreed just now."""
        return tuple(n for n, folder in self._folders.items() if _good_copy(n, folder, sha256) is not None)


def _keep(name: str, folder: Path, sha256: str, content: bytes) -> None:
    """One durable, read-back copy. Raises OSError."""
    path = _place(folder, sha256)
    if path.exists() and _good_copy(name, folder, sha256) is not None:
        # Perhaps another writer's, still on its way to the disk.
        _sync(path)
        _sync(path.parent)
        return
    healing = path.exists()
    _make_directories(path.parent, folder)
    _write(path, content)
    if _digest(path) != sha256:
        raise OSError("what was read back is not what was written")
    if healing:
        log.warning("archive site %s: the damaged copy of %s was replaced", name, sha256)


def _heal(name: str, folder: Path, sha256: str, content: bytes) -> None:
    """As far as it can be done: whoever reads has the content in any case."""
    try:
        _keep(name, folder, sha256, content)
    except OSError as error:
        log.error("archive site %s still has no good copy of %s: %s", name, sha256, _why(error))


def _try_out(folder: Path) -> None:
    """Raises OSError. The name is nobody's digest, so no copy is ever touched."""
    content = uuid.uuid4().bytes * 256
    path = folder / f".tried-{uuid.uuid4().hex}"
    _write(path, content)
    try:
        if _digest(path) != hashlib.sha256(content).hexdigest():
            raise OSError("what was read back is not what was written")
    finally:
        path.unlink(missing_ok=True)


def _place(folder: Path, sha256: str) -> Path:
    if not DIGEST.fullmatch(sha256):
        raise ValueError("not a SHA-256 in lower-case hex")
    return folder / "sha256" / sha256[:2] / sha256[2:4] / sha256


def _good_copy(name: str, folder: Path, sha256: str) -> bytes | None:
    try:
        content = _place(folder, sha256).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        log.error("archive site %s cannot be read for %s: %s", name, sha256, _why(error))
        return None
    if hashlib.sha256(content).hexdigest() == sha256:
        return content
    log.error("archive site %s: the copy of %s is damaged", name, sha256)
    return None


def _make_directories(directory: Path, folder: Path) -> None:
    """The directories between the site's folder and a file; each new name is made durable in its parent."""
    missing = [directory, *directory.parents]
    for each in reversed(missing[: missing.index(folder)]):
        if not each.is_dir():
            each.mkdir(mode=0o700, exist_ok=True)
            _sync(each.parent)


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        if hasattr(os, "posix_fadvise"):
            # Forget the cached pages, so that the disk itself is asked.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _why(error: BaseException) -> str:
    """The system's reason without the path."""
    return getattr(error, "strerror", None) or str(error)
