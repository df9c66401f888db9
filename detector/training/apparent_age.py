"""Fits the reading of `detector.apparent_age` on faces of known age, and measures it on the test split.

    python -m detector.training.apparent_age OUT_FOLDER ROOT FACES.jsonl…

Faces come from UTKFace, whose `attrs` begin with the age. The threshold is the one that takes `ADULTS_TAKEN` of the
people of `CLEARLY_ADULT` or more for minors, by cross-validation over train and val.
"""

import argparse
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import tomli_w
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from detector.apparent_age import ADULT, CARD
from detector.landmarks import CARD as LANDMARK_CARD
from detector.landmarks import LandmarkFinder
from detector.training.data import Sample, read_faces, read_pixels
from detector.training.metrics import wilson

SET: Final = "utkface"
FILE: Final = "apparent_age.safetensors"
LANDMARKS: Final = "landmarks.safetensors"
STRENGTH: Final = 0.05
"""Inverse of the ridge penalty; .01 to .1 are alike within .01 of AUC."""
FOLDS: Final = 10
CLEARLY_ADULT: Final = 25
ADULTS_TAKEN: Final = 0.05

Values = NDArray[np.float64]


def describe(samples: Iterable[Sample], root: Path, landmarks: LandmarkFinder) -> tuple[Values, Values]:
    """What the landmark network sees of each face (N D), and its age (N)."""
    seen, ages = [], []
    for sample in samples:
        if sample.face is None:
            continue
        pixels = read_pixels(root / sample.file)
        seen.append(landmarks.describe(pixels, landmarks.find(pixels, sample.face)))
        ages.append(int(sample.attrs.split("_")[0]))
    return np.array(seen, np.float64), np.array(ages, np.float64)


def fit(seen: Values, ages: Values) -> tuple[Values, float, float]:
    """Weights over descriptions as they come, bias, and threshold."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=5000, class_weight="balanced"))
    held_out = cross_val_predict(model, seen, ages < ADULT, cv=FOLDS, method="decision_function")
    threshold = float(np.quantile(held_out[ages >= CLEARLY_ADULT], 1 - ADULTS_TAKEN))
    scaler, regression = model.fit(seen, ages < ADULT)
    weights = regression.coef_[0] / scaler.scale_
    return weights, float(regression.intercept_[0] - weights @ scaler.mean_), threshold


def measured(logits: Values, ages: Values, threshold: float) -> dict[str, Any]:
    """AUC, and the share taken for minors by age, with Wilson 95 % intervals."""
    groups = {
        "under_13": ages < 13,
        "13_to_17": (ages >= 13) & (ages < ADULT),
        "18_to_24": (ages >= ADULT) & (ages < CLEARLY_ADULT),
        "25_or_more": ages >= CLEARLY_ADULT,
    }
    shares = {}
    for name, chosen in groups.items():
        taken, of = int((logits[chosen] >= threshold).sum()), int(chosen.sum())
        low, high = wilson(taken, of) if of else (0.0, 1.0)
        shares[name] = {"taken": taken, "of": of, "low": round(low, 3), "high": round(high, 3)}
    return {"split": "test", "auc": round(float(roc_auc_score(ages < ADULT, logits)), 3), "taken_for_minors": shares}


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
            "set": f"UTKFace, {fitted_on} faces of train and val with the ages that the set states",
            "terms": "research only; fit your own for other uses",
        },
        "operating_point": {
            "threshold": round(threshold, 5),
            "chosen": f"{100 * ADULTS_TAKEN:g} % of people of {CLEARLY_ADULT} or more, cross-validated",
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
    samples = [sample for path in args.faces for sample in read_faces(path) if sample.set == SET]
    landmarks = LandmarkFinder(args.out)
    seen, ages = describe([s for s in samples if s.split != "test"], args.root, landmarks)
    weights, bias, threshold = fit(seen, ages)
    save_file({"weights": weights.astype(np.float32), "bias": np.array([bias], np.float32)}, args.out / FILE)
    held, held_ages = describe([s for s in samples if s.split == "test"], args.root, landmarks)
    figures = measured(held @ weights + bias, held_ages, threshold)
    (args.out / CARD).write_text(tomli_w.dumps(card(args.out, threshold, figures, len(ages))))
    print(tomli_w.dumps(figures))


if __name__ == "__main__":
    main()
