"""The release's targets as one short table: the figure measured, its interval, the target and whether it is met.

Slices under `GATED` faces are reported without a target. A figure that was not measured is null and meets nothing.
"""

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from detector.training.calibrate import OWN_FAKES
from detector.training.metrics import balanced, expected_error
from detector.training.resampling import Interval, group_weights, interval
from detector.training.rows import Table
from detector.training.shares import GATED, fairness, share
from detector.training.slices import ALL, Line, pick
from detector.types import Tier

PAIRED_AUC: Final = {"dfdc": 0.90, "openforensics": 0.97}
FAMILY_AUC: Final = 0.97
MOST_FALSE: Final = 0.02
MOST_ECE: Final = 0.05
WIDEST_GAP: Final = 0.03
LEAST_FLAGGED: Final = {"dfdc": 0.35}
LEAST_NOTICED: Final = {"dfdc": 0.60}
FLAGGED: Final = 0.60
NOTICED: Final = 0.80
"""Shares of in-family fakes to be flagged, and flagged or sent to review, in the clean tier, where a set has no own."""
MOST_ABSTAINED: Final = {"clean": 0.15, "web": 0.30}
RANKED_DELIVERIES: Final = ("native", "clean")


@dataclass(frozen=True, slots=True)
class Gate:
    """`relation` says how `value` must lie to `target`; without a target the figure is only reported."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    target: float | None = None
    relation: str = "<="

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        compare = operator.ge if self.relation == ">=" else operator.le
        return self.value is not None and bool(compare(self.value, self.target))

    def as_row(self) -> dict[str, Any]:
        return asdict(self) | {"met": self.met}


def gate(name: str, found: Sequence[float | None], n: int, target: float | None, relation: str = "<=") -> Gate:
    value, low, high = found
    return Gate(name, value, low, high, n, target, relation)


def gates(found: Sequence[Line], test: Table, crossed: Table, flips: Mapping[str, Any] | None) -> list[Gate]:
    """All gates: `found` and `test` at the shipped thresholds, `crossed` val and test under held-out thresholds."""
    parts = (
        _rankings(found), _families(found), _false_alarms(crossed), _calibration(test), _people(crossed),
        _deliveries(flips), _useful(test), _abstentions(crossed),
    )  # fmt: skip
    return [one for part in parts for one in part]


def _rankings(found: Sequence[Line]) -> Iterator[Gate]:
    """Swaps and replacements against the reals of their own set."""
    for name, target in PAIRED_AUC.items():
        for delivery in RANKED_DELIVERIES:
            for line in pick(found, set=name, delivery=delivery, tier=ALL, against="own", expert="manipulation"):
                yield gate(f"{name} {line['level']} AUC, {delivery}", line["auc"], line["fakes"], target, ">=")


def _families(found: Sequence[Line]) -> Iterator[Gate]:
    """Whole families of made faces against all reals, and what is left where no face was found aside."""
    for family in OWN_FAKES["synthesis"]:
        for delivery in RANKED_DELIVERIES:
            for line in pick(found, set=ALL, generator=family, delivery=delivery, tier=ALL, expert="synthesis"):
                name = f"{family} AUC against all reals, {delivery}"
                yield gate(name, line["auc"], line["fakes"], FAMILY_AUC, ">=")
                if line["unscored"]:
                    yield gate(f"{name}, faces found only", line["auc_scored"], line["fakes"], None)


def _false_alarms(crossed: Table) -> Iterator[Gate]:
    reals = crossed.where(crossed.real)
    for tier in Tier:
        here = reals.where(reals["tier"] == tier)
        yield gate(f"reals flagged, {tier}, all sets (cross-validated)", share(here)["flag"], len(here), MOST_FALSE)
        for name in sorted(set(here["set"].tolist())):
            mine = here.where(here["set"] == name)
            target = MOST_FALSE if len(mine) >= GATED else None
            yield gate(f"reals flagged, {tier}, {name} (cross-validated)", share(mine)["flag"], len(mine), target)


def _calibration(test: Table) -> Iterator[Gate]:
    for expert in test.experts:
        for tier in Tier:
            yield gate(f"{expert} ECE, {tier}", *tier_error(test, expert, tier), MOST_ECE)


def tier_error(table: Table, expert: str, tier: str) -> tuple[Interval, int]:
    """Calibration error over reals and the expert's own families in a tier, and the number of faces."""
    own = np.isin(table["family"], OWN_FAKES.get(expert, ())) | table.real
    here = table.where(own & (table["tier"] == tier) & ~np.isnan(table.probability(expert)))
    fake = ~here.real
    if not fake.any() or fake.all():
        return [None, None, None], len(here)
    weights = balanced(fake, group_weights(here["group"]))
    return interval(expected_error(here.probability(expert), fake, weights)), len(here)


def _people(crossed: Table) -> Iterator[Gate]:
    for gap in fairness(crossed)["gaps"]:
        if gap["delivery"] == "all":
            for name in ("flag", "review", "missed"):
                label = f"widest gap by {gap['kind']}, {name} (slices of {GATED} faces and more)"
                yield Gate(label, gap[name], None, None, gap["slices"], WIDEST_GAP if name == "flag" else None)


def _deliveries(flips: Mapping[str, Any] | None) -> Iterator[Gate]:
    name = "reals flagged in some delivery only"
    if flips is None:
        yield Gate(f"{name} (not measured)", None, None, None, 0, 0.0)
    else:
        yield Gate(name, float(flips["flips"]), None, None, flips["photos"], 0.0)


def _useful(test: Table) -> Iterator[Gate]:
    fakes = test.where(~test.real)
    pairs = sorted({(str(s), str(g)) for s, g in zip(fakes["set"], fakes["generator"], strict=True)})
    for tier in Tier:
        for name, generator in pairs:
            mine = fakes.where((fakes["set"] == name) & (fakes["generator"] == generator) & (fakes["tier"] == tier))
            yield from _noticed(mine, f"{name} {generator}", name, tier)


def _noticed(mine: Table, label: str, name: str, tier: Tier) -> Iterator[Gate]:
    gated = tier is Tier.CLEAN
    flagged = share(mine)["flag"]
    noticed = share(_either(mine))["flag"]
    least, most = LEAST_FLAGGED.get(name, FLAGGED), LEAST_NOTICED.get(name, NOTICED)
    yield gate(f"{label} flagged, {tier}", flagged, len(mine), least if gated else None, ">=")
    yield gate(f"{label} flagged or review, {tier}", noticed, len(mine), most if gated else None, ">=")


def _either(table: Table) -> Table:
    """The table with review counted as flag."""
    action = np.where(table["action"] == "review", "flag", table["action"])
    return Table(dict(table.columns) | {"action": action})


def _abstentions(crossed: Table) -> Iterator[Gate]:
    reals = crossed.where(crossed.real)
    for tier in Tier:
        here = reals.where(reals["tier"] == tier)
        found = share(here)["review"]
        yield gate(f"reals inconclusive, {tier} (cross-validated)", found, len(here), MOST_ABSTAINED.get(tier))
