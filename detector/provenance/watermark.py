"""Write and read the mark `shingan.wm.1`: a keyed, tiled spread spectrum in luminance.

Reading assumes nothing of the picture: an untouched scale is tried first, then the lattices that the picture's own
autocorrelation suggests. Every reading states the chance that an unmarked picture gives it, over the whole search.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import ProvenanceError
from detector.provenance import carrier as carriers
from detector.provenance import payload as wire
from detector.provenance.carrier import TILE, VARIANTS, Carrier, Complex
from detector.provenance.geometry import MAX_LATTICES, Lattice, find_lattices, fold, identity, parabola, usual_lattices
from detector.provenance.keys import MarkKey
from detector.provenance.payload import Payload
from detector.provenance.residual import Plane, anchor, luminance, mask, residual, working_copy
from detector.types import Pixels, WatermarkReading

ALGORITHM = "shingan.wm.1"
DEFAULT_STRENGTH = 1.9  # grey levels RMS: 42.4 dB
MIN_SIDE = 128
_FULL_SIDE = 512  # px; smaller pictures hold fewer tiles and bear a stronger mark
_MAX_BOOST = 1.7
_ATTEMPTS = 8  # decodings per key and picture; each costs 3 ms and a share of the false-match budget
_WORTH_DECODING = 4.8  # deviations; chance alone reaches 5.2 in a whole search (median of 100 unmarked photos)
_SURE = 8.0  # deviations; above, no better alignment is needed
_NUDGES = tuple((scale, turn) for scale in (-2, -1, 0, 1, 2) for turn in (-2, -1, 0, 1, 2))
_NUDGE_SCALE = 0.0025
_NUDGE_TURN = 0.0025  # radians: a pixel at 400 px from the middle
_TURNS = 8


@dataclass(frozen=True, slots=True)
class _Sight:
    """A place where the template fits: `white` is the tile's spectrum there, already turned or mirrored."""

    z: float
    shift: tuple[float, float]
    white: Complex
    used: Carrier
    key: MarkKey
    lattice: Lattice
    turn: int


def embed(pixels: Pixels, *, payload: Payload, key: MarkKey, strength: float = DEFAULT_STRENGTH) -> Pixels:
    """Return a marked copy of `pixels` (H W 3, each side at least 128 px).

    `strength` is the mark's RMS in grey levels at 512 px and above; smaller pictures bear up to 1.7 times as much.
    Raises `ProvenanceError` when the picture is too small or the payload names another key.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise ProvenanceError(f"A picture needs at least {MIN_SIDE} pixels on each side to bear a watermark.")
    if payload.key_id != key.key_id:
        raise ProvenanceError("The payload names another key than the one given.")
    pattern = carriers.tile(carriers.carrier(key, carriers.variant_of(key, payload.record_id)), wire.encode(payload))
    boost = float(np.clip(_FULL_SIDE / np.sqrt(height * width), 1.0, _MAX_BOOST))
    change = _lay(pattern, height, width) * mask(luminance(pixels)) * (strength * boost)
    return np.clip(np.rint(pixels + change[..., None]), 0, 255).astype(np.uint8)


def detect(pixels: Pixels, *, keys: Sequence[MarkKey]) -> WatermarkReading:
    """Search `pixels` (H W 3) for a mark of any of `keys`; cropped, resized, turned and mirrored pictures included."""
    if min(pixels.shape[:2]) < MIN_SIDE or not keys:
        return WatermarkReading(detected=False)
    return _Search(residual(working_copy(pixels)), keys).run()


class _Search:
    """One search: it counts its decodings, for the quoted false-match probability is about all of them."""

    def __init__(self, fine: Plane, keys: Sequence[MarkKey]) -> None:
        self._fine = fine
        self._keys = keys
        self._attempts = dict.fromkeys(keys, _ATTEMPTS)
        self._best = 0.0

    def run(self) -> WatermarkReading:
        sights = self._look(identity())
        reading = self._read_first(sights)
        if reading is not None:
            return reading
        for lattice in (*usual_lattices(self._fine.shape), *find_lattices(self._fine)):
            sights += self._look(lattice)
        sights.sort(key=lambda sight: -sight.z)
        for sight in sights[: _ATTEMPTS // 2 * len(self._keys)]:
            if sight.z < _WORTH_DECODING:
                break
            reading = self._read(self._align(sight))
            if reading is not None:
                return reading
        z = self._best
        return WatermarkReading(detected=False, z=z, false_match_probability=carriers.tail_bound(z, self._tests()))

    def _read_first(self, sights: Sequence[_Sight]) -> WatermarkReading | None:
        best = max(sights, key=lambda sight: sight.z)
        return self._read(best) if best.z >= _WORTH_DECODING else None

    def _tests(self) -> int:
        """Count every score that the search may look at."""
        return MAX_LATTICES * len(_NUDGES) * _TURNS * VARIANTS * TILE * TILE * len(self._keys)

    def _look(self, lattice: Lattice) -> list[_Sight]:
        """Return each key's best sight on `lattice`."""
        whites = [carriers.whiten(side) for side in _turned(fold(self._fine, lattice))]
        found = []
        for key in self._keys:
            sights = [
                _best(white, carriers.carrier(key, variant), key, lattice, turn)
                for turn, white in enumerate(whites)
                for variant in range(VARIANTS)
            ]
            found.append(max(sights, key=lambda sight: sight.z))
        self._best = max(self._best, *(sight.z for sight in found))
        return found

    def _align(self, sight: _Sight) -> _Sight:
        """Return the best sight among small changes of scale and turn, for the same key, variant and side."""
        if sight.z >= _SURE:
            return sight
        best = sight
        for scale, turn in _NUDGES:
            nudged = Lattice(_nudge(scale, turn) @ sight.lattice.matrix, sight.lattice.score)
            white = carriers.whiten(_side(fold(self._fine, nudged), sight.turn))
            candidate = _best(white, sight.used, sight.key, nudged, sight.turn)
            best = max(best, candidate, key=lambda one: one.z)
        self._best = max(self._best, best.z)
        return best

    def _read(self, sight: _Sight) -> WatermarkReading | None:
        if self._attempts[sight.key] == 0:
            return None
        self._attempts[sight.key] -= 1
        decoded = wire.decode(carriers.soft_bits(sight.white, sight.used, sight.shift))
        if decoded is None or decoded[0].key_id != sight.key.key_id:
            return None
        # The template's own tail would make this far smaller, but by a Gaussian that was never checked so far out.
        chance = carriers.decode_bound(_ATTEMPTS * len(self._keys))
        return WatermarkReading(True, decoded[0].record_id, decoded[0].key_id, sight.z, chance, decoded[1])


def _lay(pattern: NDArray[np.float32], height: int, width: int) -> Plane:
    """Return the tiling of a height x width picture, at the scale that its size anchors."""
    scale = anchor(height, width)
    rows, columns = int(np.ceil(height / scale)) + 1, int(np.ceil(width / scale)) + 1
    tiled = np.tile(pattern, (-(-rows // TILE), -(-columns // TILE)))[:rows, :columns]
    if scale == 1.0:
        return tiled[:height, :width]
    warp = np.array([[1 / scale, 0, 0.5 / scale - 0.5], [0, 1 / scale, 0.5 / scale - 0.5]])
    result: Plane = cv2.warpAffine(
        tiled, warp, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
    )
    return result


def _turned(folded: Plane) -> Iterator[Plane]:
    return (_side(folded, turn) for turn in range(_TURNS))


def _side(folded: Plane, turn: int) -> Plane:
    """Return one of the eight quarter turns and mirror images of a tile."""
    turned = np.rot90(folded, turn % 4)
    return np.ascontiguousarray(turned[:, ::-1] if turn >= 4 else turned)


def _best(white: Complex, used: Carrier, key: MarkKey, lattice: Lattice, turn: int) -> _Sight:
    scores = carriers.sync_scores(white, used)
    row, column = (int(place) for place in np.unravel_index(int(np.argmax(scores)), scores.shape))
    ring = np.arange(-1, 2)
    down = row + parabola(scores[(row + ring) % TILE, column])
    right = column + parabola(scores[row, (column + ring) % TILE])
    return _Sight(float(scores[row, column]), (down, right), white, used, key, lattice, turn)


def _nudge(scale: int, turn: int) -> NDArray[np.float64]:
    size, angle = 1 + scale * _NUDGE_SCALE, turn * _NUDGE_TURN
    return size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
