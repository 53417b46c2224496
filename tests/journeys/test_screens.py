"""The screens that the other journeys do not pass: the sample, members, one's own account, the inbox, and Chinese."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.builders import a_pdf
from tests.journeys.house import RunningHouse, until
from tests.journeys.phone import SMALL_PHONE, SMALLEST_TARGET, Phones, no_violations
from tests.journeys.walks import BOB, add_signer, claim, draw_signature, sign_in, upload

MEI, OLGA = "mei@example.org", "olga@example.org"


def test_the_other_screens_are_accessible_too(house: RunningHouse, phone: Phones) -> None:
    page = phone()
    claim(page, house)
    no_violations(page)  # an empty list

    page.goto(f"{house.url}/welcome")
    page.get_by_label("Your mobile number").fill("12")
    page.get_by_role("button", name="Sign a sample contract").click()
    expect(page.get_by_role("alert")).to_be_visible()
    no_violations(page)
    page.get_by_label("Your mobile number").fill("+4915112345683")
    page.get_by_role("button", name="Sign a sample contract").click()
    expect(page.get_by_role("img", name="QR")).to_be_visible()
    no_violations(page)

    page.goto(f"{house.url}/members")
    page.get_by_label("Name", exact=True).fill("王美")
    page.get_by_label("E-mail address or mobile number").fill(MEI)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".name", has_text="王美")).to_be_visible()
    no_violations(page)

    page.goto(f"{house.url}/account")
    draw_signature(page, done="Done")
    page.locator("#mark").get_by_role("button", name="Save").click()
    expect(page.get_by_alt_text("Your saved signature")).to_be_visible()
    no_violations(page)

    page.goto(f"{house.url}/dev/inbox")
    no_violations(page)
    page.goto(f"{house.url}/contracts/new")
    page.get_by_label("PDF file").set_input_files({"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"no pdf"})
    expect(page.get_by_role("alert")).to_be_visible()
    no_violations(page)


def test_the_screens_are_accessible_in_chinese(house: RunningHouse, phone: Phones) -> None:
    """A member's browser speaks Chinese, so the house does."""
    page = phone(locale="zh-CN")
    page.goto(f"{house.url}/sign-in")
    no_violations(page)
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    page.get_by_role("button", name="English").click()
    sign_in(page, house, MEI)
    page.get_by_role("button", name="简体中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    no_violations(page)
    page.goto(f"{house.url}/account")
    no_violations(page)


@pytest.mark.parametrize("language", ["English", "简体中文"])
def test_the_navigation_is_one_line_under_the_thumb_of_a_small_phone(
    house: RunningHouse, phone: Phones, language: str
) -> None:
    first = phone()
    sign_in(first, house, OLGA)
    signed_in, small = first.context.storage_state(), {"width": SMALL_PHONE, "height": 740}
    page = phone(viewport=small, java_script_enabled=False, storage_state=signed_in)
    page.goto(house.url)
    page.get_by_role("button", name=language).click()
    tabs = page.get_by_role("navigation").get_by_role("link")
    expect(tabs).to_have_count(5)
    for place, address in enumerate(("/", "/reviews", "/members", "/enterprises", "/account")):
        page.goto(f"{house.url}{address}")
        expect(tabs.nth(place)).to_have_attribute("aria-current", "page")
        expect(page.locator(".tabs [aria-current]")).to_have_count(1)
        boxes = [box for tab in tabs.all() if (box := tab.bounding_box())]
        assert len({box["y"] for box in boxes}) == 1
        assert boxes[0]["y"] + boxes[0]["height"] == pytest.approx(740, abs=1)
        assert min(min(box["width"], box["height"]) for box in boxes) >= SMALLEST_TARGET
        assert boxes[0]["x"] >= 0
        assert boxes[-1]["x"] + boxes[-1]["width"] <= SMALL_PHONE
        assert page.locator(".bar").bounding_box()["height"] < 64  # type: ignore[index]


def test_the_navigation_leaves_room_for_what_is_typed_and_comes_to_whoever_tabs_to_it(
    house: RunningHouse, phone: Phones
) -> None:
    page = phone(reduced_motion="reduce")
    sign_in(page, house, OLGA)
    page.goto(f"{house.url}/enterprises/new")
    assert page.locator(".tabs [aria-current=true]").inner_text() == "Enterprises"
    height = page.viewport_size["height"]  # type: ignore[index]
    tabs = page.get_by_role("navigation")
    page.get_by_label("Full registered name").focus()
    until(lambda: tabs.bounding_box()["y"] >= height, seconds=5, what="the tabs out of the way")  # type: ignore[index]
    page.keyboard.press("Shift+Tab")
    expect(tabs.get_by_role("link").last).to_be_focused()
    until(lambda: tabs.bounding_box()["y"] < height - 44, seconds=5, what="the tabs back")  # type: ignore[index]
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    last = page.get_by_role("button", name="简体中文").bounding_box()
    assert last is not None
    assert last["y"] + last["height"] <= tabs.bounding_box()["y"]  # type: ignore[index]


def test_a_step_with_its_own_button_at_the_bottom_has_no_tabs_there(house: RunningHouse, phone: Phones) -> None:
    page = phone()
    sign_in(page, house, OLGA)
    upload(page, house, a_document(house))
    tabs = page.get_by_role("navigation")
    expect(tabs).to_be_visible()
    add_signer(page, BOB)
    expect(page.locator(".actions")).to_be_in_viewport()
    expect(tabs).to_be_hidden()
    page.set_viewport_size({"width": 900, "height": 700})
    expect(tabs).to_be_visible()


def a_document(house: RunningHouse) -> Path:
    path = house.folder / "Lease.pdf"
    path.write_bytes(a_pdf(words="Lease"))
    return path


def test_what_a_sender_typed_is_there_in_the_other_language(house: RunningHouse, phone: Phones) -> None:
    page = phone()
    sign_in(page, house, OLGA)
    page.goto(f"{house.url}/members")
    page.locator("[name=name]").fill("王美丽")
    page.locator("[name=contact]").fill("no address")
    page.get_by_role("button", name="简体中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.locator("[name=name]")).to_have_value("王美丽")
    page.get_by_role("button", name="添加", exact=True).click()  # refused: what was refused goes along as well
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("[name=name]")).to_have_value("王美丽")
    expect(page.locator("[name=contact]")).to_have_value("no address")
    page.reload()
    expect(page.locator("[name=name]")).to_have_value("")
