"""The clock: hands over errands that are due or were lost, ends contracts whose deadline has passed, forgets what is over,
has time stamps renewed before they end, and tries again what waited for the seal's key.

Several clocks may run; each step is a transaction of its own and safe to repeat.
"""

import logging
import signal
import threading
from datetime import timedelta

from bff import logs, retrying
from bff.core.errors import Fault
from bff.outbox import tell_clock_alive
from bff.settings import from_environment
from bff.wiring import House, build

FORGET_EVERY_TICKS = 720
RENEW_EVERY_TICKS = 720
RETRY_EVERY_TICKS = 60

log = logging.getLogger("countersign.clock")


def main() -> None:
    settings = from_environment()
    logs.begin(settings.log_level)
    home = build(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    ticks = 0
    while not stop.is_set():
        _tick_and_report(home, ticks)
        ticks += 1
        stop.wait(settings.clock_seconds)


def tick(home: House) -> int:
    """One round; how many errands were handed over."""
    for contract_id in home.desk.overdue():
        _end(home, contract_id)
    home.enterprises.settle_all()
    if home.history.due():
        _write_history(home)
    with home.store.begin() as unit:
        due = unit.errands.claim_due(lease=timedelta(seconds=home.settings.errand_lease_seconds))
    for errand in due:
        home.queue.hand_over(errand.id, errand.kind, errand.contract_id or "")
    return len(due)


def look_at_time_stamps(home: House) -> None:
    """Whose time stamp is due for its successor; while the service is down that waits, there are years left."""
    try:
        found = home.renewal.look()
    except Fault as fault:
        log.warning("renewal waits: %s", fault.code)
    else:
        if found:
            log.info("%d contracts get a new time stamp", found)


def try_again(home: House) -> None:
    """What got stuck while the seal's key was away."""
    if found := retrying.by_the_clock(home):
        log.info("the seal's key answers: %d stuck contracts are tried again", found)


def _write_history(home: House) -> None:
    """A head of the tree; while the timestamp service is down it waits for the next round, and nothing else does."""
    try:
        home.history.grow()
        home.history.finish()
    except Fault as fault:
        log.warning("the tree's newest head waits: %s", fault.code)


def _end(home: House, contract_id: str) -> None:
    """One contract that cannot be ended keeps neither the others nor the errands waiting."""
    try:
        home.desk.expire(contract_id)
    except Exception:
        log.exception("contract %s could not be ended; the next round tries again", contract_id)


def _tick_and_report(home: House, ticks: int) -> None:
    """A round that fails is told and tried again: the clock itself never stops for it."""
    try:
        handed = tick(home)
        if handed:
            log.info("handed over %d errands", handed)
        tell_clock_alive(home.redis)
        if ticks % FORGET_EVERY_TICKS == 0:
            home.account.forget_expired()
            home.enrolment.sweep()
            home.reporting.forget()
        if ticks % RENEW_EVERY_TICKS == 0:
            look_at_time_stamps(home)
        if ticks % RETRY_EVERY_TICKS == 0:
            try_again(home)
    except Exception:
        log.exception("this round failed; the next one tries again")


if __name__ == "__main__":
    main()
