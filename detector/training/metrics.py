"""The field's measures, each with the interval that its sample size allows."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

Z95: Final = 1.959964


def auc(fakes: Values, reals: Values) -> float:
    """Chance that a fake scores above a real, ties counted half (Mann-Whitney)."""
    if not len(fakes) or not len(reals):
        return float("nan")
    ranked = np.sort(reals)
    below = np.searchsorted(ranked, fakes, side="left")
    upto = np.searchsorted(ranked, fakes, side="right")
    return float(np.mean(below + upto) / (2 * len(reals)))


def tpr_at(fakes: Values, reals: Values, *, fpr: float) -> float:
    """Share of fakes above the threshold that a share `fpr` of these reals exceeds."""
    if not len(fakes) or not len(reals):
        return float("nan")
    cut = np.sort(reals)[::-1][min(len(reals) - 1, int(fpr * len(reals)))]
    return float(np.mean(fakes > cut))


def equal_error_rate(fakes: Values, reals: Values) -> float:
    cuts = np.unique(np.concatenate([fakes, reals]))
    missed = np.array([np.mean(fakes < cut) for cut in cuts])
    false = np.array([np.mean(reals >= cut) for cut in cuts])
    at = int(np.argmin(np.abs(missed - false)))
    return float((missed[at] + false[at]) / 2)


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); the whole range if there were no trials."""
    if trials == 0:
        return 0.0, 1.0
    p, z2 = hits / trials, Z95**2
    middle = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 * float(np.sqrt(p * (1 - p) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(
    measure: Callable[[Values, Values], float], fakes: Values, reals: Values, *, rounds: int = 400, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval of `measure`, fakes and reals resampled apart."""
    rng = np.random.default_rng(seed)
    drawn = [measure(rng.choice(fakes, len(fakes)), rng.choice(reals, len(reals))) for _ in range(rounds)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def calibration_error(probabilities: Values, labels: Values, weights: Values, *, bins: int = 10) -> float:
    """Expected calibration error over bins of equal weight (adaptive; Nixon et al. 2019)."""
    order = np.argsort(probabilities)
    p, y, w = probabilities[order], labels[order], weights[order] / weights.sum()
    which = np.minimum((np.cumsum(w) * bins).astype(int), bins - 1)
    gap = 0.0
    for b in np.unique(which):
        mine = which == b
        share = w[mine].sum()
        gap += share * abs(np.average(p[mine], weights=w[mine]) - np.average(y[mine], weights=w[mine]))
    return float(gap)
