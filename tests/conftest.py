"""Shared beginnings: a house in a temporary folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bff.store.people import Person
from bff.wiring import House
from tests.builders import Clock, a_house, an_owner
from tools import set_up


def pytest_configure() -> None:
    """The words as they are in the repository now, not as they were at the last set-up."""
    set_up.translations()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[House]:
    """A whole house on SQLite with the embedded authority; errands wait until a test carries them out."""
    house = a_house(tmp_path, clock)
    yield house
    house.pages.close()
    house.drawing_cage.close()
    house.cage.close()
    house.store.close()


@pytest.fixture
def owner(home: House) -> Person:
    return an_owner(home)
