"""The residual's spectrum at any frequency: one transform of the picture, after which every lattice is a look-up.

A tile laid out on a lattice has its frequencies between those of the picture's own transform. They are interpolated as
nonuniform transforms are (Barnett, Magland and af Klinteberg 2019): the picture is divided by the kernel's transform,
padded and transformed; a frequency is then a sum over the few nearest places, to about one part in a thousand.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from detector.provenance.carrier import TILE, Complex, levelled
from detector.provenance.residual import Plane

OVERSAMPLING = 1.5
TAPS = 4
SHAPE = 0.97 * np.pi * TAPS * (1 - 0.5 / OVERSAMPLING)  # the source's choice for this padding
NYQUIST = 0.49  # cycles per pixel
CELLS = 192  # of the picture's whole band: the mark's frequencies lie two cells apart at its own scale
LEVEL_BINS = 7  # tile frequencies about each one that say how loud the picture is there

Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spectrum:
    """`grid` (rows, columns + TAPS) begins at column frequency -TAPS; `loudness` holds the power's integral image."""

    grid: Complex
    size: tuple[int, int]
    loudness: NDArray[np.float64]


def transform(fine: Plane) -> Spectrum:
    """Transform the residual `fine` (H W), phases counted from its middle."""
    height, width = fine.shape
    rows, columns = (fft.next_fast_len(int(np.ceil(side * OVERSAMPLING)), real=True) for side in fine.shape)
    ready = fine * correction(height, rows)[:, None] * correction(width, columns)[None, :]
    padded = np.zeros((rows, columns), np.float32)
    top, left = height // 2, width // 2
    padded[: height - top, : width - left] = ready[top:, left:]
    padded[: height - top, columns - left :] = ready[top:, :left]
    padded[rows - top :, : width - left] = ready[:top, left:]
    padded[rows - top :, columns - left :] = ready[:top, :left]
    half = fft.rfft2(padded)
    mirrored = np.roll(half[::-1, TAPS:0:-1], 1, axis=0).conj()
    return Spectrum(np.concatenate([mirrored, half], axis=1), (rows, columns), _loudness(half))


def read(spectrum: Spectrum, matrices: NDArray[np.float64], frequencies: NDArray[np.float64]) -> Complex:
    """Return `frequencies` (F 2; x, y per tile) of tiles laid out by `matrices` (... 2 2), whitened (... F)."""
    places = frequencies @ (np.linalg.inv(matrices) / TILE)  # cycles per picture pixel
    flipped = places[..., 0] < 0
    places = np.where(flipped[..., None], -places, places)
    inside: NDArray[np.bool_] = np.max(np.abs(places), axis=-1) < NYQUIST
    places = np.where(inside[..., None], places, 0.0)
    values = _interpolate(spectrum, places)
    level = _level(spectrum, places, np.sqrt(np.abs(np.linalg.det(matrices))))
    white = np.where(inside, values / level, np.complex64(0))
    return levelled(np.where(flipped, white.conj(), white))


def _interpolate(spectrum: Spectrum, places: Rows) -> Complex:
    rows, columns = spectrum.size
    y, down = _taps(places[..., 1] * rows)
    x, across = _taps(places[..., 0] * columns)
    flat, stride = spectrum.grid.ravel(), spectrum.grid.shape[1]
    total = np.zeros(places.shape[:-1], np.complex64)
    for i in range(TAPS):
        start = (y + i) % rows * stride + (x + TAPS)
        for j in range(TAPS):
            total += (down[i] * across[j]) * flat[start + j]
    return total


def _taps(place: Rows) -> tuple[NDArray[np.intp], list[NDArray[np.float32]]]:
    first = np.ceil(place - TAPS / 2)
    gap = (first - place).astype(np.float32)
    return first.astype(np.intp), [_kernel(gap + np.float32(i)).astype(np.float32, copy=False) for i in range(TAPS)]


def _kernel(offset: NDArray[np.floating]) -> NDArray[np.floating]:
    inside = np.maximum(1 - (2 * offset / TAPS) ** 2, 0.0)
    result: NDArray[np.floating] = np.exp(SHAPE * (np.sqrt(inside) - 1))
    return result


@lru_cache(maxsize=64)
def correction(length: int, padded: int) -> NDArray[np.float32]:
    """Return what the interpolation takes from each pixel of a side, inverted."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    at = (np.arange(length) - length // 2) / padded
    waves = np.cos(2 * np.pi * at[:, None] * nodes * TAPS / 2)
    taken = waves @ (weights * _kernel(nodes * TAPS / 2)) * TAPS / 2
    return (1 / taken).astype(np.float32)


def _loudness(half: Complex) -> NDArray[np.float64]:
    """Return the integral image of the power in cells of 1 / CELLS cycles per pixel, its margin wrapped around."""
    power = half.real**2 + half.imag**2
    right = cv2.resize(power[:, :-1], (CELLS // 2, CELLS), interpolation=cv2.INTER_AREA)
    cells = np.fft.fftshift(np.hstack([right, right[::-1, ::-1]]))
    result: NDArray[np.float64] = cv2.integral(np.pad(cells, CELLS // 4, mode="wrap"), sdepth=cv2.CV_64F)
    return result


def _level(spectrum: Spectrum, places: Rows, scales: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the amplitude of the picture about each place, in a window as wide as some tile frequencies."""
    middle = (places + 0.5) * CELLS + CELLS // 4
    reach = np.minimum(LEVEL_BINS * CELLS / (2 * TILE) / scales, CELLS // 8)[..., None, None]
    low, high = np.rint(middle - reach).astype(np.intp), np.rint(middle + reach).astype(np.intp)
    total = (
        spectrum.loudness[high[..., 1], high[..., 0]]
        - spectrum.loudness[low[..., 1], high[..., 0]]
        - spectrum.loudness[high[..., 1], low[..., 0]]
        + spectrum.loudness[low[..., 1], low[..., 0]]
    )
    area = np.prod(high - low, axis=-1)
    result: NDArray[np.float32] = np.sqrt(np.maximum(total / area, 0.0) + 1e-12).astype(np.float32)
    return result
