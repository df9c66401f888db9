"""Measures on an aligned portrait what the sampler is conditioned on: pose, expression, skin, hair, background."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from generator.appearance import FRAME, Floats

NOSE, CHIN, FOREHEAD, CHEEK_LEFT, CHEEK_RIGHT = 1, 152, 10, 234, 454
CORNERS, LIPS = (61, 291), (13, 14)
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
        148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
SKIN_POINTS = (50, 280, 117, 346, 205, 425, 151, 9)
EYE_LINE, EYE_DISTANCE = 58.0, 34.0

HAIR_ABOVE = 3
"""Rows kept free between the top of the mesh and the patch in which hair colour is read."""
HAIR_COLUMNS = (44, 84)
LENGTH_ROWS, LENGTH_COLUMNS = (86, 110), ((12, 46), (82, 116))
"""Beside jaw and neck, above the clothes: long hair hangs here, short hair does not."""
CORNER = 10
HAIR_DISTANCE = 16.0
"""CIE Lab distance that tells hair from a plain background or from skin; by eye on 200 portraits."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Raw measures of one portrait; colours are CIE Lab (L 0–100), lengths in eye distances or shares."""

    yaw: float
    pitch: float
    smile: float
    mouth: float
    skin: NDArray[np.float32]
    hair: NDArray[np.float32]
    hair_length: float
    background: NDArray[np.float32]


def measure(picture: Floats, points: Floats) -> Measures:
    """`picture` F F 3 in 0–1, `points` 468 2."""
    lab: Floats = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    background = _background(lab)
    skin = np.median([lab[_row(points[i]), _column(points[i])] for i in SKIN_POINTS], 0)
    hair = _hair_colour(lab, points, background=background, skin=skin)
    width = points[CHEEK_RIGHT, 0] - points[CHEEK_LEFT, 0]
    middle = (points[CHEEK_RIGHT, 0] + points[CHEEK_LEFT, 0]) / 2
    corners, lips = points[list(CORNERS)], points[list(LIPS)]
    lift = lips[:, 1].mean() - corners[:, 1].mean()
    return Measures(
        yaw=float((points[NOSE, 0] - middle) / width),
        pitch=float((points[NOSE, 1] - EYE_LINE) / (points[CHIN, 1] - EYE_LINE)),
        smile=float((corners[1, 0] - corners[0, 0] + 2 * lift) / EYE_DISTANCE),
        mouth=float((lips[1, 1] - lips[0, 1]) / EYE_DISTANCE),
        skin=skin.astype(np.float32),
        hair=hair,
        hair_length=_hair_length(lab, points, hair=hair, background=background, skin=skin),
        background=background,
    )


def face_mask(points: Floats) -> NDArray[np.bool_]:
    """F F, true inside the outline of the face."""
    mask = np.zeros((FRAME, FRAME), np.uint8)
    cv2.fillPoly(mask, [np.round(points[list(OVAL)]).astype(np.int32)], 1)
    return mask.astype(bool)


def _background(lab: Floats) -> NDArray[np.float32]:
    corners = np.concatenate([lab[:CORNER, :CORNER].reshape(-1, 3), lab[:CORNER, -CORNER:].reshape(-1, 3)])
    colour: NDArray[np.float32] = np.median(corners, 0).astype(np.float32)
    return colour


def _hair_colour(
    lab: Floats, points: Floats, *, background: NDArray[np.float32], skin: NDArray[np.float32]
) -> NDArray[np.float32]:
    rows = slice(0, max(6, _row(points[FOREHEAD]) - HAIR_ABOVE))
    patch = lab[rows, slice(*HAIR_COLUMNS)].reshape(-1, 3)
    apart = [np.linalg.norm(patch - colour, axis=1) > HAIR_DISTANCE for colour in (background, skin)]
    hair = apart[0] & apart[1]
    chosen = patch[hair] if hair.sum() > len(patch) // 20 else patch[-len(patch) // 4 :]
    colour: NDArray[np.float32] = np.median(chosen, 0).astype(np.float32)
    return colour


def _hair_length(
    lab: Floats,
    points: Floats,
    *,
    hair: NDArray[np.float32],
    background: NDArray[np.float32],
    skin: NDArray[np.float32],
) -> float:
    distance = [np.linalg.norm(lab - colour, axis=2) for colour in (hair, background, skin)]
    like = (distance[0] < distance[2]) & (distance[0] < distance[1] * 1.5) & (distance[1] > HAIR_DISTANCE)
    like &= ~face_mask(points)
    return float(np.mean([like[slice(*LENGTH_ROWS), slice(*columns)].mean() for columns in LENGTH_COLUMNS]))


def _row(point: Floats) -> int:
    return int(np.clip(round(float(point[1])), 0, FRAME - 1))


def _column(point: Floats) -> int:
    return int(np.clip(round(float(point[0])), 0, FRAME - 1))
