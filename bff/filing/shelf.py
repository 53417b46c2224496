"""Finding contracts again: search, filters, folders, labels and downloads, for senders and for people who only sign."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bff.core import contract as c
from bff.core.contract import Contract, Signer
from bff.core.errors import Refusal
from bff.core.ports import Archive
from bff.store import Store, Unit
from bff.store.contracts import Listed, Wanted
from bff.store.people import Person

MAX_LABELS = 10
BATCH = 200


@dataclass(frozen=True)
class Found:
    """One page of a list, and what its filters can offer."""

    contracts: tuple[Listed, ...]
    more: bool
    folders: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class SignedPart:
    """A contract of somebody else, as one of its signers sees it."""

    contract: Contract
    sender_name: str
    mine: tuple[Signer, ...]
    signed_at: Mapping[str, datetime]


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

    def waiting(self, person: Person, wanted: Wanted) -> Found:
        """The same list, of those contracts that wait for this person's signature."""
        with self._store.read() as unit:
            mine: list[Listed] = []
            asked = replace(wanted, states=c.OPEN, limit=BATCH, offset=0)
            while len(mine) <= wanted.offset + wanted.limit:
                batch = unit.contracts.seen_by(person.id, person.contacts, asked)
                mine += [line for line in batch if line.mine_to_sign]
                asked = replace(asked, offset=asked.offset + BATCH)
                if len(batch) < BATCH:
                    break
            shown = mine[wanted.offset : wanted.offset + wanted.limit]
            return Found(
                contracts=tuple(shown),
                more=len(mine) > wanted.offset + wanted.limit,
                folders=tuple(unit.contracts.folders(person.id)),
                labels=tuple(unit.contracts.all_labels(person.id)),
            )

    def labels(self, person: Person, contract_id: str) -> tuple[str, ...]:
        """This person's own labels on it."""
        with self._store.read() as unit:
            self._seen(unit, person, contract_id)
            return unit.contracts.labels(contract_id, person.id)

    def file(self, person: Person, contract_id: str, *, folder: str | None, labels: Sequence[str] | None) -> None:
        """Put into a folder (the owner's own), label it (everybody their own)."""
        with self._store.begin() as unit:
            contract = self._seen(unit, person, contract_id)
            if folder is not None and contract.owner_id == person.id:
                unit.contracts.set_folder(contract_id, " ".join(folder.split())[:120])
            if labels is not None:
                clean = [" ".join(label.split())[:60] for label in labels]
                unit.contracts.set_labels(contract_id, person.id, [label for label in clean if label][:MAX_LABELS])

    def signer_of(self, person: Person, contract_id: str) -> SignedPart:
        """What somebody who signs a contract sees of it: who sends it, their own part in it, when they signed."""
        with self._store.read() as unit:
            contract = self._seen(unit, person, contract_id)
            owner = unit.people.get(contract.owner_id)
            mine = [s for s in contract.signers if {s.email, s.phone} & set(person.contacts)]
            acts = {s.id: act.signed_at for s in mine if (act := unit.contracts.act(s.id))}
            return SignedPart(contract, owner.name if owner else "", tuple(mine), acts)

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
