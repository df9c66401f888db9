"""Turns raw logits into calibrated probabilities and finds the thresholds that real photos rarely reach."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.classifier.cards import Calibration

Logits = NDArray[np.float64]

FLAG_RATE: Final = 0.004
"""Share of real photos that an expert may flag where nobody sets another; the shipped ones are set in training."""
REVIEW_RATE: Final = 0.04
"""Share of real photos that one expert may ask about. Most of what is asked about is out of reach otherwise."""
DOMAIN_SHARE: Final = 0.99
"""Share of the faces of known kinds that must lie inside of the domain."""
TAIL_SHARE: Final = 0.1
"""Upper share of the reals' logits whose mean excess gives `tail` (exponential tail above the 90th percentile)."""


def probability(logit: float, calibration: Calibration) -> float:
    return float(1.0 / (1.0 + np.exp(-np.clip(calibration.scale * logit + calibration.bias, -30.0, 30.0))))


def pooled_logit(logits: Logits, calibration: Calibration) -> float:
    """The picture's logit from those of its faces (at least one): the highest, corrected for how many there are."""
    return float(np.max(logits) - calibration.tail * np.log(len(logits)))


def conformal_threshold(reals: Logits, *, rate: float) -> float:
    """Split-conformal upper threshold (Vovk et al. 2005): a new real exceeds it with probability at most `rate`."""
    ranked = np.sort(reals)
    at = int(np.ceil((len(ranked) + 1) * (1 - rate))) - 1
    return float(ranked[at]) if at < len(ranked) else float(ranked[-1]) + 1.0


def tail_scale(reals: Logits) -> float:
    """Mean excess of the reals' logits over their upper decile."""
    cut = np.quantile(reals, 1 - TAIL_SHARE)
    return float(np.mean(reals[reals > cut] - cut))


def fit(reals: Logits, fakes: Logits, *, flag_rate: float = FLAG_RATE, review_rate: float = REVIEW_RATE) -> Calibration:
    """Platt scaling with both classes weighted alike, and conformal thresholds; `stated_fpr` is left at the target."""
    scale, bias = _platt(reals, fakes)
    flag = conformal_threshold(reals, rate=flag_rate)
    review = min(conformal_threshold(reals, rate=review_rate), flag)
    return Calibration(scale, bias, flag, review, tail_scale(reals), flag_rate, len(reals))


def domain_limit(distances: NDArray[np.float64]) -> float:
    """Distance within which `DOMAIN_SHARE` of the faces of known kinds lie; infinite if none were measured."""
    return float(np.quantile(distances, DOMAIN_SHARE)) if distances.any() else float("inf")


def _platt(reals: Logits, fakes: Logits, *, steps: int = 60) -> tuple[float, float]:
    """Newton's method on the class-balanced logistic loss (Platt 1999, with his smoothed targets)."""
    x = np.concatenate([reals, fakes])
    y = np.concatenate([np.full(len(reals), 1 / (len(reals) + 2)), np.full(len(fakes), 1 - 1 / (len(fakes) + 2))])
    weight = np.concatenate([np.full(len(reals), 0.5 / len(reals)), np.full(len(fakes), 0.5 / len(fakes))])
    design = np.stack([x, np.ones_like(x)], axis=1)
    theta = np.array([0.5, 0.0])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(design @ theta, -30, 30)))
        gradient = design.T @ (weight * (p - y))
        hessian = (design * (weight * p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(2)
        theta = theta - np.linalg.solve(hessian, gradient)
    return float(max(theta[0], 1e-3)), float(theta[1])
