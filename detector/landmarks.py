"""Dense landmarks: 468 points on a face, with depth, for alignment, masks, edits and 3D.

A crop is looked at twice: first as the face finder framed it, then again level and at one size by the first look's own
points, which takes most of the finder's wander out.
"""

import hashlib
import tomllib
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import ModelUnavailable
from detector.faces import crop_matrix, cut
from detector.mesh_topology import CROP_SIDE, LEFT_EYE, MOUTH, RIGHT_EYE
from detector.types import Face, Pixels

if TYPE_CHECKING:
    import torch

    from detector.landmark_network import MeshNet

Points: TypeAlias = NDArray[np.float32]
CARD: Final = "landmarks.card.toml"
FIRST_MARGIN: Final = 1.45
"""Side of the first crop over the longer side of the finder's box; the middle of what training jittered over."""
SECOND_SIDE: Final = 3.1
"""Side of the second crop in distances between the eyes and from them to the mouth, whichever is the longer."""
LOOKS: Final = 2


class LandmarkFinder:
    """Finds the mesh of one face at a time, on the processor."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(str(files("detector").joinpath("weights")))

    @cached_property
    def _net(self) -> "MeshNet":
        from detector.landmark_network import MeshNet

        net = MeshNet()
        try:
            net.load_state_dict(_weights(self._folder), strict=False)
        except RuntimeError as error:
            raise ModelUnavailable(f"the landmark weights do not fit this version: {error}") from error
        return net.eval()

    def find(self, pixels: Pixels, face: Face) -> Points:
        """Mesh 468 3 of `face` in pixels of `pixels`; z grows away from the viewer, 0 in the mean of the face.

        Raises `ModelUnavailable` if the weights are missing or are not those that their card names.
        """
        return self.follow(pixels, crop_matrix(face, side=CROP_SIDE, margin=FIRST_MARGIN))

    def follow(self, pixels: Pixels, first: NDArray[np.float64]) -> Points:
        """The same from a first guess of where the face is: a 2 3 matrix from picture to crop (see `framing`)."""
        matrix = first
        for look in range(LOOKS):
            points = self._look(pixels, matrix)
            if look + 1 < LOOKS:
                matrix = framing(points)
        return points

    def describe(self, pixels: Pixels, points: Points) -> NDArray[np.float32]:
        """What the network makes of the face whose mesh is `points`, for other heads to read (D)."""
        import torch

        with torch.inference_mode():
            seen: NDArray[np.float32] = self._net.describe(_input(pixels, framing(points)))[0].numpy()
        return seen

    def _look(self, pixels: Pixels, matrix: NDArray[np.float64]) -> Points:
        import torch

        with torch.inference_mode():
            mesh = self._net(_input(pixels, matrix))[0].numpy() * CROP_SIDE
        scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        back = cv2.invertAffineTransform(matrix)
        flat = (mesh[:, :2] + CROP_SIDE / 2) @ back[:, :2].T + back[:, 2]
        return np.concatenate([flat, mesh[:, 2:] / scale], axis=1).astype(np.float32)


def framing(points: Points) -> NDArray[np.float64]:
    """The crop (2 3 matrix) in which the face of `points` is level, in the middle and of one size."""
    left, right, mouth = (points[list(ids), :2].mean(axis=0) for ids in (LEFT_EYE, RIGHT_EYE, MOUTH))
    across, eyes = right - left, (left + right) / 2
    reach = max(float(np.hypot(*across)), float(np.hypot(*(mouth - eyes))), 1.0)
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    x, y = ((float(a) + float(b)) / 2 for a, b in zip(low, high, strict=True))
    turn = float(np.degrees(np.arctan2(across[1], across[0])))
    matrix = cv2.getRotationMatrix2D((x, y), turn, CROP_SIDE / (SECOND_SIDE * reach))
    matrix[:, 2] += CROP_SIDE / 2 - np.array([x, y])
    return np.asarray(matrix, dtype=np.float64)


def eye_distance(points: Points) -> float:
    """Pixels between the centres of the eyes, in the picture's plane."""
    left, right = (points[list(ids), :2].mean(axis=0) for ids in (LEFT_EYE, RIGHT_EYE))
    return float(np.hypot(*(right - left)))


def _input(pixels: Pixels, matrix: NDArray[np.float64]) -> "torch.Tensor":
    import torch

    return torch.from_numpy(cut(pixels, matrix, side=CROP_SIDE)).permute(2, 0, 1)[None].float() / 127.5 - 1.0


def _weights(folder: Path) -> "dict[str, torch.Tensor]":
    from safetensors.torch import load

    try:
        card = tomllib.loads((folder / CARD).read_text(encoding="utf-8"))["model"]
        data = (folder / str(card["file"])).read_bytes()
        expected = card["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(f"the landmark weights cannot be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise ModelUnavailable("the landmark weights are not those that their card names")
    return {name: value.float() for name, value in load(data).items()}
