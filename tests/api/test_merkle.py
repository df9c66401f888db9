"""The tree against RFC 6962's published vectors, an independent implementation, and every way of cheating it."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.merkle import (
    EMPTY_ROOT,
    Frontier,
    Node,
    Span,
    consistency_spans,
    inclusion_spans,
    join,
    leaf_hash,
    perfect_nodes,
    root_of,
    verify_consistency,
    verify_inclusion,
)

VECTOR = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
VECTOR.append(bytes.fromhex("606162636465666768696a6b6c6d6e6f"))
VECTOR_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
"""Roots over the first leaves of `VECTOR`, as Certificate Transparency's reference implementations test them."""

SIZES = st.integers(1, 300)


def leaves(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


def stored(size: int) -> Mapping[Node, bytes]:
    """What a log of `size` leaves keeps."""
    frontier = Frontier()
    kept: dict[Node, bytes] = {}
    for number, leaf in enumerate(leaves(size)):
        kept[Node(0, number)] = leaf
        kept |= dict(frontier.append(leaf))
    return kept


def proof_of(size: int, spans: Sequence[Span]) -> list[bytes]:
    kept = stored(size)
    return [join([kept[node] for node in perfect_nodes(span)]) for span in spans]


@pytest.mark.parametrize("size", VECTOR_ROOTS)
def test_published_roots(size: int) -> None:
    assert root_of(leaf_hash(data) for data in VECTOR[:size]).hex() == VECTOR_ROOTS[size]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT == sha256(b"").digest()


@given(SIZES, st.data())
def test_every_leaf_is_proven_and_its_neighbour_is_not(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    root, proof = root_of(leaves(size)), proof_of(size, inclusion_spans(index, size))
    leaf = leaves(size)[index]
    assert verify_inclusion(leaf=leaf, index=index, size=size, proof=proof, root=root)
    assert not verify_inclusion(leaf=leaf_hash(b"other"), index=index, size=size, proof=proof, root=root)
    assert not verify_inclusion(leaf=leaf, index=index, size=size, proof=[*proof, root], root=root)
    assert not verify_inclusion(leaf=leaf, index=index + size, size=size, proof=proof, root=root)
    if size > 1:
        assert not verify_inclusion(leaf=leaf, index=(index + 1) % size, size=size, proof=proof, root=root)
        assert not verify_inclusion(leaf=leaf, index=index, size=size, proof=proof[:-1], root=root)


@given(SIZES, st.data())
def test_a_prefix_is_proven_and_another_past_is_not(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    before, after = root_of(leaves(old)), root_of(leaves(new))
    proof = proof_of(new, consistency_spans(old, new))
    assert verify_consistency(old=old, new=new, old_root=before, new_root=after, proof=proof)
    assert not verify_consistency(old=old, new=new, old_root=leaf_hash(b""), new_root=after, proof=proof)
    assert not verify_consistency(old=old, new=new, old_root=before, new_root=leaf_hash(b""), proof=proof)
    assert not verify_consistency(old=old, new=new, old_root=before, new_root=after, proof=[*proof, before])
    if proof:
        assert not verify_consistency(old=old, new=new, old_root=before, new_root=after, proof=proof[1:])


@given(st.integers(1, 64), st.data())
def test_agrees_with_an_independent_implementation(size: int, data: st.DataObject) -> None:
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for number in range(size):
        tree.append_entry(str(number).encode())
    root = root_of(leaves(size))
    assert tree.get_root() == root
    theirs = [bytes.fromhex(step) for step in tree.prove_inclusion(index + 1).serialize()["path"]]
    own = leaves(size)[index]
    assert sorted(theirs) == sorted([own, *proof_of(size, inclusion_spans(index, size))])
    consistency = tree.prove_consistency(old, size)
    pymerkle.verify_consistency(root_of(leaves(old)), root, consistency)


@given(SIZES)
def test_a_frontier_goes_on_from_its_own_hashes(size: int) -> None:
    kept = stored(size)
    nodes = perfect_nodes((0, size))
    resumed = Frontier(size, [kept[node] for node in nodes])
    assert resumed.root() == root_of(leaves(size))
    resumed.append(leaf_hash(str(size).encode()))
    assert resumed.root() == root_of(leaves(size + 1))
    assert all(node.last_leaf < size for node in nodes)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3)])
def test_no_proof_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        inclusion_spans(index, size)
    assert not verify_inclusion(leaf=b"", index=index, size=size, proof=[], root=EMPTY_ROOT)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3)])
def test_no_proof_for_a_prefix_that_is_none(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no prefix"):
        consistency_spans(old, new)
    assert not verify_consistency(old=old, new=new, old_root=EMPTY_ROOT, new_root=EMPTY_ROOT, proof=[])


def test_a_frontier_refuses_the_wrong_number_of_hashes() -> None:
    with pytest.raises(ValueError, match="perfect subtrees"):
        Frontier(3, [EMPTY_ROOT])
