"""Measures the shipped experts on a held-out split: ranking, error rates at the shipped thresholds, calibration.

python -m detector.training.evaluate SCORES.jsonl --split test --json
python -m detector.training.evaluate SCORES.jsonl --split test --into-cards      (writes [metrics] into the cards)
"""

import argparse
import json
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import tomli_w

from detector.classifier.calibration import probability
from detector.classifier.cards import Calibration, ModelCard, read_card, shipped
from detector.opinions import state_of
from detector.pipeline import EXPERTS
from detector.training.calibrate import OWN_FAKES, read_scores
from detector.training.metrics import Values, auc, bootstrap, calibration_error, tpr_at, wilson
from detector.training.score import score_index
from detector.types import EvidenceKind, EvidenceState, Tier

Row = Mapping[str, Any]

RIVALS: Final = {"dfdc": ("dfdc",), "openforensics": ("openforensics",)}
"""Real sets that a set of fakes is ranked against; other fakes meet `WILD`."""
WILD: Final = ("ffhq_stylegan", "utkface", "ffhq_small", "web_faces")
MISSED: Final = -1.0
"""Probability of what was not scored: below every score, so that an abstention counts as a miss."""


def score_of(row: Row, card: ModelCard) -> float:
    logit = row[str(card.kind)]
    if logit is None or row["unfit"]:
        return MISSED
    return probability(logit, card.calibrations[Tier(row["tier"])])


def state(row: Row, card: ModelCard) -> EvidenceState:
    logit = row[str(card.kind)]
    if logit is None or row["unfit"]:
        return EvidenceState.NOT_APPLICABLE
    return state_of(logit, card.calibrations[Tier(row["tier"])])


def action(row: Row, cards: Iterable[ModelCard]) -> str:
    """What the verdict over both experts would ask for, credentials and marks left out."""
    states = {state(row, card) for card in cards}
    if EvidenceState.FIRED in states:
        return "flag"
    if EvidenceState.INCONCLUSIVE in states or "face_too_small" in row["unfit"] or "too_blurry" in row["unfit"]:
        return "review"
    return "allow"


def ranking(rows: Sequence[Row], card: ModelCard) -> list[dict[str, Any]]:
    """A row per fake family and delivery: AUC and TPR against its real rivals, with bootstrap intervals."""
    found = []
    for delivery in sorted({row["delivery"] for row in rows}):
        for family in OWN_FAKES[str(card.kind)]:
            fakes = [row for row in rows if row["family"] == family and row["delivery"] == delivery]
            rivals = RIVALS.get(fakes[0]["set"], WILD) if fakes else ()
            reals = [r for r in rows if r["family"] == "real" and r["delivery"] == delivery and r["set"] in rivals]
            if fakes and reals:
                found.append(_ranked(card, family, delivery, _scores(fakes, card), _scores(reals, card)))
    return found


def _scores(rows: list[Row], card: ModelCard) -> Values:
    return np.array([score_of(row, card) for row in rows], dtype=np.float64)


def _ranked(card: ModelCard, family: str, delivery: str, fakes: Values, reals: Values) -> dict[str, Any]:
    return {
        "expert": str(card.kind),
        "family": family,
        "delivery": delivery,
        "fakes": len(fakes),
        "reals": len(reals),
        "auc": round(auc(fakes, reals), 4),
        "auc_95": [round(v, 4) for v in bootstrap(auc, fakes, reals)],
        "tpr_at_1": round(tpr_at(fakes, reals, fpr=0.01), 3),
    }


def shares(rows: Sequence[Row], cards: list[ModelCard], *, by: str) -> list[dict[str, Any]]:
    """Shares flagged and sent to review, of reals and of fakes, per value of `by`."""
    found = []
    for value in sorted({str(row[by]) for row in rows}):
        for real in (True, False):
            mine = [row for row in rows if str(row[by]) == value and (row["family"] == "real") is real]
            if mine:
                found.append({by: value, "class": "real" if real else "fake"} | _share(mine, cards))
    return found


def _share(rows: list[Row], cards: list[ModelCard]) -> dict[str, Any]:
    actions = [action(row, cards) for row in rows]
    flagged = actions.count("flag")
    return {
        "n": len(rows),
        "flagged": round(flagged / len(rows), 4),
        "flagged_95": [round(v, 4) for v in wilson(flagged, len(rows))],
        "review": round(actions.count("review") / len(rows), 4),
    }


def calibration(rows: Sequence[Row], card: ModelCard) -> dict[str, float]:
    """Expected calibration error per tier, both classes weighted alike."""
    found = {}
    for tier in Tier:
        mine = [row for row in rows if row["tier"] == tier and score_of(row, card) != MISSED]
        fakes = [row for row in mine if row["family"] in OWN_FAKES[str(card.kind)]]
        reals = [row for row in mine if row["family"] == "real"]
        if fakes and reals:
            p = np.concatenate([_scores(fakes, card), _scores(reals, card)])
            y = np.concatenate([np.ones(len(fakes)), np.zeros(len(reals))])
            w = np.where(y == 1, 0.5 / len(fakes), 0.5 / len(reals))
            found[str(tier)] = round(calibration_error(p, y, w), 4)
    return found


def evaluate(rows: Sequence[Row], cards: list[ModelCard]) -> dict[str, Any]:
    scored = [row for row in rows if row["tier"] is not None]
    return {
        "ranking": [line for card in cards for line in ranking(rows, card)],
        "by_delivery": shares(rows, cards, by="delivery"),
        "by_tier": shares(scored, cards, by="tier"),
        "by_set": shares([row for row in rows if row["delivery"] == "native"], cards, by="set"),
        "ece": {str(card.kind): calibration(rows, card) for card in cards},
        "no_face": round(sum(row["tier"] is None for row in rows) / max(1, len(rows)), 4),
    }


def write_into(card_path: Path, result: Mapping[str, Any], split: str) -> None:
    """Replaces the `[metrics]` of a card by those measured, so that no figure in it is typed."""
    table = tomllib.loads(card_path.read_text(encoding="utf-8"))
    kind = table["model"]["kind"]
    table["metrics"] = {
        "split": split,
        "ece": result["ece"][kind],
        "ranking": [line for line in result["ranking"] if line["expert"] == kind],
        "both_experts_by_delivery": result["by_delivery"],
        "both_experts_by_tier": result["by_tier"],
    }
    card_path.write_text(tomli_w.dumps(table), encoding="utf-8")


def state_fpr(card_path: Path, rows: Sequence[Row]) -> None:
    """Puts the share of real photos that the expert flags, over all splits given, into the card's `stated_fpr`."""
    table, card = tomllib.loads(card_path.read_text(encoding="utf-8")), read_card(card_path)
    for tier, calibration in card.calibrations.items():
        reals = [row for row in rows if row["family"] == "real" and row["tier"] == tier and not row["unfit"]]
        table["calibration"][str(tier)]["stated_fpr"] = round(_flag_rate(reals, card, calibration), 5)
    card_path.write_text(tomli_w.dumps(table), encoding="utf-8")


def _flag_rate(reals: list[Row], card: ModelCard, calibration: Calibration) -> float:
    hits = sum(row[str(card.kind)] > calibration.flag for row in reals)
    return float(max(hits, 1) / max(1, len(reals)))


def scores_of(args: argparse.Namespace) -> list[dict[str, Any]]:
    """The raw scores that `args.scores` holds, made first where there are none."""
    splits = ("val", "test") if args.into_cards else (args.split,)
    with tempfile.TemporaryDirectory() as folder:
        path = args.scores or Path(folder) / "scores.jsonl"
        if not path.exists():
            cards = [shipped(EvidenceKind(kind)) for kind in EXPERTS]
            score_index(args.index, args.root, path, splits=splits, cards=cards)
        return read_scores(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--into-cards", action="store_true")
    args = parser.parse_args()
    every, paths = scores_of(args), [shipped(EvidenceKind(kind)) for kind in EXPERTS]
    rows: list[Row] = [row for row in every if row["split"] == args.split]
    if args.into_cards:
        for path in paths:
            state_fpr(path, [row for row in every if row["split"] in ("val", "test")])
    result = evaluate(rows, [read_card(path) for path in paths])
    if args.into_cards:
        for path in paths:
            write_into(path, result, args.split)
    print(json.dumps(result) if args.json else as_text(result))


def as_text(result: Mapping[str, Any]) -> str:
    """The tables of `result`, a JSON object a row."""
    tables = (result[name] for name in ("ranking", "by_delivery", "by_tier", "by_set"))
    return "\n\n".join("\n".join(json.dumps(line) for line in table) for table in tables)


if __name__ == "__main__":
    main()
