"""The worker: waits for Valkey, carries out what is queued in a child of its own, words before paper."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job

from bff.feed import connect
from bff.worker import PatientWorker, wait_for, work
from tests.valkey import valkey

ROOT = Path(__file__).resolve().parent.parent


def note(path: str, word: str) -> None:
    """A job: writes down who ran it."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"{word} {os.getpid()}\n")


def queued(redis: Redis, queue: str, path: Path, word: str) -> Job:
    return Queue(queue, connection=redis).enqueue(note, str(path), word)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_words_come_before_paper_and_each_in_its_own_child(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with valkey(tmp_path) as redis:
        queued(redis, "paper", notes, "paper")
        queued(redis, "word", notes, "word")
        assert work(connect("", tmp_path), ("word", "paper"), burst=True)
    (first, one), (second, other) = (line.split() for line in notes.read_text("utf-8").splitlines())
    assert (first, second) == ("word", "paper")
    assert len({one, other, str(os.getpid())}) == 3


def test_worker_waits_until_valkey_answers(tmp_path: Path) -> None:
    waiting = threading.Thread(target=wait_for, args=(connect("", tmp_path),))
    waiting.start()
    assert waiting.is_alive()
    with valkey(tmp_path):
        waiting.join(timeout=30)
        assert not waiting.is_alive()


def test_absent_valkey_is_not_the_end(tmp_path: Path) -> None:
    assert not work(connect("", tmp_path), ("word",), burst=True)


def test_worker_looks_again_soon_after_an_outage() -> None:
    assert PatientWorker.max_connection_wait_time <= 5


def test_sigterm_finishes_the_job_in_hand(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from bff.feed import connect; from bff.worker import work;"
        f"sys.exit(0 if work(connect('', pathlib.Path({str(tmp_path)!r})), ('word',)) else 3)"
    )
    with valkey(tmp_path) as redis:
        redis.delete("begun", "go", "ended")
        Queue("word", connection=redis).enqueue(slow, str(tmp_path))
        worker = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
        try:
            assert redis_wait(tmp_path, "begun")
            worker.send_signal(signal.SIGTERM)
            redis.rpush("go", 1)
            assert redis_wait(tmp_path, "ended")
            assert worker.wait(timeout=30) == 0
        finally:
            worker.kill()
            worker.wait()


def slow(data_dir: str) -> None:
    """A job that ends when it is told to."""
    redis = connect("", Path(data_dir))
    redis.rpush("begun", 1)
    assert redis_wait(Path(data_dir), "go")
    redis.rpush("ended", 1)


def redis_wait(data_dir: Path, key: str) -> bool:
    """Whether something was put under `key` within half a minute."""
    return any(connect("", data_dir).blpop([key], timeout=1) for _ in range(30))
