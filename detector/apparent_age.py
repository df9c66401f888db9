"""Says whether a face may be that of a minor, so that portrait tools can refuse to work on it.

A linear reading of what the landmark network sees. How a face looks is no age: the card has the measured shares of
minors that it misses and of adults that it takes for one.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.errors import ModelUnavailable
from detector.landmarks import LandmarkFinder, Points
from detector.types import Pixels

CARD: Final = "apparent_age.card.toml"
ADULT: Final = 18


@dataclass(frozen=True, slots=True)
class ApparentAge:
    """`weights` (D) and `bias` over a face's description give a logit; from `threshold` on it may be a minor's."""

    weights: NDArray[np.float32]
    bias: float
    threshold: float

    @classmethod
    def load(cls, folder: Path | None = None) -> "ApparentAge":
        """The shipped reading; raises `ModelUnavailable`, also if it was fitted beside other landmark weights."""
        from safetensors.numpy import load

        folder = folder or Path(str(files("detector").joinpath("weights")))
        try:
            card = tomllib.loads((folder / CARD).read_text(encoding="utf-8"))
            data = (folder / card["model"]["file"]).read_bytes()
            beside = hashlib.sha256((folder / card["model"]["beside"]).read_bytes()).hexdigest()
            arrays, threshold = load(data), float(card["operating_point"]["threshold"])
            weights, bias = arrays["weights"].astype(np.float32), float(arrays["bias"][0])
        except Exception as error:  # the safetensors library has an error class of its own
            raise ModelUnavailable(f"the weights for apparent age cannot be read: {error}") from error
        if hashlib.sha256(data).hexdigest() != card["model"]["sha256"] or beside != card["model"]["beside_sha256"]:
            raise ModelUnavailable("the weights for apparent age are not those that their card names")
        return cls(weights, bias, threshold)

    def logit(self, pixels: Pixels, points: Points, *, landmarks: LandmarkFinder) -> float:
        """Higher for a younger look; `points` is the face's mesh."""
        return float(landmarks.describe(pixels, points) @ self.weights) + self.bias

    def may_be_minor(self, pixels: Pixels, points: Points, *, landmarks: LandmarkFinder) -> bool:
        return self.logit(pixels, points, landmarks=landmarks) >= self.threshold
