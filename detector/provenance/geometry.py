"""Find how a marked picture was resized and turned, without the key.

A repeated tile makes the picture agree with itself one tile away: the autocorrelation of the whitened residual has
peaks on the tile lattice, and the lattice gives scale and rotation in one go, whatever was cropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from detector.provenance.carrier import BAND, TILE
from detector.provenance.families import NODES, Family, Whole, looked_at, steps, within_reach
from detector.provenance.residual import Plane

SCALES = (0.24, 2.2)
MAX_FOUND = 12
MAX_STRETCHED = 4  # the right one came first or second in 46 of 47 pictures
FOUND_A_BAND = MAX_FOUND // 2
APART = 4  # steps of the search, in either parameter, between two that are found
OCTAVES = (0.45, 0.75, 1.25, 2.2)  # the mark's band depends on the scale, so each part has its own band-pass
POWER_LIMIT = 8.0
FINE_OCTAVE = 0.75  # below, peaks are narrower than a pixel and the autocorrelation is taken twice as fine
_USUAL_SCALES = (0.25, 1 / 3, 0.5, 2 / 3, 0.75, 1.5, 2.0)
_USUAL_SIDES = (512, 768, 1024)  # px: what pictures are mostly generated at
MAX_LATTICES = 1 + len(_USUAL_SCALES) + len(_USUAL_SIDES) + MAX_FOUND + MAX_STRETCHED
_SEARCH_SIDE = 768  # px of the picture's middle that the autocorrelation looks at

Heights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lattice:
    """A guess: `matrix` (2 2) maps tile pixels (x, y) to picture pixels; `score` is the peaks' mean height."""

    matrix: NDArray[np.float64]
    score: float


@dataclass(frozen=True, slots=True)
class _Peak:
    """A lattice whose two `steps` (x + iy) fit the autocorrelation `waves`, of which a picture's pixel is `zoom`."""

    score: float
    steps: NDArray[np.complex128]
    waves: Plane
    zoom: int


def identity() -> Lattice:
    """The lattice of an untouched picture."""
    return Lattice(np.eye(2), 0.0)


def usual_lattices(shape: tuple[int, ...]) -> list[Lattice]:
    """Return upright lattices of everyday resizing of a picture that is now `shape` (height, width)."""
    scales = {round(max(shape) / side, 4) for side in _USUAL_SIDES} | {round(scale, 4) for scale in _USUAL_SCALES}
    inside = sorted(scale for scale in scales if SCALES[0] <= scale <= SCALES[1] and scale != 1.0)
    return [Lattice(np.eye(2) * scale, 0.0) for scale in inside]


def find_lattices(fine: Plane) -> list[Lattice]:
    """Return guesses for the residual `fine` (H W): turned by up to 45 degrees, or one side scaled more than the other.

    Up to `MAX_FOUND` of the first kind, then up to `MAX_STRETCHED` of the second, the best of each first.
    """
    fine = fine[middle(fine.shape)]
    if min(fine.shape) < TILE // 2:
        return []
    power, length = _white_power(fine), radius(fine.shape)
    turned: list[_Peak] = []
    stretched: list[_Peak] = []
    for low, high in pairwise(OCTAVES):
        zoom = 2 if high <= FINE_OCTAVE else 1
        level = _in_band(power, length, low=BAND[0] / high, high=BAND[1] / low)
        waves = _autocorrelation(level, fine.shape, zoom)
        turned += _peaks(waves, Family(low, high, zoom))
        stretched += _peaks(waves, Family(low, high, zoom, stretched=True))
    return [_refine(peak) for peak in (*_best(turned, MAX_FOUND), *_best(stretched, MAX_STRETCHED))]


def fold(fine: Plane) -> Plane:
    """Return the mean tile (TILE TILE) of `fine` as it lies."""
    height, width = fine.shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    padded = np.zeros((rows * TILE, columns * TILE), np.float32)
    padded[:height, :width] = fine
    result: Plane = padded.reshape(rows, TILE, columns, TILE).sum(axis=(0, 2))
    return result


def middle(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return where the middle of a picture of `shape` (height, width) lies, of sides that transform fast."""
    lengths = [fft.prev_fast_len(min(length, _SEARCH_SIDE), real=True) for length in shape]
    top, left = ((whole - part) // 2 for whole, part in zip(shape, lengths, strict=True))
    return slice(top, top + lengths[0]), slice(left, left + lengths[1])


def _white_power(fine: Plane) -> Plane:
    power = np.abs(fft.rfft2(fine)) ** 2
    level = cv2.blur(power, whitening_window(power.shape)[::-1], borderType=cv2.BORDER_REFLECT)
    result: Plane = np.clip(power / (np.maximum(level, 0.0) + 1e-9), 0.0, POWER_LIMIT)
    return result


def whitening_window(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the height and width of the window that says how loud a real transform of `shape` is about a place."""
    height, width = (max(3, length // 16) | 1 for length in shape)
    return height, width // 2 | 1


def radius(shape: tuple[int, ...]) -> Plane:
    """Return the length of each frequency of a real transform, in cycles per `TILE` pixels."""
    y = np.fft.fftfreq(shape[0]).astype(np.float32)[:, None] * TILE
    x = np.fft.rfftfreq(shape[1]).astype(np.float32)[None, :] * TILE
    result: Plane = np.sqrt(y * y + x * x)
    return result


def _in_band(power: Plane, length: Plane, *, low: float, high: float) -> Plane:
    band = (length > low) & (length < high)
    level = power[band].mean() if band.any() else np.float32(0)
    result: Plane = np.where(band, power - level, np.float32(0))
    return result


def _autocorrelation(kept: Plane, shape: tuple[int, ...], zoom: int) -> Plane:
    """Return the autocorrelation of the power `kept` in its own deviations, `zoom` times finer."""
    if zoom > 1:
        kept = _pad_spectrum(kept, shape, zoom)
    waves = fft.irfft2(kept, s=(zoom * shape[0], zoom * shape[1]))
    result: Plane = waves / (waves.std() + np.float32(1e-12))
    return result


def _pad_spectrum(kept: Plane, shape: tuple[int, ...], zoom: int) -> Plane:
    wide = np.zeros((zoom * shape[0], zoom * shape[1] // 2 + 1), kept.dtype)
    upper, lower = (shape[0] + 1) // 2, shape[0] // 2
    wide[:upper, : kept.shape[1]] = kept[:upper]
    wide[len(wide) - lower :, : kept.shape[1]] = kept[len(kept) - lower :]
    return wide


def _peaks(waves: Plane, family: Family) -> list[_Peak]:
    """Score every lattice of `family` by the peaks at its nodes and return the best ones."""
    grid = steps(family)
    smooth = cv2.blur(waves, (3, 3)) * 2
    flat, near, weight = looked_at(family, waves.shape)
    heights = smooth.ravel().take(flat, mode="clip")
    heights *= near
    scores = heights.sum(axis=0) * weight
    return [_Peak(float(scores[at]), grid[:, *at], waves, family.zoom) for at in _maxima(scores)]


def _best(peaks: Sequence[_Peak], count: int) -> Sequence[_Peak]:
    return sorted(peaks, key=lambda peak: -peak.score)[:count]


def _maxima(scores: Plane) -> list[tuple[int, int]]:
    left = scores.copy()
    found = []
    for _ in range(FOUND_A_BAND):
        row, column = np.unravel_index(int(np.argmax(left)), left.shape)
        found.append((int(row), int(column)))
        left[max(0, row - APART) : row + APART + 1, max(0, column - APART) : column + APART + 1] = -np.inf
    return found


def _refine(peak: _Peak) -> Lattice:
    """Fit the lattice to the peaks' subpixel places, each weighted by its height."""
    rough, unit = np.array([peak.steps.real, peak.steps.imag]), TILE * peak.zoom
    nodes = NODES @ peak.steps
    x, y = np.rint(nodes.real).astype(np.int32), np.rint(nodes.imag).astype(np.int32)
    near = within_reach(x, y, peak.waves.shape)
    if np.count_nonzero(near) < 2:
        return Lattice(rough / unit, peak.score)
    places, heights = _subpixel(peak.waves, x[near], y[near])
    weights = np.maximum(heights, 0.0)[:, None] + 1e-6
    prior = 0.5 * float(np.sqrt(np.mean(weights**2)))
    sides = np.vstack([NODES[near] * weights, prior * np.eye(2)])
    values = np.vstack([places * weights, prior * rough.T])
    solution = np.linalg.lstsq(sides, values, rcond=None)[0]
    return Lattice(solution.T / unit, peak.score)


def _subpixel(waves: Plane, x: Whole, y: Whole) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the places (N 2) and heights (N) of the peaks next to the pixels x, y (N)."""
    rows = (y[:, None] + np.arange(-2, 3)) % waves.shape[0]
    columns = (x[:, None] + np.arange(-2, 3)) % waves.shape[1]
    patches = waves[rows[:, :, None], columns[:, None, :]].astype(np.float64)  # N 5 5
    row, column = np.divmod(patches[:, 1:4, 1:4].reshape(-1, 9).argmax(axis=1), 3)
    each = np.arange(len(x))
    down = parabola(*(patches[each, row + i, column + 1] for i in range(3)))
    right = parabola(*(patches[each, row + 1, column + i] for i in range(3)))
    return np.stack([x + column - 1 + right, y + row - 1 + down], axis=1), patches[each, row + 1, column + 1]


def parabola(before: Heights, middle: Heights, after: Heights) -> Heights:
    """Return where the parabola through three equally spaced values peaks, as an offset from the middle one."""
    bend = before - 2 * middle + after
    peak = np.clip((before - after) / (2 * np.where(bend < 0, bend, 1.0)), -0.5, 0.5)
    result: Heights = np.where(bend < 0, peak, 0.0)
    return result
