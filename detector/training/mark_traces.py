"""Measures traces: damage made to take the mark, what of it is then still found, and what is found where none was.

Each photo is marked and damaged, and asked for its own record. Two questions must find nothing: the same copy asked for
other records that share its template, and the photo as it never was marked, damaged alike, asked for the record.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count, islice
from typing import Any, Final

import cv2
import numpy as np

from detector.provenance.carrier import variant_of
from detector.provenance.fingerprint import distance, pdq
from detector.provenance.known_media import MAX_DISTANCE
from detector.provenance.trace import MOST_RECORDS, find_trace
from detector.provenance.watermark import MIN_SIDE, detect
from detector.training.attacks import Attack, blur, combined, encode, median, noise, resize, whole
from detector.training.mark_journal import Journal, Result, core_version, picture_name
from detector.training.mark_lab import Progress, share
from detector.training.mark_peers import KEY, ours, record_id
from detector.types import Pixels

OTHERS: Final = MOST_RECORDS


def smoothed(pixels: Pixels, _: np.random.Generator, *, strength: int) -> Pixels:
    """Non-local means (Buades et al. 2005), strong enough to blur skin."""
    return np.asarray(cv2.fastNlMeansDenoisingColored(pixels, None, strength, strength), np.uint8)


def shrunk(pixels: Pixels, _: np.random.Generator, *, scale: float) -> Pixels:
    """Brought to `scale` of its size and back."""
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return whole(cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC))


DAMAGES: Final[Mapping[str, Attack]] = {
    "JPEG 5": partial(encode, kind="JPEG", quality=5),
    "half the size, JPEG 10": partial(
        combined, steps=(partial(resize, scale=0.5), partial(encode, kind="JPEG", quality=10))
    ),
    "blur 4": partial(blur, sigma=4.0),
    "blur 5": partial(blur, sigma=5.0),
    "median 9": partial(median, side=9),
    "median 13": partial(median, side=13),
    "non-local means 12": partial(smoothed, strength=12),
    "noise 30, non-local means 20": partial(combined, steps=(partial(noise, sigma=30), partial(smoothed, strength=20))),
    "a fifth of the size and back": partial(shrunk, scale=0.2),
}


def measure_traces(photos: Sequence[Pixels], *, progress: Progress, journal: Journal | None = None) -> dict[str, Any]:
    """What every damage of `DAMAGES` left, as one document for JSON."""
    kept = journal or Journal()
    results: list[Result] = []
    for number, photo in enumerate(photos):
        key = f"trace/{core_version()}/{picture_name(photo)}/{number}"
        results.append(kept.once(key, partial(_try, photo, number)))
        progress(f"{number + 1} of {len(photos)} photos")
    rows = {name: _row([one[name] for one in results if name in one]) for name in DAMAGES}
    return {"photos": len(photos), "core": core_version(), "damages": rows}


def _try(photo: Pixels, number: int) -> Result:
    marked = ours().embed(photo, number)
    looks, others = pdq(marked)[0], _sharing(record_id(number), OTHERS)
    found: Result = {}
    for name, damage in DAMAGES.items():
        copy, plain = (damage(pixels, np.random.default_rng(number)) for pixels in (marked, photo))
        if min(copy.shape[:2]) < MIN_SIDE:
            continue
        trace = find_trace([copy], keys=[KEY], record_ids=[record_id(number)])
        found[name] = {
            "read": detect(copy, keys=[KEY]).detected,
            "alike": distance(looks, pdq(copy)[0]) <= MAX_DISTANCE,
            "z": None if trace is None else trace.z,
            "other": find_trace([copy], keys=[KEY], record_ids=others) is not None,
            "unmarked": find_trace([plain], keys=[KEY], record_ids=[record_id(number)]) is not None,
        }
    return found


def _sharing(record: str, number: int) -> Sequence[str]:
    """Other records whose marks have the template of `record`'s."""
    variant = variant_of(KEY, record)
    rng = np.random.default_rng(int(record, 16))
    others = (rng.bytes(6).hex() for _ in count())
    return list(islice((one for one in others if variant_of(KEY, one) == variant), number))


def _row(results: Sequence[Result]) -> dict[str, Any]:
    """`traced` and `false` are of copies that could not be read, as only those are asked."""
    unread = [one for one in results if not one["read"]]
    asked = [one for one in unread if one["alike"]]
    return {
        "read": share(sum(one["read"] for one in results), len(results)),
        "alike": share(sum(one["alike"] for one in results), len(results)),
        "traced": share(sum(one["z"] is not None for one in asked), len(asked)),
        "other": share(sum(one["other"] for one in unread), len(unread)),
        "unmarked": share(sum(one["unmarked"] for one in results), len(results)),
    }
