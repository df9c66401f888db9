"""Which frames of a clip are worth a look: at least one of every shot, the others spread evenly. Pure functions.

A shot border is where two pictures in a row differ far more than their neighbours do. Only hard cuts are looked for:
a dissolve costs a frame or two of mixed pictures, and faces are followed by their looks anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.types import Pixels

LEAST, MOST = 8, 64
"""Fewest frames (if the clip has as many) and most frames that are looked at."""
RATE: Final = 1.0
"""Frames a second between the two."""
CUT: Final = 0.12
"""Difference from which two pictures may lie on both sides of a cut. Measured on six clips of one shot each: at most
.03 from frame to frame and .06 a second apart; between the end of one and the start of another .18 and more for the 26
pairs of different scenes, .08 to .09 for two takes of one scene, which pass for one shot."""
CUT_RATIO: Final = 3.0
"""How many times the median difference around it a cut must stand out, against flicker and fast pans (chosen)."""
NEIGHBOURS: Final = 6
LEVELS: Final = 8
"""Steps of each colour channel in the histograms: coarse enough for the grain of a codec."""


@dataclass(frozen=True, slots=True)
class Span:
    """A shot: frames `start` to before `end`, by their number."""

    start: int
    end: int


def difference(first: Pixels, second: Pixels) -> float:
    """0 (alike) to 1: half from what colours there are, half from where they are. Thumbnails of one size."""
    apart = float(np.abs(first.astype(np.int16) - second.astype(np.int16)).mean()) / 255.0
    colours = float(np.abs(_histogram(first) - _histogram(second)).sum()) / 6.0
    return (apart + colours) / 2.0


def _histogram(thumbnail: Pixels) -> NDArray[np.float64]:
    """Shares of `LEVELS` brightnesses in each channel, 3 LEVELS; a value between two levels counts for both in part.

    With hard steps a picture of one colour would turn into another one as it fades over a step.
    """
    places = thumbnail.reshape(-1, 3).astype(np.float64) * ((LEVELS - 1) / 255.0)
    weights = np.maximum(0.0, 1.0 - np.abs(places[:, :, None] - np.arange(LEVELS)))  # N 3 LEVELS
    return np.asarray(weights.mean(axis=0), dtype=np.float64)


def cuts(differences: Sequence[float]) -> list[int]:
    """Positions i at which a new shot begins, given that `differences[i]` is between pictures i - 1 and i."""
    values = np.asarray(differences, dtype=np.float64)
    return [at for at in np.flatnonzero(values > CUT).tolist() if values[at] > CUT_RATIO * _around(values, at)]


def _around(values: NDArray[np.float64], at: int) -> float:
    near = np.concatenate([values[max(1, at - NEIGHBOURS) : at], values[at + 1 : at + 1 + NEIGHBOURS]])
    return float(np.median(near)) if len(near) else 0.0


def spans(borders: Sequence[int], count: int) -> tuple[Span, ...]:
    """The shots of a clip of `count` frames whose later shots begin at `borders`."""
    edges = [0, *sorted({border for border in borders if 0 < border < count}), count]
    return tuple(Span(start, end) for start, end in pairwise(edges) if end > start)


def choose(times: NDArray[np.float64], shots: Sequence[Span], usable: NDArray[np.bool_], *, end: float) -> list[int]:
    """Numbers of the frames to look at, rising: at most `MOST`, and of each shot at least one if it has a usable one.

    `times` N are the frames' instants in seconds, rising; `usable` N tells which can be had; the clip ends at `end`.
    Where there are more shots than frames to give, the longest shots get them.
    """
    edges = np.append(times, end)
    lengths = np.array([max(edges[shot.end] - edges[shot.start], 1e-6) for shot in shots])
    wanted = int(np.clip(np.ceil(RATE * lengths.sum()), LEAST, MOST))
    chosen: set[int] = set()
    for shot, share in zip(shots, shares(lengths, max(wanted, min(len(shots), MOST))), strict=True):
        numbers = shot.start + np.flatnonzero(usable[shot.start : shot.end])
        chosen.update(_spread(times, numbers, share, edges[shot.start], edges[shot.end]))
    if len(chosen) < LEAST:  # almost all frames in one place, as where a picture stands still for long
        numbers = np.flatnonzero(usable)
        chosen.update(numbers[np.linspace(0, len(numbers) - 1, min(LEAST, len(numbers))).astype(np.int64)].tolist())
    return sorted(chosen)


def shares(lengths: NDArray[np.float64], total: int) -> list[int]:
    """`total` divided in proportion to `lengths`, one to each first; the longest get one if there are too few."""
    given = np.zeros(len(lengths), dtype=np.int64)
    given[np.argsort(-lengths, kind="stable")[:total]] = 1
    for _ in range(total - int(given.sum())):
        given[np.argmax(lengths / (given + 1.0))] += 1
    return [int(share) for share in given]


def _spread(times: NDArray[np.float64], numbers: NDArray[np.int64], share: int, start: float, end: float) -> set[int]:
    """The `share` of `numbers` next to the middles of as many equal parts; fewer where none is near, or one taken."""
    if len(numbers) <= share:
        return {int(number) for number in numbers}
    part = (end - start) / max(share, 1)
    taken: set[int] = set()
    for middle in start + (np.arange(share) + 0.5) * part:
        distances = np.abs(times[numbers] - middle)
        at = int(np.argmin(distances))
        if distances[at] <= part or not taken:
            taken.add(int(numbers[at]))
    return taken
