"""The card of an operator's own detector: what a file of another make takes, gives, and may therefore say.

    [model]   name, kind ("manipulation" | "synthesis"), arch ("onnx" | "torchscript"), file, sha256, side, margin, licence
    [input]   layout ("nchw" | "nhwc"), order ("rgb" | "bgr"), scale, mean, std      x = (pixel * scale - mean) / std
    [output]  index, column, reads ("logit" | "probability"), fake_high

Everything in `[input]` and `[output]` has a default. Calibrations are written by `shingan calibrate`; a tier without
one is `UNCALIBRATED`, and there the detector is not heard.
"""  # noqa: E501

import hashlib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.classifier.cards import Calibration, ModelCard
from detector.errors import ModelUnavailable
from detector.faces import MARGIN
from detector.types import EvidenceKind, Pixels, Tier

ARCHES: Final = ("onnx", "torchscript")
UNCALIBRATED: Final = Calibration(1.0, 0.0, math.inf, math.inf, 0.0, 1.0, 0)
"""Neither flags nor asks for a look at any logit; no real was measured."""
MAX_SIDE: Final = 1024
"""Pixels of the largest crop that is cut for a model (chosen: faces are delivered at 512)."""
CERTAIN: Final = 1e-7
"""How close to 0 and 1 a probability is taken before it becomes log-odds."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class InputForm:
    """How RGB crops become a model's input."""

    layout: str = "nchw"
    order: str = "rgb"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if self.layout not in ("nchw", "nhwc") or self.order not in ("rgb", "bgr"):
            raise ValueError(f"layout {self.layout!r} or order {self.order!r} is unknown")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError("mean and std have three entries each, and std is above zero")

    def apply(self, crops: Sequence[Pixels]) -> Floats:
        """Crops H W 3 of one size as one contiguous batch."""
        batch = np.stack(crops)[..., :: 1 if self.order == "rgb" else -1].astype(np.float32)
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        batch = np.asarray((batch * np.float32(self.scale) - mean) / std, np.float32)
        return np.ascontiguousarray(batch if self.layout == "nhwc" else batch.transpose(0, 3, 1, 2))


@dataclass(frozen=True, slots=True)
class OutputForm:
    """Which number of a model's outputs says "fake", and what it is."""

    index: int = 0
    column: int = -1
    reads: str = "logit"
    fake_high: bool = True

    def __post_init__(self) -> None:
        if self.reads not in ("logit", "probability"):
            raise ValueError(f"an output reads as a logit or a probability, not {self.reads!r}")

    def apply(self, outputs: Sequence[NDArray[Any]], *, count: int) -> NDArray[np.float64]:
        """Logits N, higher is more suspicious; raises `ModelUnavailable` if the outputs are not as the card says."""
        try:
            table = np.asarray(outputs[self.index], np.float64).reshape(count, -1)
            values: NDArray[np.float64] = table[:, self.column]
        except (IndexError, ValueError) as error:
            raise ModelUnavailable("the model's output does not have the shape that its card says") from error
        if not np.isfinite(values).all():
            raise ModelUnavailable("the model gave a score that is no finite number")
        if self.reads == "probability":
            bounded = np.clip(values, CERTAIN, 1 - CERTAIN)
            values = np.log(bounded / (1 - bounded))
        return values if self.fake_high else -values


@dataclass(frozen=True, slots=True)
class OwnCard:
    """A model card with the form of input and output; `path` is where it lies, its model beside it."""

    path: Path
    card: ModelCard
    takes: InputForm
    gives: OutputForm

    def model_path(self) -> Path:
        """The model file, checked byte for byte; raises `ModelUnavailable`."""
        folder = self.path.parent.resolve()
        path = folder / self.card.file
        if path.is_symlink() or path.resolve().parent != folder:
            raise ModelUnavailable(f"the model {self.card.file} has to lie beside its card")
        try:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise ModelUnavailable(f"the model {self.card.file} cannot be read") from error
        if digest != self.card.sha256:
            raise ModelUnavailable(f"the model {self.card.file} is not the one that its card names")
        return path


def read_table(path: Path) -> dict[str, Any]:
    """The card as TOML; raises `ModelUnavailable`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"the model card {path.name} cannot be used: {error}") from error


def read_own_card(path: Path) -> OwnCard:
    """The card at `path`; raises `ModelUnavailable` if it is missing, incomplete or contradicts itself."""
    table = read_table(path)
    try:
        given = table.get("input", {}).items()
        takes: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in given}
        return OwnCard(path, _model_card(table), InputForm(**takes), OutputForm(**table.get("output", {})))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelUnavailable(f"the model card {path.name} cannot be used: {error}") from error


def _model_card(table: Mapping[str, Any]) -> ModelCard:
    model = table["model"]
    kind, side = EvidenceKind(model["kind"]), int(model["side"])
    if model["arch"] not in ARCHES or kind not in (EvidenceKind.MANIPULATION, EvidenceKind.SYNTHESIS):
        raise ValueError(f"arch is one of {', '.join(ARCHES)}; kind is manipulation or synthesis")
    if not 0 < side <= MAX_SIDE:
        raise ValueError(f"side is 1 to {MAX_SIDE} pixels")
    written = {Tier(name): Calibration(**values) for name, values in table.get("calibration", {}).items()}
    return ModelCard(
        name=str(model["name"]),
        kind=kind,
        arch=model["arch"],
        backbone="",
        families=(),
        side=side,
        margin=float(model.get("margin", MARGIN)),
        file=str(model["file"]),
        sha256=str(model["sha256"]),
        licence=str(model["licence"]),
        calibrations={tier: written.get(tier, UNCALIBRATED) for tier in Tier},
    )
