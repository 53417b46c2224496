"""The pictures of README, taken from the real app on a phone: `make shots` writes docs/pictures/.

The walk is the product's story in a few screens: the list, placing fields, reading, the signature, the proof, the sealed
document; then one screen in Chinese and one in the dark.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Playwright, expect, sync_playwright

from bff.signing.sample import sample
from tests.journeys import fonts
from tests.journeys.conftest import ARGUMENTS, chromium
from tests.journeys.house import ROOT, RunningHouse, running
from tests.journeys.phone import Authenticator, Phones
from tests.journeys.walks import (
    BOB,
    SEAL_MILLISECONDS,
    Party,
    add_signer,
    claim,
    confirm_by_fingerprint,
    draw_signature,
    place,
    read,
    sign_by_code,
    state_of,
    upload,
    upload_and_send,
)

PICTURES = ROOT / "docs" / "pictures"
COLOURS = 64
MOST_BYTES = 600_000
LI_LEI = Party("李雷", "lilei@example.org", "+8613800138000", language="zh_Hans_CN")
ANNA = Party("Anna Berger", "anna@example.org", "+4915112345684", role="Buyer")


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="shots-"))
    with sync_playwright() as playwright, running(folder, organisation="Harbour & Sons") as house:
        _walk(playwright, house, folder)
    total = sum(picture.stat().st_size for picture in PICTURES.glob("*.png"))
    print(f"{len(list(PICTURES.glob('*.png')))} pictures, {total // 1000} kB")
    if total > MOST_BYTES:
        sys.exit(f"that is more than {MOST_BYTES // 1000} kB: README would load slowly")


def _walk(playwright: Playwright, house: RunningHouse, folder: Path) -> None:
    path = chromium()
    if path is None:
        sys.exit("no Chromium: run `make shots`, which installs one where it can")
    browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, env=fonts.environment(folder))
    phone = Phones(playwright, browser)
    try:
        sender = phone(device_scale_factor=2)
        claim(sender, house, name="Olga Harbour")
        _some_contracts(sender, phone, house)
        _place_and_send(sender, house, folder)
        _sign(phone(device_scale_factor=2), house)
        sender.goto(f"{house.url}/")
        take(sender, "1-list")
        sender.emulate_media(color_scheme="dark")
        sender.locator(".list .row").first.click()
        expect(state_of(sender)).to_have_attribute("data-state", "archived", timeout=SEAL_MILLISECONDS)
        take(sender, "8-dark")
        chinese = phone(device_scale_factor=2, locale="zh-CN")
        read(chinese, house.link(LI_LEI.email))
        take(chinese, "7-chinese")
    finally:
        phone.close()
        browser.close()


def _some_contracts(sender: Page, phone: Phones, house: RunningHouse) -> None:
    """So that the list has something to tell."""
    upload_and_send(sender, house, [BOB], title="Lease of the boat house")
    sign_by_code(phone(), house, BOB)
    document = house.folder / "采购合同.pdf"
    document.write_bytes(a_sample("李雷", language="zh_Hans_CN"))
    upload(sender, house, document)
    add_signer(sender, LI_LEI)
    sender.get_by_role("link", name="Continue").click()
    sender.get_by_label("Title").fill("采购合同")
    sender.get_by_role("button", name="Continue").click()
    sender.get_by_role("link", name="Continue").click()
    sender.get_by_role("button", name="Prepare").click()
    sender.get_by_role("button", name="Send now").click()
    expect(state_of(sender)).to_have_attribute("data-state", "sent")


def a_sample(name: str, *, language: str) -> bytes:
    return sample(ROOT / "web" / "vendor" / "fonts", name=name, organisation="Harbour & Sons", language=language)


def _place_and_send(sender: Page, house: RunningHouse, folder: Path) -> None:
    document = folder / "Purchase of a sailing boat.pdf"
    document.write_bytes(a_sample(ANNA.name, language="en"))
    upload(sender, house, document)
    add_signer(sender, ANNA)
    sender.get_by_role("link", name="Continue").click()
    sender.get_by_role("button", name="Continue").click()
    place(sender, "Date", signer=ANNA.name, at=(70, 76))
    place(sender, "Signature", signer=ANNA.name, at=(30, 76))
    expect(sender.locator(".board-state")).to_have_text("Saved")
    take(sender, "2-fields")
    sender.get_by_role("link", name="Continue").click()
    sender.get_by_role("button", name="Prepare").click()
    sender.get_by_role("button", name="Send now").click()
    expect(state_of(sender)).to_have_attribute("data-state", "sent")


def _sign(anna: Page, house: RunningHouse) -> None:
    Authenticator(anna)
    read(anna, house.link(ANNA.email))
    take(anna, "3-read")
    anna.get_by_role("link", name="Continue to sign").click()
    draw_signature(anna, look_after=lambda page: take(page, "4-draw"))
    anna.get_by_role("button", name="Agree and continue").click()
    expect(anna.get_by_role("button", name="Sign with fingerprint or face")).to_be_visible()
    take(anna, "5-confirm")
    confirm_by_fingerprint(anna)
    done = anna.get_by_role("link", name="Download the signed document")
    expect(done).to_be_visible(timeout=SEAL_MILLISECONDS)
    take(anna, "6-sealed")


def take(page: Page, name: str) -> None:
    """What is on the screen, in few colours: a picture of flat areas and text loses nothing by it."""
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    shot = Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")
    few = shot.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
