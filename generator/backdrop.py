"""The wall behind a made-up face: one colour, lit a little unevenly.

No grain is laid over the picture: a camera's noise of 3 grey levels hid 10 of 16 faces from the detector and would hide
them from others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from generator.appearance import Floats

COLOURS: Final[Mapping[str, tuple[float, float, float]]] = {
    "light": (86.0, 0.5, 2.0),
    "dark": (22.0, 0.0, 0.5),
    "white": (95.0, 0.0, 0.5),
    "black": (9.0, 0.0, 0.0),
    "grey": (62.0, 0.0, 0.5),
    "blue": (55.0, -4.0, -32.0),
    "green": (58.0, -28.0, 22.0),
    "red": (45.0, 52.0, 30.0),
    "pink": (78.0, 26.0, 4.0),
    "yellow": (84.0, 4.0, 52.0),
    "beige": (82.0, 3.0, 14.0),
    "brown": (42.0, 12.0, 22.0),
    "purple": (45.0, 28.0, -30.0),
}
"""CIE Lab of the walls that can be asked for."""
LIGHTNESS: Final = (12.0, 94.0)
CLIP: Final = 1.8
"""Standard deviations of the portraits' own walls within which one is drawn."""
SLOPE: Final = 0.09
"""Greatest fall of light from one side of the picture to the other."""
CLOUD, CLOUD_CELLS = 0.012, 5
"""Spread of the slow unevenness of a wall, and its cells across the picture."""


@dataclass(frozen=True, slots=True)
class Walls:
    """Colours (CIE Lab) of the walls behind the training portraits, as a Gaussian."""

    mean: Floats
    factor: Floats

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[np.generic]]) -> "Walls":
        """Reads what the trainer exports; `KeyError` if it is missing."""
        return cls(tensors["wall.mean"].astype(np.float32), tensors["wall.factor"].astype(np.float32))

    def paint(self, colour: str | None, *, side: int, rng: np.random.Generator) -> Floats:
        """A wall of a colour from `COLOURS`, or of a likely one: side side 3, RGB 0–1."""
        noise = np.clip(rng.standard_normal(3), -CLIP, CLIP)
        lab = np.array(COLOURS[colour], np.float32) if colour else self.mean + self.factor @ noise
        lab[0] = np.clip(lab[0], *LIGHTNESS)
        plain = cv2.cvtColor(lab.astype(np.float32)[None, None], cv2.COLOR_LAB2RGB)[0, 0]
        wall: Floats = np.clip(plain * _light(side, rng), 0, 1).astype(np.float32)
        return wall


def _light(side: int, rng: np.random.Generator) -> Floats:
    """Side side 1, about 1: a slope in a random direction and slow clouds."""
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0, SLOPE)
    axis = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    slope = fall * (np.cos(angle) * axis[None] + np.sin(angle) * axis[:, None])
    cells = rng.standard_normal((CLOUD_CELLS, CLOUD_CELLS)).astype(np.float32)
    clouds = CLOUD * cv2.resize(cells, (side, side), interpolation=cv2.INTER_CUBIC)
    light: Floats = (1 + slope + clouds)[..., None].astype(np.float32)
    return light
