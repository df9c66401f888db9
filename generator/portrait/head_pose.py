"""Turns a head in a flat picture: what is nearer to the viewer travels farther, and the background stays."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from generator.portrait.features import Features, Floats, smooth

DEPTH: Final = 0.72
"""How far the middle of a face is in front of the axis that it turns about, in distances between the eyes."""
NOSE_DEPTH, NOSE_SPREAD = 0.2, 0.2
NEAR, FAR = 0.95, 1.68
"""Half widths of the face from its middle between which the movement ends to both sides."""
NECK, SHOULDERS = 0.75, 1.3
"""Half heights below its middle between which it ends downwards; upwards hair moves along to the picture's edge."""


def head_pulls(features: Features, points: Floats) -> Mapping[str, Floats]:
    """By the name of an expression's number: how far it moves `points` (N 2) at 1, in pixels (N 2)."""
    away = points - features.centre
    x, y = away @ features.along / features.half_width, away @ features.down / features.half_height
    share = _share(x, y)[:, None]
    depth = share * _depth(features, points, x, y)[:, None]
    arm = points - (features.centre + 1.25 * features.half_height * features.down)
    moved = {
        "turn": depth * features.along,
        "nod": depth * features.down,
        "tilt": share * np.stack([-arm[:, 1], arm[:, 0]], 1),
        "shift_x": share * features.unit * features.along,
        "shift_y": share * features.unit * features.down,
    }
    return {name: far.astype(np.float32) for name, far in moved.items()}


def _share(x: Floats, y: Floats) -> Floats:
    """How much of the head's movement reaches a place: 1 on the face, 0 on background and shoulders."""
    sides = np.clip((np.abs(x) - NEAR) / (FAR - NEAR), 0, 1)
    below = np.clip((y - NECK) / (SHOULDERS - NECK), 0, 1)
    return 1 - smooth(np.hypot(sides, below), 0.0, 1.0)


def _depth(features: Features, points: Floats, x: Floats, y: Floats) -> Floats:
    """Pixels in front of the axis: a dome with a nose."""
    dome = np.sqrt(np.clip(1 - (x / 1.15) ** 2 - (y / 1.35) ** 2, 0, None) + 0.01) - 0.1
    tip = features.middle + 0.55 * features.unit * features.down
    bump = np.exp(-(((points - tip) / (NOSE_SPREAD * features.unit)) ** 2).sum(1))
    depth: Floats = (DEPTH * dome + NOSE_DEPTH * bump) * features.unit
    return depth
