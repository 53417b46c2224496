"""The hand-over: one errand is one job, whatever happened to the job before it, and no Valkey is no trouble."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job, JobStatus

from bff.feed import connect
from bff.outbox import DEAD_AFTER, OVER, RqQueue, job_id
from tests.valkey import valkey


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with valkey(tmp_path_factory.mktemp("valkey")) as redis:
        yield redis


@pytest.fixture
def redis(server: Redis) -> Redis:
    server.flushall()
    return server


def waiting(redis: Redis, queue: str) -> list[str]:
    return Queue(queue, connection=redis).job_ids


def job(redis: Redis, errand_id: str = "e1") -> Job:
    return Job.fetch(job_id(errand_id), connection=redis)


@pytest.mark.parametrize(
    ("kind", "queue"),
    [
        ("sign", "paper"),
        ("seal", "paper"),
        ("raise", "paper"),
        ("archive", "paper"),
        ("invite", "word"),
        ("code", "word"),
    ],
)
def test_errand_goes_to_the_queue_of_its_kind(redis: Redis, kind: str, queue: str) -> None:
    RqQueue(redis).hand_over("e1", kind, "contract-1")
    assert {name: waiting(redis, name) for name in ("word", "paper")} == {
        "word": [],
        "paper": [],
        queue: ["errand-e1"],
    }
    made = job(redis)
    assert (made.func_name, made.args) == ("bff.jobs.run", ("e1",))
    assert (made.timeout, made.result_ttl, made.failure_ttl) == (300, 60, 3600)


def test_errand_handed_over_twice_is_queued_once(redis: Redis) -> None:
    for _ in range(3):
        RqQueue(redis).hand_over("e1", "seal", "contract-1")
    assert waiting(redis, "paper") == ["errand-e1"]


@pytest.mark.parametrize("status", OVER)
def test_job_that_is_over_makes_room(redis: Redis, status: JobStatus) -> None:
    RqQueue(redis).hand_over("e1", "seal", "contract-1")
    Queue("paper", connection=redis).remove("errand-e1")
    job(redis).set_status(status)
    RqQueue(redis).hand_over("e1", "seal", "contract-1")
    assert waiting(redis, "paper") == ["errand-e1"]
    assert job(redis).get_status() is JobStatus.QUEUED


def started(redis: Redis, *, heard: datetime) -> None:
    RqQueue(redis).hand_over("e1", "seal", "contract-1")
    Queue("paper", connection=redis).remove("errand-e1")
    running = job(redis)
    running.set_status(JobStatus.STARTED)
    running.heartbeat(heard, ttl=60)


def test_running_job_is_left_alone(redis: Redis) -> None:
    started(redis, heard=datetime.now(UTC))
    RqQueue(redis).hand_over("e1", "seal", "contract-1")
    assert waiting(redis, "paper") == []
    assert job(redis).get_status() is JobStatus.STARTED


def test_job_of_a_silent_worker_is_queued_again(redis: Redis) -> None:
    started(redis, heard=datetime.now(UTC) - DEAD_AFTER - timedelta(seconds=1))
    RqQueue(redis).hand_over("e1", "seal", "contract-1")
    assert waiting(redis, "paper") == ["errand-e1"]


def test_no_valkey_is_said_and_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        RqQueue(connect("", tmp_path)).hand_over("e1", "seal", "contract-1")
    assert "errand e1 (seal contract-1) waits for the clock: ConnectionError" in caplog.text
