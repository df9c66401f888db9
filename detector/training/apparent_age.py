"""Fits the reading of `detector.apparent_age` on faces of known age, and measures it on the test split.

    python -m detector.training.apparent_age OUT_FOLDER ROOT FACES.jsonl…

Ages are known of UTKFace, whose `attrs` begin with them, and of the real faces of DFDC, whose actors were adults. Each
face is seen as it is and delivered at random, for blur makes a face look young. The threshold takes at most
`ADULTS_TAKEN` of the people of `CLEARLY_ADULT` or more for minors in either set, by cross-validation.
"""

import argparse
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import tomli_w
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from detector.apparent_age import ADULT, CARD
from detector.landmarks import CARD as LANDMARK_CARD
from detector.landmarks import LandmarkFinder
from detector.training.data import Sample, read_faces, read_pixels
from detector.training.degrade import degrade, recolour
from detector.training.metrics import wilson
from detector.types import Pixels, Tier

AGED: Final = "utkface"
ADULTS: Final = "dfdc"
SOME_ADULT: Final = 35.0
"""Years that stand for the unstated age of an adult."""
MOST_ADULTS: Final = 500
"""Faces of `ADULTS` used for the fit, and as many at most for the figures."""
TIERS: Final = (Tier.WEB, Tier.HARD)
FILE: Final = "apparent_age.safetensors"
LANDMARKS: Final = "landmarks.safetensors"
STRENGTH: Final = 0.05
"""Inverse of the ridge penalty; .01 to .1 are alike within .01 of AUC."""
FOLDS: Final = 10
CLEARLY_ADULT: Final = 25
ADULTS_TAKEN: Final = 0.05

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """`described` N D, ages N in years, `sets` N, and `files` N: views of one face belong together."""

    described: Values
    ages: Values
    sets: NDArray[np.str_]
    files: NDArray[np.str_]


def describe(samples: Iterable[Sample], root: Path, landmarks: LandmarkFinder, *, tiers: Sequence[Tier] = ()) -> Seen:
    """What the landmark network sees of each face, as it is and delivered once for each of `tiers`."""
    rng = np.random.default_rng(0)
    rows = []
    for sample in samples:
        if sample.face is None:
            continue
        pixels = read_pixels(root / sample.file)
        age = float(sample.attrs.split("_")[0]) if sample.set == AGED else SOME_ADULT
        for view in (pixels, *(_delivered(pixels, tier, rng) for tier in tiers)):
            mesh = landmarks.find(view, sample.face)
            rows.append((landmarks.describe(view, mesh), age, sample.set, sample.file))
    described, ages, sets, files = zip(*rows, strict=True)
    return Seen(np.array(described, np.float64), np.array(ages), np.array(sets), np.array(files))


def _delivered(pixels: Pixels, tier: Tier, rng: np.random.Generator) -> Pixels:
    """`pixels` after a delivery of `tier`, back at their size."""
    worse = degrade(recolour(pixels, rng=rng), tier=tier, rng=rng)
    back = cv2.resize(worse, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(back, np.uint8)


def fit(seen: Seen) -> tuple[Values, float, float]:
    """Weights over descriptions as they come, bias, and threshold."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=5000, class_weight="balanced"))
    minors, folds = seen.ages < ADULT, GroupKFold(FOLDS)
    held_out = cross_val_predict(model, seen.described, minors, groups=seen.files, cv=folds, method="decision_function")
    adults = seen.ages >= CLEARLY_ADULT
    threshold = max(
        float(np.quantile(held_out[adults & (seen.sets == name)], 1 - ADULTS_TAKEN)) for name in np.unique(seen.sets)
    )
    scaler, regression = model.fit(seen.described, minors)
    weights = regression.coef_[0] / scaler.scale_
    return weights, float(regression.intercept_[0] - weights @ scaler.mean_), threshold


def measured(logits: Values, seen: Seen, threshold: float) -> dict[str, Any]:
    """AUC within UTKFace, and the share taken for minors by age, with Wilson 95 % intervals."""
    ages, aged = seen.ages, seen.sets == AGED
    groups = {
        "under_13": aged & (ages < 13),
        "13_to_17": aged & (ages >= 13) & (ages < ADULT),
        "18_to_24": aged & (ages >= ADULT) & (ages < CLEARLY_ADULT),
        "25_or_more": aged & (ages >= CLEARLY_ADULT),
        "dfdc_adults": ~aged,
    }
    shares = {}
    for name, chosen in groups.items():
        taken, of = int((logits[chosen] >= threshold).sum()), int(chosen.sum())
        low, high = wilson(taken, of) if of else (0.0, 1.0)
        shares[name] = {"taken": taken, "of": of, "low": round(low, 3), "high": round(high, 3)}
    return {
        "split": "test",
        "auc": round(float(roc_auc_score(ages[aged] < ADULT, logits[aged])), 3),
        "taken_for_minors": shares,
    }


def card(folder: Path, threshold: float, figures: dict[str, Any], fitted_on: int) -> dict[str, Any]:
    digest = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (FILE, LANDMARKS)}
    return {
        "model": {
            "name": "apparent_age.2026_11",
            "kind": "may be a minor",
            "file": FILE,
            "sha256": digest[FILE],
            "beside": LANDMARKS,
            "beside_sha256": digest[LANDMARKS],
            "licence": "Apache-2.0 (code); fitted on a research-only set, see data",
        },
        "data": {
            "sets": f"UTKFace with the ages that it states, real DFDC faces as adults: {fitted_on} of train and val",
            "terms": "research only; fit your own for other uses",
        },
        "operating_point": {
            "threshold": round(threshold, 5),
            "chosen": f"{100 * ADULTS_TAKEN:g} % of people of {CLEARLY_ADULT} or more in either set, cross-validated",
        },
        "limits": {
            "meaning": "A look, not an age: it misses minors and takes adults for minors, as measured below.",
            "people": "Groups by sex and race are too small here to compare.",
        },
        "metrics": figures,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help=f"folder that holds {LANDMARK_CARD} and its weights")
    parser.add_argument("root", type=Path)
    parser.add_argument("faces", type=Path, nargs="+")
    args = parser.parse_args()
    torch.set_num_threads(1)
    samples = [sample for path in args.faces for sample in read_faces(path) if _useful(sample)]
    landmarks = LandmarkFinder(args.out)
    seen = describe(_some([s for s in samples if s.split != "test"]), args.root, landmarks, tiers=TIERS)
    weights, bias, threshold = fit(seen)
    save_file({"weights": weights.astype(np.float32), "bias": np.array([bias], np.float32)}, args.out / FILE)
    held = describe(_some([s for s in samples if s.split == "test"]), args.root, landmarks)
    figures = measured(held.described @ weights + bias, held, threshold)
    (args.out / CARD).write_text(tomli_w.dumps(card(args.out, threshold, figures, len(np.unique(seen.files)))))
    print(tomli_w.dumps(figures))


def _useful(sample: Sample) -> bool:
    return sample.real and sample.set in (AGED, ADULTS)


def _some(samples: Sequence[Sample]) -> list[Sample]:
    """All faces of known age, and every so many of the adults."""
    aged, adults = ([s for s in samples if s.set == name] for name in (AGED, ADULTS))
    return aged + adults[:: max(1, len(adults) // MOST_ADULTS)]


if __name__ == "__main__":
    main()
