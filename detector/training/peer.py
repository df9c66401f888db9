"""Compares the shipped experts with another detector on the same files, as a Markdown table.

    python -m detector.training.peer SCORES.jsonl PEER.jsonl [PEER.jsonl ...] > TABLE.md

SCORES.jsonl is from `detector.training.score`. Each line of a PEER.jsonl has `file` and `score` (higher: more likely
fake), from the very same bytes: delivery `native`, which re-encodes both classes alike. Of several runs of the peer,
each a file, the table quotes for every set the one with the higher AUC, so that the peer is shown at its best.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from detector.classifier.cards import ModelCard, read_card, shipped
from detector.pipeline import EXPERTS
from detector.training.metrics import Values, auc, tpr_at
from detector.types import Tier

DELIVERY: Final = "native"
FPR: Final = 0.01
ROUNDS: Final = 400
"""Resamples behind an interval."""
FACELESS: Final = -1e9
"""Our score of a file without a face that is fit to judge: below every other, for reals and fakes alike."""
POOLED: Final = "all"
SYNTHETIC_REALS: Final = ("ffhq_small", "utkface", "web_faces", "ffhq_stylegan")
"""Sets whose reals stand against the fakes of the two sets that have fakes only."""
FAKES_ONLY: Final = ("stylegan2_portraits", "t2i_diffusion")

Row = Mapping[str, Any]
Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """AUC with its bootstrap 95 % interval, and the share of fakes found at 1 % false positives."""

    auc: float
    low: float
    high: float
    tpr: float

    def __str__(self) -> str:
        return f"{self.auc:.3f} ({self.low:.3f}–{self.high:.3f}) | {self.tpr:.3f}"


def suspicion_of(row: Row, cards: Sequence[ModelCard]) -> float:
    """The higher calibrated log-odds of the experts; a face that the product would not judge has none."""
    if row["unfit"]:
        return FACELESS
    tier, odds = Tier(row["tier"]), [FACELESS]
    for card in cards:
        calibration, logit = card.calibrations[tier], row[str(card.kind)]
        if logit is not None:
            odds.append(calibration.scale * logit + calibration.bias)
    return max(odds)


def ours(rows: Sequence[Row], cards: Sequence[ModelCard]) -> dict[str, float]:
    return {row["file"]: suspicion_of(row, cards) for row in rows}


def groups(rows: Sequence[Row]) -> dict[str, tuple[list[str], list[str]]]:
    """Fakes and reals (files) of each set, of the sets without reals against those of the others, and of all."""
    found = {}
    for name in sorted({row["set"] for row in rows}):
        reals_of = SYNTHETIC_REALS if name in FAKES_ONLY else (name,)
        fakes = [row["file"] for row in rows if row["set"] == name and row["family"] != "real"]
        reals = [row["file"] for row in rows if row["set"] in reals_of and row["family"] == "real"]
        if fakes and reals:
            found[name] = fakes, reals
    files = [[row["file"] for row in rows if (row["family"] == "real") is real] for real in (False, True)]
    return found | {POOLED: (files[0], files[1])}


def measured(scores: Scores, fakes: Sequence[str], reals: Sequence[str]) -> Measured:
    high, low = (np.array([scores[file] for file in files]) for files in (fakes, reals))
    return Measured(auc(high, low), *_spread(high, low), tpr_at(high, low, fpr=FPR))


def _spread(fakes: Values, reals: Values, *, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the AUC, fakes and reals resampled apart."""
    rng = np.random.default_rng(seed)
    drawn = [auc(rng.choice(fakes, len(fakes)), rng.choice(reals, len(reals))) for _ in range(ROUNDS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def table(rows: Sequence[Row], own: Scores, peers: Mapping[str, Scores]) -> str:
    """A line a set; only files that every side has scored."""
    shared = [row for row in rows if all(row["file"] in scores for scores in (own, *peers.values()))]
    lines = ["| set | fakes | reals | Shingan: AUC (95 %) | TPR at 1 % FPR | peer: AUC (95 %) | TPR at 1 % FPR | run |",
             "|---|--:|--:|--:|--:|--:|--:|---|"]  # fmt: skip
    for name, (fakes, reals) in groups(shared).items():
        runs = {run: measured(scores, fakes, reals) for run, scores in peers.items()}
        best = max(runs, key=lambda run: runs[run].auc)
        mine = measured(own, fakes, reals)
        lines.append(f"| {name} | {len(fakes)} | {len(reals)} | {mine} | {runs[best]} | {best} |")
    return "\n".join(lines)


def read_rows(path: Path) -> list[dict[str, Any]]:
    with path.open() as stream:
        return [json.loads(line) for line in stream]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path)
    parser.add_argument("peers", type=Path, nargs="+")
    parser.add_argument("--split", default="test")
    parser.add_argument("--cards", nargs="+", type=Path, default=[shipped(kind) for kind in EXPERTS])
    args = parser.parse_args()
    cards = [read_card(path) for path in args.cards]
    rows = [row for row in read_rows(args.scores) if row["delivery"] == DELIVERY and row["split"] == args.split]
    peers = {path.stem: {row["file"]: float(row["score"]) for row in read_rows(path)} for path in args.peers}
    print(table(rows, ours(rows, cards), peers))


if __name__ == "__main__":
    main()
