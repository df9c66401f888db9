"""What of a picture the mark can live in: its luminance, and the residual that reading looks at."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.types import Pixels

WORKING_SIDE = 1024  # px; reading works on a copy whose long side is at most this
_SHORT_SIDE = 256  # px; yet its short side keeps at least this, or panoramas would lose the mark
_LONGEST = 4096  # px of a panorama's working copy that are searched, from its middle
CELL = 2  # px a side of the cells that the activity is reckoned on: a third of the time, and the same z
HIGH_PASS_SIGMA = 3.0
NOISE_CELLS = 3  # of windows of 5 to 19 px, 5 to 9 kept most of the template through 8 attacks on 28 photos
FLOOR = 3.0  # grey levels: below this activity is sensor noise or rounding

Plane = NDArray[np.float32]


def anchor(height: int, width: int) -> float:
    """Return picture pixels per tile pixel of a mark written at this size; 1 up to `WORKING_SIDE`."""
    return max(1.0, min(max(height, width) / WORKING_SIDE, min(height, width) / _SHORT_SIDE))


def luminance(pixels: Pixels) -> Plane:
    """Return the luma of `pixels` (H W, 0 to 255)."""
    result: Plane = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return result


def working_copy(pixels: Pixels) -> Plane:
    """Return the luma at the scale at which an untouched mark has tiles of exactly `TILE` px."""
    height, width = pixels.shape[:2]
    scale = 1 / anchor(height, width)
    plane = luminance(pixels)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        plane = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return _middle(plane)


def residual(plane: Plane) -> Plane:
    """Return `plane` without its coarse content, each place over its deviation ** 1.25."""
    fine = cv2.GaussianBlur(plane, (0, 0), HIGH_PASS_SIGMA, borderType=cv2.BORDER_REFLECT)
    cv2.subtract(plane, fine, dst=fine)
    power = cell_means(cells(cv2.multiply(fine, fine)), side=NOISE_CELLS)
    level = np.sqrt(np.maximum(power, np.float32(0))) + np.float32(FLOOR)
    worth = (1 / (level * np.sqrt(np.sqrt(level)))).astype(np.float32)
    weight = widened(worth, height=plane.shape[0], width=plane.shape[1])
    result: Plane = cv2.multiply(fine, weight, dst=fine)
    return result


def overlaid(planes: Sequence[Plane]) -> Plane:
    """Return the residuals of a clip's frames laid over each other, which keeps the mark alone; else the first.

    The second counts most and the first least, as `video.best_first` has them.
    """
    if len({plane.shape for plane in planes}) > 1:
        return planes[0]
    shares = np.roll(1 / np.sqrt(np.arange(1, len(planes) + 1, dtype=np.float32)), 1)
    result: Plane = np.tensordot(shares / np.linalg.norm(shares), np.stack(planes), axes=1)
    return result


def cells(plane: Plane) -> Plane:
    """Return the means of `plane` in cells of `CELL` px a side."""
    edges = (0, -plane.shape[0] % CELL, 0, -plane.shape[1] % CELL)
    if any(edges):
        plane = cv2.copyMakeBorder(plane, *edges, cv2.BORDER_REFLECT)
    result: Plane = cv2.resize(plane, None, fx=1 / CELL, fy=1 / CELL, interpolation=cv2.INTER_AREA)
    return result


def cell_means(cells: Plane, *, side: int) -> Plane:
    result: Plane = cv2.blur(cells, (side, side), borderType=cv2.BORDER_REFLECT)
    return result


def widened(cells: Plane, *, height: int, width: int) -> Plane:
    """Return `cells` as a plane of single pixels again."""
    wide: Plane = cv2.resize(cells, None, fx=CELL, fy=CELL, interpolation=cv2.INTER_LINEAR)
    return wide[:height, :width]


def _middle(plane: Plane) -> Plane:
    height, width = plane.shape
    top, left = max(0, height - _LONGEST) // 2, max(0, width - _LONGEST) // 2
    return plane[top : top + _LONGEST, left : left + _LONGEST]
