"""One row a clip from the rows of its frames, so that video figures rest on the same scores as frame figures.

The score of a clip is the mean of its frames' logits without the highest and lowest tenth: a blink or a passing hand
must not decide, and neither must a single lucky frame clear. (A clip is scored here as if it showed one person; a scan
follows every face by itself.)
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from detector.training.rows import Row

TRIM: Final = 0.1
"""Share of the frames left out at each end, as the detector does for a track."""


def robust_mean(values: Sequence[float]) -> float:
    """Mean without the lowest and highest `TRIM` of `values` (at least one value)."""
    ranked = np.sort(np.asarray(values, dtype=np.float64))
    cut = int(TRIM * len(ranked))
    return float(ranked[cut : len(ranked) - cut].mean())


def clip_rows(rows: Iterable[Row], experts: Sequence[str]) -> list[Row]:
    """A row of level `video` for every clip and delivery among frame rows; rows without a clip are left out."""
    frames: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.get("clip"):
            frames[row["clip"], row["delivery"]].append(row)
    return [_pooled(clip, mine, experts) for (clip, _), mine in frames.items()]


def _pooled(clip: str, frames: Sequence[Row], experts: Sequence[str]) -> Row:
    fit = [row for row in frames if row["tier"] is not None and not row["unfit"]]
    pooled: dict[str, Any] = dict(fit[0] if fit else frames[0]) | {"file": clip, "level": "video"}
    if fit:
        pooled["tier"] = Counter(row["tier"] for row in fit).most_common(1)[0][0]
    for name in (key for expert in experts for key in (expert, f"{expert}_domain")):
        values = [row[name] for row in fit if row.get(name) is not None]
        pooled[name] = robust_mean(values) if values else None
    return pooled
