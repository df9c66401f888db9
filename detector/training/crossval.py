"""Judges val and test together under thresholds that never saw the face at hand: five folds, split by group."""

import dataclasses
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from detector.classifier.cards import Calibration, ModelCard
from detector.training.calibrate import OWN_FAKES, VIT_RATES, calibrate, logits
from detector.training.rows import Row
from detector.types import Tier

FOLDS: Final = 5
SPLITS: Final = ("val", "test")
FEWEST: Final = 20
"""Reals and fakes of a tier below which no thresholds are set (chosen)."""


def refit(rows: Sequence[Row], card: ModelCard) -> Mapping[Tier, Calibration]:
    """The calibration that shipping on `rows` would give; the card's own if some tier has too few faces for that."""
    as_val: list[dict[str, Any]] = [dict(row) | {"split": "val"} for row in rows]
    if any(_thin(as_val, str(card.kind), tier) for tier in Tier):
        return card.calibrations
    return dict(calibrate(as_val, str(card.kind), rates=VIT_RATES if card.arch == "clip" else None))


def _thin(rows: list[dict[str, Any]], kind: str, tier: Tier) -> bool:
    here = [row for row in rows if row["tier"] == tier]
    reals = logits([row for row in here if row["family"] == "real"], kind)
    fakes = logits([row for row in here if row["family"] in OWN_FAKES[kind]], kind)
    return min(len(reals), len(fakes)) < FEWEST


def fold_of(group: str) -> int:
    return zlib.crc32(group.encode()) % FOLDS


def held_out(rows: Iterable[Row], cards: Sequence[ModelCard]) -> list[tuple[list[Row], list[ModelCard]]]:
    """Each fold's rows of val and test, and the cards calibrated on the other four."""
    mine = [row for row in rows if row["split"] in SPLITS]
    parts = []
    for fold in range(FOLDS):
        inside = [row for row in mine if fold_of(row["group"]) == fold]
        outside = [row for row in mine if fold_of(row["group"]) != fold]
        refitted = [dataclasses.replace(card, calibrations=refit(outside, card)) for card in cards]
        parts.append((inside, refitted))
    return parts
