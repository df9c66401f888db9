"""Mosaic: small square tiles in rows along the outlines, smaller where the face is, set in grout.

After Di Blasi and Gallo, "Artificial mosaics" (2005).
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.mesh_topology import INNER_LIPS, LEFT_EYE_RIM, OUTER_LIPS, OVAL, RIGHT_EYE_RIM
from detector.types import Pixels
from generator.portrait.styles.flow import Flow, flow_of
from generator.portrait.styles.paper import clouds, colours, from_lab, lit, to_lab, to_pixels, vivid
from generator.portrait.styles.scene import BROWS, Colours, Plane, Scene

FINER: Final = 2
"""Times as fine as the picture that tiles are set, for smooth sides."""
GUIDES: Final = (LEFT_EYE_RIM, RIGHT_EYE_RIM, OUTER_LIPS, INNER_LIPS, OVAL, *BROWS)
SIZES: Final = (1 / 52, 1 / 30, 1 / 44)
"""Sides of tiles: of the background over the picture's longer side, of the face and of its features over its width."""
SMALLEST: Final = 4.0
JOINT: Final = 0.13
"""Share of a tile's place that is grout."""
OVERLAP: Final = 0.34
"""Share of a tile that may lie on others and is cut off."""
GAP_OVERLAP: Final = 0.55
"""The same of a tile that fills a gap."""
LONG: Final = 50
"""Pixels of an edge, in a picture of 360, from which on it leads a row of tiles."""
GROUT: Final = (0.3, 0.28, 0.265)
SHADES: Final = (3.2, 2.0)
"""Deviation of lightness and of colour between tiles of one colour (Lab)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Tiles of one `side` in pixels, with their middles in `where` (H W)."""

    side: float
    where: NDArray[np.bool_]


def mosaic(scene: Scene) -> Pixels:
    rng = scene.rng()
    away = np.asarray(cv2.distanceTransform(1 - _guides(scene), cv2.DIST_L2, 5), np.float32)
    flow = flow_of(away, sigma=1.5)
    bed = Bed(scene.detail.shape)
    for kind in _kinds(scene):
        bed.set_all(_rows(kind, away, flow), overlap=OVERLAP)
    bed.set_all(_gaps(bed, _kinds(scene), flow, rng), overlap=GAP_OVERLAP)
    return to_pixels(_painted(scene, bed, rng))


class Bed:
    """The grid, `FINER` times as fine as the picture, with the number of the tile on each place and 0 for grout."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.owners = np.zeros((shape[0] * FINER, shape[1] * FINER), np.int32)
        self.count = 0

    def set_all(self, places: NDArray[np.float32], *, overlap: float) -> None:
        """Sets the tiles at `places` (N 4 of x, y, angle, side) in turn, unless more than `overlap` of one is taken."""
        corners = _corners(places)
        low = np.maximum(corners.min(axis=1), 0)
        high = np.minimum(corners.max(axis=1) + 1, self.owners.shape[::-1])
        for corner, (x0, y0), (x1, y1) in zip(corners, low.tolist(), high.tolist(), strict=True):
            if x1 - x0 < 2 or y1 - y0 < 2:
                continue
            plot = self.owners[y0:y1, x0:x1]
            tile = np.zeros(plot.shape, np.uint8)
            cv2.fillConvexPoly(tile, corner - (x0, y0), 1)
            free = (tile > 0) & (plot == 0)
            if np.count_nonzero(free) >= (1 - overlap) * np.count_nonzero(tile):
                self.count += 1
                plot[free] = self.count


def _corners(places: NDArray[np.float32]) -> NDArray[np.int32]:
    """N 4 2 on the fine grid."""
    half = places[:, 3, None, None] / 2 * (1 - JOINT)
    x, y = np.cos(places[:, 2]), np.sin(places[:, 2])
    ahead, aside = np.stack([x, y], axis=1)[:, None], np.stack([-y, x], axis=1)[:, None]
    signs = np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)], np.float32)
    at = places[:, None, :2] + half * (signs[None, :, :1] * ahead + signs[None, :, 1:] * aside)
    return np.asarray(np.rint((at + 0.5) * FINER - 0.5), np.int32)


def _guides(scene: Scene) -> NDArray[np.uint8]:
    """H W: 1 on the lines that rows of tiles follow."""
    share = 360 / scene.side
    small = cv2.resize(scene.pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    edges = cv2.Canny(cv2.bilateralFilter(small, 9, 50, 6), 70, 160)
    contours, _ = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    long = [np.rint(contour / share).astype(np.int32) for contour in contours if len(contour) > LONG]
    lines = np.zeros(scene.detail.shape, np.uint8)
    cv2.polylines(lines, long, False, 1)
    lines[scene.face > 0.5] = 0
    if scene.mesh is not None:
        rings = [np.rint(scene.mesh[list(ring), :2]).astype(np.int32) for ring in GUIDES]
        cv2.polylines(lines, rings, True, 1)
    lines[[0, -1]] = 1
    lines[:, [0, -1]] = 1
    return lines


def _kinds(scene: Scene) -> list[Kind]:
    """Tiles of features, face and surroundings, the smallest first."""
    scale = 0.6 + 0.55 * scene.strength
    broad, face, feature = SIZES[0] * scene.side, SIZES[1] * scene.unit, SIZES[2] * scene.unit
    if scene.mesh is None:
        return [Kind(max(SMALLEST, scale * broad * 0.8), np.ones(scene.detail.shape, bool))]
    features = scene.detail > 0.42
    on_face = (scene.face > 0.4) & ~features
    sides = [max(SMALLEST, scale * min(side, broad)) for side in (feature, face, broad)]
    return [Kind(side, where) for side, where in zip(sides, (features, on_face, ~(features | on_face)), strict=True)]


def _rows(kind: Kind, away: Plane, flow: Flow) -> NDArray[np.float32]:
    """Tiles one after the other along lines of equal distance from the guides."""
    found = [np.zeros((0, 4), np.float32)]
    for row in range(int(away[kind.where].max(initial=0) / kind.side) + 1):
        inside = (away > (row + 0.5) * kind.side).astype(np.uint8)
        lines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        found += [_spaced(line[:, 0].astype(np.float32), kind.side, flow) for line in lines if len(line) > kind.side]
    places = np.concatenate(found)
    x, y = places[:, :2].astype(int).T
    allowed: NDArray[np.float32] = places[kind.where[y, x]]
    return allowed


def _spaced(line: NDArray[np.float32], side: float, flow: Flow) -> NDArray[np.float32]:
    """Places `side` apart on a closed `line` of pixels (N 2)."""
    steps = np.hypot(*np.diff(line, axis=0, append=line[:1]).T)
    gone = np.concatenate([[0.0], np.cumsum(steps)[:-1]])
    total = float(steps.sum()) * 0.95  # a staircase is longer than the line that it follows
    wanted = np.linspace(0, gone[-1], max(1, round(total / side)), endpoint=False)
    spots = line[np.searchsorted(gone, wanted)]
    return _turned(spots, np.full(len(spots), side, np.float32), flow)


def _turned(spots: NDArray[np.float32], sides: NDArray[np.float32], flow: Flow) -> NDArray[np.float32]:
    x, y = spots.astype(int).T
    angles = np.arctan2(flow.y[y, x], flow.x[y, x])
    return np.column_stack([spots, angles, sides]).astype(np.float32)


def _gaps(bed: Bed, kinds: list[Kind], flow: Flow, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smaller tiles for what the rows left open, the largest first."""
    free = (bed.owners[::FINER, ::FINER] == 0).astype(np.uint8)
    room = np.asarray(cv2.distanceTransform(free, cv2.DIST_L2, 3), np.float32)
    side = np.zeros_like(room)
    for kind in kinds:
        side[kind.where] = kind.side
    spots = np.argwhere((room > 0.2 * side) & (room >= cv2.dilate(room, np.ones((3, 3), np.uint8))))
    rng.shuffle(spots)
    y, x = spots.T
    sides = np.clip(room[y, x] * 2.1, 0.4 * side[y, x], side[y, x])
    order = np.argsort(-sides, kind="stable")
    return _turned(spots[order, ::-1].astype(np.float32), sides[order], flow)


def _painted(scene: Scene, bed: Bed, rng: np.random.Generator) -> Colours:
    height, width = scene.detail.shape
    shades = _shades(scene, bed, rng)
    owners = bed.owners
    plane = owners.astype(np.float32)
    seam = (owners == 0) | (cv2.erode(plane, np.ones((2, 2), np.uint8)) != plane)
    inside = np.asarray(cv2.distanceTransform((~seam).astype(np.uint8), cv2.DIST_L2, 3), np.float32)
    bevel = np.clip(lit(np.minimum(inside / np.float32(2.5 * FINER), np.float32(1))), -0.12, 0.12)
    shades[0] = GROUT
    fine = (
        np.where(seam, 0, 1 + 1.3 * bevel).astype(np.float32),
        seam.astype(np.float32),
        shades[np.where(seam, 0, owners)],
    )
    tone, share, body = (cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in fine)
    dust = 0.05 * clouds(height, width, cells=scene.side / 6, rng=rng, octaves=2) * share
    return np.asarray(body * (tone + share)[..., None] + dust[..., None], np.float32)


def _shades(scene: Scene, bed: Bed, rng: np.random.Generator) -> NDArray[np.float32]:
    """Colour of each tile (N + 1 3, 0 to 1)."""
    own = bed.owners[::FINER, ::FINER].ravel()
    picture = vivid(colours(scene.pixels), colour=1.3, contrast=1.12)
    count = np.maximum(np.bincount(own, minlength=bed.count + 1), 1)
    mean = [np.bincount(own, picture[..., c].ravel(), bed.count + 1) / count for c in range(3)]
    lab = to_lab(np.stack(mean, axis=1)[None].astype(np.float32))[0]
    lab[:, 0] += SHADES[0] * rng.standard_normal(len(lab))
    lab[:, 1:] += SHADES[1] * rng.standard_normal((len(lab), 2))
    return np.asarray(from_lab(np.clip(lab, (0, -120, -120), (100, 120, 120))[None].astype(np.float32))[0], np.float32)
