"""A worker that is killed at any moment of sealing: nothing is lost, nothing is doubled, and the next one finishes.

The victim is a real process on a real database and real disks, and it dies by SIGKILL: before its revision is kept, and
on either side of the commit that makes the revision count. `crash_here` is what it runs.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from bff.core import evidence
from bff.core.contract import Contract, State
from bff.store.people import Person
from bff.wiring import House
from tests.builders import BOB, a_sent_contract, inbox, token_of, work

ROOT = Path(__file__).resolve().parents[2]
MOMENTS = ("before keep 1", "before commit 2", "after commit 2")
"""Of one errand, in this order: commit 1 begins it, 2 is its result. The last victim leaves a result and an open errand."""


@pytest.fixture
def signed(home: House, owner: Person) -> Contract:
    """The only signer has signed; the paper jobs wait."""
    sent = a_sent_contract(home, owner, BOB)
    bob = token_of(home, sent, "Bob Buyer")
    home.ceremony.open(bob)
    home.ceremony.choose(bob, mark={"kind": "typed", "face": "auto"}, values={}, consented=True, language="en")
    issued = home.ceremony.send_code(bob, address="192.0.2.1", language="en")
    home.ceremony.sign_with_code(bob, issued.id, inbox(home, to=BOB.phone or "")[0].body.rsplit("#", 1)[1].strip())
    return sent


@pytest.mark.parametrize("job", ["sign", "seal"])
def test_killed_at_any_moment_the_next_worker_finishes_and_nothing_is_doubled(
    home: House, owner: Person, signed: Contract, job: str
) -> None:
    if job == "seal":
        home.sealing.sign(signed.id)
    with home.store.read() as unit:
        [errand] = [e.id for e in unit.errands.open_of(signed.id) if e.kind == job]
    for moment in MOMENTS:
        assert killed(home, errand, moment) == -signal.SIGKILL, moment
    work(home)
    details = home.desk.details(owner, signed.id)
    assert (details.contract.state, details.contract.level) == (State.ARCHIVED, "B-LTA")
    kinds = [e.value["kind"] for e in details.evidence]
    assert [kinds.count(k) for k in ("signed", "applied", "sealed", "archived", "stuck")] == [1, 1, 1, 1, 0]
    assert [r.kind for r in details.revisions].count("seal") == 1
    assert evidence.check(details.evidence, contract_id=signed.id) is None
    assert all(verdict.ok for verdict in home.pades.check(home.desk.document(owner, signed.id)[1]))


def killed(home: House, errand_id: str, moment: str) -> int:
    """How a worker process ended that took the errand and was to die at this moment."""
    told = f"{errand_id!r}, {moment!r}, {home.clock.now().isoformat()!r}"
    code = f"from tests.signing.test_crashes import crash_here; crash_here({told})"
    env = {**os.environ, "BFF_DATA_DIR": str(home.settings.data_dir), "BFF_DEVELOPMENT": "1"}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, timeout=90, check=False).returncode


def crash_here(errand_id: str, moment: str, now: str) -> None:
    """The victim's whole life, at the test's time: what it wrote is judged by the test's clock."""
    from bff.archive.sites import FolderSites
    from bff.jobs import run
    from bff.store import Store
    from bff.wiring import SystemClock

    SystemClock.now = lambda self: datetime.fromisoformat(now)  # type: ignore[method-assign]
    side, what, number = moment.split()
    if what == "commit":
        _die(Store, "begin", side, int(number), whole_block=True)
    else:
        _die(FolderSites, "keep", side, int(number))
    run(errand_id)


def _die(owner: type, name: str, side: str, number: int, *, whole_block: bool = False) -> None:
    """Let `name` of `owner` be this process's last act, just before or just after it happened for the nth time."""
    from contextlib import contextmanager

    real: Callable[..., object] = getattr(owner, name)
    count = 0

    def counted() -> bool:
        nonlocal count
        count += 1
        return count == number

    def call(*args: object, **named: object) -> object:
        last = counted()
        if last and side == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*args, **named)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    @contextmanager
    def block(*args: object, **named: object):  # type: ignore[no-untyped-def]
        last = counted()
        with real(*args, **named) as unit:  # type: ignore[attr-defined]
            yield unit
            if last and side == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, block if whole_block else call)
