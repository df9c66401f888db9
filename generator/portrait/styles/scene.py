"""What every style paints from: the picture, and where in it somebody would look first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.landmarks import Points
from detector.mesh_topology import LEFT_EYE_RIM, OUTER_LIPS, OVAL, RIGHT_EYE_RIM
from detector.types import Pixels

Plane: TypeAlias = NDArray[np.float32]
"""H W."""
Colours: TypeAlias = NDArray[np.float32]
"""H W 3."""

BROWS: Final = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
NOSTRILS: Final = (98, 97, 2, 326, 327, 278, 294, 19, 64, 48)
FEATURES: Final = ((LEFT_EYE_RIM, 1.0), (RIGHT_EYE_RIM, 1.0), (OUTER_LIPS, 0.9), (BROWS[0], 0.75), (BROWS[1], 0.75))
NOSE_WEIGHT, OUTLINE_WEIGHT = 0.55, 0.4
"""How much finer each part is drawn than a cheek (chosen on the contact sheets, as are the weights above)."""
UNKNOWN_FACE: Final = 0.45
"""Width of the face over the picture's shorter side where no mesh says it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`detail` H W says from 0 to 1 how much a feature of the face lies there, `face` H W how much the face does.

    `unit` is the width of the face in pixels. `strength` from 0 to 1 says how far to leave the photo, and `seed`
    settles what is left to chance. Without a `mesh` (468 3) nothing is known of the face.
    """

    pixels: Pixels
    detail: Plane
    face: Plane
    unit: float
    mesh: Points | None
    strength: float
    seed: int

    @property
    def side(self) -> int:
        """The longer side in pixels."""
        return int(max(self.pixels.shape[:2]))

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


def scene_of(pixels: Pixels, mesh: Points | None, *, strength: float, seed: int) -> Scene:
    """`pixels` (H W 3) with what the mesh says of them."""
    height, width = pixels.shape[:2]
    nothing = np.zeros((height, width), np.float32)
    if mesh is None:
        return Scene(pixels, nothing, nothing, UNKNOWN_FACE * min(height, width), None, strength, seed)
    outline = mesh[list(OVAL), :2]
    unit = float(np.ptp(outline[:, 0]))
    face = nothing.copy()
    cv2.fillPoly(face, [_whole(outline)], 1.0)
    return Scene(pixels, _detail(mesh, nothing, unit), soft(face, unit / 16), unit, mesh, strength, seed)


def soft(plane: Plane, sigma: float) -> Plane:
    """`plane` blurred by `sigma` pixels; by way of a smaller one where nobody could tell."""
    if sigma < 8:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), max(sigma, 0.3)), np.float32)
    share = 4 / sigma
    small = cv2.resize(plane, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return enlarged(cv2.GaussianBlur(small, (0, 0), 4.0), plane.shape[:2])


def enlarged(plane: NDArray[np.generic], shape: Sequence[int]) -> NDArray[np.float32]:
    """`plane` at the height and width that `shape` begins with."""
    return np.asarray(cv2.resize(plane, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def _detail(mesh: Points, nothing: Plane, unit: float) -> Plane:
    detail = nothing.copy()
    cv2.polylines(detail, [_whole(mesh[list(OVAL), :2])], True, OUTLINE_WEIGHT, max(1, round(unit / 24)))
    cv2.polylines(detail, [_whole(mesh[list(NOSTRILS), :2])], False, NOSE_WEIGHT, max(1, round(unit / 16)))
    for ring, weight in FEATURES:
        points = _whole(mesh[list(ring), :2])
        cv2.fillPoly(detail, [points], weight)
        cv2.polylines(detail, [points], True, weight, max(1, round(unit / 14)))
    return soft(detail, unit / 50)


def _whole(points: NDArray[np.floating]) -> NDArray[np.int32]:
    return np.asarray(np.rint(points), np.int32)
