"""Find how a marked picture was resized and turned, without the key.

A repeated tile makes the picture agree with itself one tile away: the autocorrelation of the whitened residual has
peaks on the tile lattice, and the lattice gives scale and rotation in one go, whatever was cropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from detector.provenance.carrier import BAND, TILE
from detector.provenance.residual import Plane

SCALES = (0.24, 2.2)
MAX_FOUND = 12
MAX_STRETCHED = 4  # the right one came first or second in 46 of 47 pictures
_MOST_STRETCH = 2.0
_LEAST_STRETCH = 1.015  # one side against the other; less is seen as no stretch at all, and fitted
_SCALE_STEP = 1.006  # moves a peak two tiles away by about half a pixel
_TURN_STEP = np.deg2rad(0.4)
_OCTAVES = (0.45, 0.75, 1.25, 2.2)  # the mark's band depends on the scale, so each part has its own band-pass
_POWER_LIMIT = 8.0
_FINE_OCTAVE = 0.75  # below, peaks are narrower than a pixel and the autocorrelation is taken twice as fine
_USUAL_SCALES = (0.25, 1 / 3, 0.5, 2 / 3, 0.75, 1.5, 2.0)
_USUAL_SIDES = (512, 768, 1024)  # px: what pictures are mostly generated at
MAX_LATTICES = 1 + len(_USUAL_SCALES) + len(_USUAL_SIDES) + MAX_FOUND + MAX_STRETCHED
_NODES = np.array([(1, 0), (0, 1), (1, 1), (1, -1), (2, 0), (0, 2), (2, 1), (1, 2), (2, -1), (1, -2)])
_REACH = 0.7  # of the side: beyond, too little of the picture overlaps itself
_SEARCH_SIDE = 768  # px of the picture's middle that the autocorrelation looks at


Whole = NDArray[np.int32]
Heights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lattice:
    """A guess: `matrix` (2 2) maps tile pixels (x, y) to picture pixels; `score` is the peaks' mean height."""

    matrix: NDArray[np.float64]
    score: float


@dataclass(frozen=True, slots=True)
class _Family:
    """Lattices of scales from `low` to `high`, turned or else `stretched`, on an autocorrelation `zoom` times finer."""

    low: float
    high: float
    zoom: int
    stretched: bool = False


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
    fine = _crop(fine)
    if min(fine.shape) < TILE // 2:
        return []
    power, radius = _white_power(fine), _radius(fine.shape)
    turned: list[_Peak] = []
    stretched: list[_Peak] = []
    for low, high in pairwise(_OCTAVES):
        zoom = 2 if high <= _FINE_OCTAVE else 1
        level = _in_band(power, radius, low=BAND[0] / high, high=BAND[1] / low)
        waves = _autocorrelation(level, fine.shape, zoom)
        turned += _peaks(waves, _Family(low, high, zoom))
        stretched += _peaks(waves, _Family(low, high, zoom, stretched=True))
    return [_refine(peak) for peak in (*_best(turned, MAX_FOUND), *_best(stretched, MAX_STRETCHED))]


def fold(fine: Plane) -> Plane:
    """Return the mean tile (TILE TILE) of `fine` as it lies."""
    height, width = fine.shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    padded = np.zeros((rows * TILE, columns * TILE), np.float32)
    padded[:height, :width] = fine
    result: Plane = padded.reshape(rows, TILE, columns, TILE).sum(axis=(0, 2))
    return result


def _crop(plane: Plane) -> Plane:
    """Return the middle of `plane`, of sides that transform fast."""
    height, width = (fft.prev_fast_len(min(length, _SEARCH_SIDE), real=True) for length in plane.shape)
    top, left = (plane.shape[0] - height) // 2, (plane.shape[1] - width) // 2
    return plane[top : top + height, left : left + width]


def _white_power(fine: Plane) -> Plane:
    power = np.abs(fft.rfft2(fine)) ** 2
    size = tuple(max(3, length // 16) | 1 for length in power.shape[::-1])
    level = cv2.blur(power, (size[0] // 2 | 1, size[1]), borderType=cv2.BORDER_REFLECT)
    result: Plane = np.clip(power / (np.maximum(level, 0.0) + 1e-9), 0.0, _POWER_LIMIT)
    return result


def _radius(shape: tuple[int, ...]) -> Plane:
    """Return the length of each frequency of a real transform, in cycles per `TILE` pixels."""
    y = np.fft.fftfreq(shape[0]).astype(np.float32)[:, None] * TILE
    x = np.fft.rfftfreq(shape[1]).astype(np.float32)[None, :] * TILE
    result: Plane = np.sqrt(y * y + x * x)
    return result


def _in_band(power: Plane, radius: Plane, *, low: float, high: float) -> Plane:
    band = (radius > low) & (radius < high)
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


@cache
def _grid(family: _Family) -> NDArray[np.complex128]:
    """Step, two parameters: the lattice's two steps, x + iy in pixels of the autocorrelation."""
    scales = np.exp(np.arange(np.log(family.low), np.log(family.high), np.log(_SCALE_STEP)))[:, None]
    if family.stretched:
        most, step = np.log(_MOST_STRETCH) / 2, np.log(_SCALE_STEP)
        across = np.exp(np.arange(-most, most + step, step))[None, :]
        steps = np.stack([scales * across, 1j * scales / across])
    else:
        steps = scales * np.exp(1j * np.arange(-np.pi / 4, np.pi / 4, _TURN_STEP))[None, :]
        steps = np.stack([steps, 1j * steps])
    result: NDArray[np.complex128] = family.zoom * TILE * steps
    return result


@cache
def _places(family: _Family) -> tuple[Whole, Whole]:
    """Node, two parameters: the lattice's nodes (x, y) in whole pixels of the autocorrelation."""
    nodes = np.tensordot(_NODES, _grid(family), 1)
    return np.rint(nodes.real).astype(np.int32), np.rint(nodes.imag).astype(np.int32)


def _near(x: Whole, y: Whole, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = (np.abs(x) < _REACH * shape[1]) & (np.abs(y) < _REACH * shape[0])
    return result


def _flat(x: Whole, y: Whole, shape: tuple[int, ...]) -> Whole:
    """Return where in the flattened circular plane (x, y) lies, each less than a side away."""
    result: Whole = np.where(y < 0, y + shape[0], y) * shape[1] + np.where(x < 0, x + shape[1], x)
    return result


def _peaks(waves: Plane, family: _Family) -> list[_Peak]:
    """Score every lattice of `family` by the peaks at its nodes and return the best ones."""
    steps = _grid(family)
    smooth = cv2.blur(waves, (3, 3)) * 2
    flat, near, weight = _looked_at(family, waves.shape)
    heights = smooth.ravel().take(flat, mode="clip")
    heights *= near
    scores = heights.sum(axis=0) * weight
    if family.stretched:
        scores[:, _even(steps)] = -np.inf
    return [_Peak(float(scores[at]), steps[:, *at], waves, family.zoom) for at in _maxima(scores)]


def _even(steps: NDArray[np.complex128]) -> NDArray[np.bool_]:
    """Which stretches are hardly any, so that the lattices without one stand for them."""
    stretch = np.abs(np.log(np.abs(steps[0, 0] / steps[1, 0])))
    result: NDArray[np.bool_] = stretch < np.log(_LEAST_STRETCH)
    return result


def _best(peaks: Sequence[_Peak], count: int) -> Sequence[_Peak]:
    return sorted(peaks, key=lambda peak: -peak.score)[:count]


@lru_cache(maxsize=18)
def _looked_at(family: _Family, shape: tuple[int, int]) -> tuple[Whole, NDArray[np.bool_], Plane]:
    """Node, two parameters: where its node lies, whether it counts; two parameters: what a sum over nodes weighs."""
    x, y = _places(family)
    near = _near(x, y, shape)
    counted = np.sqrt(np.maximum(near.sum(axis=0), 4))
    return _flat(x, y, shape), near, (1 / counted).astype(np.float32)


def _maxima(scores: Plane) -> list[tuple[int, int]]:
    left = scores.copy()
    found = []
    for _ in range(MAX_FOUND // 2):
        row, column = np.unravel_index(int(np.argmax(left)), left.shape)
        found.append((int(row), int(column)))
        left[max(0, row - 4) : row + 5, max(0, column - 4) : column + 5] = -np.inf
    return found


def _refine(peak: _Peak) -> Lattice:
    """Fit the lattice to the peaks' subpixel places, each weighted by its height."""
    rough, unit = np.array([peak.steps.real, peak.steps.imag]), TILE * peak.zoom
    nodes = _NODES @ peak.steps
    x, y = np.rint(nodes.real).astype(np.int32), np.rint(nodes.imag).astype(np.int32)
    near = _near(x, y, peak.waves.shape)
    if np.count_nonzero(near) < 2:
        return Lattice(rough / unit, peak.score)
    places, heights = _subpixel(peak.waves, x[near], y[near])
    weights = np.maximum(heights, 0.0)[:, None] + 1e-6
    prior = 0.5 * float(np.sqrt(np.mean(weights**2)))
    sides = np.vstack([_NODES[near] * weights, prior * np.eye(2)])
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
