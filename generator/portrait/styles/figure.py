"""Which part of a portrait is the person: a guess from the face alone, soft at its edge, for skies and washes."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from generator.portrait.styles.scene import Plane, Scene, enlarged, soft

SIDE: Final = 160
"""Longer side at which the cut is made; its edge is soft anyway."""
ROUNDS: Final = 3
HAIR, SHOULDERS = 0.6, 1.1
"""How far hair may reach around the face, and shoulders to its sides, in widths of the face."""
CORE: Final = 0.62
"""Share of the shoulders' width that is surely the person's."""
LEAST: Final = 0.04
"""Share of the picture below which nothing counts as background."""


def figure(scene: Scene) -> Plane:
    """H W from 0 (background) to 1; all 1 where the face is not known or nothing else was found (GrabCut, 2004)."""
    whole = np.ones_like(scene.detail)
    if scene.mesh is None:
        return whole
    share = SIDE / scene.side
    small = cv2.resize(scene.pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    guess = _guess(scene.mesh[:, :2] * share, scene.unit * share, small.shape[:2])
    if np.isin(guess, (cv2.GC_BGD, cv2.GC_PR_BGD)).mean() < LEAST:
        return whole
    cv2.setRNGSeed(scene.seed % 2**31)
    models = (np.zeros((1, 65)), np.zeros((1, 65)))
    cv2.grabCut(np.ascontiguousarray(small), guess, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    inside = np.isin(guess, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if inside.mean() > 1 - LEAST:
        return whole
    person = np.asarray(cv2.medianBlur(inside.astype(np.uint8) * 255, 5), np.float32) / np.float32(255)
    return np.clip(soft(enlarged(person, whole.shape), scene.side / 150), 0, 1)


def _guess(points: NDArray[np.floating], unit: float, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """GrabCut's mask: face and chest are the person's, what is far from both is not, the rest is open."""
    height, width = shape[:2]
    low, high = points.min(axis=0), points.max(axis=0)
    centre, tall = (int((low[0] + high[0]) / 2), int((low[1] + high[1]) / 2 - 0.12 * unit)), float(high[1] - low[1])
    mask = np.full((height, width), cv2.GC_BGD, np.uint8)
    for reach, kind in ((0.5 + HAIR, cv2.GC_PR_BGD), (0.7, cv2.GC_PR_FGD)):
        cv2.ellipse(mask, centre, (int(unit * reach), int(tall * (reach + 0.08))), 0, 0, 360, kind, -1)
    for share, kind in ((1.0, cv2.GC_PR_FGD), (CORE, cv2.GC_FGD)):
        cv2.fillPoly(mask, [_body(centre[0], float(high[1]), unit, share, height)], kind)
    cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.float32)).astype(np.int32), cv2.GC_FGD)
    return mask


def _body(x: float, chin: float, unit: float, share: float, height: int) -> NDArray[np.int32]:
    """Outline of neck, shoulders and chest, `share` of their width."""
    wide, drop = share * SHOULDERS * unit, 0.55 + 0.35 * (1 - share)
    right = [(0.3 * share * unit, chin - 0.2 * unit), (wide, chin + drop * unit), (1.25 * wide, float(height))]
    return np.asarray([(x + a, b) for a, b in right] + [(x - a, b) for a, b in right[::-1]], np.int32)
