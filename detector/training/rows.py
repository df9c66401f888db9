"""Score rows as a table of columns, each row judged by the product's own rules.

A score row is one delivered face (`detector.training.score`). What the index knows of its file (group, clip, generator)
is added where the row lacks it. Whatever decides a row's fate is asked in one place, `judge_row`.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from detector.classifier.cards import ModelCard
from detector.classifier.scorer import Expert
from detector.ensemble import reconcile
from detector.opinions import JudgedFace, Look, opinion_of
from detector.reasons import Reason
from detector.training.metrics import Mask, Values
from detector.types import Credentials, CredentialState, Face, Provenance, Tier, WatermarkReading
from detector.verdict import Opinion, decide

Row = Mapping[str, Any]

TEXTS: Final = ("file", "set", "split", "family", "generator", "group", "clip", "attrs", "delivery", "tier", "level")
SOMEBODY: Final = Face((0.0, 0.0, 1.0, 1.0), ((0.0, 0.0),) * 5, 1.0)
"""A score row keeps no pixels; the rules that are asked look at no box."""
UNMARKED: Final = Provenance(Credentials(CredentialState.ABSENT, None), WatermarkReading(False), None)
EITHER: Final = "either"
"""Name of the score and the decision of both experts together."""


@dataclass(frozen=True, slots=True)
class _Named:
    card: ModelCard


@dataclass(frozen=True, slots=True)
class Judgement:
    """Calibrated probability (null if the expert abstained) and state by expert, and the action over all of them."""

    probability: Mapping[str, float | None]
    state: Mapping[str, str]
    action: str


def judge_row(row: Row, cards: Iterable[ModelCard]) -> Judgement:
    """What the product makes of a row, without credentials, marks and known media."""
    opinions = [_opinion(row, card) for card in cards]
    action = decide(UNMARKED, reconcile(opinions)).action
    return Judgement(
        {str(o.kind): o.probability for o in opinions}, {str(o.kind): str(o.state) for o in opinions}, str(action)
    )


def _opinion(row: Row, card: ModelCard) -> Opinion:
    named = cast("Expert", _Named(card))
    if row["tier"] is None:
        return opinion_of(named, [], [])
    tier, unfit = Tier(row["tier"]), tuple(Reason(name) for name in row["unfit"])
    face, logit = JudgedFace(0, SOMEBODY, tier, unfit), row[str(card.kind)]
    distance = float(row.get(f"{card.kind}_domain") or 0.0)
    looks = [] if unfit or logit is None else [Look(face, float(logit), distance, card.calibrations[tier])]
    return opinion_of(named, [face], looks)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of N rows: the `TEXTS`, `action` and, by expert, `probability:` (nan if none) and `state:`."""

    columns: Mapping[str, NDArray[Any]]

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns["file"])

    def where(self, mask: Mask) -> "Table":
        return Table({name: column[mask] for name, column in self.columns.items()})

    @property
    def real(self) -> Mask:
        return np.asarray(self["family"] == "real")

    @property
    def experts(self) -> tuple[str, ...]:
        return tuple(name.partition(":")[2] for name in self.columns if name.startswith("probability:"))

    def probability(self, expert: str) -> Values:
        """Probabilities of one expert, or under `EITHER` the higher of both; nan where nobody scored."""
        if expert != EITHER:
            return np.asarray(self[f"probability:{expert}"])
        columns = np.stack([self[f"probability:{name}"] for name in self.experts])
        return np.where(np.isnan(columns).all(axis=0), np.nan, np.nan_to_num(columns, nan=-1.0).max(axis=0))

    def flagged(self, expert: str) -> Mask:
        return np.asarray(self["action"] == "flag" if expert == EITHER else self[f"state:{expert}"] == "fired")

    def decided(self, expert: str) -> Mask:
        """Rows on which there is an answer, rather than a request to look or no face to look at."""
        if expert != EITHER:
            return np.isin(self[f"state:{expert}"], ["fired", "clear"])
        return np.asarray((self["action"] != "review") & ~np.isnan(self.probability(EITHER)))


def table_of(rows: Sequence[Row], cards: Sequence[ModelCard]) -> Table:
    """The rows, judged."""
    judged = [judge_row(row, cards) for row in rows]
    columns: dict[str, NDArray[Any]] = {
        name: np.array([str(row.get(name) or "") for row in rows], dtype=np.str_) for name in TEXTS
    }
    columns["action"] = np.array([item.action for item in judged], dtype=np.str_)
    for name in (str(card.kind) for card in cards):
        found = [item.probability[name] for item in judged]
        columns[f"probability:{name}"] = np.array([np.nan if p is None else p for p in found], dtype=np.float64)
        columns[f"state:{name}"] = np.array([item.state[name] for item in judged], dtype=np.str_)
    return Table(columns)


def index_facts(path: Path) -> dict[str, dict[str, str]]:
    """Group, clip (empty for a picture) and generator of every file of an index."""
    with path.open(newline="") as stream:
        return {
            row["file"]: {name: row.get(name) or "" for name in ("group", "clip", "generator")}
            for row in csv.DictReader(stream)
        }


def completed(rows: Iterable[Row], facts: Mapping[str, Mapping[str, str]]) -> list[Row]:
    """The rows with group, clip, generator and level; a file without a group is one of its own."""
    return [_completed(row, facts.get(row.get("clip") or row["file"], facts.get(row["file"], {}))) for row in rows]


def _completed(row: Row, facts: Mapping[str, str]) -> Row:
    whole = dict(facts) | {name: value for name, value in row.items() if value not in (None, "")}
    whole = dict(row) | whole
    whole["group"] = whole.get("group") or row["file"]
    whole["generator"] = whole.get("generator") or ("" if row["family"] == "real" else row["family"])
    whole["level"] = row.get("level") or ("frame" if whole.get("clip") else "image")
    return whole
