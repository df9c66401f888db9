"""The rest of a mark that can no longer be read, where it is known what the mark must have said.

Damage that takes a mark beyond decoding leaves some of it. Blindly that is chance to the eye: among all words some
fits. But where a picture looks like one of our releases, it can be asked for that release's own word, whose every wave
is known; under secret phases the answer has the closed-form tail of the template's scores (`carrier.tail_bound`).
"""

from collections.abc import Sequence
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
_SLOPE = 1.0
"""Power of the frequency by which waves count less: of 0, 1, 2 and 3, 1 found most after 8 kinds of damage that
defeated decoding (14 photos: 39 traces of 45, 31 with all waves alike)."""


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
    scores = [_score(whites, key, record_id) for key, record_id in tried]
    z, (key, record_id) = max(zip(scores, tried, strict=True), key=itemgetter(0))
    chance = carriers.tail_bound(z, len(tried) * len(whites) * TILE**2)
    return WatermarkTrace(record_id, key.key_id, z, chance) if chance <= MOST_CHANCE else None


def _whites(fine: Plane) -> Complex:
    """Return the used frequencies of `fine` as it lies, and on lattices of everyday resizing (L F)."""
    matrices = np.array([lattice.matrix for lattice in usual_lattices(fine.shape)])
    return np.vstack([carriers.whiten(fold(fine))[None], read(transform(fine), matrices, FREQUENCIES)])


def _score(whites: Complex, key: MarkKey, record_id: str) -> float:
    """Return how well the mark of `record_id` fits at best, in deviations over all keys, among `TILE` ** 2 shifts."""
    used = carriers.carrier(key, carriers.variant_of(key, record_id))
    sought = carriers.waves(used, wire.encode(Payload(record_id, key.key_id)), slope=_SLOPE)
    parts = sought.conj() * whites
    spectrum = np.zeros((len(whites), TILE, TILE), np.complex64)
    spectrum[:, ROWS, COLUMNS] = parts
    fits = fft.ifft2(spectrum, norm="forward", overwrite_x=True).real.max(axis=(1, 2))
    return float(np.max(fits / carriers.deviation(parts)))
