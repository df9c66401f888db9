"""Find how a marked picture was resized and turned, without the key.

A repeated tile makes the picture agree with itself one tile away: the autocorrelation of the whitened residual has
peaks on the tile lattice, and the lattice gives scale and rotation in one go, whatever was cropped.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from detector.provenance.carrier import BAND, TILE
from detector.provenance.residual import Plane

SCALES = (0.45, 2.2)
MAX_FOUND = 12
_SCALE_STEP = 1.006  # moves a peak two tiles away by about half a pixel
_TURN_STEP = np.deg2rad(0.4)
_OCTAVES = (0.45, 0.75, 1.25, 2.2)  # the mark's band depends on the scale, so each part has its own band-pass
_POWER_LIMIT = 8.0
_FINE_OCTAVE = 0.75  # below, peaks are narrower than a pixel and the autocorrelation is taken twice as fine
_USUAL_SCALES = (0.5, 2 / 3, 0.75, 1.5, 2.0)
_USUAL_SIDES = (512, 768, 1024)  # px: what pictures are mostly generated at
MAX_LATTICES = 1 + len(_USUAL_SCALES) + len(_USUAL_SIDES) + MAX_FOUND
_NODES = np.array([(1, 0), (0, 1), (1, 1), (1, -1), (2, 0), (0, 2), (2, 1), (1, 2), (2, -1), (1, -2)])
_STEPS = _NODES[:, 0] + 1j * _NODES[:, 1]
_REACH = 0.7  # of the side: beyond, too little of the picture overlaps itself
_SEARCH_SIDE = 768  # px of the picture's middle that the autocorrelation looks at
_FOLD_SIDE = 1056  # px, a multiple of the tile


@dataclass(frozen=True, slots=True)
class Lattice:
    """A guess: `matrix` (2 2) maps tile pixels (x, y) to picture pixels; `score` is the peaks' mean height."""

    matrix: NDArray[np.float64]
    score: float


def identity() -> Lattice:
    """The lattice of an untouched picture."""
    return Lattice(np.eye(2), 0.0)


def usual_lattices(shape: tuple[int, ...]) -> list[Lattice]:
    """Return upright lattices of everyday resizing of a picture that is now `shape` (height, width)."""
    scales = {round(max(shape) / side, 4) for side in _USUAL_SIDES} | {round(scale, 4) for scale in _USUAL_SCALES}
    inside = sorted(scale for scale in scales if SCALES[0] <= scale <= SCALES[1] and scale != 1.0)
    return [Lattice(np.eye(2) * scale, 0.0) for scale in inside]


def find_lattices(fine: Plane) -> list[Lattice]:
    """Return up to `MAX_FOUND` guesses for the residual `fine` (H W), best first; turns within 45 degrees."""
    fine = _crop(fine, _SEARCH_SIDE)
    if min(fine.shape) < TILE // 2:
        return []
    power = _white_power(fine)
    found: list[Lattice] = []
    for low, high in pairwise(_OCTAVES):
        zoom = 2 if high <= _FINE_OCTAVE else 1
        found += _peaks(_autocorrelation(power, fine.shape, (low, high), zoom), (low, high), zoom)
    return sorted(found, key=lambda lattice: -lattice.score)[:MAX_FOUND]


def fold(fine: Plane, lattice: Lattice) -> Plane:
    """Return the mean tile (TILE TILE) of `fine` laid out on `lattice`."""
    straight = fine if np.array_equal(lattice.matrix, np.eye(2)) else _straighten(fine, lattice.matrix)
    height, width = straight.shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    padded = np.zeros((rows * TILE, columns * TILE), np.float32)
    padded[:height, :width] = straight
    result: Plane = padded.reshape(rows, TILE, columns, TILE).sum(axis=(0, 2))
    return result


def _straighten(fine: Plane, matrix: NDArray[np.float64]) -> Plane:
    height, width = fine.shape
    corners = np.linalg.inv(matrix) @ np.array([[0, width, 0, width], [0, 0, height, height]])
    extent = np.minimum(np.ptp(corners, axis=1), _FOLD_SIDE)
    centre = np.array([width, height]) / 2 - matrix @ (extent / 2)
    size = (int(np.ceil(extent[0])), int(np.ceil(extent[1])))
    scale = np.sqrt(abs(np.linalg.det(matrix)))
    smooth = cv2.GaussianBlur(fine, (0, 0), 0.45 * scale) if scale > 1.2 else fine
    warp = np.hstack([matrix, centre[:, None]])
    interpolation = cv2.INTER_LINEAR if scale > 1.2 else cv2.INTER_CUBIC
    result: Plane = cv2.warpAffine(smooth, warp, size, flags=interpolation | cv2.WARP_INVERSE_MAP, borderValue=0)
    return result


def _crop(plane: Plane, side: int) -> Plane:
    top, left = (max(0, length - side) // 2 for length in plane.shape)
    return plane[top : top + side, left : left + side]


def _white_power(fine: Plane) -> Plane:
    power = np.abs(fft.rfft2(fine)) ** 2
    size = tuple(max(3, length // 16) | 1 for length in power.shape[::-1])
    level = cv2.blur(power, (size[0] // 2 | 1, size[1]), borderType=cv2.BORDER_REFLECT)
    result: Plane = np.clip(power / (np.maximum(level, 0.0) + 1e-9), 0.0, _POWER_LIMIT)
    return result


def _autocorrelation(power: Plane, shape: tuple[int, ...], scales: tuple[float, float], zoom: int) -> Plane:
    """Return the autocorrelation in its own deviations, `zoom` times finer, of the mark's band at `scales`."""
    y = np.fft.fftfreq(shape[0])[:, None]
    x = np.fft.rfftfreq(shape[1])[None, :]
    radius = np.hypot(y, x) * TILE
    band = (radius > BAND[0] / scales[1]) & (radius < BAND[1] / scales[0])
    level = float(power[band].mean()) if band.any() else 0.0
    kept = np.where(band, power - level, np.float32(0))
    if zoom > 1:
        kept = _pad_spectrum(kept, shape, zoom)
    waves = fft.irfft2(kept, s=(zoom * shape[0], zoom * shape[1])).astype(np.float32)
    result: Plane = waves / (waves.std() + 1e-12)
    return result


def _pad_spectrum(kept: Plane, shape: tuple[int, ...], zoom: int) -> Plane:
    wide = np.zeros((zoom * shape[0], zoom * shape[1] // 2 + 1), kept.dtype)
    upper, lower = (shape[0] + 1) // 2, shape[0] // 2
    wide[:upper, : kept.shape[1]] = kept[:upper]
    wide[len(wide) - lower :, : kept.shape[1]] = kept[len(kept) - lower :]
    return wide


@cache
def _grid(low: float, high: float) -> NDArray[np.complex128]:
    """Scale, turn: the tile's first side as a complex number."""
    scales = np.exp(np.arange(np.log(low), np.log(high), np.log(_SCALE_STEP)))
    turns = np.arange(-np.pi / 4, np.pi / 4, _TURN_STEP)
    result: NDArray[np.complex128] = TILE * scales[:, None] * np.exp(1j * turns[None, :])
    return result


def _near(nodes: NDArray[np.complex128], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    return (np.abs(nodes.real) < _REACH * shape[1]) & (np.abs(nodes.imag) < _REACH * shape[0])


def _peaks(waves: Plane, scales: tuple[float, float], zoom: int) -> list[Lattice]:
    """Score every scale and turn by the peaks of its lattice and return the best ones, refined."""
    smooth = cv2.blur(waves, (3, 3)) * 2
    lengths = _grid(*scales) * zoom
    height, width = waves.shape
    total, count = np.zeros(lengths.shape), np.zeros(lengths.shape)
    for node in _STEPS:
        places = node * lengths
        near = _near(places, waves.shape)
        x, y = np.rint(places.real).astype(np.int32), np.rint(places.imag).astype(np.int32)
        total += np.where(near, smooth[y % height, x % width], 0.0)
        count += near
    scores = total / np.sqrt(np.maximum(count, 4))
    return [_refine(waves, lengths[at], float(scores[at]), zoom) for at in _maxima(scores)]


def _maxima(scores: NDArray[np.float64]) -> list[tuple[int, int]]:
    left = scores.copy()
    found = []
    for _ in range(MAX_FOUND // 2):
        row, column = np.unravel_index(int(np.argmax(left)), left.shape)
        found.append((int(row), int(column)))
        left[max(0, row - 4) : row + 5, max(0, column - 4) : column + 5] = -np.inf
    return found


def _refine(waves: Plane, length: complex, score: float, zoom: int) -> Lattice:
    """Fit the lattice to the peaks' subpixel places, each weighted by its height."""
    rough = np.array([[length.real, -length.imag], [length.imag, length.real]])
    near = _near(_STEPS * length, waves.shape)
    if np.count_nonzero(near) < 2:
        return Lattice(rough / (TILE * zoom), score)
    peaks = [_subpixel(waves, node) for node in _STEPS[near] * length]
    places = np.array([place for place, _ in peaks])
    weights = np.array([max(height, 0.0) for _, height in peaks])[:, None] + 1e-6
    prior = 0.5 * float(np.sqrt(np.mean(weights**2)))
    sides = np.vstack([_NODES[near] * weights, prior * np.eye(2)])
    values = np.vstack([places * weights, prior * rough.T])
    solution = np.linalg.lstsq(sides, values, rcond=None)[0]
    return Lattice(solution.T / (TILE * zoom), score)


def _subpixel(waves: Plane, node: complex) -> tuple[tuple[float, float], float]:
    rows = (np.arange(-2, 3) + round(node.imag)) % waves.shape[0]
    columns = (np.arange(-2, 3) + round(node.real)) % waves.shape[1]
    patch = waves[np.ix_(rows, columns)]
    row, column = np.unravel_index(int(np.argmax(patch[1:4, 1:4])), (3, 3))
    dy = parabola(patch[row : row + 3, column + 1])
    dx = parabola(patch[row + 1, column : column + 3])
    x = round(node.real) + float(column) - 1 + dx
    y = round(node.imag) + float(row) - 1 + dy
    return (x, y), float(patch[row + 1, column + 1])


def parabola(three: NDArray[np.float32]) -> float:
    """Return where the parabola through three equally spaced values peaks, as an offset from the middle one."""
    before, middle, after = (float(value) for value in three)
    bend = before - 2 * middle + after
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
