"""The queue's door: what fails is tried again, what kills its worker is given up in the end, and nobody goes round for ever."""

import faulthandler
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rq import Queue
from rq.worker import Worker

from bff import jobs, outbox
from bff.core.contract import Contract, State
from bff.core.errors import Fault
from bff.feed import connect
from bff.jobs import GIVE_UP, carry_out
from bff.signing.reasons import REASONS
from bff.store.errands import Errand
from bff.store.people import Person
from bff.wiring import House, build
from bff.worker import work
from tests.builders import Clock, a_sent_contract, inbox, token_of
from tests.test_worker import ROOT, redis_wait
from tests.valkey import valkey


@pytest.fixture
def signed(home: House, owner: Person) -> Contract:
    """Bob has signed; his signature job waits."""
    sent = a_sent_contract(home, owner)
    bob = token_of(home, sent, "Bob Buyer")
    home.ceremony.open(bob)
    home.ceremony.choose(bob, mark={"kind": "typed", "face": "auto"}, values={}, consented=True, language="en")
    issued = home.ceremony.send_code(bob, address="192.0.2.1")
    home.ceremony.sign_with_code(bob, issued.id, inbox(home, to="+4915112345678")[0].body.rsplit("#", 1)[1].strip())
    return sent


def job_of(home: House, contract: Contract) -> Errand:
    with home.store.read() as unit:
        [errand] = [e for e in unit.errands.open_of(contract.id) if e.kind == "sign"]
    return errand


def fails(home: House, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def sign(*_: object) -> None:
        raise error

    monkeypatch.setattr(home.sealing, "sign", sign)


def test_a_fault_is_tried_again_and_ends_as_stuck(
    home: House, owner: Person, signed: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(home, Fault("archive_quorum", what="…", do="…"), monkeypatch)
    errand = job_of(home, signed)
    for attempt in range(1, GIVE_UP + 1):
        assert home.desk.look(owner, signed.id).state is State.SENT
        carry_out(home, errand.id)
        assert job_of(home, signed).attempts == attempt
    stuck = home.desk.look(owner, signed.id)
    assert (stuck.state, stuck.stuck_reason) == (State.STUCK, "archive_quorum")
    carry_out(home, errand.id)  # a parked job is left alone
    assert job_of(home, signed).attempts == GIVE_UP


@pytest.mark.parametrize(
    ("error", "reason"), [(MemoryError(), "job_too_large"), (RecursionError("deep"), "job_too_large")]
)
def test_what_the_file_does_to_its_reader_has_a_name_that_is_a_sentence(
    home: House,
    signed: Contract,
    error: Exception,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fails(home, error, monkeypatch)
    with caplog.at_level(logging.CRITICAL):
        carry_out(home, job_of(home, signed).id)
    assert job_of(home, signed).last_error == reason
    assert reason in REASONS


def test_a_job_that_is_killed_every_time_ends_as_stuck(
    home: House, owner: Person, signed: Contract, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed job leaves no word behind: only the attempt that it began."""
    fails(home, KeyboardInterrupt(), monkeypatch)
    errand = job_of(home, signed)
    for _ in range(GIVE_UP):
        with pytest.raises(KeyboardInterrupt):
            carry_out(home, errand.id)
    carry_out(home, errand.id)
    stuck = home.desk.look(owner, signed.id)
    assert (stuck.state, stuck.stuck_reason) == (State.STUCK, jobs.KILLED)
    assert jobs.KILLED in REASONS
    monkeypatch.undo()
    clock.forward(minutes=1)
    home.desk.retry(owner, signed.id)
    carry_out(home, job_of(home, signed).id)
    assert all(s.applied for s in home.desk.look(owner, signed.id).signers if s.name == "Bob Buyer")


# --- through a real queue and a real worker -----------------------------------------------------------


def segfaults() -> None:
    faulthandler.disable()
    os.kill(os.getpid(), signal.SIGSEGV)


def is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hangs() -> None:
    time.sleep(60)


def eats() -> None:
    bytearray(3_000_000_000)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(
    ("what", "left"), [(segfaults, None), (is_killed, None), (hangs, "job_too_slow"), (eats, "job_too_large")]
)
def test_the_worker_outlives_its_job_and_the_attempt_counts(
    home: House, signed: Contract, what: Callable[[], None], left: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`left`: what the job could still write down itself."""
    data_dir, errand = home.settings.data_dir, job_of(home, signed)
    home.store.close()  # the worker's child opens its own

    def poisoned() -> House:
        other = build(home.settings)
        other.sealing.sign = lambda *_: what()  # type: ignore[method-assign]
        return other

    monkeypatch.setattr(jobs, "house", poisoned)
    monkeypatch.setattr(outbox, "JOB_SECONDS", 2)
    with valkey(data_dir) as redis:
        outbox.RqQueue(redis).hand_over(errand.id, "sign", signed.id)
        Queue("word", connection=redis).enqueue(time.time)
        assert work(connect("", data_dir), ("paper", "word"), burst=True, memory_megabytes=1024)
        assert not Worker.all(connection=redis)
        assert Queue("word", connection=redis).job_ids == []  # the next job was done
    after = job_of(home, signed)
    assert (after.attempts, after.parked, after.last_error) == (1, False, left)


def test_a_child_dies_with_its_worker(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from bff.feed import connect; from bff.worker import work;"
        f"work(connect('', pathlib.Path({str(tmp_path)!r})), ('word',))"
    )
    with valkey(tmp_path) as redis:
        Queue("word", connection=redis).enqueue(stays, str(tmp_path))
        worker = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
        assert redis_wait(tmp_path, "begun")
        child = int(redis.get("pid") or 0)  # type: ignore[arg-type]
        worker.kill()
        worker.wait()
        assert any(gone(child) or time.sleep(0.05) for _ in range(200))


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").split()[2] == "Z"
    except OSError:
        return True


def stays(data_dir: str) -> None:
    redis = connect("", Path(data_dir))
    redis.set("pid", os.getpid())
    redis.rpush("begun", 1)
    time.sleep(60)
