"""Calibrates an operator's own detector: scores an index as uploads are scored, and writes thresholds into its card.

    python -m detector.training.own CARD.toml INDEX.csv ROOT [--split val] [--rate .002]

The flag rate is a share of what the shipped experts leave of the stated false-positive rate. A tier with too few reals
to support it gets no flag threshold: there the detector asks for a look at most. A tier with hardly any photos stays
uncalibrated.
"""

import argparse
import dataclasses
import json
import math
import tempfile
from pathlib import Path
from typing import Any, Final

import tomli_w

from detector.classifier.calibration import REVIEW_RATE, conformal_threshold, fit
from detector.classifier.cards import Calibration
from detector.classifier.own_card import read_own_card, read_table
from detector.ensemble import OWN_RATE
from detector.training.calibrate import OWN_FAKES, logits, read_scores
from detector.training.score import score_index
from detector.types import Tier

MIN_EACH: Final = 30
"""Reals and fakes a tier needs for a calibration at all (chosen: 1 / REVIEW_RATE reals bound the review rate)."""


def calibration_of(rows: list[dict[str, Any]], kind: str, *, rate: float = OWN_RATE) -> Calibration | None:
    """Calibration from score rows of one tier; null if they are too few."""
    reals = logits([row for row in rows if row["family"] == "real"], kind)
    fakes = logits([row for row in rows if row["family"] in OWN_FAKES[kind]], kind)
    if min(len(reals), len(fakes)) < MIN_EACH:
        return None
    fitted = fit(reals, fakes)
    enough = math.ceil((len(reals) + 1) * (1 - rate)) <= len(reals)
    flag = conformal_threshold(reals, rate=rate) if enough else math.inf
    review = min(conformal_threshold(reals, rate=REVIEW_RATE), flag)
    stated = rate if enough else 0.0
    return dataclasses.replace(fitted, flag=flag, review=review, stated_fpr=stated)


def calibrate_own(card: Path, index: Path, root: Path, *, split: str = "val", rate: float = OWN_RATE) -> list[Tier]:
    """Writes the calibrations into `card` and returns the tiers that got one; raises `ModelUnavailable`."""
    kind, table = str(read_own_card(card).card.kind), read_table(card)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "scores.jsonl")
        score_index(index, root, out, splits=[split], cards=[card])
        rows = read_scores(out)
    found = {tier: calibration_of([r for r in rows if r["tier"] == tier], kind, rate=rate) for tier in Tier}
    table["calibration"] = {str(tier): dataclasses.asdict(value) for tier, value in found.items() if value}
    draft = card.with_suffix(".draft")
    draft.write_text(tomli_w.dumps(table), encoding="utf-8")
    draft.replace(card)
    return [tier for tier, value in found.items() if value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("card", type=Path)
    parser.add_argument("index", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--rate", type=float, default=OWN_RATE, help="share of real photos that it may flag")
    args = parser.parse_args()
    tiers = calibrate_own(args.card, args.index, args.root, split=args.split, rate=args.rate)
    print(json.dumps({"card": str(args.card), "calibrated": [str(tier) for tier in tiers]}))


if __name__ == "__main__":
    main()
