"""Photographs and videos of people, encrypted under a key of each person's own, for as long as they are needed.

Keys lie in a folder of their own, wrapped with a secret of the house: not in the database and not beside the media, so
neither a database backup nor a copy of the media holds both. Each name begins with the day on which it has had its time, so
what is left to delete can be seen without opening anything. Leave the key folder out of backups, or keep those backups
shorter than the media are promised to be kept. To erase a person is to destroy their key: whatever copies of their media
exist anywhere can never be read again. What was concluded from them (scores, digests, verdicts) is elsewhere and stays.

A person's keys have generations: what is kept after an erasure lies under the next one, so that the erasure can be done
again at any later moment, after whatever crash, and touches nothing new. The generation is part of a name; whoever keeps
says which one it is, and only ever raises it.

Who keeps something of a person shares a lock, who destroys has it alone, and the kernel gives it back when its holder dies.
So nothing is swept that is just being written, and what a killed writer left half done is nobody's and goes.
"""

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import tink
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tink import json_proto_keyset_format, secret_key_access, streaming_aead

from bff.core.errors import Fault, Refusal

KEEP_FOR = timedelta(days=30)
FILING_AT_PEOPLE = 100_000
"""From this many stored faces on, operators in the PRC have to file with the authority (measures in force since June 2025)."""
WARN_AT_PEOPLE = 90_000
NONCE_BYTES = 12
STAMP = "%Y%m%dT%H%M%S"
KEY = ".key"
UNFINISHED = ".new"
PLACE = re.compile(r"[A-Za-z0-9_-]{1,80}(\.[1-9][0-9]*)?")


@dataclass(frozen=True)
class Load:
    """How many people's faces are stored, and whether that is near to what has to be filed."""

    people: int

    @property
    def near_filing(self) -> bool:
        return self.people >= WARN_AT_PEOPLE


class FaceVault:
    """Media of people by their ids. `secret` is 32 bytes that live with the house's other secrets."""

    def __init__(self, media: Path, keys: Path, secret: bytes) -> None:
        streaming_aead.register()
        self._media, self._keys = media, keys
        self._wrap = AESGCM(secret)

    def keep(
        self, person: str, content: bytes, *, now: datetime, keep_for: timedelta = KEEP_FOR, generation: int = 0
    ) -> str:
        """Encrypt and store; the answer is the name under which it is read again. On disk when this returns."""
        place = _place(person, generation)
        name = f"{now + keep_for:{STAMP}}-{secrets.token_hex(8)}" + (f"-{generation}" if generation else "")
        sealed = BytesIO()
        sealed.close = lambda: None  # type: ignore[method-assign]  # tink closes what it writes to
        with self._lock(person, fcntl.LOCK_SH):
            key = self._key_to_keep(place)
            with key.new_encrypting_stream(sealed, _bound(person, name)) as stream:
                stream.write(content)
            _write(self._media / place / name, sealed.getvalue())
        return name

    def read(self, person: str, name: str) -> bytes:
        """Raises Refusal `face_media_gone` when it was erased or has had its time; Fault when it was tampered with."""
        place = _place(person, _generation(_safe(name)))
        path = self._media / place / name
        if not path.exists():
            raise Refusal("face_media_gone")
        key = self._key(place)
        try:
            with path.open("rb") as file, key.new_decrypting_stream(file, _bound(person, name)) as stream:
                return bytes(stream.read())
        except FileNotFoundError as error:
            raise Refusal("face_media_gone") from error
        except (tink.TinkError, OSError) as error:
            raise Fault(
                "face_media_broken",
                what=f"The stored media {name} cannot be decrypted.",
                do="It was changed or belongs to an older key. Restore it from a backup, or delete it.",
            ) from error

    def remove(self, person: str, name: str) -> None:
        """Delete one; whatever else there is of this person stays. May run again."""
        folder = self._media / _place(person, _generation(_safe(name)))
        (folder / name).unlink(missing_ok=True)

    def erase(self, person: str, *, before: int) -> None:
        """Destroy the keys of all generations before this one, then their media. May run again, at any time."""
        for generation in range(before):
            with self._lock(person, fcntl.LOCK_EX):
                self._destroy(_place(person, generation))

    def _destroy(self, place: str) -> int:
        """Key first, then media; how many files of these went."""
        key = self._key_file(place)
        if key.exists():
            _overwrite(key)
            key.unlink()
            _sync(self._keys)
        return self._remove(place, list(self._of(place)))

    def _remove(self, place: str, files: list[Path]) -> int:
        """And their folder, when nothing is left in it."""
        for file in files:
            file.unlink(missing_ok=True)
        folder = self._media / place
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()
        return len(files)

    def sweep(self, *, now: datetime, generations: Mapping[str, int]) -> int:
        """Delete what has had its time, and what is of a generation before that of its person (0 where none is named): it
        came back from a backup. Of whom nothing is left, they lose their key too. How many files went."""
        today, gone = f"{now:{STAMP}}", 0
        self._sweep_unfinished_keys()
        for place in self._places():
            person, generation = _whose(place)
            with self._lock(person, fcntl.LOCK_EX):
                over = generation < generations.get(person, 0)
                due = [file for file in self._of(place) if file.name < today]  # a dot first: a killed writer's
                gone += self._destroy(place) if over else self._remove(place, due)
                if not any(self._of(place)):
                    self._destroy(place)
        return gone

    def _places(self) -> list[str]:
        """Where there are media, or a key for them. What else somebody put there is not looked at."""
        folders = (folder.name for folder in self._media.glob("*"))
        keys = (key.name.removesuffix(KEY) for key in self._keys.glob(f"*{KEY}"))
        return sorted(name for name in {*folders, *keys} if PLACE.fullmatch(name))

    def _sweep_unfinished_keys(self) -> None:
        """Nothing was ever encrypted under them alone. What is still there once their writers are done was left behind."""
        for unfinished in list(self._keys.glob(f".*{UNFINISHED}")):
            person, _ = _whose(unfinished.name[1:].partition(KEY)[0])
            with self._lock(person, fcntl.LOCK_EX):
                unfinished.unlink(missing_ok=True)

    def load(self) -> Load:
        return Load(len({_whose(key.name.removesuffix(KEY))[0] for key in self._keys.glob(f"*{KEY}")}))

    @contextmanager
    def _lock(self, person: str, how: int) -> Iterator[None]:
        """Few files for many people: those who share one by chance wait a moment for each other."""
        self._keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f".lock-{hashlib.sha256(person.encode()).hexdigest()[:2]}"
        handle = os.open(self._keys / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, how)
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)  # closing alone leaves it to a child that was forked meanwhile
            os.close(handle)

    def _key_to_keep(self, place: str) -> streaming_aead.StreamingAead:
        if not self._key_file(place).exists():
            self._make_key(place)
        return self._key(place)

    def _key(self, place: str) -> streaming_aead.StreamingAead:
        path = self._key_file(place)
        try:
            wrapped = path.read_bytes()
        except FileNotFoundError as error:
            raise Refusal("face_media_gone") from error
        try:
            plain = self._wrap.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], place.encode())
        except InvalidTag as error:
            raise Fault(
                "face_key_broken",
                what=f"The key {path.name} cannot be unwrapped.",
                do="Restore data/secrets from the same time as the key folder.",
            ) from error
        handle = json_proto_keyset_format.parse(plain.decode(), secret_key_access.TOKEN)
        primitive: streaming_aead.StreamingAead = handle.primitive(streaming_aead.StreamingAead)
        return primitive

    def _make_key(self, place: str) -> None:
        """Of two who make one at the same moment both use the first's."""
        handle = tink.new_keyset_handle(streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB)
        plain = json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
        nonce = secrets.token_bytes(NONCE_BYTES)
        _write(self._key_file(place), nonce + self._wrap.encrypt(nonce, plain.encode(), place.encode()), once=True)

    def _key_file(self, place: str) -> Path:
        return self._keys / f"{place}{KEY}"

    def _of(self, place: str) -> Iterator[Path]:
        folder = self._media / place
        return iter(sorted(folder.iterdir())) if folder.exists() else iter(())


def _place(person: str, generation: int) -> str:
    """The name of a folder, and of its key. A dot stands in no id, so no two are alike."""
    return f"{_safe(person)}.{generation}" if generation else _safe(person)


def _whose(place: str) -> tuple[str, int]:
    person, _, generation = place.partition(".")
    return person, int(generation or 0)


def _generation(name: str) -> int:
    """The third part of a name, if it has one."""
    _, _, generation = name.partition("-")[2].partition("-")
    return int(generation) if generation.isdecimal() else 0


def _bound(person: str, name: str) -> bytes:
    """A ciphertext under another name, or of another person, does not open."""
    return f"countersign-face-media/1|{person}|{name}".encode()


def _safe(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name):
        raise ValueError("not an id")
    return name


def _write(path: Path, content: bytes, *, once: bool = False) -> None:
    """Whole or not at all, readable by us alone; with `once` what is there already stays."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sync(path.parent.parent)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if once:
        with suppress(FileExistsError):
            os.link(beside, path)
        beside.unlink()
    else:
        os.replace(beside, path)
    _sync(path.parent)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
