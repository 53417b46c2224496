"""Errands on their way to a worker: the hand-over to RQ, which may forget everything.

SQL knows every errand, so nothing here is kept safe: when Valkey is away the hand-over is only said in the log, and the
clock tries again. One errand is one job, under its own name, so that handing it over twice queues it once; a job that
is over or whose worker has died makes room for a new one.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.job import Job, JobStatus
from rq.worker import BaseWorker

PAPER, WORD, FACE = "paper", "word", "face"
KINDS = {
    PAPER: ("sign", "seal", "raise", "archive", "renew", "transfer", "report"),
    FACE: ("read_document", "judge_face", "judge_signing", "licence", "imprint"),
}
"""Which errands go into which queue; all others are words."""
QUEUES = (WORD, FACE, PAPER)

ENTRANCE = "bff.jobs.run"
JOB_SECONDS = 300
KEEP_RESULT_SECONDS = 60
KEEP_FAILURE_SECONDS = 3600
HEARTBEAT_SECONDS = 5
"""How often a worker says that a job still runs."""
DEAD_AFTER = timedelta(seconds=6 * HEARTBEAT_SECONDS)
WORKER_DEAD_AFTER = timedelta(seconds=120)
OVER = (JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELED)

log = logging.getLogger("countersign.outbox")


class RqQueue:
    """Implements core.ports.Queue: `word` (quick, somebody waits), `face` (somebody waits, with networks) and `paper` (heavy)."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def hand_over(self, errand_id: str, kind: str, argument: str) -> None:
        """Queue the errand unless it is queued or running already. `argument` is for the log alone."""
        try:
            self._hand_over(errand_id, kind)
        except RedisError as error:
            log.warning("errand %s (%s %s) waits for the clock: %s", errand_id, kind, argument, type(error).__name__)

    def _hand_over(self, errand_id: str, kind: str) -> None:
        try:
            self._enqueue(errand_id, kind)
        except DuplicateJobError:
            if self._make_room(errand_id):
                self._enqueue_once_more(errand_id, kind)

    def _enqueue(self, errand_id: str, kind: str) -> None:
        Queue(queue_of(kind), connection=self._redis).enqueue_call(
            ENTRANCE,
            args=(errand_id,),
            job_id=job_id(errand_id),
            unique=True,
            description=kind,
            timeout=JOB_SECONDS,
            result_ttl=KEEP_RESULT_SECONDS,
            failure_ttl=KEEP_FAILURE_SECONDS,
        )

    def _make_room(self, errand_id: str) -> bool:
        """Whether the errand's earlier job is out of the way: over, or started by a worker that went silent."""
        try:
            job = Job.fetch(job_id(errand_id), connection=self._redis)
        except NoSuchJobError:
            return True
        status = job.get_status(refresh=False)
        if status not in OVER and not (status is JobStatus.STARTED and _silent(job)):
            return False
        job.delete()
        return True

    def _enqueue_once_more(self, errand_id: str, kind: str) -> None:
        try:
            self._enqueue(errand_id, kind)
        except DuplicateJobError:
            log.debug("errand %s was handed over by somebody else just now", errand_id)


def queue_of(kind: str) -> str:
    return next((queue for queue, kinds in KINDS.items() if kind in kinds), WORD)


CLOCK = "countersign:clock"
CLOCK_SILENT_SECONDS = 60


def tell_clock_alive(redis: Redis) -> None:
    """The clock says after each round that it is there."""
    try:
        redis.set(CLOCK, datetime.now(UTC).isoformat(timespec="seconds"), ex=CLOCK_SILENT_SECONDS)
    except RedisError as error:
        log.debug("the clock could not say that it is alive: %s", type(error).__name__)


@dataclass(frozen=True)
class Life:
    """Who serves the queues just now, and how much waits in them."""

    workers: Mapping[str, int]
    waiting: Mapping[str, int]
    clock: bool


def life(redis: Redis) -> Life:
    """Raises RedisError when Valkey is away."""
    serving = [worker.queue_names() for worker in BaseWorker.all(connection=redis) if not _long_silent(worker)]
    return Life(
        workers={name: sum(name in names for names in serving) for name in QUEUES},
        waiting={name: Queue(name, connection=redis).count for name in QUEUES},
        clock=bool(redis.exists(CLOCK)),
    )


def _long_silent(worker: BaseWorker) -> bool:
    heard = worker.last_heartbeat
    return heard is None or datetime.now(UTC) - heard.replace(tzinfo=UTC) > WORKER_DEAD_AFTER


def job_id(errand_id: str) -> str:
    return f"errand-{errand_id}"


def _silent(job: Job) -> bool:
    heard = job.last_heartbeat or job.started_at
    return heard is not None and datetime.now(UTC) - heard > DEAD_AFTER
