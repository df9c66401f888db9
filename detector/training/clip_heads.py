"""Cached features of the frozen tower, and the linear heads that are fitted on them in seconds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from detector.classifier.clip_probe import ClipProbe
from detector.classifier.domain import Domain, fit_domain
from detector.classifier.network import suspicion

FAMILIES: Final = ("stylegan", "stylegan2", "diffusion")
DELIVERIES: Final = ("clean", "web", "hard")
STEPS: Final = 60
"""Of L-BFGS; the loss is convex and changes in the fourth digit at most after that."""
SMALLEST: Final = 1e-3
"""Floor of a feature's spread before it divides."""

Features = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cached:
    """`features` N R D with, for each face, its file, set, split, family and delivery."""

    features: Features
    files: NDArray[np.str_]
    sets: NDArray[np.str_]
    splits: NDArray[np.str_]
    families: NDArray[np.str_]
    deliveries: NDArray[np.str_]

    def of(self, *, split: str, delivery: str | None = None) -> Bools:
        chosen: Bools = self.splits == split
        return chosen if delivery is None else chosen & (self.deliveries == delivery)


def read_cache(folder: Path) -> Cached:
    features, rows = [], []
    for path in sorted(folder.glob("??????.npz")):
        with np.load(path) as shard:
            features.append(shard["features"].astype(np.float32))
            rows += json.loads(str(shard["rows"]))
    columns = (np.array([row[name] for row in rows]) for name in ("file", "set", "split", "family", "delivery"))
    return Cached(np.concatenate(features), *columns)


def fit_probe(cached: Cached, rows: Sequence[int], *, families: Sequence[str], decay: float) -> ClipProbe:
    """A head for each of `families` over `rows`, each against all reals: both classes alike, and all sets of reals."""
    kept = cached.of(split="train") & np.isin(cached.families, ["real", *families])
    probe = ClipProbe(torch.tensor(list(rows)), cached.features.shape[2], len(families))
    read = torch.from_numpy(cached.features[kept])
    flat = read[:, probe.rows].flatten(1)
    probe.centre.copy_(flat.mean(0))
    probe.spread.copy_(flat.std(0).clamp_min(SMALLEST))
    with torch.no_grad():
        probe.head.weight.zero_()
    shares = real_shares(cached.families[kept], cached.sets[kept])
    _descend(probe, probe.features(read), cached.families[kept], families, shares, decay=decay)
    return probe.eval().requires_grad_(False)


def real_shares(families: NDArray[np.str_], sets: NDArray[np.str_]) -> Features:
    """Weight of each face among the reals, N, 1 in all: every set counts alike; 0 for fakes."""
    shares, names = np.zeros(len(families), np.float32), np.unique(sets[families == "real"])
    for name in names:
        mine = (sets == name) & (families == "real")
        shares[mine] = 1 / mine.sum() / len(names)
    return shares


def _descend(
    probe: ClipProbe,
    seen: torch.Tensor,
    names: NDArray[np.str_],
    families: Sequence[str],
    shares: Features,
    *,
    decay: float,
) -> None:
    labels = torch.from_numpy(np.stack([names == family for family in families], 1)).float()  # N K
    weights = labels / labels.sum(0).clamp_min(1) + torch.from_numpy(shares)[:, None]
    optimizer = torch.optim.LBFGS(probe.head.parameters(), max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        wrong = binary_cross_entropy_with_logits(probe(seen), labels, weights, reduction="sum")
        total: torch.Tensor = wrong + decay * probe.head.weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]


@torch.inference_mode()
def scores_of(probe: ClipProbe, cached: Cached) -> NDArray[np.float64]:
    return suspicion(probe(probe.features(torch.from_numpy(cached.features)))).double().numpy()


def domain_of(cached: Cached, probe: ClipProbe, *, known: Sequence[str] = ("real", *FAMILIES)) -> Domain:
    """The domain of the train faces of `known` kinds, a class each."""
    train = cached.of(split="train") & np.isin(cached.families, known)
    classes = np.unique(cached.families[train], return_inverse=True)[1].astype(np.int64)
    return fit_domain(probe.features(torch.from_numpy(cached.features[train])).numpy(), classes)
