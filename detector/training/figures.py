"""Plots of an evaluation: ROC per set, reliability per tier, and how one photo's score moves over its deliveries."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from detector.errors import DetectorError
from detector.training.calibrate import OWN_FAKES
from detector.training.metrics import auc, roc
from detector.training.rows import EITHER, Table
from detector.training.shares import swings
from detector.training.slices import MISSED
from detector.types import Tier

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE: Final = (7.0, 5.0)
DPI: Final = 110
LOWEST_FPR: Final = 1e-3
BINS: Final = 10
PHOTOS: Final = 60
"""Photos shown in the plot of swings: those that move most."""


class FiguresUnavailable(DetectorError):
    """matplotlib, which draws the plots, is not installed."""

    code: ClassVar[str] = "extra_missing"


def draw(table: Table, folder: Path) -> list[Path]:
    """Writes the PNGs to `folder`; raises `FiguresUnavailable` if they cannot be drawn here."""
    _require()
    paths = [_save(_roc(table), folder / "roc.png"), _save(_swing(table), folder / "swing.png")]
    return [*paths, *(_save(_reliability(table, name), folder / f"reliability_{name}.png") for name in table.experts)]


def _require() -> None:
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise FiguresUnavailable("`pip install 'shingan[train]'` brings what draws the plots (matplotlib).") from error
    matplotlib.use("Agg")


def _panel(title: str, x: str, y: str) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    return figure, axes


def _save(figure: "Figure", path: Path) -> Path:
    figure.savefig(path, dpi=DPI)
    return path


def _roc(table: Table) -> "Figure":
    """Each set's fakes against its own reals, or all reals where it has none; both experts together, first delivery."""
    figure, axes = _panel("Both experts, by set of fakes", "false-positive rate", "true-positive rate")
    here = table.where(table["delivery"] == ("native" if "native" in table["delivery"] else table["delivery"][:1]))
    p = np.nan_to_num(here.probability(EITHER), nan=MISSED)
    for name in sorted(set(here["set"][~here.real].tolist())):
        fake = ~here.real & (here["set"] == name)
        own = here.real & (here["set"] == name)
        real = own if own.any() else here.real
        if real.any():
            mask = fake | real
            tpr, fpr = roc(p[mask], fake[mask], np.ones((1, int(mask.sum()))))
            area = auc(p[fake], p[real])
            axes.step(np.maximum(fpr[0], LOWEST_FPR), tpr[0], where="post", label=f"{name} ({area:.3f})")
    axes.set(xscale="log", xlim=(LOWEST_FPR, 1.0), ylim=(0.0, 1.02))
    _legend(axes)
    return figure


def _legend(axes: "Axes") -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small")


def _reliability(table: Table, expert: str) -> "Figure":
    """Share of fakes over the stated probability in ten bins, both classes weighted alike, per tier."""
    figure, axes = _panel(f"Reliability of the {expert} expert", "stated probability", "share of fakes")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    for tier in Tier:
        points = _binned(table.where(np.asarray(table["tier"] == tier)), expert)
        if len(points):
            axes.plot(points[:, 0], points[:, 1], marker="o", label=str(tier))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    _legend(axes)
    return figure


def _binned(table: Table, expert: str) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Mean probability and share of fakes of every bin that holds any weight, K 2."""
    p = table.probability(expert)
    kept = ~np.isnan(p) & (table.real | np.isin(table["family"], OWN_FAKES.get(expert, ())))
    p, fake = p[kept], ~table.real[kept]
    if not fake.any() or fake.all():
        return np.empty((0, 2))
    weight = np.where(fake, 0.5 / fake.sum(), 0.5 / (~fake).sum())
    which = np.minimum((p * BINS).astype(int), BINS - 1)
    total, stated, true = (np.bincount(which, weights=weight * v, minlength=BINS) for v in (np.ones_like(p), p, fake))
    filled = total > 0
    return np.stack([stated[filled] / total[filled], true[filled] / total[filled]], axis=1)


def _swing(table: Table) -> "Figure":
    """The range of one real photo's score over its deliveries, widest first."""
    figure, axes = _panel("Swing of real photos over their deliveries", "photo, widest swing first", "probability")
    reals = table.where(table.real)
    p = reals.probability(EITHER)
    for place, item in enumerate(swings(table)[:PHOTOS]):
        values = p[np.asarray(reals["file"] == item["file"])]
        values = values[~np.isnan(values)]
        axes.plot([place, place], [values.min(), values.max()], color="tab:grey", linewidth=1)
        axes.scatter([place] * len(values), values, s=9, color="tab:blue")
    axes.set(ylim=(0, 1))
    return figure
