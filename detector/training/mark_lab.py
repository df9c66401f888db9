"""Measures watermarks: the same photos and the same attacks for all, and how much a mark shows.

Two rows need many outputs. An attacker who has pictures with and without their mark knows the mean of what marking
adds; "mean of outputs taken off" subtracts it from other outputs, and "mean of outputs forged on" adds it to unmarked
pictures, where a good watermark is *not* read. "mark copied from one output" needs one marked picture and no original:
what a filter takes for its noise is laid over another picture (the copy attack of Kutter et al. 2000); there as well a
good watermark is not read, but no robust one is known to be good at it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.training.attacks import ATTACKS, whole
from detector.training.mark_journal import Journal, Result, picture_name
from detector.training.mark_peers import Contestant
from detector.training.mark_redraw import REDRAWN, learnt, redraw_all
from detector.training.metrics import wilson
from detector.types import Pixels

TAKEN_OFF: Final = "mean of outputs taken off"
FORGED: Final = "mean of outputs forged on"
COPIED: Final = "mark copied from one output"
FILTER: Final = 4
"""Strength of the filter (non-local means) whose residual is taken for the mark."""
OUTPUTS: Final = 50
SQUARE: Final = 512
"""Side to which photos are cut for the two rows that average outputs."""
ROWS: Final = (*ATTACKS, TAKEN_OFF, FORGED, COPIED, REDRAWN)

Progress = Callable[[str], None]


@dataclass(slots=True)
class Tally:
    """What one watermark did: hits and tries by row, quality and times by picture."""

    hits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ROWS, 0))
    tries: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ROWS, 0))
    psnr: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    embed_ms: list[float] = field(default_factory=list)
    detect_ms: list[float] = field(default_factory=list)

    def count(self, row: str, hit: bool) -> None:
        self.hits[row] += hit
        self.tries[row] += 1

    def add(self, result: Result) -> None:
        """Takes in what `_try` or `_average` found."""
        for row, hits in result["found"].items():
            for hit in hits:
                self.count(row, hit)
        for name, value in result.get("figures", {}).items():
            getattr(self, name).append(value)


def measure(
    photos: Sequence[Pixels], contestants: Sequence[Contestant], *, progress: Progress, journal: Journal | None = None
) -> dict[str, Any]:
    """All figures of `contestants` on `photos`, as one document for JSON."""
    kept = journal or Journal()
    tallies = {one.name: Tally() for one in contestants}
    for number, photo in enumerate(photos):
        name = picture_name(photo)
        for one in contestants:
            key = f"photo/{one.name}/{one.version}/{name}/{number}"
            tallies[one.name].add(kept.once(key, partial(_try, photo, number, one)))
        progress(f"{number + 1} of {len(photos)} photos")
    everything = picture_name(*photos)
    for one in contestants:
        key = f"average/{one.name}/{one.version}/{everything}"
        tallies[one.name].add(kept.once(key, partial(_average, photos, one)))
        key = f"copied/{one.name}/{one.version}/{everything}"
        tallies[one.name].add(kept.once(key, partial(_copy, photos, one)))
    model, redrawing = learnt(photos)
    for one in contestants:
        tallies[one.name].add(redraw_all(photos, one, model=model, fidelity=redrawing["psnr"], journal=kept))
    return {
        "photos": len(photos),
        "redrawing": redrawing,
        "versions": {one.name: one.version for one in contestants},
        "watermarks": {name: _document(tally) for name, tally in tallies.items()},
    }


def psnr(photo: Pixels, marked: Pixels) -> float:
    error = float(np.mean((photo.astype(np.float32) - marked) ** 2))
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def ssim(photo: Pixels, marked: Pixels) -> float:
    """Mean structural similarity over the three channels (Wang et al. 2004: Gaussian window, sigma 1.5)."""
    a, b = photo.astype(np.float64), marked.astype(np.float64)
    mean_a, mean_b = _window(a), _window(b)
    var_a, var_b = _window(a * a) - mean_a**2, _window(b * b) - mean_b**2
    both = _window(a * b) - mean_a * mean_b
    one, two = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    score = (2 * mean_a * mean_b + one) * (2 * both + two) / ((mean_a**2 + mean_b**2 + one) * (var_a + var_b + two))
    return float(np.mean(score))


def _window(values: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = cv2.GaussianBlur(values, (11, 11), 1.5)
    return result


def _try(photo: Pixels, number: int, one: Contestant) -> Result:
    start = time.process_time()
    marked = one.embed(photo, number)
    figures = {"embed_ms": 1000 * (time.process_time() - start)}
    found: dict[str, list[bool]] = {}
    for name, attack in ATTACKS.items():
        attacked = attack(marked, np.random.default_rng(number))
        start = time.process_time()
        found[name] = [one.found(attacked, [number])]
        if name == "none":
            figures["detect_ms"] = 1000 * (time.process_time() - start)
    return {"found": found, "figures": {**figures, "psnr": psnr(photo, marked), "ssim": ssim(photo, marked)}}


def _average(photos: Sequence[Pixels], one: Contestant) -> Result:
    """The first OUTPUTS photos give the mean, and the others are attacked with it: the mean of a few is no average."""
    found: dict[str, list[bool]] = {TAKEN_OFF: [], FORGED: []}
    if len(photos) <= OUTPUTS:
        return {"found": found}
    squares = [_square(photo) for photo in photos]
    added = [one.embed(photo, number).astype(np.float32) - photo for number, photo in enumerate(squares[:OUTPUTS])]
    mean = np.mean(added, axis=0)
    louder = mean * np.sqrt(np.mean(np.square(added)) / np.mean(mean**2))
    for number, photo in enumerate(squares[OUTPUTS:], start=OUTPUTS):
        found[TAKEN_OFF].append(one.found(whole(one.embed(photo, number) - mean), [number]))
        found[FORGED].append(one.found(whole(photo + louder), range(OUTPUTS)))
    return {"found": found}


def _copy(photos: Sequence[Pixels], one: Contestant) -> Result:
    """Each photo gets the mark of the one before it."""
    squares = [_square(photo) for photo in photos]
    found = []
    for number, photo in enumerate(squares[1:]):
        marked = one.embed(squares[number], number)
        noise = marked.astype(np.float32) - cv2.fastNlMeansDenoisingColored(marked, None, FILTER, FILTER)
        found.append(one.found(whole(photo + noise), [number]))
    return {"found": {COPIED: found}}


def _square(photo: Pixels) -> Pixels:
    side = min(photo.shape[:2])
    top, left = ((length - side) // 2 for length in photo.shape[:2])
    square: Pixels = cv2.resize(
        photo[top : top + side, left : left + side], (SQUARE, SQUARE), interpolation=cv2.INTER_AREA
    )
    return square


def _document(tally: Tally) -> Mapping[str, Any]:
    return {
        "psnr": round(float(np.mean(tally.psnr)), 2),
        "ssim": round(float(np.mean(tally.ssim)), 4),
        "embed_ms": round(median(tally.embed_ms), 1),
        "detect_ms": round(median(tally.detect_ms), 1),
        "rows": {row: share(tally.hits[row], tally.tries[row]) for row in ROWS},
    }


def share(hits: int, tries: int) -> dict[str, Any]:
    """How many of how many, with the Wilson 95 % interval of the share."""
    low, high = wilson(hits, tries) if tries else (0.0, 1.0)
    return {"recovered": hits, "tries": tries, "low": round(low, 4), "high": round(high, 4)}
