"""A second start does nothing where nothing is to be done, and never leaves out what is."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bff import standing
from bff.settings import Settings
from bff.wiring import set_up


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    chosen = Settings(data_dir=tmp_path / "d", development=True)
    set_up(chosen)
    return chosen


def test_after_a_set_up_there_is_nothing_to_do(settings: Settings) -> None:
    assert standing.holds(settings.data_dir, repr(settings))


def test_before_any_set_up_there_is(tmp_path: Path) -> None:
    assert not standing.holds(tmp_path, "")


def _an_older_database(data: Path) -> None:
    with closing(sqlite3.connect(data / standing.DATABASE)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")


def _no_database(data: Path) -> None:
    (data / standing.DATABASE).unlink()


def _a_lost_secret(data: Path) -> None:
    next((data / "secrets").glob("*.key")).unlink()


def _a_lost_authority_key(data: Path) -> None:
    next((data / "authority").rglob("*.pem")).unlink()


def _a_torn_stamp(data: Path) -> None:
    (data / "run" / "set-up.json").write_text("{")


@pytest.mark.parametrize(
    "change", [_an_older_database, _no_database, _a_lost_secret, _a_lost_authority_key, _a_torn_stamp]
)
def test_what_changed_since_is_seen(settings: Settings, change: Callable[[Path], None]) -> None:
    change(settings.data_dir)
    assert not standing.holds(settings.data_dir, repr(settings))


def test_other_settings_are_set_up_again(settings: Settings) -> None:
    assert not standing.holds(settings.data_dir, repr(settings) + "another organisation")
