"""Measures the shipped experts on an index of labelled files, and writes JSON, Markdown tables, plots and model cards.

    shingan evaluate INDEX.csv ROOT --split test --out REPORT_FOLDER
    shingan evaluate INDEX.csv ROOT --scores SCORES.jsonl --into-cards      (writes [metrics] into the cards)

`--scores` and `--deliveries` name files of raw results, which are made first where they do not exist; making them is
what takes time. Rows with a clip in the index are measured frame by frame and clip by clip.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from detector.classifier.cards import ModelCard, read_card, shipped
from detector.classifier.tiers import cards_for, vit_card
from detector.pipeline import EXPERTS
from detector.training import deliveries, markdown
from detector.training.calibrate import read_scores
from detector.training.clips import clip_rows
from detector.training.crossval import held_out
from detector.training.gates import Gate, gates, tier_error
from detector.training.into_cards import state_fpr, write_into
from detector.training.rows import Row, Table, completed, index_facts, table_of
from detector.training.score import score_index
from detector.training.shares import by, fairness, flips, swings
from detector.training.slices import lines
from detector.types import EvidenceKind, Tier

MOST_SWINGS: Final = 20
"""Photos listed whose score moves most over their deliveries."""


def evaluate(
    rows: Sequence[Row], cards: Sequence[ModelCard], *, split: str = "test", delivered: Sequence[Row] = ()
) -> dict[str, Any]:
    """All figures of the rows of `split`; gates on false alarms use val and test. Raises nothing on small sets.

    `delivered` are rows of `detector.training.deliveries`.
    """
    rows = [*rows, *clip_rows(rows, [str(card.kind) for card in cards])]
    test = table_of([row for row in rows if row["split"] == split], cards)
    crossed = cross_validated(rows, cards)
    found, moved = lines(test), swings(test)
    stability = deliveries.summary(delivered, cards) if delivered else None
    judged: list[Gate] = gates(found, test, crossed, stability)
    return {
        "split": split,
        "models": {str(card.kind): card.name for card in cards},
        "gates": [item.as_row() for item in judged],
        "lines": found,
        "by_tier": by(test.where(np.asarray(test["tier"] != "")), "tier"),
        "by_set": by(test, "set", "delivery"),
        "by_delivery": by(test, "delivery"),
        "fairness": fairness(crossed),
        "ece": {name: {str(tier): tier_error(test, name, tier)[0] for tier in Tier} for name in test.experts},
        "swings": {"photos": len(moved), "flips": len(flips(moved)), "widest": moved[:MOST_SWINGS]},
        "deliveries": stability,
        "no_face": round(float(np.mean(test["tier"] == "")), 4) if len(test) else None,
    }


def cross_validated(rows: Sequence[Row], cards: Sequence[ModelCard]) -> Table:
    """Val and test, each fold judged by cards that were calibrated without it; as shipped where a fold is too thin."""
    parts = [table_of(inside, refitted) for inside, refitted in held_out(rows, cards)]
    return Table({name: np.concatenate([part[name] for part in parts]) for name in parts[0].columns})


def scores_of(args: argparse.Namespace) -> list[Row]:
    """The raw scores that `args.scores` holds, made first where there are none."""
    with tempfile.TemporaryDirectory() as folder:
        path = args.scores or Path(folder) / "scores.jsonl"
        if not path.exists():
            cards = [shipped(EvidenceKind(kind)) for kind in EXPERTS]
            score_index(args.index, args.root, path, splits=sorted({"val", "test", args.split}), cards=cards)
        return completed(read_scores(path), index_facts(args.index))


def deliveries_of(args: argparse.Namespace) -> list[Row]:
    """The rows that `args.deliveries` holds, made first where there are none; no rows if it was not asked for."""
    if args.deliveries is None:
        return []
    if not args.deliveries.exists():
        deliveries.measure_index(args.index, args.root, args.deliveries, split=args.split, limit=args.limit)
    return completed(read_scores(args.deliveries), index_facts(args.index))


def write(result: dict[str, Any], rows: Sequence[Row], cards: Sequence[ModelCard], folder: Path) -> None:
    """`evaluation.json`, `evaluation.md` and the plots; raises `FiguresUnavailable` without matplotlib."""
    from detector.training.figures import draw

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (folder / "evaluation.md").write_text(markdown.document(result), encoding="utf-8")
    draw(table_of([row for row in rows if row["split"] == result["split"]], cards), folder)


def as_text(result: dict[str, Any]) -> str:
    """What a terminal shows: the gates."""
    return markdown.gates(result["gates"])


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--scores", type=Path, help="raw scores, made where the file does not exist")
    parser.add_argument("--split", default="test")
    parser.add_argument("--deliveries", type=Path, help="scores of real photos under many deliveries, made likewise")
    parser.add_argument("--limit", type=int, help="real photos to deliver; all of the split without it")
    parser.add_argument("--out", type=Path, help="folder for evaluation.json, evaluation.md and the plots")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--into-cards", action="store_true")
    parser.add_argument("--vit", action="store_true", help="the large tier, on the rows of detector.training.clip_fit")
    return parser


def main() -> None:
    args = arguments().parse_args()
    rows, delivered = scores_of(args), deliveries_of(args)
    paths = list(cards_for("vit" if args.vit else "small", device="cpu", bases=Path()).values())
    measured = [vit_card()] if args.vit else paths
    if args.into_cards:
        for path in measured:
            state_fpr(path, [row for row in rows if row["split"] in ("val", "test")])
    cards = [read_card(path) for path in paths]
    result = evaluate(rows, cards, split=args.split, delivered=delivered)
    if args.into_cards:
        for path in measured:
            write_into(path, result)
    if args.out:
        write(result, rows, cards, args.out)
    print(json.dumps(result) if args.json else as_text(result))


if __name__ == "__main__":
    main()
