"""Which lattices are looked for in an autocorrelation, and where the nodes of each would lie.

A picture was turned, or it was made to fit: then one of its sides was scaled more than the other. Both kinds are grids
of two parameters, so that all lattices of one are scored in one go.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from detector.provenance.carrier import TILE

NODES = np.array([(1, 0), (0, 1), (1, 1), (1, -1), (2, 0), (0, 2), (2, 1), (1, 2), (2, -1), (1, -2)])
REACH = 0.7  # of the side: beyond, too little of the picture overlaps itself
_SCALE_STEP = 1.006  # moves a peak two tiles away by about half a pixel
_TURN_STEP = np.deg2rad(0.4)
_MOST_STRETCH = 2.0  # one side against the other
_LEAST_STRETCH = 1.015  # below, the lattice without any is fitted to the peaks as well

Whole = NDArray[np.int32]
Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Family:
    """Lattices of scales from `low` to `high`, turned or else `stretched`, on an autocorrelation `zoom` times finer."""

    low: float
    high: float
    zoom: int
    stretched: bool = False


@cache
def steps(family: Family) -> NDArray[np.complex128]:
    """Return the two steps of each lattice (2 A B), x + iy in pixels of the autocorrelation."""
    scales = np.exp(np.arange(np.log(family.low), np.log(family.high), np.log(_SCALE_STEP)))[:, None]
    if family.stretched:
        across = _stretches()[None, :]
        both = np.stack([scales * across, 1j * scales / across])
    else:
        first = scales * np.exp(1j * np.arange(-np.pi / 4, np.pi / 4, _TURN_STEP))[None, :]
        both = np.stack([first, 1j * first])
    result: NDArray[np.complex128] = family.zoom * TILE * both
    return result


@lru_cache(maxsize=18)
def looked_at(family: Family, shape: tuple[int, int]) -> tuple[Whole, NDArray[np.bool_], Weights]:
    """Return where the nodes lie in a flattened autocorrelation of `shape`, and which count (each node A B).

    And what a sum over its nodes weighs for each lattice (A B): nothing, if it is hardly stretched at all.
    """
    x, y = _places(family)
    near = within_reach(x, y, shape)
    weight = 1 / np.sqrt(np.maximum(near.sum(axis=0), 4))
    if family.stretched:
        weight = weight * (2 * np.abs(np.log(_stretches())) >= np.log(_LEAST_STRETCH))
    return _flat(x, y, shape), near, weight.astype(np.float32)


def within_reach(x: Whole, y: Whole, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which nodes (x, y) count in an autocorrelation of `shape`."""
    result: NDArray[np.bool_] = (np.abs(x) < REACH * shape[1]) & (np.abs(y) < REACH * shape[0])
    return result


def _stretches() -> NDArray[np.float64]:
    """Return by how much the one side is scaled more than the mean, and the other less."""
    most, step = np.log(_MOST_STRETCH) / 2, np.log(_SCALE_STEP)
    return np.exp(np.arange(-most, most + step, step))


@cache
def _places(family: Family) -> tuple[Whole, Whole]:
    """Return the nodes (x, y; each node A B) in whole pixels of the autocorrelation."""
    nodes = np.tensordot(NODES, steps(family), 1)
    return np.rint(nodes.real).astype(np.int32), np.rint(nodes.imag).astype(np.int32)


def _flat(x: Whole, y: Whole, shape: tuple[int, ...]) -> Whole:
    """Return where in the flattened circular plane (x, y) lies, each less than a side away."""
    result: Whole = np.where(y < 0, y + shape[0], y) * shape[1] + np.where(x < 0, x + shape[1], x)
    return result
