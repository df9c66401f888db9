"""Measures who is accused by a mark: copies of a release should be, and pictures onto which a mark was copied not.

Each photo is marked as a release. Its copies, attacked as in `mark_lab`, are compared with it; and what non-local means
(Buades et al. 2005) take for noise in it is laid, half as strong again, over other photos (the copy attack of Kutter,
Voloshynovskiy and Herrigel 2000).
"""

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any, Final

import cv2
import numpy as np

from detector.provenance import likeness
from detector.provenance.fingerprint import distance, pdq
from detector.provenance.known_media import MAX_DISTANCE
from detector.provenance.likeness import shows_any
from detector.provenance.watermark import detect
from detector.training.attacks import ATTACKS, whole
from detector.training.mark_journal import Journal, Result, core_version, picture_name
from detector.training.mark_lab import Progress, share
from detector.training.mark_peers import KEY, ours, record_id
from detector.types import Pixels

STEPS: Final = (11, 23, 37)
"""Onto the photos so much further on each mark is copied: neighbours in a folder are often of one scene."""
GAIN: Final = 1.5
SMOOTHING: Final = 3
"""Strength of the filter, in grey levels."""


def measure_copies(photos: Sequence[Pixels], *, progress: Progress, journal: Journal | None = None) -> dict[str, Any]:
    """What every attack left of the likeness, and what copied marks did, as one document for JSON."""
    kept = journal or Journal()
    results: list[Result] = []
    for number, photo in enumerate(photos):
        victims = [photos[(number + step) % len(photos)] for step in STEPS if step % len(photos)]
        key = f"copies/{core_version()}/{_version()}/{picture_name(photo, *victims)}/{number}"
        results.append(kept.once(key, partial(_try, photo, number, victims)))
        progress(f"{number + 1} of {len(photos)} photos")
    copied = [one for result in results for one in result["copied"]]
    read = [one for one in copied if one["read"]]
    return {
        "photos": len(photos),
        "core": core_version(),
        "copies": {name: _row([result["copies"][name] for result in results]) for name in ATTACKS},
        "copied": {
            "read": share(len(read), len(copied)),
            "resembles": share(sum(one["resembles"] for one in read), len(read)),
        },
    }


def copied_onto(marked: Pixels, victim: Pixels) -> Pixels:
    """`victim` with what a filter takes for noise in `marked`, as far as the one covers the other."""
    smooth = cv2.fastNlMeansDenoisingColored(marked, None, SMOOTHING, SMOOTHING)
    noise = marked.astype(np.float32) - smooth
    result = victim.astype(np.float32)
    height, width = (min(sides) for sides in zip(marked.shape[:2], victim.shape[:2], strict=True))
    result[:height, :width] += GAIN * noise[:height, :width]
    return whole(result)


@cache
def _version() -> str:
    """SHA-1 of the source of the comparison."""
    return hashlib.sha1(inspect.getsource(likeness).encode(), usedforsecurity=False).hexdigest()


def _try(photo: Pixels, number: int, victims: Sequence[Pixels]) -> Result:
    marked = ours().embed(photo, number)
    looks = pdq(marked)[0]
    copies = {}
    for name, attack in ATTACKS.items():
        copy = attack(marked, np.random.default_rng(number))
        alike = distance(looks, pdq(copy)[0]) <= MAX_DISTANCE
        copies[name] = {"alike": alike, "resembles": alike or shows_any([copy], [marked])}
    return {"copies": copies, "copied": [_copy(marked, number, victim, looks) for victim in victims]}


def _copy(marked: Pixels, number: int, victim: Pixels, looks: str) -> Mapping[str, bool]:
    forged = copied_onto(marked, victim)
    alike = distance(looks, pdq(forged)[0]) <= MAX_DISTANCE
    return {
        "read": detect(forged, keys=[KEY]).record_id == record_id(number),
        "resembles": alike or shows_any([forged], [marked]),
    }


def _row(results: Sequence[Mapping[str, bool]]) -> dict[str, Any]:
    return {name: share(sum(one[name] for one in results), len(results)) for name in ("alike", "resembles")}
