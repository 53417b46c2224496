"""Showing who one is, and signing with one's face, in a real browser before a camera that films a rendered person.

A sender asks for document and face. The signer does it on a phone, signs by face, and need not do it again. Others have no
camera, do the wrong thing, are somebody else, begin on a computer, or take it all back.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Playwright, Route, expect

from bff.biometrics.faces import Eyes
from bff.core.gestures import Challenge, Step
from tests.biometrics import cards
from tests.biometrics.photographs import astronaut, six_people
from tests.biometrics.renderer import Puppet
from tests.journeys import fonts
from tests.journeys.conftest import ARGUMENTS, chromium
from tests.journeys.fake_camera import Actor, FakeCamera, act_along
from tests.journeys.house import RunningHouse
from tests.journeys.phone import Phones, no_violations
from tests.journeys.walks import (
    LI_LEI,
    SEAL_MILLISECONDS,
    Look,
    Party,
    add_signer,
    claim,
    download_sealed,
    read,
    show,
    sign_in,
    signed,
    unseen,
    upload,
)
from tests.people import photograph
from tests.realname.conftest import eyes

__all__ = ["eyes"]
pytestmark = pytest.mark.timeout(600)
JUDGED_MILLISECONDS = 90_000
OWNER = "olga@example.org"


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeCamera]:
    with FakeCamera(tmp_path_factory.mktemp("camera")) as filming:
        yield filming


@pytest.fixture(scope="module")
def actor(eyes: Eyes) -> Actor:
    """Whose face is on the documents."""
    return Actor(Puppet(astronaut(), eyes)).rehearse()


@pytest.fixture
def filmed(playwright: Playwright, camera: FakeCamera, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phones]:
    """Phones with that camera."""
    found = chromium()
    if found is None:
        pytest.skip("no Chromium: run `make journeys`, which installs one where it can")
    browser = playwright.chromium.launch(
        executable_path=found,
        args=[*ARGUMENTS, *camera.arguments],
        env=fonts.environment(tmp_path_factory.mktemp("fonts")),
    )
    phones = Phones(playwright, browser)
    yield phones
    phones.close()
    browser.close()
    assert not phones.complaints, "\n".join(phones.complaints)


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Both sides of the identity card of 李雷, photographed."""
    folder = tmp_path_factory.mktemp("cards")
    made = []
    for name, card in (("front", cards.cn_front()), ("back", cards.cn_back())):
        made.append(folder / f"{name}.jpg")
        made[-1].write_bytes(photograph(card))
    return made


@pytest.fixture
def desk(phone: Phones, house: RunningHouse) -> Page:
    """The sender, signed in."""
    page = phone()
    if house.claim and not house.letters(to=OWNER):
        claim(page, house, email=OWNER)
        house.claim = ""
    else:
        sign_in(page, house, OWNER)
    return page


def sent(desk: Page, house: RunningHouse, *, title: str = "Lease", to: Party = LI_LEI) -> str:
    """A contract for 李雷, of whom document and face are wanted; the contract's id."""
    from tests.builders import a_pdf

    document = house.folder / f"{title}.pdf"
    document.write_bytes(a_pdf(words=title))
    contract = upload(desk, house, document)
    add_signer(desk, to)
    desk.get_by_text("Change", exact=True).click()
    desk.get_by_label("How well must it be known who this is?").first.select_option("document+face")
    desk.get_by_role("button", name="Save").first.click()
    for _ in range(2):
        desk.get_by_role("link", name="Continue").or_(desk.get_by_role("button", name="Continue")).first.click()
    desk.locator("field-board .palette").wait_for()
    desk.get_by_role("link", name="Continue").click()
    desk.get_by_role("button", name="Prepare").click()
    desk.get_by_role("button", name="Send now").click()
    expect(show(desk, house, contract)).to_have_attribute("data-state", "sent")
    return contract


def step(page: Page, state: str) -> Locator:
    """Waits until the check is at this step."""
    found = page.locator(f"#step[data-state={state}]")
    expect(found).to_be_visible(timeout=JUDGED_MILLISECONDS)
    return found


def begins(page: Page, link: str, *, look: Look = unseen) -> None:
    """From the link to the first step of the check."""
    read(page, link)
    page.get_by_role("link", name="Continue to sign").click()
    expect(page.get_by_role("heading", name="First, show who you are")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Begin").click()
    step(page, "consent")
    look(page)


def shows_card(page: Page, sides: list[Path], *, look: Look = unseen) -> None:
    """Photographs of both sides, and what they say confirmed."""
    for side in sides:
        step(page, "document")
        look(page)
        page.locator("#photo").set_input_files(side)
        page.get_by_role("button", name="Use this photograph").click()
    step(page, "confirm")
    expect(page.get_by_label("Name, as on the document")).to_have_value("李雷")
    look(page)
    page.get_by_role("button", name="That is right").click()


def films(
    page: Page, actor: Actor, until: Locator, performing: Callable[[Challenge], Challenge] = lambda asked: asked
) -> None:
    """Records until there is this; a hint about the recording itself (a busy machine films badly) is followed, as by a person."""
    hint = page.locator("[data-state=face] .notice.warn[role=alert]")
    for _ in range(3):
        page.get_by_role("button", name="Start the camera").click()
        act_along(page, actor, begin=lambda: None, performing=performing)
        expect(page.locator("[data-state=judging]").or_(until).first).to_be_visible(timeout=JUDGED_MILLISECONDS)
        expect(until.or_(hint).first).to_be_visible(timeout=JUDGED_MILLISECONDS)
        if until.is_visible():
            return
    pytest.fail(f"three recordings, and at the end: {hint.text_content()}")


def at(page: Page, state: str) -> Locator:
    return page.locator(f"#step[data-state={state}]")


def backwards(asked: Challenge) -> Challenge:
    """The right movements in the wrong order."""
    actions = [s.action for s in asked.steps][::-1]
    steps = tuple(Step(action, s.at_ms) for action, s in zip(actions, asked.steps, strict=True))
    return Challenge(steps, asked.glows, asked.length_ms, asked.format)


def test_who_has_shown_who_they_are_signs_with_their_face_and_is_not_asked_again(
    desk: Page, filmed: Phones, house: RunningHouse, camera: FakeCamera, actor: Actor, sides: list[Path], tmp_path: Path
) -> None:
    contract = sent(desk, house)
    camera.show(actor)
    page = filmed()
    begins(page, house.link(LI_LEI.email), look=no_violations)
    page.get_by_role("button", name="Agree and begin").click()
    shows_card(page, sides, look=no_violations)
    step(page, "face")
    no_violations(page)
    loaded_anew_in_the_middle(page, actor)
    films(page, actor, at(page, "passed"))
    no_violations(page)
    page.get_by_role("link", name="Back to the contract").click()
    by_face(page, actor)
    file = download_sealed(page, tmp_path / "sealed.pdf")
    expect(show(desk, house, contract)).to_have_attribute("data-state", "archived", timeout=SEAL_MILLISECONDS)
    roots = tmp_path / "roots.pem"
    roots.write_bytes(house.roots())
    verdict = json.loads(house.command("verify", str(file), "--root", str(roots), "--json").stdout)
    (signer,) = verdict["signers"]
    assert (signer["ok"], signer["method"], signer["name"]) == (True, "face", "李雷"), signer
    assert signer["facts"]["identity"]["level"] == "document+face"

    sent(desk, house, title="Second lease")
    read(page, house.link(LI_LEI.email))
    page.get_by_role("link", name="Continue to sign").click()
    expect(page.get_by_role("button", name="Agree and continue")).to_be_visible()


def loaded_anew_in_the_middle(page: Page, actor: Actor) -> None:
    """The recording was committed to and the line went down; who loads the page anew records anew."""
    pieces: list[Route] = []
    page.route("**/video/*", lambda route: down_for_pieces(route, pieces))
    page.get_by_role("button", name="Start the camera").click()
    act_along(page, actor, begin=lambda: None)
    expect(page.locator("face-capture .hint")).to_contain_text("The connection is lost.", timeout=JUDGED_MILLISECONDS)
    page.unroute("**/video/*")
    page.reload()
    step(page, "face")


def down_for_pieces(route: Route, pieces: list[Route], *, most: int = 1_000) -> None:
    """A line that carries a hundred bytes but no piece of a recording, the first `most` times."""
    if route.request.method == "PATCH" and route.request.post_data_buffer and len(pieces) < most:
        pieces.append(route)
        route.abort("connectionreset")
    else:
        route.continue_()


def by_face(page: Page, actor: Actor) -> None:
    """Over a line that breaks twice while it is sent."""
    page.get_by_role("link", name="Continue to sign").click()
    page.get_by_role("button", name="Agree and continue").click()
    page.get_by_role("link", name="Sign with your face").click()
    expect(page.get_by_role("heading", name="Sign with your face")).to_be_visible()
    no_violations(page)
    pieces: list[Route] = []
    page.route("**/face/video/*", lambda route: down_for_pieces(route, pieces, most=2))
    films(page, actor, signed(page))
    assert len(pieces) == 2


def test_the_wrong_order_gets_a_hint_and_somebody_else_is_refused(
    desk: Page,
    filmed: Phones,
    house: RunningHouse,
    camera: FakeCamera,
    actor: Actor,
    eyes: Eyes,
    sides: list[Path],
    a_person: Callable[[Page], None],
) -> None:
    page = filmed()
    a_person(page)
    page.get_by_role("button", name="Agree and begin").click()
    shows_card(page, sides)
    step(page, "face")
    camera.show(actor)
    films(page, actor, at(page, "face").filter(has_text="did not come in the order"), performing=backwards)
    no_violations(page)
    other = Actor(Puppet(six_people(), eyes, 1)).rehearse()
    camera.show(other)
    films(page, other, at(page, "refused"))
    expect(page.locator("#step .notice.error")).to_contain_text("does not look like the one on the document")
    no_violations(page)


@pytest.fixture
def a_person(desk: Page, house: RunningHouse) -> Callable[[Page], None]:
    """Somebody with an account who begins a check by themselves; each time another one."""
    name = f"person{len(house.letters())}@example.org"
    desk.goto(f"{house.url}/members")
    desk.get_by_label("Name", exact=True).fill("Somebody")
    desk.get_by_label("E-mail address or mobile number").fill(name)
    desk.get_by_role("button", name="Add", exact=False).first.click()

    def begin(page: Page) -> None:
        sign_in(page, house, name)
        page.goto(f"{house.url}/account/identity")
        no_violations(page)
        page.get_by_role("button", name="Show who you are").click()
        step(page, "consent")

    return begin


def test_without_a_camera_a_human_looks_and_begins_on_a_computer(
    desk: Page, phone: Phones, house: RunningHouse, sides: list[Path], a_person: Callable[[Page], None]
) -> None:
    computer = phone(viewport={"width": 1280, "height": 800}, is_mobile=False, has_touch=False)
    a_person(computer)
    computer.get_by_text("Without a face video").click()
    computer.get_by_role("button", name="Agree, and be checked by a person").click()
    step(computer, "document")
    computer.get_by_text("Continue on your phone").click()
    expect(computer.get_by_alt_text("The link to this step, as a QR code")).to_be_visible()
    no_violations(computer, targets=False)
    mobile = phone()
    mobile.goto(computer.url)  # what the code says
    shows_card(mobile, sides)
    step(mobile, "review")
    step(computer, "review")
    no_violations(mobile)
    desk.goto(f"{house.url}/reviews")
    no_violations(desk)
    desk.get_by_role("link", name="Look at it").first.click()
    expect(desk.get_by_alt_text("The portrait on the document")).to_be_visible()
    no_violations(desk)
    desk.get_by_label("Your reason").fill("I compared them with the original at our office.")
    desk.get_by_label("I met this person face to face", exact=False).check()
    desk.get_by_role("button", name="Accept").click()
    expect(desk.get_by_text("Nothing waits for you.")).to_be_visible()
    step(mobile, "passed")
    step(computer, "passed")
    computer.goto(f"{house.url}/account/identity")
    expect(computer.get_by_text("李雷")).to_be_visible()
    computer.get_by_role("link", name="Take my agreement back").click()
    no_violations(computer, targets=False)
    keys = len(list((house.data / "face-keys").iterdir()))
    computer.get_by_role("button", name="Destroy them now").click()
    expect(computer.get_by_text("Nothing but your address is known")).to_be_visible()
    assert len(list((house.data / "face-keys").iterdir())) == keys - 1


def test_on_another_device_a_check_goes_on_with_a_code_to_the_address(
    desk: Page, phone: Phones, house: RunningHouse
) -> None:
    """Whoever holds a forwarded link sees no more of it than that there is one."""
    whom = replace(LI_LEI, email="elsewhere@example.org")
    sent(desk, house, title="Third lease", to=whom)
    link = house.link(whom.email)
    first, second = phone(), phone()
    begins(first, link)
    first.get_by_role("button", name="Agree and begin").click()
    step(first, "document")
    second.goto(f"{link}/identity")
    no_violations(second)
    second.get_by_role("button", name="Go on with it").click()
    expect(second.get_by_role("heading", name="Is it you?")).to_be_visible()
    no_violations(second)
    second.locator("[name=code]").press_sequentially(house.code(whom.email, template="contact_code"))
    step(second, "document")
    first.goto(f"{link}/identity")
    first.get_by_role("button", name="Go on with it").click()
    expect(first.get_by_role("heading", name="Is it you?")).to_be_visible()
