"""The tree over all chain heads: a Merkle tree as in certificate transparency (RFC 6962, section 2.1).

Each leaf says how far one chain had come: a contract's, or the chronicle of a person or an enterprise. A signed head of the
tree binds every leaf below it, an inclusion proof puts one leaf under a head, and a consistency proof shows that a later head
only adds to an earlier one. So whoever keeps one old head notices any change of what came before it.

Hashes are SHA-256: of a leaf `H(0x00 || leaf)`, of two subtrees `H(0x01 || left || right)`. Complete subtrees never
change, so they are kept by (level, index): level 0 are the leaves' hashes, (l, i) covers leaves i * 2^l to (i+1) * 2^l - 1.
`Nodes` looks one up; everything here costs a number of look-ups that grows with the logarithm of the tree.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import rfc8785

LEAF_FORMAT = "countersign-leaf/1"
HEAD_FORMAT = "countersign-head/1"
EMPTY = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""

Nodes = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Leaf:
    """How far a chain had come: `seq` is the number of its last entry, `head` the chain's head (hex) there. `contract_id` is a
    chronicle's subject (`enterprise:ID`) where it is no contract's."""

    contract_id: str
    seq: int
    head: str

    def canonical(self) -> bytes:
        return rfc8785.dumps(
            {"format": LEAF_FORMAT, "contract_id": self.contract_id, "seq": self.seq, "head": self.head}
        )

    def hash(self) -> bytes:
        return hashlib.sha256(b"\x00" + self.canonical()).digest()


@dataclass(frozen=True)
class Head:
    """What is signed and timestamped: the tree's size, its root (hex), when, and in which house's tree."""

    house: str
    size: int
    root: str
    at: datetime

    def canonical(self) -> bytes:
        return rfc8785.dumps(
            {
                "format": HEAD_FORMAT,
                "house": self.house,
                "size": self.size,
                "root": self.root,
                "at": self.at.isoformat(timespec="seconds"),
            }
        )


def parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def grown(size: int, hashes: Sequence[bytes], nodes: Nodes) -> list[tuple[int, int, bytes]]:
    """The complete subtrees (level, index, hash) that appending these leaf hashes to a tree of `size` makes."""
    made: dict[tuple[int, int], bytes] = {}

    def known(level: int, index: int) -> bytes:
        return made[level, index] if (level, index) in made else nodes(level, index)

    for position, leaf in enumerate(hashes, size):
        made[0, position] = leaf
        level, index = 0, position
        while index % 2:
            made[level + 1, index // 2] = parent(known(level, index - 1), made[level, index])
            level, index = level + 1, index // 2
    return [(level, index, node) for (level, index), node in made.items()]


def root(size: int, nodes: Nodes) -> bytes:
    """MTH(D[size]), RFC 6962, section 2.1."""
    return _root(0, size, nodes) if size else EMPTY


def _root(start: int, size: int, nodes: Nodes) -> bytes:
    """Of `size` leaves from `start` on; where the recursion leads, `start` is a multiple of any complete `size`."""
    if size & (size - 1) == 0:
        return nodes(size.bit_length() - 1, start // size)
    left = _split(size)
    return parent(_root(start, left, nodes), _root(start + left, size - left, nodes))


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """PATH(index, D[size]), section 2.1.1. Raises ValueError when there is no such leaf."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    path: list[bytes] = []
    start = 0
    while size > 1:
        left = _split(size)
        if index < left:
            path.append(_root(start + left, size - left, nodes))
            size = left
        else:
            path.append(_root(start, left, nodes))
            start, index, size = start + left, index - left, size - left
    return path[::-1]


def consistency(old: int, size: int, nodes: Nodes) -> list[bytes]:
    """PROOF(old, D[size]), section 2.1.2. Raises ValueError unless 0 < old <= size."""
    if not 0 < old <= size:
        raise ValueError("no such earlier tree")
    return _subproof(old, 0, size, nodes, whole=True)


def _subproof(old: int, start: int, size: int, nodes: Nodes, *, whole: bool) -> list[bytes]:
    if old == size:
        return [] if whole else [_root(start, size, nodes)]
    left = _split(size)
    if old <= left:
        return [*_subproof(old, start, left, nodes, whole=whole), _root(start + left, size - left, nodes)]
    right = _subproof(old - left, start + left, size - left, nodes, whole=False)
    return [*right, _root(start, left, nodes)]


# --- for those who only check ------------------------------------------------------------------------


def root_over(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf's hash and its inclusion proof lead to (RFC 9162, section 2.1.3.2); None: no such proof."""
    if not 0 <= index < size:
        return None
    here, last, node = index, size - 1, leaf
    for step in path:
        if last == 0:
            return None
        if here & 1 or here == last:
            node = parent(step, node)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            node = parent(node, step)
        here, last = here >> 1, last >> 1
    return node if last == 0 else None


def extends(old: int, old_root: bytes, size: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the proof shows that the newer tree begins with the older one (RFC 9162, section 2.1.4.2)."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not path and old_root == new_root
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        return False
    here, last = old - 1, size - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            before, after = parent(step, before), parent(step, after)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            after = parent(after, step)
        here, last = here >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root
