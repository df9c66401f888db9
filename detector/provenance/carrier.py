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
_WHITEN_BINS = 7
_WHITE_LIMIT = 2.5  # no single frequency of a regular texture may outvote the others

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


@lru_cache(maxsize=64)
def carrier(key: MarkKey, variant: int) -> Carrier:
    """Derive the phases and the bit order of `variant` from `key`."""
    count = len(ROWS)
    parts = 2 * int(np.count_nonzero(~SYNC))
    angles = _numbers(key, f"phases/{variant}", count) * (2 * np.pi / 2**32)
    order = np.argsort(_numbers(key, f"order/{variant}", parts), kind="stable")
    return Carrier(variant, np.exp(1j * angles).astype(np.complex64), order % CODED_BITS)


def variant_of(key: MarkKey, record_id: str) -> int:
    """Return the variant that marks `record_id` under `key`."""
    return key.derive(f"variant/{record_id}", 1)[0] % VARIANTS


def tile(used: Carrier, coded: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the pattern (TILE TILE, mean 0, deviation 1) that carries `coded`."""
    signs = (2.0 * coded - 1.0)[used.bit_of].reshape(-1, 2) / np.sqrt(2)
    weights = np.ones(len(ROWS), np.complex64)
    weights[~SYNC] = signs[:, 0] + 1j * signs[:, 1]
    spectrum = np.zeros((TILE, TILE), np.complex64)
    spectrum[ROWS, COLUMNS] = weights * used.phases
    pattern = fft.ifft2(spectrum).real
    result: NDArray[np.float32] = (pattern / pattern.std()).astype(np.float32)
    return result


def whiten(folded: NDArray[np.float32]) -> Complex:
    """Return the used frequencies of `folded` (... TILE TILE), each over its neighbourhood's size, clipped."""
    spectrum = fft.fft2(folded)
    power = cv2.blur(np.fft.fftshift(np.abs(spectrum) ** 2), (_WHITEN_BINS, _WHITEN_BINS))
    white = spectrum / np.sqrt(np.maximum(np.fft.ifftshift(power), 0.0) + 1e-12)
    used = white[ROWS, COLUMNS]
    result: Complex = (used / np.maximum(1.0, np.abs(used) / _WHITE_LIMIT)).astype(np.complex64)
    return result


def sync_scores(white: Complex, used: Carrier) -> NDArray[np.float32]:
    """Return the template's score at every cyclic shift (TILE TILE), in deviations of an unmarked picture."""
    seen = white[SYNC]
    spectrum = np.zeros((TILE, TILE), np.complex64)
    spectrum[ROWS[SYNC], COLUMNS[SYNC]] = seen * used.phases[SYNC].conj()
    deviation = np.sqrt(np.sum(np.abs(seen) ** 2) / 2) + 1e-9
    result: NDArray[np.float32] = (fft.ifft2(spectrum, norm="forward").real / deviation).astype(np.float32)
    return result


def soft_bits(white: Complex, used: Carrier, shift: tuple[float, float]) -> NDArray[np.float32]:
    """Return the coded bits' soft values after undoing `shift` (down, right; in tile pixels)."""
    turned = white * np.exp(2j * np.pi * (_FY * shift[0] + _FX * shift[1])) * used.phases.conj()
    parts = np.stack([turned[~SYNC].real, turned[~SYNC].imag], axis=1).reshape(-1)
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
