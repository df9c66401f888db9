"""A textured face in 3D from one photo: the found mesh in the common pose, and a texture unrolled around it.

What the photo does not show, the turned-away cheek or a masked region, comes from the other half of the face, in the
photo's own light, and where that is hidden as well from the statistical texture of `generator.appearance`.
"""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator

from detector.mesh_topology import OVAL
from detector.types import Pixels
from generator.appearance import Appearance
from generator.portrait.face_shape import FaceShape, Points
from generator.portrait.likely_texture import likely_texture
from generator.portrait.subject import Subject

TEXTURE: Final = 512
"""Side of the texture in pixels."""
AXIS_MM: Final = 90.0
"""How far behind the mesh's middle the axis lies around which the texture is unrolled."""
SEEN: Final = (0.15, 0.55)
"""Cosine between a surface and the viewer below which its texture is not used, and above which it is used alone."""
FEATHER: Final = 9.0
"""Gaussian sigma in texture pixels over the change from one source to another."""
TONE: Final = 40.0
"""Gaussian sigma in texture pixels over the light in which one half is brought to the other."""

UNLIT: Final = 4.0
"""Grey levels: where less than this of both halves is known, their light is left as it is."""
GROWN: Final = 9
"""Pixels by which a hidden region is widened (side of the square): what lies beside it is seldom clean."""

Plane: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """`points` P 3 (mm, common pose), `triangles` T 3, `uv` P 2 in 0–1, `texture` S S 3."""

    points: Points
    triangles: NDArray[np.int64]
    uv: Points
    texture: Pixels
    guessed: float
    """Share of the texture that the photo does not show."""

    def reshaped(self, points: Points) -> "Head":
        """The same skin over another shape."""
        return replace(self, points=points)


def head_of(subject: Subject, shape: FaceShape, appearance: Appearance, *, hidden: Plane | None = None) -> Head:
    """The face of `subject`; `hidden` (H W, above 0 where the photo is not to be believed) is made up."""
    mesh = subject.mesh.astype(np.float64)
    if hidden is not None:
        hidden = np.asarray(cv2.dilate(hidden, np.ones((GROWN, GROWN), np.uint8)), np.float32)
    pose = shape.pose(mesh)
    points = shape.complete(pose.to_model(mesh), ~_covered(mesh, hidden))
    placed, uv = pose.to_picture(points), unrolled(shape.mean)
    over = _over_texture(uv, np.concatenate([placed[:, :2], _facing(placed, shape)[:, None]], axis=1))
    seen = cv2.remap(subject.pixels, over[..., :2], None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    weight = np.clip((over[..., 2] - SEEN[0]) / (SEEN[1] - SEEN[0]), 0.0, 1.0)
    if hidden is not None:
        weight *= 1.0 - np.clip(cv2.remap(hidden, over[..., :2], None, cv2.INTER_LINEAR), 0.0, 1.0)
    texture = _completed(np.asarray(seen, np.float32), np.asarray(weight, np.float32), uv, appearance)
    face = _over_texture(uv, np.ones((len(uv), 1)), outside=0.0)[..., 0] > 0
    return Head(points, shape.triangles, uv, texture, guessed=float((weight < 0.5)[face].mean()))


def unrolled(mean: Points) -> Points:
    """Texture coordinates (P 2, 0–1) of the mean face: angle around an axis behind it, and height."""
    angle = np.arctan2(mean[:, 0], AXIS_MM - mean[:, 2])
    plane = np.stack([angle, mean[:, 1]], axis=1)
    low, high = plane.min(axis=0), plane.max(axis=0)
    uv: Points = 0.02 + 0.96 * (plane - low) / (high - low)
    return uv


def normals(points: Points, triangles: NDArray[np.int64]) -> Points:
    """Unit normals of the points (P 3), towards the viewer where z is negative."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    total = np.zeros_like(points)
    for i in range(3):
        np.add.at(total, triangles[:, i], across)
    unit: Points = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)
    return unit


def _facing(placed: Points, shape: FaceShape) -> Points:
    """Cosine (P) between each point's normal and the viewer."""
    facing: Points = -normals(placed, shape.triangles)[:, 2]
    return facing


def _covered(mesh: Points, hidden: Plane | None) -> NDArray[np.bool_]:
    if hidden is None:
        return np.zeros(len(mesh), np.bool_)
    x = np.clip(np.rint(mesh[:, 0]).astype(int), 0, hidden.shape[1] - 1)
    y = np.clip(np.rint(mesh[:, 1]).astype(int), 0, hidden.shape[0] - 1)
    covered: NDArray[np.bool_] = hidden[y, x] > 0
    return covered


def _over_texture(uv: Points, values: Points, *, outside: float | None = None) -> Plane:
    """`values` (P K) of the points, in between for every texture pixel (S S K); beyond the face those next to it."""
    axis = (np.arange(TEXTURE) + 0.5) / TEXTURE
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    if outside is None:
        rim, middle = list(OVAL), uv.mean(axis=0)
        uv = np.concatenate([uv, middle + 2.0 * (uv[rim] - middle)])
        values = np.concatenate([values, values[rim]])
        return np.asarray(LinearNDInterpolator(uv, values, fill_value=0.0)(grid), np.float32)
    return np.asarray(LinearNDInterpolator(uv, values, fill_value=outside)(grid), np.float32)


def _completed(seen: Plane, weight: Plane, uv: Points, appearance: Appearance) -> Pixels:
    """The texture with its unseen parts filled: from the mirror image, then from what is likely."""
    other, other_weight = seen[:, ::-1], weight[:, ::-1]
    other = _in_light_of(other, seen, np.minimum(weight, other_weight))
    known = np.maximum(weight, other_weight)
    share = cv2.GaussianBlur(np.where(weight >= other_weight * 0.6, 1.0, 0.0).astype(np.float32), (0, 0), FEATHER)
    share = np.minimum(1.0, share * (weight > 0.02) + weight)[..., None]
    both = share * seen + (1.0 - share) * other
    if known.min() < 0.5:
        likely = _in_light_of(likely_texture(both, known, uv, appearance), both, known)
        trust = cv2.GaussianBlur(np.minimum(1.0, 2.0 * known), (0, 0), FEATHER / 3)[..., None]
        trust = np.minimum(trust, np.minimum(1.0, 2.0 * known)[..., None])
        both = trust * both + (1.0 - trust) * likely
    return np.asarray(np.clip(np.rint(both), 0, 255), np.uint8)


def _in_light_of(texture: Plane, model: Plane, weight: Plane) -> Plane:
    """`texture` with the soft light of `model`, as far as `weight` says that both are known there."""
    shares = np.repeat(weight[..., None], 3, axis=2)
    wanted, given = (cv2.GaussianBlur(shares * plane, (0, 0), TONE) + UNLIT for plane in (model, texture))
    result: Plane = texture * np.clip(wanted / given, 0.4, 2.5)
    return result
