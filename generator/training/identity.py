"""Face embeddings by a network that no training here ever saw: dlib's ResNet, for measuring alone.

The wheels `dlib-bin==20.0.1` and `face_recognition_models==0.3.0` (for its weights, public domain) are brought by hand;
neither is installed with the project.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from generator.appearance import Floats

FIVE: Final = (263, 362, 33, 133, 2)
"""Mesh points for dlib's five: outer and inner corner of the eye on the right, then on the left, base of the nose."""
PADDING: Final = 0.25
CHIP: Final = 150


class Identities:
    """128 numbers a face; faces of one person lie within about .6 of each other (dlib's own figure)."""

    def __init__(self, weights: Path) -> None:
        import dlib

        self._dlib: Any = dlib
        self._net = dlib.face_recognition_model_v1(str(weights))

    def embed(self, pixels: NDArray[np.uint8], mesh: Floats) -> Floats:
        """128, of a face (H W 3) whose mesh (468 2, pixels) is known."""
        points = [self._dlib.point(*map(round, map(float, mesh[index]))) for index in FIVE]
        low, high = mesh.min(0), mesh.max(0)
        box = self._dlib.rectangle(*map(int, (*low, *high)))
        shape = self._dlib.full_object_detection(box, points)
        chip = self._dlib.get_face_chip(np.ascontiguousarray(pixels), shape, CHIP, PADDING)
        return np.array(self._net.compute_face_descriptor(chip), np.float32)

    def embed_all(self, pictures: NDArray[np.uint8], meshes: Floats) -> Floats:
        """N 128."""
        return np.stack([self.embed(picture, mesh) for picture, mesh in zip(pictures, meshes, strict=True)])


def frechet(one: Floats, other: Floats) -> float:
    """Fréchet distance of two sets of features (N D and M D), taken as Gaussians (Heusel et al., 2017)."""
    from scipy.linalg import sqrtm

    first, second = np.cov(one.T), np.cov(other.T)
    root = np.real(sqrtm(first @ second))
    return float(((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root))


def nearest(rows: Floats, among: Floats) -> Floats:
    """Distance from each of `rows` to the nearest of `among`."""
    squares = (rows**2).sum(1)[:, None] + (among**2).sum(1)[None] - 2 * rows @ among.T
    distances: Floats = np.sqrt(np.maximum(squares.min(1), 0)).astype(np.float32)
    return distances


def mean_apart(rows: Floats) -> float:
    """Mean distance of two different rows."""
    squares = (rows**2).sum(1)[:, None] + (rows**2).sum(1)[None] - 2 * rows @ rows.T
    distances = np.sqrt(np.maximum(squares, 0))
    return float(distances.sum() / (len(rows) * (len(rows) - 1)))
