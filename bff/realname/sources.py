"""Authoritative sources: do this name and this number (and phone, and face) belong together?

Every provider's interface differs, so we speak one small protocol and an operator puts a few lines in front of theirs:

    POST the address      {"format", "request_id", "name", "number", "phone"?, "portrait_jpeg"? (base64)}
    its answer            {"outcome": "match" | "no_match" | "unknown" | "not_available", "reference", "compared": [...]}
    GET the address       {"format", "provider"}: asks about nobody

How requests and answers are signed is said in `provider.py`. An answer that claims less than a comparison of name and
number is no match; one that claims more than it was asked about is not believed. Names and numbers reach no log.
"""

import base64
import secrets

from bff.core.errors import Fault
from bff.core.ports import SourceAnswer, SourceOutcome
from bff.realname.provider import Answer, Provider, Unanswered, short

FORMAT = "countersign-source/1"
LONGEST_REFERENCE = 120
NEEDED = {"name", "number"}


class NullSource:
    """No source is configured: levels then say that none was asked."""

    configured = False

    def ask(self, *, name: str, number: str, phone: str | None = None, portrait: bytes | None = None) -> SourceAnswer:
        return _not_available("none", "not_configured")

    def check(self) -> str:
        return "none: levels say `document+face`, source not checked"


class HttpSource:
    """One source that speaks our protocol over HTTP."""

    configured = True

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def ask(self, *, name: str, number: str, phone: str | None = None, portrait: bytes | None = None) -> SourceAnswer:
        question = {"format": FORMAT, "request_id": secrets.token_hex(16), "name": name, "number": number}
        asked = set(NEEDED)
        if phone:
            question["phone"] = phone
            asked.add("phone")
        if portrait:
            question["portrait_jpeg"] = base64.b64encode(portrait).decode()
            asked.add("portrait")
        try:
            answer = self._provider.ask("POST", body=question)
        except Unanswered as unanswered:
            return _not_available(self._provider.host, unanswered.reason)
        return self._read(answer, asked)

    def check(self) -> str:
        try:
            answer = self._provider.ask("GET")
        except Unanswered as unanswered:
            raise _down(unanswered.reason) from unanswered
        if answer.status != 200 or answer.value.get("format") != FORMAT:
            raise _down(f"status_{answer.status}")
        return f"{self._provider.host} answers as {short(answer.value.get('provider'), 60) or 'an unnamed source'}"

    def _read(self, answer: Answer, asked: set[str]) -> SourceAnswer:
        said = answer.value
        provider = short(said.get("provider"), 60) or self._provider.host
        if answer.status != 200:
            return _not_available(provider, f"status_{answer.status}")
        outcome, compared = short(said.get("outcome"), 20), _names(said)
        reference = short(said.get("reference"), LONGEST_REFERENCE)
        if outcome not in set(SourceOutcome) or compared is None or not compared <= asked:
            return _not_available(provider, "answer_unreadable")
        if outcome == SourceOutcome.MATCH and (not compared >= NEEDED or not reference):
            return _not_available(provider, "answer_unreadable")
        reason = short(said.get("reason"), 60) if outcome == SourceOutcome.NOT_AVAILABLE else ""
        return SourceAnswer(SourceOutcome(outcome), provider, reference, tuple(sorted(compared)), reason)


def _names(said: object) -> set[str] | None:
    value = said.get("compared", []) if isinstance(said, dict) else None
    return set(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else None


def _not_available(provider: str, reason: str) -> SourceAnswer:
    return SourceAnswer(SourceOutcome.NOT_AVAILABLE, provider, "", (), reason)


def _down(reason: str) -> Fault:
    return Fault(
        "source_down",
        what=f"The authoritative source gave no answer that can be believed ({reason}).",
        do="Check BFF_SOURCE_URL and BFF_SOURCE_KEY_FILE, and that the service is up.",
    )
