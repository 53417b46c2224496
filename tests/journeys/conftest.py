"""What every journey begins with: a browser, phones, and a house that runs. A journey patches nothing.

In CI a journey that cannot run is a failure, not a skip.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.journeys import fonts
from tests.journeys.house import RunningHouse, running
from tests.journeys.phone import Phones

JOURNEY_SECONDS = 300
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.journey)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(JOURNEY_SECONDS))


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = chromium()
    if found is None:
        message = "no Chromium: run `make journeys`, which installs one where it can"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    made = playwright.chromium.launch(
        executable_path=found,
        args=ARGUMENTS,
        env=fonts.environment(tmp_path_factory.mktemp("fonts")),
    )
    yield made
    made.close()


def chromium() -> str | None:
    """The path of an installed browser."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def phone(playwright: Playwright, browser: Browser) -> Iterator[Phones]:
    """`phone()` is a new phone with an empty page. No page may throw or be stopped by the content security policy."""
    phones = Phones(playwright, browser)
    yield phones
    phones.close()
    assert not phones.complaints, "\n".join(phones.complaints)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    """One house for all journeys of a module."""
    with running(tmp_path_factory.mktemp("h")) as started:
        yield started


@pytest.fixture
def a_house(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., AbstractContextManager[RunningHouse]]:
    """A house of this journey's own, with its own settings: `with a_house(tsa_url=…) as house:`."""
    return lambda **settings: running(tmp_path_factory.mktemp("h"), **settings)
