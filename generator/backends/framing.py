"""Brings a picture of any size to the size in which every face is delivered."""

import cv2
import numpy as np

from detector.types import Pixels
from generator.synthesizer import DELIVERED


def framed(pixels: Pixels) -> Pixels:
    """The largest square in the middle of `pixels` (H W 3), as 512 512 3."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[top : top + side, left : left + side]
    way = cv2.INTER_AREA if side > DELIVERED else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(square, (DELIVERED, DELIVERED), interpolation=way), np.uint8)
