"""Paying a small sum to an account, so that whoever reads its statement proves that the account is theirs.

The protocol, signed as `provider.py` says; an operator puts it in front of their bank's interface:

    POST the address/transfers           {"format", "reference", "account_name", "account_number", "bank_code",
                                          "amount_cents", "currency", "remark"}
    GET the address/transfers/REFERENCE  what became of it; 404 when it was never heard of
    GET the address                      {"format", "provider"}
    an answer                            {"reference", "provider_reference", "state": "accepted" | "paid" | "failed", "reason"?}

The reference is ours. The bank pays each once, however often it is asked, and refuses (409) one that comes back changed.
Account numbers reach no log.
"""

from bff.core.errors import Fault, Refusal
from bff.core.ports import Payout, PayoutState, Transfer
from bff.realname.provider import Answer, Provider, Unanswered, short

FORMAT = "countersign-payout/1"
LONGEST_REFERENCE = 120


class NullPayouts:
    """No bank is configured: this way of proving is not offered."""

    configured = False

    def pay(self, transfer: Transfer) -> Payout:
        raise Refusal("payout_not_offered")

    def status(self, reference: str) -> Payout | None:
        return None

    def check(self) -> str:
        return "none: enterprises are not asked to prove a bank account"


class HttpPayouts:
    """A bank that speaks our protocol over HTTP."""

    configured = True

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def pay(self, transfer: Transfer) -> Payout:
        answer = self._ask(
            "POST",
            "/transfers",
            {
                "format": FORMAT,
                "reference": transfer.reference,
                "account_name": transfer.account_name,
                "account_number": transfer.account_number,
                "bank_code": transfer.bank_code,
                "amount_cents": transfer.amount_cents,
                "currency": transfer.currency,
                "remark": transfer.remark,
            },
        )
        return self._read(answer, transfer.reference)

    def status(self, reference: str) -> Payout | None:
        answer = self._ask("GET", f"/transfers/{reference}")
        return None if answer.status == 404 else self._read(answer, reference)

    def check(self) -> str:
        answer = self._ask("GET", "")
        if answer.status != 200 or answer.value.get("format") != FORMAT:
            raise _down(f"status_{answer.status}")
        return f"{self._provider.host} answers as {short(answer.value.get('provider'), 60) or 'an unnamed bank'}"

    def _ask(self, method: str, path: str, body: dict[str, object] | None = None) -> Answer:
        try:
            return self._provider.ask(method, path, body)
        except Unanswered as unanswered:
            raise _down(unanswered.reason) from unanswered

    def _read(self, answer: Answer, reference: str) -> Payout:
        said = answer.value
        if answer.status not in (200, 201, 422) or said.get("reference") != reference:
            raise _down(f"status_{answer.status}")
        state = short(said.get("state"), 20)
        if state not in set(PayoutState):
            raise _down("answer_unreadable")
        return Payout(
            reference=reference,
            provider=self._provider.host,
            provider_reference=short(said.get("provider_reference"), LONGEST_REFERENCE),
            state=PayoutState(state),
            reason=short(said.get("reason"), 60),
        )


def _down(reason: str) -> Fault:
    return Fault(
        "payout_down",
        what=f"The bank gave no answer that can be believed ({reason}).",
        do="Check BFF_PAYOUT_URL and BFF_PAYOUT_KEY_FILE, and that the service is up.",
    )
