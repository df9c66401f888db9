"""Makes a fake from one real photo by blending it with a changed copy of itself.

The idea is that of self-blended images (Shiohara and Yamasaki, CVPR 2022): what gives a swap away is the border between
two sources of different colour, sharpness and scale, and that border can be made without any second person.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.types import Face, Pixels

ALIGNED, SAME, CHANGED = 6.0, 8.0, 20.0
"""Grey levels: the most that the rim of an aligned pair differs, and what counts as unchanged and as changed.
Chosen by eye on swap pairs: half of them pass."""
ELASTIC_STEPS: Final = 5
"""Control points per axis of the random mask deformation."""


@dataclass(frozen=True, slots=True)
class Blend:
    """A blended picture and where it was changed: `mask` is H W in 0–1."""

    pixels: Pixels
    mask: NDArray[np.float32]


def self_blend(pixels: Pixels, face: Face, *, rng: np.random.Generator) -> Blend:
    """`pixels` with the inner face replaced by a recoloured, resharpened and slightly moved copy of itself."""
    source = _change(pixels, rng=rng)
    source = _move(source, size=face.size, rng=rng)
    region = _mask(pixels.shape[:2], face, rng=rng)
    mask = region[..., None]
    if rng.random() < 0.5:  # either side may be the changed one
        source, pixels = pixels, source
    return Blend(np.asarray(mask * source + (1 - mask) * pixels, dtype=np.uint8), region)


def difference_mask(fake: Pixels, real: Pixels) -> NDArray[np.float32] | None:
    """Where `fake` differs from the photo that it was made from, H W in 0–1; null if the two do not lie on each other.

    Pairs cut from two video streams are often some pixels apart: then the border of the picture differs as well.
    """
    if fake.shape != real.shape:
        return None
    apart = np.abs(fake.astype(np.int16) - real).max(axis=2).astype(np.float32)
    apart = np.asarray(cv2.blur(apart, (9, 9)), dtype=np.float32)
    rim = max(4, apart.shape[0] // 16)
    sides = (apart[:rim], apart[-rim:], apart[:, :rim], apart[:, -rim:])
    border = np.concatenate([side.ravel() for side in sides])
    if float(np.median(border)) > ALIGNED:
        return None
    return np.asarray(np.clip((apart - SAME) / (CHANGED - SAME), 0, 1), dtype=np.float32)


def _change(pixels: Pixels, *, rng: np.random.Generator) -> Pixels:
    shifted = pixels.astype(np.float32) * rng.uniform(0.88, 1.12, size=3) + rng.uniform(-14, 14, size=3)
    changed = np.clip(shifted, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        scale = rng.uniform(0.35, 0.8)
        small = cv2.resize(changed, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    soft = cv2.GaussianBlur(changed, (0, 0), 1.0)
    return np.asarray(cv2.addWeighted(changed, 1.6, soft, -0.6, 0), dtype=np.uint8)


def _move(pixels: Pixels, *, size: float, rng: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-2, 2), rng.uniform(0.96, 1.04))
    matrix[:, 2] += rng.uniform(-0.03, 0.03, size=2) * size
    moved = cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, dtype=np.uint8)


def _mask(shape: tuple[int, int], face: Face, *, rng: np.random.Generator) -> NDArray[np.float32]:
    """A soft, deformed ellipse or landmark hull with values 0–1."""
    mask = np.zeros(shape, dtype=np.float32)
    x0, y0, x1, y1 = face.box
    if rng.random() < 0.5:
        centre = (int((x0 + x1) / 2), int((y0 + y1) / 2 + 0.05 * face.size))
        axes = (int((x1 - x0) * rng.uniform(0.3, 0.48)), int((y1 - y0) * rng.uniform(0.32, 0.5)))
        cv2.ellipse(mask, centre, axes, rng.uniform(-10, 10), 0, 360, 1.0, -1)
    else:
        points = np.array(face.landmarks) + rng.normal(0, 0.02 * face.size, (5, 2))
        middle = points.mean(axis=0)
        grown = middle + (points - middle) * rng.uniform(1.5, 2.4, size=(5, 1))
        cv2.fillConvexPoly(mask, cv2.convexHull(grown.astype(np.int32)), 1.0)
    mask = _elastic(mask, amount=0.08 * face.size, rng=rng)
    sigma = face.size * rng.uniform(0.01, 0.07)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(sigma, 0.5)) * rng.choice([0.75, 1.0, 1.0]), dtype=np.float32)


def _elastic(mask: NDArray[np.float32], *, amount: float, rng: np.random.Generator) -> NDArray[np.float32]:
    height, width = mask.shape
    coarse = rng.normal(0, amount / 2, (2, ELASTIC_STEPS, ELASTIC_STEPS)).astype(np.float32)
    dx, dy = (cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC) for field in coarse)
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.asarray(cv2.remap(mask, xs + dx, ys + dy, cv2.INTER_LINEAR), dtype=np.float32)
