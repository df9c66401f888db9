"""Low-poly: triangles between points on edges and on the face's mesh, each of one colour, lit like a folded sheet."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from detector.landmarks import Points
from detector.mesh_topology import LEFT_EYE_RIM, RIGHT_EYE_RIM
from detector.types import Pixels
from generator.portrait.styles.flow import grey, steepness
from generator.portrait.styles.paper import colours, from_lab, to_lab, to_pixels, vivid
from generator.portrait.styles.scene import Colours, Plane, Scene, soft

FINER: Final = 2
"""Times as fine as the picture that triangles are drawn, so that their sides come out smooth."""
APART: Final = (0.085, 0.024)
"""Least distance of points over the picture's longer side: in flat places and on edges."""
FACE_APART: Final = (0.16, 0.02)
"""The same on the face, over its width: on cheeks and at the features."""
IRIS: Final = 0.235
"""Radius of an iris over the width of its eye."""
TRIED: Final = 2500
"""Places tried on edges, and as many anywhere: most are too near to another corner."""
FOLD, GLINT = 5.0, 1.0
"""How much lightness (L, 0 to 100) differs by a triangle's slope, and by chance."""


def low_poly(scene: Scene) -> Pixels:
    rng = scene.rng()
    points = _points(scene, rng)
    triangles = np.asarray(Delaunay(points).simplices, np.int64)
    return to_pixels(_painted(scene, points, triangles, rng))


def _points(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    """Corners of all triangles (N 2): the face's own first, then wherever they are far enough apart."""
    height, width = scene.detail.shape
    apart = _distance(scene) * (0.55 + 0.65 * scene.strength)
    taken = np.zeros((height, width), np.uint8)
    kept: list[tuple[float, float]] = []
    fixed = [(x * (width - 1), y * (height - 1)) for x in np.linspace(0, 1, 8) for y in (0.0, 1.0)]
    fixed += [(x * (width - 1), y * (height - 1)) for y in np.linspace(0, 1, 8)[1:-1] for x in (0.0, 1.0)]
    for x, y in [*fixed, *_wanted(scene, rng)]:
        column, row = round(x), round(y)
        if not (0 <= column < width and 0 <= row < height) or taken[row, column]:
            continue
        kept.append((x, y))
        cv2.circle(taken, (column, row), max(1, round(float(apart[row, column]))), 1, -1)
    return np.asarray(kept)


def _distance(scene: Scene) -> Plane:
    """Least distance of points from each other, at each place."""
    flat, edge = (share * scene.side for share in APART)
    plane = soft(grey(scene.pixels), scene.side / 350)
    steep = np.clip(soft(steepness(plane), scene.side / 250) * scene.side / 512 * 22, 0, 1)
    away = flat * (edge / flat) ** steep
    cheek, feature = (share * scene.unit for share in FACE_APART)
    on_face = cheek * (feature / cheek) ** np.clip(scene.detail * 1.2, 0, 1)
    near = np.clip(np.maximum(scene.face, scene.detail) * 1.3, 0, 1)
    return np.asarray(np.exp((1 - near) * np.log(away) + near * np.log(np.minimum(on_face, away * 1.6))), np.float32)


def _wanted(scene: Scene, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Places for corners, the most telling first."""
    found: list[tuple[float, float]] = []
    if scene.mesh is not None:
        for rim in (LEFT_EYE_RIM, RIGHT_EYE_RIM):
            found += _eye(scene, scene.mesh[list(rim), :2])
        weights = _looked_up(scene.detail, scene.mesh)
        order = np.argsort(-weights, kind="stable")
        found += [(float(x), float(y)) for x, y in scene.mesh[order, :2]]
    share = 640 / scene.side
    small = cv2.resize(scene.pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    edges = cv2.Canny(cv2.bilateralFilter(small, 7, 30, 5), 40, 110)
    spots = np.argwhere(edges > 0)[:, ::-1] / share
    found += [(float(x), float(y)) for x, y in rng.permutation(spots)[:TRIED]]
    anywhere = rng.uniform(0, 1, (TRIED, 2)) * (scene.pixels.shape[1] - 1, scene.pixels.shape[0] - 1)
    return found + [(float(x), float(y)) for x, y in anywhere]


def _eye(scene: Scene, rim: NDArray[np.floating]) -> list[tuple[float, float]]:
    """Corners around the iris, which the mesh does not have: it is the darkest place of its size in the opening."""
    width = float(np.hypot(*(rim[8] - rim[0])))
    opening = np.zeros(scene.detail.shape, np.uint8)
    cv2.fillPoly(opening, [np.rint(rim).astype(np.int32)], 1)
    dark = soft(grey(scene.pixels), max(1.0, IRIS * width * 0.6))
    dark[opening == 0] = 9.0
    y, x = np.unravel_index(int(dark.argmin()), dark.shape)
    turns = np.arange(8) * np.pi / 4
    ring = [(float(x + IRIS * width * np.cos(t)), float(y + IRIS * width * np.sin(t))) for t in turns]
    return [(float(x), float(y)), *ring]


def _looked_up(plane: Plane, mesh: Points) -> NDArray[np.float32]:
    high, wide = plane.shape
    x, y = np.clip(np.rint(mesh[:, :2]), 0, (wide - 1, high - 1)).astype(int).T
    return np.asarray(plane[y, x], np.float32)


def _painted(
    scene: Scene, points: NDArray[np.float64], triangles: NDArray[np.int64], rng: np.random.Generator
) -> Colours:
    height, width = scene.detail.shape
    corners = np.rint(points[triangles] * FINER).astype(np.int32)  # T 3 2
    owners = np.zeros((height * FINER, width * FINER), np.float32)
    for number, corner in enumerate(corners):
        cv2.fillConvexPoly(owners, corner, float(number))
    owners[-FINER:], owners[:, -FINER:] = owners[-FINER - 1], owners[:, -FINER - 1, None]
    shades = _shades(scene, owners, triangles, points, rng)
    fine = shades[owners.astype(np.int32)]
    return np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _shades(
    scene: Scene, owners: Plane, triangles: NDArray[np.int64], points: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Colour of each triangle (T 3, 0 to 1): its mean, a little clearer, by the light on its slope and by chance."""
    own = owners[::FINER, ::FINER].astype(np.int64).ravel()
    picture = vivid(colours(scene.pixels), colour=1.25, contrast=1.1)
    count = np.bincount(own, minlength=len(triangles))
    mean = np.stack([np.bincount(own, picture[..., c].ravel(), len(triangles)) for c in range(3)], axis=1)
    middle = points[triangles].mean(axis=1)
    x, y = np.clip(middle, 0, (picture.shape[1] - 1, picture.shape[0] - 1)).astype(int).T
    shade = np.where(count[:, None] > 0, mean / np.maximum(count, 1)[:, None], picture[y, x])
    lab = to_lab(shade[None].astype(np.float32))
    plane = soft(grey(scene.pixels), scene.side / 60)
    slope = cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=0.125) + cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=0.125)
    fold = np.clip(slope[y, x] * scene.side / 3, -1, 1)
    calm = 1 - 0.7 * scene.detail[y, x]
    lab[0, :, 0] += (FOLD * fold + GLINT * rng.standard_normal(len(triangles))) * calm
    return np.asarray(from_lab(np.clip(lab, (0, -120, -120), (100, 120, 120)).astype(np.float32))[0], np.float32)
