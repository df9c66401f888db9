"""The mark's tile: which frequencies it uses and which keyed phases they carry.

The tile repeats over the picture, so it lives on whole frequencies of a `TILE` px square. Every frequency has a phase
drawn from the key. A share of them is the synchronisation template; on the others the real and the imaginary part
each carry one coded bit. Key and picture being independent, each score of an unmarked picture is a sum of cosines of
independent uniform phases, whose tail has a closed-form bound (`tail_bound`) whatever the picture looks like.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from detector.provenance.keys import MarkKey
from detector.provenance.payload import CHECK_BITS, CODED_BITS

TILE = 96
VARIANTS = 4
"""Patterns per key, chosen by the record id: an average of many marked pictures shows each at a quarter of its size."""
BAND = (5.0, 20.0)  # cycles per tile: below lies the picture's own energy, above JPEG and resizing take everything
_SYNC_EVERY = 4  # one frequency in four: finding the mark takes less energy than reading 264 bits
WHITEN_BINS = 7
GRID = 64
"""Shifts per side at which the template is scored first: the band's finest wave is sampled three times."""
FINENESS = 4
SETTLING = (0.75, 0.5, 0.25)
RING = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)], float)
NEAR = np.array([(x, y) for x in range(-2, 3) for y in range(-2, 3)], float) * SETTLING[0]
_RING_WIDTH = 1.5
_LEAST_TRUST = 0.05
WHITE_LIMIT = 2.5  # no single frequency of a regular texture may outvote the others

Complex = NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Carrier:
    """Keyed phases of one variant: `phases` per used frequency (unit complex), `bit_of` coded bit per data part."""

    variant: int
    phases: Complex
    bit_of: NDArray[np.intp]


def _used_frequencies() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    axis = np.fft.fftfreq(TILE, 1 / TILE)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    radius = np.hypot(y, x)
    half_plane = (y > 0) | ((y == 0) & (x > 0))
    rows, columns = np.nonzero(half_plane & (radius >= BAND[0]) & (radius <= BAND[1]))
    return rows, columns


ROWS, COLUMNS = _used_frequencies()
SYNC = np.arange(len(ROWS)) % _SYNC_EVERY == 0
_FY = np.fft.fftfreq(TILE)[ROWS]
_FX = np.fft.fftfreq(TILE)[COLUMNS]
FREQUENCIES: NDArray[np.float64] = np.rint(TILE * np.stack([_FX, _FY], axis=1))
"""Used frequencies (F 2; x, y in cycles per tile)."""


SIDES: NDArray[np.float64] = np.array(
    [[[c, -s * m], [s, c * m]] for m in (1, -1) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))], float
)
"""The eight quarter turns and mirror images of a tile (8 2 2)."""
TURNS = len(SIDES)


def _turns() -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Turn, frequency: which used frequency comes to lie there, and whether as its conjugate."""
    known = {(int(x), int(y)): number for number, (x, y) in enumerate(FREQUENCIES)}
    sides = [
        np.array([[c, -s], [s, c]]) @ np.diag([1, m]) for m in (1, -1) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))
    ]
    places = np.array([[(int(x), int(y)) for x, y in FREQUENCIES @ side] for side in sides])
    flipped = np.array([[(x, y) not in known for x, y in turn] for turn in places.tolist()])
    signed = np.where(flipped[..., None], -places, places)
    return np.array([[known[x, y] for x, y in turn] for turn in signed.tolist()]), flipped


SOURCE, FLIPPED = _turns()
GRID_COLUMNS = FREQUENCIES[SYNC, 0].astype(np.intp) % GRID
_RADIUS = np.hypot(*FREQUENCIES.T)
SLOPE = 0.8
"""Power of the frequency by which amplitude falls: coarse waves outlast shrinking. Beside .5, on 13 busy photos, the
template stood out by .3 deviations more at a quarter of the size, and by as much less of 14 after JPEG 30."""
CLIP_SLOPE = 0.5
"""In clips, which are not shrunk so far."""
_RINGS = np.arange(int(BAND[1]) + 1)
_RING_OF = np.rint(_RADIUS[~SYNC]).astype(np.intp)
_NEARNESS = np.exp(-(((_RADIUS[SYNC][None, :] - _RINGS[:, None]) / _RING_WIDTH) ** 2) / 2)
_NEARNESS /= _NEARNESS.sum(axis=1, keepdims=True)
HALVES = np.where(ROWS[SYNC] > 0, 0.5, 1.0).astype(np.float32)  # the inverse transform adds the other half itself


@lru_cache(maxsize=64)
def carrier(key: MarkKey, variant: int) -> Carrier:
    """Derive the phases and the bit order of `variant` from `key`."""
    angles = _numbers(key, f"phases/{variant}", len(ROWS)) * (2 * np.pi / 2**32)
    return Carrier(variant, np.exp(1j * angles).astype(np.complex64), _bit_of(key, variant))


def _bit_of(key: MarkKey, variant: int) -> NDArray[np.intp]:
    """Deal the coded bits out in keyed order, round by round from the coarsest waves to the finest.

    So every bit has its share of each part of the band, and one that shrinking or blurring leaves.
    """
    coarse_first = np.repeat(np.argsort(np.hypot(*FREQUENCIES[~SYNC].T), kind="stable"), 2) * 2
    coarse_first[1::2] += 1  # real parts, imaginary parts
    rounds = -(-len(coarse_first) // CODED_BITS)
    numbers = _numbers(key, f"order/{variant}", rounds * CODED_BITS).reshape(rounds, CODED_BITS)
    dealt = np.argsort(numbers, axis=1, kind="stable").reshape(-1)[: len(coarse_first)]
    bits = np.empty(len(coarse_first), np.intp)
    bits[coarse_first] = dealt
    return bits


def variant_of(key: MarkKey, record_id: str) -> int:
    """Return the variant that marks `record_id` under `key`."""
    return key.derive(f"variant/{record_id}", 1)[0] % VARIANTS


def tile(used: Carrier, coded: NDArray[np.uint8], *, slope: float = SLOPE) -> NDArray[np.float32]:
    """Return the pattern (TILE TILE, mean 0, deviation 1) that carries `coded`, finer waves fainter by `slope`."""
    spectrum = np.zeros((TILE, TILE), np.complex64)
    spectrum[ROWS, COLUMNS] = waves(used, coded, slope=slope)
    pattern = fft.ifft2(spectrum).real
    result: NDArray[np.float32] = (pattern / pattern.std()).astype(np.float32)
    return result


def waves(used: Carrier, coded: NDArray[np.uint8], *, slope: float) -> Complex:
    """Return the used frequencies (F) of the pattern that carries `coded`, each of size frequency ** -`slope`."""
    signs = (2.0 * coded - 1.0)[used.bit_of].reshape(-1, 2) / np.sqrt(2)
    weights = (_RADIUS**-slope).astype(np.complex64)
    weights[~SYNC] *= signs[:, 0] + 1j * signs[:, 1]
    result: Complex = weights * used.phases
    return result


def whiten(folded: NDArray[np.float32]) -> Complex:
    """Return the used frequencies of `folded` (TILE TILE), each over its neighbourhood's size, clipped."""
    spectrum = fft.fft2(folded)
    power = cv2.blur(np.fft.fftshift(np.abs(spectrum) ** 2), (WHITEN_BINS, WHITEN_BINS))
    level = np.sqrt(np.maximum(np.fft.ifftshift(power), 0.0) + 1e-12)
    return levelled((spectrum / level)[ROWS, COLUMNS])


def levelled(white: Complex) -> Complex:
    """Return `white` (... F) brought to mean square 1, then clipped."""
    power = np.mean(white.real**2 + white.imag**2, axis=-1, keepdims=True)
    even = white / np.sqrt(power + 1e-12)
    result: Complex = (even / np.maximum(1.0, np.abs(even) / WHITE_LIMIT)).astype(np.complex64)
    return result


def turned(white: Complex) -> Complex:
    """Return `white` (... F) as the eight quarter turns and mirror images of its tile have it (... TURNS F)."""
    sides = white[..., SOURCE]
    result: Complex = np.where(FLIPPED, sides.conj(), sides)
    return result


def sync_maps(seen: Complex, templates: Complex) -> NDArray[np.float32]:
    """Return each template's scores (... V GRID GRID) at cyclic shifts (right, down) of TILE / GRID pixels.

    `seen` (... S) and `templates` (V S) are the template's frequencies; scores are in an unmarked picture's deviations.
    """
    parts = seen[..., None, :] * (templates.conj() * HALVES)
    spectrum = np.zeros((*parts.shape[:-1], GRID, int(BAND[1]) + 1), np.complex64)
    spectrum[..., GRID_COLUMNS, ROWS[SYNC]] = parts
    rows = fft.ifft(spectrum, axis=-2, norm="forward", overwrite_x=True)
    maps: NDArray[np.float32] = fft.irfft(rows, n=GRID, axis=-1, norm="forward", overwrite_x=True)
    return maps / deviation(seen)[..., None, None, None]


def deviation(seen: Complex) -> NDArray[np.float32]:
    """Return the deviation of the template's score over all keys."""
    result: NDArray[np.float32] = np.sqrt(np.sum(seen.real**2 + seen.imag**2, axis=-1) / 2) + np.float32(1e-9)
    return result


def settle(seen: Complex, template: Complex, place: tuple[float, float]) -> tuple[float, tuple[float, float]]:
    """Return the best score near `place` (right, down; tile pixels), and where, to 1 / `FINENESS` pixel."""
    parts = seen * template.conj() / deviation(seen)
    z, (right, down) = 0.0, place
    for step in SETTLING:
        x, y = right + RING[:, 0] * step, down + RING[:, 1] * step
        waves = np.exp(2j * np.pi * (x[:, None] * _FX[SYNC] + y[:, None] * _FY[SYNC]))
        scores = (waves @ parts).real
        best = int(np.argmax(scores))
        z, right, down = float(scores[best]), float(x[best]), float(y[best])
    return z, (right, down)


def nearby(seen: Complex, template: Complex, place: tuple[float, float]) -> tuple[int, tuple[float, float]]:
    """Return which of `seen` (N S) scores best near `place` (right, down; tile pixels), and where."""
    x, y = place[0] + NEAR[:, 0], place[1] + NEAR[:, 1]
    waves = np.exp(2j * np.pi * (_FX[SYNC][:, None] * x + _FY[SYNC][:, None] * y)).astype(np.complex64)
    scores = ((seen * template.conj()) @ waves).real / deviation(seen)[:, None]
    number, best = divmod(int(np.argmax(scores)), len(NEAR))
    return number, (float(x[best]), float(y[best]))


def soft_bits(white: Complex, used: Carrier, shift: tuple[float, float]) -> NDArray[np.float32]:
    """Return the coded bits' soft values after undoing `shift` (right, down; in tile pixels).

    Each part of the band counts by how well the template came through there.
    """
    turned = white * np.exp(2j * np.pi * (_FX * shift[0] + _FY * shift[1])) * used.phases.conj()
    came = _NEARNESS @ turned[SYNC].real
    kept = turned[~SYNC] * np.maximum(came, _LEAST_TRUST)[_RING_OF]
    parts = np.stack([kept.real, kept.imag], axis=1).reshape(-1)
    return np.bincount(used.bit_of, weights=parts, minlength=CODED_BITS).astype(np.float32)


def tail_bound(z: float, tests: int) -> float:
    """Bound the chance that any of `tests` scores of an unmarked picture reaches `z` deviations.

    A weighted sum of cosines of independent uniform phases has the moment generating function prod I0(w t), at most
    exp(t^2 sum w^2 / 4); the Chernoff bound of the standardised sum is exp(-z^2 / 2), and a union bound does the rest.
    """
    return float(min(1.0, tests * np.exp(-(max(z, 0.0) ** 2) / 2)))


def decode_bound(attempts: int) -> float:
    """Bound the chance that any of `attempts` decodings of an unmarked picture passes and names the right key.

    The keyed phases make a random input equally likely to decode to any of the code's words, so one attempt passes
    with 2 ** -CHECK_BITS.
    """
    return float(attempts * 2.0**-CHECK_BITS)


def _numbers(key: MarkKey, context: str, count: int) -> NDArray[np.uint32]:
    return np.frombuffer(key.derive(context, 4 * count), "<u4")
