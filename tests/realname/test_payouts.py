"""The bank: a transfer is paid once, however often it is asked for, and what became of it can be asked."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bff.core.errors import Fault, Refusal
from bff.core.ports import PayoutState, Transfer
from bff.realname.payouts import HttpPayouts, NullPayouts
from bff.realname.provider import Key, Provider
from tests.providers import KEY_NAME, SECRET, Outside, outside

TRANSFER = Transfer(
    reference="e1-1",
    account_name="示例科技有限公司",
    account_number="6222021234567890123",
    bank_code="102100099996",
    amount_cents=37,
    currency="CNY",
    remark="ABC123",
)


@pytest.fixture
def bank() -> Iterator[Outside]:
    with outside() as kept:
        yield kept


def payouts(bank: Outside) -> HttpPayouts:
    pauses: list[float] = []
    provider = Provider(bank.bank_url, Key(KEY_NAME, SECRET.encode()), timeout_seconds=5.0, sleep=pauses.append)
    return HttpPayouts(provider)


def test_the_bank_gets_account_sum_and_remark(bank: Outside) -> None:
    paid = payouts(bank).pay(TRANSFER)
    assert (paid.state, paid.provider_reference) == (PayoutState.PAID, "B-1")
    asked = bank.paid["e1-1"]["asked"]
    assert (asked["amount_cents"], asked["remark"], asked["account_name"]) == (37, "ABC123", "示例科技有限公司")


def test_the_same_reference_is_paid_once(bank: Outside) -> None:
    first, second = payouts(bank).pay(TRANSFER), payouts(bank).pay(TRANSFER)
    assert first == second
    assert len(bank.paid) == 1


def test_a_lost_answer_pays_nothing_twice(bank: Outside) -> None:
    bank.failures = [0, 503]
    assert payouts(bank).pay(TRANSFER).provider_reference == "B-1"
    assert len(bank.paid) == 1


def test_a_reference_that_comes_back_changed_is_a_fault(bank: Outside) -> None:
    payouts(bank).pay(TRANSFER)
    with pytest.raises(Fault, match="payout_down"):
        payouts(bank).pay(replace(TRANSFER, amount_cents=38))
    assert bank.paid["e1-1"]["asked"]["amount_cents"] == 37


def test_a_closed_account_fails_for_good_and_says_why(bank: Outside) -> None:
    bank.closed_accounts.add(TRANSFER.account_number)
    paid = payouts(bank).pay(TRANSFER)
    assert (paid.state, paid.reason) == (PayoutState.FAILED, "account_closed")


def test_what_became_of_a_transfer_can_be_asked(bank: Outside) -> None:
    assert payouts(bank).status("e1-1") is None
    payouts(bank).pay(TRANSFER)
    found = payouts(bank).status("e1-1")
    assert found is not None
    assert found.state is PayoutState.PAID


def test_a_bank_that_is_down_is_a_fault(bank: Outside) -> None:
    bank.failures = [503, 503, 503]
    with pytest.raises(Fault, match="payout_down"):
        payouts(bank).pay(TRANSFER)


def test_no_account_number_reaches_a_log(bank: Outside, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    payouts(bank).pay(TRANSFER)
    assert TRANSFER.account_number not in caplog.text + repr(TRANSFER)


def test_without_a_bank_this_way_is_not_offered() -> None:
    with pytest.raises(Refusal, match="payout_not_offered"):
        NullPayouts().pay(TRANSFER)
