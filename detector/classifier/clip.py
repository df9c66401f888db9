"""The expert of tier `vit`: one crop a face through CLIP's frozen image tower and a small probe.

The tower is not shipped (`detector.classifier.base_weights` says where it comes from); the card names the fingerprint
of the one that the probe was fitted on, and no other is accepted.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer

from detector.classifier.base_weights import BASE_FILE, read_base
from detector.classifier.cards import ModelCard
from detector.classifier.clip_probe import ClipProbe, read_probe
from detector.classifier.clip_tower import build_tower, to_clip_input, tower_features
from detector.classifier.domain import Domain, read_domain
from detector.classifier.network import suspicion
from detector.classifier.scorer import BATCH, Reading, Views, as_floats, distances_of, joined
from detector.classifier.weights import load_weights
from detector.errors import ModelUnavailable
from detector.faces import crop_face
from detector.types import Face, Pixels


class ClipExpert:
    """Half precision on CUDA, single on CPU; its features are the standardised layers that the heads see."""

    def __init__(
        self, card: ModelCard, tower: VisionTransformer, probe: ClipProbe, *, domain: Domain | None, device: str
    ) -> None:
        self.card = card
        self._tower = tower
        self._probe = probe
        self._domain = domain
        self._device = device
        self._dtype = torch.float16 if device.startswith("cuda") else torch.float32

    @classmethod
    def load(cls, card: ModelCard, folder: Path, *, bases: Path | None, device: str) -> "ClipExpert":
        """The expert of `card`: its probe lies in `folder`, its base in `bases`; raises `ModelUnavailable`."""
        weights = load_weights(card, folder)
        base = read_base((bases or folder) / BASE_FILE, expected=card.base)
        try:
            tower = build_tower(card.backbone, base).to(device)
            probe = read_probe(weights, len(card.families)).to(device)
        except (KeyError, RuntimeError) as error:
            raise ModelUnavailable(f"the weights {card.file} do not fit {card.backbone} on {device}") from error
        if device.startswith("cuda"):
            tower = tower.half()
        return cls(card, tower, probe, domain=read_domain(weights), device=device)

    def prepare(self, pixels: Pixels, face: Face) -> Views:
        return (crop_face(pixels, face, side=self.card.side, margin=self.card.margin),)

    def read(self, views: Sequence[Views]) -> Reading:
        return joined([self._batch([crop for (crop,) in views[at : at + BATCH]]) for at in range(0, len(views), BATCH)])

    @torch.inference_mode()
    def _batch(self, crops: Sequence[Pixels]) -> Reading:
        pixels = to_clip_input(crops).to(self._device, self._dtype)
        seen = self._probe.features(tower_features(self._tower, pixels))
        features = as_floats(seen)
        logits = as_floats(suspicion(self._probe(seen))).astype(np.float64)
        return Reading(logits, distances_of(features, self._domain), features)
