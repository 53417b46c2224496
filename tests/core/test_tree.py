"""The tree: against RFC 6962's own definition written out, and against every single-bit lie in small trees."""

import hashlib
from collections.abc import Sequence

import pytest

from bff.core import tree

SIZES = [*range(1, 34), 63, 64, 65, 100, 127, 128, 129]


def leaves(count: int) -> list[bytes]:
    return [hashlib.sha256(b"\x00%d" % n).digest() for n in range(count)]


def mth(hashes: Sequence[bytes]) -> bytes:
    """MTH as the RFC writes it, over hashes of leaves."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def kept(hashes: Sequence[bytes], step: int = 1) -> tree.Nodes:
    """The nodes of a tree that was grown `step` leaves at a time."""
    nodes: dict[tuple[int, int], bytes] = {}
    for start in range(0, len(hashes), step):
        for level, index, node in tree.grown(start, hashes[start : start + step], lambda lv, ix: nodes[lv, ix]):
            assert (level, index) not in nodes, "a complete subtree is made once"
            nodes[level, index] = node
    return lambda level, index: nodes[level, index]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [1, 3, 64])
def test_the_root_is_the_rfcs_however_the_tree_grew(size: int, step: int) -> None:
    hashes = leaves(size)
    assert tree.root(size, kept(hashes, step)) == mth(hashes)


def test_an_empty_tree_has_the_rfcs_root() -> None:
    assert tree.root(0, kept([])).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 20, 33])
def test_every_leaf_is_proven_and_no_other_passes_for_it(size: int) -> None:
    hashes = leaves(size)
    nodes = kept(hashes)
    for index, leaf in enumerate(hashes):
        path = tree.inclusion(index, size, nodes)
        assert tree.root_over(leaf, index, size, path) == mth(hashes)
        for other in range(size):
            if other != index:
                assert tree.root_over(hashes[other], index, size, path) != mth(hashes)
                assert tree.root_over(leaf, other, size, path) != mth(hashes)
        for broken in (path[:-1], [*path, leaf], [bytes(32), *path[1:]]):
            if broken != path:
                assert tree.root_over(leaf, index, size, broken) != mth(hashes)


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 9, 20, 33])
def test_every_earlier_tree_is_shown_to_be_a_beginning(size: int) -> None:
    hashes = leaves(size)
    nodes = kept(hashes)
    for old in range(1, size + 1):
        path = tree.consistency(old, size, nodes)
        assert tree.extends(old, mth(hashes[:old]), size, mth(hashes), path)
        changed = [bytes(32), *hashes[1:old]]
        assert not tree.extends(old, mth(changed), size, mth(hashes), path)
        assert not tree.extends(old, mth(hashes[:old]), size, mth([*hashes[:-1], bytes(32)]), path)
        for broken in (path[:-1], [*path, bytes(32)], [bytes(32), *path[1:]]):
            if broken != path:
                assert not tree.extends(old, mth(hashes[:old]), size, mth(hashes), broken)


def test_proofs_of_what_is_not_there_are_refused() -> None:
    nodes = kept(leaves(5))
    with pytest.raises(ValueError, match="no such leaf"):
        tree.inclusion(5, 5, nodes)
    with pytest.raises(ValueError, match="no such earlier tree"):
        tree.consistency(6, 5, nodes)
    with pytest.raises(ValueError, match="no such earlier tree"):
        tree.consistency(0, 5, nodes)
    assert tree.root_over(bytes(32), 5, 5, []) is None
    assert not tree.extends(0, tree.EMPTY, 5, bytes(32), [])


def test_a_leaf_and_a_subtree_cannot_be_taken_for_each_other() -> None:
    leaf = tree.Leaf("c1", 3, "ab" * 32)
    assert leaf.hash() == hashlib.sha256(b"\x00" + leaf.canonical()).digest()
    assert leaf.hash() != tree.Leaf("c1", 4, "ab" * 32).hash()
