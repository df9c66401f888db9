"""Moves the pixels of a still as an expression asks: one field of displacement for each side of the slits, inverted."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from generator.portrait.displacement import LOWER, SIDES, UPPER, amounts, pulls
from generator.portrait.expression import Expression
from generator.portrait.features import SAMPLES, Features, Floats, Slit

CELLS: Final = 128
"""Cells of the field along the longer side: 4 pixels of a delivered portrait, where nothing bends faster."""
STEPS: Final = 4
"""Newton steps of the inverse; after them it is off by less than a tenth of a pixel."""
STEEPEST: Final = 0.25
"""Least stretch that a step assumes, so that it stays small where lids or lips fold the field."""


@dataclass(frozen=True, slots=True)
class Rims:
    """Where the two rims of a slit lie at a moment, at `SAMPLES`: N 2 each, pixels."""

    upper: Floats
    lower: Floats

    @property
    def middle(self) -> Floats:
        return (self.upper + self.lower) / 2

    @property
    def gap(self) -> float:
        """The widest opening, pixels."""
        return float(np.linalg.norm(self.lower - self.upper, axis=1).max())


@dataclass(frozen=True, slots=True)
class Pulled:
    """Points at rest, and how far each number of an expression moves them: K N 2."""

    rest: Floats
    by: Floats

    @classmethod
    def of(cls, features: Features, points: Floats, side: int) -> "Pulled":
        return cls(points, np.stack(list(pulls(features, points, side).values())))

    def moves(self, numbers: Floats) -> Floats:
        moved: Floats = np.tensordot(numbers, self.by, 1).astype(np.float32)
        return moved

    def at(self, numbers: Floats) -> Floats:
        return self.rest + self.moves(numbers)


class Warp:
    """The face of one still (`height` and `width` pixels), ready to be moved many times."""

    def __init__(self, features: Features, *, height: int, width: int) -> None:
        self._features = features
        self._step = max(height, width) / CELLS
        self._size = width, height
        rows, columns = round(height / self._step), round(width / self._step)
        x, y = ((np.arange(n, dtype=np.float32) + 0.5) * self._step - 0.5 for n in (columns, rows))
        self._grid = np.stack(np.meshgrid(x, y), -1)  # r c 2, pixels
        flat = self._grid.reshape(-1, 2)
        self._fields = [Pulled.of(features, flat, side) for side in SIDES]
        self._mesh = [Pulled.of(features, features.mesh, side) for side in SIDES]
        self._mouth = _rims(features, features.mouth)
        self._eyes = [_rims(features, eye) for eye in features.eyes]
        self._below = _is_below(features)

    def backwards(self, expression: Expression) -> tuple[Floats, Floats]:
        """H W 2 for each side: how far the pixel to be shown at a place lies from it in the still."""
        found = [self._inverse(self._fields[side].moves(amounts(expression))) for side in SIDES]
        upper, lower = (cv2.resize(away, self._size, interpolation=cv2.INTER_LINEAR) for away in found)
        return upper, lower

    def mesh(self, expression: Expression) -> Floats:
        """The 468 points as they are drawn, 468 2."""
        numbers = amounts(expression)
        placed: Floats = np.where(self._below[:, None], self._mesh[LOWER].at(numbers), self._mesh[UPPER].at(numbers))
        return placed

    def mouth(self, expression: Expression) -> Rims:
        return _placed(self._mouth, expression)

    def eyes(self, expression: Expression) -> tuple[Rims, Rims]:
        return _placed(self._eyes[0], expression), _placed(self._eyes[1], expression)

    def _inverse(self, moves: Floats) -> Floats:
        """r c 2: the way back of a field given on the grid, pixels."""
        field = moves.reshape(self._grid.shape)
        stretch = np.gradient(field, axis=(0, 1))
        slopes = np.stack([stretch[1][..., 0], stretch[0][..., 1]], -1) / self._step
        both = np.concatenate([field, np.maximum(1 + slopes, STEEPEST)], -1).astype(np.float32)
        back = -field
        for _ in range(STEPS):
            at = (self._grid + back + 0.5) / self._step - 0.5
            here = cv2.remap(both, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            back = back - (back + here[..., :2]) / here[..., 2:]
        inverse: Floats = back
        return inverse


def _rims(features: Features, slit: Slit) -> tuple[Pulled, Pulled]:
    upper = Pulled.of(features, slit.points(slit.upper), UPPER)
    return upper, Pulled.of(features, slit.points(slit.lower), LOWER)


def _placed(rims: tuple[Pulled, Pulled], expression: Expression) -> Rims:
    numbers = amounts(expression)
    return Rims(rims[0].at(numbers), rims[1].at(numbers))


def _is_below(features: Features) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Which points of the mesh move with the lower side: below the mouth's line, or an eye's."""
    s, y = features.mouth.local(features.mesh)
    below: np.ndarray[tuple[int], np.dtype[np.bool_]] = y > _line(features.mouth, s)
    for eye in features.eyes:
        s, y = eye.local(features.mesh)
        below |= (y > _line(eye, s)) & (np.abs(s) <= 1.2) & (y < 0.15 * features.unit)
    return below


def _line(slit: Slit, s: Floats) -> Floats:
    line: Floats = np.interp(s, SAMPLES, (slit.upper + slit.lower) / 2).astype(np.float32)
    return line
