"""The store alone, on both databases: migrated, with a person who owns what the tests write."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bff.store import Store
from bff.store.people import Person
from bff.store.unit import Announcement
from tests.builders import Clock


@pytest.fixture
def told() -> list[Announcement]:
    """What units announced after their commits."""
    return []


@pytest.fixture
def store(database_url: str, tmp_path: Path, clock: Clock, told: list[Announcement]) -> Iterator[Store]:
    made = Store(database_url or f"sqlite:///{tmp_path}/test.db", clock, told.append)
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def olga(store: Store) -> Person:
    with store.begin() as unit:
        return unit.people.add(name="Olga Owner", language="en", role="owner")
