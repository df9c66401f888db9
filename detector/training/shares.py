"""What comes of reals and fakes (flag, review, allow), per tier, set and group of people, with Wilson intervals."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from detector.training.metrics import Mask, wilson
from detector.training.rows import Table

GATED: Final = 100
"""Faces from which a slice counts; smaller ones are reported."""
SEXES: Final = {"0": "male", "1": "female"}
RACES: Final = {"0": "White", "1": "Black", "2": "Asian", "3": "Indian", "4": "other"}
"""Codes of UTKFace file names."""
AGES: Final = ((0, 17), (18, 29), (30, 49), (50, 69), (70, 200))

Share = dict[str, Any]


def share(table: Table) -> Share:
    """Counts and shares of a table's actions; `photos` are the files behind its `n` rows."""
    found: Share = {"n": len(table), "photos": len(set(table["file"].tolist()))}
    for action in ("flag", "review"):
        hits = int((table["action"] == action).sum())
        found[action] = _rate(hits, len(table))
    return found


def _rate(hits: int, trials: int) -> list[float | None]:
    low, high = wilson(hits, trials)
    return [round(hits / trials, 5) if trials else None, round(low, 5), round(high, 5)]


def by(table: Table, *names: str) -> list[Share]:
    """A line for every combination of the columns' values, reals and fakes apart."""
    keys = sorted({tuple(str(v) for v in values) for values in zip(*(table[name] for name in names), strict=True)})
    found = []
    for key in keys:
        mask = np.all([table[name] == value for name, value in zip(names, key, strict=True)], axis=0)
        for label, wanted in (("real", table.real), ("fake", ~table.real)):
            here = table.where(mask & wanted)
            if len(here):
                found.append(dict(zip(names, key, strict=True)) | {"class": label} | share(here))
    return found


def fairness(table: Table) -> dict[str, Any]:
    """Flag, review and face-miss rates of the reals whose `attrs` read age_sex_race, and the widest gaps.

    Gaps are between the highest and lowest rate over the slices of one kind with at least `GATED` faces.
    """
    people = table.where(table.real & np.array([_codes(a) is not None for a in table["attrs"]], dtype=bool))
    slices = [line for delivery in ("all", *_deliveries(people)) for line in _demographics(people, delivery)]
    return {"slices": slices, "gaps": [gap for kind in _kinds(slices) for gap in _gaps(slices, *kind)]}


def _deliveries(table: Table) -> list[str]:
    return sorted(set(table["delivery"].tolist()))


def _demographics(table: Table, delivery: str) -> Iterator[Share]:
    here = table if delivery == "all" else table.where(np.asarray(table["delivery"] == delivery))
    labels = [_labels(attrs) for attrs in here["attrs"]]
    for kind in ("age", "sex", "race", "sex x race"):
        values = np.array([label[kind] for label in labels], dtype=np.str_)
        for value in sorted(set(values.tolist())):
            yield {"kind": kind, "slice": value, "delivery": delivery} | _person_share(here.where(values == value))


def _person_share(table: Table) -> Share:
    missed = int((table["tier"] == "").sum())
    return share(table) | {"missed": _rate(missed, len(table))}


def _codes(attrs: str) -> tuple[int, str, str] | None:
    parts = attrs.split("_")
    if len(parts) != 3 or not parts[0].isdigit() or parts[1] not in SEXES or parts[2] not in RACES:
        return None
    return int(parts[0]), SEXES[parts[1]], RACES[parts[2]]


def _labels(attrs: str) -> dict[str, str]:
    codes = _codes(attrs)
    assert codes is not None  # noqa: S101 - `fairness` keeps only rows that have them
    age, sex, race = codes
    band = next(f"{low:02d}-{high}" if high < 200 else f"{low}+" for low, high in AGES if low <= age <= high)
    return {"age": band, "sex": sex, "race": race, "sex x race": f"{sex}, {race}"}


def _kinds(slices: list[Share]) -> list[tuple[str, str]]:
    return sorted({(line["kind"], line["delivery"]) for line in slices})


def _gaps(slices: list[Share], kind: str, delivery: str) -> Iterator[Share]:
    mine = [s for s in slices if s["kind"] == kind and s["delivery"] == delivery and s["n"] >= GATED]
    if len(mine) > 1:
        rates = {name: [line[name][0] for line in mine] for name in ("flag", "review", "missed")}
        yield {"kind": kind, "delivery": delivery, "slices": len(mine)} | {
            name: round(max(values) - min(values), 5) for name, values in rates.items()
        }


def swings(table: Table) -> list[dict[str, Any]]:
    """How far one real photo's higher probability moves over its deliveries, widest first, and its actions."""
    reals = table.where(table.real)
    p, found = reals.probability("either"), []
    order: dict[str, list[int]] = {}
    for at, name in enumerate(reals["file"].tolist()):
        order.setdefault(name, []).append(at)
    for name, rows in order.items():
        values = p[rows][~np.isnan(p[rows])]
        if len(values) > 1:
            actions = {str(reals["delivery"][at]): str(reals["action"][at]) for at in rows}
            found.append({"file": name, "swing": round(float(np.ptp(values)), 4), "actions": actions})
    return sorted(found, key=lambda line: -float(str(line["swing"])))


def flips(found: list[dict[str, Any]], *, start: str = "native") -> list[dict[str, Any]]:
    """Photos that are flagged in some delivery though not in `start`."""
    return [s for s in found if s["actions"].get(start) != "flag" and "flag" in s["actions"].values()]


def tier_mask(table: Table, tier: str) -> Mask:
    return np.asarray(table["tier"] == tier)
