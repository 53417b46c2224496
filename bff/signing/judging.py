"""Judges an evidence bundle offline: the document, its log, how the two point at each other, and the log's place in the tree.
An enterprise's record is judged in the same way, as far as it goes.

It needs the bundle and root certificates, nothing else; what it says of the document is what `bff.signing.verify` says.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bff.core import evidence, tree
from bff.core.evidence import Entry
from bff.core.tree import Leaf
from bff.signing import verify
from bff.signing.authority import BadToken, check_token
from bff.signing.bundle import HISTORY, LOG, PDF, RECORD, unpack
from bff.signing.verify import Check, Report, SignerReport
from bff.words import words

CLOCK_TOLERANCE = timedelta(minutes=2)
FORMAT = "countersign-history/1"


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


def judge(
    content: bytes, *, roots: Sequence[bytes] | None, at: datetime | None = None, language: str = "en"
) -> Verdict:
    """Everything the bundle proves, offline. Raises Refusal `bundle_unreadable` or `pdf_unreadable`."""
    parts = unpack(content)
    if RECORD in parts:
        return _judge_record(parts, roots=tuple(roots or ()), _=words(language))
    report = verify.verify(parts[PDF], roots=roots, at=at, language=language)
    checks = tuple(_checks(parts, report, roots=tuple(roots or ()), _=words(language)))
    return Verdict(ok=report.ok and all(check.ok for check in checks), report=report, checks=checks)


Words = verify.Words


def _judge_record(parts: Mapping[str, bytes], *, roots: Sequence[bytes], _: Words) -> Verdict:
    entries = _entries(parts[RECORD])
    subject = str(_value(entries[0]).get("contract_id", "")) if entries else ""
    checks = tuple(_record_checks(parts, entries, subject if ":" in subject else "", roots=roots, _=_))
    said = _("This is the record of an enterprise. It is the platform's statement, and nobody signs it.")
    return Verdict(all(check.ok for check in checks), Report(True, (said,), (), ()), checks)


def _record_checks(
    parts: Mapping[str, bytes], entries: Sequence[Entry], subject: str, *, roots: Sequence[bytes], _: Words
) -> Iterator[Check]:
    holds = bool(entries) and evidence.check(entries, contract_id=subject) is None
    yield Check("log", ok=holds, sentence=_("The log is one chain, each entry bound to all before it."))
    if holds:
        yield from _history(entries, subject, parts.get(HISTORY), roots, (), _)


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
    if not entries:
        return
    yield from _pointers(entries, parts[PDF], report, _)
    yield from _history(entries, contract_id, parts.get(HISTORY), roots, report.signers, _)


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
    entries: Sequence[Entry],
    contract_id: str,
    raw: bytes | None,
    roots: Sequence[bytes],
    signers: Sequence[SignerReport],
    _: Words,
) -> Iterator[Check]:
    if raw is None:
        yield Check("tree", ok=False, sentence=_("The bundle brings no proof of its place in the tree."))
        return
    try:
        proof = _Proof.read(raw)
    except (ValueError, KeyError, TypeError, RecursionError, UnsupportedAlgorithm, x509.InvalidVersion):
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
        ok=bool(times) and all(t is not None and t + CLOCK_TOLERANCE >= proof.at for t in times),
        sentence=_("The head has been timestamped: %(times)s.")
        % {"times": ", ".join(t.isoformat() if t else "?" for t in times) or "-"},
    )
    if proof.records is not None:
        yield from _records(proof, signers, _)


def _records(proof: "_Proof", signers: Sequence[SignerReport], _: Words) -> Iterator[Check]:
    """Whoever signed for an enterprise: its record says so where their signature says that it does."""
    for signer in signers:
        head = _record_head(signer)
        if head is not None:
            sentence = _("The enterprise's record has the act of %(name)s, and is in the tree as well.")
            ok = any(proof.has_use(record, head, signer.challenge) for record in proof.records or ())
            yield Check("record", ok=ok, sentence=sentence % {"name": signer.name})


def _record_head(signer: SignerReport) -> Any:
    identity = signer.facts.get("identity")
    enterprise = identity.get("enterprise") if isinstance(identity, dict) else None
    return enterprise.get("record_head") if isinstance(enterprise, dict) else None


@dataclass(frozen=True)
class _Record:
    """One entry of an enterprise's record with its place in the tree."""

    leaf: Leaf
    position: int
    path: tuple[bytes, ...]
    before: bytes
    entry: bytes

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "_Record":
        path = tuple(_digest(step) for step in value["path"])
        entry = _text(value["entry"]).encode()
        return cls(_leaf(value["leaf"]), _whole(value["position"]), path, _digest(value["before"]), entry)

    def says(self, challenge: str) -> bool:
        """The entry leads to the leaf, is of its chain, and tells of this very act."""
        value = _value(Entry(self.leaf.seq, self.entry, b""))
        place = (value.get("contract_id"), value.get("seq"), value.get("kind"))
        told = place == (self.leaf.contract_id, self.leaf.seq, "seal_used")
        linked = evidence.link(self.before, self.entry).hex() == self.leaf.head
        return told and linked and value["data"].get("challenge") == challenge


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
    records: tuple[_Record, ...] | None
    """None where the file brings none."""

    @classmethod
    def read(cls, raw: bytes) -> "_Proof":
        value = json.loads(raw)
        head = json.loads(_text(value["head"]))
        if head["format"] != tree.HEAD_FORMAT or value["format"] != FORMAT:
            raise ValueError("not a head of ours")
        records = tuple(_Record.read(each) for each in value["records"]) if "records" in value else None
        return cls(
            leaf=_leaf(value["leaf"]),
            position=_whole(value["position"]),
            path=tuple(_digest(step) for step in value["path"]),
            raw=value["head"].encode(),
            size=_whole(head["size"]),
            root=_digest(head["root"]),
            at=_moment(head["at"]),
            signature=base64.b64decode(_text(value["signature"]), validate=True),
            certificate=x509.load_pem_x509_certificate(_text(value["certificate"]).encode()),
            tokens=tuple(base64.b64decode(_text(t), validate=True) for t in value["timestamps"]),
            records=records,
        )

    def included(self) -> bool:
        return tree.root_over(self.leaf.hash(), self.position, self.size, self.path) == self.root

    def has_use(self, record: _Record, head: str, challenge: str) -> bool:
        """The record is under the same head of the tree, and its chain had that head when it told of this act."""
        root = tree.root_over(record.leaf.hash(), record.position, self.size, record.path)
        return root == self.root and record.leaf.head == head and record.says(challenge)

    def vouched(self, roots: Sequence[bytes]) -> bool:
        """The head's signature, and the certificate's by one of the roots; when it was valid the timestamps say."""
        with suppress(InvalidSignature, UnsupportedAlgorithm, ValueError):
            key = self.certificate.public_key()
            if not isinstance(key, ec.EllipticCurvePublicKey):
                return False
            key.verify(self.signature, self.raw, ec.ECDSA(hashes.SHA256()))
            return any(_issued(root, self.certificate) for root in _certificates(roots))
        return False

    def times(self, roots: Sequence[bytes]) -> Iterator[datetime | None]:
        for token in self.tokens:
            try:
                yield check_token(token, hashlib.sha256(self.raw).digest(), roots)
            except BadToken:
                yield None


def _text(value: Any) -> str:
    """Raises TypeError: what is written in another way says something else, even where Python would take it."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _leaf(value: Mapping[str, Any]) -> Leaf:
    return Leaf(_text(value["contract_id"]), _whole(value["seq"]), _text(value["head"]))


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("not a whole number")
    return value


def _moment(value: Any) -> datetime:
    at = datetime.fromisoformat(_text(value))
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at


def _digest(value: Any) -> bytes:
    if not re.fullmatch("[0-9a-f]{64}", _text(value)):
        raise ValueError("not a digest")
    return bytes.fromhex(value)


def _certificates(roots: Sequence[bytes]) -> Iterator[x509.Certificate]:
    for pem in roots:
        with suppress(ValueError):
            yield from x509.load_pem_x509_certificates(pem)


def _issued(root: x509.Certificate, certificate: x509.Certificate) -> bool:
    with suppress(ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        certificate.verify_directly_issued_by(root)
        return True
    return False
