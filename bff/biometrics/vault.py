"""Photographs and videos of people, encrypted under a key of each person's own, for as long as they are needed.

Keys lie in a folder of their own, wrapped with a secret of the house: not in the database and not beside the media, so
neither a database backup nor a copy of the media holds both. Each name begins with the day on which it has had its time, so
what is left to delete can be seen without opening anything. Leave the key folder out of backups, or keep those backups
shorter than the media are promised to be kept. To erase a person is to destroy their key: whatever copies of their media
exist anywhere can never be read again. What was concluded from them (scores, digests, verdicts) is elsewhere and stays.
"""

import os
import re
import secrets
from collections.abc import Iterator
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

    def keep(self, person: str, content: bytes, *, now: datetime, keep_for: timedelta = KEEP_FOR) -> str:
        """Encrypt and store; the answer is the name under which it is read again. On disk when this returns."""
        name = f"{now + keep_for:{STAMP}}-{secrets.token_hex(8)}"
        sealed = BytesIO()
        sealed.close = lambda: None  # type: ignore[method-assign]  # tink closes what it writes to
        with self._key(person, make=True).new_encrypting_stream(sealed, _bound(person, name)) as stream:
            stream.write(content)
        _write(self._folder(person) / name, sealed.getvalue())
        return name

    def read(self, person: str, name: str) -> bytes:
        """Raises Refusal `face_media_gone` when it was erased or has had its time; Fault when it was tampered with."""
        path = self._folder(person) / _safe(name)
        if not path.exists():
            raise Refusal("face_media_gone")
        key = self._key(person, make=False)
        try:
            with path.open("rb") as file, key.new_decrypting_stream(file, _bound(person, name)) as stream:
                return bytes(stream.read())
        except (tink.TinkError, OSError) as error:
            raise Fault(
                "face_media_broken",
                what=f"The stored media {name} cannot be decrypted.",
                do="It was changed or belongs to an older key. Restore it from a backup, or delete it.",
            ) from error

    def remove(self, person: str, name: str) -> None:
        """Delete one; whatever else there is of this person stays. May run again."""
        (self._folder(person) / _safe(name)).unlink(missing_ok=True)

    def erase(self, person: str) -> None:
        """Destroy the key, then the media. May run again."""
        key = self._key_file(person)
        if key.exists():
            with key.open("r+b") as file:
                file.write(secrets.token_bytes(key.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            key.unlink()
            _sync(self._keys)
        for file_ in self._of(person):
            file_.unlink(missing_ok=True)

    def sweep(self, *, now: datetime) -> int:
        """Delete what has had its time; people of whom nothing is left lose their key too. How many files went."""
        today, gone = f"{now:{STAMP}}", 0
        for folder in sorted(self._media.glob("*")):
            due = [file for file in folder.iterdir() if file.name < today]
            for file in due:
                file.unlink()
            gone += len(due)
            if not any(folder.iterdir()):
                self.erase(folder.name)
                folder.rmdir()
        return gone

    def load(self) -> Load:
        return Load(sum(1 for _ in self._keys.glob("*.key")))

    def _key(self, person: str, *, make: bool) -> streaming_aead.StreamingAead:
        path = self._key_file(person)
        if not path.exists():
            if not make:
                raise Refusal("face_media_gone")
            self._make_key(person, path)
        wrapped = path.read_bytes()
        try:
            plain = self._wrap.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], person.encode())
        except InvalidTag as error:
            raise Fault(
                "face_key_broken",
                what=f"The key {path.name} cannot be unwrapped.",
                do="Restore data/secrets from the same time as the key folder.",
            ) from error
        handle = json_proto_keyset_format.parse(plain.decode(), secret_key_access.TOKEN)
        primitive: streaming_aead.StreamingAead = handle.primitive(streaming_aead.StreamingAead)
        return primitive

    def _make_key(self, person: str, path: Path) -> None:
        handle = tink.new_keyset_handle(streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB)
        plain = json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
        nonce = secrets.token_bytes(NONCE_BYTES)
        _write(path, nonce + self._wrap.encrypt(nonce, plain.encode(), person.encode()))

    def _key_file(self, person: str) -> Path:
        return self._keys / f"{_safe(person)}.key"

    def _folder(self, person: str) -> Path:
        return self._media / _safe(person)

    def _of(self, person: str) -> Iterator[Path]:
        folder = self._folder(person)
        return iter(sorted(folder.iterdir())) if folder.exists() else iter(())


def _bound(person: str, name: str) -> bytes:
    """A ciphertext under another name, or of another person, does not open."""
    return f"countersign-face-media/1|{person}|{name}".encode()


def _safe(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name):
        raise ValueError("not an id")
    return name


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, readable by us alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
