"""Cuts tiles out of a face without ever resizing it, because resizing wipes out the traces that a decoder leaves."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.types import Face, Pixels

TILE: Final = 96
"""Side of a tile in pixels; chosen: most faces of web size hold four that overlap little."""
GRID: Final = 2
"""Tiles per row and per column."""


def cut_tiles(pixels: Pixels, face: Face, *, shift: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.uint8]:
    """`GRID` x `GRID` tiles spread evenly over the box of `face`, row by row.  T 96 96 3

    `shift` moves all of them by pixels right and down. Beyond the edges the picture is mirrored.
    """
    x0, y0, x1, y1 = face.box
    columns = [_mirrored(left, pixels.shape[1]) for left in _starts(x0 + shift[0], x1 + shift[0])]
    rows = [_mirrored(top, pixels.shape[0]) for top in _starts(y0 + shift[1], y1 + shift[1])]
    return np.stack([pixels[np.ix_(row, column)] for row in rows for column in columns])


def _starts(low: float, high: float) -> list[int]:
    """Where tiles begin so that they cover low to high evenly; all in the middle if a tile is longer than that."""
    room = high - low - TILE
    if room <= 0:
        return [round(low + room / 2)] * GRID
    return [round(low + room * step / (GRID - 1)) for step in range(GRID)]


def _mirrored(start: int, length: int) -> NDArray[np.intp]:
    """Indices of `TILE` pixels from `start` on, reflected at 0 and at `length` - 1 as often as it takes."""
    period = max(1, 2 * (length - 1))
    index = np.abs(np.arange(start, start + TILE)) % period
    return np.minimum(index, period - index).astype(np.intp) if length > 1 else np.zeros(TILE, np.intp)
