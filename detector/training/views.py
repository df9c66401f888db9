"""Draws, degrades and cuts the synthesis expert's training faces once, into a pool that every run can read.

    python -m detector.training.views OUT_FOLDER ROOT FACES.jsonl [MORE.jsonl ...] --rounds 400

On a CPU the cutting and the first layers cost as much as the learning. A pool makes a run for each family left out and
each ingredient left out affordable, and all runs see the same faces. Rows 2i and 2i + 1 are a fake and a real that
went through deliveries of the same tier; a twin stands beside the very photo that it was drawn from.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.classifier.tiles import TILE, cut_tiles
from detector.faces import MARGIN, crop_face
from detector.training.data import Sample, read_faces, read_pixels
from detector.training.degrade import degrade, recolour
from detector.training.train import TIER_SHARES, jitter
from detector.types import Face, Pixels, Tier

SIDE: Final = 224
"""Of the crop. Faces of StyleGAN files are 190 px wide (median): 192 with the margin would shrink them by a fifth."""
FAMILIES: Final = ("stylegan", "stylegan2", "diffusion", "shingan", "twin")
TILES: Final = 2
"""Tiles kept per training view, of the four that are cut."""
TWIN_TIERS: Final = {Tier.CLEAN: 0.75, Tier.WEB: 0.25}
"""A hard delivery leaves nothing of a twin but its label."""
LEVEL_SHARE: Final = 0.7
LEVEL_SIDES: Final = (70.0, 260.0)
"""Share of faces brought to a random size first, and its range in pixels: the sets' sizes must not tell them apart."""
MAX_GROWTH: Final = 1.2
RIM: Final = 6
"""Pixels taken off every side: an autoencoder draws the rim of a picture badly, which no generator does."""
SHIFT, TURN, MARGINS = 0.1, 10.0, (0.85, 1.2)
"""Most that a face is off its centre (of its size), off its level (degrees), and the range of its margin: within one
set the framing of fakes and reals differs by a hair, and a thumbnail of well-centred faces tells them apart."""
TOUCHED_SHARE: Final = 0.3
"""Share of faces that are sharpened or softened before delivery, as phones and editors do, alike in both classes."""
OWN_SHARE: Final = 0.5
"""Share of fakes that stand beside a real of their own set, if it has any; the closest reals are the hardest."""
TIGHT_SHARE: Final = 0.6
TIGHT_ROOM: Final = (-0.12, 0.3)
"""Share of pictures that are cut close to the face, and the room left on each side in face sizes. Some sets of reals
come that close, and the mirrored borders that follow must not mean "real"."""


@dataclass(frozen=True, slots=True)
class Pool:
    """`crops` N 224 224 3 and `tiles` N 2 96 96 3 (mapped files), `families` N and the `files` N that they show."""

    crops: NDArray[np.uint8]
    tiles: NDArray[np.uint8]
    families: tuple[str, ...]
    files: tuple[str, ...]
    sets: tuple[str, ...]


def framed(pixels: Pixels, face: Face, rng: np.random.Generator) -> tuple[Pixels, Face]:
    """The picture without its rim or, more often than not, cut close to the face; and the face in it."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = RIM, RIM, width - RIM, height - RIM
    if rng.random() < TIGHT_SHARE:
        x0, y0, x1, y1 = face.box
        room = rng.uniform(*TIGHT_ROOM, size=4) * face.size
        left, top = max(left, int(x0 - room[0])), max(top, int(y0 - room[1]))
        right, bottom = min(right, int(x1 + room[2])), min(bottom, int(y1 + room[3]))
    x0, y0, x1, y1 = face.box
    box = (x0 - left, y0 - top, x1 - left, y1 - top)
    return pixels[top:bottom, left:right], Face(box, tuple((x - left, y - top) for x, y in face.landmarks), 1.0)


class Stock:
    """The faces of the train split, drawn as pairs of a fake and a real."""

    def __init__(self, samples: Sequence[Sample], root: Path, *, rng: np.random.Generator) -> None:
        self._root, self._rng = root, rng
        self._fakes: dict[str, list[Sample]] = {}
        self._reals: dict[str, list[Sample]] = {}
        self._by_file = {sample.file: sample for sample in samples if sample.real}
        for sample in samples:
            place = self._reals.setdefault(sample.set, []) if sample.real else self._fakes.setdefault(sample.family, [])
            place.append(sample)

    def pair(self, family: str) -> tuple[Sample, Sample]:
        """A fake of `family` and its photo if it is a twin, else a real of its set or of any set (all alike likely)."""
        fake = self._draw(self._fakes[family])
        if family == "twin" and fake.attrs in self._by_file:
            return fake, self._by_file[fake.attrs]
        if fake.set in self._reals and self._rng.random() < OWN_SHARE:
            return fake, self._draw(self._reals[fake.set])
        names = sorted(self._reals)
        return fake, self._draw(self._reals[names[int(self._rng.integers(len(names)))]])

    def pixels(self, sample: Sample) -> Pixels:
        return read_pixels(self._root / sample.file)

    def _draw(self, samples: list[Sample]) -> Sample:
        return samples[int(self._rng.integers(len(samples)))]


def view(
    pixels: Pixels, face: Face, *, tier: Tier, level: float | None, rng: np.random.Generator
) -> tuple[Pixels, NDArray[np.uint8]]:
    """Crop and tiles of one delivered face; `level` is the face size in pixels before delivery, null as it is."""
    pixels, face = framed(pixels, face, rng)
    scale = min(MAX_GROWTH, level / face.size) if level else 1.0
    sized = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    touched = retouch(recolour(np.asarray(sized, np.uint8), rng=rng), rng)
    arrived = degrade(touched, tier=tier, rng=rng)
    seen = displaced(jitter(face, scale=arrived.shape[1] / pixels.shape[1], rng=rng), rng)
    crop = crop_face(arrived, seen, side=SIDE, margin=MARGIN * rng.uniform(*MARGINS))
    shift = tuple(float(v) for v in rng.uniform(-TILE / 8, TILE / 8, 2))
    tiles = cut_tiles(arrived, seen, shift=(shift[0], shift[1]))
    if rng.random() < 0.5:
        crop, tiles = crop[:, ::-1], tiles[:, :, ::-1]
    return np.ascontiguousarray(crop), tiles[rng.choice(len(tiles), TILES, replace=False)]


def displaced(face: Face, rng: np.random.Generator) -> Face:
    """`face` with its box off by up to `SHIFT` of its size and its eyes off their level by up to `TURN` degrees."""
    dx, dy = rng.uniform(-SHIFT, SHIFT, 2) * face.size
    x0, y0, x1, y1 = face.box
    turn = cv2.getRotationMatrix2D(((x0 + x1) / 2, (y0 + y1) / 2), rng.uniform(-TURN, TURN), 1.0)
    marks = np.array(face.landmarks) @ turn[:, :2].T + turn[:, 2] + (dx, dy)
    return Face((x0 + dx, y0 + dy, x1 + dx, y1 + dy), tuple((float(x), float(y)) for x, y in marks), face.confidence)


def retouch(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """`pixels`, or now and then a sharper or a softer copy."""
    if rng.random() >= TOUCHED_SHARE:
        return pixels
    soft = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.6, 1.4))
    amount = rng.uniform(-0.8, 1.0)
    return np.asarray(cv2.addWeighted(pixels, 1 + amount, soft, -amount, 0), np.uint8)


def pair_views(
    stock: Stock, family: str, rng: np.random.Generator
) -> Iterator[tuple[Sample, Pixels, NDArray[np.uint8]]]:
    """A fake and a real through deliveries of one tier, from one face size."""
    shares = TWIN_TIERS if family == "twin" else TIER_SHARES
    tier = Tier(rng.choice([str(t) for t in shares], p=list(shares.values())))
    level = float(np.exp(rng.uniform(*np.log(LEVEL_SIDES)))) if rng.random() < LEVEL_SHARE else None
    for sample in stock.pair(family):
        assert sample.face is not None  # noqa: S101 - read_faces leaves others out
        yield sample, *view(stock.pixels(sample), sample.face, tier=tier, level=level, rng=rng)


def record(stock: Stock, out: Path, *, rounds: int, seed: int, families: Sequence[str] = FAMILIES) -> int:
    """Writes `rounds` pairs of every family to `out`, families in turn; returns the number of rows."""
    rng, count = np.random.default_rng(seed), 2 * rounds * len(families)
    crops = np.lib.format.open_memmap(out / "crops.npy", "w+", np.uint8, (count, SIDE, SIDE, 3))
    tiles = np.lib.format.open_memmap(out / "tiles.npy", "w+", np.uint8, (count, TILES, TILE, TILE, 3))
    rows, shown = [], (item for _ in range(rounds) for family in families for item in pair_views(stock, family, rng))
    for at, (sample, crop, cut) in enumerate(shown):
        crops[at], tiles[at] = crop, cut
        rows.append({"family": sample.family, "file": sample.file, "set": sample.set})
    (out / "rows.json").write_text(json.dumps(rows))
    return count


def open_pool(folder: Path, *, limit: int | None = None) -> Pool:
    """The pool in `folder`, or its first `limit` rows."""
    rows = json.loads((folder / "rows.json").read_text())[:limit]
    return Pool(
        np.load(folder / "crops.npy", mmap_mode="r")[:limit],
        np.load(folder / "tiles.npy", mmap_mode="r")[:limit],
        *(tuple(row[name] for row in rows) for name in ("family", "file", "set")),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument(
        "faces", type=Path, nargs="+", help="indexes; rows of families that are not trained are skipped"
    )
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    samples = [s for path in args.faces for s in read_faces(path) if s.split == "train"]
    stock = Stock(
        [s for s in samples if s.real or s.family in FAMILIES], args.root, rng=np.random.default_rng(args.seed)
    )
    print(f"{record(stock, args.out, rounds=args.rounds, seed=args.seed)} views")


if __name__ == "__main__":
    main()
