"""A model card beside each weight file: it drives preprocessing, thresholds and licence, so serving cannot drift."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from detector.errors import ModelUnavailable
from detector.types import EvidenceKind, Tier


@dataclass(frozen=True, slots=True)
class Calibration:
    """How raw logits of one tier are read.

    `scale` and `bias` turn a logit into the log-odds of the calibrated probability. `flag` and `review` are raw logits;
    a picture with n faces has its highest logit lowered by `tail` * ln(n), since the highest of many reals is higher.
    `stated_fpr` is the share of real photos above `flag`, measured on val and test together; `flag` is from val.
    A face whose distance exceeds `domain` is unlike what the expert was measured on, whatever its logit.
    """

    scale: float
    bias: float
    flag: float
    review: float
    tail: float
    stated_fpr: float
    reals: int
    domain: float = math.inf


@dataclass(frozen=True, slots=True)
class ModelCard:
    """`arch` says which class reads the model (`detector.classifier.registry`), `backbone` is a timm name, `base` the
    fingerprint of the frozen weights that it needs beside its own file (`detector.classifier.base_weights`).
    """

    name: str
    kind: EvidenceKind
    arch: str
    backbone: str
    families: tuple[str, ...]
    side: int
    margin: float
    file: str
    sha256: str
    licence: str
    calibrations: Mapping[Tier, Calibration]
    base: str = ""
    members: tuple[str, ...] = ()
    """Card files of the experts that an expert of arch "mean" averages."""


def read_card(path: Path) -> ModelCard:
    """The card at `path`; raises `ModelUnavailable` if it is missing or incomplete."""
    try:
        return _card(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(f"the model card {path.name} cannot be used: {error}") from error


def _card(table: dict[str, Any]) -> ModelCard:
    model = table["model"]
    return ModelCard(
        name=model["name"],
        kind=EvidenceKind(model["kind"]),
        arch=model.get("arch", "faces"),
        backbone=model["backbone"],
        families=tuple(model["families"]),
        side=model["side"],
        margin=model["margin"],
        file=model["file"],
        sha256=model["sha256"],
        licence=model["licence"],
        calibrations={Tier(name): Calibration(**values) for name, values in table["calibration"].items()},
        base=model.get("base", ""),
        members=tuple(model.get("members", ())),
    )


def shipped(kind: EvidenceKind) -> Path:
    """Where the card of the shipped expert of `kind` lies."""
    return Path(str(files("detector").joinpath("weights", f"{kind}.card.toml")))
