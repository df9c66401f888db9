"""The Merkle tree of RFC 6962, section 2, as pure functions over hashes that somebody else stores.

A proof is found in two steps. `inclusion_spans` and `consistency_spans` say which leaf spans it needs, and
`perfect_nodes` splits a span into the perfect subtrees that a log keeps, so that any proof costs O(log n) look-ups.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

LEAF_TAG = b"\x00"
NODE_TAG = b"\x01"
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves (RFC 6962, section 2.1)."""

Span: TypeAlias = tuple[int, int]
"""Leaves from the first number up to, and without, the second."""


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """Place of a perfect subtree of `2 ** level` leaves, the `position`-th of its size from the left."""

    level: int
    position: int

    @property
    def last_leaf(self) -> int:
        return ((self.position + 1) << self.level) - 1


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(LEAF_TAG + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE_TAG + left + right).digest()


def perfect_nodes(span: Span) -> tuple[Node, ...]:
    """Perfect subtrees, left to right, that tile `span`; its start must be aligned to its size's highest bit."""
    start, end = span
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return tuple(nodes)


def join(hashes: Sequence[bytes]) -> bytes:
    """Root over the perfect subtrees of one span, given left to right."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def inclusion_spans(index: int, size: int) -> tuple[Span, ...]:
    """Spans whose roots prove that leaf `index` is in the tree of `size` leaves, lowest first (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    start, end = 0, size
    spans: list[Span] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return tuple(reversed(spans))


def consistency_spans(old: int, new: int) -> tuple[Span, ...]:
    """Spans whose roots prove that the tree of `old` leaves is a prefix of that of `new` (RFC 6962, 2.1.2)."""
    if not 0 < old <= new:
        raise ValueError(f"a tree of {old} is no prefix of one of {new}")
    start, end = 0, new
    spans: list[Span] = []
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    if start:
        spans.append((start, end))
    return tuple(reversed(spans))


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` ties the leaf hash at `index` to `root` of `size` leaves (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(*, old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows the tree of `old` leaves as a prefix of that of `new` (RFC 9162, section 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


class Frontier:
    """The right edge of a growing tree: all that is needed to append and to state the root, O(log n) hashes."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Of `size` leaves, with the roots of `perfect_nodes((0, size))`."""
        self.size = size
        self._hashes = list(hashes)
        if len(self._hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} has {size.bit_count()} perfect subtrees, not {len(self._hashes)}")

    def append(self, leaf: bytes) -> tuple[tuple[Node, bytes], ...]:
        """Takes the next leaf hash; gives the subtrees above the leaf that it completed, lowest first."""
        made: list[tuple[Node, bytes]] = []
        found, level, position = leaf, 0, self.size
        while position & 1:
            found = node_hash(self._hashes.pop(), found)
            level, position = level + 1, position >> 1
            made.append((Node(level, position), found))
        self._hashes.append(found)
        self.size += 1
        return tuple(made)

    def last_proof(self) -> tuple[bytes, ...]:
        """The inclusion proof that the leaf appended next will have in the tree that it completes."""
        return tuple(reversed(self._hashes))

    def root(self) -> bytes:
        return join(self._hashes)

    def copy(self) -> "Frontier":
        return Frontier(self.size, self._hashes)


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root over leaf hashes, in order."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def _split(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)
