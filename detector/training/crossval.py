"""Judges val and test together under thresholds that never saw the face at hand: five folds, split by group."""

import dataclasses
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

from detector.classifier.cards import Calibration, ModelCard
from detector.training.calibrate import calibrate
from detector.training.rows import Row
from detector.types import Tier

FOLDS: Final = 5
SPLITS: Final = ("val", "test")


def refit(rows: Sequence[Row], card: ModelCard) -> dict[Tier, Calibration]:
    """The calibration that shipping on `rows` would give; a tier that they do not reach keeps its own."""
    as_val: list[dict[str, Any]] = [dict(row) | {"split": "val"} for row in rows]
    return dict(card.calibrations) | dict(calibrate(as_val, str(card.kind)))


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
