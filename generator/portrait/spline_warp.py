"""Moves parts of a picture by moving points of it, and leaves every other pixel as it was, to the byte."""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from detector.types import Pixels

STEP: Final = 4
"""Pixels between the places at which the field is worked out."""
STIFFNESS: Final = 0.05
"""Smoothing of the spline: nodes a pixel apart that move apart would otherwise make it swing."""
STILL: Final = 0.02
"""Pixels; what would move less stays."""

Points: TypeAlias = NDArray[np.float64]


def move_points(pixels: Pixels, nodes: Points, moves: Points, *, rim: Points) -> Pixels:
    """`pixels` with each of `nodes` (N 2) moved by `moves` (N 2, pixels), and nothing from the polygon `rim` (K 2) on.

    In between lies a thin-plate spline (Bookstein 1989), which has no creases.
    """
    height, width = pixels.shape[:2]
    low = np.maximum(np.floor(rim.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(rim.max(axis=0)).astype(int) + 1, (width, height))
    if np.any(high - low < STEP) or not np.any(np.abs(moves) > STILL):
        return pixels.copy()
    field = _field(np.concatenate([nodes, rim]), np.concatenate([moves, np.zeros_like(rim)]), low, high)
    field[~_inside(rim - low, field.shape[:2])] = 0.0
    result = pixels.copy()
    part = result[low[1] : high[1], low[0] : high[0]]
    axes = (np.arange(low[i], high[i], dtype=np.float32) for i in range(2))
    source = np.stack(np.meshgrid(*axes), axis=-1) + field
    moved = cv2.remap(pixels, source, None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    changed = np.abs(field).max(axis=2) > STILL
    part[changed] = moved[changed]
    return result


def _field(nodes: Points, moves: Points, low: NDArray[np.int_], high: NDArray[np.int_]) -> NDArray[np.float32]:
    """Where each pixel of the box comes from, relative to itself (H W 2)."""
    columns, rows = (np.arange(low[i], high[i] + STEP, STEP, dtype=np.float64) for i in range(2))
    places = np.stack(np.meshgrid(columns, rows), axis=-1)
    back = RBFInterpolator(nodes + moves, -moves, kernel="thin_plate_spline", smoothing=STIFFNESS)
    coarse = back(places.reshape(-1, 2)).reshape(places.shape).astype(np.float32)
    matrix = np.array([[1 / STEP, 0.0, 0.0], [0.0, 1 / STEP, 0.0]])
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(coarse, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _inside(polygon: Points, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.round(polygon).astype(np.int32)], 1)
    return np.asarray(canvas > 0, np.bool_)
