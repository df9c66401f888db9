"""Where the moving parts of a face lie, measured on its mesh: mouth and eyes as slits, and a frame for the rest."""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detector.landmarks import eye_distance
from detector.mesh_topology import INNER_LIPS, LEFT_EYE_RIM, MESH, OVAL, RIGHT_EYE_RIM
from generator.errors import PortraitUnusable
from generator.portrait.subject import MIN_EYES_APART

Floats: TypeAlias = NDArray[np.floating[Any]]

SAMPLES: Final = np.linspace(-1, 1, 41, dtype=np.float32)
"""Where along a slit its rims are known, from corner to corner."""
LEFT_BROW: Final = (70, 63, 105, 66, 107)
RIGHT_BROW: Final = (300, 293, 334, 296, 336)
NOSE_BASE, CHIN, FOREHEAD, LEFT_SIDE, RIGHT_SIDE = 2, 152, 10, 234, 454


def smooth(values: Floats, start: float, end: float) -> Floats:
    """0 before `start`, 1 past `end`, with a level tangent at both."""
    t = np.clip((values - start) / (end - start), 0, 1)
    eased: Floats = (t * t * (3 - 2 * t)).astype(np.float32)
    return eased


@dataclass(frozen=True, slots=True)
class Slit:
    """An opening between two corners: `along` from the left corner, `down` across; pixels."""

    middle: Floats
    along: Floats
    down: Floats
    half: float
    """Half the distance between the corners."""
    upper: Floats
    lower: Floats
    """Both rims at `SAMPLES`, pixels along `down`; `lower` is nowhere above `upper`."""

    @classmethod
    def of(cls, rim: Floats) -> "Slit":
        """From a closed ring of points (N 2): the left corner, the lower rim, the right corner, the upper rim."""
        n = len(rim) // 2
        middle = (rim[0] + rim[n]) / 2
        along = (rim[n] - rim[0]) / np.linalg.norm(rim[n] - rim[0])
        down = np.array([-along[1], along[0]], np.float32)
        half = float(np.linalg.norm(rim[n] - rim[0])) / 2
        s, y = (rim - middle) @ along / half, (rim - middle) @ down
        lower = _curve(s[: n + 1], y[: n + 1])
        upper = _curve(np.append(s[n:], s[0]), np.append(y[n:], y[0]))
        return cls(middle, along, down, half, np.minimum(upper, lower), np.maximum(upper, lower))

    def local(self, points: Floats) -> tuple[Floats, Floats]:
        """Place along the slit (-1 and 1 are its corners) and pixels below the line between them."""
        away = points - self.middle
        return away @ self.along / self.half, away @ self.down

    def points(self, heights: Floats, places: Floats = SAMPLES) -> Floats:
        """Pixels of `places` along the slit at `heights` below the line between its corners."""
        at: Floats = self.middle + places[:, None] * self.half * self.along + heights[:, None] * self.down
        return at.astype(np.float32)

    @property
    def gap(self) -> Floats:
        """Height of the opening at `SAMPLES`, pixels."""
        return self.lower - self.upper


def _curve(s: Floats, y: Floats) -> Floats:
    order = np.argsort(s)
    curve: Floats = np.interp(SAMPLES, s[order], y[order]).astype(np.float32)
    return curve


@dataclass(frozen=True, slots=True)
class Features:
    """The face at rest; `unit` is the distance between the eyes in pixels, heights are along `mouth.down`."""

    mesh: Floats
    """468 2."""
    unit: float
    middle: Floats
    """Between the eyes."""
    along: Floats
    down: Floats
    mouth: Slit
    eyes: tuple[Slit, Slit]
    brows: tuple[Floats, Floats]
    nose_base: float
    chin: float
    centre: Floats
    half_width: float
    half_height: float
    """Middle of the face's outline, and its size."""

    @classmethod
    def of(cls, mesh: Floats) -> "Features":
        """From 468 points (x, y and whatever follows); raises `PortraitUnusable` for a face that is too small."""
        points = np.ascontiguousarray(mesh[:MESH, :2], np.float32)
        unit = float(eye_distance(points))
        if not np.isfinite(points).all() or unit < MIN_EYES_APART:
            raise PortraitUnusable(f"The eyes are less than {MIN_EYES_APART:g} pixels apart.")
        left, right = points[list(LEFT_EYE_RIM)], points[list(RIGHT_EYE_RIM)]
        eyes = Slit.of(left), Slit.of(_turned(right))
        along = (eyes[1].middle - eyes[0].middle) / np.linalg.norm(eyes[1].middle - eyes[0].middle)
        mouth = Slit.of(points[list(INNER_LIPS)])
        oval = (points[list(OVAL)] - eyes[0].middle) @ np.stack([along, [-along[1], along[0]]], 1)
        low, high = oval.min(axis=0), oval.max(axis=0)
        down = np.array([-along[1], along[0]], np.float32)
        centre = eyes[0].middle + (low + high)[0] / 2 * along + (low + high)[1] / 2 * down
        return cls(
            mesh=points,
            unit=unit,
            middle=(eyes[0].middle + eyes[1].middle) / 2,
            along=along.astype(np.float32),
            down=down,
            mouth=mouth,
            eyes=eyes,
            brows=(points[list(LEFT_BROW)], points[list(RIGHT_BROW)]),
            nose_base=float(mouth.local(points[NOSE_BASE][None])[1][0]),
            chin=float(mouth.local(points[CHIN][None])[1][0]),
            centre=centre.astype(np.float32),
            half_width=float(high[0] - low[0]) / 2,
            half_height=float(high[1] - low[1]) / 2,
        )


def _turned(rim: Floats) -> Floats:
    """The right eye's ring, which begins at its outer corner, from its left corner on."""
    n = len(rim) // 2
    turned: Floats = np.concatenate([rim[n : n + 1], rim[1:n][::-1], rim[:1], rim[n + 1 :][::-1]])
    return turned
