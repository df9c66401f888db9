"""Error correction of the mark: a terminated convolutional code, rate 1/3, memory 8, with soft Viterbi decoding.

The generators 557, 663, 711 (octal, free distance 18) are the best of that length in Proakis, Digital Communications.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

MEMORY = 8
RATE = 3
_GENERATORS = (0o557, 0o663, 0o711)
_STATES = 1 << MEMORY

Bits = NDArray[np.uint8]
Soft = NDArray[np.float32]


def coded_length(size: int) -> int:
    """Return how many coded bits `size` information bits take, tail included."""
    return RATE * (size + MEMORY)


def encode(bits: Bits) -> Bits:
    """Return the coded bits (0 or 1) of `bits`, with a tail that brings the encoder back to state 0."""
    padded = np.concatenate([np.zeros(MEMORY, np.uint8), bits, np.zeros(MEMORY, np.uint8)]).astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(padded, MEMORY + 1)  # oldest bit first
    registers = windows @ (1 << np.arange(MEMORY + 1))  # newest bit is the highest
    return _outputs()[registers].reshape(-1)


def decode(soft: Soft, *, size: int) -> Bits:
    """Return the `size` likeliest information bits; `soft` is positive for a coded 1, its size says how surely."""
    gains = soft.astype(np.float64).reshape(size + MEMORY, RATE) @ (2.0 * _outputs().T - 1.0)  # step, register
    metric = np.full(_STATES, -np.inf)
    metric[0] = 0.0
    choices = np.empty((size + MEMORY, _STATES), np.uint8)
    for step, gain in enumerate(gains):
        metric, choices[step] = _advance(metric, gain)
    return _trace(choices)[:size]


def _advance(metric: NDArray[np.float64], gain: NDArray[np.float64]) -> tuple[NDArray[np.float64], Bits]:
    """One trellis step; register r = bit << 8 | state moves to state r >> 1, so states pair up as neighbours."""
    reached = (np.concatenate([metric, metric]) + gain).reshape(_STATES, 2)
    choice = (reached[:, 1] > reached[:, 0]).astype(np.uint8)
    return reached.max(axis=1), choice


def _trace(choices: Bits) -> Bits:
    bits = np.empty(len(choices), np.uint8)
    state = 0
    for step in range(len(choices) - 1, -1, -1):
        bits[step] = state >> (MEMORY - 1)
        state = (state << 1 & (_STATES - 1)) | int(choices[step, state])
    return bits


@cache
def _outputs() -> Bits:
    """Register, output: the coded bits of each register content (newest bit highest)."""
    registers = np.arange(2 * _STATES)[:, None] & np.array(_GENERATORS)
    result: Bits = (np.bitwise_count(registers) & 1).astype(np.uint8)
    return result
