"""Judges a signed PDF from the file and the root certificates alone: no database, no network, nobody's word.

For each signer it finds the exact bytes that were shown (a prefix of the file), rebuilds the intent's challenge from
the signed attribute, and checks the proof against it. What it says keeps two things apart: a passkey's assertion is
checked here, against the signer's own device key; an SMS code or a face is what the platform says it checked, and its
signature under that statement is all that a file can show. Of a face it is checked here that the video was asked for
this document; whether the face was real is the platform's word (`statements.py`).

Sentences come first and are for people; checks and facts come after and are for their experts.
"""

import argparse
import base64
import binascii
import hashlib
import json
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import rfc8785
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from bff.core import intent as intents
from bff.core.errors import Refusal
from bff.core.intent import Intent
from bff.core.ports import Verdict
from bff.signing import cms, pades, statements
from bff.signing.authority import common_name
from bff.words import best, words

CLOCK_TOLERANCE = timedelta(minutes=2)
"""How far the TSA's clock may lie before ours when a signature follows its intent at once."""
DEEPEST = 32
"""Levels of lists and objects in a statement; ours have six."""
USER_PRESENT, USER_VERIFIED = 0x01, 0x04


@dataclass(frozen=True)
class Check:
    """One thing that was checked: a stable name, whether it held, and what it means."""

    name: str
    ok: bool
    sentence: str

    def line(self) -> str:
        return f"  {'ok  ' if self.ok else 'FAIL'} {self.name}: {self.sentence}"


@dataclass(frozen=True)
class SignerReport:
    """One signer: `ok` when every check held. `proof` is "device" (checked here) or "platform" (its statement)."""

    name: str
    ok: bool
    level: str
    time: str | None
    method: str
    proof: str
    contract_id: str
    document_sha256: str
    shown_bytes: int | None
    challenge: str
    checks: tuple[Check, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    """What the platform says it knows of the person, in sentences; nothing where something does not hold."""


@dataclass(frozen=True)
class Report:
    """The whole file: `ok` when it is sealed and every signer, the seal and the time stamps hold."""

    ok: bool
    sentences: tuple[str, ...]
    signers: tuple[SignerReport, ...]
    verdicts: tuple[Verdict, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """For a terminal: sentences first, then each signer's checks, then every signature."""
        lines = [*self.sentences]
        for signer in self.signers:
            lines += ["", f"{signer.name} · {signer.level} · {signer.time or '-'} · {signer.method}"]
            lines += [f"  {' '.join(signer.known)}"] if signer.known else []
            lines += [check.line() for check in signer.checks]
        others = (
            f"{v.kind} · {v.who} · {v.level} · {v.time or '-'} · {', '.join(v.reasons) or 'ok'}" for v in self.verdicts
        )
        return [*lines, "", *others]


class Judged(Protocol):
    """What a judge of a file says."""

    @property
    def ok(self) -> bool: ...
    def to_dict(self) -> dict[str, Any]: ...
    def lines(self) -> list[str]: ...


def verify(
    content: bytes, *, roots: Sequence[bytes] | None, at: datetime | None = None, language: str = "en"
) -> Report:
    """Everything the file can prove at a time (now). Raises Refusal `pdf_unreadable`.

    Without roots the mathematics is checked but nobody's name is: the report says so and is not ok.
    """
    _ = words(language)
    at = at or datetime.now(UTC)
    found = pades.find(content)
    judged = pades.judge(content, roots=tuple(roots or ()), at=at)
    verdicts = tuple(_beside(content, f, v) for f, v in zip(found, judged, strict=True))
    shown = _Prefixes(content)
    signers = tuple(
        _signer(content, f, v, shown, _) for f, v in zip(found, verdicts, strict=True) if f.kind == "signer"
    )
    sealed = _sealed_contracts(found, verdicts)
    whole = [s.contract_id in sealed for s in signers]
    others = [v for v in verdicts if v.kind != "signer"]
    stray = tuple(_stray(content, found, _))
    reported = not signers and _is_report(found)
    ok = (
        (bool(signers) or reported)
        and not stray
        and all(whole)
        and all(s.ok for s in signers)
        and all(v.ok for v in others)
    )
    sentences = (*_sentences(signers, others, whole, trusted=bool(roots), reported=reported, _=_), *stray)
    return Report(ok=ok, sentences=sentences, signers=signers, verdicts=verdicts)


def main(argv: Sequence[str], *, judge: Callable[..., Judged] = verify) -> int:
    """`verify FILE [--root PEM]… [--at TIME] [--json]`: 0 everything holds, 1 something does not, 2 it cannot be read."""
    parser = argparse.ArgumentParser(prog="bff verify", description="Check a signed PDF, offline.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--root", type=Path, action="append", default=[], help="root certificate(s), PEM; may repeat")
    parser.add_argument("--at", type=moment, help="judge at this time, ISO 8601, UTC unless it says so (default: now)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--language", default="en")
    given = parser.parse_args(argv)
    for library in ("pyhanko", "pyhanko_certvalidator"):  # what they have to say is in the report
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    try:
        trusted = [path.read_bytes() for path in given.root]
        report = judge(given.file.read_bytes(), roots=trusted, at=given.at, language=best(given.language))
    except (OSError, ValueError, Refusal) as error:
        print(f"{given.file}: {getattr(error, 'code', None) or error}", file=sys.stderr)
        return 2
    print(json.dumps(report.to_dict(), ensure_ascii=False, indent=2) if given.json else "\n".join(report.lines()))
    return 0 if report.ok else 1


def moment(text: str) -> datetime:
    """Raises ValueError."""
    given = datetime.fromisoformat(text)
    return given if given.tzinfo else given.replace(tzinfo=UTC)


# --- what the file says as a whole ---------------------------------------------------------------------------

Words = Callable[[str], str]


def _sealed_contracts(found: Iterable[pades.Found], verdicts: Iterable[Verdict]) -> set[str]:
    """The contracts that a valid seal in the file closes."""
    sealed = set()
    for signature, verdict in zip(found, verdicts, strict=True):
        statement = _object(signature.statement)
        if signature.kind == "seal" and verdict.ok and statement.get("format") == pades.SEAL_FORMAT:
            sealed.add(str(statement.get("contract_id")))
    return sealed


def _is_report(found: Iterable[pades.Found]) -> bool:
    """What the house says about a contract, under its seal: nobody signs it."""
    formats = {_object(f.statement).get("format") for f in found if f.kind == "seal"}
    return formats == {pades.REPORT_FORMAT}


def _sentences(
    signers: Sequence[SignerReport],
    others: Sequence[Verdict],
    whole: Sequence[bool],
    *,
    trusted: bool,
    reported: bool,
    _: Words,
) -> Iterator[str]:
    if not trusted:
        yield _("No root certificates were given, so nobody's name could be checked.")
    if reported:
        yield _(
            "This is a report of the platform about a contract, under its seal. Nobody signs it; it is its statement."
        )
    elif not signers:
        yield _("Nobody has signed this file through Countersign.")
    for signer, sealed in zip(signers, whole, strict=True):
        if trusted or not _lacks_only_a_name(signer):
            yield _signer_sentence(signer, _)
        if trusted and not sealed:
            yield _("The contract that %(name)s signed is not closed by a valid seal in this file.") % {
                "name": signer.name
            }
    for verdict in others:
        if not verdict.ok and (trusted or not _is_unnamed(verdict.reasons)):
            yield _broken(verdict.kind, _) % {"who": verdict.who}


def _lacks_only_a_name(signer: SignerReport) -> bool:
    """Without roots nobody's certificate is known; that is said once, and is no fault of a signature."""
    failed = [check for check in signer.checks if not check.ok]
    return [check.name for check in failed] == ["signature"] and _is_unnamed([failed[0].sentence])


def _is_unnamed(reasons: Sequence[str]) -> bool:
    return all(reason.startswith(("no_certificate_chain_found", "certificate_not_trusted")) for reason in reasons)


def _broken(kind: str, _: Words) -> str:
    if kind == "seal":
        return _("The seal of the platform does not hold.")
    if kind == "timestamp":
        return _("A time stamp of %(who)s does not hold.")
    return _("The signature of %(who)s, made elsewhere, does not hold.")


def _stray(content: bytes, found: Sequence[pades.Found], _: Words) -> Iterator[str]:
    """Bytes that no signature covers: behind the last one, or beside a signature in its own place."""
    if found and max(f.end for f in found) < len(content):
        yield _("After the last signature there are bytes that nobody signed.")
    if any(not _filled_with_zeros(content[slice(*f.gap)]) for f in found):
        yield _("Beside a signature, where no signature reaches, something is hidden.")


def _beside(content: bytes, found: pades.Found, verdict: Verdict) -> Verdict:
    """A signature in whose own place something else stands as well, or which is not written as it must be, does not hold,
    whatever it says itself."""
    gap = content[slice(*found.gap)]
    if not _filled_with_zeros(gap):
        return replace(verdict, ok=False, reasons=(*verdict.reasons, "hidden_beside"))
    if found.kind != "foreign" and not cms.orderly(_used(bytes.fromhex(gap[1:-1].decode("ascii")))):
        return replace(verdict, ok=False, reasons=(*verdict.reasons, "not_in_order"))
    return verdict


def _filled_with_zeros(gap: bytes) -> bool:
    """`<`, the signature's DER in hexadecimal digits of one case, zeros, `>`."""
    if gap not in (gap.lower(), gap.upper()):
        return False
    try:
        octets = bytes.fromhex(gap[1:-1].decode("ascii")) if gap[:1] + gap[-1:] == b"<>" else b""
        return not any(octets[len(_used(octets)) :]) and len(octets) == len(gap) // 2 - 1
    except (ValueError, IndexError):
        return False


def _used(octets: bytes) -> bytes:
    """The DER element that stands at the beginning. Raises IndexError."""
    count = octets[1] & 0x7F if octets[1] >= 0x80 else 0
    size = int.from_bytes(octets[2 : 2 + count]) if count else octets[1]
    return octets[: 2 + count + size]


def _signer_sentence(signer: SignerReport, _: Words) -> str:
    params = {"name": _who(signer, _), "time": signer.time or "?"}
    if not signer.ok:
        return _("The signature of %(name)s does not hold.") % params
    if signer.proof == "device" and statements.by_a_link(_mapping(signer.facts.get("identity"))):
        sentence = _(
            "%(name)s signed exactly this document, confirmed with the key of a device that was set up by whoever held the "
            "link sent to them; time: %(time)s."
        )
    elif signer.proof == "device":
        sentence = _(
            "%(name)s signed exactly this document, confirmed with the key of their own device; time: %(time)s."
        )
    else:
        sentence = _(
            "%(name)s signed exactly this document; how they confirmed it is the platform's signed statement; "
            "time: %(time)s."
        )
    return sentence % params


def _who(signer: SignerReport, _: Words) -> str:
    whom = _mapping(signer.facts.get("intent")).get("organisation")
    return _("%(name)s for %(organisation)s") % {"name": signer.name, "organisation": whom} if whom else signer.name


# --- one signer -------------------------------------------------------------------------------------------------


def _signer(content: bytes, found: pades.Found, verdict: Verdict, shown: "_Prefixes", _: Words) -> SignerReport:
    act = _object(found.statement)
    checks = [_signature_check(verdict, _)]
    intent = _intent(act)
    proof, identity = _mapping(act.get("proof")), _mapping(act.get("identity"))
    cut = shown.find(intent.document_sha256, before=found.end) if intent else None
    if intent is None:
        checks.append(Check("intent", ok=False, sentence=_("The statement that was confirmed cannot be read.")))
    else:
        checks += _intent_checks(found, verdict, act, intent, _)
        checks += _document_checks(content, cut, _)
        checks += _proof_checks(proof, identity, intent, verdict, _)
        checks.append(_identity_check(proof, identity, intent, _))
    ok = all(check.ok for check in checks)
    return SignerReport(
        name=found.who,
        ok=ok,
        level=verdict.level,
        time=verdict.time,
        method=str(proof.get("method", "")),
        proof="device" if proof.get("method") == "passkey" else "platform",
        contract_id=intent.contract_id if intent else "",
        document_sha256=intent.document_sha256 if intent else "",
        shown_bytes=cut,
        challenge=intent.challenge().hex() if intent else "",
        checks=tuple(checks),
        facts={
            "certificate_serial": verdict.facts.get("serial"),
            "identity": act.get("identity"),
            "evidence_head": act.get("evidence_head"),
            "intent": intent.members() if intent else None,
        },
        known=statements.known(identity, _) if ok else (),
    )


def _signature_check(verdict: Verdict, _: Words) -> Check:
    if verdict.ok:
        return Check("signature", ok=True, sentence=_("The signature is valid and its certificate is trusted."))
    return Check("signature", ok=False, sentence=", ".join(verdict.reasons))


def _intent(act: Mapping[str, Any]) -> Intent | None:
    with suppress(Refusal, ValueError, TypeError, KeyError):
        return intents.read(pades.intent_of(act))
    return None


def _intent_checks(
    found: pades.Found, verdict: Verdict, act: Mapping[str, Any], intent: Intent, _: Words
) -> Iterator[Check]:
    yield Check(
        "name",
        ok=pades.named(intent.signer_name, found.certificate),
        sentence=_("The certificate is in the name that the statement gives."),
    )
    if intent.organisation or any(pades.acts_for(found.certificate)):
        yield Check(
            "organisation",
            ok=_for_whom(found, act, intent),
            sentence=_("Certificate and record name the same enterprise that the statement signs for."),
        )
    yield Check(
        "mark",
        ok=_digest(act.get("mark")) == intent.mark_sha256,
        sentence=_("The mark is the one that was confirmed."),
    )
    yield Check(
        "values",
        ok=_digest(act.get("values")) == intent.values_sha256,
        sentence=_("The values of the fields are the ones that were confirmed."),
    )
    yield Check(
        "time",
        ok=_in_order(intent, verdict),
        sentence=_("The time stamp is not older than the statement."),
    )


def _for_whom(found: pades.Found, act: Mapping[str, Any], intent: Intent) -> bool:
    """The statement, the certificate and what the house knew are about one enterprise."""
    name, identifier = pades.acts_for(found.certificate)
    known = _mapping(_mapping(act.get("identity")).get("enterprise"))
    same = identifier == intent.organisation_identifier == known.get("identifier")
    return same and bool(intent.organisation) and name == common_name(intent.organisation)


def _digest(value: Any) -> str | None:
    with suppress(ValueError):
        return hashlib.sha256(rfc8785.dumps(value)).hexdigest()
    return None


def _in_order(intent: Intent, verdict: Verdict) -> bool:
    """A signature without a time stamp has no time that could be out of order."""
    if verdict.time is None:
        return True
    try:
        issued = datetime.fromisoformat(intent.issued_at)
        return datetime.fromisoformat(verdict.time) >= issued - CLOCK_TOLERANCE
    except (ValueError, TypeError, OverflowError):
        return False


def _document_checks(content: bytes, cut: int | None, _: Words) -> Iterator[Check]:
    yield Check(
        "document",
        ok=cut is not None,
        sentence=_("The document that was shown is in this file, byte for byte, before the signature."),
    )
    if cut is not None:
        yield Check(
            "additions",
            ok=pades.only_signatures_since(content, cut) and not pades.empty_fields_shown_since(content, cut),
            sentence=_("Since it was shown, only signatures, filled-in fields and time stamps were added."),
        )


class _Prefixes:
    """The digests of the file cut at the end of each of its revisions, all in one pass."""

    def __init__(self, content: bytes) -> None:
        self._cuts: dict[str, int] = {}
        hasher, done = hashlib.sha256(), 0
        for cut in sorted(set(_ends(content))):
            hasher.update(content[done:cut])
            done = cut
            self._cuts.setdefault(hasher.hexdigest(), cut)

    def find(self, sha256: str, *, before: int) -> int | None:
        """Where the file has to be cut so that it has this digest; only cuts before that place count."""
        cut = self._cuts.get(sha256)
        return cut if cut is not None and cut < before else None


def _ends(content: bytes) -> Iterator[int]:
    """After each end-of-file mark, with and without the line end that may follow it."""
    for mark in re.finditer(rb"%%EOF(\r\n|\r|\n)?", content):
        yield mark.start() + 5
        yield mark.end()
        if content[mark.start() + 5 : mark.start() + 7] == b"\r\n":
            yield mark.start() + 6


# --- proofs -------------------------------------------------------------------------------------------------------


def _proof_checks(
    proof: Mapping[str, Any], identity: Mapping[str, Any], intent: Intent, verdict: Verdict, _: Words
) -> Iterator[Check]:
    method = proof.get("method")
    yield Check("method", ok=method == intent.method, sentence=_("The proof is of the kind that the statement names."))
    if method == "passkey":
        yield from _passkey_checks(proof, intent, _)
        return
    if method == "face":
        for name, ok in statements.face_checks(proof, identity, intent, proven=verdict.time):
            yield Check(name, ok=ok, sentence=_(statements.CHECKS[name]))
    if method in ("sms", "face"):
        yield Check(
            "proof",
            ok=True,
            sentence=_("How it was confirmed is the platform's signed statement; a file cannot prove more than that."),
        )
    else:
        yield Check("proof", ok=False, sentence=_("There is no proof of a kind that is known."))


def _identity_check(proof: Mapping[str, Any], identity: Mapping[str, Any], intent: Intent, _: Words) -> Check:
    ok = statements.identity_holds(identity, proof, intent)
    sentence = statements.CHECKS["identity"]
    return Check("identity", ok=ok, sentence=_(sentence))


def _passkey_checks(proof: Mapping[str, Any], intent: Intent, _: Words) -> Iterator[Check]:
    """WebAuthn Level 3, section 7.2, as far as it can be done without the server that asked."""
    client_raw, authenticator = _bytes(proof, "client_data_json"), _bytes(proof, "authenticator_data")
    client = _object(client_raw)
    host = _host(f"//{intent.host}")
    yield Check(
        "challenge",
        ok=client.get("type") == "webauthn.get" and _unpadded(str(client.get("challenge"))) == intent.challenge(),
        sentence=_("What the device signed is the challenge made from this statement."),
    )
    yield Check(
        "origin",
        ok=host is not None and _host(str(client.get("origin"))) == host and client.get("crossOrigin") in (None, False),
        sentence=_("It was asked for by the address that the statement names."),
    )
    yield Check(
        "device",
        ok=_bound(authenticator, str(proof.get("rp_id", "")), host),
        sentence=_("The device verified its user (fingerprint, face or PIN) for this address."),
    )
    signed = authenticator + hashlib.sha256(client_raw).digest()
    yield Check(
        "assertion",
        ok=_signed_by(_bytes(proof, "public_key"), _bytes(proof, "signature"), signed),
        sentence=_("Checked against the signer's own device key."),
    )


def _bound(authenticator: bytes, rp_id: str, host: str | None) -> bool:
    """Authenticator data (section 6.1): RP ID hash, then flags."""
    if len(authenticator) < 37 or rp_id != host:
        return False
    flags = authenticator[32]
    return (
        authenticator[:32] == hashlib.sha256(rp_id.encode()).digest()
        and flags & USER_PRESENT != 0
        and flags & USER_VERIFIED != 0
    )


def _signed_by(public_key: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        key = read_cose_key(public_key)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, signed)
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def read_cose_key(raw: bytes) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey:
    """A COSE_Key (RFC 9052, section 7): ES256, RS256 or EdDSA, the kinds that passkeys have. Raises ValueError."""
    key = _cbor_map(raw)
    match key.get(1), key.get(3), key.get(-1), key.get(-2), key.get(-3):
        case 2, -7, 1, bytes(x), bytes(y):
            numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1())
            return numbers.public_key()
        case 3, -257, bytes(n), bytes(e), _:
            return rsa.RSAPublicNumbers(int.from_bytes(e), int.from_bytes(n)).public_key()
        case 1, -8, 6, bytes(x), _:
            return ed25519.Ed25519PublicKey.from_public_bytes(x)
    raise ValueError("not a COSE key of a known kind")


def _cbor_map(raw: bytes) -> dict[int, int | bytes]:
    """As much of CBOR (RFC 8949) as a COSE key needs: a map from integers to integers and byte strings."""
    head, place = _cbor_head(raw, 0)
    if head[0] != 5:
        raise ValueError("not a CBOR map")
    entries: dict[int, int | bytes] = {}
    for _ in range(head[1]):
        key, place = _cbor_item(raw, place)
        value, place = _cbor_item(raw, place)
        if not isinstance(key, int) or key in entries:
            raise ValueError("not a COSE key")
        entries[key] = value
    if place != len(raw):
        raise ValueError("bytes after the CBOR map")
    return entries


def _cbor_item(raw: bytes, place: int) -> tuple[int | bytes, int]:
    (major, value), place = _cbor_head(raw, place)
    if major == 0:
        return value, place
    if major == 1:
        return -1 - value, place
    if major == 2 and place + value <= len(raw):
        return raw[place : place + value], place + value
    raise ValueError("not a CBOR item of a COSE key")


def _cbor_head(raw: bytes, place: int) -> tuple[tuple[int, int], int]:
    if place >= len(raw):
        raise ValueError("CBOR ends early")
    major, short = raw[place] >> 5, raw[place] & 31
    if short < 24:
        return (major, short), place + 1
    if short > 26:
        raise ValueError("not a CBOR length of a COSE key")
    size = 1 << (short - 24)
    if place + 1 + size > len(raw):
        raise ValueError("CBOR ends early")
    return (major, int.from_bytes(raw[place + 1 : place + 1 + size])), place + 1 + size


def _host(address: str) -> str | None:
    with suppress(ValueError):
        return urlsplit(address).hostname
    return None


def _bytes(proof: Mapping[str, Any], name: str) -> bytes:
    return _unpadded(str(proof.get(name, "")))


def _unpadded(text: str) -> bytes:
    """Base64url without padding; what is not is nothing, and no check holds over nothing."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        return b""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _object(raw: bytes) -> Mapping[str, Any]:
    """The JSON object in these octets; nothing where it is none, or nested so deep that only an attack is."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return {} if _deep(value) else _mapping(value)


def _deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        inner = (list(v.values()) if isinstance(v, dict) else v for v in level if isinstance(v, dict | list))
        level = [each for values in inner for each in values]
        if not level:
            return False
    return True


_mapping = statements.mapping
