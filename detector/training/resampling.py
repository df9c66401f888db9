"""Bootstrap by group: the deliveries of a photo, the frames of a clip and a swap with its original move together."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.training.metrics import Values

ROUNDS: Final = 200
"""Bootstrap draws behind every interval; the 2.5 % and 97.5 % points then rest on five draws each."""
SEED: Final = 0

Interval = list[float | None]
"""An estimate and the low and high end of its 95 % interval; null where it could not be made."""


def group_weights(groups: NDArray[Any], *, rounds: int = ROUNDS) -> Values:
    """Weights R+1 N of N rows: ones, then how often each row's group was drawn in each of R = `rounds` draws."""
    names, which = np.unique(groups, return_inverse=True)
    return np.concatenate([np.ones((1, len(groups))), _draws(len(names), rounds)[:, which]])


@lru_cache(maxsize=16)
def _draws(count: int, rounds: int) -> Values:
    drawn = np.random.default_rng(SEED).integers(0, max(count, 1), (rounds, count))
    cells = drawn + max(count, 1) * np.arange(rounds)[:, None]
    return np.bincount(cells.ravel(), minlength=rounds * max(count, 1)).reshape(rounds, -1).astype(np.float64)


def interval(values: Values) -> Interval:
    """Estimate and 95 % percentile interval of a measure's R+1 values."""
    rest = values[1:][~np.isnan(values[1:])]
    if np.isnan(values[0]) or not len(rest):
        return [None if np.isnan(values[0]) else round(float(values[0]), 5), None, None]
    low, high = np.quantile(rest, [0.025, 0.975])
    return [round(float(v), 5) for v in (values[0], low, high)]


def intervals(measures: Mapping[str, Values]) -> dict[str, Interval]:
    return {name: interval(values) for name, values in measures.items()}
