"""SoftHSM: a hardware module in software, whose tokens lie in a folder of the test's."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from tests.outsiders import need
from tests.remote_signers import PEM, Key, new_key

LIBRARY = "/usr/lib/softhsm/libsofthsm2.so"


@dataclass(frozen=True)
class Token:
    """A token with one key under the label `seal`: what `BFF_SEAL_KEY` says of it, its PIN's file, and the key."""

    uri: str
    pin_file: Path
    key: Key


@contextmanager
def softhsm_tokens(folder: Path, kinds: Sequence[str]) -> Iterator[Mapping[str, Token]]:
    """One for each kind of key (P-256, RSA), as long as this lasts, also for processes that are started meanwhile."""
    need("softhsm2-util")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(folder / "conf")
    try:
        yield {kind: _token(folder, kind) for kind in kinds}
    finally:
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before


def _token(folder: Path, kind: str) -> Token:
    key, file, pin = new_key(kind), folder / f"{kind}.pem", folder / f"{kind}.pin"
    file.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    pin.write_text("2718\n")
    for words in (
        ["--init-token", "--free", "--label", kind, "--so-pin", "3141", "--pin", "2718"],
        ["--import", str(file), "--token", kind, "--label", "seal", "--id", "01", "--pin", "2718"],
    ):
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
    return Token(f"pkcs11:token={kind};object=seal?module-path={LIBRARY}", pin, key)
