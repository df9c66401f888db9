"""Shapes of the mouth by sound, and how one flows into the next.

After Cohen and Massaro, "Modeling coarticulation in synthetic visual speech" (1993): each sound pulls the mouth for a
while before and after its own time, some more than others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Final, TypeAlias

import numpy as np

from generator.portrait.expression import RATE
from generator.portrait.features import Floats

Curves: TypeAlias = dict[str, Floats]
"""Values per frame by the name of an expression's number."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Numbers of an `Expression`, and how firmly the sound insists on them."""

    open: float
    lift: float = 0.0
    wide: float = 0.0
    pucker: float = 0.0
    tongue: float = 0.0
    firm: float = 1.0


REST: Final = "rest"
SHAPES: Final[Mapping[str, Shape]] = {
    REST: Shape(0.0, firm=0.8),
    "m": Shape(0.0, firm=3.0),
    "f": Shape(0.06, lift=0.75, firm=2.5),
    "th": Shape(0.20, lift=0.3, tongue=0.9),
    "t": Shape(0.20, lift=0.25, tongue=0.8, firm=0.7),
    "s": Shape(0.10, lift=0.45, wide=0.35, firm=1.2),
    "sh": Shape(0.18, lift=0.35, pucker=0.55, firm=1.6),
    "k": Shape(0.26, lift=0.15, firm=0.6),
    "r": Shape(0.24, lift=0.1, pucker=0.4),
    "w": Shape(0.12, pucker=0.95, firm=2.0),
    "a": Shape(0.80, lift=0.15, firm=1.2),
    "e": Shape(0.46, lift=0.25, wide=0.45),
    "i": Shape(0.24, lift=0.35, wide=0.85, firm=1.2),
    "ih": Shape(0.30, lift=0.25, wide=0.4),
    "o": Shape(0.52, pucker=0.62, firm=1.3),
    "u": Shape(0.24, pucker=0.92, firm=1.5),
    "uh": Shape(0.38, lift=0.1, firm=0.8),
}
"""By eye, on the shapes of the mouth in phonetics handbooks; `m` stands for m, b and p, and so on."""
NUMBERS: Final = ("open", "lift", "wide", "pucker", "tongue")
CLOSED: Final = "m"
HELD: Final = 0.4
"""Least share of its duration for which a sound pulls with all its might."""
SPREAD: Final = 0.054
"""Gaussian sigma in seconds of its pull before and after that."""
CLOSURE: Final = 0.036
"""Gaussian sigma in seconds of the closure of m, b and p, which no neighbour may open."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound of speech; `stress` 0–1 raises brows and head a little."""

    shape: str
    seconds: float
    stress: float = 0.0


def duration(sounds: Sequence[Sound]) -> float:
    """Seconds."""
    return sum(sound.seconds for sound in sounds)


def mouth_curves(sounds: Sequence[Sound], *, frames: int, start: float) -> Curves:
    """The mouth over `frames` frames, when speech begins at `start` seconds; at rest before and after it."""
    spoken = [Sound(REST, start), *sounds, Sound(REST, max(frames / RATE - start - duration(sounds), 0.5))]
    ends = np.cumsum([sound.seconds for sound in spoken])
    lengths = np.diff(ends, prepend=0.0)
    away = np.arange(frames)[:, None] / RATE - (ends - lengths / 2)  # F S, seconds
    held = np.maximum(HELD * lengths, lengths - 2 * SPREAD)
    beyond = np.clip(np.abs(away) - held / 2, 0, None)
    shapes = np.array([astuple(SHAPES[sound.shape]) for sound in spoken])
    pull = shapes[:, -1] * np.exp(-0.5 * (beyond / SPREAD) ** 2) + 1e-9
    values = (pull @ shapes[:, :-1]) / pull.sum(axis=1, keepdims=True)
    shut = np.array([sound.shape == CLOSED for sound in spoken])
    closure = np.where(shut, np.exp(-0.5 * (away / CLOSURE) ** 2), 0.0).max(axis=1)
    values[:, :2] *= 1 - closure[:, None]
    return {name: column.astype(np.float32) for name, column in zip(NUMBERS, values.T, strict=True)}
