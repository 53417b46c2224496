"""The signer's minute: how long the machine keeps somebody waiting who signs on a phone, and what it costs them.

`python -m bench.minute [--json] [--runs 5] [--think 3] [--document FILE.pdf]` starts a house (`python -m bff up`, its real
units), sends a real contract, and signs it in Chromium on a Pixel 7's screen with a slow 4G network (562.5 ms a round
trip, 1.44 Mbit/s down, 0.675 up) and a processor slowed four times: by SMS, by fingerprint for the first time, and by
fingerprint as somebody who has signed before. First-time signers come with an empty cache.

Machine time is from a tap (or from opening the link) until what the person needs next has been painted: the first page's
picture, the buttons, the authenticator's question, the thanks; a code counts until it is in the inbox as well. Reading,
thinking and typing are the person's own: before each tap they take `--think` seconds, in which the machine may work ahead.

Left out, because the browser's slowing does not reach it: the service worker. The virtual authenticator answers at once.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from bench.report import Goal, Report, machine, versions
from tests.builders import a_pdf
from tests.journeys import walks
from tests.journeys.house import RunningHouse
from tests.journeys.phone import Authenticator
from tests.journeys.walks import Party

ROOT = Path(__file__).resolve().parents[1]
CONTRACT = ROOT.parent / "shared" / "data" / "contracts" / "mutual-nda-bonterms.pdf"
"""A real one, where there is one beside the checkout; else ten pages are made."""
SLOW_4G = {
    "offline": False,
    "latency": 562.5,
    "downloadThroughput": 1.6e6 * 0.9 / 8,
    "uploadThroughput": 750e3 * 0.9 / 8,
}
SLOWER_CPU = 4
STEP_SECONDS = 60
SEAL_SECONDS = 120
BUDGET_KILOBYTES = 150

EYE = """(() => {
  const now = () => performance.timeOrigin + performance.now();
  const shown = (selector) => {
    const found = document.querySelector(selector);
    return found?.checkVisibility() && !found.disabled ? found : null;
  };
  let asked = false;
  const THINGS = {
    read: () => shown('page-reader img')?.naturalWidth > 0 && shown('page-reader img').complete && shown('.actions a'),
    sign: () => shown('button[name=consent]'),
    prove: () => shown('[data-code]'),
    ask: () => asked && shown('passkey-button button'),
    code: () => shown('input[name=code]'),
    signed: () => shown('#status .chip.success'),
    sealed: () => shown('#status a.primary[href$=".pdf"]'),
  };
  const seen = {};
  const look = () => {
    for (const [name, there] of Object.entries(THINGS)) {
      const is = Boolean(document.body && there());
      if (is && !seen[name]) requestAnimationFrame(() => setTimeout(() => benchSaw(name, now()), 0));
      seen[name] = is;
    }
    requestAnimationFrame(look);
  };
  addEventListener('click', (e) => e.isTrusted && e.detail > 0 && benchSaw('tap', performance.timeOrigin + e.timeStamp), true);
  addEventListener('input', (e) => e.isTrusted && benchSaw('typed', performance.timeOrigin + e.timeStamp), true);
  addEventListener('passkey-ready', () => (asked = true), true);
  requestAnimationFrame(look);
})()"""
"""Says in the page's own time when something was tapped, typed or has been painted; survives no navigation and needs not."""


@dataclass
class Minute:
    """One ceremony as it was: seconds a step, in order; bytes until the first page could be read; taps."""

    seconds: dict[str, float] = field(default_factory=dict)
    kilobytes: float = 0
    requests: int = 0
    taps: int = 0
    sealed: float = 0

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


class SlowPhone:
    """A page on a slow phone, watched."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._seen: list[tuple[str, float]] = []
        self._network: list[tuple[str, float, int]] = []
        self._epoch = 0.0
        page.expose_function("benchSaw", lambda name, at: self._seen.append((name, at / 1000)))
        page.add_init_script(EYE)
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("Network.enable")
        self._devtools.send("Network.emulateNetworkConditions", SLOW_4G)
        self._devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER_CPU})
        self._devtools.on("Network.requestWillBeSent", self._asked)
        self._devtools.on("Network.responseReceived", self._answered)
        self._devtools.on("Network.dataReceived", lambda e: self._came(e, int(e["encodedDataLength"])))

    def _asked(self, event: dict[str, Any]) -> None:
        self._epoch = float(event["wallTime"]) - float(event["timestamp"])

    def _answered(self, event: dict[str, Any]) -> None:
        response = event["response"]
        if not response.get("fromDiskCache") and response["url"].startswith("http"):
            self._network.append(("answer", float(event["timestamp"]), int(response["encodedDataLength"])))

    def _came(self, event: dict[str, Any], size: int) -> None:
        self._network.append(("data", float(event["timestamp"]), size))

    def forget(self) -> None:
        """A new ceremony begins."""
        self._seen.clear()
        self._network.clear()

    def when(self, name: str, *, after: float = 0.0) -> float:
        """The time at which this was seen, at once or later."""
        deadline = time.monotonic() + STEP_SECONDS
        while time.monotonic() < deadline:
            if found := [at for what, at in self._seen if what == name and at >= after]:
                return found[0]
            self.page.wait_for_timeout(10)
        sys.exit(f"minute: waited {STEP_SECONDS} s in vain for: {name} ({self.page.url.split('/s/')[0]})")

    def last(self, name: str) -> float:
        return max(at for what, at in self._seen if what == name)

    @property
    def taps(self) -> int:
        return sum(what == "tap" for what, _ in self._seen)

    def traffic(self, until: float) -> tuple[float, int]:
        """Kilobytes that had come over the network by then, headers and all, and in how many answers."""
        came = [(what, size) for what, at, size in self._network if at + self._epoch <= until]
        return sum(size for _, size in came) / 1000, sum(what == "answer" for what, _ in came)


@dataclass(frozen=True)
class Signer:
    """What a person does, on this phone."""

    phone: SlowPhone
    house: RunningHouse
    think: float

    def by_code(self, link: str, party: Party) -> Minute:
        minute = self._to_the_last_step(link, "prove")
        before = len(self.house.letters(to=party.phone, template="code"))
        self._tap(minute, "ask for a code", "Send me a code by SMS", "button", "code")
        code = self.house.code(party.phone, after=before)
        arrived = time.time() - self.phone.last("tap")
        minute.seconds["ask for a code"] = max(minute.seconds["ask for a code"], arrived)
        self._think()
        self.phone.page.locator("[name=code]").press_sequentially(code)
        signed = self.phone.when("signed")
        minute.seconds["code typed, signed"] = signed - self.phone.last("typed")
        return self._done(minute, signed)

    def by_fingerprint(self, link: str) -> Minute:
        minute = self._to_the_last_step(link, "ask")
        self._tap(minute, "touch, signed", "Sign with fingerprint or face", "button", "signed")
        return self._done(minute, self.phone.when("signed"))

    def _to_the_last_step(self, link: str, ready: str) -> Minute:
        minute = Minute()
        self.phone.forget()
        began = time.time()
        self.phone.page.goto(link, wait_until="commit")
        readable = self.phone.when("read")
        minute.seconds["open the link, read"] = readable - began
        minute.kilobytes, minute.requests = self.phone.traffic(readable)
        self._tap(minute, "continue to sign", "Continue to sign", "link", "sign")
        self._tap(minute, "agree", "Agree and continue", "button", ready)
        return minute

    def _tap(self, minute: Minute, step: str, name: str, role: Any, then: str) -> None:
        self._think()
        taps = self.phone.taps
        self.phone.page.get_by_role(role, name=name).click()
        while self.phone.taps == taps:
            self.phone.page.wait_for_timeout(5)
        tapped = self.phone.last("tap")
        minute.seconds[step] = self.phone.when(then, after=tapped) - tapped

    def _think(self) -> None:
        self.phone.page.wait_for_timeout(self.think * 1000)

    def _done(self, minute: Minute, signed: float) -> Minute:
        minute.taps = self.phone.taps
        expect(self.phone.page.locator("#status a.primary")).to_be_visible(timeout=SEAL_SECONDS * 1000)
        minute.sealed = self.phone.when("sealed") - signed
        return minute


# --- the house and its contracts ---


class Sender:
    """Sends the same contract again and again, on a fast machine that nobody measures."""

    def __init__(self, page: Page, house: RunningHouse, document: Path) -> None:
        self._page, self._house, self._document = page, house, document
        walks.claim(page, house)

    def send(self, party: Party) -> str:
        """The link that the party gets, once the pictures of the contract had time to be drawn."""
        walks.upload(self._page, self._house, self._document)
        walks.add_signer(self._page, party)
        self._page.get_by_role("link", name="Continue").click()
        self._page.get_by_role("button", name="Continue").click()
        self._page.locator("field-board .palette").wait_for()
        self._page.get_by_role("link", name="Continue").click()
        self._page.get_by_role("button", name="Prepare").click()
        self._page.get_by_role("button", name="Send now").click()
        expect(walks.state_of(self._page)).to_have_attribute("data-state", "sent")
        self._page.goto("about:blank")
        link = self._house.link(party.email)
        time.sleep(3)  # a letter is opened later than that
        return link


@contextmanager
def _phone(playwright: Playwright, browser: Browser) -> Iterator[Page]:
    pixel = {k: v for k, v in playwright.devices["Pixel 7"].items() if k != "default_browser_type"}
    with browser.new_context(**pixel, locale="en", service_workers="block") as context:
        yield context.new_page()


def measure(*, runs: int, think: float, document: Path | None, say: Callable[[str], None]) -> Report:
    told = machine() | {"think_seconds": think}
    found: dict[str, list[Minute]] = {"SMS": [], "fingerprint, first time": [], "fingerprint, again": []}
    with tempfile.TemporaryDirectory(prefix="cs-") as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_chromium(), args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        told["chromium"] = browser.version
        told["document"], paper = _document(document, Path(folder))
        house = RunningHouse(Path(folder)).start()
        try:
            with browser.new_context(locale="en") as desk:
                sender = Sender(desk.new_page(), house, paper)
                for run in range(runs):
                    for name, minute in _one_run(playwright, browser, house, sender, run, think):
                        found[name].append(minute)
                        say(f"run {run + 1}, {name}: {minute.total:.2f} s, {minute.kilobytes:.0f} kB")
        finally:
            house.stop()
            browser.close()
    return Report("minute", told, versions("playwright", "gunicorn", "flask"), _rows(found), _goals(found))


def _one_run(
    playwright: Playwright, browser: Browser, house: RunningHouse, sender: Sender, run: int, think: float
) -> Iterator[tuple[str, Minute]]:
    bob = Party(f"Bob Buyer {run}", f"bob{run}@example.org", f"+49151123450{run:02d}")
    mei = Party(f"Han Mei {run}", f"mei{run}@example.org")
    with _phone(playwright, browser) as page:
        link = sender.send(bob)
        yield "SMS", Signer(SlowPhone(page), house, think).by_code(link, bob)
    with _phone(playwright, browser) as page:
        Authenticator(page)
        signer = Signer(SlowPhone(page), house, think)
        yield "fingerprint, first time", signer.by_fingerprint(sender.send(mei))
        yield "fingerprint, again", signer.by_fingerprint(sender.send(mei))


def _chromium() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    return found or sys.exit("minute: no Chromium is installed (`make journeys` installs one where it can)")


def _document(given: Path | None, folder: Path) -> tuple[str, Path]:
    """What is signed, and what it is called."""
    chosen = given or (CONTRACT if CONTRACT.exists() else None)
    if chosen is not None:
        return chosen.name, chosen
    made = folder / "ten pages.pdf"
    made.write_bytes(a_pdf(pages=10))
    return "made, 10 pages", made


# --- what is told ---


def _rows(found: dict[str, list[Minute]]) -> list[dict[str, Any]]:
    rows = []
    for name, minutes in found.items():
        for step in minutes[0].seconds:
            rows.append(_row(name, step, "s", [m.seconds[step] for m in minutes]))
        rows.append(_row(name, "machine time", "s", [m.total for m in minutes]))
        rows.append(_row(name, "to the first readable page", "kB", [m.kilobytes for m in minutes]))
        rows.append(_row(name, "answers until then", "", [float(m.requests) for m in minutes]))
        rows.append(_row(name, "taps", "", [float(m.taps) for m in minutes]))
        rows.append(_row(name, "sealed, after signing", "s", [m.sealed for m in minutes]))
    return rows


def _row(ceremony: str, step: str, unit: str, values: list[float]) -> dict[str, Any]:
    row = {"ceremony": ceremony, "step": step, "median": round(median(values), 2), "unit": unit}
    return {**row, "runs": [round(value, 2) for value in values]}


def _goals(found: dict[str, list[Minute]]) -> list[Goal]:
    first = found["SMS"] + found["fingerprint, first time"]
    return [
        Goal("SMS, machine time", _median([m.total for m in found["SMS"]]), "s", 8),
        *(
            Goal(f"{name}, machine time", _median([m.total for m in found[name]]), "s", 5)
            for name in ("fingerprint, first time", "fingerprint, again")
        ),
        Goal("first readable page, empty cache", _median([m.kilobytes for m in first]), "kB", BUDGET_KILOBYTES),
        Goal("taps of a returning signer", _median([float(m.taps) for m in found["fingerprint, again"]]), "taps", 3),
    ]


def _median(values: list[float]) -> float:
    return round(median(values), 2)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.minute", description="Measures the signer's minute.")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--think", type=float, default=3.0, metavar="SECONDS", help="how long a person looks before a tap"
    )
    parser.add_argument("--document", type=Path, metavar="FILE.pdf", help="what is signed")
    asked = parser.parse_args()
    report = measure(
        runs=asked.runs, think=asked.think, document=asked.document, say=lambda line: print(line, file=sys.stderr)
    )
    print(report.json() if asked.json else report.table())


if __name__ == "__main__":
    main()
