"""The screens that the other journeys do not pass: the sample, members, one's own account, the inbox, and Chinese."""

from playwright.sync_api import expect

from tests.journeys.house import RunningHouse
from tests.journeys.phone import Phones, no_violations
from tests.journeys.walks import claim, draw_signature, sign_in

MEI = "mei@example.org"


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
