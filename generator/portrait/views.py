"""Draws a textured face from any side, without a graphics card: triangles back to front, then one look-up a pixel."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.mesh_topology import OVAL
from detector.types import Pixels
from generator.portrait.face_shape import Points
from generator.portrait.head import Head, normals

FINER: Final = 2
"""Drawn so many times larger and then brought down, which smooths edges."""
HEIGHT_MM: Final = 210.0
"""What the picture's side shows."""
BACKDROP: Final = (236, 206)
"""Grey at the top and at the bottom."""
FADE: Final = (0.02, 0.10)
"""Distance from the face's outline, in texture sides, at which it begins to show and is all there."""
SIDES: Final = (0.25, 0.36)
"""Distance from the texture's middle column, in its sides, over which the face ends towards the ears."""
MIN_FACING: Final = 0.02
LIGHT: Final = (0.82, 0.18)
"""Share of the texture's own light, and of a lamp beside the viewer."""


def view(head: Head, *, yaw: float, pitch: float = 0.0, side: int) -> Pixels:
    """The face (side side 3) turned by `yaw` degrees to the picture's right and `pitch` degrees up."""
    large = side * FINER
    turned = head.points @ turn(yaw, pitch).T
    places = turned[:, :2] * large / HEIGHT_MM + large / 2
    number = _drawn(places, turned, head.triangles, large)
    rows, columns = np.nonzero(number >= 0)
    corners = head.triangles[number[rows, columns]]
    shares = _shares(places[corners], np.stack([columns, rows], axis=1).astype(np.float64))
    uv = (head.uv[corners] * shares[..., None]).sum(axis=1) * len(head.texture) - 0.5
    colour = _looked_up(head.texture, uv)
    facing = np.clip(-normals(turned, head.triangles)[:, 2], 0.0, 1.0)
    light = LIGHT[0] + LIGHT[1] * (facing[corners] * shares).sum(axis=1, keepdims=True)
    solid = _looked_up(_solid(head), uv) / 255.0
    canvas = _backdrop(large)
    canvas[rows, columns] = solid * np.clip(colour * light, 0, 255) + (1 - solid) * canvas[rows, columns]
    return np.asarray(cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA).round(), np.uint8)


def strip(head: Head, *, yaws: tuple[float, ...], side: int) -> Pixels:
    """Views side by side (side len(yaws)*side 3)."""
    return np.hstack([view(head, yaw=yaw, side=side) for yaw in yaws])


def turn(yaw: float, pitch: float) -> NDArray[np.float64]:
    """Rotation (3 3): first around the vertical, then a nod, degrees."""
    a, b = np.radians([yaw, pitch])
    around = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    nod = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    result: NDArray[np.float64] = nod @ around
    return result


def _drawn(places: Points, turned: Points, triangles: NDArray[np.int64], side: int) -> NDArray[np.int32]:
    """Which triangle each pixel shows; -1 for none."""
    a, b, c = (turned[triangles[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    facing = -across[:, 2] / np.maximum(np.linalg.norm(across, axis=1), 1e-9)
    depth = turned[triangles, 2].mean(axis=1)
    number = np.full((side, side), -1, np.int32)
    for each in np.argsort(-depth):
        if facing[each] > MIN_FACING:
            cv2.fillConvexPoly(number, np.rint(places[triangles[each]]).astype(np.int32), int(each))
    return number


def _shares(corners: Points, at: Points) -> Points:
    """Barycentric shares (N 3) of the points `at` (N 2) in triangles `corners` (N 3 2), none below 0."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    whole = _twice_area(a, b, c)
    first, second = _twice_area(at, b, c) / whole, _twice_area(a, at, c) / whole
    shares = np.clip(np.stack([first, second, 1 - first - second], axis=1), 0.0, None)
    result: Points = shares / shares.sum(axis=1, keepdims=True)
    return result


def _twice_area(a: Points, b: Points, c: Points) -> Points:
    area: Points = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    return np.where(np.abs(area) < 1e-9, 1e-9, area)


def _looked_up(texture: Pixels, uv: Points) -> NDArray[np.float64]:
    rows = -(-len(uv) // 4096)
    padded = np.zeros((rows * 4096, 2), np.float32)
    padded[: len(uv)] = uv
    found = cv2.remap(texture, padded.reshape(rows, 4096, 2), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    result: NDArray[np.float64] = found.reshape(-1, 3)[: len(uv)].astype(np.float64)
    return result


def _solid(head: Head) -> NDArray[np.uint8]:
    """How solid each texture pixel is (S S 3, 0–255): the face's edge goes over into the backdrop."""
    side = len(head.texture)
    canvas = np.zeros((side, side), np.uint8)
    cv2.fillPoly(canvas, [np.rint(head.uv[list(OVAL)] * side).astype(np.int32)], 1)
    apart = cv2.distanceTransform(canvas, cv2.DIST_L2, 5)
    share = np.clip((apart / side - FADE[0]) / (FADE[1] - FADE[0]), 0.0, 1.0)
    sideways = np.abs((np.arange(side) + 0.5) / side - 0.5)
    share = np.minimum(share, np.clip((SIDES[1] - sideways) / (SIDES[1] - SIDES[0]), 0.0, 1.0))
    smooth = share * share * (3 - 2 * share)
    return np.repeat((255 * smooth).astype(np.uint8)[..., None], 3, axis=2)


def _backdrop(side: int) -> NDArray[np.float64]:
    column = np.linspace(*BACKDROP, side)[:, None, None]
    return np.tile(column, (1, side, 3))
