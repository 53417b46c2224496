"""The verifier's page in a real browser: visited once, then used without a network, with PDFs and evidence bundles."""

from datetime import datetime
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.journeys.house import RunningHouse, until
from tests.journeys.phone import Phones

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
AT = datetime.fromisoformat("2026-11-02T12:00:00+00:00")
KEPT = """async () => (await Promise.all((await caches.keys()).map(async name => (await (await caches.open(name)).keys())
  .map(request => new URL(request.url).pathname)))).flat()"""


def test_whoever_has_opened_the_page_once_checks_files_without_a_network(house: RunningHouse, phone: Phones) -> None:
    page = phone()
    page.clock.set_fixed_time(AT)
    page.goto(f"{house.url}/verify")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    until(lambda: "/authority/roots.pem" in page.evaluate(KEPT), seconds=30, what="the roots to be kept")
    page.context.set_offline(True)
    page.goto(f"{house.url}/verify")
    expect(page.get_by_role("heading", name="Check a signed document")).to_be_visible()
    _is_not_trusted_with_this_houses_roots(page)
    page.locator("#roots").set_input_files(VECTORS / "roots.pem")
    _says(page, "good/two_signers.pdf", "Everything holds")
    _says(
        page,
        "good/face.pdf",
        "Identity document and face were checked on 2026-10-10 (Passport L8•••••C3, in the name of 李雷)",
    )
    expect(page.locator("[data-result]")).to_contain_text("it was asked for this document only")
    _says(page, "bad/face_of_another_contract.pdf", "The signature of 李雷 does not hold.")
    expect(page.locator("[data-result] .notice")).not_to_contain_text("were checked on")
    _says(page, "good/evidence_bundle.zip", "Everything holds")
    expect(page.locator("[data-result]")).to_contain_text("The log of what happened")
    _says(page, "bad/log_cut.zip", "What comes with the document does not hold.")
    expect(page.locator("details[open] li.fails")).to_contain_text(
        ["The log does not name this document.", "The tree's leaf is another log, or an earlier part of one."]
    )
    _says(page, "bad/bundle_torn.zip", "neither a PDF nor an evidence bundle")
    _says(page, "bad/flipped_in_the_words.pdf", "The signature of 李雷 does not hold.")
    page.context.set_offline(False)


def _is_not_trusted_with_this_houses_roots(page: Page) -> None:
    """They are there without a network, too: what is said is not that they could not be fetched."""
    _says(page, "good/two_signers.pdf", "Something does not hold")
    expect(page.locator("file-verifier")).not_to_contain_text("could not be fetched. Choose")


def _says(page: Page, file: str, words: str) -> None:
    page.locator("#file").set_input_files(VECTORS / file)
    expect(page.locator("[data-result] .notice")).to_contain_text(words)
