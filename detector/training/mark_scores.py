"""Measures the tail of the template's score: real photos' spectra, random keys, and as many scores as one can wait for.

Whatever the search states about chance matches rests on `tail_bound`. Here the share of scores that reach a threshold
is counted and set beside what the bound allows. A key's phases are drawn at random, as its derivation gives them.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.provenance.carrier import GRID, SYNC, Complex, sync_maps, tail_bound, whiten
from detector.provenance.geometry import fold
from detector.provenance.residual import luminance, residual
from detector.training.mark_journal import core_version
from detector.training.mark_lab import Progress
from detector.training.metrics import Z95, wilson
from detector.types import Pixels

THRESHOLDS: Final = (3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0)
TEMPLATES: Final = 160
"""Random keys that are tried on a photo at a time, each at GRID x GRID places."""
SEED: Final = 20_261_125
REPORTED: Final = 100
"""Rounds of `TEMPLATES` keys between two lines of progress."""


def measure_scores(photos: Sequence[Pixels], *, scores: int, progress: Progress) -> dict[str, Any]:
    """The tail of at least `scores` simulated scores beside its bound, as one document for JSON."""
    rng = np.random.default_rng(SEED)
    spectra = [whiten(fold(residual(luminance(photo))))[SYNC] for photo in photos]
    rounds = -(-scores // (TEMPLATES * GRID * GRID))
    reached = np.zeros((2, len(THRESHOLDS)))  # sum and sum of squares of each key's counts
    highest = 0.0
    for number in range(rounds):
        counts, best = _round(spectra[number % len(spectra)], rng)
        reached += np.stack([counts.sum(axis=0), np.square(counts).sum(axis=0)])
        highest = max(highest, best)
        if (number + 1) % REPORTED == 0:
            progress(f"{number + 1} of {rounds} rounds of {TEMPLATES} keys")
    return {
        "core": core_version(),
        "photos": len(photos),
        "scores": rounds * TEMPLATES * GRID * GRID,
        "highest": round(highest, 2),
        "tail": [_tail(z, reached[:, at], rounds * TEMPLATES) for at, z in enumerate(THRESHOLDS)],
    }


def _round(seen: Complex, rng: np.random.Generator) -> tuple[NDArray[np.float64], float]:
    """Each key's count of scores above each threshold (TEMPLATES thresholds), and the highest score."""
    phases = np.exp(2j * np.pi * rng.random((TEMPLATES, len(seen)))).astype(np.complex64)
    maps = sync_maps(seen, phases).reshape(TEMPLATES, -1)
    counts = np.stack([np.count_nonzero(maps >= z, axis=1) for z in THRESHOLDS], axis=1)
    return counts.astype(np.float64), float(maps.max())


def _tail(z: float, reached: NDArray[np.float64], keys: int) -> dict[str, Any]:
    """Share of scores that reach `z`; its interval takes one key's scores, which go together, as one.

    It is no narrower than if all were independent (Wilson), which is what remains when hardly any score is so high.
    """
    hits, part = int(reached[0]), reached[0] / keys / GRID**2
    spread = Z95 * np.sqrt(max(0.0, reached[1] / keys - (reached[0] / keys) ** 2) / keys) / GRID**2
    low, high = wilson(hits, keys * GRID**2)
    found = {"z": z, "scores": hits, "share": part}
    return {
        **found,
        "low": max(0.0, min(low, part - spread)),
        "high": max(high, part + spread),
        "bound": tail_bound(z, 1),
    }
