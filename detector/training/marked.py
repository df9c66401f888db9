"""Writes watermarked copies of faces, so that a detector cannot take our mark for a sign of synthesis.

    python -m detector.training.marked FACES.jsonl ROOT OUT_FOLDER --count 300

Marked real photos are trained on as real. Of our own generator's faces, every second one is marked.
"""

import argparse
import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from detector.provenance.keys import MarkKey
from detector.provenance.payload import Payload
from detector.provenance.watermark import MIN_SIDE, embed
from detector.training.data import Sample, _row, read_faces, read_pixels
from detector.types import Pixels

OWN: str = "shingan"
KEYS: int = 16
"""Keys in use, so that no single pattern can be learnt."""


def marked(pixels: Pixels, *, number: int) -> Pixels:
    """`pixels` with a mark of its own record, by one of `KEYS` keys made for training only."""
    key = MarkKey(number % KEYS, hashlib.sha256(f"training {number % KEYS}".encode()).digest())
    record = hashlib.sha256(str(number).encode()).hexdigest()[:12]
    return embed(pixels, payload=Payload(record, key.key_id), key=key)


def chosen(samples: Sequence[Sample], rng: np.random.Generator, *, count: int) -> Iterator[Sample]:
    """`count` real photos of all sets alike, and every second face of our own generator."""
    names = sorted({sample.set for sample in samples if sample.real})
    for name in names:
        mine = [sample for sample in samples if sample.set == name and sample.real]
        yield from (mine[int(index)] for index in rng.permutation(len(mine))[: count // len(names)])
    yield from [sample for sample in samples if sample.family == OWN][::2]


def write_marked(samples: Sequence[Sample], root: Path, out: Path, *, count: int, seed: int) -> None:
    """Writes a PNG for each and `marked.jsonl`; reals get the set "marked", `attrs` is the file without the mark."""
    rng = np.random.default_rng(seed)
    with (out / "marked.jsonl").open("w") as index:
        for number, sample in enumerate(chosen(samples, rng, count=count)):
            pixels = read_pixels(root / sample.file)
            if min(pixels.shape[:2]) >= MIN_SIDE:
                path = out / f"{number:05d}.png"
                cv2.imwrite(str(path), cv2.cvtColor(marked(pixels, number=number), cv2.COLOR_RGB2BGR))
                kind = "marked" if sample.real else sample.set
                row = dataclasses.replace(sample, file=str(path), set=kind, attrs=sample.file)
                index.write(json.dumps(_row(row, sample.face)) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    samples = [sample for sample in read_faces(args.faces) if sample.split == "train"]
    write_marked(samples, args.root, args.out, count=args.count, seed=args.seed)


if __name__ == "__main__":
    main()
