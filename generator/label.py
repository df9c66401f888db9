"""Visible labels on pictures, as the law of a place asks for them: drawn before the watermark, so that both hold.

China, GB 45438-2025: the words "AI" and "生成" (generated) in letters of at least 5 % of the shortest side, at an edge
or in a corner. EU, Code of Practice on marking (2026): "AI" and what was done, GENERATED or MODIFIED.
"""

from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from detector.types import Pixels

LETTER_SHARE: Final = 0.06
"""Height of a letter as share of the shortest side: above the 5 % that GB 45438-2025 asks for."""
MIN_LETTER: Final = 10
"""Pixels below which nobody reads a letter (chosen)."""
MARGIN_SHARE: Final = 0.5
"""Space around the letters as share of their height."""
PLATE, INK, PLATE_SHARE = 24, 255, 0.72
"""Grey of the plate and of the letters, and how much of the plate covers the picture."""
OVERSAMPLED: Final = 4
STROKE_SHARE: Final = 0.075
Stroke = tuple[tuple[float, float], ...]
GLYPHS: Final[dict[str, tuple[Stroke, ...]]] = {
    "生": (
        ((0.30, 0.06), (0.24, 0.24), (0.12, 0.42)),
        ((0.22, 0.27), (0.88, 0.27)),
        ((0.53, 0.02), (0.53, 0.93)),
        ((0.18, 0.58), (0.84, 0.58)),
        ((0.06, 0.93), (0.96, 0.93)),
    ),
    "成": (
        ((0.14, 0.25), (0.92, 0.25)),
        ((0.15, 0.25), (0.15, 0.56), (0.11, 0.78), (0.03, 0.95)),
        ((0.15, 0.50), (0.44, 0.50), (0.42, 0.80), (0.29, 0.76)),
        ((0.55, 0.02), (0.58, 0.38), (0.66, 0.66), (0.78, 0.86), (0.91, 0.93), (0.95, 0.72)),
        ((0.84, 0.38), (0.72, 0.62), (0.56, 0.82), (0.40, 0.94)),
        ((0.70, 0.05), (0.84, 0.16)),
    ),
}
"""Strokes of the two letters in a square of side 1: no font with Chinese letters is small enough to ship."""


class Label(StrEnum):
    """Whose rules a visible label follows."""

    NONE = "none"
    EU = "eu"
    CHINA = "china"


def labelled(pixels: Pixels, label: Label, *, edited: bool = False) -> Pixels:
    """A copy of `pixels` (H W 3) with `label` in its lower right corner; `edited` changes what the EU's says."""
    if label is Label.NONE:
        return pixels
    height = max(MIN_LETTER, int(np.ceil(LETTER_SHARE * min(pixels.shape[:2]))))
    text = "AI生成" if label is Label.CHINA else f"AI {'MODIFIED' if edited else 'GENERATED'}"
    ink = _fitted(_drawn(text, height), pixels.shape[1])
    margin = max(2, int(MARGIN_SHARE * height))
    plate = np.pad(ink, margin).astype(np.float32)[..., None] / 255.0  # h w 1, share of ink
    rows, columns = min(plate.shape[0], pixels.shape[0]), min(plate.shape[1], pixels.shape[1])
    plate, copy = plate[-rows:, -columns:], pixels.copy()
    corner = copy[-rows:, -columns:].astype(np.float32)
    shaded = corner * (1 - PLATE_SHARE) + PLATE * PLATE_SHARE
    copy[-rows:, -columns:] = np.clip(shaded * (1 - plate) + INK * plate, 0, 255).astype(np.uint8)
    return copy


def _drawn(text: str, height: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """`text` in letters `height` pixels high, as share of ink 0 to 255.  h w"""
    gap = np.zeros((height, max(1, height // 8)), np.uint8)
    parts = [part for letter in text for part in (_letter(letter, height), gap)]
    return np.hstack(parts[:-1])


def _letter(letter: str, height: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    if letter == " ":
        return np.zeros((height, height // 3), np.uint8)
    large = height * OVERSAMPLED
    canvas = Image.new("L", (large, large))
    draw = ImageDraw.Draw(canvas)
    if letter in GLYPHS:
        for stroke in GLYPHS[letter]:
            points = [(x * large, y * large) for x, y in stroke]
            draw.line(points, fill=255, width=int(STROKE_SHARE * large), joint="curve")
    else:
        draw.text((0, 0), letter, fill=255, font=ImageFont.load_default(large))
        canvas = canvas.crop(canvas.getbbox()) if canvas.getbbox() else canvas
        canvas = canvas.resize((max(1, round(canvas.width * large / canvas.height)), large))
    width = max(1, round(canvas.width / OVERSAMPLED))
    return np.asarray(cv2.resize(np.asarray(canvas), (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _fitted(
    ink: np.ndarray[tuple[int, int], np.dtype[np.uint8]], width: int
) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """`ink`, narrowed if the picture is narrower than the label: its letters keep their height."""
    room = max(1, int(0.9 * width))
    if ink.shape[1] <= room:
        return ink
    return np.asarray(cv2.resize(ink, (room, ink.shape[0]), interpolation=cv2.INTER_AREA), np.uint8)
