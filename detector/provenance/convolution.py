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
_UNREACHED = -1e9  # worse than any word, yet words that never were stay apart

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
    gains = soft.astype(np.float32).reshape(size + MEMORY, RATE) @ _signs()  # step, 2 * state
    metric = np.full(_STATES, -np.inf, np.float32)
    metric[0] = 0.0
    choices = np.empty((size + MEMORY, _STATES), np.bool_)
    reached = np.empty((2, _STATES), np.float32)
    for gain, choice in zip(gains.reshape(-1, 2, _STATES), choices, strict=True):
        metric = _advance(metric, gain, reached=reached, choice=choice)
    return _trace(choices.view(np.uint8))[:size]


def _advance(metric: Soft, gain: Soft, *, reached: Soft, choice: NDArray[np.bool_]) -> Soft:
    """One trellis step; register r = bit << 8 | state moves to state r >> 1, so states pair up as neighbours."""
    np.add(gain, metric, out=reached)
    even, odd = reached.reshape(_STATES, 2).T
    np.greater(odd, even, out=choice)
    return np.maximum(even, odd)


def _trace(choices: Bits) -> Bits:
    bits = np.empty(len(choices), np.uint8)
    state = 0
    for step in range(len(choices) - 1, -1, -1):
        bits[step] = state >> (MEMORY - 1)
        state = (state << 1 & (_STATES - 1)) | int(choices[step, state])
    return bits


def likeliest(soft: Soft, *, size: int, count: int) -> list[Bits]:
    """Return the `count` likeliest words of `size` information bits, best first, as `decode` has the first of them."""
    gains = (soft.astype(np.float32).reshape(size + MEMORY, RATE) @ _signs()).reshape(-1, 2, _STATES)
    metric = np.full((_STATES, count), _UNREACHED, np.float32)
    metric[0, 0] = 0.0
    choices = np.empty((size + MEMORY, _STATES, count), np.intp)
    for step, gain in enumerate(gains):
        reached = (gain[..., None] + metric).reshape(_STATES, 2 * count)  # two sorted runs
        choices[step] = np.argsort(-reached, axis=1, kind="stable")[:, :count]
        metric = np.take_along_axis(reached, choices[step], axis=1)
    return [_trace_rank(choices, rank)[:size] for rank in range(count)]


def _trace_rank(choices: NDArray[np.intp], rank: int) -> Bits:
    bits = np.empty(len(choices), np.uint8)
    state, count = 0, choices.shape[2]
    for step in range(len(choices) - 1, -1, -1):
        bits[step] = state >> (MEMORY - 1)
        odd, rank = divmod(int(choices[step, state, rank]), count)
        state = (state << 1 & (_STATES - 1)) | odd
    return bits


@cache
def _signs() -> Soft:
    """Output, register: the coded bits of each register content, 0 as -1."""
    return (2.0 * _outputs().T - 1.0).astype(np.float32)


@cache
def _outputs() -> Bits:
    """Register, output: the coded bits of each register content (newest bit highest)."""
    registers = np.arange(2 * _STATES)[:, None] & np.array(_GENERATORS)
    result: Bits = (np.bitwise_count(registers) & 1).astype(np.uint8)
    return result
