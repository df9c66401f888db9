"""Puts measured figures into the model cards, so that none of them is ever typed."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import tomli_w

from detector.classifier.cards import Calibration, read_card
from detector.training.rows import Row
from detector.training.slices import ALL, Line, pick

RANKED: Final = ("native", "clean", "web", "hard")
KEPT: Final = ("auc", "tpr_at_1", "brier", "aurc")


def write_into(card_path: Path, result: Mapping[str, Any]) -> None:
    """Replaces the `[metrics]` of a card by those measured."""
    table = tomllib.loads(card_path.read_text(encoding="utf-8"))
    kind = table["model"]["kind"]
    table["metrics"] = {
        "split": result["split"],
        "ece": _told(result["ece"][kind]),
        "ranking": [_compact(line) for line in _ranked(result["lines"], kind)],
        "both_experts_by_tier": [_told(line) for line in result["by_tier"]],
        "both_experts_by_delivery": [_told(line) for line in result["by_delivery"]],
        "gates": [_told(gate) for gate in result["gates"] if gate["target"] is not None],
        "gaps_between_people": [_told(gap) for gap in result["fairness"]["gaps"] if gap["delivery"] == "all"],
    }
    card_path.write_text(tomli_w.dumps(table), encoding="utf-8")


def _ranked(found: Sequence[Line], kind: str) -> list[Line]:
    """Sets against their own reals and families against all, at each delivery."""
    chosen = [line for delivery in RANKED for line in pick(found, delivery=delivery, tier=ALL, expert=kind)]
    return [line for line in chosen if (line["against"] == "own") == (line["set"] != ALL) and line["generator"] != ALL]


def _compact(line: Line) -> dict[str, Any]:
    where = {name: line[name] for name in ("level", "set", "generator", "delivery", "against", "fakes", "reals")}
    return where | _told({name: line.get(name) for name in KEPT})


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values without those that were not measured: TOML knows no null."""
    return {
        name: [v for v in value if v is not None] if isinstance(value, list) else value
        for name, value in values.items()
        if value is not None
    }


def state_fpr(card_path: Path, rows: Sequence[Row]) -> None:
    """Puts the share of real photos that the expert flags, over all splits given, into the card's `stated_fpr`."""
    table, card = tomllib.loads(card_path.read_text(encoding="utf-8")), read_card(card_path)
    for tier, calibration in card.calibrations.items():
        reals = [row for row in rows if row["family"] == "real" and row["tier"] == tier and not row["unfit"]]
        table["calibration"][str(tier)]["stated_fpr"] = round(_flag_rate(reals, str(card.kind), calibration), 5)
    card_path.write_text(tomli_w.dumps(table), encoding="utf-8")


def _flag_rate(reals: Sequence[Row], kind: str, calibration: Calibration) -> float:
    """At least one in so many: a rate of zero is never stated."""
    hits = sum(row[kind] > calibration.flag for row in reals)
    return float(max(hits, 1) / max(1, len(reals)))
