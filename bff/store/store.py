"""Opening the database and beginning units of work.

SQLite runs in WAL with synchronous FULL and BEGIN IMMEDIATE for writers (a deferred read that turns into a write
fails under load whatever the busy timeout); readers use a plain BEGIN on an engine of their own. On PostgreSQL a unit
that changes a contract locks its row, and a reader has one picture of everything (REPEATABLE READ, READ ONLY).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bff.core.errors import Fault
from bff.core.ports import Clock
from bff.store.models import Table
from bff.store.timebook import Given
from bff.store.unit import Announcement, Unit

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x636F756E746572
"""PostgreSQL's advisory lock of whoever migrates."""


class Store:
    """`announce` is called after each commit with what the unit wants the world to know."""

    def __init__(self, url: str, clock: Clock, announce: Callable[[Announcement], None] | None = None) -> None:
        self._url = url
        self._clock = clock
        self._announce = announce
        self._writer = _engine(url, begin="BEGIN IMMEDIATE")
        self._reader = _engine(url, begin="BEGIN") if url.startswith("sqlite") else _one_picture(self._writer)

    @contextmanager
    def begin(self) -> Iterator[Unit]:
        """A unit that may write; committed when the block ends well, rolled back when it raises."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            unit = Unit(session, self._clock.now(), lock=True)
            yield unit
        if self._announce is not None and unit.announcement:
            self._announce(unit.announcement)
        for act in unit.afterwards:
            act()

    @contextmanager
    def read(self) -> Iterator[Unit]:
        """A unit that only reads: one consistent picture, never blocking a writer."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield Unit(session, self._clock.now(), lock=False)

    def write_down(self, given: Given) -> None:
        """A time stamp into its book, committed before it is given out. Raises Fault `tsa_down` when that is refused."""
        try:
            with self.begin() as unit:
                unit.time_book.add(given)
        except SQLAlchemyError as error:
            raise Fault(
                "tsa_down",
                what=f"The database refused to write a time stamp into the book ({type(error).__name__}), so none was given.",
                do="Run: python -m bff doctor, and mend the line `database`; what waits for it is raised later.",
            ) from error

    def ping(self) -> str:
        """The database's name and version, for doctor. Raises Fault `database_down`."""
        version = "sqlite_version()" if self._url.startswith("sqlite") else "version()"
        try:
            with self._reader.connect() as connection:
                return f"{self._reader.dialect.name} {connection.execute(text(f'SELECT {version}')).scalar_one()}"
        except SQLAlchemyError as error:
            raise Fault(
                "database_down", what="The database does not answer.", do="Start it, or check BFF_DATABASE_URL."
            ) from error

    def check(self) -> str:
        """The database can be written, durably, and has this release's tables. Raises Fault `database_…`."""
        said = self.ping()
        try:
            with self._writer.connect() as connection:
                self._check_release(connection)
                connection.execute(text("DELETE FROM errands WHERE id = ''"))
                pragmas = [connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in self._durable]
                connection.rollback()
        except SQLAlchemyError as error:
            raise Fault(
                "database_readonly",
                what=f"The database cannot be written ({type(error).__name__}).",
                do="Check its space, its owner and its permissions.",
            ) from error
        if pragmas and pragmas != ["wal", 2]:
            raise Fault("database_unsafe", what=f"SQLite runs as {pragmas}.", do="It has to be WAL and FULL (2).")
        return f"{said}, writable, up to date{', WAL and FULL' if pragmas else ''}"

    @property
    def _durable(self) -> tuple[str, ...]:
        return ("journal_mode", "synchronous") if self._url.startswith("sqlite") else ()

    def _check_release(self, connection: Connection) -> None:
        from alembic.runtime.migration import MigrationContext
        from alembic.script import ScriptDirectory

        has = MigrationContext.configure(connection).get_current_revision()
        wanted = ScriptDirectory(str(MIGRATIONS)).get_current_head()
        if has != wanted:
            raise Fault(
                "database_old",
                what=f"The database is at release {has}, this program at {wanted}.",
                do="Run: python -m bff migrate",
            )

    def migrate(self) -> None:
        """Bring the tables up to this release. Safe to run again."""
        # Loaded where it is used: pages and workers start without it.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self._writer.connect() as connection:
            if connection.dialect.name == "postgresql":  # two hosts may start at once; SQLite's writer is alone anyway
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()

    def close(self) -> None:
        self._writer.dispose()
        self._reader.dispose()


def _engine(url: str, *, begin: str) -> Engine:
    """A failing statement is told without what it carried: names and addresses never reach a log."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", _tune_sqlite)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _one_picture(engine: Engine) -> Engine:
    """The same connections, for units that only look."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _tune_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def metadata() -> Any:
    """What the tables should be, for the migration environment and the test that compares."""
    return Table.metadata
