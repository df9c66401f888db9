"""An expert that is the mean of several: models that were trained apart err apart, so fewer real photos stand out.

Its members lie beside its card, each with a card of its own; only the calibration of the mean counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detector.classifier.cards import ModelCard
from detector.classifier.scorer import Expert, Reading, Views
from detector.types import Face, Pixels


@dataclass(frozen=True, slots=True)
class MeanExpert:
    """Mean of the members' raw logits; the greatest of their distances; masks of the first member that points."""

    card: ModelCard
    members: tuple[Expert, ...]

    def prepare(self, pixels: Pixels, face: Face) -> Views:
        return tuple(view for member in self.members for view in member.prepare(pixels, face))

    def read(self, views: Sequence[Views]) -> Reading:
        readings = [member.read([face[part] for face in views]) for member, part in self._parts()]
        return Reading(
            np.mean([reading.logits for reading in readings], axis=0),
            np.max([reading.distances for reading in readings], axis=0),
            masks=next((reading.masks for reading in readings if reading.masks is not None), None),
        )

    def _parts(self) -> list[tuple[Expert, slice]]:
        """Each member and which of a face's views are its own."""
        counts = [view_count(member.card) for member in self.members]
        ends = np.cumsum(counts).tolist()
        return [(m, slice(end - n, end)) for m, n, end in zip(self.members, counts, ends, strict=True)]


def view_count(card: ModelCard) -> int:
    """How many views an expert of `card` prepares of a face."""
    return 2 if card.arch == "two_branch" else 1
