"""What of a picture the mark can live in: luminance, the perceptual mask for writing, the residual for reading."""

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.types import Pixels

WORKING_SIDE = 1024  # px; reading works on a copy whose long side is at most this
_SHORT_SIDE = 256  # px; yet its short side keeps at least this, or panoramas would lose the mark
_LONGEST = 4096  # px of a panorama's working copy that are searched, from its middle
_ACTIVITY_SIDE = 9
_HIGH_PASS_SIGMA = 3.0
_FLOOR = 2.0  # grey levels: below this activity is sensor noise or rounding
_CLIP = 3.0

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


def activity(plane: Plane) -> Plane:
    """Return the local deviation of `plane` about its local mean, in grey levels."""
    size = (_ACTIVITY_SIDE, _ACTIVITY_SIDE)
    mean = cv2.blur(plane, size, borderType=cv2.BORDER_REFLECT)
    square = cv2.blur(plane * plane, size, borderType=cv2.BORDER_REFLECT)
    result: Plane = np.sqrt(np.maximum(square - mean * mean, 0.0))
    return result


def mask(plane: Plane) -> Plane:
    """Return how much mark each pixel bears, mean square 1: more where the picture is busy."""
    weight = np.clip(activity(plane) + 4.0, 5.0, 30.0) ** 0.6
    weight = cv2.blur(weight, (_ACTIVITY_SIDE, _ACTIVITY_SIDE), borderType=cv2.BORDER_REFLECT)
    result: Plane = (weight / np.sqrt(np.mean(weight**2))).astype(np.float32)
    return result


def residual(plane: Plane) -> Plane:
    """Return `plane` without its coarse content, every place brought to like deviation and clipped."""
    fine = plane - cv2.GaussianBlur(plane, (0, 0), _HIGH_PASS_SIGMA, borderType=cv2.BORDER_REFLECT)
    power = cv2.blur(fine * fine, (2 * _ACTIVITY_SIDE + 1,) * 2, borderType=cv2.BORDER_REFLECT)
    result: Plane = np.clip(fine / (np.sqrt(np.maximum(power, 0.0)) + _FLOOR), -_CLIP, _CLIP)
    return result


def _middle(plane: Plane) -> Plane:
    height, width = plane.shape
    top, left = max(0, height - _LONGEST) // 2, max(0, width - _LONGEST) // 2
    return plane[top : top + _LONGEST, left : left + _LONGEST]
