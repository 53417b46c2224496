"""The installable app in a real browser: what Chromium asks of one, no network, nothing of a signer kept, signing out."""

import json
import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.journeys.house import RunningHouse
from tests.journeys.phone import Phones
from tests.journeys.walks import BOB, claim, sign_in, to_the_last_step, upload_and_send

KEPT = """async () => Object.fromEntries(await Promise.all((await caches.keys()).map(async name =>
  [name, (await (await caches.open(name)).keys()).map(request => new URL(request.url).pathname)])))"""
READY = "async () => { await navigator.serviceWorker.ready; return (await navigator.serviceWorker.getRegistrations()).length }"
IN_CHARGE = "() => navigator.serviceWorker.controller !== null"
OFFLINE_ENGLISH, OFFLINE_CHINESE = "You are offline", "网络未连接"


def kept(page: Page) -> dict[str, list[str]]:
    found: dict[str, list[str]] = page.evaluate(KEPT)
    return found


def with_worker(page: Page, house: RunningHouse) -> Page:
    """A page of the desk that the worker serves."""
    page.goto(f"{house.url}/sign-in")
    assert page.evaluate(READY) == 1
    page.wait_for_function(IN_CHARGE)
    return page


def test_the_app_lives_on_the_phone_and_nothing_of_a_signature_does(house: RunningHouse, phone: Phones) -> None:
    page = phone()
    claim(page, house)
    contract = upload_and_send(page, house, [BOB])
    with_worker(page, house)
    _can_be_installed(page, house)
    link = house.link(BOB.email)
    _keeps_nothing_of_a_signer(page, link)
    _says_offline_in_the_language_of_the_reader(page, house, link)
    _forgets_everything_at_sign_out(page, house, contract)


def _can_be_installed(page: Page, house: RunningHouse) -> None:
    devtools = page.context.new_cdp_session(page)
    errors = [e["errorId"] for e in devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert [e for e in errors if e != "in-incognito"] == []  # a journey's browser keeps nothing, on purpose
    told = devtools.send("Page.getAppManifest")
    assert told["errors"] == []
    manifest: dict[str, Any] = json.loads(told["data"])
    expected = {"id": "/", "start_url": "/", "scope": "/", "display": "standalone", "lang": "en"}
    assert {key: manifest[key] for key in expected} == expected
    icons = {(icon["sizes"], icon.get("purpose", "any")) for icon in manifest["icons"]}
    assert icons == {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")}
    for icon in manifest["icons"]:
        answer = page.request.get(house.url + icon["src"])
        assert (answer.status, answer.headers["content-type"]) == (200, "image/png")


def _keeps_nothing_of_a_signer(page: Page, link: str) -> None:
    to_the_last_step(page, link)
    assert page.evaluate(IN_CHARGE)
    for name, paths in kept(page).items():
        assert name.startswith("countersign-")
        assert paths
        assert all(path.startswith(("/static/", "/offline", "/manifest.webmanifest")) for path in paths), paths


def _says_offline_in_the_language_of_the_reader(page: Page, house: RunningHouse, link: str) -> None:
    for language, said in (("en", OFFLINE_ENGLISH), ("zh_Hans_CN", OFFLINE_CHINESE)):
        page.goto(f"{house.url}/?lang={language}")
        page.context.set_offline(True)
        for address in (f"{house.url}/contracts", link):
            page.goto(address)
            assert page.title() == said
            assert page.locator("main").evaluate("e => getComputedStyle(e).maxWidth") != "none"  # its style is kept too
        page.context.set_offline(False)
        page.goto(link)
        expect(page.locator("#main")).to_contain_text("Purchase agreement")


def _forgets_everything_at_sign_out(page: Page, house: RunningHouse, contract: str) -> None:
    page.goto(f"{house.url}/contracts/{contract}")
    page.evaluate("() => localStorage.setItem('typed-1', 'a draft')")
    assert kept(page)
    page.goto(f"{house.url}/account")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    assert page.evaluate("() => localStorage.getItem('typed-1')") is None
    page.goto(f"{house.url}/contracts/{contract}")
    expect(page).to_have_url(re.compile("/sign-in"))


def test_screens_follow_each_other_without_a_redirect_and_a_reload_repeats_nothing(
    house: RunningHouse, phone: Phones
) -> None:
    sender = phone()
    sign_in_or_claim(sender, house)
    upload_and_send(sender, house, [BOB])
    link = house.link(BOB.email)
    page = phone()
    asked: list[tuple[str, str, int]] = []
    page.on("response", lambda r: asked.append((r.request.method, r.url.removeprefix(link), r.status)))
    page.goto(link)
    _was_fetched_ahead(page, link)
    page.get_by_role("button", name="Agree and continue").click()
    expect(page.get_by_role("heading", name="Confirm your signature")).to_be_visible()
    expect(page).to_have_url(f"{link}/prove")
    assert ("POST", "/sign", 200) in asked
    assert ("GET", "/prove", 200) not in asked
    page.reload()
    expect(page.get_by_role("heading", name="Confirm your signature")).to_be_visible()
    assert ("GET", "/prove", 200) in asked
    assert sum(method == "POST" and path == "/sign" for method, path, _ in asked) == 1
    before = len(house.letters(to=BOB.phone, template="code"))
    page.get_by_role("button", name="Send me a code by SMS").click()
    expect(page.locator("[name=code]")).to_be_visible()
    page.locator("[name=code]").press_sequentially(house.code(BOB.phone, after=before))
    expect(page.locator("#status")).to_contain_text("You have signed")
    expect(page).to_have_url(link)
    page.reload()
    expect(page.locator("#status .chip.success")).to_be_visible()


def _was_fetched_ahead(page: Page, link: str) -> None:
    """The next screen is there before it is asked for: no waiting, and nothing has been done for it."""
    page.wait_for_function("() => document.querySelector('a[data-next][data-ahead]')")
    page.wait_for_timeout(2000)  # reading
    page.get_by_role("link", name="Continue to sign").click()
    page.wait_for_url(f"{link}/sign")
    how = page.evaluate("() => performance.getEntriesByType('navigation')[0].deliveryType")
    assert how == "navigational-prefetch"


def sign_in_or_claim(page: Page, house: RunningHouse) -> None:
    """The owner's desk, whichever journey of this house came first."""
    page.goto(house.claim)
    if page.get_by_label("Your name").is_visible():
        claim(page, house)
    else:
        sign_in(page, house, "olga@example.org")
