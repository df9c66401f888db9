"""How each number of an expression pulls on a face: smooth fields of displacement, one for each side of its slits.

Lips and lids part, and no single smooth field can part anything. So there are two: `UPPER` holds above the mouth and
above each eye's opening, `LOWER` below them. Away from mouth and eyes both are the same.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from generator.portrait.expression import Expression
from generator.portrait.features import SAMPLES, Features, Floats, Slit, smooth
from generator.portrait.head_pose import head_pulls

UPPER, LOWER = 0, 1
SIDES: Final = (UPPER, LOWER)

OPEN: Final = 0.23
"""Farthest that the lower lip drops, in distances between the eyes: 14 mm of a mean adult."""
NARROWED, RAISED = 0.07, 0.02
"""Share of its width that the mouth loses when it is wide open, and how far the upper lip then goes up."""
LIFT: Final = 0.045
CLOSED_BY_LOWER: Final = 0.7
"""Share of an opening that the lower lip closes; the upper lip comes down for the rest."""
CORNER_DROP: Final = 0.2
"""How far the corners follow the jaw."""
WIDE, PUCKER = 0.10, 0.26
"""Shares of the mouth's width that are won and lost."""
SMILE_OUT, SMILE_UP = 0.035, 0.042
BROW: Final = 0.05
LOWER_LID: Final = 0.14
"""Share of the opening that the lower lid closes in a blink."""
LASH: Final = 0.012
"""How far below the upper rim the lashes reach, in distances between the eyes; they move with the lid."""


def pulls(features: Features, points: Floats, side: int) -> Mapping[str, Floats]:
    """By the name of an expression's number: how far it pulls `points` (N 2) at 1, in pixels (N 2)."""
    own = {name: made(features, points, side) for name, made in PULLS.items()}
    return {**own, **head_pulls(features, points)}


def amounts(expression: Expression) -> Floats:
    """The expression's numbers in the order of `pulls`."""
    return np.array([getattr(expression, name) for name in (*PULLS, *HEAD)], np.float32)


def _open(features: Features, points: Floats, side: int) -> Floats:
    """The lower lip in an arc between the corners, the chin as a whole, the throat a little; the corners follow."""
    mouth, unit = features.mouth, features.unit
    s, y = mouth.local(points)
    corners = CORNER_DROP * _at_corners(s, y, unit) * OPEN * unit
    drop = np.zeros_like(y)
    if side == LOWER:
        below = y - np.interp(s, SAMPLES, (mouth.lower + mouth.upper) / 2)
        arc, broad = _arc(s), np.exp(-((s / 2.3) ** 4))
        share = smooth(below, 0.02 * unit, 0.8 * features.chin)
        throat = 1 - smooth(y, features.chin, features.chin + 0.38 * unit)
        drop = ((1 - share) * arc + 0.8 * share * broad) * throat * _not_far_above(below, unit) * OPEN * unit
        corners *= 1 - 0.8 * arc * (1 - share)
    raised = _upper_lip(features, points, side, -RAISED * unit)
    return _along(mouth.down, corners + drop) + _spread(features, points, -NARROWED) + raised


def _arc(s: Floats) -> Floats:
    """1 in the middle of the mouth and 0 at its corners: rounder than a parabola, as a lip is."""
    arc: Floats = np.clip(1 - s * s, 0, None) * (1 + 0.8 * s * s)
    return arc


def _not_far_above(below: Floats, unit: float) -> Floats:
    """0 where the lower side serves the eyes instead of the mouth."""
    return smooth(below, -0.4 * unit, -0.15 * unit)


def _at_corners(s: Floats, y: Floats, unit: float) -> Floats:
    near: Floats = np.exp(-(((np.abs(s) - 1) / 0.55) ** 2) - (y / (0.16 * unit)) ** 2)
    return near


def _lift(features: Features, points: Floats, side: int) -> Floats:
    return _upper_lip(features, points, side, -LIFT * features.unit)


def _upper_lip(features: Features, points: Floats, side: int, far: float | Floats) -> Floats:
    mouth = features.mouth
    s, y = mouth.local(points)
    if side == LOWER:
        return _along(mouth.down, np.zeros_like(y))
    above = np.interp(s, SAMPLES, mouth.upper) - y
    reach = smooth(above, 0.0, max(-features.nose_base, 0.1 * features.unit))
    return _along(mouth.down, far * np.clip(1 - s * s, 0, None) * (1 - reach))


def _seal(features: Features, points: Floats, side: int) -> Floats:
    """Both lips to where they meet; the opening is measured at each place along them."""
    mouth = features.mouth
    s, y = mouth.local(points)
    gap = np.interp(s, SAMPLES, mouth.gap) * (np.abs(s) < 1)
    if side == LOWER:
        below = y - np.interp(s, SAMPLES, mouth.lower)
        held = (1 - smooth(below, 0.0, 1.1 * features.chin)) * _not_far_above(below, features.unit)
        return _along(mouth.down, -CLOSED_BY_LOWER * gap * held)
    above = np.interp(s, SAMPLES, mouth.upper) - y
    left = 1 - smooth(above, 0.0, max(-features.nose_base, 0.1 * features.unit))
    return _along(mouth.down, (1 - CLOSED_BY_LOWER) * gap * left)


def _wide(features: Features, points: Floats, side: int) -> Floats:
    return _spread(features, points, WIDE)


def _pucker(features: Features, points: Floats, side: int) -> Floats:
    """Corners in, and the lips a little forward, which looks like a shorter and fuller mouth."""
    return _spread(features, points, -PUCKER)


def _spread(features: Features, points: Floats, share: float) -> Floats:
    mouth = features.mouth
    s, y = mouth.local(points)
    window = np.exp(-((s / 1.9) ** 4) - (y / (0.42 * features.unit)) ** 2)
    return _along(mouth.along, share * mouth.half * s * window)


def _smile(features: Features, points: Floats, side: int) -> Floats:
    mouth, unit = features.mouth, features.unit
    s, y = mouth.local(points)
    near = np.exp(-(((np.abs(s) - 1.1) / 0.75) ** 2) - (y / (0.28 * unit)) ** 2)
    out = np.sign(s) * smooth(np.abs(s), 0.0, 1.0) * near * SMILE_OUT * unit
    return _along(mouth.along, out) + _along(mouth.down, -SMILE_UP * unit * near)


def _blink(features: Features, points: Floats, side: int) -> Floats:
    moved = [_lid(eye, points, side, features.unit) for eye in features.eyes]
    return moved[0] + moved[1]


def _lid(eye: Slit, points: Floats, side: int, unit: float) -> Floats:
    s, y = eye.local(points)
    gap = np.interp(s, SAMPLES, eye.gap) * (np.abs(s) < 1)
    upper, lower = np.interp(s, SAMPLES, eye.upper), np.interp(s, SAMPLES, eye.lower)
    if side == LOWER:
        fade = (1 - smooth(y - lower, 0.0, 0.12 * unit)) * (1 - smooth(upper - y, 0.0, 0.08 * unit))
        return _along(eye.down, -LOWER_LID * gap * fade)
    above = 1 - smooth(upper - y, 0.0, 0.24 * unit)
    below = 1 - smooth(y - lower, 0.03 * unit, 0.14 * unit)
    return _along(eye.down, (1 - LOWER_LID - 0.02) * gap * above * below)


def _brow(features: Features, points: Floats, side: int) -> Floats:
    """Both brows up, and the forehead above them less and less; the lids stay."""
    away = points - features.middle
    x, y = away @ features.along / features.unit, away @ features.down / features.unit
    brow = float(np.mean([(rim - features.middle) @ features.down for rim in features.brows])) / features.unit
    lids = float(np.mean([eye.upper.min() for eye in features.eyes])) / features.unit
    below, above = 1 - smooth(y, brow + 0.04, lids), 1 - smooth(brow - y, 0.02, 0.42)
    sides = 1 - smooth(np.abs(x), 0.75, 1.15)
    return _along(features.down, -BROW * features.unit * below * above * sides)


def _along(direction: Floats, far: Floats) -> Floats:
    moved: Floats = (far[:, None] * direction).astype(np.float32)
    return moved


PULLS: Final[Mapping[str, Callable[[Features, Floats, int], Floats]]] = {
    "open": _open,
    "lift": _lift,
    "wide": _wide,
    "pucker": _pucker,
    "seal": _seal,
    "smile": _smile,
    "blink": _blink,
    "brow": _brow,
}
HEAD: Final = ("turn", "nod", "tilt", "shift_x", "shift_y")
