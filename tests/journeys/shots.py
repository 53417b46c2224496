"""The pictures of README, taken from the real app on a phone: `make shots` writes docs/pictures/.

The walk is the product's story in a few screens: the list, placing fields, reading, the signature, the proof, the sealed
document; then one screen in Chinese and one in the dark; what an identity document says, and an enterprise's seal.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Playwright, expect, sync_playwright

from bff.settings import Settings
from bff.signing.sample import sample
from bff.wiring import SystemClock, build
from tests.biometrics import cards
from tests.enterprises import a_person, an_identity
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
from tests.people import photograph

PICTURES = ROOT / "docs" / "pictures"
COLOURS = (64, 48, 32, 24, 16)
"""As many as make a picture small enough."""
LARGEST, MOST_BYTES = 60_000, 600_000
LI_LEI = Party("李雷", "lilei@example.org", "+8613800138000", language="zh_Hans_CN")
HARBOUR = "Harbour & Sons GmbH"
OLGA = "olga@example.org"
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
        claim(sender, house, name="Olga Harbour", email=OLGA)
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
        sender.emulate_media(color_scheme="light")
        _show_who(sender, phone(device_scale_factor=2), house)
        _seal(sender, house)
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


def _show_who(sender: Page, mei: Page, house: RunningHouse) -> None:
    """A signer of whom document and face are wanted, at what was read on the document."""
    document = house.folder / "Charter of a sailing boat.pdf"
    document.write_bytes(a_sample(LI_LEI.name, language="en"))
    upload(sender, house, document)
    add_signer(sender, Party("李雷", "li@example.org"))
    sender.get_by_text("Change", exact=True).click()
    sender.get_by_label("How well must it be known who this is?").first.select_option("document+face")
    sender.get_by_role("button", name="Save").first.click()
    sender.get_by_role("link", name="Continue").click()
    sender.get_by_role("button", name="Continue").click()
    sender.get_by_role("link", name="Continue").click()
    sender.get_by_role("button", name="Prepare").click()
    sender.get_by_role("button", name="Send now").click()
    read(mei, house.link("li@example.org"))
    mei.get_by_role("link", name="Continue to sign").click()
    mei.get_by_role("button", name="Begin").click()
    mei.get_by_role("button", name="Agree and begin").click()
    for name, card in (("front", cards.cn_front()), ("back", cards.cn_back())):
        mei.locator("#step[data-state=document]").wait_for(timeout=SEAL_MILLISECONDS)
        side = house.folder / f"{name}.jpg"
        side.write_bytes(photograph(card))
        mei.locator("#photo").set_input_files(side)
        mei.get_by_role("button", name="Use this photograph").click()
    mei.locator("#step[data-state=confirm]").wait_for(timeout=SEAL_MILLISECONDS)
    take(mei, "9-identity")


def _seal(sender: Page, house: RunningHouse) -> None:
    """The owner's own enterprise with a round seal, once her own check has passed."""
    home = build(Settings(data_dir=house.data, development=True), SystemClock())
    an_identity(home, a_person(home, "Olga Harbour", OLGA), "Olga Harbour")
    home.store.close()
    sender.goto(f"{house.url}/enterprises/new")
    sender.get_by_label("Full registered name").fill(HARBOUR)
    sender.get_by_label("Kind of number").select_option("eu.vat")
    sender.get_by_label("Number", exact=True).fill("DE136695976")
    sender.get_by_label("Legal representative").fill("Olga Harbour")
    sender.get_by_role("button", name="Go on").click()
    sender.get_by_role("button", name="Prove it: I am Olga Harbour").click()
    sender.get_by_role("button", name="Propose it").click()
    sender.get_by_role("button", name="Approve").click()
    sender.get_by_role("button", name="Give the right").click()
    expect(sender.locator("#seals")).not_to_contain_text("Nobody may use this seal yet.")
    sender.locator("#seals").evaluate("seals => scrollTo(0, seals.offsetTop - 72)")
    take(sender, "10-seal")


def take(page: Page, name: str) -> None:
    """What is on the screen, in few colours: a picture of flat areas and text loses nothing by it."""
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    shot = Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")
    path = PICTURES / f"{name}.png"
    for colours in COLOURS:
        few = shot.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
        if path.stat().st_size < LARGEST:
            return
    sys.exit(f"{path.name} has {path.stat().st_size // 1000} kB: README would load slowly")


if __name__ == "__main__":
    main()
