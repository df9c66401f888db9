"""Measures what the delivery left of a picture, because a score from mush is worth less than one from a clean file."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from detector.types import Face, Pixels, Tier

MIN_FACE_SIDE: Final = 36
"""Shorter side of a face box in pixels. Chosen, not measured: the experts were trained on few faces below it."""
MIN_SHARPNESS: Final = 6.0
"""Variance of the Laplacian of a face brought to `SHARPNESS_SIDE` pixels; chosen low, so that only smears lie below."""
MIN_JPEG_QUALITY: Final = 25
"""JPEG quality under which no face is judged: training ended at 30, and measurement at 35."""
SHARPNESS_SIDE: Final = 96
CLEAN_QUALITY, WEB_QUALITY = 80, 50
"""JPEG quality (libjpeg scale) from which a file counts as clean, and as web."""
CLEAN_FACE, WEB_FACE = 80, 52
"""Face sides in pixels from which a face counts as clean, and as web."""
STANDARD_LUMINANCE_SUM: Final = 3689
"""Sum of the 64 luminance steps of the JPEG standard's example table (ITU-T T.81, table K.1), quality 50."""


@dataclass(frozen=True, slots=True)
class Quality:
    """`jpeg` is 1-100 or null where the file is not a JPEG; `side` and `sharpness` are those of one face."""

    jpeg: int | None
    side: float
    sharpness: float

    @property
    def tier(self) -> Tier:
        jpeg = 100 if self.jpeg is None else self.jpeg
        if jpeg >= CLEAN_QUALITY and self.side >= CLEAN_FACE:
            return Tier.CLEAN
        if jpeg >= WEB_QUALITY and self.side >= WEB_FACE:
            return Tier.WEB
        return Tier.HARD


def measure(pixels: Pixels, face: Face, *, jpeg: int | None) -> Quality:
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = (round(v) for v in face.box)
    cut = pixels[max(0, y0) : min(height, y1), max(0, x0) : min(width, x1)]
    if cut.size == 0:
        return Quality(jpeg, face.size, 0.0)
    grey = cv2.resize(cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY), (SHARPNESS_SIDE, SHARPNESS_SIDE))
    return Quality(jpeg, face.size, float(cv2.Laplacian(grey, cv2.CV_64F).var()))


def jpeg_quality(data: bytes) -> int | None:
    """Quality 1-100 on libjpeg's scale from the file's first quantisation table; null for other files."""
    table = _first_table(data)
    if table is None:
        return None
    percent = 100.0 * float(table.sum()) / STANDARD_LUMINANCE_SUM
    quality = 5000.0 / percent if percent > 100 else (200.0 - percent) / 2
    return int(np.clip(round(quality), 1, 100))


def _first_table(data: bytes) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    """Walks the marker segments (T.81, B.2) up to the first DQT."""
    if not data.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDB:
            wide = data[at + 4] >> 4 if at + 4 < len(data) else 0
            body = data[at + 5 : at + 5 + 64 * (1 + wide)]
            if len(body) < 64 * (1 + wide):
                return None
            return np.frombuffer(body, dtype=">u2" if wide else "u1").astype(np.float64)
        at += 2 + max(length, 2)
    return None
