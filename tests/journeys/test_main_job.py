"""The main job through the front door: the real units, a real browser with a phone's screen, nothing patched.

Olga claims the house, uploads, names Bob and Carol, sends. Bob signs by the code from the development inbox, Carol by her
fingerprint (a CDP virtual authenticator). The sealed file is downloaded and given to pdfsig with our roots.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.builders import a_pdf
from tests.outsiders import pdfsig

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
SEAL_MILLISECONDS = 30_000

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Running:
    url: str
    claim: str


def _free_port() -> int:
    """A port whose neighbour is free too: live takes the next one."""
    for _ in range(50):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise OSError("no two free ports beside each other")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`python -m bff up`, as `make run` starts it."""
    folder, port = tmp_path_factory.mktemp("house"), _free_port()
    env = {**os.environ, "BFF_DATA_DIR": str(folder / "d"), "BFF_DEVELOPMENT": "1"}
    log = (folder / "log").open("w+")
    up = subprocess.Popen(
        [sys.executable, "-m", "bff", "up", "--port", str(port)], cwd=ROOT, env=env, stdout=log, stderr=log
    )
    try:
        yield Running(f"http://localhost:{port}", _claim_link(up, folder, port))
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(timeout=30)
        log.close()


def _claim_link(up: "subprocess.Popen[bytes]", folder: Path, port: int) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and up.poll() is None:
        said = (folder / "log").read_text()
        if link := re.search(rf"http://localhost:{port}/claim/[\w-]+", said):
            return link[0]
        time.sleep(0.2)  # the launcher prints the link when web answers
    pytest.fail("the house did not start:\n" + (folder / "log").read_text()[-3000:])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        message = "no Chromium: run `make journeys`, which installs one where it can"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield made
        made.close()


def _phone(browser: Browser) -> BrowserContext:
    return browser.new_context(
        viewport={"width": 412, "height": 839}, device_scale_factor=2, is_mobile=True, has_touch=True, locale="en"
    )


def _with_fingerprint(context: BrowserContext) -> Page:
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable", {"enableUI": False})
    options = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return page


def _letter(url: str, *, to: str, template: str) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for message in httpx.get(f"{url}/dev/inbox?json").json():
            if message["to"] == to and message["template"] == template:
                return str(message["body"])
        time.sleep(0.2)  # a worker carries it
    pytest.fail(f"no {template} for {to}")


def _link(url: str, to: str) -> str:
    found = re.search(rf"{url}/s/[\w-]+", _letter(url, to=to, template="invitation"))
    assert found is not None
    return found[0]


def _send(page: Page, running: Running, document: Path) -> None:
    page.goto(running.claim)
    page.get_by_label("Your name").fill("Olga Owner")
    page.get_by_label("E-mail address or mobile number").fill("olga@example.org")
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("link", name="My contracts").click()
    page.get_by_role("link", name="New contract").click()
    page.get_by_label("PDF file").set_input_files(document)  # it is sent as soon as it is chosen
    page.wait_for_url("**/signers")
    for name, email, mobile in [
        ("Bob Buyer", "bob@example.org", "+4915112345678"),
        ("李雷", "carol@example.org", ""),
    ]:
        form = page.locator("details", has_text="Add a signer")
        if not form.get_by_label("Name").is_visible():
            form.locator("summary").click()
        form.get_by_label("Name").fill(name)
        form.get_by_label("E-mail").fill(email)
        form.get_by_label("Mobile number").fill(mobile)
        form.get_by_role("button", name="Add", exact=True).click()
        expect(page.locator(".people")).to_contain_text(name)
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("button", name="Continue").click()
    page.locator("field-board .palette").wait_for()
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("button", name="Prepare").click()
    page.get_by_role("button", name="Send now").click()
    expect(page.locator("#contract")).to_have_attribute("data-state", "sent")


def _to_the_last_step(page: Page, link: str) -> None:
    page.goto(link)
    expect(page.locator("page-reader img").first).to_be_visible()
    page.get_by_role("link", name="Continue to sign").click()
    page.get_by_role("button", name="Agree and continue").click()
    expect(page.get_by_role("heading", name="Confirm your signature")).to_be_visible()


def test_a_contract_goes_from_upload_to_a_sealed_file_signed_on_two_phones(
    running: Running, browser: Browser, tmp_path: Path
) -> None:
    document = tmp_path / "Purchase agreement.pdf"
    document.write_bytes(a_pdf())
    with _phone(browser) as desk:
        sender = desk.new_page()
        _send(sender, running, document)

        with _phone(browser) as context:
            bob = context.new_page()
            _to_the_last_step(bob, _link(running.url, "bob@example.org"))
            bob.get_by_role("button", name="Send me a code by SMS").click()
            code = _letter(running.url, to="+4915112345678", template="code").rsplit("#", 1)[1].strip()
            bob.locator("[name=code]").press_sequentially(code)
            expect(bob.locator("#status")).to_contain_text("Thank you, Bob Buyer")

        with _phone(browser) as context:
            carol = _with_fingerprint(context)
            _to_the_last_step(carol, _link(running.url, "carol@example.org"))
            carol.get_by_role("button", name="Sign with fingerprint or face").click()
            sealed = carol.get_by_role("link", name="Download the signed document")
            expect(sealed).to_be_visible(timeout=SEAL_MILLISECONDS)
            with carol.expect_download() as download:
                sealed.click()
            signed = tmp_path / "signed.pdf"
            download.value.save_as(signed)

        sender.goto(f"{running.url}/?q=purchase")
        expect(sender.locator(".list .row")).to_contain_text("Bob Buyer")

    roots = httpx.get(f"{running.url}/authority/roots.pem").content
    opinions = pdfsig(signed, [roots])
    assert len(opinions) == 3
    assert {(o.signature, o.certificate) for o in opinions} == {("Signature is Valid.", "Certificate is Trusted.")}
    (tmp_path / "roots.pem").write_bytes(roots)
    command = [sys.executable, "-m", "bff", "verify", str(signed), "--root", str(tmp_path / "roots.pem"), "--json"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert {s["method"] for s in json.loads(told.stdout)["signers"]} == {"sms", "passkey"}
