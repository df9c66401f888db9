"""How much mark each pixel of a picture bears: as evenly as the eye allows, more where the picture is busy.

Two measures of what a mark costs bound it. PSNR counts its power alone, and of a given power an even mark is read best.
SSIM divides by the variance around each pixel, so a smooth picture bears little of an even mark. The mask is the
activity to some power: the lowest, from even upwards, at which the loss of SSIM keeps to its bound.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np

from detector.provenance.residual import Plane, cell_means, cells, widened

WINDOW: Final = 5
"""A side, in cells, of the window that the mask looks at."""
SSIM_WINDOW: Final = 3
"""A side, in cells, of the window that is nearest to SSIM's Gaussian one."""
LEAST_BUSY, MOST_BUSY = 1.5, 30.0
"""Grey levels of deviation."""
SSIM_FLOOR: Final = (0.03 * 255) ** 2
"""What SSIM adds to twice a place's variance before it divides a change's power by it."""
MOST_LOSS: Final = 0.0054
"""Loss of SSIM per square grey level, as reckoned here, that no picture exceeds. SSIM itself lost .32 to .66 of what is
reckoned (105 photos), .0144 at most at the usual strength."""
MOST_POWER: Final = 1.6
"""Of the activity: busy places bear almost everything. Smooth pictures outlast WebP 50 by it."""
CLIP_LOSS: Final = 0.00485
"""What a frame is brought to: the median of 28 photos."""
CLIP_SHARES: Final = (0.9, 1.35)
HALVINGS: Final = 5
"""Of the range of powers, to find the one that is used."""


class _Coarse(NamedTuple):
    """A quarter of the cells, on which a power is tried."""

    busy: Plane
    care: Plane
    """Loss of SSIM by each place's power."""

    def loss(self, power: float) -> float:
        """Of SSIM per square grey level of a mark that follows the activity to `power`."""
        weight = cell_means(cv2.pow(self.busy, power), side=WINDOW // 2 + 1)
        cv2.multiply(weight, weight, dst=weight)
        return float(np.vdot(weight, self.care)) / float(weight.sum())


def mask(plane: Plane) -> Plane:
    """Return what `plane` (luma, H W) bears at each pixel, its square's mean being 1, or less in a smooth picture."""
    moments = _moments(plane)
    busy = _busy(_variance(moments, side=WINDOW))
    care = np.float32(1) / (2 * _variance(moments, side=SSIM_WINDOW)[::2, ::2] + np.float32(SSIM_FLOOR))
    power, share = _chosen(_Coarse(busy[::2, ::2].copy(), care))
    return _spread(cell_means(cv2.pow(busy, power), side=WINDOW), share, plane)


def clip_mask(plane: Plane) -> Plane:
    """Return what a frame of a clip bears, where a busy one bears more than 1 as a whole: encoders take more there."""
    variance = _variance(_moments(plane), side=WINDOW)
    weight = cell_means(np.sqrt(_busy(variance)), side=WINDOW)
    power = weight * weight
    seen = float(np.mean(power / (2 * variance + np.float32(SSIM_FLOOR)))) / float(np.mean(power))
    return _spread(weight, float(np.clip(np.sqrt(CLIP_LOSS / seen), *CLIP_SHARES)), plane)


def _moments(plane: Plane) -> tuple[Plane, Plane]:
    """Means of the values and of their squares, by cell."""
    return cells(plane), cells(cv2.multiply(plane, plane))


def _variance(moments: tuple[Plane, Plane], *, side: int) -> Plane:
    """About each cell, in a window of `side` cells."""
    mean, square = (cell_means(each, side=side) for each in moments)
    result: Plane = np.maximum(square - mean * mean, np.float32(0))
    return result


def _busy(variance: Plane) -> Plane:
    return np.clip(np.sqrt(variance) + np.float32(0.5), LEAST_BUSY, MOST_BUSY)


def _spread(weight: Plane, share: float, plane: Plane) -> Plane:
    """`weight` of the cells as pixels, the mean of its square being the square of `share`."""
    weight *= np.float32(share / np.sqrt(np.mean(weight * weight)))
    return widened(weight, height=plane.shape[0], width=plane.shape[1])


def _chosen(coarse: _Coarse) -> tuple[float, float]:
    """The power of the activity, and the share of the whole strength that the picture bears."""
    if coarse.loss(0.0) <= MOST_LOSS:
        return 0.0, 1.0
    least, most = 0.0, MOST_POWER
    for _ in range(HALVINGS):
        middle = (least + most) / 2
        least, most = (least, middle) if coarse.loss(middle) <= MOST_LOSS else (middle, most)
    return most, min(1.0, float(np.sqrt(MOST_LOSS / coarse.loss(most))))
