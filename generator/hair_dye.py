"""Dyes the hair of a made-up face in a colour that no portrait of the training had."""

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.mesh_topology import OVAL
from generator.appearance import Floats, bare

DYES: Final[Mapping[str, tuple[float, float, float]]] = {
    "blond": (64.0, 6.0, 30.0),
    "red": (38.0, 30.0, 34.0),
    "grey": (58.0, 0.0, 1.0),
    "white": (80.0, 0.0, 3.0),
    "pink": (62.0, 42.0, -4.0),
    "blue": (42.0, 4.0, -42.0),
    "green": (48.0, -36.0, 26.0),
    "purple": (38.0, 34.0, -36.0),
}
"""CIE Lab of the middle of the dyed hair."""
BROWS, CROWN = (105, 334), 10
"""Mesh points above the brows, and at the top of the forehead."""
PATCH: Final = (0.34, 0.66)
"""Columns, as shares of the side, above the forehead between which the hair's own colour is read."""
PERSON: Final = 0.6
SOFT: Final = 0.008
"""Width of the hairline, as a share of the side."""
NEAR, FAR = 14.0, 38.0
"""CIE Lab distances from the hair's colour within which a pixel is hair, and beyond which it is not; by eye."""
LIGHT_COUNTS: Final = 0.55
"""Weight of darkness in that distance: hair is shaded, its hue is one."""
DARKEST: Final = -14.0
"""Lightness below that of the hair as a whole, beyond which its shades are cut."""
CONTRAST, ROOTS = 1.3, 0.4
"""How far shades of the hair are drawn apart by the dye, for dark hair has few; and what becomes of lightness above its
own, which is light on it, or skin that shines through at the roots."""
STRAND, STRANDS = 0.012, 0.4
"""Width of what counts as a strand, as a share of the side, and how much more than before it stands out."""
JAW, MOUTH = (172, 397), 14
"""Mesh points between and below which there is a neck or a beard, and no hair."""
BEARD_WIDTH: Final = 0.02
"""How far beyond the outline of the cheeks a beard may reach, as a share of the side."""


def dye(cut: Floats, mesh: Floats, colour: str, *, beard: bool = False) -> Floats:
    """`cut` (S S 4, colours and share of person, 0–1) of a face at `mesh` (468 2, pixels) with its hair dyed.

    `beard` says that there may be one, which keeps its colour.
    """
    own_colours, person = bare(cut), cut[..., 3:]
    lab = cv2.cvtColor(own_colours, cv2.COLOR_RGB2LAB)
    place = _crown(cut, mesh)
    if not place.any():
        return cut
    own = np.median(lab[place], 0)
    share = _hair(lab, cut[..., 3], own=own, mesh=mesh, crown=place, beard=beard)
    target = np.array(DYES[colour], np.float32)
    dyed = np.empty_like(lab)
    over = np.maximum(lab[..., 0] - own[0], DARKEST)
    fine = lab[..., 0] - cv2.GaussianBlur(lab[..., 0], (0, 0), STRAND * len(cut))
    light = target[0] + np.where(over < 0, CONTRAST, ROOTS) * over + STRANDS * fine
    dyed[..., 0] = np.clip(light, 4, 97)
    dyed[..., 1:] = target[1:] * np.clip(light / target[0], 0.3, 1.25)[..., None]
    mixed = lab + share[..., None] * (dyed - lab)
    colours = np.clip(cv2.cvtColor(mixed.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1)
    before = cut[..., :3] + person * (colours - own_colours)
    result: Floats = np.concatenate([np.clip(before, 0, 1), person], 2).astype(np.float32)
    return result


def _crown(cut: Floats, mesh: Floats) -> NDArray[np.bool_]:
    """Pixels above the forehead that are person."""
    side = len(cut)
    place = np.zeros((side, side), bool)
    rows = slice(0, max(4, int(mesh[CROWN, 1] - 0.02 * side)))
    place[rows, int(PATCH[0] * side) : int(PATCH[1] * side)] = True
    return place & (cut[..., 3] > 0.9)


def _hair(
    lab: Floats,
    person: Floats,
    *,
    own: Floats,
    mesh: Floats,
    crown: NDArray[np.bool_],
    beard: bool,
) -> Floats:
    """How much of each pixel is hair: like the crown in colour, in one piece with it, and not brow, eye or beard."""
    side = len(lab)
    away = lab - own
    away[..., 0] *= np.where(away[..., 0] < 0, LIGHT_COUNTS, 1)
    like = np.clip((FAR - np.linalg.norm(away, axis=2)) / (FAR - NEAR), 0, 1)
    face = np.zeros((side, side), np.uint8)
    cv2.fillPoly(face, [np.rint(mesh[list(OVAL)]).astype(np.int32)], 1)
    face[: int(mesh[list(BROWS), 1].min() - 0.015 * side)] = 0
    if beard:
        face = np.maximum(face, _beard(face, mesh))
    like *= 1 - cv2.GaussianBlur(face.astype(np.float32), (0, 0), side / 170)
    pieces, labels = cv2.connectedComponents(((like > 0.4) & (person > PERSON)).astype(np.uint8))
    votes = np.bincount(labels[crown], minlength=pieces)
    votes[0] = 0
    whole = cv2.dilate((labels == votes.argmax()).astype(np.uint8), np.ones((7, 7), np.uint8)).astype(np.float32)
    share: Floats = cv2.GaussianBlur((like * whole).astype(np.float32), (0, 0), SOFT * side)
    return share


def _beard(face: NDArray[np.uint8], mesh: Floats) -> NDArray[np.uint8]:
    """Where a beard or a neck would be: round the cheeks, and below the mouth between the corners of the jaw."""
    reach = 2 * round(BEARD_WIDTH * len(face)) + 1
    mouth = max(0, int(mesh[MOUTH, 1]))
    place: NDArray[np.uint8] = cv2.dilate(face, np.ones((reach, reach), np.uint8))
    place[: int(mesh[list(BROWS), 1].max())] = 0
    place[mouth:, int(mesh[JAW[0], 0]) : int(mesh[JAW[1], 0])] = 1
    return place
