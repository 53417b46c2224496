"""A house whose networks are opened once for all tests here, and somebody in front of its camera."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import ClassVar

import pytest

from bff.biometrics.faces import Eyes
from bff.biometrics.pack import DEFAULT_PACK, opened
from bff.core.ports import DocumentReading, Documents
from bff.wiring import House
from tests.builders import Clock, a_house
from tests.people import Actor


@pytest.fixture(scope="session")
def eyes() -> Eyes:
    if not DEFAULT_PACK.exists() and not os.environ.get("CI"):
        pytest.skip("the face models are not built: python -m bff models build")
    return Eyes(opened()).open()


@pytest.fixture(scope="session")
def actor(eyes: Eyes) -> Actor:
    return Actor(eyes)


@pytest.fixture(scope="session")
def somebody_else(eyes: Eyes) -> Actor:
    return Actor(eyes, somebody_else=True)


class Remembering:
    """The real readers, which need not read the same photograph twice."""

    seen: ClassVar[dict[bytes, DocumentReading]] = {}

    def __init__(self, reader: Documents) -> None:
        self._reader = reader

    def read(self, photograph: bytes, *, today: date) -> DocumentReading:
        if photograph not in self.seen:
            self.seen[photograph] = self._reader.read(photograph, today=today)
        return self.seen[photograph]


@pytest.fixture
def home(tmp_path: Path, clock: Clock, database_url: str, eyes: Eyes) -> Iterator[House]:
    """Its challenges are always the same, so that a recording is rendered once."""
    house = a_house(tmp_path, clock, database_url=database_url)
    house.__dict__["eyes"] = eyes
    house.enrolment._chance = lambda count: bytes([1]) * count
    house.enrolment._documents = lambda: Remembering(house.documents)
    yield house
    house.pages.close()
    house.drawing_cage.close()
    house.media._cage.close()
    house.cage.close()
    house.store.close()
