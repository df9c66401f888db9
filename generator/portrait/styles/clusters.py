"""Few colours for many: k-means, made repeatable and quick on a sample."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLE: Final = 4000
ROUNDS: Final = 12


def centres(points: NDArray[np.float32], count: int, *, rng: np.random.Generator) -> NDArray[np.float32]:
    """`count` centres (K D) of `points` (N D): k-means on a sample, from far-apart beginnings."""
    sample = points[rng.integers(0, len(points), min(SAMPLE, len(points)))]
    found = [sample[int(rng.integers(len(sample)))]]
    near = np.full(len(sample), np.inf, np.float32)
    for _ in range(count - 1):
        near = np.minimum(near, ((sample - found[-1]) ** 2).sum(axis=1))
        chances = near / near.sum() if near.sum() > 0 else None
        found.append(sample[int(rng.choice(len(sample), p=chances))])
    middle = np.stack(found)
    for _ in range(ROUNDS):
        own = nearest(sample, middle)
        sums = np.stack([np.bincount(own, sample[:, d], count) for d in range(sample.shape[1])], axis=1)
        sizes = np.bincount(own, minlength=count)[:, None]
        middle = np.where(sizes > 0, sums / np.maximum(sizes, 1), middle).astype(np.float32)
    return middle


def nearest(points: NDArray[np.float32], middle: NDArray[np.float32]) -> NDArray[np.int64]:
    """Number of the centre (of K D) nearest to each of `points` (N D)."""
    best = np.full(len(points), np.inf, np.float32)
    own = np.zeros(len(points), np.int64)
    for number, centre in enumerate(middle):
        away = np.einsum("nd,nd->n", points - centre, points - centre)
        closer = away < best
        own[closer], best[closer] = number, away[closer]
    return own


def labels_of(picture: NDArray[np.float32], middle: NDArray[np.float32]) -> NDArray[np.uint8]:
    """`nearest` for each place of `picture` (H W 3): H W."""
    best = np.full(picture.shape[:2], np.inf, np.float32)
    own = np.zeros(picture.shape[:2], np.uint8)
    for number, centre in enumerate(middle):
        away = cv2.transform(cv2.pow(picture - centre, 2), np.ones((1, 3), np.float32))
        closer = away < best
        own[closer], best[closer] = number, away[closer]
    return own
