"""Ways through the pages that many journeys share: claim and sign in, upload and send, open a link and sign.

Everything is done as a person does it, by labels and buttons. Whoever wants to look at the screens on the way hands in
`look`, which is called with each of them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sin
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.builders import a_pdf
from tests.journeys.house import RunningHouse

SEAL_MILLISECONDS = 60_000
Look = Callable[[Page], None]


@dataclass(frozen=True)
class Party:
    """Somebody who signs. Without a phone there is no code; without an e-mail address the link goes to the phone."""

    name: str
    email: str = ""
    phone: str = ""
    role: str = ""
    language: str = ""


BOB = Party("Bob Buyer", "bob@example.org", "+4915112345678", role="Buyer")
LI_LEI = Party("李雷", "lilei@example.org", role="Managing director")


def unseen(page: Page) -> None:
    """Looks at nothing."""


def claim(
    page: Page, house: RunningHouse, *, name: str = "Olga Owner", email: str = "olga@example.org", look: Look = unseen
) -> None:
    """The first person becomes the owner; ends on the list."""
    page.goto(house.claim)
    look(page)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("E-mail address or mobile number").fill(email)
    page.get_by_role("button", name="Begin").click()
    look(page)
    page.get_by_role("link", name="My contracts").click()
    page.wait_for_url(f"{house.url}/")


def set_up_fingerprint(page: Page, house: RunningHouse, *, look: Look = unseen) -> None:
    """On a phone with an Authenticator: from now on its person signs in and signs with it."""
    page.goto(f"{house.url}/account")
    rows = page.locator("#passkeys .list .row")
    before = rows.count()
    page.get_by_role("button", name="Set up this device").click()
    expect(rows).to_have_count(before + 1)
    look(page)


def sign_in(page: Page, house: RunningHouse, contact: str, *, look: Look = unseen) -> None:
    """By a code sent to an address that is known; ends on the list."""
    page.goto(f"{house.url}/sign-in")
    look(page)
    before = len(house.letters(to=contact, template="sign_in_code"))
    page.get_by_label("E-mail address or mobile number").fill(contact)
    page.get_by_role("button", name="Send me a code").click()
    look(page)
    page.locator("[name=code]").press_sequentially(house.code(contact, template="sign_in_code", after=before))
    page.wait_for_url(f"{house.url}/")


# --- the sender


def upload(page: Page, house: RunningHouse, document: Path) -> str:
    """A new draft; the id of its contract."""
    page.goto(f"{house.url}/contracts/new")
    page.get_by_label("PDF file").set_input_files(document)  # it is sent as soon as it is chosen
    page.wait_for_url("**/signers")
    return page.url.split("/")[-2]


def add_signer(page: Page, party: Party) -> None:
    form = page.locator("details", has_text="Add a signer")
    if not form.get_by_label("Name", exact=True).is_visible():
        form.locator("summary").first.click()
    form.get_by_label("Name", exact=True).fill(party.name)
    form.get_by_label("E-mail").fill(party.email)
    form.get_by_label("Mobile number").fill(party.phone)
    form.get_by_label("Role").fill(party.role)
    if party.language:
        form.get_by_label("Language").select_option(party.language)
    form.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".people")).to_contain_text(party.name)


def upload_and_send(
    page: Page,
    house: RunningHouse,
    parties: Sequence[Party],
    *,
    title: str = "Purchase agreement",
    pages: int = 2,
    in_turn: bool = False,
    deadline: datetime | None = None,
    send: bool = True,
) -> str:
    """The quick way, for journeys about what comes after: no fields, everybody signs on the page at the end.

    `page` is signed in. `deadline` is a whole minute, in UTC. Ends on the contract's page, sent (or prepared), and
    returns the contract's id."""
    document = house.folder / f"{title}.pdf"
    document.write_bytes(a_pdf(pages=pages, words=title if title.isascii() else "Agreement"))
    contract = upload(page, house, document)
    for party in parties:
        add_signer(page, party)
    if in_turn:
        page.get_by_role("button", name="One after another").click()
    page.get_by_role("link", name="Continue").click()
    if deadline is not None:
        page.get_by_label("Time zone").select_option("UTC")
        page.get_by_label("Day").fill(f"{deadline:%Y-%m-%d}")
        page.get_by_label("Time", exact=True).fill(f"{deadline:%H:%M}")
    page.get_by_role("button", name="Continue").click()
    page.locator("field-board .palette").wait_for()
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("button", name="Prepare").click()
    expect(state_of(page)).to_have_attribute("data-state", "prepared")
    if send:
        page.get_by_role("button", name="Send now").click()
        expect(state_of(page)).to_have_attribute("data-state", "sent")
    return contract


# --- the field board, by hand


def place(
    page: Page, kind: str, *, signer: str, at: tuple[float, float], label: str = "", required: bool | None = None
) -> Locator:
    """Chooses signer and kind, and taps the first page `at` so many hundredths of its width and height; the field."""
    page.locator(".board-signer select").select_option(label=signer)
    page.locator(".palette").get_by_role("button", name=kind).tap()
    figure = page.locator("field-board figure").first
    box = figure.bounding_box()
    assert box is not None
    figure.tap(position={"x": box["width"] * at[0] / 100, "y": box["height"] * at[1] / 100})
    spot = page.locator("field-board .spot.selected")
    expect(spot).to_be_focused()
    if label or required is not None:
        page.get_by_role("button", name="Edit").tap()
        sheet = page.locator("field-board dialog[open]")
        sheet.get_by_role("textbox").fill(label)
        if required is not None:
            sheet.get_by_label("Must be filled in").set_checked(required)
        sheet.get_by_role("button", name="Done").tap()
    return page.locator(f".spot[data-id='{spot.get_attribute('data-id')}']")


def middle(spot: Locator) -> tuple[float, float]:
    box = spot.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag_by_mouse(spot: Locator, *, dx: float, dy: float) -> None:
    mouse, (x, y) = spot.page.mouse, middle(spot)
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + dx / 2, y + dy / 2, steps=4)
    mouse.move(x + dx, y + dy, steps=4)
    mouse.up()


def drag_by_thumb(spot: Locator, *, dx: float, dy: float) -> None:
    start = middle(spot)
    slide(spot.page, [start, (start[0] + dx / 2, start[1] + dy / 2), (start[0] + dx, start[1] + dy)])


def slide(page: Page, way: Sequence[tuple[float, float]]) -> None:
    """A finger on the glass along these points: trusted touches, from which the browser makes its pointer events."""
    devtools = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        told = {"type": kind, "touchPoints": [{"x": x, "y": y, "radiusX": 4, "radiusY": 4} for x, y in points]}
        devtools.send("Input.dispatchTouchEvent", told)

    touch("touchStart", way[0])
    for point in way[1:]:
        touch("touchMove", point)
    touch("touchEnd")  # the session stays: closing it would take the page's virtual authenticator along


# --- what became of it


def state_of(page: Page) -> Locator:
    """The part of a contract's page that carries its state: data-state, data-level."""
    return page.locator("#contract")


def show(page: Page, house: RunningHouse, contract: str) -> Locator:
    page.goto(f"{house.url}/contracts/{contract}")
    return state_of(page)


# --- the signer


def draw_signature(page: Page, *, done: str = "Use this", look: Look = unseen, look_after: Look = unseen) -> None:
    """Where a mark is chosen: opens the ink pad and signs there with a finger."""
    page.get_by_text("Draw it", exact=True).tap()
    canvas = page.locator("dialog[open] canvas")
    box = canvas.bounding_box()
    assert box is not None
    look(page)
    left, top, width, height = box["x"], box["y"], box["width"], box["height"]
    wave = [(left + width * (0.1 + 0.02 * n), top + height * (0.5 + 0.3 * sin(n * 0.7))) for n in range(40)]
    slide(page, wave)
    slide(page, [(left + width * 0.2, top + height * 0.85), (left + width * 0.8, top + height * 0.75)])
    look_after(page)
    page.get_by_role("button", name=done).tap()
    expect(page.get_by_alt_text("Your drawn signature").last).to_be_visible()


def read(page: Page, link: str, *, look: Look = unseen) -> None:
    page.goto(link)
    expect(page.locator("page-reader img").first).to_be_visible()
    look(page)


def to_the_last_step(page: Page, link: str, *, look: Look = unseen) -> None:
    """Opens the link, reads, agrees with the typed name; ends where the signature is confirmed."""
    read(page, link, look=look)
    page.get_by_role("link", name="Continue to sign").click()
    look(page)
    page.get_by_role("button", name="Agree and continue").click()
    expect(page.get_by_role("heading", name="Confirm your signature")).to_be_visible()
    look(page)


def confirm_by_code(page: Page, house: RunningHouse, phone: str, *, look: Look = unseen) -> None:
    """On the last step: asks for a code and types it in."""
    before = len(house.letters(to=phone, template="code"))
    page.get_by_role("button", name="Send me a code by SMS").click()
    look(page)
    page.locator("[name=code]").press_sequentially(house.code(phone, after=before))
    expect(signed(page)).to_be_visible()


def confirm_by_fingerprint(page: Page) -> None:
    """On the last step, on a phone with an Authenticator."""
    page.get_by_role("button", name="Sign with fingerprint or face").click()
    expect(signed(page)).to_be_visible()


def signed(page: Page) -> Locator:
    """What a signer sees from the moment they have signed."""
    return page.locator("#status").get_by_text(re.compile("You have signed|Complete"))


def sign_by_code(page: Page, house: RunningHouse, party: Party, *, link: str | None = None) -> None:
    to_the_last_step(page, link or house.link(party.email or party.phone))
    confirm_by_code(page, house, party.phone)


def sign_by_fingerprint(page: Page, house: RunningHouse, party: Party, *, link: str | None = None) -> None:
    to_the_last_step(page, link or house.link(party.email or party.phone))
    confirm_by_fingerprint(page)


def download_sealed(page: Page, to: Path) -> Path:
    """Waits on the page of a signer or sender until the sealed document is there, and takes it."""
    button = page.get_by_role("link", name="Download the signed document")
    expect(button).to_be_visible(timeout=SEAL_MILLISECONDS)
    with page.expect_download() as download:
        button.click()
    download.value.save_as(to)
    return to
