"""Cuts portraits out of their plain backgrounds, so that the model learns the person and no studio wall.

A rough cut by GrabCut (Rother, Kolmogorov and Blake, 2004) from what the mesh says is face, then the share of every
pixel near the edge by projection between the colours on either side, which a plain background allows.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from generator.appearance import Floats
from generator.training.measure import OVAL

ROUNDS: Final = 4
WORK_SIDE: Final = 128
"""Side at which the rough cut is made."""
CORNER: Final = 0.08
"""Share of the side at each upper corner that is probably background."""
SHOULDER: Final = 118
"""Row of 128 at which a shoulder probably meets the side of the picture."""
BAND: Final = 7
"""Half the width, in pixels at 256, of the belt round the rough cut in which the share is measured."""
NEAR, FAR = 3.0, 5.0
"""Gaussian sigmas in pixels at 128 over which the colours of person and background are averaged."""
APART: Final = 0.12
"""Distance of the two colours below which the projection says nothing and the softened cut is taken."""
SOFT: Final = 1.5
SURE_BELOW, SURE_ABOVE = 0.08, 0.92
"""Shares that are taken as none and all: grain of the wall, and of the skin."""
LEAST: Final = 0.05


def cut_out(picture: NDArray[np.uint8], points: Floats) -> tuple[Floats, Floats, NDArray[np.uint8]]:
    """Colour of the person without the wall (S S 3, 0–1), share of person in each pixel (S S, 0–1), colour of the wall.

    `points` is the face mesh in pixels of `picture`.
    """
    rough = _rough(picture, points)
    colours = picture.astype(np.float32) / np.float32(255)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND + 1, 2 * BAND + 1))
    inside, outside = cv2.erode(rough, kernel), 1 - cv2.dilate(rough, kernel)
    person, wall = _spread(colours, inside, NEAR), _spread(colours, outside, FAR)
    share = _share(colours, person=person, wall=wall, rough=rough)
    share = np.where(inside > 0, 1.0, np.where(outside > 0, 0.0, share)).astype(np.float32)
    bare = (colours - (1 - share[..., None]) * wall) / np.maximum(share, LEAST)[..., None]
    trust = np.clip((share[..., None] - 0.1) / 0.5, 0, 1)
    clean: Floats = np.clip(trust * np.clip(bare, 0, 1) + (1 - trust) * person, 0, 1).astype(np.float32)
    return clean, share, np.median(picture[outside > 0], 0).astype(np.uint8) if outside.any() else picture[0, 0]


def _rough(picture: NDArray[np.uint8], points: Floats) -> NDArray[np.uint8]:
    """S S, 1 for the person."""
    scale = WORK_SIDE / len(picture)
    small = cv2.resize(picture, (WORK_SIDE, WORK_SIDE), interpolation=cv2.INTER_AREA)
    mask = np.full((WORK_SIDE, WORK_SIDE), cv2.GC_PR_BGD, np.uint8)
    oval = np.round(points[list(OVAL)] * scale).astype(np.int32)
    x, y, width, height = cv2.boundingRect(oval)
    mask[max(0, y - height // 4) : y + height, max(0, x - width // 8) : x + width + width // 8] = cv2.GC_PR_FGD
    chest = [(x, y + height), (x + width, y + height), (WORK_SIDE, SHOULDER), (WORK_SIDE, WORK_SIDE)]
    chest += [(0, WORK_SIDE), (0, SHOULDER)]
    cv2.fillPoly(mask, [np.array(chest, np.int32)], cv2.GC_PR_FGD)
    mask[-2:, max(0, x) : x + width] = cv2.GC_FGD
    corner = int(CORNER * WORK_SIDE)
    mask[:corner, :corner] = mask[:corner, -corner:] = cv2.GC_PR_BGD
    cv2.fillPoly(mask, [oval], cv2.GC_FGD)
    cv2.setRNGSeed(1)
    cv2.grabCut(small, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    whole = _one_piece(found)
    large = cv2.resize(whole.astype(np.float32), picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    person: NDArray[np.uint8] = (large > 0.5).astype(np.uint8)
    return person


def _one_piece(found: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest piece of the person, with its holes filled."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(found)
    person: NDArray[np.uint8] = (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    _, gaps, areas, _ = cv2.connectedComponentsWithStats(1 - person)
    for number in range(1, len(areas)):
        x, y, width, height, area = areas[number]
        closed = x > 0 and y > 0 and x + width < person.shape[1] and y + height < person.shape[0]
        if closed and area < person.size // 100:
            person[gaps == number] = 1
    return person


def _spread(colours: Floats, where: NDArray[np.uint8], sigma: float) -> Floats:
    """Colours of the pixels in `where`, spread over their surroundings, S S 3."""
    size = (WORK_SIDE, WORK_SIDE)
    weight = cv2.resize(where.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    weighed = cv2.resize(colours * where[..., None], size, interpolation=cv2.INTER_AREA)
    total, amount = np.zeros_like(weighed), np.zeros_like(weight)
    for step, share in enumerate((1.0, 1e-3, 1e-6)):
        total += share * cv2.GaussianBlur(weighed, (0, 0), sigma * 4**step)
        amount += share * cv2.GaussianBlur(weight, (0, 0), sigma * 4**step)
    spread: Floats = cv2.resize(total / np.maximum(amount, 1e-12)[..., None], colours.shape[1::-1])
    return spread


def _share(colours: Floats, *, person: Floats, wall: Floats, rough: NDArray[np.uint8]) -> Floats:
    way = person - wall
    length = (way**2).sum(2)
    along = ((colours - wall) * way).sum(2) / np.maximum(length, 1e-6)
    along = np.clip((along - SURE_BELOW) / (SURE_ABOVE - SURE_BELOW), 0, 1)
    soft = cv2.GaussianBlur(rough.astype(np.float32), (0, 0), SOFT)
    trust = np.clip(np.sqrt(length) / APART - 1, 0, 1)
    share: Floats = (trust * along + (1 - trust) * soft).astype(np.float32)
    return share
