"""The tree over all chains: grown now and then, its heads signed, timestamped and copied to every archive site.

`grow` writes new leaves and an unfinished head in one transaction; `finish` signs it, asks for its timestamps and keeps a
copy at the sites, outside any transaction, and may run as often as it takes. Nobody waits for either: a contract is
sealed and archived without them. A bundle or a record asks for both, so that what it carries covers its chain to the last entry.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bff.core import contract as c
from bff.core import tree
from bff.core.errors import Fault, Refusal
from bff.core.ports import Archive, Clock, Timestamps
from bff.core.tree import Head
from bff.signing import bundle, judging
from bff.store import Store, Unit
from bff.store.chronicle import Line
from bff.store.history import HeadOf, Placed

LEAVES_AT_ONCE = 10_000


@dataclass(frozen=True)
class House:
    """What vouches for a head: the fingerprint (hex SHA-256) of the signing root, a signature, and the certificate (PEM)
    with which that statement was signed, of whichever generation of the seal."""

    fingerprint: str
    sign: Callable[[bytes], bytes]
    certificate: Callable[[bytes, bytes], bytes]
    roots: tuple[bytes, ...]


class History:
    """`outside`: timestamp services besides the house's own, asked for every head as well."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        archive: Archive,
        house: Callable[[], House],
        timestamps: Sequence[Timestamps],
        every: timedelta,
    ) -> None:
        self._store = store
        self._clock = clock
        self._archive = archive
        self._house = house
        self._timestamps = tuple(timestamps)
        self._every = every

    # --- growing ---

    def due(self) -> bool:
        """Is it time for another head, or is one unfinished?"""
        with self._store.read() as unit:
            last = unit.history.last_head(finished=False)
            if last is not None and last.signature is None:
                return True
            rested = last is None or unit.now - last.created_at >= self._every
            return rested and bool(unit.history.behind(1))

    def grow(self) -> None:
        """New leaves for the chains that have grown, and a head over them. Nothing new: nothing is written."""
        fingerprint = self._house().fingerprint
        with self._store.begin() as unit:
            if not (leaves := unit.history.behind(LEAVES_AT_ONCE)):
                return
            unit.history.append(leaves)
            size = unit.history.size
            root = unit.history.root(size).hex()
            unit.history.add_head(size, Head(fingerprint, size, root, unit.now).canonical())

    def finish(self) -> None:
        """Sign, timestamp and copy the newest head. Raises Fault while a service or the sites are down."""
        with self._store.read() as unit:
            head = unit.history.last_head(finished=False)
        if head is None or head.signature is not None:
            return
        house = self._house()
        signature = house.sign(head.raw)
        tokens = [t.timestamp(hashlib.sha256(head.raw).digest()) for t in self._timestamps]
        certificate = house.certificate(head.raw, signature)
        signed = bundle.signed_head(head.raw, signature=signature, certificate=certificate, tokens=tokens)
        kept = self._archive.keep(json.dumps(signed, sort_keys=True).encode())
        with self._store.begin() as unit:
            unit.history.finish_head(head.size, signature=signature, tokens=tokens, sites=kept.sites)

    # --- telling ---

    def newest(self) -> dict[str, Any]:
        """The newest signed head, for whoever wants to keep it and compare later."""
        with self._store.read() as unit:
            head = unit.history.last_head(finished=True)
        if head is None:
            raise Refusal("no_head_yet")
        return self._signed(head)

    def consistency(self, old: int, size: int) -> dict[str, Any]:
        """The proof that the tree of `size` leaves begins with the one of `old`. Raises Refusal `no_head_yet`."""
        with self._store.read() as unit:
            if not 0 < old <= size <= unit.history.size:
                raise Refusal("no_head_yet")
            path = tree.consistency(old, size, unit.history.node)
        return {"old": old, "size": size, "path": [step.hex() for step in path]}

    def bundle(self, contract_id: str) -> bytes:
        """Everything about a finished contract in one file: see `bff.signing.bundle`."""
        self._catch_up(lambda unit: unit.contracts.behind_the_tree(contract_id) or bool(_unplaced(unit, contract_id)))
        with self._store.read() as unit:
            contract = unit.contracts.get(contract_id)
            if contract is None or contract.state not in c.DONE or contract.document is None:
                raise Refusal("not_sealed_yet")
            entries = unit.contracts.evidence(contract_id)
            head = unit.history.last_head(finished=True)
            placed = unit.history.newest(contract_id, below=head.size) if head else None
            path = tree.inclusion(placed.position, head.size, unit.history.node) if head and placed else []
            records = [r for line in _uses(unit, contract_id) if head and (r := _record(unit, line, head.size))]
        proof = self._proof(head, placed, path) if head and placed else None
        if proof and records:
            proof["records"] = records
        content = self._archive.read(contract.document.sha256)
        return bundle.pack(content, entries, proof, roots=self._house().roots, title=contract.title)

    def record(self, subject: str, *, title: str) -> bytes:
        """A chronicle and its place in the tree, in one file. Who may have it is the caller's to say."""
        self._catch_up(lambda unit: unit.history.waits(subject))
        with self._store.read() as unit:
            entries = unit.chronicle.entries(subject)
            head = unit.history.last_head(finished=True)
            placed = unit.history.newest(subject, below=head.size) if head else None
            path = tree.inclusion(placed.position, head.size, unit.history.node) if head and placed else []
        proof = self._proof(head, placed, path) if head and placed else None
        return bundle.pack_record(entries, proof, roots=self._house().roots, title=title)

    def _catch_up(self, is_behind: Callable[[Unit], bool]) -> None:
        """A head over the chain as it is now; while it cannot be had, the file says how far the last one goes."""
        with self._store.read() as unit:
            behind = is_behind(unit)
        try:
            if behind:
                self.grow()
            self.finish()
        except Fault:
            return

    def _proof(self, head: HeadOf, placed: Placed, path: Sequence[bytes]) -> dict[str, Any]:
        return {
            "format": judging.FORMAT,
            "leaf": _leaf(placed),
            "position": placed.position,
            "path": [step.hex() for step in path],
            **self._signed(head),
        }

    def _signed(self, head: HeadOf) -> dict[str, Any]:
        signature = head.signature or b""
        certificate = self._house().certificate(head.raw, signature)
        return bundle.signed_head(head.raw, signature=signature, certificate=certificate, tokens=head.tokens)


def _uses(unit: Unit, contract_id: str) -> list[Line]:
    """The entries of enterprises' records that this contract's signatures name: that they were signed for them."""
    named = [act.identity.get("enterprise", {}).get("record_head") for act in unit.contracts.acts(contract_id)]
    return [line for head in named if head and (line := unit.chronicle.line(head)) is not None]


def _unplaced(unit: Unit, contract_id: str) -> list[Line]:
    size = unit.history.size
    return [x for x in _uses(unit, contract_id) if unit.history.placed(x.subject, x.entry.seq, below=size) is None]


def _record(unit: Unit, line: Line, size: int) -> dict[str, Any] | None:
    """One such entry with its place in the tree of that size; None while it has none."""
    placed = unit.history.placed(line.subject, line.entry.seq, below=size)
    if placed is None:
        return None
    return {
        "leaf": _leaf(placed),
        "position": placed.position,
        "path": [step.hex() for step in tree.inclusion(placed.position, size, unit.history.node)],
        "before": line.before.hex(),
        "entry": line.entry.raw.decode(),
    }


def _leaf(placed: Placed) -> dict[str, Any]:
    leaf = placed.leaf
    return {"contract_id": leaf.contract_id, "seq": leaf.seq, "head": leaf.head}
