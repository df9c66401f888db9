"""What a picture lies on, and chance with a grain: clouds for washes, fibres for paper, relief under a light."""

from typing import Final

import cv2
import numpy as np

from detector.types import Pixels
from generator.portrait.styles.scene import Colours, Plane, enlarged

OCTAVES: Final = 4
LIGHT: Final = (0.55, 0.65)
"""What a slope to the right and one downwards add: light comes from the upper left."""


def clouds(height: int, width: int, *, cells: float, rng: np.random.Generator, octaves: int = OCTAVES) -> Plane:
    """Smooth noise (H W, mean 0, deviation 1) of about `cells` clouds along the longer side, and finer ones in them."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        size = cells * 2**octave / max(height, width)
        rows, columns = max(2, round(height * size)), max(2, round(width * size))
        total += 0.5**octave * enlarged(rng.standard_normal((rows, columns)).astype(np.float32), total.shape)
    return np.asarray((total - total.mean()) / max(float(total.std()), 1e-6), np.float32)


def grain(height: int, width: int, *, size: float, rng: np.random.Generator) -> Plane:
    """Paper tooth of `size` pixels: H W, mean 0, deviation 1."""
    noise = rng.standard_normal((height, width)).astype(np.float32)
    fine = cv2.GaussianBlur(noise, (0, 0), max(size, 0.5)) - cv2.GaussianBlur(noise, (0, 0), max(size, 0.5) * 2.5)
    return np.asarray(fine / max(float(fine.std()), 1e-6), np.float32)


def lit(surface: Plane) -> Plane:
    """How much more (or less, if negative) light the heights of `surface` (H W) catch than a flat one."""
    dx, dy = (cv2.Sobel(surface, cv2.CV_32F, *order, ksize=3, scale=0.125) for order in ((1, 0), (0, 1)))
    return np.asarray(LIGHT[0] * dx + LIGHT[1] * dy, np.float32)


def colours(pixels: Pixels) -> Colours:
    """`pixels` from 0 to 1."""
    return pixels.astype(np.float32) / np.float32(255)


def to_pixels(picture: Colours) -> Pixels:
    return np.asarray(cv2.convertScaleAbs(np.clip(picture, 0, 1), alpha=255.0), np.uint8)


def to_lab(picture: Colours) -> Colours:
    """CIELAB (L 0 to 100) of a picture from 0 to 1."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB), np.float32)


def from_lab(lab: Colours) -> Colours:
    return np.clip(np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.float32), 0, 1)


def vivid(picture: Colours, *, colour: float, contrast: float = 1.0) -> Colours:
    """`picture` with its colours `colour` times as far from grey, and its lightness `contrast` times from its mean."""
    lab = to_lab(picture)
    middle = float(lab[..., 0].mean())
    lab[..., 0] = np.clip(middle + contrast * (lab[..., 0] - middle), 0, 100)
    lab[..., 1:] *= np.float32(colour)
    return from_lab(lab)
