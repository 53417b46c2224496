"""What happens on a phone in a pocket, in a lift, in a hurry: nothing is lost and nothing happens twice.

What counts is read where the sender reads it: in the contract's timeline, and in the sealed file.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Locator, Page, Playwright, expect

from tests.builders import a_pdf
from tests.journeys.house import RunningHouse
from tests.journeys.phone import Authenticator, Phones
from tests.journeys.walks import (
    BOB,
    LI_LEI,
    SEAL_MILLISECONDS,
    Party,
    add_signer,
    claim,
    confirm_by_code,
    download_sealed,
    draw_signature,
    place,
    show,
    sign_by_fingerprint,
    signed,
    state_of,
    to_the_last_step,
    upload,
    upload_and_send,
)
from tests.outsiders import signatures_in


@pytest.fixture(scope="module")
def sender(house: RunningHouse, playwright: Playwright, browser: Browser) -> Iterator[Page]:
    """Olga, signed in, through all of these journeys."""
    phones = Phones(playwright, browser)
    page = phones()
    claim(page, house)
    yield page
    phones.close()


def happened(page: Page, house: RunningHouse, contract: str, kind: str) -> int:
    show(page, house, contract)
    return page.locator(f".timeline li[data-kind={kind}]").count()


def test_a_second_tap_and_a_second_tab_sign_once(
    sender: Page, house: RunningHouse, phone: Phones, tmp_path: Path
) -> None:
    contract = upload_and_send(sender, house, [BOB], title="Twice", send=False)
    sender.get_by_role("button", name="Send now").dblclick()
    expect(state_of(sender)).to_have_attribute("data-state", "sent")
    link = house.link(BOB.email)
    bob = phone()
    to_the_last_step(bob, link)
    before = len(house.letters(to=BOB.phone, template="code"))
    bob.get_by_role("button", name="Send me a code by SMS").dblclick()
    code = house.code(BOB.phone, after=before)
    second = bob.context.new_page()
    second.goto(f"{link}/prove")
    for page in (bob, second):
        page.locator("[name=code]").press_sequentially(code[:5])
    _type_last_digit_and_tap(bob, code[5])
    _type_last_digit_and_tap(second, code[5])
    for page in (bob, second):
        expect(signed(page)).to_be_visible()
    file = download_sealed(second, tmp_path / "twice.pdf")
    assert len(signatures_in(file.read_bytes())) == 3  # Bob, the seal, the timestamp
    counts = {kind: happened(sender, house, contract, kind) for kind in ("sent", "signed", "applied", "sealed")}
    assert counts == {"sent": 1, "signed": 1, "applied": 1, "sealed": 1}
    assert len(house.letters(to=BOB.email, template="invitation")) == 1


def _type_last_digit_and_tap(page: Page, digit: str) -> None:
    """The sixth digit sends the form by itself; the hurried thumb taps the button as well."""
    page.locator("[name=code]").press(digit)
    try:
        page.get_by_role("button", name="Sign now").click(timeout=500, no_wait_after=True)
    except Error:
        return  # the page was quicker than the thumb


def test_a_double_tap_on_the_fingerprint_button_is_one_signature(
    sender: Page, house: RunningHouse, phone: Phones
) -> None:
    contract = upload_and_send(sender, house, [LI_LEI], title="Double tap")
    li_lei = phone()
    finger = Authenticator(li_lei)
    to_the_last_step(li_lei, house.link(LI_LEI.email))
    li_lei.get_by_role("button", name="Sign with fingerprint or face").dblclick()
    expect(signed(li_lei)).to_be_visible()
    expect(show(sender, house, contract)).to_have_attribute("data-state", "archived", timeout=SEAL_MILLISECONDS)
    assert happened(sender, house, contract, "signed") == 1
    assert (finger.created, finger.asserted) == (1, 1)


def test_what_was_filled_in_and_drawn_survives_reload_the_back_button_and_a_dead_connection(
    sender: Page, house: RunningHouse, phone: Phones, tmp_path: Path
) -> None:
    gina = Party("Gina Gone", "gina@example.org", "+4915112345682")
    contract = _with_fields(sender, house, gina, tmp_path / "fields.pdf")
    page = phone()
    page.goto(house.link(gina.email))
    page.get_by_role("link", name="Continue to sign").click()
    page.get_by_role("textbox", name="Place").fill("Leipzig")
    page.get_by_role("checkbox", name="I have read it").check()
    draw_signature(page)

    page.reload()
    _nothing_is_lost(page)
    page.set_viewport_size({"width": 839, "height": 412})  # turned on its side and back
    page.set_viewport_size({"width": 412, "height": 839})
    page.context.set_offline(True)
    _tap_without_connection(page, "Agree and continue")
    page.context.set_offline(False)
    if not page.url.endswith("/sign"):
        page.go_back()
    _nothing_is_lost(page)

    page.get_by_role("button", name="Agree and continue").click()
    expect(page.get_by_role("heading", name="Confirm your signature")).to_be_visible()
    page.go_back()
    _nothing_is_lost(page)
    page.get_by_role("button", name="Agree and continue").click()
    expect(page.get_by_role("heading", name="Confirm your signature")).to_be_visible()
    page.reload()
    _sign_through_a_dead_spot(page, house, gina.phone)
    page.go_back()  # nobody signs a second time by going back
    expect(signed(page)).to_be_visible()
    expect(show(sender, house, contract)).to_have_attribute("data-state", "archived", timeout=SEAL_MILLISECONDS)
    assert happened(sender, house, contract, "signed") == 1


def _with_fields(sender: Page, house: RunningHouse, gina: Party, document: Path) -> str:
    document.write_bytes(a_pdf(pages=1))
    contract = upload(sender, house, document)
    add_signer(sender, gina)
    sender.get_by_role("link", name="Continue").click()
    sender.get_by_role("button", name="Continue").click()
    place(sender, "Signature", signer=gina.name, at=(25, 40))
    text = place(sender, "Text", signer=gina.name, at=(40, 55))
    _label_in_haste(sender, text, "Place")
    box = place(sender, "Checkbox", signer=gina.name, at=(70, 55), required=True)
    _leave_while_labelling(sender, box, "I have read it")
    expect(sender.locator(".board-state")).to_have_text("Saved")
    sender.get_by_role("link", name="Continue").click()
    sender.get_by_role("button", name="Prepare").dblclick()
    sender.get_by_role("button", name="Send now").click()
    expect(state_of(sender)).to_have_attribute("data-state", "sent")
    return contract


def _label_in_haste(board: Page, spot: Locator, label: str) -> None:
    """Something else is chosen before the browser tells that the sheet closed, as on a slow phone."""
    board.get_by_role("button", name="Edit").tap()
    board.locator("field-board dialog[open]").get_by_role("textbox").fill(label)
    board.evaluate(
        """() => {
            const board = document.querySelector("field-board");
            board.querySelector("dialog[open] .choices button").click();
            board.querySelector(".board-signer select").dispatchEvent(new Event("change"));
        }"""
    )
    expect(spot).to_have_accessible_name(re.compile(label))


def _leave_while_labelling(board: Page, spot: Locator, label: str) -> None:
    """The page goes while the sheet is open: what stands in it counts."""
    spot.focus()
    board.get_by_role("button", name="Edit").tap()
    board.locator("field-board dialog[open]").get_by_role("textbox").fill(label)

    board.reload()
    expect(board.locator(".spot.checkbox")).to_have_accessible_name(re.compile(label))
    expect(board.locator(".spot")).to_have_count(3)
    board.wait_for_load_state("networkidle")
    board.reload()
    expect(board.locator(".spot.checkbox")).to_have_accessible_name(re.compile(label))


def _nothing_is_lost(page: Page) -> None:
    expect(page.get_by_role("textbox", name="Place")).to_have_value("Leipzig")
    expect(page.get_by_role("checkbox", name="I have read it")).to_be_checked()
    expect(page.get_by_alt_text("Your drawn signature").last).to_be_visible()
    chosen = page.locator("input[name=mark]:checked")
    expect(chosen).to_have_value(re.compile("drawn"))


def _sign_through_a_dead_spot(page: Page, house: RunningHouse, number: str) -> None:
    """The connection goes before the code is asked for, and again before it is sent."""
    page.context.set_offline(True)
    _tap_without_connection(page, "Send me a code by SMS")
    page.context.set_offline(False)
    if not page.url.split("#")[0].endswith("/prove"):
        page.go_back()
    assert house.letters(to=number, template="code") == []
    confirm_by_code(page, house, number)


def _tap_without_connection(page: Page, button: str) -> None:
    """Whether the page stays and says so, or the browser shows its own error page: both are fine, if one can go on."""
    try:
        page.get_by_role("button", name=button).click(no_wait_after=True)
        page.wait_for_timeout(300)
    except Error:
        return


def test_the_senders_page_catches_up_after_a_dead_connection(sender: Page, house: RunningHouse, phone: Phones) -> None:
    ned = Party("Ned New", "ned@example.org")
    contract = upload_and_send(sender, house, [ned], title="Dead spot")
    sender.context.set_offline(True)
    page = phone()
    Authenticator(page)
    sign_by_fingerprint(page, house, ned)
    expect(page.get_by_role("link", name="Download the signed document")).to_be_visible(timeout=SEAL_MILLISECONDS)
    assert contract in sender.url
    expect(state_of(sender)).to_have_attribute("data-state", "sent")
    sender.context.set_offline(False)
    expect(state_of(sender)).to_have_attribute("data-state", "archived", timeout=30_000)
