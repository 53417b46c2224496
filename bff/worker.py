"""The queue entrance: carries out errands, one after the other, each in a forked child.

What is heavy is imported once, before the first fork, so that a child starts in milliseconds. Nothing is opened before
it: every child makes its own house. A child has limited memory, because signing reads files that others wrote: what is
too large fails like any other job instead of taking the machine with it. A missing Valkey is waited for; SIGTERM
finishes the job in hand and then stops, a second one stops at once.

    python -m bff.worker          all queues, words before faces before paper: enough by itself
    python -m bff.worker word     one queue alone: beside the others, so that no word waits for paper

Whoever serves faces opens the networks before its first fork: they are read once, and their memory is shared.
"""

import ctypes
import importlib
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker

from bff import jobs, logs
from bff.feed import connect
from bff.outbox import FACE, HEARTBEAT_SECONDS, QUEUES
from bff.settings import from_environment

HEAVY = ("bff.signing.pades",)
WORKER_TTL_SECONDS = 60
MAINTENANCE_SECONDS = 30
PAUSE_SECONDS = 1.0
UNTOLD_BYTES = 4 * 1024**3
PR_SET_PDEATHSIG = 1

log = logging.getLogger("countersign.worker")


class PatientWorker(Worker):
    """RQ's worker, but after an outage of Valkey it looks again every few seconds, not every minute."""

    max_connection_wait_time = 5.0
    memory_megabytes: int
    """What a job may take beyond what the worker has already."""

    def main_work_horse(self, *job: Any) -> None:
        _die_with(os.getppid())
        _limit_memory(self.memory_megabytes)
        super().main_work_horse(*job)


def _die_with(worker: int) -> None:
    """RQ gives a job's child a process group of its own, so whoever ends the worker's group would leave it behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != worker:
            os._exit(1)


def _limit_memory(megabytes: int) -> None:
    """The soft limit alone: a cage that the job opens may still choose its own."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + megabytes * 1024 * 1024, hard))


def _address_space() -> int:
    """Bytes of this process's address space; where the system does not tell, what a worker has at most."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    except OSError:
        return UNTOLD_BYTES


def main(queues: Sequence[str]) -> None:
    settings = from_environment()
    logs.begin(settings.log_level)
    for name in HEAVY:
        importlib.import_module(name)
    if FACE in queues:
        jobs.open_eyes()
    while True:
        # Two connections: the worker's own has to be patient, this one must not be.
        wait_for(connect(settings.redis_url, settings.data_dir))
        if work(connect(settings.redis_url, settings.data_dir), queues, memory_megabytes=settings.job_memory_megabytes):
            return


def work(redis: Redis, queues: Sequence[str], *, burst: bool = False, memory_megabytes: int = 2048) -> bool:
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
        worker.memory_megabytes = memory_megabytes
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
    main(sys.argv[1:] or QUEUES)
