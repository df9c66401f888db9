"""How far a face lies from everything that an expert was measured on.

A score says nothing about a picture unlike any in training. The distance is that of Mahalanobis to the nearest class
(reals, or one family of fakes) in the penultimate features, all classes sharing one covariance (Lee et al., NeurIPS
2018), which is cut to its main axes so that a few thousand faces are enough to estimate it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]

PREFIX = "domain."
"""Of the tensors that hold a domain inside of a weight file."""


@dataclass(frozen=True, slots=True)
class Domain:
    """`means` K D and `whiten` F D: features times `whiten` have unit covariance within each class."""

    means: Floats
    whiten: Floats

    def distances(self, features: Floats) -> Floats:
        """Root mean square distance per axis to the nearest class; about 1 inside of the domain.  N F -> N"""
        projected = features @ self.whiten  # N D
        apart = projected[:, None, :] - self.means[None]  # N K D
        nearest: Floats = np.sqrt(np.mean(apart**2, axis=2)).min(axis=1).astype(np.float32)
        return nearest


def fit_domain(features: Floats, classes: NDArray[np.int64], *, axes: int = 48, floor: float = 1e-4) -> Domain:
    """The domain of `features` N F with a class number each; keeps the `axes` widest directions within classes."""
    centres = np.stack([features[classes == c].mean(axis=0) for c in np.unique(classes)])
    _, index = np.unique(classes, return_inverse=True)
    _, spread, directions = np.linalg.svd(features - centres[index], full_matrices=False)
    deviation = spread[:axes] / np.sqrt(max(1, len(features) - len(centres)))
    whiten = (directions[:axes] / np.maximum(deviation, floor)[:, None]).T.astype(np.float32)
    return Domain((centres @ whiten).astype(np.float32), whiten)


def read_domain(weights: Mapping[str, Tensor]) -> Domain | None:
    """The domain among `weights`; null if they have none."""
    means, whiten = weights.get(PREFIX + "means"), weights.get(PREFIX + "whiten")
    if means is None or whiten is None:
        return None
    return Domain(means.float().numpy(), whiten.float().numpy())
