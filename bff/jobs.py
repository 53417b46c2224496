"""The queue's door: one errand in, one use case called, and the errand's fate written down.

Every job may run twice. A Fault is tried again with growing pauses; after `GIVE_UP` attempts a paper job makes its
contract `stuck`, where the sender and the operator see it. A job that was killed is handed over again by the clock; it
has used up an attempt, so what kills its worker every time ends as `stuck` too and never goes round for ever.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from bff.core.errors import Fault, Refusal
from bff.settings import from_environment
from bff.store.errands import Errand
from bff.wiring import House, build

GIVE_UP = 6
SOONER = {"read_document": 3, "judge_face": 3, "judge_signing": 3, "report": 3}
"""Somebody stands there and waits: they are told to try again rather than left with a turning wheel."""
KILLED = "job_killed"
"""The reason when every attempt ended with the death of its process: killed by the system, or a crash."""
NAMED = {"JobTimeoutException": "job_too_slow", "MemoryError": "job_too_large", "RecursionError": "job_too_large"}
"""What some exceptions mean to a person."""
NEVER_GIVE_UP = ("raise", "renew", "transfer", "erase_face", "remove_media")
PAPER = ("sign", "seal", "archive")
PAUSES = (2, 5, 15, 60, 300, 900)
"""Seconds to wait after the first, second … failed attempt."""

log = logging.getLogger("countersign.jobs")


@cache
def house() -> House:
    """One house a worker process; it sees with the eyes that were opened before the fork, if they were."""
    home = build(from_environment())
    if open_eyes.cache_info().currsize:
        home.__dict__.update(open_eyes())
    return home


@cache
def open_eyes() -> Mapping[str, Any]:
    """The house's `eyes` and `media`, for a worker and all its children: the networks are read once, and one process has
    imported what opens pictures and videos. A pack that is missing is a Fault."""
    home = build(from_environment())
    home.eyes.open()
    home.media.warm()
    return {"eyes": home.eyes, "media": home.media}


def run(errand_id: str) -> None:
    """RQ's entrance."""
    carry_out(house(), errand_id)


def carry_out(home: House, errand_id: str) -> None:
    with home.store.begin() as unit:
        errand = unit.errands.get(errand_id)
        if errand is None or errand.done or errand.parked:
            return
        given_up = errand.attempts >= SOONER.get(errand.kind, GIVE_UP) and errand.kind not in NEVER_GIVE_UP
        if not given_up:
            unit.errands.start(errand_id)
    if given_up:
        _give_up(home, errand, errand.last_error or KILLED)
        return
    try:
        _acts(home)[errand.kind](errand)
    except Fault as fault:
        _failed(home, errand, fault.code)
    except Refusal as refusal:
        _failed(home, errand, refusal.code)
    except Exception as error:
        log.exception("errand %s (%s) failed", errand.id, errand.kind)
        name = type(error).__name__
        _failed(home, errand, NAMED.get(name, name))
    else:
        with home.store.begin() as unit:
            unit.errands.finish(errand_id)


def _acts(home: House) -> Mapping[str, Callable[[Errand], None]]:
    return {
        "sign": lambda errand: home.sealing.sign(_contract(errand)),
        "seal": lambda errand: home.sealing.seal(_contract(errand)),
        "raise": lambda errand: home.sealing.raise_level(_contract(errand)),
        "archive": lambda errand: home.sealing.archive(_contract(errand)),
        "renew": lambda errand: home.renewal.renew(_contract(errand)),
        "report": home.reporting.make,
        "invite": home.courier.carry,
        "remind": home.courier.carry,
        "tell": home.courier.carry,
        "code": home.account.carry_code,
        "licence": lambda errand: home.enterprises.read_licence(errand, home.documents),
        "ask_register": home.enterprises.ask_register,
        "imprint": lambda errand: home.enterprises.clean_imprint(errand, home.imprints),
        "transfer": home.enterprises.pay,
        "read_document": home.enrolment.read_document,
        "judge_face": home.enrolment.judge_face,
        "judge_signing": home.ceremony.judge_face,
        "ask_source": home.enrolment.ask_source,
        "erase_face": home.enrolment.erase_again,
        "remove_media": home.enrolment.remove_again,
        "review_waits": home.letters.carry,
        "review_decided": home.letters.carry,
        "name_differs": home.letters.name_differs,
        "member_added": home.letters.member_added,
    }


def _contract(errand: Errand) -> str:
    if errand.contract_id is None:
        raise Refusal("no_such_contract")
    return errand.contract_id


def _failed(home: House, errand: Errand, reason: str) -> None:
    attempt = errand.attempts + 1
    log.warning("errand %s (%s) attempt %d: %s", errand.id, errand.kind, attempt, reason)
    if attempt < SOONER.get(errand.kind, GIVE_UP) or errand.kind in NEVER_GIVE_UP:
        pause = PAUSES[min(attempt, len(PAUSES)) - 1]
        with home.store.begin() as unit:
            unit.errands.again(errand.id, error=reason, after=timedelta(seconds=pause))
        return
    _give_up(home, errand, reason)


def _give_up(home: House, errand: Errand, reason: str) -> None:
    """The errand is parked; a paper job's contract becomes stuck in the same commit, so that somebody sees it."""
    with home.store.begin() as unit:
        unit.errands.park(errand.id, error=reason)
        if errand.kind in PAPER and errand.contract_id:
            home.sealing.stuck(unit, errand.contract_id, reason)
    if errand.kind == "licence":
        home.enterprises.unread(errand)
    elif errand.kind == "ask_register":
        home.enterprises.not_answered(errand)
    elif errand.kind == "imprint":
        home.enterprises.not_cleaned(errand)
    if errand.kind in ("read_document", "judge_face", "ask_source"):
        home.enrolment.given_up(errand)
    if errand.kind == "judge_signing":
        home.ceremony.face_given_up(errand)
    if errand.kind == "report":
        home.reporting.given_up(errand, reason)
