"""Write and read the mark `shingan.wm.1`: a keyed, tiled spread spectrum in luminance.

Reading assumes nothing of the picture: an untouched scale is tried first, then the lattices that the picture's own
autocorrelation suggests. Every reading states the chance that an unmarked picture gives it, over the whole search.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import ProvenanceError
from detector.provenance import carrier as carriers
from detector.provenance import payload as wire
from detector.provenance.carrier import FREQUENCIES, GRID, SIDES, SYNC, TILE, TURNS, VARIANTS, Carrier, Complex
from detector.provenance.geometry import MAX_LATTICES, find_lattices, fold, identity, usual_lattices
from detector.provenance.keys import MarkKey
from detector.provenance.mask import mask
from detector.provenance.payload import Payload
from detector.provenance.residual import Plane, anchor, luminance, overlaid, residual, working_copy
from detector.provenance.spectrum import Spectrum, read, transform
from detector.types import Pixels, WatermarkReading

ALGORITHM = "shingan.wm.1"
DEFAULT_STRENGTH = 2.03  # grey levels RMS of luma: 43.1 dB; with MOST_LOSS, no picture of 133 went below 43 dB or .985
MIN_SIDE = 128
_LUMA = np.array([0.299, 0.587, 0.114])
_STEP = _LUMA / (_LUMA @ _LUMA)  # the least change of colour that moves luma by 1; grey takes 1.3 dB more
_FULL_SIDE = 512  # px; smaller pictures hold fewer tiles and bear a stronger mark
_MOST_BOOST = ((MIN_SIDE, 256), (2.1, 1.7))  # by side
_ATTEMPTS = 8  # decodings per key and picture; each costs 1 ms and a share of the false-match budget
_WORTH_DECODING = 4.8  # deviations; chance alone reaches 5.5 in a whole search (median of 5,000)
_WORTH_LISTING = 5.8  # deviations; marks that only the second to 32nd likeliest word read began at 5.98 (28 photos)
_WORDS = 32  # likeliest words that are checked then: 26 ms, and another share of the false-match budget each
SURE = 8.0  # deviations; above, no better alignment is needed
_NUDGE = 0.0025  # a pixel at 400 px from the middle
COARSE = TILE / GRID
_SINGLE_FRAMES = 3  # of a clip that are searched alone as well: a cut or a zoom between frames spoils their sum

Weigh = Callable[[Plane], Plane]


@dataclass(frozen=True, slots=True)
class Sight:
    """A place where the template fits: `white` is the tile's spectrum there, already turned or mirrored."""

    z: float
    shift: tuple[float, float]
    white: Complex
    used: Carrier
    key: MarkKey
    matrix: NDArray[np.float64]


def embed(pixels: Pixels, *, payload: Payload, key: MarkKey, strength: float = DEFAULT_STRENGTH) -> Pixels:
    """Return a marked copy of `pixels` (H W 3, each side at least 128 px).

    `strength` is the mark's RMS in grey levels in a picture of 512 px or more; smaller ones bear up to 2.1 times as
    much, and smooth ones less, which keep an SSIM of .985 that way.
    Raises `ProvenanceError` when the picture is too small or the payload names another key.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise ProvenanceError(f"A picture needs at least {MIN_SIDE} pixels on each side to bear a watermark.")
    if payload.key_id != key.key_id:
        raise ProvenanceError("The payload names another key than the one given.")
    return lay(pixels, pattern(payload, key=key), strength=strength)


def pattern(payload: Payload, *, key: MarkKey, slope: float = carriers.SLOPE) -> NDArray[np.float32]:
    """Return the tile (96 96, mean 0, deviation 1) that says `payload` under `key`, and nothing of the key itself."""
    used = carriers.carrier(key, carriers.variant_of(key, payload.record_id))
    return carriers.tile(used, wire.encode(payload), slope=slope)


def lay(
    pixels: Pixels, tile: NDArray[np.float32], *, strength: float = DEFAULT_STRENGTH, weigh: Weigh = mask
) -> Pixels:
    """Return a copy of `pixels` with `tile` laid over it, as `embed` does; `weigh` says what each place bears."""
    height, width = pixels.shape[:2]
    side = np.sqrt(height * width)
    boost = float(np.clip(_FULL_SIDE / side, 1.0, np.interp(side, *_MOST_BOOST)))
    change = weigh(luminance(pixels))
    cv2.multiply(change, _lay(tile, height, width), dst=change)
    return _add(pixels, change, by=strength * boost)


def detect(pixels: Pixels, *, keys: Sequence[MarkKey]) -> WatermarkReading:
    """Search `pixels` (H W 3) for a mark of any of `keys`; cropped, resized, turned and mirrored pictures included."""
    if min(pixels.shape[:2]) < MIN_SIDE or not keys:
        return WatermarkReading(detected=False)
    return _search(residual(working_copy(pixels)), keys)


def detect_clip(pictures: Sequence[Pixels], *, keys: Sequence[MarkKey]) -> WatermarkReading:
    """Search frames of one clip: all of them laid over each other, which keeps the mark alone, then a few one by one.

    After the first, which stands for the clip, the best come first (`video.best_first`). The quoted false-match
    probability is about all of these searches.
    """
    planes = [residual(working_copy(pixels)) for pixels in pictures if min(pixels.shape[:2]) >= MIN_SIDE]
    if not planes or not keys:
        return WatermarkReading(detected=False)
    first, *others = planes
    searched: list[Plane] = [*others[: _SINGLE_FRAMES - 1], first]
    if len(planes) > 1 and len({plane.shape for plane in planes}) == 1:
        searched = [overlaid(planes), *searched]
    readings = []
    for plane in searched:
        readings.append(_search(plane, keys))
        if readings[-1].detected:
            break
    best = max(readings, key=lambda reading: (reading.detected, reading.z or 0.0))
    chance = min(1.0, len(searched) * (best.false_match_probability or 0.0))
    return replace(best, false_match_probability=chance)


class Search:
    """What one search makes of the sights that it is shown, by whatever they were found.

    It counts its decodings, for the quoted false-match probability is about all of them.
    """

    def __init__(self, keys: Sequence[MarkKey]) -> None:
        self._keys = keys
        self._attempts = dict.fromkeys(keys, _ATTEMPTS)
        self._best = 0.0

    def chosen(self, scores: Sequence[float]) -> list[int]:
        """Return which of the sights that have these `scores` are worth a closer look, best first."""
        self._best = max(self._best, *scores)
        order = sorted(range(len(scores)), key=lambda number: -scores[number])
        return order[: _ATTEMPTS // 2 * len(self._keys)]

    def read(self, sight: Sight) -> WatermarkReading | None:
        """Decode a `sight` that was looked at closely, if it stands out and its key has decodings left."""
        self._best = max(self._best, sight.z)
        if sight.z < _WORTH_DECODING or self._attempts[sight.key] == 0:
            return None
        self._attempts[sight.key] -= 1
        soft = carriers.soft_bits(sight.white, sight.used, sight.shift)
        decoded = wire.decode(soft)
        if decoded is None and sight.z >= _WORTH_LISTING:
            decoded = wire.decode(soft, words=_WORDS)
        if decoded is None or decoded[0].key_id != sight.key.key_id:
            return None
        # The template's own tail would make this far smaller, but by a Gaussian that was never checked so far out.
        chance = carriers.decode_bound(_ATTEMPTS * _WORDS * len(self._keys))
        return WatermarkReading(True, decoded[0].record_id, decoded[0].key_id, sight.z, chance, decoded[1])

    def nothing(self) -> WatermarkReading:
        """Return the reading of a search that is over and read nothing."""
        z = self._best
        return WatermarkReading(detected=False, z=z, false_match_probability=carriers.tail_bound(z, self._tests()))

    def _tests(self) -> int:
        """Count every score that the search may look at."""
        shifts = (TILE * carriers.FINENESS) ** 2
        lattices = MAX_LATTICES * len(TURNED) * len(STRETCHED) + 1  # the untouched one is read in two ways
        return lattices * TURNS * VARIANTS * shifts * len(self._keys)


def _search(fine: Plane, keys: Sequence[MarkKey]) -> WatermarkReading:
    """Look at the residual `fine` as it lies, then on every lattice that it suggests."""
    search = Search(keys)
    sights = _look(carriers.whiten(fold(fine))[None], np.eye(2)[None], keys)
    first = sights[search.chosen([sight.z for sight in sights])[0]]
    reading = search.read(_settle(first))
    if reading is not None:
        return reading
    spectrum = transform(fine)
    lattices = [identity(), *usual_lattices(fine.shape), *find_lattices(fine)]
    matrices = np.array([lattice.matrix for lattice in lattices])
    sights = _look(read(spectrum, matrices, FREQUENCIES), matrices, keys)
    for number in search.chosen([sight.z for sight in sights]):
        reading = search.read(_align(spectrum, sights[number]))
        if reading is not None:
            return reading
    return search.nothing()


def _look(whites: Complex, matrices: NDArray[np.float64], keys: Sequence[MarkKey]) -> list[Sight]:
    """Return each key's best sight on each lattice of `matrices` (L 2 2), whose tiles are `whites` (L F)."""
    found = []
    for matrix, white in zip(matrices, whites, strict=True):
        sides = carriers.turned(white)
        found += [_best(sides, key, matrix) for key in keys]
    return found


def _settle(sight: Sight) -> Sight:
    z, shift = carriers.settle(sight.white[SYNC], sight.used.phases[SYNC], sight.shift)
    return replace(sight, z=z, shift=shift)


def _align(spectrum: Spectrum, sight: Sight) -> Sight:
    """Return the best sight among small changes of the lattice, for the same key, variant and side."""
    if sight.z >= SURE:
        return _settle(sight)
    matrix, place = sight.matrix, sight.shift
    for nudges in (TURNED, STRETCHED):
        matrices = nudges @ matrix
        seen = read(spectrum, matrices, FREQUENCIES[SYNC])
        number, place = carriers.nearby(seen, sight.used.phases[SYNC], place)
        matrix = matrices[number]
    white = read(spectrum, matrix, FREQUENCIES)
    return _settle(replace(sight, white=white, shift=place, matrix=matrix))


def _add(pixels: Pixels, change: Plane, *, by: float) -> Pixels:
    """Add `by` times `change` to the luma, by the smallest step in colour that does so."""
    channels = zip(cv2.split(pixels), _STEP, strict=True)
    steps = [
        cv2.addWeighted(channel, 1.0, change, by * float(share), 0.0, dtype=cv2.CV_8U) for channel, share in channels
    ]
    result: Pixels = cv2.merge(steps)
    return result


def _lay(pattern: NDArray[np.float32], height: int, width: int) -> Plane:
    """Return the tiling of a height x width picture, at the scale that its size anchors."""
    scale = anchor(height, width)
    rows, columns = int(np.ceil(height / scale)) + 1, int(np.ceil(width / scale)) + 1
    tiled: Plane = cv2.repeat(pattern, -(-rows // TILE), -(-columns // TILE))[:rows, :columns]
    if scale == 1.0:
        return tiled[:height, :width]
    result: Plane = cv2.resize(tiled, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return result[:height, :width]


def _best(sides: Complex, key: MarkKey, matrix: NDArray[np.float64]) -> Sight:
    """Return the best of all variants on all of a tile's `sides` (TURNS F)."""
    used = [carriers.carrier(key, variant) for variant in range(VARIANTS)]
    maps = carriers.sync_maps(sides[:, SYNC], np.array([one.phases[SYNC] for one in used]))
    turn, variant, column, row = np.unravel_index(int(np.argmax(maps)), maps.shape)
    place = (float(column) * COARSE, float(row) * COARSE)
    return Sight(float(maps.max()), place, sides[turn], used[variant], key, matrix @ SIDES[turn].T)


def _turned(scale: int, turn: int) -> NDArray[np.float64]:
    size, angle = 1 + scale * _NUDGE, turn * _NUDGE
    return size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _stretched(stretch: int, shear: int) -> NDArray[np.float64]:
    return np.eye(2) + _NUDGE * np.array([[stretch, shear], [shear, -stretch]])


TURNED = np.array([_turned(scale, turn) for scale in (-2, -1, 0, 1, 2) for turn in (-2, -1, 0, 1, 2)])
STRETCHED = np.array([_stretched(stretch, shear) for stretch in (-2, -1, 0, 1, 2) for shear in (-2, -1, 0, 1, 2)])
