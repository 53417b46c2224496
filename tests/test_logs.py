"""A unit's log: our own lines are told, what libraries say of people and documents is not."""

import logging
from collections.abc import Iterator

import pytest

from bff import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Levels are put back: other tests read logs too."""
    names = [None, *logs.CHATTY, *logs.INDISCREET]
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_a_signers_name_never_reaches_the_log_through_a_library(caplog: pytest.LogCaptureFixture) -> None:
    logs.begin("INFO")
    for name in ("pyhanko.sign.diff_analysis.policies", "pyhanko_certvalidator.ltv"):
        logging.getLogger(name).warning("leaf Common Name: Anna Berger")
    logging.getLogger("countersign.jobs").warning("errand 1 failed")
    assert "Anna Berger" not in caplog.text
    assert "errand 1 failed" in caplog.text
