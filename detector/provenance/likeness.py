"""Whether a picture shows what a release shows, however it was cropped, turned, mirrored or scaled.

A mark says which release a picture comes from, and marks can be copied: what a filter takes for noise in a marked
picture, laid over any other, is read there as well. So whoever holds the release compares. Keypoints (ORB, Rublee et
al. 2011) say where the one would lie in the other; there the two must agree patch by patch, in brightness without its
coarse part. Two faces in the same pose have many keypoints alike, and few patches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.types import Pixels

SIDE: Final = 384
"""Long side at which pictures are compared, in pixels."""
KEYPOINTS: Final = 2000
FAINTEST: Final = 5
"""Grey levels by which a corner stands out: smooth faces have few strong ones."""
SMOOTHING: Final = 1.0
"""Deviation of the blur before, in pixels: the mark itself must be no keypoint."""
DISTINCT: Final = 0.8
"""A match counts if the second best is so much further (Lowe 2004)."""
TOLERANCE: Final = 3.0
"""Pixels that a match may lie beside where the others put it."""
ROUNDS: Final = 2000
LEAST_MATCHES: Final = 8
AREAS: Final = (0.02, 50.0)
"""By how much the one may be smaller or larger than the other."""
COARSE: Final = 6.0
"""Deviation of the blur that is taken off, in pixels: half of any two portraits are alike without it."""
PATCH: Final = 17
LEAST_TEXTURE: Final = 4.0
"""Variance, in squared grey levels, below which a patch has nothing to compare."""
LEAST_COMPARED: Final = 200
"""Places that have something to compare."""
CORRELATED: Final = 0.7
LEAST_AGREEING: Final = 0.4
"""Share of places whose patches correlate. On 28 photos .5 and more for copies that were turned, mirrored, cropped to
75 % or seen from aside; .1 at most for other photos and .25 for other faces in the same pose (84 and 200 pairs)."""

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Seen:
    grey: Grey
    places: NDArray[np.float32]
    """N 2."""
    descriptors: NDArray[np.uint8]
    """N 32."""


def shows_any(picture: Sequence[Pixels], release: Sequence[Pixels]) -> bool:
    """Whether some frame of `picture` shows what some frame of `release` shows; a still is one frame."""
    there = [_see(pixels) for pixels in release]
    both_ways = [each for pixels in picture for each in (pixels, np.ascontiguousarray(pixels[:, ::-1]))]
    return any(_agree(_see(pixels), seen) for pixels, seen in product(both_ways, there))


def _see(pixels: Pixels) -> _Seen:
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    size = max(PATCH, round(width * scale)), max(PATCH, round(height * scale))
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    grey = cv2.GaussianBlur(grey, (0, 0), SMOOTHING)
    keypoints, descriptors = _corners().detectAndCompute(grey, None)
    places = np.array([each.pt for each in keypoints], np.float32).reshape(-1, 2)
    found = np.zeros((0, 32), np.uint8) if descriptors is None else descriptors
    return _Seen(grey.astype(np.float32), places, found.astype(np.uint8, copy=False))


@cache
def _corners() -> cv2.ORB:
    return cv2.ORB.create(nfeatures=KEYPOINTS, fastThreshold=FAINTEST)


def _agree(here: _Seen, there: _Seen) -> bool:
    return any(_share(there.grey, here.grey, place) >= LEAST_AGREEING for place in _places(there, here))


def _places(of: _Seen, within: _Seen) -> Iterator[NDArray[np.float64]]:
    """Affine maps (2 3) by which `of` may lie in `within`: side upon side, as under lettering, which has nearly all
    keypoints for itself; then as keypoints say."""
    down, across = (there / here for there, here in zip(within.grey.shape, of.grey.shape, strict=True))
    yield np.array([[across, 0.0, 0.0], [0.0, down, 0.0]])
    found = _place(of, within)
    if found is not None:
        yield found


def _place(of: _Seen, within: _Seen) -> NDArray[np.float64] | None:
    """The affine map (2 3) that most matches of `of` and `within` agree on; null if too few do."""
    if min(len(of.places), len(within.places)) < LEAST_MATCHES:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(of.descriptors, within.descriptors, k=2)
    matches = [best for best, second in pairs if best.distance < DISTINCT * second.distance]
    if len(matches) < LEAST_MATCHES:
        return None
    start = of.places[[match.queryIdx for match in matches]]
    end = within.places[[match.trainIdx for match in matches]]
    found, agreeing = cv2.estimateAffine2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=TOLERANCE, maxIters=ROUNDS
    )
    if found is None or np.count_nonzero(agreeing) < LEAST_MATCHES:
        return None
    return found if AREAS[0] < abs(np.linalg.det(found[:, :2])) < AREAS[1] else None


def _share(of: Grey, within: Grey, place: NDArray[np.float64]) -> float:
    """The share of patches of `within` that correlate with those of `of`, which `place` lays over it."""
    size = within.shape[1], within.shape[0]
    inside = cv2.warpAffine(np.ones_like(of), place, size)
    one, two = _fine(cv2.warpAffine(of, place, size)), _fine(within)
    mean_one, mean_two = _mean(one), _mean(two)
    var_one, var_two = _mean(one * one) - mean_one**2, _mean(two * two) - mean_two**2
    compared = (_mean(inside) > 0.99) & (np.maximum(var_one, var_two) > LEAST_TEXTURE)
    if np.count_nonzero(compared) < LEAST_COMPARED:
        return 0.0
    both = (_mean(one * two) - mean_one * mean_two)[compared]
    deviations = np.sqrt(np.maximum(var_one[compared], 1e-3) * np.maximum(var_two[compared], 1e-3))
    return float(np.mean(both > CORRELATED * deviations))


def _fine(grey: Grey) -> Grey:
    result: Grey = grey - cv2.GaussianBlur(grey, (0, 0), COARSE)
    return result


def _mean(values: Grey) -> Grey:
    result: Grey = cv2.blur(values, (PATCH, PATCH))
    return result
