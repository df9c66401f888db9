"""Writes the card of tier `vit` from cached features; a delivery stands for the quality tier of its name.

Of the swap sets only some reals are among them (`detector.training.clip_features`). With the small tier's score rows
thresholds are set by measured tier instead (`detector.training.clip_fit`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import tomli_w
from numpy.typing import NDArray
from safetensors.numpy import load

from detector.classifier.base_weights import ONNX_SHA256, WHEEL, fingerprint
from detector.classifier.calibration import conformal_threshold, domain_limit, fit
from detector.classifier.cards import Calibration
from detector.training.calibrate import VERSION, VIT_RATES, card
from detector.training.clip_features import BACKBONE, SIDE
from detector.types import Tier

Scores = NDArray[np.float64]
Names = NDArray[np.str_]
Unseen = Mapping[str, Mapping[str, float]]
"""AUC by family and delivery."""

LICENCE: Final = (
    "Apache-2.0 (probe); the base is OpenAI CLIP ViT-B/16, MIT as its upstream model card states, not shipped here"
)
SETS: Final = (
    "StyleGAN, StyleGAN2 portraits, SDXL and FLUX.1 schnell faces, beside real faces of all sets (some of DFDC and "
    "OpenForensics); see datasets/README.md"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Scores above which a face is flagged and asked about, and the distance beyond which nothing is said."""

    flag: float
    review: float
    domain: float


def limits_of(reals: Scores, distances: Scores) -> Limits:
    """The thresholds that `reals` and the `distances` of known faces lead to."""
    flag, review = (conformal_threshold(reals, rate=rate) for rate in VIT_RATES)
    return Limits(flag, min(flag, review), domain_limit(distances))


def calibrations_of(scores: Scores, distances: Scores, fakes: NDArray[np.bool_], tiers: Names) -> dict[Tier, Any]:
    """A calibration for each tier from measured faces (val), with the distance within which known faces lie."""
    found = {}
    for tier in Tier:
        here = tiers == str(tier)
        flag, review = VIT_RATES
        fitted = fit(scores[here & ~fakes], scores[here & fakes], flag_rate=flag, review_rate=review)
        found[tier] = _bounded(fitted, domain_limit(distances[here]))
    return found


def _bounded(fitted: Calibration, limit: float) -> Calibration:
    return Calibration(
        fitted.scale, fitted.bias, fitted.flag, fitted.review, fitted.tail, fitted.stated_fpr, fitted.reals, limit
    )


def write_card(
    weights: Path,
    base: Path,
    calibrations: dict[Tier, Calibration],
    families: tuple[str, ...],
    unseen: Unseen,
    beside: Unseen,
) -> Path:
    """Writes the card beside `weights`, bound to the base at `base`.

    `unseen` has the AUC by delivery for each family, from a probe that never saw it; `beside` against FFHQ reals alone.
    """
    table = card("synthesis", weights, calibrations)
    table["model"] |= {
        "name": f"{BACKBONE}.probe_{VERSION}",
        "arch": "clip",
        "backbone": BACKBONE,
        "families": list(families),
        "side": SIDE,
        "licence": LICENCE,
        "base": fingerprint(load(base.read_bytes())),
    }
    table["data"]["sets"] = SETS
    table["limits"]["families"] = unseen_text(unseen, beside)
    table["data"]["base"] = f"the image tower in {WHEEL} (ONNX sha256 {ONNX_SHA256}), dequantised"
    path = weights.parent / "synthesis_vit.card.toml"
    path.write_text(tomli_w.dumps(table), encoding="utf-8")
    return path


def unseen_text(unseen: Unseen, beside: Unseen) -> str:
    """What the card says of generators that were not in training."""
    means = {str(tier): np.mean([row[str(tier)] for row in unseen.values()]) for tier in Tier}
    ffhq = np.mean([row["clean"] for row in beside.values()])
    lowest = min(unseen, key=lambda family: unseen[family]["clean"])
    measured = ", ".join(f"{value:.2f} {tier}" for tier, value in means.items())
    return (
        f"Fakes of a family that was not in training are ranked at a mean AUC of {measured} (each of "
        f"{len(unseen)} families left out in turn), worst {lowest} at {unseen[lowest]['clean']:.2f} clean. "
        f"Much of that is the look of a set: against FFHQ photos alone the mean is {ffhq:.2f} clean, {lowest} "
        f"{beside[lowest]['clean']:.2f}."
    )
