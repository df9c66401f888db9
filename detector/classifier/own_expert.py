"""An operator's own model as an expert: the card's crop in, the card's number out; subclasses run the model."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.classifier.cards import ModelCard
from detector.classifier.own_card import Floats, OwnCard
from detector.classifier.scorer import BATCH, Reading, Views, joined
from detector.faces import crop_face
from detector.types import Face, Pixels


class OwnExpert(ABC):
    """Cannot tell what it was not measured on (distances are zero), nor point."""

    def __init__(self, own: OwnCard) -> None:
        self._own = own

    @property
    def card(self) -> ModelCard:
        return self._own.card

    def prepare(self, pixels: Pixels, face: Face) -> Views:
        return (crop_face(pixels, face, side=self.card.side, margin=self.card.margin),)

    def read(self, views: Sequence[Views]) -> Reading:
        """Readings of crops; raises `ModelUnavailable` if the model fails or is not as its card says."""
        parts = [self._batch([crop for (crop,) in views[at : at + BATCH]]) for at in range(0, len(views), BATCH)]
        return joined(parts)

    def _batch(self, crops: Sequence[Pixels]) -> Reading:
        outputs = self._run(self._own.takes.apply(crops))
        logits = self._own.gives.apply(outputs, count=len(crops))
        return Reading(logits, np.zeros(len(crops), np.float32))

    @abstractmethod
    def _run(self, batch: Floats) -> Sequence[NDArray[Any]]:
        """All outputs of the model for one batch."""
