"""What a trainer is shown of one sample: the crop of its expert's own recipe, and the delivered picture it is cut from.

Follows `detector.training.manipulation` and `detector.training.views`; the shortcut audit looks at nothing else of
them, so this file is where it learns of a change in either.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from detector.training import manipulation, views
from detector.training.degrade import degrade, recolour
from detector.training.manipulation import Scene
from detector.training.train import TIER_SHARES
from detector.types import Face, Pixels, Tier


@dataclass(frozen=True, slots=True)
class Shown:
    """`crop` is what the network sees; `delivered` and `face` are another draw of the picture that it is cut from."""

    crop: Pixels
    delivered: Pixels
    face: Face


def shown(pixels: Pixels, face: Face, *, name: str, expert: str, rng: np.random.Generator) -> Shown:
    """One draw of the training mix of `expert` for a face of the set `name`, whatever its class."""
    return _manipulation(pixels, face, name, rng) if expert == "manipulation" else _synthesis(pixels, face, rng)


def _manipulation(pixels: Pixels, face: Face, name: str, rng: np.random.Generator) -> Shown:
    staged, seen = manipulation.staged(pixels, face, name, rng)
    scene = Scene(staged, seen, "real", None)
    crop = manipulation.view(scene, manipulation.frame(scene, rng), rng, shares=manipulation.TIER_SHARES)
    return _delivered(crop, staged, seen, _tier(manipulation.TIER_SHARES, rng), rng)


def _synthesis(pixels: Pixels, face: Face, rng: np.random.Generator) -> Shown:
    tier, level = _tier(TIER_SHARES, rng), None
    if rng.random() < views.LEVEL_SHARE:
        level = float(np.exp(rng.uniform(*np.log(views.LEVEL_SIDES))))
    crop, _ = views.view(pixels, face, tier=tier, level=level, rng=rng)
    inside, seen = views.framed(pixels, face, rng)
    scale = min(views.MAX_GROWTH, level / seen.size) if level else 1.0
    return _delivered(crop, *_resized(inside, seen, scale), tier, rng)


def _tier(shares: dict[Tier, float], rng: np.random.Generator) -> Tier:
    return Tier(rng.choice([str(tier) for tier in shares], p=list(shares.values())))


def _resized(pixels: Pixels, face: Face, scale: float) -> tuple[Pixels, Face]:
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    sized = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=kernel)
    return np.asarray(sized, np.uint8), _scaled(face, scale)


def _delivered(crop: Pixels, pixels: Pixels, face: Face, tier: Tier, rng: np.random.Generator) -> Shown:
    arrived = degrade(recolour(pixels, rng=rng), tier=tier, rng=rng)
    return Shown(crop, arrived, _scaled(face, arrived.shape[1] / pixels.shape[1]))


def _scaled(face: Face, scale: float) -> Face:
    x0, y0, x1, y1 = (v * scale for v in face.box)
    return Face((x0, y0, x1, y1), tuple((x * scale, y * scale) for x, y in face.landmarks), face.confidence)
