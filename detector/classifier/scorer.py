"""What an expert is to the rest of the product, and the expert that reads one aligned crop a face."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.classifier.cards import ModelCard
from detector.classifier.domain import PREFIX, Domain, read_domain
from detector.classifier.engine import fastest
from detector.classifier.folding import fold_norms
from detector.classifier.network import FamilyClassifier, Sight, suspicion, to_input
from detector.classifier.weights import load_weights
from detector.errors import ModelUnavailable
from detector.faces import crop_face
from detector.types import Face, Pixels

BATCH: Final = 16
MASK_PREFIX: Final = "mask."

Views = tuple[NDArray[np.uint8], ...]
"""One face as an expert wants to see it: one or more cuts of the picture."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an expert read off N faces.

    `logits` N are raw and fused, higher is more suspicious; `distances` N tell how far each face lies from what the
    expert was measured on (zero if it cannot tell); `features` N F; `masks` N h w in 0–1, where the expert can point.
    """

    logits: NDArray[np.float64]
    distances: NDArray[np.float32]
    features: NDArray[np.float32] | None = None
    masks: NDArray[np.float32] | None = None


class Expert(Protocol):
    """Judges faces one by one; safe to call from several threads."""

    @property
    def card(self) -> ModelCard: ...

    def prepare(self, pixels: Pixels, face: Face) -> Views:
        """The views of `face` that `read` takes."""
        ...

    def read(self, views: Sequence[Views]) -> Reading:
        """A reading of every face, in the order given."""
        ...


def pick_device(name: str) -> str:
    """The torch device behind `auto`, `cpu` or `cuda`."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name


class FaceExpert:
    """One crop a face through a `FamilyClassifier`, read straight and mirrored."""

    def __init__(
        self, card: ModelCard, model: Callable[[Tensor], Sight], *, domain: Domain | None, points: bool, device: str
    ) -> None:
        self.card = card
        self._model = model
        self._domain = domain
        self._points = points
        self._device = device

    @classmethod
    def load(cls, card: ModelCard, folder: Path, *, device: str, engines: Path | None = None) -> "FaceExpert":
        """The expert of `card`, whose weights lie in `folder`; raises `ModelUnavailable`.

        On a CPU its network may run in ONNX Runtime, kept in `engines` (`detector.classifier.engine`).
        """
        weights = load_weights(card, folder)

        def build() -> torch.nn.Module:
            model: torch.nn.Module = FamilyClassifier(card.backbone, len(card.families)).eval()
            try:
                fill(model, {name: value for name, value in weights.items() if not name.startswith(PREFIX)})
                return fold_norms(model).to(memory_format=torch.channels_last).to(device).eval()
            except RuntimeError as error:
                raise ModelUnavailable(f"the weights {card.file} do not fit {card.backbone} on {device}") from error

        points = any(name.startswith(MASK_PREFIX) for name in weights)
        example = torch.zeros(2, 3, card.side, card.side)
        kept = engines if device == "cpu" else None
        network = fastest(build, (example,), gives=Sight, name=card.sha256, folder=kept)
        return cls(card, network, domain=read_domain(weights), points=points, device=device)

    def prepare(self, pixels: Pixels, face: Face) -> Views:
        return (crop_face(pixels, face, side=self.card.side, margin=self.card.margin),)

    def read(self, views: Sequence[Views]) -> Reading:
        parts = [self._batch([crop for (crop,) in views[at : at + BATCH]]) for at in range(0, len(views), BATCH)]
        return joined(parts)

    @torch.inference_mode()
    def _batch(self, crops: Sequence[Pixels]) -> Reading:
        batch = to_input(crops).to(self._device)
        straight, mirrored = self._model(batch), self._model(batch.flip(3))
        features = as_floats((straight.features + mirrored.features) / 2)
        masks = torch.sigmoid((straight.masks + mirrored.masks.flip(2)) / 2)
        return Reading(
            as_floats((suspicion(straight.logits) + suspicion(mirrored.logits)) / 2).astype(np.float64),
            distances_of(features, self._domain),
            features,
            as_floats(masks) if self._points else None,
        )


def fill(model: torch.nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Loads `weights`; only batch counters and a whole mask head may be missing. Raises `RuntimeError`."""
    missing, unexpected = model.load_state_dict(weights, strict=False)
    needed = [name for name in missing if not name.endswith("num_batches_tracked")]
    if unexpected or any(not name.startswith(MASK_PREFIX) for name in needed):
        raise RuntimeError(f"{len(needed)} tensors are missing, {len(unexpected)} are unknown")


def as_floats(values: Tensor) -> NDArray[np.float32]:
    return np.asarray(values.float().cpu().numpy(), dtype=np.float32)


def distances_of(features: NDArray[np.float32], domain: Domain | None) -> NDArray[np.float32]:
    return np.zeros(len(features), np.float32) if domain is None else domain.distances(features)


def joined(parts: Sequence[Reading]) -> Reading:
    """Readings one after the other; an empty reading if there are none."""
    if not parts:
        return Reading(np.empty(0), np.empty(0, np.float32))
    return Reading(
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.distances for part in parts]),
        _stacked([part.features for part in parts]),
        _stacked([part.masks for part in parts]),
    )


def _stacked(arrays: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
    there = [array for array in arrays if array is not None]
    return np.concatenate(there) if len(there) == len(arrays) else None
