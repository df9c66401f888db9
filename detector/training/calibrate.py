"""Writes a model card: calibration and thresholds from the val split, the stated false-positive rate from all splits.

python -m detector.training.calibrate manipulation WEIGHTS.safetensors CARD.toml            (a first, bare card)
python -m detector.training.calibrate manipulation WEIGHTS.safetensors CARD.toml --scores SCORES.jsonl
python -m detector.training.calibrate synthesis CARD.toml CARD.toml --members A.card.toml B.card.toml    (their mean)
"""

import argparse
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import tomli_w

from detector.classifier.calibration import Logits, domain_limit, fit
from detector.classifier.cards import Calibration
from detector.faces import MARGIN
from detector.quality import MIN_FACE_SIDE
from detector.training import manipulation, views
from detector.training.train import BACKBONE
from detector.types import Tier

VERSION: Final = "2026_11"
OWN_FAKES: Final = {
    "manipulation": ("swap", "replacement"),
    "synthesis": ("stylegan", "stylegan2", "diffusion", "shingan"),
}
FAMILIES: Final = {"manipulation": manipulation.FAMILIES, "synthesis": views.FAMILIES}
SIDES: Final = {"manipulation": manipulation.SIDE, "synthesis": views.SIDE}
ARCHES: Final = {"manipulation": "faces", "synthesis": "two_branch"}
RATES: Final = {"manipulation": (0.003, 0.08), "synthesis": (0.004, 0.035)}
"""Share of real photos that each expert may flag, and ask about: together .7 % and 11.5 %. Swaps are the hardest to
tell from reals, so most of what is asked goes to them; at .6 % two of 80 photos were flagged in one delivery of 21."""
VIT_RATES: Final = (0.004, 0.06)
"""The same for the large synthesis expert. It asks more often: a generator that it never saw ranks above most reals
and below the known ones, and to ask is the honest answer there."""
SETS: Final = {
    "manipulation": "DFDC swaps, OpenForensics-like replacements and self-blends, beside real faces of all sets; see "
    "datasets/README.md",
    "synthesis": "StyleGAN, StyleGAN2 portraits, SDXL and FLUX.1 schnell faces, beside real faces of all sets; the "
    "tile network also our own faces (half marked), marked reals and autoencoder twins; see datasets/README.md",
}
BARE: Final = Calibration(1.0, 0.0, 99.0, 98.0, 0.0, 1.0, 0)
"""Reads every score as clear: a card that was not calibrated accuses nobody."""


def read_scores(path: Path) -> list[dict[str, Any]]:
    with path.open() as stream:
        return [json.loads(line) for line in stream]


def logits(rows: list[dict[str, Any]], expert: str) -> Logits:
    """Logits of the rows whose face was fit to judge."""
    return np.array([row[expert] for row in rows if row[expert] is not None and not row["unfit"]], dtype=np.float64)


def calibrate(
    rows: list[dict[str, Any]], expert: str, *, split: str = "val", rates: tuple[float, float] | None = None
) -> dict[Tier, Calibration]:
    """A calibration per measured tier from the rows of `split`, whatever the delivery that led to the tier."""
    found = {}
    for tier in Tier:
        mine = [row for row in rows if row["tier"] == tier and row["split"] == split]
        reals = logits([row for row in mine if row["family"] == "real"], expert)
        fakes = logits([row for row in mine if row["family"] in OWN_FAKES[expert]], expert)
        flag, review = rates or RATES[expert]
        limit = domain_limit(distances([row for row in mine if row["family"] in ("real", *OWN_FAKES[expert])], expert))
        found[tier] = dataclasses.replace(fit(reals, fakes, flag_rate=flag, review_rate=review), domain=limit)
    return found


def distances(rows: list[dict[str, Any]], expert: str) -> Logits:
    """Out-of-domain distances of the rows whose face was fit to judge; zeros where none was measured."""
    fit_rows = [row for row in rows if row[expert] is not None and not row["unfit"]]
    return np.array([row.get(f"{expert}_domain") or 0.0 for row in fit_rows], dtype=np.float64)


def card(expert: str, weights: Path, calibrations: dict[Tier, Calibration]) -> dict[str, Any]:
    """The card as a TOML-able table."""
    return {
        "model": {
            "name": f"{BACKBONE}.{expert}_{VERSION}",
            "kind": expert,
            "arch": ARCHES[expert],
            "backbone": BACKBONE,
            "families": list(FAMILIES[expert]),
            "side": SIDES[expert],
            "margin": MARGIN,
            "file": weights.name,
            "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
            "licence": "Apache-2.0 (code and ImageNet start); trained on research-only face sets, see data",
        },
        "data": {
            "sets": SETS[expert],
            "terms": "some sets are for research only or state no terms; train on your own for other uses",
            "splits": "trained on train, calibrated on val, measured on test; a group is in one split only",
        },
        "limits": {
            "families": "Fakes of families that were not in training mostly score as low as reals and are cleared: "
            "networks trained without diffusion, and without StyleGAN, ranked those at AUC .56 and .57 (clean).",
            "faces": f"One face at a time, at least {MIN_FACE_SIDE} px; nothing is said about the rest of a picture.",
            "people": "Age, sex and race are unevenly spread over the sets; rates by group: UTKFace alone.",
        },
        "calibration": {str(tier): _rounded(value) for tier, value in calibrations.items()},
    }


def mean_card(expert: str, members: list[str]) -> dict[str, Any]:
    """A bare card of the mean of the experts whose cards are the files `members`, which lie beside it."""
    table = card(expert, Path(__file__), dict.fromkeys(Tier, BARE))
    own = {"name": f"mean.{expert}_{VERSION}", "arch": "mean", "members": members, "file": "", "sha256": ""}
    return table | {"model": table["model"] | own}


def _rounded(calibration: Calibration) -> dict[str, float]:
    return {name: round(value, 5) for name, value in dataclasses.asdict(calibration).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("expert", choices=sorted(FAMILIES))
    parser.add_argument("weights", type=Path)
    parser.add_argument("card", type=Path)
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--members", nargs="+", help="cards of the experts whose mean it is")
    args = parser.parse_args()
    if args.members:
        table = mean_card(args.expert, args.members)
    else:
        table = card(args.expert, args.weights, dict.fromkeys(Tier, BARE))
    if args.scores:
        found = calibrate(read_scores(args.scores), args.expert)
        table["calibration"] = {str(tier): _rounded(value) for tier, value in found.items()}
    args.card.write_text(tomli_w.dumps(table), encoding="utf-8")


if __name__ == "__main__":
    main()
