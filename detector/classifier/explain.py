"""Lays an expert's heatmaps over the picture, so that a person sees where a face looks changed."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.classifier.cards import ModelCard
from detector.faces import crop_matrix
from detector.types import Face, Pixels

HOT: Final = (255, 64, 32)
"""Colour of a cell that looks changed for certain."""
OPACITY: Final = 0.65

Heat = NDArray[np.float32]


def heatmap(shape: tuple[int, int], faces: Sequence[Face], masks: Heat, card: ModelCard) -> Heat:
    """Masks of the expert of `card` put back where the faces are: H W in 0–1, the higher one where faces overlap."""
    height, width = shape
    heat = np.zeros(shape, np.float32)
    for face, mask in zip(faces, masks, strict=True):
        crop = cv2.resize(mask, (card.side, card.side), interpolation=cv2.INTER_LINEAR)
        matrix = crop_matrix(face, side=card.side, margin=card.margin)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        placed = cv2.warpAffine(crop, matrix, (width, height), flags=flags)
        heat = np.maximum(heat, placed)
    return heat


def overlay(pixels: Pixels, heat: Heat) -> Pixels:
    """`pixels` in grey, tinted where `heat` is high."""
    grey = np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2).astype(np.float32)
    share = OPACITY * np.clip(heat, 0, 1)[..., None]
    return np.asarray(grey * (1 - share) + np.array(HOT, np.float32) * share, dtype=np.uint8)
