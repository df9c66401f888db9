"""Lines as a pen finds them: flow-guided differences of Gaussians.

After Kang, Lee and Chui, "Flow-based image abstraction" (2009), and Winnemöller, "XDoG" (2012).
"""

from typing import Final

import numpy as np

from generator.portrait.styles.flow import Flow, along, grid, moved
from generator.portrait.styles.scene import Plane

RATIO: Final = 1.6
"""Of both Gaussians' widths: near the Laplacian."""
WIDEST_STEPS: Final = 1.3
"""Width in pixels up to which every pixel across a line is looked at."""
WEIGHT: Final = 0.985
"""Of the wider Gaussian; below 1, flat light places stay without lines."""


def inked(plane: Plane, flow: Flow, *, width: float, depth: float, floor: float = 0.0) -> Plane:
    """How much ink lies where (H W, 0 to 1): lines about `width` pixels wide on `plane` (0 to 1).

    The greater `depth`, the harder their edges; `floor` (H W or a number) lets only darker valleys through.
    """
    valley = _differences(plane, flow, width)
    steady = along(valley, flow, reach=max(3, round(3 * width)))
    return np.asarray(np.clip(-np.tanh(depth * (steady + floor)), 0, 1), np.float32)


def _differences(plane: Plane, flow: Flow, width: float) -> Plane:
    """Narrow minus wide Gaussian across the flow."""
    rows, columns = grid(*plane.shape)
    steps = max(2, round(2.2 * RATIO * min(width, WIDEST_STEPS)))
    offsets = np.linspace(-2.2 * RATIO * width, 2.2 * RATIO * width, 2 * steps + 1, dtype=np.float32)
    narrow, wide = (np.exp(-0.5 * (offsets / s) ** 2) for s in (width, RATIO * width))
    weights = (narrow / narrow.sum() - WEIGHT * wide / wide.sum()).astype(np.float32)
    total = np.zeros_like(plane)
    for offset, weight in zip(offsets, weights, strict=True):
        total += weight * moved(plane, rows + offset * flow.x, columns - offset * flow.y)
    return total
