"""Measures false matches: whole searches of pictures that bear no mark of the key that is searched for.

Half of the pictures are unmarked, half bear the mark of another key under the same key id, and half of each were
degraded by an attack of the lab. Each is another cut of a photo, searched with another key, and depends on its number
alone, so that a run which was cut off can go on.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import cv2
import numpy as np

from detector.provenance.keys import SECRET_BYTES, MarkKey
from detector.provenance.payload import Payload
from detector.provenance.watermark import MIN_SIDE, detect, embed
from detector.training.attacks import ATTACKS
from detector.training.mark_journal import Journal, Result, core_version, picture_name
from detector.training.mark_lab import Progress, share
from detector.types import Pixels

KINDS: Final = ("unmarked", "unmarked, degraded", "another key's", "another key's, degraded")
SIDES: Final = (256, 640)
"""Shortest and longest side of the pictures in pixels: small enough that thousands are affordable."""
SCALES: Final = (0.6, 1.6)
"""How much smaller or larger than in its photo a picture shows things."""
MOST: Final = 0.9
"""Largest share of a side of the photo that a picture shows, so that no two show the same."""
KEY_ID: Final = 5
SEED: Final = 20_261_125
SCORES: Final = (4.5, 5.0, 5.5, 6.0, 6.5, 7.0)
STATED: Final = (0.5, 0.1, 0.01, 1e-3, 1e-6)
REPORTED: Final = 100
"""Searches between two lines of progress."""
_CHANGING: Final = tuple(name for name in ATTACKS if name != "none")


def measure_negatives(
    photos: Sequence[Pixels], *, searches: int, progress: Progress, journal: Journal | None = None
) -> dict[str, Any]:
    """False matches and scores of `searches` whole searches, as one document for JSON."""
    kept = journal or Journal()
    run = f"negative/{core_version()}/{picture_name(*photos)}"
    results: list[Result] = []
    for number in range(searches):
        results.append(kept.once(f"{run}/{number}", partial(search_one, photos, number)))
        if (number + 1) % REPORTED == 0:
            false = sum(one["detected"] for one in results)
            progress(f"{number + 1} of {searches} searches, {false} false matches")
    return {"core": core_version(), **_document(results)}


def search_one(photos: Sequence[Pixels], number: int) -> Result:
    """The search of the picture `number`: its kind, and what was read."""
    rng = np.random.default_rng([SEED, number])
    own, other = (MarkKey(KEY_ID, rng.bytes(SECRET_BYTES)) for _ in range(2))
    kind = number % len(KINDS)
    pixels = cut(photos[number // len(KINDS) % len(photos)], rng)
    if KINDS[kind].startswith("another"):
        pixels = embed(pixels, payload=Payload(rng.bytes(6).hex(), KEY_ID), key=other)
    attack = "none"
    if KINDS[kind].endswith("degraded"):
        attack, pixels = _degraded(pixels, rng)
    reading = detect(pixels, keys=[own])
    return {
        "kind": kind,
        "attack": attack,
        "detected": reading.detected,
        "z": reading.z,
        "stated": reading.false_match_probability,
    }


def cut(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """A random part of `photo`, mirrored or not, in a random size."""
    scale = rng.uniform(*SCALES)
    height, width = (round(rng.uniform(*SIDES)) for _ in range(2))
    shape = photo.shape[:2]
    part = [min(round(MOST * length), round(side / scale)) for length, side in zip(shape, (height, width), strict=True)]
    top, left = (int(rng.integers(length - side + 1)) for length, side in zip(shape, part, strict=True))
    seen = photo[top : top + part[0], left : left + part[1]]
    if rng.random() < 0.5:
        seen = seen[:, ::-1]
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = [max(SIDES[0], round(side * scale)) for side in part]
    result: Pixels = cv2.resize(np.ascontiguousarray(seen), size[::-1], interpolation=kernel)
    return result


def _degraded(pixels: Pixels, rng: np.random.Generator) -> tuple[str, Pixels]:
    """`pixels` after a random attack that leaves enough to search."""
    while True:
        name = _CHANGING[int(rng.integers(len(_CHANGING)))]
        attacked = ATTACKS[name](pixels, rng)
        if min(attacked.shape[:2]) >= MIN_SIDE:
            return name, attacked


def _document(results: Sequence[Result]) -> dict[str, Any]:
    z = np.array([one["z"] for one in results])
    return {
        "searches": len(results),
        "false_matches": _false(results),
        "kinds": {kind: _false([one for one in results if one["kind"] == at]) for at, kind in enumerate(KINDS)},
        "z": {name: round(float(np.percentile(z, at)), 2) for name, at in _PERCENTILES.items()},
        "reached": {f"{least:g}": int(np.count_nonzero(z >= least)) for least in SCORES},
        "stated": [_agreement(results, chance) for chance in STATED],
    }


_PERCENTILES: Final[Mapping[str, float]] = {"median": 50, "p90": 90, "p99": 99, "highest": 100}


def _false(results: Sequence[Result]) -> dict[str, Any]:
    counted = share(sum(one["detected"] for one in results), len(results))
    return {"found": counted["recovered"], "searches": counted["tries"], "upper": counted["high"]}


def _agreement(results: Sequence[Result], chance: float) -> dict[str, Any]:
    """How many searches stated at most `chance`, and how many may: that many times the chance."""
    found = sum(one["stated"] <= chance for one in results)
    return {"chance": chance, "searches": found, "allowed": round(chance * len(results), 3)}
