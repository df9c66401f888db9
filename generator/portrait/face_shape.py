"""The statistical 3D shape of a face: brings a mesh into a common pose, and says what is likely where it is hidden.

After Blanz and Vetter, "A morphable model for the synthesis of 3D faces" (1999), on the 468 points of the face mesh.
Axes as in a picture: x to the right, y down, z away from the viewer.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from generator.errors import BackendUnavailable
from generator.stored import read_weights, shipped

EYES_APART_MM: Final = 63.0
"""Assumed distance between the eyes' centres: the mean of adults (Dodgson 2004: 63 mm, deviation 3.6 mm)."""
MODEL: Final = "face_shape"
STIFFNESS: Final = 1.0
"""Weight of one deviation of a shape number against 1 mm of distance at every known point."""

Points: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pose:
    """How the common pose (mm) lies in a picture (pixels): p = `scale` * `turn` m + `shift`."""

    turn: Points
    """3 3, a rotation."""
    scale: float
    """Pixels per millimetre."""
    shift: Points
    """3."""

    def to_picture(self, millimetres: Points) -> Points:
        placed: Points = self.scale * millimetres @ self.turn.T + self.shift
        return placed

    def to_model(self, pixels: Points) -> Points:
        back: Points = (pixels - self.shift) @ self.turn / self.scale
        return back


@dataclass(frozen=True, slots=True)
class FaceShape:
    """`mean` P 3 in mm, `basis` K P 3 in mm per deviation, `mirror` P, `triangles` T 3 with normals at the viewer."""

    mean: Points
    basis: Points
    mirror: NDArray[np.int64]
    triangles: NDArray[np.int64]

    @classmethod
    def load(cls, folder: Path | None = None) -> "FaceShape":
        """The shipped model; raises `BackendUnavailable`."""
        arrays = read_weights(folder or shipped(), MODEL)
        try:
            return cls(
                mean=arrays["mean"].astype(np.float64),
                basis=arrays["basis"].astype(np.float64),
                mirror=arrays["mirror"].astype(np.int64),
                triangles=arrays["triangles"].astype(np.int64),
            )
        except KeyError as error:
            raise BackendUnavailable(f"the weights do not fit this version: {error} is missing") from error

    def pose(self, mesh: Points) -> Pose:
        """How `mesh` (P 3, pixels) is turned, sized and placed."""
        turn, scale, shift = fit_similarity(self.mean, mesh)
        return Pose(turn, scale, shift)

    def complete(self, millimetres: Points, known: NDArray[np.bool_]) -> Points:
        """`millimetres` (P 3, common pose) with the points that are not `known` (P) put where the others suggest."""
        directions = self.basis[:, known].reshape(len(self.basis), -1).T
        offsets = (millimetres - self.mean)[known].ravel()
        left = directions.T @ directions + STIFFNESS * np.eye(len(self.basis))
        numbers = np.linalg.solve(left, directions.T @ offsets)
        likely = self.mean + np.tensordot(numbers, self.basis, 1)
        whole: Points = np.where(known[:, None], millimetres, likely)
        return whole

    def mirrored(self, millimetres: Points) -> Points:
        """The other half's shape on each half."""
        other: Points = (millimetres * [-1.0, 1.0, 1.0])[self.mirror]
        return other


def fit_similarity(source: Points, target: Points) -> tuple[Points, float, Points]:
    """Rotation (3 3), scale and shift (3) that bring `source` onto `target` (both P 3; Umeyama 1991)."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    left, values, right = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    turn: Points = (left * signs) @ right
    scale = float((values * signs).sum() / (a**2).sum())
    shift: Points = target.mean(axis=0) - scale * source.mean(axis=0) @ turn.T
    return turn, scale, shift
