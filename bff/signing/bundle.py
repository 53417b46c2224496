"""The evidence bundle: one ZIP with everything about a finished contract. `bff.signing.judging` reads it offline.

    contract.pdf     the sealed document; it proves by itself who signed what and when
    evidence.jsonl   the contract's event log, one entry a line, the exact bytes that were hashed
    history.json     the log's place in the tree over all contracts: leaf, inclusion proof, signed and timestamped head
    roots.pem        the roots of the house's certificates, for convenience: trust them from elsewhere
    README.txt       how to check all of it

A **record** is a smaller ZIP: the chronicle of one enterprise, for its owners, with `record.jsonl` in place of document and log.

The document and the log point at each other: every signature and the seal name the log's head of their moment, and the
log names the digest of every revision. Unpacking trusts nothing: sizes are limited, names are the ones above.
"""

import base64
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from bff.core.errors import Refusal
from bff.core.evidence import Entry

PDF, LOG, HISTORY, ROOTS, README = "contract.pdf", "evidence.jsonl", "history.json", "roots.pem", "README.txt"
RECORD = "record.jsonl"
LIMITS = {PDF: 200_000_000, LOG: 50_000_000, RECORD: 50_000_000, HISTORY: 1_000_000, ROOTS: 100_000, README: 20_000}
"""Bytes that a part may have."""
_END_SIZE = 22
"""Bytes of a ZIP's end without a comment: nothing may stand before the archive or behind it."""
MOMENT = (1980, 1, 1, 0, 0, 0)
"""ZIP times say nothing here: the same contract gives the same bytes."""

EXPLANATION = """\
This is the evidence of a contract signed with Countersign.

contract.pdf     The sealed document. Any PDF reader shows and checks its signatures.
evidence.jsonl   What happened, in order. Each line is one entry, its bytes exactly as they were hashed:
                 head(i) = SHA-256(0x00 || head(i-1) || line(i)), head(-1) = 32 zero bytes.
history.json     Where this log stands in the tree over all contracts (RFC 6962): the leaf, its inclusion proof, and
                 the tree's head, signed and timestamped (RFC 3161). Compare the head with any that you kept before.
roots.pem        The root certificates of the house that sealed it. Get them once more from another place.

Check everything, offline:    python -m bff verify THIS.zip --root roots.pem
"""


OF_A_RECORD = """\
This is the record of an enterprise that signs with Countersign.

record.jsonl     What happened, in order. Each line is one entry, its bytes exactly as they were hashed:
                 head(i) = SHA-256(0x00 || head(i-1) || line(i)), head(-1) = 32 zero bytes.
history.json     Where its last line stands in the tree over all chains of the house (RFC 6962): the leaf, its inclusion
                 proof, and the tree's head, signed and timestamped (RFC 3161).
roots.pem        The root certificates of the house. Get them once more from another place.

Check everything, offline:    python -m bff verify THIS.zip --root roots.pem
"""


def signed_head(raw: bytes, *, signature: bytes, certificate: bytes, tokens: Sequence[bytes]) -> dict[str, Any]:
    """A head as it is kept and shown: its exact text, who vouches for it, and its timestamps."""
    return {
        "head": raw.decode(),
        "signature": base64.b64encode(signature).decode(),
        "certificate": certificate.decode(),
        "timestamps": [base64.b64encode(token).decode() for token in tokens],
    }


def pack(
    content: bytes, entries: Sequence[Entry], proof: Mapping[str, Any] | None, *, roots: Sequence[bytes], title: str
) -> bytes:
    """The ZIP. Without a proof (no head could be had yet) it says so by having none."""
    parts = {README: f"{title}\n\n{EXPLANATION}".encode(), PDF: content, LOG: _lines(entries), ROOTS: b"".join(roots)}
    return _zipped(parts, proof)


def pack_record(
    entries: Sequence[Entry], proof: Mapping[str, Any] | None, *, roots: Sequence[bytes], title: str
) -> bytes:
    """The same for a chronicle alone."""
    parts = {README: f"{title}\n\n{OF_A_RECORD}".encode(), RECORD: _lines(entries), ROOTS: b"".join(roots)}
    return _zipped(parts, proof)


def _lines(entries: Sequence[Entry]) -> bytes:
    return b"".join(entry.raw + b"\n" for entry in entries)


def _zipped(parts: dict[str, bytes], proof: Mapping[str, Any] | None) -> bytes:
    if proof is not None:
        parts[HISTORY] = json.dumps(proof, sort_keys=True, indent=1).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in parts.items():
            packed = zipfile.ZIP_STORED if name == PDF else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, MOMENT), part, packed)
    return buffer.getvalue()


def is_bundle(beginning: bytes) -> bool:
    """A ZIP rather than a PDF, by its first bytes."""
    return beginning.startswith(b"PK\x03\x04")


def unpack(content: bytes) -> dict[str, bytes]:
    """The parts that are there, by name: of a bundle or of a record. Raises Refusal `bundle_unreadable` for anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > len(LIMITS) or any(m.file_size > LIMITS.get(m.filename, -1) for m in members):
                raise Refusal("bundle_unreadable")
            if content[-_END_SIZE:][:4] != b"PK\5\6" or not any(m.header_offset == 0 for m in members):
                raise Refusal("bundle_unreadable")
            parts = {m.filename: archive.read(m) for m in members}
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
        raise Refusal("bundle_unreadable") from error
    if len(parts) != len(members) or parts.keys() & {PDF, LOG, RECORD} not in ({PDF, LOG}, {RECORD}):
        raise Refusal("bundle_unreadable")
    return parts


def fingerprint(root: bytes) -> str:
    """What a head calls its house: the SHA-256 (hex) of the signing root's DER."""
    der = x509.load_pem_x509_certificate(root).public_bytes(serialization.Encoding.DER)
    return hashlib.sha256(der).hexdigest()
