"""The field's measures, over many weightings of the same scores at once, so that an interval costs one pass.

Scores N are sorted once; `weights` R N hold one weighting a row (`detector.training.resampling` makes row 0 the data as
they are and the others bootstrap draws), and every measure returns R values, not a number where a class is missing.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

Z95: Final = 1.959964
BINS: Final = 10
"""Bins of equal weight behind the calibration error."""
RATES: Final = {"tpr_at_1": 0.01, "tpr_at_01": 0.001}
"""False-positive rates at which the share of fakes found is given."""


def auc(fakes: Values, reals: Values) -> float:
    """Chance that a fake scores above a real, ties counted half (Mann-Whitney)."""
    return _single("auc", fakes, reals)


def tpr_at(fakes: Values, reals: Values, *, fpr: float) -> float:
    """Largest share of fakes above a threshold that at most a share `fpr` of these reals exceeds."""
    curve = roc(*_joined(fakes, reals), np.ones((1, len(fakes) + len(reals))))
    return float(_reached(*curve, rate=fpr)[0])


def equal_error_rate(fakes: Values, reals: Values) -> float:
    """Error rate at the threshold where as many fakes are missed as reals accused."""
    return _single("eer", fakes, reals)


def _single(name: str, fakes: Values, reals: Values) -> float:
    return float(ranking(*_joined(fakes, reals), np.ones((1, len(fakes) + len(reals))))[name][0])


def _joined(fakes: Values, reals: Values) -> tuple[Values, Mask]:
    return np.concatenate([fakes, reals]), np.arange(len(fakes) + len(reals)) < len(fakes)


def roc(scores: Values, fake: Mask, weights: Values) -> tuple[Values, Values]:
    """True- and false-positive rates R K at the K distinct scores from the highest down, (0, 0) first."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(ranked) else np.empty(0, np.int64)
    heavy = weights[:, order]
    return _rates(heavy * fake[order], ends), _rates(heavy * ~fake[order], ends)


def _rates(heavy: Values, ends: NDArray[np.int64]) -> Values:
    summed = np.cumsum(heavy, axis=1)[:, ends]
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = summed / heavy.sum(axis=1, keepdims=True)
    return np.concatenate([np.where(np.isfinite(shares[:, :1]), 0.0, np.nan), shares], axis=1) if len(ends) else shares


def ranking(scores: Values, fake: Mask, weights: Values) -> dict[str, Values]:
    """`auc`, `ap` (average precision), `eer`, `tpr_at_1` and `tpr_at_01`, of scores where higher means fake."""
    if not fake.any() or fake.all():
        return {name: np.full(len(weights), np.nan) for name in ("auc", "ap", "eer", *RATES)}
    tpr, fpr = roc(scores, fake, weights)
    fakes, reals = (weights @ fake)[:, None], (weights @ ~fake)[:, None]
    found = {
        "auc": np.sum(np.diff(fpr, axis=1) * (tpr[:, 1:] + tpr[:, :-1]) / 2, axis=1),
        "ap": _average_precision(tpr, fpr * reals, fakes),
        "eer": _equal_error(tpr, fpr),
    }
    return found | {name: _reached(tpr, fpr, rate=rate) for name, rate in RATES.items()}


def _average_precision(tpr: Values, accused: Values, fakes: Values) -> Values:
    hits = tpr * fakes
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.nan_to_num(hits[:, 1:] / (hits + accused)[:, 1:])
    return np.asarray(np.sum(np.diff(tpr, axis=1) * precision, axis=1))


def _equal_error(tpr: Values, fpr: Values) -> Values:
    at = np.argmin(np.abs(1 - tpr - fpr), axis=1)[:, None]
    missed, accused = np.take_along_axis(1 - tpr, at, 1), np.take_along_axis(fpr, at, 1)
    return np.asarray((missed + accused)[:, 0] / 2)


def _reached(tpr: Values, fpr: Values, *, rate: float) -> Values:
    best = np.max(np.where(fpr <= rate + 1e-12, tpr, 0.0), axis=1, initial=0.0)
    return np.asarray(np.where(np.isnan(tpr[:, -1]) | np.isnan(fpr[:, -1]), np.nan, best))


def decisions(flagged: Mask, decided: Mask, fake: Mask, weights: Values) -> dict[str, Values]:
    """What the shipped thresholds do: `tpr`, `fpr`, `balanced_accuracy`, `coverage`, and `risk` (errors) if decided.

    Coverage and risk weigh both classes alike, whatever their numbers.
    """
    even = balanced(fake, weights)
    found = {"tpr": _share(flagged, weights * fake), "fpr": _share(flagged, weights * ~fake)}
    found["balanced_accuracy"] = (found["tpr"] + 1 - found["fpr"]) / 2
    found["coverage"] = _share(decided, even)
    found["risk"] = _share(flagged != fake, even * decided)
    return found


def _share(holds: Mask, weights: Values) -> Values:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights @ holds) / weights.sum(axis=1))


def balanced(fake: Mask, weights: Values) -> Values:
    """`weights` scaled so that fakes and reals each sum to one half in every row."""
    with np.errstate(invalid="ignore", divide="ignore"):
        fakes = weights * fake / (2 * (weights @ fake)[:, None])
        reals = weights * ~fake / (2 * (weights @ ~fake)[:, None])
    return np.asarray(fakes + reals)


def reliability(probabilities: Values, fake: Mask, weights: Values) -> dict[str, Values]:
    """`brier`, `ece` (adaptive bins; Nixon et al. 2019) and `aurc` (Geifman et al. 2019), both classes weighted alike.

    `aurc` is the mean error rate over all coverages when the probabilities closest to .5 are given up first.
    """
    even = balanced(fake, weights)
    return {
        "brier": even @ (probabilities - fake) ** 2,
        "ece": expected_error(probabilities, fake, even),
        "aurc": _risk_area(probabilities, fake, even),
    }


def expected_error(probabilities: Values, fake: Mask, weights: Values, *, bins: int = BINS) -> Values:
    """Mean distance of the stated from the true share of fakes over bins of equal weight."""
    order = np.argsort(probabilities, kind="stable")
    heavy, gap = weights[:, order], (probabilities - fake)[order]
    with np.errstate(invalid="ignore", divide="ignore"):
        heavy = heavy / heavy.sum(axis=1, keepdims=True)
    if np.isnan(heavy).any():
        heavy = np.nan_to_num(heavy)
    which = np.minimum((np.cumsum(heavy, axis=1) * bins).astype(np.int64), bins - 1)
    cells = which + bins * np.arange(len(heavy))[:, None]
    sums = np.bincount(cells.ravel(), weights=(heavy * gap).ravel(), minlength=bins * len(heavy))
    return np.asarray(np.abs(sums).reshape(len(heavy), bins).sum(axis=1))


def _risk_area(probabilities: Values, fake: Mask, weights: Values) -> Values:
    order = np.argsort(-np.abs(probabilities - 0.5), kind="stable")
    heavy, wrong = weights[:, order], ((probabilities >= 0.5) != fake)[order]
    covered = np.cumsum(heavy, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        risk = np.nan_to_num(np.cumsum(heavy * wrong, axis=1) / covered)
    return np.asarray(np.sum(risk * heavy, axis=1) / heavy.sum(axis=1))


def calibration_error(probabilities: Values, labels: Values, weights: Values, *, bins: int = BINS) -> float:
    """`expected_error` of one weighting."""
    return float(expected_error(probabilities, labels.astype(bool), weights[None], bins=bins)[0])


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); the whole range if there were no trials."""
    if trials == 0:
        return 0.0, 1.0
    p, z2 = hits / trials, Z95**2
    middle = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 * float(np.sqrt(p * (1 - p) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)
