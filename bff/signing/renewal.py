"""The archive outlives its certificates: sealed files get a further document time stamp before the last one's ends.

`look` is the clock's: it makes the next generation of the authority's own certificates when the present one is old, and
wishes an errand for every contract that is due, once. `renew` is the errand: it may run twice, in two workers at once, or
die anywhere; the second transaction compares the file that it started from. A contract stays archived throughout: the
new file is on its sites, read back, before it counts, and the one before stays there as well.

A renewal by a certificate that ends no later than the last one's proves nothing more, so there is none: `doctor` says
so, in time, to whoever can bring a newer one.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from bff.core import contract as c
from bff.core.contract import Contract, Document, State
from bff.core.errors import Fault
from bff.core.ports import Archive, Pades
from bff.signing.sealing import Sealing
from bff.store import Store

AT_ONCE = 200
"""Errands wished in one look; the clock looks again soon."""
WORTH = timedelta(days=1)
"""How much longer the next time stamp's certificate has to live."""

log = logging.getLogger("countersign.renewal")


class Renewal:
    """`rotate` makes what is old of the house's own certificates anew, and says what it did."""

    def __init__(
        self,
        *,
        store: Store,
        archive: Archive,
        pades: Callable[[], Pades],
        sealing: Callable[[], Sealing],
        rotate: Callable[[datetime], tuple[str, ...]],
    ) -> None:
        self._store = store
        self._archive = archive
        self._pades = pades
        self._sealing = sealing
        self._rotate = rotate

    def look(self) -> int:
        """How many contracts were found due. Raises Fault while the authority's folder or the TSA cannot be used."""
        with self._store.read() as unit:
            now = unit.now
            due = unit.contracts.to_renew(AT_ONCE)
        for what in self._rotate(now):
            log.warning("a new generation of the %s certificate was made: the last one is old", what)
        if not due:
            return 0
        newest = self._pades().stamping_until()
        with self._store.begin() as unit:
            wished = [i for i in unit.contracts.to_renew(AT_ONCE) if _worth(unit.contracts.get(i), newest)]
            for contract_id in wished:
                unit.errand("renew", contract_id=contract_id)
        return len(wished)

    def renew(self, contract_id: str) -> None:
        """Raises Fault `tsa_down` while the service is down, `archive_quorum` while too few sites are there."""
        with self._store.read() as unit:
            contract, now = unit.contracts.get(contract_id), unit.now
        if contract is None or contract.state is not State.ARCHIVED or contract.document is None:
            return
        base = contract.document
        content = self._archive.read(base.sha256)
        until = contract.stamped_until or self._pades().stamped_until(content)
        if until is None:
            return
        due = c.timed(contract, until, now=_stamped_at(contract)) if contract.renew_at is None else contract
        if due.renew_at is not None and due.renew_at > now:
            self._note(contract_id, base, due)
            return
        self._add(due, base, content)

    def _note(self, contract_id: str, base: Document, due: Contract) -> None:
        """A file that nobody had looked into: when it is due is kept."""
        with self._store.begin() as unit:
            before = unit.contracts.get(contract_id)
            if before is not None and before.document == base and before.renew_at is None:
                unit.contracts.put_times(contract_id, stamped_until=due.stamped_until, renew_at=due.renew_at)

    def _add(self, contract: Contract, base: Document, content: bytes) -> None:
        written = self._pades().renew(content)
        until = self._pades().stamped_until(written.content)
        if until is None or not _worth(contract, until):
            return  # the service has no newer certificate after all
        self._sealing().check(written, contract)
        kept = self._archive.keep(written.content)
        document = Document(sha256=kept.sha256, pages=base.pages, size=kept.size)
        with self._store.begin() as unit:
            before = unit.contracts.get(contract.id)
            if before is None or before.state is not State.ARCHIVED or before.document != base:
                return  # somebody else was first
            unit.contracts.add_revision(
                contract.id, sha256=kept.sha256, kind="renewed", size=kept.size, level=written.level
            )
            unit.contracts.add_replicas(contract.id, sha256=kept.sha256, sites=kept.sites)
            unit.step(before, c.Renewed(unit.now, document, written.level, until, kept.sites))


def _worth(contract: Contract | None, until: datetime) -> bool:
    """A file that nobody has looked into is always worth a look."""
    return contract is not None and (contract.stamped_until is None or until - contract.stamped_until >= WORTH)


def _stamped_at(contract: Contract) -> datetime:
    """About when its newest time stamp was made, for contracts of a release that did not keep it."""
    known = contract.sent_at or contract.created_at
    if known is None:
        raise Fault("document_missing", what="The contract has no dates.", do="Restore it from the backup.")
    return known
