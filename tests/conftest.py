"""Shared beginnings: a house in a temporary folder, on SQLite or on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from bff.store.people import Person
from bff.wiring import House
from tests.builders import Clock, a_house, an_owner
from tests.postgres import Postgres, postgres
from tools import set_up


def pytest_configure(config: pytest.Config) -> None:
    """Examples are the same each time; `pytest --hypothesis-profile=default` draws new ones. The words are as they are in the
    repository now, not as they were at the last set-up; made once, by whoever hands out the tests."""
    hypothesis.settings.load_profile("ci")
    if not hasattr(config, "workerinput"):
        set_up.translations()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Empty, which is SQLite; a fresh database for a test marked with `tests.databases.ON_BOTH`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield ""
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    url = server.fresh()
    yield url
    server.drop(url)


@pytest.fixture
def home(tmp_path: Path, clock: Clock, database_url: str) -> Iterator[House]:
    """A whole house with the embedded authority; errands wait until a test carries them out."""
    house = a_house(tmp_path, clock, database_url=database_url)
    yield house
    house.pages.close()
    house.drawing_cage.close()
    house.cage.close()
    house.store.close()


@pytest.fixture
def owner(home: House) -> Person:
    return an_owner(home)
