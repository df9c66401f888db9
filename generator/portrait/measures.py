"""The measures of a face that a surgeon speaks of, and which way its points go when one of them is changed.

All are taken on the 468-point mesh in the common pose (`generator.portrait.face_shape`): millimetres, x to the
picture's right, y down, z away from the viewer. Definitions follow Farkas, "Anthropometry of the Head and Face" (1994),
as far as the mesh has his landmarks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]

EARS: Final = np.array([[9.0, -18.0, 8.0], [12.0, 0.0, 10.0], [7.0, 20.0, 8.0]])
"""The mesh has no ears: three places on each, from the mesh point before it (234, 454) outwards, down and back, mm."""
LEFT_EAR, RIGHT_EAR = 234, 454


def with_ears(mesh: Points) -> Points:
    """`mesh` (P 3, mm) and, after its points, those of `EARS` on the picture's left and right."""
    return np.concatenate([mesh, mesh[LEFT_EAR] + EARS * [-1.0, 1.0, 1.0], mesh[RIGHT_EAR] + EARS])


@dataclass(frozen=True, slots=True)
class Move:
    """Points near `centres` (mesh numbers) go along `direction` (x, y, z); x is turned round on the picture's left."""

    centres: tuple[int, ...]
    reach: float
    """Millimetres: one deviation of the Gaussian that says how much a point at that distance goes along."""
    direction: tuple[float, float, float]
    deep: bool = False
    """Whether distance in depth counts as well: the tip of a nose moves without the lip behind it."""


@dataclass(frozen=True, slots=True)
class Measure:
    """`least` and `most` bound a change, in `unit`; `of` measures a mesh `with_ears` in the common pose."""

    unit: str
    least: float
    most: float
    moves: tuple[Move, ...]
    of: Callable[[Points], float]


def _across(left: int, right: int) -> Callable[[Points], float]:
    return lambda mesh: float(mesh[right, 0] - mesh[left, 0])


def _below(upper: tuple[int, ...], lower: tuple[int, ...]) -> Callable[[Points], float]:
    return lambda mesh: float(mesh[list(lower), 1].mean() - mesh[list(upper), 1].mean())


def _forward(point: int, behind: int) -> Callable[[Points], float]:
    return lambda mesh: float(mesh[behind, 2] - mesh[point, 2])


def _hump(mesh: Points) -> float:
    """How far the middle of the bridge (195) stands out over the line from nasion (168) to tip (4), mm."""
    along, bridge = mesh[4, 1:] - mesh[168, 1:], mesh[195, 1:] - mesh[168, 1:]
    return float((along[1] * bridge[0] - along[0] * bridge[1]) / np.hypot(*along))


def _nasolabial(mesh: Points) -> float:
    """Angle between columella (2 to 1) and upper lip (2 to 0), degrees."""
    a, b = mesh[1, 1:] - mesh[2, 1:], mesh[0, 1:] - mesh[2, 1:]
    return float(np.degrees(np.arccos((a @ b) / (np.linalg.norm(a) * np.linalg.norm(b)))))


def _lips(mesh: Points) -> float:
    return _below((0,), (13,))(mesh) + _below((14,), (17,))(mesh)


def _lids(mesh: Points) -> float:
    return (_below((159,), (145,))(mesh) + _below((386,), (374,))(mesh)) / 2


def _ears(mesh: Points) -> float:
    """How far the ears stand away from the head, mean of both, mm."""
    left, right = mesh[LEFT_EAR, 0] - mesh[-5, 0], mesh[-2, 0] - mesh[RIGHT_EAR, 0]
    return float(left + right) / 2


_BROWS: Final = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
_JAW: Final = (132, 58, 172, 136, 150, 361, 288, 397, 365, 379)
_UPPER_LIDS: Final = (160, 159, 158, 387, 386, 385)
_LOWER_LIDS: Final = (144, 145, 153, 373, 374, 380)

MEASURES: Final[Mapping[str, Measure]] = {
    "nasal_hump": Measure("mm", -4.0, 4.0, (Move((195, 197), 5.0, (0.0, 0.0, -1.0), deep=True),), _hump),
    "nasal_tip_rotation": Measure(
        "degrees", -20.0, 20.0, (Move((1, 4), 6.0, (0.0, -1.0, -0.3), deep=True),), _nasolabial
    ),
    "alar_width": Measure("mm", -8.0, 8.0, (Move((129, 358, 64, 294), 5.0, (1.0, 0.0, 0.0)),), _across(129, 358)),
    "chin_projection": Measure("mm", -8.0, 8.0, (Move((199, 175), 12.0, (0.0, 0.0, -1.0)),), _forward(199, 168)),
    "chin_height": Measure(
        "mm", -8.0, 8.0, (Move((152, 175, 148, 377), 13.0, (0.0, 1.0, 0.0)),), _below((17,), (152,))
    ),
    "jaw_width": Measure("mm", -14.0, 14.0, (Move(_JAW, 11.0, (1.0, 0.0, 0.0)),), _across(58, 288)),
    "brow_lift": Measure("mm", -5.0, 5.0, (Move(_BROWS, 4.5, (0.0, -1.0, 0.0)),), _below((105, 334), (33, 263))),
    "eyelid_opening": Measure(
        "mm",
        -4.0,
        4.0,
        (Move(_UPPER_LIDS, 2.5, (0.0, -1.0, 0.0)), Move(_LOWER_LIDS, 2.5, (0.0, 0.25, 0.0))),
        _lids,
    ),
    "lip_volume": Measure(
        "mm",
        -5.0,
        5.0,
        (
            Move((0, 37, 267, 39, 269), 3.0, (0.0, -0.8, -0.6)),
            Move((17, 84, 314, 181, 405), 3.0, (0.0, 1.0, -0.6)),
        ),
        _lips,
    ),
    "ear_prominence": Measure("mm", -5.0, 5.0, (Move(tuple(range(468, 474)), 5.0, (1.0, 0.0, 0.0)),), _ears),
}
