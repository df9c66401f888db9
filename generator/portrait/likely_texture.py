"""What a face's skin probably looks like where nobody sees it: the appearance model fitted to the part that is seen."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator

from generator.appearance import FRAME, HAIR_NUMBERS, Appearance
from generator.errors import BackendUnavailable
from generator.stored import read_weights, shipped

RIDGE: Final = 120.0
"""Weight of one deviation of a texture number against an intensity error of 1 at one pixel and channel (chosen)."""

Plane = NDArray[np.float32]
Points = NDArray[np.float64]


def load_appearance() -> Appearance:
    """The generator's appearance model; raises `BackendUnavailable`."""
    try:
        return Appearance.from_tensors(read_weights(shipped(), "appearance"))
    except KeyError as error:
        raise BackendUnavailable(f"the weights do not fit this version: {error} is missing") from error


def likely_texture(texture: Plane, known: Plane, uv: Points, appearance: Appearance) -> Plane:
    """A whole texture (S S 3, 0–255) that fits `texture` where `known` (S S, 0–1) is high; `uv` P 2 in 0–1."""
    side = len(texture)
    places = appearance.mesh.points[: len(uv)].astype(np.float64)
    top, bottom, left, right = appearance.face_box
    small = _resampled(np.dstack([texture, known]), uv * side - 0.5, places, FRAME)[top:bottom, left:right]
    seen, weight = small[..., :3] / 255.0, np.repeat(small[..., 3:], 3, axis=2).ravel()
    mean = appearance.mean_texture[top:bottom, left:right, :3]
    weighed = appearance.face_basis * weight
    products = weighed @ appearance.face_basis.T + RIDGE * np.eye(len(weighed), dtype=np.float32)
    numbers = np.linalg.solve(products, weighed @ (seen - mean).ravel()).astype(np.float32)
    whole = appearance.texture(np.concatenate([np.zeros(HAIR_NUMBERS, np.float32), numbers]))[..., :3]
    return 255.0 * np.clip(_resampled(whole, places, uv * side - 0.5, side), 0.0, 1.0)


def _resampled(picture: Plane, source: Points, target: Points, side: int) -> Plane:
    """A square of `side` px in which the point that lies at `source` (P 2, px) in `picture` lies at `target` (P 2)."""
    axis = np.arange(side, dtype=np.float64)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    at = LinearNDInterpolator(target, source, fill_value=-2.0)(grid).astype(np.float32)
    border = cv2.BORDER_CONSTANT if picture.shape[2] == 4 else cv2.BORDER_REPLICATE
    return np.asarray(cv2.remap(picture, at, None, cv2.INTER_LINEAR, borderMode=border), np.float32)
