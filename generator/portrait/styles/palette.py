"""The colours of one picture brought onto another, by sliced optimal transport kept smooth in a table.

After Pitié, Kokaram and Dahyot, "Automated colour grading using colour distribution transfer" (2007).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from generator.portrait.styles.scene import Colours

NODES: Final = 17
"""Of the table, in each of L, a and b."""
LOW: Final = np.array([0.0, -100.0, -100.0], np.float32)
HIGH: Final = np.array([100.0, 100.0, 100.0], np.float32)
SLICES: Final = 14
SAMPLE: Final = 3000
KEPT_LIGHTNESS: Final = 0.45
"""Share of its own lightness that a colour keeps: the person's light and shade."""


def recoloured(lab: Colours, style: Colours, *, rng: np.random.Generator) -> Colours:
    """`lab` (H W 3) with about the distribution of colours of `style` (any shape, 3)."""
    axis = [np.linspace(low, high, NODES, dtype=np.float32) for low, high in zip(LOW, HIGH, strict=True)]
    nodes = np.stack(np.meshgrid(*axis, indexing="ij"), axis=-1).reshape(-1, 3)
    moved = _transported(_sample(lab, rng), _sample(style, rng), nodes, rng)
    moved[:, 0] += KEPT_LIGHTNESS * (nodes[:, 0] - moved[:, 0])
    table = moved.reshape(NODES, NODES, NODES, 3)
    places = ((lab - LOW) / (HIGH - LOW) * (NODES - 1)).transpose(2, 0, 1)
    return np.stack([map_coordinates(table[..., c], places, order=1, mode="nearest") for c in range(3)], axis=-1)


def _transported(
    source: NDArray[np.float32], target: NDArray[np.float32], nodes: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """`nodes` carried along while `source` is brought onto `target`, one direction after another."""
    source, nodes = source.copy(), nodes.copy()
    ranks = np.linspace(0, 100, 64)
    for _ in range(SLICES):
        turn = np.linalg.qr(rng.standard_normal((3, 3)))[0].astype(np.float32)
        for way in turn:
            have, want = (np.percentile(points @ way, ranks) for points in (source, target))
            have = np.maximum.accumulate(have + np.arange(len(have)) * 1e-4)
            for points in (source, nodes):
                at = points @ way
                points += ((_through(at, have, want) - at) * np.float32(0.6))[:, None].astype(np.float32) * way
    return nodes


def _through(at: NDArray[np.float32], have: NDArray[np.float64], want: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the quantiles `have` lead to as `want`; beyond the ends everything is shifted alike."""
    beyond = np.minimum(at - have[0], 0) + np.maximum(at - have[-1], 0)
    return np.asarray(np.interp(at, have, want) + 0.5 * beyond, np.float64)


def _sample(picture: Colours, rng: np.random.Generator) -> NDArray[np.float32]:
    points = picture.reshape(-1, 3)
    return np.asarray(points[rng.integers(0, len(points), SAMPLE)], np.float32)
