"""Trade registers: is there an enterprise of this number, is it active, is this its name, is this who represents it?

As with authoritative sources (`sources.py`), we speak one small protocol and an operator puts a few lines in front of theirs:

    POST the address      {"format", "request_id", "register", "country", "number", "name", "representative"}
    its answer            {"outcome": "active" | "inactive" | "unknown" | "not_available", "reference",
                           "name": "agrees" | "differs", "representative": "agrees" | "differs" | "not_compared"}
    GET the address       {"format", "provider"}: asks about nobody

How requests and answers are signed is said in `provider.py`. An enterprise that is said to be there without a word about
its name is no answer: a number alone proves nothing.
"""

from collections.abc import Mapping
from typing import Any

from bff.core.enterprise import Facts
from bff.core.errors import Fault
from bff.core.ports import Agreement, RegisterAnswer, RegisterOutcome
from bff.realname.provider import Answer, Provider, Unanswered, short

FORMAT = "countersign-register/1"
LONGEST_REFERENCE = 120
THERE = (RegisterOutcome.ACTIVE, RegisterOutcome.INACTIVE)
SAID = (Agreement.AGREES, Agreement.DIFFERS)


class NullRegister:
    """No register is configured: pages and evidence then say that none was asked."""

    configured = False

    def ask(self, facts: Facts, *, request: str) -> RegisterAnswer:
        return _not_available("none", "not_configured")

    def check(self) -> str:
        return "none: pages and signatures say that no trade register was asked"


class HttpRegister:
    """One register that speaks our protocol over HTTP."""

    configured = True

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def ask(self, facts: Facts, *, request: str) -> RegisterAnswer:
        try:
            answer = self._provider.ask("POST", body=_question(facts, request))
        except Unanswered as unanswered:
            return _not_available(self._provider.host, unanswered.reason)
        return self._read(answer)

    def check(self) -> str:
        try:
            answer = self._provider.ask("GET")
        except Unanswered as unanswered:
            raise _down(unanswered.reason) from unanswered
        if answer.status != 200 or answer.value.get("format") != FORMAT:
            raise _down(f"status_{answer.status}")
        return f"{self._provider.host} answers as {short(answer.value.get('provider'), 60) or 'an unnamed register'}"

    def _read(self, answer: Answer) -> RegisterAnswer:
        said = answer.value
        provider = short(said.get("provider"), 60) or self._provider.host
        if answer.status != 200:
            return _not_available(provider, f"status_{answer.status}")
        outcome, reference = short(said.get("outcome"), 20), short(said.get("reference"), LONGEST_REFERENCE)
        if outcome == RegisterOutcome.NOT_AVAILABLE:
            return _not_available(provider, short(said.get("reason"), 60))
        name, representative = _agreement(said, "name"), _agreement(said, "representative")
        unclear = outcome in THERE and (name not in SAID or representative is None or not reference)
        if outcome not in set(RegisterOutcome) or unclear:
            return _not_available(provider, "answer_unreadable")
        if outcome not in THERE:
            return RegisterAnswer(RegisterOutcome.UNKNOWN, provider, reference)
        nothing = Agreement.NOT_COMPARED
        return RegisterAnswer(RegisterOutcome(outcome), provider, reference, name or nothing, representative or nothing)


def _question(facts: Facts, request: str) -> dict[str, str]:
    return {
        "format": FORMAT,
        "request_id": request,
        "register": facts.register,
        "country": facts.country,
        "number": facts.number,
        "name": facts.name,
        "representative": facts.representative,
    }


def _agreement(said: Mapping[str, Any], about: str) -> Agreement | None:
    """None for what is no word of ours."""
    value = said.get(about, Agreement.NOT_COMPARED)
    return Agreement(value) if isinstance(value, str) and value in set(Agreement) else None


def _not_available(provider: str, reason: str) -> RegisterAnswer:
    return RegisterAnswer(RegisterOutcome.NOT_AVAILABLE, provider, "", reason=reason)


def _down(reason: str) -> Fault:
    return Fault(
        "register_down",
        what=f"The trade register gave no answer that can be believed ({reason}).",
        do="Check BFF_REGISTER_URL and BFF_REGISTER_KEY_FILE, and that the service is up.",
    )
