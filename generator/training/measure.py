"""Measures on a portrait that was cut out what the sampler is conditioned on: pose, expression, skin, hair, beard."""

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

CHEEKS, BEARD_POINTS = (50, 280, 117, 346), (164, 393, 167, 18, 200, 201, 421, 199, 208, 428)
"""Where skin is bare, and where a beard or a moustache would be: points of the mesh."""

HAIR_ABOVE = 3
"""Rows kept free between the top of the mesh and the patch in which hair colour is read."""
HAIR_COLUMNS = (44, 84)
LENGTH_ROWS, LENGTH_COLUMNS = (86, 110), ((12, 46), (82, 116))
"""Beside jaw and neck, above the clothes: long hair hangs here, short hair does not."""
PERSON = 0.7
"""Share of person from which a pixel counts as such."""
HAIR_DISTANCE = 16.0
"""CIE Lab distance that tells hair from skin; by eye on 200 portraits."""
LIKE_HAIR = 22.0
"""CIE Lab distance from the colour at the crown within which a pixel beside the neck is hair, not clothes."""


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
    beard: float


def measure(cut: Floats, points: Floats) -> Measures:
    """`cut` F F 4, colours and share of the person in 0–1; `points` 468 2."""
    lab: Floats = cv2.cvtColor(np.ascontiguousarray(cut[..., :3]), cv2.COLOR_RGB2LAB)
    person = cut[..., 3] > PERSON
    skin = _median(lab, points[list(SKIN_POINTS)])
    hair = _hair_colour(lab, points, person=person, skin=skin)
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
        hair_length=_hair_length(lab, points, hair=hair, person=person, skin=skin),
        beard=float(_median(lab, points[list(CHEEKS)])[0] - _median(lab, points[list(BEARD_POINTS)])[0]),
    )


def face_mask(points: Floats) -> NDArray[np.bool_]:
    """F F, true inside the outline of the face."""
    mask = np.zeros((FRAME, FRAME), np.uint8)
    cv2.fillPoly(mask, [np.round(points[list(OVAL)]).astype(np.int32)], 1)
    return mask.astype(bool)


def _median(lab: Floats, points: Floats) -> NDArray[np.float32]:
    colour: NDArray[np.float32] = np.median([lab[_row(point), _column(point)] for point in points], 0)
    return colour.astype(np.float32)


def _hair_colour(
    lab: Floats, points: Floats, *, person: NDArray[np.bool_], skin: NDArray[np.float32]
) -> NDArray[np.float32]:
    place = slice(0, max(6, _row(points[FOREHEAD]) - HAIR_ABOVE)), slice(*HAIR_COLUMNS)
    patch = lab[place].reshape(-1, 3)
    hair = (np.linalg.norm(patch - skin, axis=1) > HAIR_DISTANCE) & person[place].ravel()
    chosen = patch[hair] if hair.sum() > len(patch) // 20 else patch[-len(patch) // 4 :]
    colour: NDArray[np.float32] = np.median(chosen, 0).astype(np.float32)
    return colour


def _hair_length(
    lab: Floats, points: Floats, *, hair: NDArray[np.float32], person: NDArray[np.bool_], skin: NDArray[np.float32]
) -> float:
    from_hair, from_skin = (np.linalg.norm(lab - colour, axis=2) for colour in (hair, skin))
    like = person & (from_hair < LIKE_HAIR) & (from_hair < from_skin) & ~face_mask(points)
    return float(np.mean([like[slice(*LENGTH_ROWS), slice(*columns)].mean() for columns in LENGTH_COLUMNS]))


def _row(point: Floats) -> int:
    return int(np.clip(round(float(point[1])), 0, FRAME - 1))


def _column(point: Floats) -> int:
    return int(np.clip(round(float(point[0])), 0, FRAME - 1))
