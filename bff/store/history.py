"""The tree's rows: leaves, complete subtrees and heads. What they mean is said in `core.tree`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from bff.core import tree
from bff.core.tree import Leaf
from bff.store.models import ChronicleRow, ChronicleWaitingRow, ContractRow, TreeHeadRow, TreeLeafRow, TreeNodeRow


@dataclass(frozen=True)
class HeadOf:
    """A head as kept: its exact bytes, the house's signature, timestamp tokens (DER), the sites that hold a copy."""

    size: int
    raw: bytes
    signature: bytes | None
    tokens: tuple[bytes, ...]
    sites: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True)
class Placed:
    """A chain's leaf and its place in the tree."""

    position: int
    leaf: Leaf


class History:
    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    @property
    def size(self) -> int:
        last = self._session.scalar(select(func.max(TreeLeafRow.position)))
        return 0 if last is None else last + 1

    def node(self, level: int, index: int) -> bytes:
        return self._session.get_one(TreeNodeRow, (level, index)).hash

    def root(self, size: int) -> bytes:
        return tree.root(size, self.node)

    def behind(self, limit: int) -> list[Leaf]:
        """The leaves that are missing: of a contract how far its chain has grown since its last one, of a chronicle every
        entry, so that whatever names a chronicle's head names a leaf."""
        contracts = self._contracts_behind(limit)
        return [*contracts, *self._chronicles_behind(limit - len(contracts))]

    def _contracts_behind(self, limit: int) -> list[Leaf]:
        rows = self._session.execute(
            select(ContractRow.id, ContractRow.evidence_seq, ContractRow.evidence_head)
            .where(ContractRow.evidence_seq > ContractRow.logged_seq)
            .order_by(ContractRow.id)
            .limit(limit)
        )
        return [Leaf(contract_id, seq - 1, head.hex()) for contract_id, seq, head in rows]

    def _chronicles_behind(self, limit: int) -> list[Leaf]:
        waits = ChronicleWaitingRow
        rows = self._session.execute(
            select(waits.subject, waits.seq, ChronicleRow.head)
            .join(ChronicleRow, (ChronicleRow.subject == waits.subject) & (ChronicleRow.seq == waits.seq))
            .order_by(waits.subject, waits.seq)
            .limit(limit)
        )
        return [Leaf(subject, seq, head.hex()) for subject, seq, head in rows]

    def append(self, leaves: Sequence[Leaf]) -> None:
        """The leaves at the tree's end. Two writers at once: the second one's transaction fails, nothing is doubled."""
        size = self.size
        rows = [
            {"position": size + n, "contract_id": leaf.contract_id, "seq": leaf.seq, "head": bytes.fromhex(leaf.head)}
            for n, leaf in enumerate(leaves)
        ]
        grown = tree.grown(size, [leaf.hash() for leaf in leaves], self.node)
        nodes = [{"level": level, "position": index, "hash": node} for level, index, node in grown]
        self._session.execute(insert(TreeLeafRow), rows)
        self._session.execute(insert(TreeNodeRow), nodes)
        for leaf in leaves:
            self._session.execute(_covered(leaf))

    def newest(self, contract_id: str, *, below: int) -> Placed | None:
        """A chain's last leaf in the tree of that size."""
        row = self._session.scalar(
            select(TreeLeafRow)
            .where(TreeLeafRow.contract_id == contract_id, TreeLeafRow.position < below)
            .order_by(TreeLeafRow.position.desc())
            .limit(1)
        )
        return Placed(row.position, Leaf(row.contract_id, row.seq, row.head.hex())) if row else None

    def placed(self, subject: str, seq: int, *, below: int) -> Placed | None:
        """The leaf of one entry of a chronicle, in the tree of that size."""
        its = (TreeLeafRow.contract_id == subject, TreeLeafRow.seq == seq, TreeLeafRow.position < below)
        row = self._session.scalar(select(TreeLeafRow).where(*its).limit(1))
        return Placed(row.position, Leaf(row.contract_id, row.seq, row.head.hex())) if row else None

    def waits(self, subject: str) -> bool:
        """Is some entry of this chronicle no leaf yet?"""
        asked = select(ChronicleWaitingRow.seq).where(ChronicleWaitingRow.subject == subject).limit(1)
        return self._session.scalar(asked) is not None

    # --- heads ---

    def add_head(self, size: int, raw: bytes) -> None:
        self._session.add(TreeHeadRow(size=size, raw=raw, signature=None, tokens=[], sites=[], created_at=self._now))
        self._session.flush()

    def head(self, size: int) -> HeadOf | None:
        row = self._session.get(TreeHeadRow, size)
        return _head(row) if row else None

    def finish_head(self, size: int, *, signature: bytes, tokens: Sequence[bytes], sites: Sequence[str]) -> None:
        row = self._session.get_one(TreeHeadRow, size)
        row.signature = signature
        row.tokens = [token.hex() for token in tokens]
        row.sites = list(sites)

    def last_head(self, *, finished: bool) -> HeadOf | None:
        """The newest head; with `finished`, the newest that is signed, timestamped and copied."""
        asked: Any = select(TreeHeadRow).order_by(TreeHeadRow.size.desc()).limit(1)
        row = self._session.scalar(asked.where(TreeHeadRow.signature.is_not(None)) if finished else asked)
        return _head(row) if row else None


def _covered(leaf: Leaf) -> Any:
    """What makes a chain wait no longer."""
    if ":" not in leaf.contract_id:
        return update(ContractRow).where(ContractRow.id == leaf.contract_id).values(logged_seq=leaf.seq + 1)
    waits = ChronicleWaitingRow
    return delete(waits).where(waits.subject == leaf.contract_id, waits.seq == leaf.seq)


def _head(row: TreeHeadRow) -> HeadOf:
    return HeadOf(
        size=row.size,
        raw=row.raw,
        signature=row.signature,
        tokens=tuple(bytes.fromhex(token) for token in row.tokens),
        sites=tuple(row.sites),
        created_at=row.created_at,
    )
