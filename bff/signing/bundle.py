"""The evidence bundle: one ZIP with everything about a finished contract, and the judge who reads it offline.

    contract.pdf     the sealed document; it proves by itself who signed what and when
    evidence.jsonl   the contract's event log, one entry a line, the exact bytes that were hashed
    history.json     the log's place in the tree over all contracts: leaf, inclusion proof, signed and timestamped head
    roots.pem        the roots of the house's certificates, for convenience: trust them from elsewhere
    README.txt       how to check all of it

The document and the log point at each other: every signature and the seal name the log's head of their moment, and the
log names the digest of every revision. Nothing here trusts the bundle: sizes are limited, names are the ones above.
"""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bff.core import evidence, tree
from bff.core.errors import Refusal
from bff.core.evidence import Entry
from bff.core.tree import Leaf
from bff.signing import verify
from bff.signing.authority import BadToken, check_token
from bff.signing.verify import Check, Report
from bff.words import words

PDF, LOG, HISTORY, ROOTS, README = "contract.pdf", "evidence.jsonl", "history.json", "roots.pem", "README.txt"
LIMITS = {PDF: 200_000_000, LOG: 50_000_000, HISTORY: 1_000_000, ROOTS: 100_000, README: 20_000}
"""Bytes that a part may have."""
MOMENT = (1980, 1, 1, 0, 0, 0)
"""ZIP times say nothing here: the same contract gives the same bytes."""
CLOCK_TOLERANCE = timedelta(minutes=2)

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


@dataclass(frozen=True)
class Verdict:
    """What the bundle proves: the report on the PDF, and the checks of log and tree. `ok` when all of it holds."""

    ok: bool
    report: Report
    checks: tuple[Check, ...]

    def to_dict(self) -> dict[str, Any]:
        return {**self.report.to_dict(), "ok": self.ok, "bundle": [asdict(check) for check in self.checks]}

    def lines(self) -> list[str]:
        return [*self.report.lines(), "", *(check.line() for check in self.checks)]


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
    parts = {
        README: f"{title}\n\n{EXPLANATION}".encode(),
        PDF: content,
        LOG: b"".join(entry.raw + b"\n" for entry in entries),
        ROOTS: b"".join(roots),
    }
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
    """The parts that are there, by name. Raises Refusal `bundle_unreadable` for anything else than a bundle of ours."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > len(LIMITS) or any(m.file_size > LIMITS.get(m.filename, 0) for m in members):
                raise Refusal("bundle_unreadable")
            parts = {m.filename: archive.read(m) for m in members}
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError) as error:
        raise Refusal("bundle_unreadable") from error
    if len(parts) != len(members) or PDF not in parts or LOG not in parts:
        raise Refusal("bundle_unreadable")
    return parts


def judge(
    content: bytes, *, roots: Sequence[bytes] | None, at: datetime | None = None, language: str = "en"
) -> Verdict:
    """Everything the bundle proves, offline. Raises Refusal `bundle_unreadable` or `pdf_unreadable`."""
    parts = unpack(content)
    report = verify.verify(parts[PDF], roots=roots, at=at, language=language)
    checks = tuple(_checks(parts, report, roots=tuple(roots or ()), _=words(language)))
    return Verdict(ok=report.ok and all(check.ok for check in checks), report=report, checks=checks)


Words = verify.Words


def _checks(parts: Mapping[str, bytes], report: Report, *, roots: Sequence[bytes], _: Words) -> Iterator[Check]:
    entries = _entries(parts[LOG])
    whose = {s.contract_id for s in report.signers}
    contract_id = whose.pop() if len(whose) == 1 else ""
    broken = evidence.check(entries, contract_id=contract_id)
    if broken is not None:
        sentence = _("The log does not hold from entry %(seq)s on: it is %(reason)s.")
        yield Check("log", ok=False, sentence=sentence % {"seq": broken.seq, "reason": broken.reason})
        return
    yield Check("log", ok=bool(entries), sentence=_("The log is one chain, each entry bound to all before it."))
    yield from _pointers(entries, parts[PDF], report, _)
    yield from _history(entries, contract_id, parts.get(HISTORY), roots, _)


def _entries(log: bytes) -> list[Entry]:
    """Heads are computed from the lines: what the lines must lead to is named by signatures and by the tree."""
    entries, head = [], evidence.START
    for seq, raw in enumerate(log.removesuffix(b"\n").split(b"\n") if log else []):
        head = evidence.link(head, raw)
        entries.append(Entry(seq=seq, raw=raw, head=head))
    return entries


# --- log and document ---------------------------------------------------------------------------------


def _pointers(entries: Sequence[Entry], pdf: bytes, report: Report, _: Words) -> Iterator[Check]:
    by_head = {entry.head.hex(): entry for entry in entries}
    for signer in report.signers:
        entry = by_head.get(str(signer.facts.get("evidence_head")))
        yield Check(
            "signed",
            ok=entry is not None and _says_signed(entry, signer.challenge),
            sentence=_("The log has the act of %(name)s where their signature says it is.") % {"name": signer.name},
        )
    seals = [str(v.facts.get("evidence_head")) for v in report.verdicts if v.kind == "seal"]
    yield Check(
        "seal",
        ok=bool(seals) and all(head in by_head for head in seals),
        sentence=_("The seal was set on this log."),
    )
    digest = hashlib.sha256(pdf).hexdigest()
    yield Check(
        "document",
        ok=any(_value(e).get("data", {}).get("document_sha256") == digest for e in entries),
        sentence=_("The log names this document by its SHA-256."),
    )


def _says_signed(entry: Entry, challenge: str) -> bool:
    value = _value(entry)
    return value.get("kind") == "signed" and value.get("data", {}).get("challenge") == challenge


def _value(entry: Entry) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        if isinstance(value := json.loads(entry.raw), dict) and isinstance(value.get("data"), dict):
            return value
    return {}


# --- log and tree -------------------------------------------------------------------------------------


def _history(
    entries: Sequence[Entry], contract_id: str, raw: bytes | None, roots: Sequence[bytes], _: Words
) -> Iterator[Check]:
    if raw is None:
        yield Check("tree", ok=False, sentence=_("The bundle brings no proof of its place in the tree."))
        return
    try:
        proof = _Proof.read(raw)
    except (ValueError, KeyError, TypeError, RecursionError):
        yield Check("tree", ok=False, sentence=_("The proof of its place in the tree cannot be read."))
        return
    leaf = proof.leaf
    known = leaf.contract_id == contract_id and 0 <= leaf.seq < len(entries)
    yield Check(
        "leaf",
        ok=known and entries[leaf.seq].head.hex() == leaf.head,
        sentence=_("The tree's leaf is this log up to entry %(seq)s of %(last)s.")
        % {"seq": leaf.seq, "last": len(entries) - 1},
    )
    yield Check("inclusion", ok=proof.included(), sentence=_("The leaf is in the tree under its signed head."))
    yield Check("head", ok=proof.vouched(roots), sentence=_("The head is signed by the house's certificate."))
    times = list(proof.times(roots))
    yield Check(
        "head_time",
        ok=bool(times) and all(t is not None and t >= proof.at - CLOCK_TOLERANCE for t in times),
        sentence=_("The head has been timestamped: %(times)s.")
        % {"times": ", ".join(t.isoformat() if t else "?" for t in times) or "-"},
    )


@dataclass(frozen=True)
class _Proof:
    leaf: Leaf
    position: int
    path: tuple[bytes, ...]
    raw: bytes
    size: int
    root: bytes
    at: datetime
    signature: bytes
    certificate: x509.Certificate
    tokens: tuple[bytes, ...]

    @classmethod
    def read(cls, raw: bytes) -> "_Proof":
        value = json.loads(raw)
        head = json.loads(value["head"])
        if head["format"] != tree.HEAD_FORMAT:
            raise ValueError("not a head of ours")
        leaf = value["leaf"]
        return cls(
            leaf=Leaf(str(leaf["contract_id"]), int(leaf["seq"]), str(leaf["head"])),
            position=int(value["position"]),
            path=tuple(bytes.fromhex(step) for step in value["path"]),
            raw=value["head"].encode(),
            size=int(head["size"]),
            root=bytes.fromhex(head["root"]),
            at=datetime.fromisoformat(head["at"]),
            signature=base64.b64decode(value["signature"], validate=True),
            certificate=x509.load_pem_x509_certificate(value["certificate"].encode()),
            tokens=tuple(base64.b64decode(t, validate=True) for t in value["timestamps"]),
        )

    def included(self) -> bool:
        return tree.root_over(self.leaf.hash(), self.position, self.size, self.path) == self.root

    def vouched(self, roots: Sequence[bytes]) -> bool:
        """The head's signature, and the certificate's by one of the roots; when it was valid the timestamps say."""
        key = self.certificate.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        with suppress(InvalidSignature):
            key.verify(self.signature, self.raw, ec.ECDSA(hashes.SHA256()))
            return any(_issued(root, self.certificate) for root in _certificates(roots))
        return False

    def times(self, roots: Sequence[bytes]) -> Iterator[datetime | None]:
        for token in self.tokens:
            try:
                yield check_token(token, hashlib.sha256(self.raw).digest(), roots)
            except BadToken:
                yield None


def _certificates(roots: Sequence[bytes]) -> Iterator[x509.Certificate]:
    for pem in roots:
        with suppress(ValueError):
            yield from x509.load_pem_x509_certificates(pem)


def _issued(root: x509.Certificate, certificate: x509.Certificate) -> bool:
    with suppress(ValueError, TypeError, InvalidSignature):
        certificate.verify_directly_issued_by(root)
        return True
    return False


def fingerprint(root: bytes) -> str:
    """What a head calls its house: the SHA-256 (hex) of the signing root's DER."""
    der = x509.load_pem_x509_certificate(root).public_bytes(serialization.Encoding.DER)
    return hashlib.sha256(der).hexdigest()
