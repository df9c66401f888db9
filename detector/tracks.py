"""Follows faces through the sampled frames of a clip: who is the same person as in the frame before.

Samples are a second apart, in which a face may cross the picture, so place alone does not tell: a face is taken up
again where it overlaps its last place, or where it is near and looks alike. No track passes a shot border. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from detector.faces import crop_face
from detector.types import Face, Pixels

Appearance = NDArray[np.float32]
"""Unit vector of a small level face crop; the dot product of two tells how alike they look, 1 at most."""

CROP_SIDE: Final = 24
GRID: Final = 8
COLOUR_WEIGHT: Final = 0.5
MAX_GAP: Final = 3
"""Samples over which a face may be lost (turned away, hidden) and be taken up again (chosen)."""
OVERLAP: Final = 0.3
"""Intersection over union from which the place speaks for the same face (as in common trackers)."""
REACH: Final = 2.5
"""Distance of centres, in face sides, within which a face that looks alike may be the same (chosen)."""
GROWTH: Final = 2.0
"""How many times larger or smaller a face may have become."""
ALIKE: Final = 0.6
UNLIKE: Final = 0.1
"""Likeness that a near face needs, and below which even an overlapping face is another one. Of 7,100 pairs of
different people 5 % are more alike than .61 and half less than .22; the same face two seconds later, in six clips,
was at least .51, and .7 to .98 in the middle."""
FORBIDDEN: Final = -1e6


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A face in the sample number `order` of the clip, in shot `shot`; `box` is x0, y0, x1, y1 in pixels."""

    order: int
    shot: int
    box: tuple[float, float, float, float]
    appearance: Appearance

    @property
    def centre(self) -> tuple[float, float]:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def side(self) -> float:
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1], 1.0)


def appearance_of(pixels: Pixels, face: Face) -> Appearance:
    """What `face` looks like: its light and dark parts without brightness and contrast, and its colours."""
    crop = crop_face(pixels, face, side=CROP_SIDE, margin=1.0)
    small = cv2.resize(crop, (GRID, GRID), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32).reshape(-1, 3)  # G*G 3
    light, colour = lab[:, 0] - lab[:, 0].mean(), (lab[:, 1:] - 128.0).ravel()
    parts = np.concatenate([_unit(light), COLOUR_WEIGHT * _unit(colour)])
    return _unit(parts)


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-6), dtype=np.float32)


def follow(sightings: Sequence[Sighting]) -> tuple[int, ...]:
    """The track of each sighting, numbered from 0 in the order of their first faces. Sightings come in any order."""
    tracks = [-1] * len(sightings)
    last: dict[int, int] = {}  # track -> its latest sighting
    for order in sorted({sighting.order for sighting in sightings}):
        now = [at for at, sighting in enumerate(sightings) if sighting.order == order]
        open_tracks = [track for track, at in last.items() if order - sightings[at].order <= MAX_GAP]
        matched = _match([sightings[last[track]] for track in open_tracks], [sightings[at] for at in now])
        for place, at in enumerate(now):
            tracks[at] = open_tracks[matched[place]] if place in matched else len(last)
            last[tracks[at]] = at
    return tuple(tracks)


def _match(before: Sequence[Sighting], now: Sequence[Sighting]) -> dict[int, int]:
    """Which of `before` each of `now` is, by their places in the lists: the best assignment of all."""
    if not before or not now:
        return {}
    scores = np.array([[affinity(old, new) for old in before] for new in now])
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return {int(row): int(column) for row, column in zip(rows, columns, strict=True) if scores[row, column] > FORBIDDEN}


def affinity(old: Sighting, new: Sighting) -> float:
    """How much speaks for `new` being the face of `old`; `FORBIDDEN` where it cannot be."""
    likeness, overlap = float(old.appearance @ new.appearance), intersection_over_union(old.box, new.box)
    side = (old.side + new.side) / 2
    distance = float(np.hypot(old.centre[0] - new.centre[0], old.centre[1] - new.centre[1])) / side
    growth = max(old.side, new.side) / min(old.side, new.side)
    here = overlap >= OVERLAP and likeness >= UNLIKE
    near = distance <= REACH and likeness >= ALIKE
    if old.shot != new.shot or growth > GROWTH or not (here or near):
        return FORBIDDEN
    return likeness + overlap - distance / REACH


def intersection_over_union(
    first: tuple[float, float, float, float], second: tuple[float, float, float, float]
) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return float(shared / max(sum(areas) - shared, 1e-9))
