"""The expert that reads a face twice: as an aligned crop, and as tiles of untouched pixels."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from detector.classifier.cards import ModelCard
from detector.classifier.domain import PREFIX, Domain, read_domain
from detector.classifier.engine import fastest
from detector.classifier.network import suspicion, to_input
from detector.classifier.scorer import BATCH, Reading, Views, as_floats, distances_of, fill, joined
from detector.classifier.tiles import GRID, TILE, cut_tiles
from detector.classifier.two_branch import TwoBranch, TwoSights, to_tiles
from detector.classifier.weights import load_weights
from detector.errors import ModelUnavailable
from detector.faces import crop_face
from detector.types import Face, Pixels


class TwoBranchExpert:
    """A crop and four tiles a face through a `TwoBranch`; its masks add content by place and noise by tile."""

    def __init__(
        self, card: ModelCard, model: Callable[[Tensor, Tensor], TwoSights], *, domain: Domain | None, device: str
    ) -> None:
        self.card = card
        self._model = model
        self._domain = domain
        self._device = device

    @classmethod
    def load(cls, card: ModelCard, folder: Path, *, device: str, engines: Path | None = None) -> "TwoBranchExpert":
        """The expert of `card`, whose weights lie in `folder`; raises `ModelUnavailable`.

        On a CPU its network may run in ONNX Runtime, kept in `engines` (`detector.classifier.engine`).
        """
        weights = load_weights(card, folder)

        def build() -> torch.nn.Module:
            model = TwoBranch(card.backbone, len(card.families))
            try:
                fill(model, {name: value for name, value in weights.items() if not name.startswith(PREFIX)})
                return model.to(memory_format=torch.channels_last).to(device).eval()
            except RuntimeError as error:
                raise ModelUnavailable(f"the weights {card.file} do not fit {card.backbone} on {device}") from error

        example = torch.zeros(2, 3, card.side, card.side), torch.zeros(2, GRID * GRID, 3, TILE, TILE)
        kept = engines if device == "cpu" else None
        network = fastest(build, example, gives=TwoSights, name=card.sha256, folder=kept)
        return cls(card, network, domain=read_domain(weights), device=device)

    def prepare(self, pixels: Pixels, face: Face) -> Views:
        crop = crop_face(pixels, face, side=self.card.side, margin=self.card.margin)
        return crop, cut_tiles(pixels, face)

    def read(self, views: Sequence[Views]) -> Reading:
        return joined([self._batch(views[at : at + BATCH]) for at in range(0, len(views), BATCH)])

    @torch.inference_mode()
    def _batch(self, views: Sequence[Views]) -> Reading:
        crops = to_input([crop for crop, _ in views]).to(self._device)
        sights = self._model(crops, to_tiles([tiles for _, tiles in views]).to(self._device))
        features = as_floats(sights.features)
        return Reading(
            as_floats(suspicion(sights.logits)).astype(np.float64),
            distances_of(features, self._domain),
            features,
            as_floats(torch.sigmoid(sights.maps)),
        )
