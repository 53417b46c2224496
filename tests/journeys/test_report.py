"""The evidence report: whoever asks sees it being made and gets it, on a phone, from the link and from the desk."""

from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.journeys.house import RunningHouse
from tests.journeys.phone import Phones
from tests.journeys.walks import BOB, SEAL_MILLISECONDS, claim, show, sign_by_code, upload_and_send


@pytest.fixture(scope="module")
def sender(house: RunningHouse, playwright: Playwright, browser: Browser) -> Iterator[Page]:
    phones = Phones(playwright, browser)
    page = phones()
    claim(page, house)
    yield page
    phones.close()


def taken(page: Page, to: Path) -> str:
    """The words of the report, from the page that tells when it is made."""
    button = page.locator("#report").get_by_role("link", name="Download the evidence report")
    expect(button).to_be_visible(timeout=SEAL_MILLISECONDS)
    with page.expect_download() as download:
        button.click()
    download.value.save_as(to)
    return " ".join(part.get_textpage().get_text_bounded() for part in pypdfium2.PdfDocument(to))


def test_the_report_is_made_while_its_page_is_open(
    sender: Page, house: RunningHouse, phone: Phones, tmp_path: Path
) -> None:
    contract = upload_and_send(sender, house, [BOB], title="Reported")
    bob = phone()
    sign_by_code(bob, house, BOB)
    expect(show(sender, house, contract)).to_have_attribute("data-state", "archived", timeout=SEAL_MILLISECONDS)
    sender.get_by_role("link", name="Download the evidence report").click()
    sender.reload()  # a second look while it is made asks for nothing new
    assert "Bob Buyer" in taken(sender, tmp_path / "sender.pdf")
    link = bob.get_by_role("link", name="Evidence report")
    expect(link).to_be_visible(timeout=SEAL_MILLISECONDS)
    link.click()
    assert "Reported" in taken(bob, tmp_path / "signer.pdf")
