"""The rest of a mark that can no longer be read, where it is known what the mark must have said.

Damage that takes a mark beyond decoding leaves some of it. Blindly that is chance to the eye: among all words some
fits. But where a picture looks like one of our releases, it can be asked for that release's own word, whose every wave
is known; under secret phases the answer has the closed-form tail of the template's scores (`carrier.tail_bound`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from scipy import fft

from detector.provenance import carrier as carriers
from detector.provenance import payload as wire
from detector.provenance.carrier import COLUMNS, FREQUENCIES, ROWS, TILE, Complex
from detector.provenance.geometry import fold, usual_lattices
from detector.provenance.keys import MarkKey
from detector.provenance.payload import Payload
from detector.provenance.residual import Plane, overlaid, residual, working_copy
from detector.provenance.spectrum import read, transform
from detector.provenance.watermark import MIN_SIDE
from detector.types import Pixels, WatermarkTrace

MOST_CHANCE = 1e-6
"""Of a false trace, over everything that one picture is asked for."""
MOST_RECORDS = 16
"""Releases that a picture is compared with, the most alike first; each takes 3 ms and a share of `MOST_CHANCE`."""
_LEAST_OWN = 5.0
"""Deviations. Marks of one key share a template and their first bits, so another record's fits as well, up to 9.5
deviations; of its own bits, whose signs are as good as tossed, it has so many right once in 270,000 (Hoeffding)."""
_SLOPE = 1.0
"""Power of the frequency by which waves count less: of 0, 1, 2 and 3, 1 found most after 8 kinds of damage that
defeated decoding (14 photos: 39 traces of 45, 31 with all waves alike)."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """`z` of all waves, in deviations over all keys; `own` of the bits that only this record has, over all records."""

    z: float
    own: float


def find_trace(
    pictures: Sequence[Pixels], *, keys: Sequence[MarkKey], record_ids: Sequence[str]
) -> WatermarkTrace | None:
    """The strongest trace in a picture, or in frames of one clip, of the marks of `record_ids` under any of `keys`.

    Null where chance gives as much more often than `MOST_CHANCE` says. Resizing to everyday scales is undone; a
    picture that was turned, mirrored or much cropped does not look like its release to begin with.
    """
    planes = [residual(working_copy(pixels)) for pixels in pictures if min(pixels.shape[:2]) >= MIN_SIDE]
    tried = [(key, record_id) for record_id in record_ids[:MOST_RECORDS] for key in keys]
    if not planes or not tried:
        return None
    whites = _whites(overlaid(planes))
    fits = [(_fit(whites, key, record_id), key, record_id) for key, record_id in tried]
    own = [(fit.z, key, record_id) for fit, key, record_id in fits if fit.own >= _LEAST_OWN]
    if not own:
        return None
    z, key, record_id = max(own, key=itemgetter(0))
    chance = carriers.tail_bound(z, len(tried) * len(whites) * TILE**2)
    return WatermarkTrace(record_id, key.key_id, z, chance) if chance <= MOST_CHANCE else None


def _whites(fine: Plane) -> Complex:
    """Return the used frequencies of `fine` as it lies, and on lattices of everyday resizing (L F)."""
    matrices = np.array([lattice.matrix for lattice in usual_lattices(fine.shape)])
    return np.vstack([carriers.whiten(fold(fine))[None], read(transform(fine), matrices, FREQUENCIES)])


def _fit(whites: Complex, key: MarkKey, record_id: str) -> _Fit:
    """Return how the mark of `record_id` fits where it fits best, among all `whites` (L F) and `TILE` ** 2 shifts."""
    used = carriers.carrier(key, carriers.variant_of(key, record_id))
    coded = wire.encode(Payload(record_id, key.key_id))
    parts = carriers.waves(used, coded, slope=_SLOPE).conj() * whites
    spectrum = np.zeros((len(whites), TILE, TILE), np.complex64)
    spectrum[:, ROWS, COLUMNS] = parts
    scores = fft.ifft2(spectrum, norm="forward", overwrite_x=True).real / carriers.deviation(parts)[:, None, None]
    lattice, down, right = np.unravel_index(int(np.argmax(scores)), scores.shape)
    soft = carriers.soft_bits(whites[lattice], used, (float(right), float(down)))[wire.OWN_BITS]
    agreed = float(soft @ (2.0 * coded[wire.OWN_BITS] - 1.0))
    return _Fit(float(scores.max()), agreed / (float(np.linalg.norm(soft)) + 1e-9))
