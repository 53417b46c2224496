"""Where the authority's private keys lie: PKCS#8 in PEM, mode 0600, one file a key, written whole or not at all.

With a passphrase they are encrypted at rest (PBES2, AES-256-CBC). Its derivation is quick, so the passphrase has to be
long and random: it keeps whoever holds a copy of the disk or a backup from signing, not whoever is root while we run.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bff.core.errors import Fault

SUFFIX = ".key.pem"
SHORTEST_PASSPHRASE_BYTES = 24
ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


@dataclass(frozen=True)
class Keys:
    """The keys of one folder, by name."""

    folder: Path
    passphrase: bytes | None = None

    def path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def has(self, name: str) -> bool:
        return self.path(name).is_file()

    def names(self) -> list[str]:
        return sorted(path.name.removesuffix(SUFFIX) for path in self.folder.glob(f"*{SUFFIX}"))

    def read(self, name: str) -> ec.EllipticCurvePrivateKey:
        """Raises Fault `authority_missing` or `authority_locked`."""
        try:
            content = self.path(name).read_bytes()
        except OSError as error:
            raise _missing(name) from error
        return opened(content, self.passphrase, name=name)

    def write(self, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        write(self.path(name), closed(key, self.passphrase))

    def encrypted(self, name: str) -> bool:
        return self.path(name).read_bytes().startswith(ENCRYPTED)

    def lock_up(self) -> list[str]:
        """Encrypt those that still lie there plain; their names. Without a passphrase none."""
        plain = [name for name in self.names() if self.passphrase and not self.encrypted(name)]
        for name in plain:
            self.write(name, opened(self.path(name).read_bytes(), None, name=name))
        return plain

    def destroy(self, name: str) -> None:
        """Remove a key for good. Overwritten first, which a journal, a snapshot or a backup may survive."""
        path = self.path(name)
        with path.open("r+b") as file:
            file.write(secrets.token_bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        sync_folder(path.parent)


def passphrase(path: str) -> bytes | None:
    """The first line of a file; no path, no passphrase. Raises Fault `passphrase_unusable`."""
    if not path:
        return None
    try:
        words = (Path(path).read_bytes().splitlines() or [b""])[0].strip()
    except OSError as error:
        raise _unusable(f"It cannot be read ({error.strerror}).") from error
    if len(words) < SHORTEST_PASSPHRASE_BYTES:
        raise _unusable(f"It has {len(words)} bytes; at least {SHORTEST_PASSPHRASE_BYTES} random ones are needed.")
    return words


def _unusable(why: str) -> Fault:
    return Fault(
        "passphrase_unusable",
        what=f"The passphrase of the authority's keys is not usable. {why}",
        do="Check BFF_KEY_PASSPHRASE_FILE; to make a new one: openssl rand -base64 32",
    )


def opened(content: bytes, words: bytes | None, *, name: str) -> ec.EllipticCurvePrivateKey:
    """The key in a PEM file, plain or encrypted. Raises Fault."""
    given = words if content.startswith(ENCRYPTED) else None
    try:
        key = serialization.load_pem_private_key(content, given)
    except TypeError as error:
        raise _locked(name, "there is no passphrase") from error
    except ValueError as error:
        raise (_locked(name, "the passphrase does not fit") if given else _missing(name)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Fault("authority_missing", what=f"The {name} key is not a P-256 key.", do="Restore it from a backup.")
    return key


def closed(key: ec.EllipticCurvePrivateKey, words: bytes | None) -> bytes:
    locked = serialization.BestAvailableEncryption(words) if words else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)


def readable(path: str) -> bytes:
    """A file of the operator's about that key. Raises Fault `seal_key_away`."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise away(f"{path} cannot be read ({error.strerror}).") from error


def away(why: str) -> Fault:
    """The seal's key is kept elsewhere, and cannot be used there just now."""
    return Fault(
        "seal_key_away",
        what=f"The seal's key, which is kept elsewhere, cannot be used. {why}",
        do="Check BFF_SEAL_KEY, its secret file and its provider. Contracts wait; nothing is sealed with another key.",
    )


def _locked(name: str, why: str) -> Fault:
    return Fault(
        "authority_locked",
        what=f"The authority's {name} key is encrypted, and {why}.",
        do="Set BFF_KEY_PASSPHRASE_FILE to the file with the passphrase that it was encrypted with.",
    )


def _missing(name: str) -> Fault:
    return Fault(
        "authority_missing",
        what=f"The authority's {name} key or certificate cannot be read.",
        do="Run the set-up, or restore the authority's folder from a backup.",
    )


def write(path: Path, content: bytes) -> None:
    """Durable and whole: written beside with mode 0600, synced, moved into place."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
