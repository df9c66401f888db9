"""Active-appearance model of a portrait: numbers for shape and for texture in, a smooth 128 px cut-out of it out.

After Cootes, Edwards and Taylor, "Active appearance models" (2001): a mesh says where the face is, a texture
in the mean shape says what it looks like, both are linear in their principal components.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]

FRAME = 128
"""Side of the model's picture in pixels."""

CHANNELS = 4
"""Red, green and blue of the person before a wall of colour `WALL`, and the share of person in each pixel."""

WALL = 0.75
"""Grey of the wall before which colours are stated; another wall is added to the share that it has."""

FAINTEST = 0.1
"""Share of person below which its colour is not told from the wall's."""
FIRM = (0.08, 0.92)
"""Shares of person that count as none and all."""

HAIR_SIDE = 64
"""Side at which components of hair and clothes are kept; those of the face and the mean are kept at the full frame."""

HAIR_NUMBERS = 110
"""Leading texture numbers: hair and clothes, whatever lies outside the face; the others are the face's."""

FIELD_BLUR = 1.2
"""Gaussian sigma in pixels over the displacement; without it, edges of the mesh show as creases."""

INVERSE_STEPS = 12
"""Fixed-point steps of the inverse warp; a round trip then costs 39 dB, the blur of two remaps."""


def pixel_grid() -> Floats:
    """x and y of every pixel centre of the frame, F F 2."""
    axis = np.arange(FRAME, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis), -1)


@dataclass(frozen=True, slots=True)
class Mesh:
    """Mean mesh and, for every pixel, the triangle of mean points that it lies in."""

    points: Floats
    """P 2: face points first, then the rim of the picture, which never moves."""
    corners: NDArray[np.int64]
    """F F 3, indices into `points`."""
    shares: Floats
    """F F 3, barycentric weights."""

    def displacement(self, points: Floats) -> Floats:
        """F F 2: how far each pixel of the mean shape travels to its place in the shape of `points` (P' 2, P' ≤ P)."""
        moved = np.zeros_like(self.points)
        moved[: len(points)] = points - self.points[: len(points)]
        field = (moved[self.corners] * self.shares[..., None]).sum(2)
        blurred: Floats = cv2.GaussianBlur(field, (0, 0), FIELD_BLUR)
        return blurred

    def to_mean(self, picture: Floats, points: Floats) -> Floats:
        """Unwarps a picture (F F C) whose face lies at `points` into the mean shape."""
        return _sample(picture, pixel_grid() + self.displacement(points))

    def from_mean(self, texture: Floats, points: Floats) -> Floats:
        """Warps a texture (F F C) in the mean shape so that its face lies at `points`."""
        field, grid = self.displacement(points), pixel_grid()
        source = grid
        for _ in range(INVERSE_STEPS):
            source = grid - _sample(field, source)
        return _sample(texture, source)


@dataclass(frozen=True, slots=True)
class Appearance:
    """The linear model; `shape` has S numbers and `texture` T numbers, both in standard deviations."""

    mesh: Mesh
    shape_basis: Floats
    """S 2P', pixels per standard deviation."""
    mean_texture: Floats
    """F F 4, 0–1."""
    hair_basis: Floats
    """110 4·64·64, intensity per standard deviation; fades out inside the face."""
    face_basis: Floats
    """T-110 h·w·3, the same for the colours inside `face_box`; fades out towards the rim of the face."""
    face_box: tuple[int, int, int, int]
    """Top, bottom, left and right of the face in the mean shape, pixels."""

    @property
    def texture_numbers(self) -> int:
        """T."""
        return len(self.hair_basis) + len(self.face_basis)

    def points(self, shape: Floats) -> Floats:
        """Face points P' 2 of the given shape numbers."""
        moves = (shape @ self.shape_basis).reshape(-1, 2)
        points: Floats = self.mesh.points[: len(moves)] + moves
        return points

    def texture(self, numbers: Floats) -> Floats:
        """Cut-out in the mean shape, F F 4, about 0–1."""
        small = (numbers[:HAIR_NUMBERS] @ self.hair_basis).reshape(HAIR_SIDE, HAIR_SIDE, CHANNELS)
        whole: Floats = self.mean_texture + cv2.resize(small, (FRAME, FRAME), interpolation=cv2.INTER_CUBIC)
        top, bottom, left, right = self.face_box
        face = (numbers[HAIR_NUMBERS:] @ self.face_basis).reshape(bottom - top, right - left, 3)
        whole[top:bottom, left:right, :3] += face
        return whole

    def render(self, *, shape: Floats, texture: Floats) -> Floats:
        """The smooth cut-out, F F 4, 0–1."""
        picture = self.mesh.from_mean(self.texture(texture), self.points(shape))
        return np.clip(picture, 0, 1).astype(np.float32)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[np.generic]]) -> "Appearance":
        """Reads the arrays that the trainer exports; `KeyError` if one is missing."""
        mesh = Mesh(
            points=tensors["mesh.points"].astype(np.float32),
            corners=tensors["mesh.corners"].astype(np.int64),
            shares=tensors["mesh.shares"].astype(np.float32),
        )
        hair, face = (
            tensors[f"{part}.basis"].astype(np.float32) * tensors[f"{part}.steps"].astype(np.float32)[:, None]
            for part in ("hair", "face")
        )
        top, bottom, left, right = (int(edge) for edge in tensors["face.box"])
        return cls(
            mesh=mesh,
            shape_basis=tensors["shape.basis"].astype(np.float32),
            mean_texture=tensors["texture.mean"].astype(np.float32) / np.float32(255),
            hair_basis=hair,
            face_basis=face,
            face_box=(top, bottom, left, right),
        )


def bare(cut: Floats) -> Floats:
    """Colours of the person alone, H W 3, from a cut-out (H W 4) before the model's wall."""
    person = cut[..., 3:]
    colours = (cut[..., :3] - (1 - person) * np.float32(WALL)) / np.maximum(person, FAINTEST)
    alone: Floats = np.ascontiguousarray(np.clip(colours, 0, 1).astype(np.float32))
    return alone


def firm(cut: Floats) -> Floats:
    """The cut-out with shares near none and all made so: what is left of ripples in the wall goes."""
    low, high = FIRM
    person = np.clip((cut[..., 3:] - low) / (high - low), 0, 1)
    colours = person * bare(cut) + (1 - person) * np.float32(WALL)
    return np.concatenate([colours, person], 2).astype(np.float32)


def before_wall(cut: Floats, wall: Floats) -> Floats:
    """Cut-out (H W 4) before another wall (H W 3 or 3): H W 3, 0–1."""
    picture: Floats = cut[..., :3] + (1 - cut[..., 3:]) * (wall - np.float32(WALL))
    return np.clip(picture, 0, 1).astype(np.float32)


def _sample(picture: Floats, at: Floats) -> Floats:
    """Bilinear values of `picture` (H W C) at the pixel places `at` (H W 2); beyond the rim, the rim."""
    taken: Floats = cv2.remap(picture, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return taken
