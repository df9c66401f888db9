"""Runs one expert over aligned face crops."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from detector.classifier.cards import ModelCard, read_card
from detector.classifier.network import FamilyClassifier, suspicion, to_input
from detector.classifier.weights import load_weights
from detector.errors import ModelUnavailable
from detector.faces import crop_face
from detector.types import Face, Pixels

BATCH: Final = 16


def pick_device(name: str) -> str:
    """The torch device behind `auto`, `cpu` or `cuda`."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name


class Expert:
    """A loaded model with its card; safe to call from several threads."""

    def __init__(self, card: ModelCard, model: FamilyClassifier, *, device: str) -> None:
        self.card = card
        self._model = model
        self._device = device

    @classmethod
    def load(cls, card_path: Path, *, device: str = "auto") -> "Expert":
        """Reads card and weights beside each other; raises `ModelUnavailable`."""
        card, device = read_card(card_path), pick_device(device)
        model = FamilyClassifier(card.backbone, len(card.families))
        try:
            model.load_state_dict(load_weights(card, card_path.parent), strict=False)
            model = model.to(memory_format=torch.channels_last).to(device).eval()
        except RuntimeError as error:
            raise ModelUnavailable(f"the weights {card.file} do not fit {card.backbone} on {device}") from error
        return cls(card, model, device=device)

    def crop(self, pixels: Pixels, face: Face) -> Pixels:
        return crop_face(pixels, face, side=self.card.side, margin=self.card.margin)

    def logits(self, crops: Sequence[Pixels]) -> NDArray[np.float64]:
        """Raw fused logits, one a crop, each the mean of the crop and its mirror image."""
        parts = [self._batch(crops[at : at + BATCH]) for at in range(0, len(crops), BATCH)]
        return np.concatenate(parts) if parts else np.empty(0)

    @torch.inference_mode()
    def _batch(self, crops: Sequence[Pixels]) -> NDArray[np.float64]:
        batch = to_input(crops).to(self._device)
        both = suspicion(self._model(batch)) + suspicion(self._model(batch.flip(3)))
        return np.asarray((both / 2).cpu().double().numpy())
