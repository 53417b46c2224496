"""The queue entrance: carries out errands, one after the other, each in a forked child.

What is heavy is imported once, before the first fork, so that a child starts in milliseconds. Nothing is opened before
it: every child makes its own house. A missing Valkey is waited for; SIGTERM finishes the job in hand and then stops, a
second one stops at once. `python -m bff.worker word` serves one queue alone, so that words need not wait for paper.
"""

import importlib
import logging
import sys
import time
from collections.abc import Sequence

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker

from bff.feed import connect
from bff.outbox import HEARTBEAT_SECONDS, PAPER, WORD
from bff.settings import from_environment

HEAVY = ("bff.jobs", "bff.signing.pades")
WORKER_TTL_SECONDS = 60
MAINTENANCE_SECONDS = 30
PAUSE_SECONDS = 1.0

log = logging.getLogger("countersign.worker")


class PatientWorker(Worker):
    """RQ's worker, but after an outage of Valkey it looks again every few seconds, not every minute."""

    max_connection_wait_time = 5.0


def main(queues: Sequence[str]) -> None:
    settings = from_environment()
    logging.basicConfig(level=settings.log_level, format="%(message)s")
    # RQ tells of every look for work and every heartbeat; jobs tell what they did themselves.
    logging.getLogger("rq").setLevel(max(logging.WARNING, logging.getLogger().level))
    for name in HEAVY:
        importlib.import_module(name)
    while True:
        # Two connections: the worker's own has to be patient, this one must not be.
        wait_for(connect(settings.redis_url, settings.data_dir))
        if work(connect(settings.redis_url, settings.data_dir), queues):
            return


def work(redis: Redis, queues: Sequence[str], *, burst: bool = False) -> bool:
    """Work until told to stop (`burst`: until nothing is left). False when Valkey is away and must be waited for."""
    try:
        worker = PatientWorker(
            [Queue(name, connection=redis) for name in queues],
            connection=redis,
            worker_ttl=WORKER_TTL_SECONDS,
            maintenance_interval=MAINTENANCE_SECONDS,
            job_monitoring_interval=HEARTBEAT_SECONDS,
            log_job_description=False,
        )
        worker.work(burst=burst, logging_level="WARNING")
    except RedisError as error:
        log.warning("the queue went away: %s", type(error).__name__)
        return False
    return True


def wait_for(redis: Redis) -> None:
    """Return when Valkey answers; it is said once that it does not."""
    said = False
    while True:
        try:
            redis.ping()
        except RedisError:
            if not said:
                log.warning("waiting for the queue (Valkey) to answer")
            said = True
            time.sleep(PAUSE_SECONDS)
        else:
            return


if __name__ == "__main__":
    main(sys.argv[1:] or (WORD, PAPER))
