"""The direction in which a picture runs at each place, and averages along it: how a brush, a pen or a burin moves."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from detector.types import Pixels
from generator.portrait.styles.scene import Plane, soft

FLAT: Final = 2e-5
"""Squared slopes: below, a place has no direction of its own."""
WIDER, WIDER_SHARE = 5.0, 0.7
"""Flat places take the direction of what lies around them: from how far (in sigmas), and with what weight."""

STEPS: Final = 7
"""At most to each side of a place, when averaging: further apart on longer ways."""


@dataclass(frozen=True, slots=True)
class Flow:
    """`x` and `y` (H W) are the unit tangent of each place, `clear` from 0 to 1 how much of a direction there is."""

    x: Plane
    y: Plane
    clear: Plane


def grey(pixels: Pixels) -> Plane:
    """Luma of `pixels`, 0 to 1."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32) / np.float32(255)


def flow_of(plane: Plane, *, sigma: float) -> Flow:
    """Tangents by the structure tensor of `plane`, gathered over `sigma` pixels."""
    dx, dy = (cv2.Sobel(plane, cv2.CV_32F, *order, ksize=3, scale=0.125) for order in ((1, 0), (0, 1)))
    xx, yy, xy = (_gathered(product, sigma) for product in (dx * dx, dy * dy, dx * dy))
    spread = np.sqrt((xx - yy) ** 2 + 4 * xy * xy)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.float32(np.pi / 2)
    clear = spread / (xx + yy + np.float32(FLAT))
    return Flow(np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32), clear.astype(np.float32))


def along(plane: Plane, flow: Flow, *, reach: int, across: bool = False) -> Plane:
    """`plane` averaged over `reach` pixels to both sides along `flow`, or `across` it."""
    x, y = (-flow.y, flow.x) if across else (flow.x, flow.y)
    rows, columns = grid(*plane.shape)
    total, weights = plane.copy(), 1.0
    for step in np.linspace(reach / STEPS, reach, STEPS) if reach > STEPS else range(1, reach + 1):
        weight = float(np.exp(-0.5 * (2 * step / reach) ** 2))
        for way in (np.float32(step), np.float32(-step)):
            total += np.float32(weight) * moved(plane, rows + way * y, columns + way * x)
        weights += 2 * weight
    return np.asarray(total / np.float32(weights), np.float32)


def steepness(plane: Plane) -> Plane:
    """Change of `plane` per pixel."""
    dx, dy = (cv2.Sobel(plane, cv2.CV_32F, *order, ksize=3, scale=0.25) for order in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(dx, dy), np.float32)


def moved(plane: Plane, rows: Plane, columns: Plane) -> Plane:
    """`plane` as it is at `rows` and `columns` (H W each)."""
    return np.asarray(cv2.remap(plane, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.float32)


def grid(height: int, width: int) -> tuple[Plane, Plane]:
    """Row (H 1) and column (1 W) of every place."""
    return np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None]


def _gathered(product: Plane, sigma: float) -> Plane:
    near = soft(product, sigma)
    return near + np.float32(WIDER_SHARE) * soft(near, WIDER * sigma)
