"""Every figure of the evaluation, by level, set and generator, delivery and tier, and over all sets together.

Fakes are ranked against the reals of their own set (`against` = own) and against all reals (`against` = all), since a
detector that is right within each set may still rank one set's reals above another set's fakes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from detector.training.calibrate import OWN_FAKES
from detector.training.metrics import Mask, decisions, ranking, reliability
from detector.training.resampling import group_weights, intervals
from detector.training.rows import EITHER, Table

ALL: Final = "all"
FEWEST: Final = 8
"""Fakes and reals below which a slice is left out: its intervals would span everything."""
MISSED: Final = -1.0
"""Score of what was not scored: below every probability, so that an abstention counts as a miss."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Where a line of figures comes from; `ALL` where a property was not restricted."""

    level: str
    set: str
    generator: str
    delivery: str
    tier: str
    against: str
    expert: str


Line = dict[str, Any]


def lines(table: Table) -> list[Line]:
    """All lines of a judged table that have at least `FEWEST` fakes and reals."""
    levels = sorted(set(table["level"].tolist()))
    return [line for level in levels for line in _of_level(table.where(table["level"] == level), level)]


def _of_level(table: Table, level: str) -> Iterator[Line]:
    for name, generator in _sources(table):
        for delivery, tier in _settings(table):
            here = _within(table, delivery, tier)
            fakes = _fakes(here, name, generator)
            for against in _rivals(here, name, delivery, tier):
                reals = here.real & ((here["set"] == name) if against == "own" else True)
                for expert in _asked(here, fakes, free=ALL in (delivery, tier)):
                    where = Slice(level, name, generator, delivery, tier, against, expert)
                    yield from measured(here, fakes, np.asarray(reals), where)


def _sources(table: Table) -> list[tuple[str, str]]:
    fakes = table.where(~table.real)
    pairs = sorted({(str(s), str(g)) for s, g in zip(fakes["set"], fakes["generator"], strict=True)})
    return [*pairs, *((ALL, family) for family in sorted(set(fakes["family"].tolist()))), (ALL, ALL)]


def _settings(table: Table) -> list[tuple[str, str]]:
    deliveries = sorted(set(table["delivery"].tolist()))
    tiers = sorted(set(table["tier"].tolist()) - {""})
    return [(d, t) for d in (ALL, *deliveries) for t in (ALL, *tiers)]


def _within(table: Table, delivery: str, tier: str) -> Table:
    mask = np.ones(len(table), dtype=bool)
    for name, value in (("delivery", delivery), ("tier", tier)):
        mask &= (table[name] == value) if value != ALL else True
    return table.where(mask)


def _fakes(table: Table, name: str, generator: str) -> Mask:
    """A line over all sets names a family where one of a set names a generator."""
    mask = ~table.real
    if name != ALL:
        mask &= (table["set"] == name) & (table["generator"] == generator)
    elif generator != ALL:
        mask &= table["family"] == generator
    return np.asarray(mask)


def _rivals(table: Table, name: str, delivery: str, tier: str) -> tuple[str, ...]:
    """Own reals where the set has any; all reals for what has none, and wherever one property is left free."""
    own = name != ALL and bool((table.real & (table["set"] == name)).any())
    free = ALL in (delivery, tier)
    return (*(("own",) if own else ()), *(("all",) if free or not own else ()))


def _asked(table: Table, fakes: Mask, *, free: bool) -> tuple[str, ...]:
    """The experts that know a family among these fakes (both, if none does); both together where a property is free."""
    families = set(table["family"][fakes].tolist())
    know = tuple(name for name in table.experts if families & set(OWN_FAKES.get(name, ())))
    return (*(know or table.experts), *((EITHER,) if free else ()))


def measured(table: Table, fakes: Mask, reals: Mask, where: Slice) -> Iterator[Line]:
    """The line of these fakes and reals, if there are enough."""
    if min(int(fakes.sum()), int(reals.sum())) < FEWEST:
        return
    chosen = table.where(fakes | reals)
    fake, weights = ~chosen.real, group_weights(chosen["group"])
    p = chosen.probability(where.expert)
    scored = ~np.isnan(p)
    figures = ranking(np.where(scored, p, MISSED), fake, weights)
    figures |= decisions(chosen.flagged(where.expert), chosen.decided(where.expert), fake, weights)
    if (fake & scored).any() and (~fake & scored).any():
        figures |= {"auc_scored": ranking(p[scored], fake[scored], weights[:, scored])["auc"]}
        figures |= reliability(p[scored], fake[scored], weights[:, scored])
    counts = {"fakes": int(fake.sum()), "reals": int((~fake).sum()), "groups": len(set(chosen["group"].tolist()))}
    counts |= {"unscored": int((~scored).sum())}
    yield {name: getattr(where, name) for name in Slice.__slots__} | counts | intervals(figures)


def pick(found: Sequence[Line], **wanted: str) -> list[Line]:
    """The lines whose properties are those `wanted`."""
    return [line for line in found if all(line[name] == value for name, value in wanted.items())]
