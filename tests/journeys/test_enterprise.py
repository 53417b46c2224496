"""An enterprise in a real browser: registered, its licence read, proven in each of the three ways, and signed for with its seal.

Documents and faces of people have journeys of their own (test_identity): here the check of the legal representative is put
into the house's store as such a check leaves it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bff.core.identity import Level
from bff.settings import Settings
from bff.wiring import House, SystemClock, build
from tests.biometrics import cards
from tests.builders import a_pdf
from tests.enterprises import a_person, an_identity
from tests.journeys.house import RunningHouse, running
from tests.journeys.phone import Phones, no_violations
from tests.journeys.walks import (
    Party,
    add_signer,
    claim,
    confirm_by_code,
    download_sealed,
    read,
    show,
    sign_in,
    signed,
    state_of,
    upload,
)
from tests.people import photograph
from tests.providers import Outside, key_file, outside

pytestmark = pytest.mark.timeout(600)
READ_MILLISECONDS = 90_000
HAN = Party("韩梅梅", "han@example.org", "+4915112345670")
OWNER = "olga@example.org"


@dataclass
class World:
    """A house with a bank."""

    house: RunningHouse
    bank: Outside

    def store(self) -> House:
        return build(Settings(data_dir=self.house.data, development=True), SystemClock())

    def known(self, party: Party, name: str) -> None:
        """This person has shown document and face, as a check that passed leaves it."""
        home = self.store()
        an_identity(home, a_person(home, party.name, party.email), name, Level.DOCUMENT_FACE)
        home.store.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("h")
    with outside() as bank, running(folder, payout_url=bank.bank_url, payout_key_file=key_file(folder)) as house:
        yield World(house, bank)


@pytest.fixture
def desk(phone: Phones, world: World) -> Page:
    """The house's owner, signed in."""
    page = phone()
    if world.house.claim and not world.house.letters(to=OWNER):
        claim(page, world.house, email=OWNER)
        world.house.claim = ""
    else:
        sign_in(page, world.house, OWNER)
    return page


def register(page: Page, world: World, *, name: str, kind: str, number: str, representative: str) -> None:
    page.goto(f"{world.house.url}/enterprises/new")
    page.get_by_label("Full registered name").fill(name)
    page.get_by_label("Kind of number").select_option(kind)
    page.get_by_label("Number", exact=True).fill(number)
    page.get_by_label("Legal representative").fill(representative)
    no_violations(page)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def proven(page: Page, *, way: str) -> None:
    expect(page.locator("#enterprise")).to_have_attribute("data-state", "verified")
    expect(page.locator("#proof")).to_contain_text(way)


def test_an_enterprise_is_proven_by_its_representative_and_signed_for_with_its_seal(
    phone: Phones, world: World, desk: Page, tmp_path: Path
) -> None:
    house = world.house
    world.known(HAN, "韩梅梅")
    han = phone()
    sign_in(han, house, HAN.email)
    register(han, world, name="北京春晓科技有限公司", kind="cn.uscc", number=cards.cn_code(), representative="韩梅梅")
    picture = tmp_path / "licence.jpg"
    picture.write_bytes(photograph(cards.licence()))
    han.get_by_label("Photograph of the licence").set_input_files(picture)
    han.get_by_role("button", name="Show it").click()
    expect(han.get_by_text("The licence agrees with what you typed.")).to_be_visible(timeout=READ_MILLISECONDS)
    no_violations(han)
    han.get_by_role("button", name="Prove it: I am 韩梅梅").click()
    proven(han, way="The legal representative showed document and face here")
    han.get_by_role("button", name="Propose it").click()
    han.get_by_role("button", name="Approve").click()
    han.get_by_role("button", name="Give the right").click()
    expect(han.locator("#seals")).not_to_contain_text("Nobody may use this seal yet.")
    no_violations(han)

    document = house.folder / "Supply.pdf"
    document.write_bytes(a_pdf(words="Supply"))
    contract = upload(desk, house, document)
    add_signer(desk, HAN)
    desk.locator(".person summary", has_text="Change").first.click()
    desk.locator(".person summary", has_text="Signs for an enterprise").click()
    form = desk.locator(".person form").first
    form.get_by_label("Full registered name").fill("北京春晓科技有限公司")
    form.get_by_label("Number", exact=True).fill(cards.cn_code())
    no_violations(desk)
    form.get_by_role("button", name="Save").click()
    expect(desk.locator(".people")).to_contain_text("北京春晓科技有限公司")
    desk.get_by_role("link", name="Continue").click()
    desk.get_by_role("button", name="Continue").click()
    desk.locator("field-board .palette").wait_for()
    desk.get_by_role("link", name="Continue").click()
    desk.get_by_role("button", name="Prepare").click()
    desk.get_by_role("button", name="Send now").click()
    expect(state_of(desk)).to_have_attribute("data-state", "sent")

    page = phone()
    read(page, house.link(HAN.email))
    expect(page.locator("main")).to_contain_text(f"NTRCN-{cards.cn_code()}")
    page.get_by_role("link", name="Continue to sign").click()
    expect(page.get_by_alt_text(re.compile("^Seal: "))).to_be_visible()
    no_violations(page)
    page.get_by_role("button", name="Agree and continue").click()
    confirm_by_code(page, house, HAN.phone)
    sealed = download_sealed(page, tmp_path / "sealed.pdf")
    verdict = house.command("verify", str(sealed))
    assert verdict.returncode == 0, verdict.stdout
    assert "韩梅梅 for 北京春晓科技有限公司" in verdict.stdout
    show(desk, house, contract)
    han.reload()
    expect(han.locator("#record")).to_contain_text("A contract was signed with a seal")
    verified_record(han, house, tmp_path / "record.zip")


def verified_record(page: Page, house: RunningHouse, path: Path) -> None:
    """The record is downloaded and judged at the operator's terminal and in the browser."""
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the record").click()
    waiting.value.save_as(path)
    verdict = house.command("verify", str(path))
    assert verdict.returncode == 0, verdict.stdout
    page.goto(f"{house.url}/verify")
    page.locator("#file").set_input_files(path)
    expect(page.get_by_role("heading", name="Everything holds")).to_be_visible()
    expect(page.locator("main")).to_contain_text("This is the record of an enterprise.")
    no_violations(page)


def test_an_enterprise_is_proven_by_what_its_bank_statement_says(phone: Phones, world: World, desk: Page) -> None:
    register(desk, world, name="Beispiel GmbH", kind="eu.vat", number="DE136695976", representative="Anna Beispiel")
    desk.get_by_text("A small transfer to the enterprise’s bank account").click()
    desk.get_by_label("Account number or IBAN").fill("DE89 3704 0044 0532 0130 00")
    desk.get_by_label("Bank code or BIC").fill("COBADEFFXXX")
    no_violations(desk)
    desk.get_by_role("button", name="Order the transfer").click()
    expect(desk.get_by_text("The bank has paid a small sum")).to_be_visible(timeout=READ_MILLISECONDS)
    asked = next(paid["asked"] for paid in world.bank.paid.values() if paid["asked"]["account_name"] == "Beispiel GmbH")
    desk.get_by_label("Sum").fill("0.01")
    desk.get_by_label("Code in the remark").fill("WRONG")
    desk.get_by_role("button", name="Confirm").click()
    expect(desk.get_by_role("alert")).to_contain_text("You have 2 tries left.")
    no_violations(desk)
    desk.get_by_label("Sum").fill(f"0.{asked['amount_cents']:02d}")
    desk.get_by_label("Code in the remark").fill(asked["remark"])
    desk.get_by_role("button", name="Confirm").click()
    proven(desk, way="Somebody read the statement of the enterprise's bank account.")


def test_an_enterprise_is_proven_by_a_letter_that_its_representative_signs(
    phone: Phones, world: World, desk: Page
) -> None:
    world.known(HAN, "韩梅梅")
    register(desk, world, name="Spring Trading Ltd", kind="gb.vat", number="GB980780684", representative="韩梅梅")
    desk.get_by_text("A letter of authorisation").click()
    desk.get_by_label("E-mail address of 韩梅梅").fill(HAN.email)
    desk.get_by_label("Mobile number of 韩梅梅").fill(HAN.phone)
    before = len(world.house.letters(to=HAN.email, template="invitation"))
    desk.get_by_role("button", name="Write and send the letter").click()
    expect(desk.get_by_text("The letter of authorisation waits for 韩梅梅’s signature.")).to_be_visible()
    no_violations(desk)
    world.house.letter(to=HAN.email, template="invitation", after=before)
    page = phone()
    read(page, world.house.link(HAN.email))
    page.get_by_role("link", name="Continue to sign").click()
    page.get_by_role("button", name="Agree and continue").click()
    confirm_by_code(page, world.house, HAN.phone)
    expect(signed(page)).to_be_visible()
    expect(desk.locator("#enterprise")).to_have_attribute("data-state", "verified", timeout=READ_MILLISECONDS)
    proven(desk, way="signed a letter of authorisation here")
