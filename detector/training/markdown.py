"""An evaluation as Markdown tables, for a README or a report."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

MEASURES: Final = (
    "auc", "ap", "eer", "tpr_at_1", "tpr_at_01", "balanced_accuracy", "fpr", "brier", "ece", "coverage", "risk", "aurc",
)  # fmt: skip
WHERE: Final = ("level", "set", "generator", "delivery", "tier", "against", "expert", "fakes", "reals")


def document(result: Mapping[str, Any]) -> str:
    """The whole evaluation: gates first, then every table."""
    parts = [
        f"# Evaluation on `{result['split']}`\n\nShares and measures come with their 95 % interval.",
        "## Gates\n\n" + gates(result["gates"]),
        "## Ranking, thresholds and calibration\n\n" + lines(result["lines"]),
        "## What comes of reals and fakes, by tier\n\n" + shares(result["by_tier"], ("tier",)),
        "## What comes of reals and fakes, by set and delivery\n\n" + shares(result["by_set"], ("set", "delivery")),
        "## People\n\n" + shares(result["fairness"]["slices"], ("kind", "slice", "delivery")),
        "### Widest gaps\n\n" + gaps(result["fairness"]["gaps"]),
    ]
    if result["deliveries"]:
        parts.append("## Deliveries of one photo\n\n" + deliveries(result["deliveries"]))
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def gates(found: Iterable[Mapping[str, Any]]) -> str:
    head = ("figure", "value", "n", "target", "met")
    return table(head, ((g["name"], span(g), str(g["n"]), _target(g), _met(g["met"])) for g in found))


def _target(row: Mapping[str, Any]) -> str:
    return "" if row["target"] is None else f"{row['relation']} {number(row['target'])}"


def _met(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "**no**"


def span(row: Mapping[str, Any]) -> str:
    return triple((row["value"], row["low"], row["high"]))


def triple(values: Sequence[float | None] | None) -> str:
    """`.912 (.88–.94)`, or without the interval where there is none."""
    if values is None or values[0] is None:
        return "–"
    if values[1] is None or values[2] is None:
        return number(values[0])
    return f"{number(values[0])} ({number(values[1])}–{number(values[2])})"


def number(value: float) -> str:
    text = f"{value:.3f}"
    return text[1:] if text.startswith("0.") else text


def lines(found: Iterable[Mapping[str, Any]]) -> str:
    body = ([*(str(line[name]) for name in WHERE), *(triple(line.get(name)) for name in MEASURES)] for line in found)
    return table((*WHERE, *MEASURES), body)


def shares(found: Iterable[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Shares per slice; the class where reals and fakes stand apart, the face finder's misses where measured."""
    found = list(found)
    first: Mapping[str, Any] = found[0] if found else {}
    named = [*names, *(name for name in ("class",) if name in first), "n", "photos"]
    rates = [name for name in ("flag", "review", "missed") if name in first]
    return table((*named, *rates), ([*(str(s[n]) for n in named), *(triple(s[n]) for n in rates)] for s in found))


def gaps(found: Iterable[Mapping[str, Any]]) -> str:
    head = ("kind", "delivery", "slices", "flag", "review", "missed")
    return table(head, ([str(g[n]) for n in head[:3]] + [number(g[n]) for n in head[3:]] for g in found))


def deliveries(found: Mapping[str, Any]) -> str:
    head = ("delivery", "photos", "flag", "review", "no face", "widest swing", "median swing")
    body = (
        [str(d["delivery"]), *(str(d[n]) for n in ("photos", "flag", "review", "no_face")),
         number(d["widest"]), number(d["median"])]
        for d in found["by_delivery"]
    )  # fmt: skip
    return f"{found['photos']} real photos, {found['flips']} flips to flag.\n\n" + table(head, body)
