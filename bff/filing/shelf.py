"""Finding contracts again: search, filters, folders, labels and downloads, for senders and for those who only signed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bff.core import contract as c
from bff.core.contract import Contract
from bff.core.errors import Refusal
from bff.core.ports import Archive
from bff.store import Store, Unit
from bff.store.contracts import Listed, Wanted
from bff.store.people import Person

MAX_LABELS = 10


@dataclass(frozen=True)
class Found:
    """One page of a list, and what its filters can offer."""

    contracts: tuple[Listed, ...]
    more: bool
    folders: tuple[str, ...]
    labels: tuple[str, ...]


class Shelf:
    def __init__(self, *, store: Store, archive: Archive) -> None:
        self._store = store
        self._archive = archive

    def find(self, person: Person, wanted: Wanted) -> Found:
        """What this person sent, or signs at an address that they have verified."""
        with self._store.read() as unit:
            found = unit.contracts.seen_by(person.id, person.contacts, _one_more(wanted))
            return Found(
                contracts=tuple(found[: wanted.limit]),
                more=len(found) > wanted.limit,
                folders=tuple(unit.contracts.folders(person.id)),
                labels=tuple(unit.contracts.all_labels(person.id)),
            )

    def file(self, person: Person, contract_id: str, *, folder: str | None, labels: Sequence[str] | None) -> None:
        """Put into a folder (the owner's own), label it (everybody their own)."""
        with self._store.begin() as unit:
            contract = self._seen(unit, person, contract_id)
            if folder is not None and contract.owner_id == person.id:
                unit.contracts.set_folder(contract_id, " ".join(folder.split())[:120])
            if labels is not None:
                clean = [" ".join(label.split())[:60] for label in labels]
                unit.contracts.set_labels(contract_id, person.id, [label for label in clean if label][:MAX_LABELS])

    def signed_by(self, person: Person, contract_id: str) -> Contract:
        """A contract as seen by somebody who signs it: no draft of anybody else's."""
        with self._store.read() as unit:
            return self._seen(unit, person, contract_id)

    def sealed(self, person: Person, contract_id: str) -> tuple[Contract, bytes]:
        """The sealed PDF, for the sender and for every signer."""
        with self._store.read() as unit:
            contract = self._seen(unit, person, contract_id)
        if contract.state not in c.DONE or contract.document is None:
            raise Refusal("not_sealed_yet")
        return contract, self._archive.read(contract.document.sha256)

    def _seen(self, unit: Unit, person: Person, contract_id: str) -> Contract:
        contract = unit.contracts.get(contract_id)
        if contract is None:
            raise Refusal("no_such_contract")
        invited = any(
            {s.email, s.phone} & set(person.contacts) and s.state is not c.SignerState.WAITING for s in contract.signers
        )
        if contract.owner_id != person.id and not invited:
            raise Refusal("no_such_contract")
        return contract


def _one_more(wanted: Wanted) -> Wanted:
    return replace(wanted, limit=wanted.limit + 1)
