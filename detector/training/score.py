"""Runs faces and experts over an index under several deliveries and keeps the raw logits, to calibrate and evaluate on.

    python -m detector.training.score INDEX.csv ROOT SCORES.jsonl --splits val test

Each file is delivered four times (native, clean, web, hard), re-encoded alike whatever its class, and then goes through
the face finder, the quality measure and both experts exactly as an upload would.
"""

import argparse
import json
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch

from detector.classifier.cards import shipped
from detector.classifier.registry import load_expert
from detector.classifier.scorer import Expert
from detector.faces import FaceFinder
from detector.opinions import unfit
from detector.pipeline import EXPERTS
from detector.quality import jpeg_quality, measure
from detector.training.data import Sample, read_index, read_pixels
from detector.training.degrade import degrade
from detector.types import Pixels, Tier

DELIVERIES: Final = ("native", *Tier)
FINAL_QUALITY: Final = {"native": (95, 96), "clean": (85, 99), "web": (55, 85), "hard": (35, 55)}
"""JPEG quality of the last encoding, per delivery."""


def deliver(pixels: Pixels, *, delivery: str, rng: np.random.Generator) -> bytes:
    """`pixels` as the JPEG bytes that would arrive."""
    if delivery != "native":
        pixels = degrade(pixels, tier=Tier(delivery), rng=rng)
    quality = int(rng.integers(*FINAL_QUALITY[delivery]))
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def score(sample: Sample, pixels: Pixels, finder: FaceFinder, experts: list[Expert]) -> Iterator[dict[str, object]]:
    """One row a delivery; logits are null where no face was fit to judge."""
    for delivery in DELIVERIES:
        rng = np.random.default_rng(zlib.crc32(f"{sample.file}/{delivery}".encode()))
        data = deliver(pixels, delivery=delivery, rng=rng)
        image = cv2.cvtColor(np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), 1)), cv2.COLOR_BGR2RGB)
        arrived = np.asarray(image, dtype=np.uint8)
        row: dict[str, object] = {name: getattr(sample, name) for name in ("file", "set", "split", "family", "attrs")}
        row |= {"delivery": delivery, "faces": 0, "tier": None, "unfit": ["no_face"]}
        row |= {name: None for kind in EXPERTS for name in (str(kind), f"{kind}_domain")}
        found = finder.find(arrived)
        if found:
            quality = measure(arrived, found[0], jpeg=jpeg_quality(data))
            row |= {"faces": len(found), "tier": quality.tier, "unfit": unfit(quality)}
            row |= {"jpeg": quality.jpeg, "side": round(quality.side, 1), "sharpness": round(quality.sharpness, 1)}
            for expert in experts:
                reading = expert.read([expert.prepare(arrived, found[0])])
                row[str(expert.card.kind)] = float(reading.logits[0])
                row[f"{expert.card.kind}_domain"] = round(float(reading.distances[0]), 4)
        yield row


def score_index(index: Path, root: Path, out: Path, *, splits: Sequence[str], cards: Sequence[Path]) -> None:
    """Writes the rows of every file of `index` in one of `splits` to `out`, as JSON lines."""
    torch.set_num_threads(1)
    finder, experts = FaceFinder(), [load_expert(card) for card in cards]
    with out.open("w") as stream, unpacked(root) as folder:
        for sample in read_index(index):
            if sample.split in splits:
                for row in score(sample, read_pixels(folder / sample.file), finder, experts):
                    stream.write(json.dumps(row) + "\n")


@contextmanager
def unpacked(root: Path) -> Iterator[Path]:
    """`root` as a folder: itself, or for the time of the block what its tar archives (or it, as one) hold."""
    archives = [root] if root.is_file() else sorted(root.glob("*.tar"))
    if not archives:
        yield root
        return
    with tempfile.TemporaryDirectory() as folder:
        for archive in archives:
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
        yield Path(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("root", type=Path, help="a folder of the files, a tar archive of them, or a folder of archives")
    parser.add_argument("out", type=Path)
    parser.add_argument("--splits", nargs="+", default=["val", "test"])
    parser.add_argument("--cards", nargs="+", type=Path, default=[shipped(kind) for kind in EXPERTS])
    args = parser.parse_args()
    score_index(args.index, args.root, args.out, splits=args.splits, cards=args.cards)


if __name__ == "__main__":
    main()
