"""What the large tier would say of faces: of real ones by set, and of a family that its probe never saw."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from detector.classifier.clip_probe import ClipProbe
from detector.training.clip_card import limits_of
from detector.training.clip_heads import DELIVERIES, FAMILIES, Bools, Cached, domain_of, fit_probe, scores_of

Fates = dict[str, dict[str, dict[str, float]]]
"""Shares flagged, inconclusive and cleared by name (a family, or a set of reals) and delivery."""


def unseen_fates(cached: Cached, rows: Sequence[int], *, decay: float) -> Fates:
    """Per family and delivery of test: the shares flagged, inconclusive and cleared by a probe that never saw it.

    Thresholds and domain are those that the probe would ship with, from the reals of val.
    """
    found: Fates = {}
    for family in FAMILIES:
        probe = fit_probe(cached, rows, families=[name for name in FAMILIES if name != family], decay=decay)
        fates = shares_of(cached, probe, known=[name for name in ("real", *FAMILIES) if name != family])
        found[family] = {delivery: fates(cached.families == family, delivery) for delivery in DELIVERIES}
    return found


def real_fates(cached: Cached, probe: ClipProbe) -> Fates:
    """Per set and delivery: what the probe says of real faces of test."""
    fates, real = shares_of(cached, probe, known=("real", *FAMILIES)), cached.families == "real"
    sets = {"all": real} | {str(name): real & (cached.sets == name) for name in np.unique(cached.sets[real])}
    return {name: {delivery: fates(mine, delivery) for delivery in DELIVERIES} for name, mine in sets.items()}


def shares_of(cached: Cached, probe: ClipProbe, *, known: Sequence[str]) -> Callable[[Bools, str], dict[str, float]]:
    """A function of rows and a delivery: what the product would say of those of them that are in test."""
    scores = scores_of(probe, cached)
    domain = domain_of(cached, probe, known=known)
    apart = domain.distances(probe.features(torch.from_numpy(cached.features)).numpy()).astype(np.float64)

    def shares(wanted: Bools, delivery: str) -> dict[str, float]:
        val = cached.of(split="val", delivery=delivery) & np.isin(cached.families, known)
        limits = limits_of(scores[val & (cached.families == "real")], apart[val])
        mine = cached.of(split="test", delivery=delivery) & wanted
        out, flagged, cleared = apart[mine] > limits.domain, scores[mine] > limits.flag, scores[mine] <= limits.review
        kinds = {"flagged": flagged & ~out, "cleared": cleared & ~out, "inconclusive": out | (~flagged & ~cleared)}
        return {name: round(float(np.mean(hits)), 4) for name, hits in kinds.items()} | {"faces": int(mine.sum())}

    return shares
