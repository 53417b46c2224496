"""A world without chance: the same seed gives the same keys, serial numbers, nonces and signatures (RFC 6979).

For files that must be the same bytes whenever they are made. What is made here is worth nothing as a secret.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils.writer import BasePdfFileWriter

from bff.signing import cms, objects, packed
from tests.signing.packing import deflated

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256: a private key is a number between 0 and this."""

ECDSA = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


class _Stream:
    """Octets out of a seed, one block of SHA-256 after the other."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._count = 0

    def octets(self, size: int = 32) -> bytes:
        out = b""
        while len(out) < size:
            out += hashlib.sha256(b"%d " % self._count + self._seed).digest()
            self._count += 1
        return out[:size]

    def bits(self, count: int) -> int:
        return int.from_bytes(self.octets((count + 7) // 8)) >> (-count % 8)

    def key(self, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self.bits(256) % (ORDER - 1) + 1, curve)


@contextmanager
def fixed(seed: str) -> Iterator[None]:
    """Nothing that happens inside depends on chance, nor on how well a library packs, nor on when it is."""
    stream = _Stream(seed)
    with ExitStack() as stack:
        for where, name, instead in (
            (os, "urandom", stream.octets),
            (secrets, "token_hex", lambda size=32: stream.octets(size).hex()),
            (secrets, "token_bytes", stream.octets),
            (secrets, "randbits", stream.bits),
            (ec, "generate_private_key", stream.key),
            (cms, "_ECDSA", ECDSA),
            (packed, "_deflated", lambda statement: deflated(statement, packed.DICTIONARY)),
            (x509.CertificateBuilder, "sign", _always(x509.CertificateBuilder.sign)),
            (x509.CertificateRevocationListBuilder, "sign", _always(x509.CertificateRevocationListBuilder.sign)),
            (objects, "WORTH_PACKING", 1 << 40),
            (BasePdfFileWriter, "_update_meta", lambda _: None),
        ):
            stack.enter_context(patch.object(where, name, instead))
        yield


def _always(sign):  # type: ignore[no-untyped-def]  # a method of either builder
    def deterministic(self, key, algorithm):  # type: ignore[no-untyped-def]
        return sign(self, key, algorithm, ecdsa_deterministic=True)

    return deterministic
