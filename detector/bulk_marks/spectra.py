"""The spectra of many residuals of one size at any frequency: `provenance.spectrum` in torch."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn import functional

from detector.bulk_marks.planes import levelled, squares
from detector.provenance.carrier import TILE
from detector.provenance.spectrum import CELLS, LEVEL_BINS, NYQUIST, OVERSAMPLING, SHAPE, TAPS, correction


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """As `provenance.spectrum.Spectrum`, one after the other: `grid` N rows columns + TAPS, `loudness` N Y X."""

    grid: Tensor
    size: tuple[int, int]
    loudness: Tensor


def transform(fine: Tensor) -> Spectra:
    """Transform the residuals `fine` (N H W), phases counted from their middles."""
    height, width = fine.shape[1:]
    rows, columns = (next_fast_len(int(np.ceil(side * OVERSAMPLING)), real=True) for side in (height, width))
    down, across = (
        torch.as_tensor(correction(*side), device=fine.device) for side in ((height, rows), (width, columns))
    )
    ready, (top, left) = fine * down[:, None] * across, (height // 2, width // 2)
    padded = fine.new_zeros(len(fine), rows, columns)
    padded[:, : height - top, : width - left] = ready[:, top:, left:]
    padded[:, : height - top, columns - left :] = ready[:, top:, :left]
    padded[:, rows - top :, : width - left] = ready[:, :top, left:]
    padded[:, rows - top :, columns - left :] = ready[:, :top, :left]
    half = torch.fft.rfft2(padded)
    mirrored = half[:, :, 1 : TAPS + 1].flip(1, 2).roll(1, dims=1).conj()
    return Spectra(torch.cat([mirrored, half], dim=2), (rows, columns), _loudness(half))


def read(spectra: Spectra, which: Tensor, matrices: Tensor, frequencies: NDArray[np.float64]) -> Tensor:
    """Return `frequencies` (F 2; x, y per tile) of tiles laid out by `matrices` (... 2 2), whitened (... F).

    `which` (...) is the number of the picture that each of them lies in.
    """
    places = torch.as_tensor(frequencies, device=matrices.device) @ (inverse(matrices) / TILE)
    flipped = places[..., 0] < 0
    places = torch.where(flipped[..., None], -places, places)
    inside = places.abs().amax(dim=-1) < NYQUIST
    places = torch.where(inside[..., None], places, 0.0)
    values = _interpolate(spectra, which, places) / _level(spectra, which, places, determinant(matrices).abs().sqrt())
    white = torch.where(inside, values, 0.0)
    return levelled(torch.where(flipped, white.conj(), white))


def inverse(matrices: Tensor) -> Tensor:
    """Return the inverses of `matrices` (... 2 2)."""
    (a, b), (c, d) = (row.unbind(-1) for row in matrices.unbind(-2))
    turned = torch.stack([torch.stack([d, -b], dim=-1), torch.stack([-c, a], dim=-1)], dim=-2)
    return turned / determinant(matrices)[..., None, None]


def determinant(matrices: Tensor) -> Tensor:
    return matrices[..., 0, 0] * matrices[..., 1, 1] - matrices[..., 0, 1] * matrices[..., 1, 0]


def _interpolate(spectra: Spectra, which: Tensor, places: Tensor) -> Tensor:
    rows, columns = spectra.size
    y, down = _taps(places[..., 1] * rows)
    x, across = _taps(places[..., 0] * columns)
    height, width = spectra.grid.shape[1:]
    x += which[..., None] * (height * width) + TAPS
    beside = spectra.grid.flatten().unfold(0, TAPS, 1)  # from each place on, the next ones of its row
    total = torch.zeros(x.shape, dtype=beside.dtype, device=beside.device)
    for i in range(TAPS):
        start = (y + i) % rows * width + x
        found = beside.index_select(0, start.flatten()).view_as(across)
        total += down[..., i] * (found * across).sum(dim=-1)
    return total


def _taps(place: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first of the nearest places, and the weights (... TAPS) of all of them."""
    first = (place - TAPS / 2).ceil()
    gap = (first - place).float()[..., None] + torch.arange(TAPS, device=place.device)
    inside = (1 - (2 * gap / TAPS).square()).clamp(min=0)
    return first.long(), (SHAPE * (inside.sqrt() - 1)).exp()


def _loudness(half: Tensor) -> Tensor:
    power = squares(half)[:, :, :-1]
    down, across = (torch.as_tensor(part, device=half.device) for part in _shares(power.shape[1], power.shape[2]))
    right = down @ (power @ across)
    cells = torch.fft.fftshift(torch.cat([right, right.flip(1, 2)], dim=2), dim=(1, 2))
    wide = functional.pad(cells, (CELLS // 4,) * 4, mode="circular").double()
    return functional.pad(wide.cumsum(1).cumsum(2), (1, 0, 1, 0))


@lru_cache(maxsize=16)
def _shares(rows: int, columns: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cell, row and column, cell: the share that each has in the mean of a cell, as OpenCV's `INTER_AREA` has it."""
    return _share(rows, CELLS), _share(columns, CELLS // 2).T.copy()


def _share(length: int, cells: int) -> NDArray[np.float32]:
    edges, bins = np.arange(cells + 1)[:, None] * (length / cells), np.arange(length)
    overlap = np.minimum(edges[1:], bins + 1) - np.maximum(edges[:-1], bins)
    result: NDArray[np.float32] = (np.maximum(overlap, 0) * (cells / length)).astype(np.float32)
    return result


def _level(spectra: Spectra, which: Tensor, places: Tensor, scales: Tensor) -> Tensor:
    middle = (places + 0.5) * CELLS + CELLS // 4
    reach = (LEVEL_BINS * CELLS / (2 * TILE) / scales).clamp(max=CELLS // 8)[..., None, None]
    (left, top), (right, bottom) = ((middle + side * reach).round().long().unbind(-1) for side in (-1, 1))
    flat, (height, width) = spectra.loudness.flatten(), spectra.loudness.shape[1:]
    upper, lower = (which[..., None] * (height * width) + row * width for row in (top, bottom))
    total = flat[lower + right] - flat[upper + right] - flat[lower + left] + flat[upper + left]
    area = (right - left) * (bottom - top)
    return ((total / area).clamp(min=0) + 1e-12).sqrt().float()
