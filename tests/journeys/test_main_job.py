"""The main job through the front door: the real units, real phones, nothing patched; every screen is looked at.

Olga uploads, places fields by tap, mouse, thumb and keyboard, signs first with a drawn signature and sends. Bob fills his
fields and signs by a code, Li Lei by fingerprint. The sealed file is found again, and given to validators that nobody
here wrote.
"""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.builders import a_pdf
from tests.journeys.house import RunningHouse
from tests.journeys.phone import Authenticator, Phones, Taps, no_violations
from tests.journeys.walks import (
    BOB,
    LI_LEI,
    SEAL_MILLISECONDS,
    Party,
    add_signer,
    claim,
    confirm_by_code,
    confirm_by_fingerprint,
    download_sealed,
    drag_by_mouse,
    drag_by_thumb,
    draw_signature,
    place,
    read,
    set_up_fingerprint,
    show,
    sign_by_fingerprint,
    sign_in,
    signed,
    state_of,
    to_the_last_step,
    upload,
    upload_and_send,
)
from tests.outsiders import openssl_cms, openssl_ts, pdfsig, qpdf_check, signatures_in

OLGA = Party("Olga Owner", "olga@example.org")
TITLE = "Purchase of a used car"


def test_a_contract_goes_from_upload_to_a_sealed_file_that_strangers_call_valid(
    house: RunningHouse, phone: Phones, tmp_path: Path
) -> None:
    sender = phone()
    Authenticator(sender)
    claim(sender, house, look=no_violations)
    set_up_fingerprint(sender, house, look=no_violations)
    contract = _prepare(sender, house, tmp_path / "car.pdf")

    _sign_first(sender)
    show(sender, house, contract)
    sender.get_by_role("button", name="Send now").click()
    expect(state_of(sender)).to_have_attribute("data-state", "sent")
    no_violations(sender)
    sender.evaluate("window.never = 'reloaded'")

    _bob_signs_by_code(phone(), house)
    expect(sender.locator("li.person", has_text=BOB.name)).to_contain_text("Signed")

    li_lei = phone()
    Authenticator(li_lei)
    _li_lei_signs_by_fingerprint(li_lei, house)
    expect(state_of(sender)).to_have_attribute("data-state", "archived", timeout=SEAL_MILLISECONDS)
    assert sender.evaluate("window.never") == "reloaded"
    no_violations(sender)
    expect(state_of(sender)).to_have_attribute("data-level", "B-LTA")
    expect(sender.get_by_text("2 archive sites: A, B")).to_be_visible()

    _find_again(sender, house)
    file = download_sealed(sender, tmp_path / "sender.pdf")
    assert file.read_bytes() == download_sealed(li_lei, tmp_path / "li lei.pdf").read_bytes()
    no_violations(li_lei)
    _strangers_agree(file, house.roots())
    _challenges_come_from_the_file_alone(file, house)


def _prepare(sender: Page, house: RunningHouse, document: Path) -> str:
    document.write_bytes(a_pdf(pages=3))
    sender.goto(f"{house.url}/")
    no_violations(sender)
    sender.get_by_role("link", name="New contract").click()
    no_violations(sender)
    contract = upload(sender, house, document)
    no_violations(sender)
    sender.get_by_role("button", name="I sign too").click()
    for party in (BOB, LI_LEI):
        add_signer(sender, party)
    no_violations(sender)
    sender.get_by_role("link", name="Continue").click()
    sender.get_by_label("Title").fill(TITLE)
    sender.get_by_label("Message to the signers").fill("The car as we saw it on Sunday.")
    sender.get_by_label("Day").fill("2036-12-24")
    no_violations(sender)
    sender.get_by_role("button", name="Continue").click()
    _place_fields(sender)
    sender.get_by_role("link", name="Continue").click()
    expect(sender.get_by_text("4 fields on the pages.")).to_be_visible()
    no_violations(sender)
    sender.get_by_role("button", name="Prepare").click()
    expect(state_of(sender)).to_have_attribute("data-state", "prepared")
    no_violations(sender)
    return contract


def _place_fields(board: Page) -> None:
    """By tap; then one is dragged by mouse, one by thumb, and one moved by keyboard. All of it is saved by itself."""
    place(board, "Signature", signer=OLGA.name, at=(25, 30))
    bobs = place(board, "Signature", signer=BOB.name, at=(25, 45))
    date = place(board, "Date", signer=BOB.name, at=(70, 45))
    text = place(board, "Text", signer=BOB.name, at=(40, 55), label="Place", required=True)
    place(board, "Checkbox", signer=BOB.name, at=(70, 55), label="I have seen the car", required=True)
    place(board, "Signature", signer=LI_LEI.name, at=(25, 65))
    no_violations(board, targets=False)
    before = _places(board)
    drag_by_mouse(bobs, dx=60, dy=-30)
    text.tap()
    _close_sheet(board)
    drag_by_thumb(text, dx=-50, dy=40)
    date.focus()
    for _ in range(3):
        board.keyboard.press("ArrowRight")
    after = _places(board)
    moved = {name: (after[name][0] - before[name][0], after[name][1] - before[name][1]) for name in before}
    names = [str(spot.get_attribute("data-id")) for spot in (bobs, text, date)]
    assert moved[names[0]][0] > 0 > moved[names[0]][1]
    assert moved[names[1]][0] < 0 < moved[names[1]][1]
    assert moved[names[2]] == (300, 0)
    assert all(way == (0, 0) for name, way in moved.items() if name not in names)
    expect(board.locator(".board-state")).to_have_text("Saved")
    board.reload()
    board.locator(".spot").first.wait_for()
    assert sorted(_places(board).values()) == sorted(after.values())  # the house names the fields itself


def _places(board: Page) -> dict[str, tuple[int, int]]:
    return {f["id"]: (f["x"], f["y"]) for f in json.loads(board.locator("input[name=fields]").input_value())}


def _close_sheet(board: Page) -> None:
    """A second tap on a chosen field opens its details; that is not wanted here."""
    if board.locator("dialog[open]").is_visible():
        board.keyboard.press("Escape")


def _sign_first(sender: Page) -> None:
    """The sender goes through the same ceremony as anybody."""
    sender.get_by_role("button", name="Sign first").click()
    expect(sender.locator("page-reader img").first).to_be_visible()
    no_violations(sender)
    sender.get_by_role("link", name="Continue to sign").click()
    draw_signature(sender, look=no_violations)
    no_violations(sender)
    sender.get_by_role("button", name="Agree and continue").click()
    no_violations(sender)
    confirm_by_fingerprint(sender)
    no_violations(sender)


def _bob_signs_by_code(bob: Page, house: RunningHouse) -> None:
    read(bob, house.link(BOB.email), look=no_violations)
    bob.get_by_role("link", name="Continue to sign").click()
    no_violations(bob)
    bob.get_by_role("textbox", name="Place").fill("Köln")
    bob.get_by_role("checkbox", name="I have seen the car").check()
    bob.get_by_role("button", name="Agree and continue").click()
    no_violations(bob)
    confirm_by_code(bob, house, BOB.phone, look=no_violations)
    no_violations(bob)


def _li_lei_signs_by_fingerprint(li_lei: Page, house: RunningHouse) -> None:
    to_the_last_step(li_lei, house.link(LI_LEI.email), look=no_violations)
    confirm_by_fingerprint(li_lei)


def _find_again(sender: Page, house: RunningHouse) -> None:
    """By a word of the title, and by a party's Chinese name; as one types."""
    sender.goto(f"{house.url}/")
    rows = sender.locator(".list .row")
    for words in ("used car", "李雷"):
        sender.get_by_label("Search title or party").fill("nothing like it")
        expect(rows).to_have_count(0)
        no_violations(sender)
        sender.get_by_label("Search title or party").fill(words)
        expect(rows.first).to_contain_text(TITLE)
    no_violations(sender)
    rows.first.click()
    expect(state_of(sender)).to_have_attribute("data-state", "archived")


def _strangers_agree(file: Path, roots: bytes) -> None:
    opinions = pdfsig(file, [roots])
    assert {opinion.name for opinion in opinions} >= {OLGA.name, BOB.name, LI_LEI.name}
    assert len(opinions) == 4  # three people and the house's seal
    assert all(opinion.valid and opinion.trusted for opinion in opinions), opinions
    pairs = signatures_in(file.read_bytes())
    assert len(pairs) == 5  # and the document timestamp
    for signature, covered in pairs[:-1]:
        assert "verification successful" in openssl_cms(signature, covered, [roots]).lower()
    assert openssl_ts(*pairs[-1], [roots])
    assert qpdf_check(file) == ""


def _challenges_come_from_the_file_alone(file: Path, house: RunningHouse) -> None:
    root = file.with_suffix(".pem")
    root.write_bytes(house.roots())
    told = house.command("verify", str(file), "--root", str(root), "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    signers: list[dict[str, Any]] = json.loads(told.stdout)["signers"]
    assert {s["name"]: s["method"] for s in signers} == {OLGA.name: "passkey", BOB.name: "sms", LI_LEI.name: "passkey"}
    content = file.read_bytes()
    for signer in signers:
        shown = content[: signer["shown_bytes"]]
        assert sha256(shown).hexdigest() == signer["document_sha256"]
        assert re.fullmatch("[0-9a-f]{64}", signer["challenge"])
        assert all(check["ok"] for check in signer["checks"]), signer["checks"]


def test_the_second_contract_of_the_same_person_is_one_touch_and_three_taps(house: RunningHouse, phone: Phones) -> None:
    sender = phone()
    sign_in(sender, house, OLGA.email, look=no_violations)
    wei = Party("王伟", "wangwei@example.org")
    upload_and_send(sender, house, [wei], title="First order")
    page = phone()
    finger, taps = Authenticator(page), Taps(page)
    sign_by_fingerprint(page, house, wei)
    assert (finger.created, finger.asserted) == (1, 1)

    upload_and_send(sender, house, [wei], title="Second order")
    link = house.link(wei.email)
    taps.count = 0
    page.goto(link)
    page.get_by_role("link", name="Continue to sign").tap()
    page.get_by_role("button", name="Agree and continue").tap()
    page.get_by_role("button", name="Sign with fingerprint or face").tap()
    expect(signed(page)).to_be_visible()
    assert (finger.created, finger.asserted) == (1, 2)
    assert len(finger.credentials) == 1
    assert taps.count == 3
