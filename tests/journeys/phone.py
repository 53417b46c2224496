"""Phones: a browser with a Pixel 7's screen, an authenticator that can be counted, and a look at each screen.

`no_violations` is what every screen of every journey must pass: axe in the light and in the dark, nothing wider than a
small phone, nothing that is tapped smaller than a finger needs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright

AXE = Path(__file__).resolve().parents[2] / "web" / "vendor" / "test" / "axe.min.js"
SMALL_PHONE = 360
SMALLEST_TARGET = 44
SLACK = 0.5
"""Part of a pixel: what rounding makes of 44."""

TOO_SMALL = """([least, slack]) => {
  const tapped = 'a[href], button, select, input:not([type=hidden]), textarea, summary, [role=button], [role=switch]';
  const small = [];
  for (const element of document.querySelectorAll(tapped)) {
    if (!element.checkVisibility({visibilityProperty: true, opacityProperty: false}) || element.disabled) continue;
    const wrapper = element.matches('input[type=radio], input[type=checkbox]') ? element.closest('label') : null;
    const target = wrapper ?? element;
    const box = target.getBoundingClientRect();
    if (!box.width || box.bottom < -1000 || box.right <= 0) continue;
    if (element.matches('.skip-link, .visually-hidden, .visually-hidden *, .spot')) continue;
    if (element.matches('a[href]') && inSentence(element)) continue;
    if (box.height < least - slack || box.width < least - slack)
      small.push(`${element.outerHTML.slice(0, 120)} ${Math.round(box.width)}x${Math.round(box.height)}`);
  }
  return small;
  // WCAG 2.5.8 excepts links that stand in a line of text.
  function inSentence(link) {
    return getComputedStyle(link).display === 'inline' && link.parentElement.textContent.trim() !== link.textContent.trim();
  }
}"""

# Sizes of targets are TOO_SMALL's: axe asks for 24 pixels only, and takes what a sticky bar covers for small.
AXE_RUN = """async () => (await axe.run(document, {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'],
  rules: {'target-size': {enabled: false}},
})).violations.map(v => v.id + ': ' + v.help + '\\n    ' + v.nodes.slice(0, 4).map(n => n.target.join(' ') + ' '
  + n.html.slice(0, 140) + ' ' + (n.any[0]?.message ?? n.all[0]?.message ?? '')).join('\\n    '))"""

# Not innerWidth: on a phone it grows with what is too wide.
WIDE = """() => document.scrollingElement.scrollWidth <= document.documentElement.clientWidth ? []
  : [...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .slice(0, 5).map(e => e.outerHTML.slice(0, 120))"""


class Phones:
    """The phones (and desktops) of one journey. All are switched off at its end, and then none may have complained."""

    def __init__(self, playwright: Playwright, browser: Browser) -> None:
        self._pixel = {k: v for k, v in playwright.devices["Pixel 7"].items() if k != "default_browser_type"}
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def __call__(self, **options: Any) -> Page:
        """A new phone with one empty page: 412 pixels wide, touched, in English unless `locale` says otherwise."""
        return self.context(**options).new_page()

    def context(self, **options: Any) -> BrowserContext:
        context = self._browser.new_context(**{**self._pixel, "locale": "en", "accept_downloads": True, **options})
        context.on("page", self._listen)
        self._contexts.append(context)
        return context

    def _listen(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self._note(page, said.text))

    def _note(self, page: Page, said: str) -> None:
        if "Content Security Policy" in said or "Refused to" in said:
            self.complaints.append(f"{page.url}: {said}")

    def close(self) -> None:
        """Tells where each page was left; pytest shows it beside a failure."""
        for context in self._contexts:
            for page in context.pages:
                print(f"--- left at {page.url}\n{works(page, 'document.body?.innerText.slice(0, 1500)')}")
            context.close()
        self._contexts.clear()


class Authenticator:
    """The phone's fingerprint reader, virtual: it agrees at once, and remembers how often it was asked."""

    def __init__(self, page: Page) -> None:
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2",
            "ctap2Version": "ctap2_1",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = self._devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.id = str(made["authenticatorId"])
        self.created = self.asserted = 0
        self._devtools.on("WebAuthn.credentialAdded", lambda _: self._count("created"))
        self._devtools.on("WebAuthn.credentialAsserted", lambda _: self._count("asserted"))

    def _count(self, what: str) -> None:
        setattr(self, what, getattr(self, what) + 1)

    @property
    def touches(self) -> int:
        """How often the person had to touch it."""
        return self.created + self.asserted

    @property
    def credentials(self) -> list[dict[str, Any]]:
        return list(self._devtools.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"])

    def verify_user(self, verified: bool) -> None:
        """Whether the finger is recognised from now on."""
        self._devtools.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": verified})


SETTLED = """() => Promise.race([
  Promise.allSettled(
    document.getAnimations().filter((a) => a.effect?.getTiming().iterations !== Infinity).map((a) => a.finished)
  ),
  new Promise((resolve) => setTimeout(resolve, 2000)),
])"""


def no_violations(page: Page, *, targets: bool = True) -> None:
    """This screen, as it stands, is accessible in both colour schemes, narrow enough for a small phone, and tappable."""
    if not page.evaluate("() => typeof window.axe === 'object'"):
        page.evaluate(AXE.read_text("utf-8"))
    found = []
    for scheme in ("light", "dark"):
        with _scheme(page, scheme):
            found += [f"{scheme}: {said}" for said in page.evaluate(AXE_RUN)]
    with _width(page, SMALL_PHONE):
        found += [f"wider than {SMALL_PHONE} pixels: {said}" for said in page.evaluate(WIDE)]
        if targets:
            small = page.evaluate(TOO_SMALL, [SMALLEST_TARGET, SLACK])
            found += [f"smaller than {SMALLEST_TARGET} pixels: {said}" for said in small]
    assert not found, f"{page.title()} ({page.url}):\n" + "\n".join(found)


@contextmanager
def _scheme(page: Page, scheme: Any) -> Iterator[None]:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(SETTLED)  # a colour halfway to another is nobody's contrast
    yield
    page.emulate_media(color_scheme="light", reduced_motion="null")


@contextmanager
def _width(page: Page, width: int) -> Iterator[None]:
    before = page.viewport_size
    assert before is not None
    page.set_viewport_size({"width": width, "height": before["height"]})
    yield
    page.set_viewport_size(before)


class Taps:
    """Counts what a finger does to a page, across its navigations: real, trusted clicks, whoever listens to them."""

    def __init__(self, page: Page) -> None:
        self.count = 0
        page.expose_function("countTap", self._tapped)
        page.add_init_script("addEventListener('click', e => e.isTrusted && e.detail > 0 && countTap(), true)")

    def _tapped(self) -> None:
        self.count += 1


def works(page: Page, script: str) -> Any:
    """Evaluates, and answers None where the page went away meanwhile."""
    try:
        return page.evaluate(script)
    except Error:
        return None
