"""How a contract ends without being signed, and what a corrected address does, seen by both sides.

One contract has a short deadline and is sent before everything else: the clock unit ends it while the others go on, and
the last journey looks at it.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.journeys.house import RunningHouse
from tests.journeys.phone import Authenticator, Phones, no_violations
from tests.journeys.walks import (
    BOB,
    LI_LEI,
    Party,
    claim,
    confirm_by_code,
    read,
    show,
    sign_in,
    state_of,
    to_the_last_step,
    upload_and_send,
)

OLGA = "olga@example.org"
SLOW = Party("Sam Slow", "sam@example.org", "+4915112345679")
CLOCK_MILLISECONDS = 60_000
SHORTEST_DEADLINE = timedelta(seconds=20)


@pytest.fixture(scope="module")
def late(house: RunningHouse, playwright: Playwright, browser: Browser) -> Iterator[str]:
    """A contract whose deadline is a whole minute from now, more or less; the owner's account is made on the way."""
    phones = Phones(playwright, browser)
    page = phones()
    claim(page, house)
    soon = (datetime.now(UTC) + SHORTEST_DEADLINE + timedelta(minutes=1)).replace(second=0, microsecond=0)
    yield upload_and_send(page, house, [SLOW], title="Late", deadline=soon)
    phones.close()


@pytest.fixture
def sender(late: str, house: RunningHouse, phone: Phones) -> Page:
    """Olga, signed in."""
    page = phone()
    sign_in(page, house, OLGA)
    return page


def test_who_declines_says_why_and_the_sender_reads_it(sender: Page, house: RunningHouse, phone: Phones) -> None:
    upload_and_send(sender, house, [BOB, LI_LEI], title="Lease")
    bob, li_lei = phone(), phone()
    link = house.link(LI_LEI.email)
    read(li_lei, link)
    read(bob, house.link(BOB.email))
    bob.get_by_role("link", name="Decline to sign").click()
    no_violations(bob)
    bob.get_by_label("Reason").fill("The rent is not what we agreed on.")
    bob.get_by_role("button", name="Decline").click()
    expect(bob.locator("#status")).to_have_attribute("data-state", "declined")
    no_violations(bob)
    expect(state_of(sender)).to_have_attribute("data-state", "declined")
    expect(sender.locator(".timeline")).to_contain_text("The rent is not what we agreed on.")
    no_violations(sender)
    assert "The rent is not what we agreed on." in house.letter(to=OLGA, template="declined")
    li_lei.goto(link)  # who was still reading cannot sign any more
    expect(li_lei.locator("#status")).to_contain_text("This contract was declined")


def test_a_withdrawn_contract_is_signed_by_nobody(sender: Page, house: RunningHouse, phone: Phones) -> None:
    contract = upload_and_send(sender, house, [BOB], title="Offer")
    bob = phone()
    to_the_last_step(bob, house.link(BOB.email))
    show(sender, house, contract)
    sender.get_by_role("link", name="Withdraw this contract").click()
    no_violations(sender)
    sender.get_by_label("Reason").fill("We found a mistake.")
    sender.get_by_role("button", name="Withdraw").click()
    expect(state_of(sender)).to_have_attribute("data-state", "withdrawn")
    no_violations(sender)
    bob.get_by_role("button", name="Send me a code by SMS").click()
    expect(bob.get_by_text("The sender has withdrawn this contract")).to_be_visible()
    no_violations(bob)
    assert "Offer" in house.letter(to=BOB.email, template="withdrawn")


def test_a_corrected_address_kills_the_old_link_and_the_new_one_works(
    sender: Page, house: RunningHouse, phone: Phones
) -> None:
    wrong = Party("Wanda Wrong", "wnada@example.org", "+4915112345680")
    contract = upload_and_send(sender, house, [wrong], title="Order")
    old = house.link(wrong.email)
    stranger = phone()
    read(stranger, old)
    sender.get_by_role("link", name="Correct the address of Wanda Wrong").click()
    no_violations(sender)
    sender.get_by_label("E-mail").fill("wanda@example.org")
    sender.get_by_label("Mobile number").fill("+4915112345681")
    sender.get_by_role("button", name="Save").click()
    expect(state_of(sender)).to_contain_text("wanda@example.org")
    no_violations(sender)

    stranger.get_by_role("link", name="Continue to sign").click()
    agree = stranger.get_by_role("button", name="Agree and continue")
    if agree.is_visible():  # fetched ahead, before the correction: it leads nowhere any more
        agree.click()
    expect(stranger.get_by_text("This link does not work. It may have been replaced by a newer one")).to_be_visible()
    no_violations(stranger)
    answer = stranger.goto(old)
    assert answer is not None
    assert answer.status == 404
    wanda = phone()
    to_the_last_step(wanda, house.link("wanda@example.org"))
    confirm_by_code(wanda, house, "+4915112345681")
    assert house.letters(to=wrong.phone) == []
    show(sender, house, contract)
    expect(sender.locator(".timeline li[data-kind=corrected]")).to_have_count(1)
    expect(sender.locator(".timeline li[data-kind=signed]")).to_have_count(1)


def test_links_and_addresses_that_lead_nowhere_end_in_a_sentence(house: RunningHouse, late: str, phone: Phones) -> None:
    stranger = phone()
    nowhere = ["/s/no-such-link", "/no-such-page", "/claim/used-already", f"/contracts/{late}"]
    for path in nowhere:
        stranger.goto(f"{house.url}{path}")
        no_violations(stranger)
        assert late not in stranger.get_by_role("main").inner_text()
    assert urlsplit(stranger.url).path == "/sign-in"  # nobody learns whether a contract is there


def test_who_is_not_asked_yet_is_told_so_and_gets_a_message_in_their_turn(
    sender: Page, house: RunningHouse, phone: Phones
) -> None:
    first, second = Party("Fay First", "fay@example.org"), Party("Zoe Second", "zoe@example.org")
    upload_and_send(sender, house, [first, second], title="In turn", in_turn=True)
    fay = phone()
    Authenticator(fay)
    to_the_last_step(fay, house.link(first.email))
    assert house.letters(to=second.email) == []
    fay.get_by_role("button", name="Sign with fingerprint or face").click()
    zoe = phone()
    read(zoe, house.link(second.email, template="your_turn"), look=no_violations)
    expect(sender.locator("li.person", has_text=first.name)).to_contain_text("Signed")


def test_when_the_deadline_passes_the_contract_expires(
    sender: Page, house: RunningHouse, late: str, phone: Phones
) -> None:
    link = house.link(SLOW.email)
    expect(show(sender, house, late)).to_have_attribute("data-state", "expired", timeout=2 * CLOCK_MILLISECONDS)
    no_violations(sender)
    expect(sender.locator(".timeline li[data-kind=expired]")).to_have_count(1)
    sam = phone()
    sam.goto(link)
    expect(sam.get_by_role("heading", name=re.compile("deadline has passed"))).to_be_visible()
    no_violations(sam)
    assert "Late" in house.letter(to=OLGA, template="expired")
    assert "Late" in house.letter(to=SLOW.email, template="expired")
