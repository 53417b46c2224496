"""What got stuck is tried again in bulk, after the outage that it waited for: `python -m bff retry`, and the clock.

An outage longer than the jobs' patience leaves every contract of those hours *stuck*, each with a button that somebody
would have to press. Here all of them are tried again: by the operator for any reason, by the clock where the reason is a
key that is kept elsewhere and answers again. Each contract is a transaction of its own and leaves `stuck` by it, so a second
run, a second clock or a pressed button finds nothing left to do.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from bff.core.errors import Fault

if TYPE_CHECKING:
    from bff.wiring import House

KEY_AWAY = "seal_key_away"
BY_THE_CLOCK = 3
"""Times that the clock tries one contract by itself: a key that comes and goes must not write its sender for ever."""


@dataclass(frozen=True)
class Line:
    """One stuck contract, and what became of it: `again`, `waits` (its key is still away) or `would` (only looked)."""

    contract_id: str
    reason: str
    done: str


def retry(home: "House", *, reasons: Sequence[str] = (), only_look: bool = False) -> list[Line]:
    """Everything that is stuck, or for these reasons only, is tried again."""
    with home.store.read() as unit:
        stuck = [(one, why) for one, why in unit.contracts.stuck() if not reasons or why in reasons]
    away = any(why == KEY_AWAY for _, why in stuck) and not _answers(home)
    return [Line(one, why, _tried(home, one, waits=away and why == KEY_AWAY, look=only_look)) for one, why in stuck]


def _tried(home: "House", contract_id: str, *, waits: bool, look: bool) -> str:
    if waits:
        return "waits"
    if look:
        return "would"
    home.desk.retry_for_all(contract_id)
    return "again"


def _answers(home: "House") -> bool:
    """Whether the seal's key can be used: in the house always, elsewhere if its provider says so."""
    try:
        if home.sealer is not None:
            home.sealer.check(home.clock.now())
    except Fault:
        return False
    return True


def by_the_clock(home: "House") -> int:
    """How many contracts that waited for the seal's key are tried again, because it answers."""
    with home.store.read() as unit:
        waiting = [one for one, why in unit.contracts.stuck() if why == KEY_AWAY]
    if not waiting or not _answers(home):
        return 0
    return sum(home.desk.retry_for_all(one, at_most=BY_THE_CLOCK) for one in waiting)


def report(lines: Sequence[Line], *, as_json: bool) -> int:
    """Prints what was done; 1 when something still waits."""
    print(json.dumps([asdict(line) for line in lines]) if as_json else "\n".join(_told(lines)))
    return int(any(line.done == "waits" for line in lines))


def _told(lines: Sequence[Line]) -> Iterator[str]:
    words = {"again": "tried again", "waits": "waits: the seal's key is still away", "would": "would be tried again"}
    for line in lines:
        yield f"{line.contract_id}  {line.reason}  {words[line.done]}"
    if not lines:
        yield "Nothing is stuck."
