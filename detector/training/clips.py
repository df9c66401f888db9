"""One row a clip from the rows of its frames, so that video figures rest on the same scores as frame figures.

A clip is scored as a scan scores a track: trimmed mean of the logits and median of the distances over the frames of
the tier that most of them have. It is taken here to show one person, the largest face; a scan follows every face.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from detector.footage import trimmed_mean
from detector.training.rows import Row
from detector.types import Tier

WORST_FIRST: Final = (Tier.HARD, Tier.WEB, Tier.CLEAN)
"""The worse tier decides a tie, as in a scan."""


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
        counts = Counter(row["tier"] for row in fit)
        pooled["tier"] = max(WORST_FIRST, key=lambda tier: counts[tier])
    same = [row for row in fit if row["tier"] == pooled["tier"]]
    for expert in experts:
        logits, distances = _known(same, expert), _known(same, f"{expert}_domain")
        pooled[expert] = trimmed_mean(logits) if logits else None
        pooled[f"{expert}_domain"] = float(np.median(distances)) if distances else None
    return pooled


def _known(rows: Iterable[Row], name: str) -> list[float]:
    return [float(row[name]) for row in rows if row.get(name) is not None]
