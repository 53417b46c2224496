"""The built models, opened once, and the cages in which media are read."""

import os
from collections.abc import Iterator

import pytest

from bff.biometrics.faces import Eyes
from bff.biometrics.media import Media
from bff.biometrics.pack import DEFAULT_PACK, opened
from bff.cage import Cage


@pytest.fixture(scope="session")
def eyes() -> Eyes:
    if not DEFAULT_PACK.exists() and not os.environ.get("CI"):
        pytest.skip("the face models are not built: python -m bff models build")
    return Eyes(opened()).open()


@pytest.fixture(scope="session")
def media() -> Iterator[Media]:
    cage = Cage(2048, 20, 60)
    yield Media(cage)
    cage.close()
