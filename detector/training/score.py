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
from detector.footage import tier_of
from detector.opinions import unfit
from detector.pipeline import EXPERTS
from detector.quality import jpeg_quality, measure
from detector.sandbox import Sandbox
from detector.training.adapters.entries import is_video
from detector.training.data import Sample, as_face, as_row, read_index, read_pixels
from detector.training.degrade import degrade
from detector.types import Face, Pixels, Tier
from detector.video import open_clip, read_frames

DELIVERIES: Final = ("native", *Tier)
KEPT: Final = ("file", "set", "split", "family", "group", "attrs")
FINAL_QUALITY: Final = {"native": (95, 96), "clean": (85, 99), "web": (55, 85), "hard": (35, 55)}
"""JPEG quality of the last encoding, per delivery."""


def deliver(pixels: Pixels, *, delivery: str, rng: np.random.Generator) -> bytes:
    """`pixels` as the JPEG bytes that would arrive."""
    if delivery != "native":
        pixels = degrade(pixels, tier=Tier(delivery), rng=rng)
    quality = int(rng.integers(*FINAL_QUALITY[delivery]))
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


Found = dict[tuple[str, str], tuple[Face, ...]]
"""Faces by file and delivery, from an earlier run: experts change more often than the face finder."""


def score(
    sample: Sample, pixels: Pixels, finder: FaceFinder, experts: Sequence[Expert], known: Found
) -> Iterator[dict[str, object]]:
    """One row a delivery; logits are null where no face was found."""
    for delivery in DELIVERIES:
        rng = np.random.default_rng(zlib.crc32(f"{sample.file}/{delivery}".encode()))
        data = deliver(pixels, delivery=delivery, rng=rng)
        image = cv2.cvtColor(np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), 1)), cv2.COLOR_BGR2RGB)
        arrived, key = np.asarray(image, dtype=np.uint8), (sample.file, delivery)
        found = known[key] if key in known else finder.find(arrived)
        yield row_of(sample, delivery) | judged(arrived, found, experts, jpeg=jpeg_quality(data))


def row_of(sample: Sample, delivery: str) -> dict[str, object]:
    """A row of a file in which no face was found."""
    row: dict[str, object] = {name: getattr(sample, name) for name in KEPT}
    row |= {"delivery": delivery, "faces": [], "tier": None, "unfit": ["no_face"]}
    return row | {name: None for kind in EXPERTS for name in (str(kind), f"{kind}_domain")}


def judged(pixels: Pixels, found: Sequence[Face], experts: Sequence[Expert], *, jpeg: int | None) -> dict[str, object]:
    """What is added to the row for the largest face found."""
    if not found:
        return {}
    quality = measure(pixels, found[0], jpeg=jpeg)
    row: dict[str, object] = {"faces": [as_row(face) for face in found], "tier": quality.tier, "unfit": unfit(quality)}
    row |= {"jpeg": quality.jpeg, "side": round(quality.side, 1), "sharpness": round(quality.sharpness, 1)}
    for expert in experts:
        reading = expert.read([expert.prepare(pixels, found[0])])
        row[str(expert.card.kind)] = float(reading.logits[0])
        row[f"{expert.card.kind}_domain"] = round(float(reading.distances[0]), 4)
    return row


def read_found(path: Path) -> Found:
    """The faces in the rows of an earlier run."""
    with path.open() as stream:
        rows = [json.loads(line) for line in stream]
    return {(row["file"], row["delivery"]): tuple(map(as_face, row["faces"])) for row in rows}


def score_index(
    index: Path,
    root: Path,
    out: Path,
    *,
    splits: Sequence[str],
    cards: Sequence[Path],
    known: Found | None = None,
    part: tuple[int, int] = (0, 1),
) -> None:
    """Writes the rows of every file of `index` in one of `splits` to `out`, as JSON lines.

    `part` (i, n) takes every n-th file from the i-th on, so that n processes can share the work.
    """
    torch.set_num_threads(1)
    finder, experts = FaceFinder(), [load_expert(card) for card in cards]
    samples = [sample for sample in read_index(index) if sample.split in splits][part[0] :: part[1]]
    with out.open("w") as stream, unpacked(root) as folder:
        for sample in samples:
            for row in rows_of(sample, folder / sample.file, finder, experts, known or {}):
                stream.write(json.dumps(row) + "\n")


def rows_of(
    sample: Sample, path: Path, finder: FaceFinder, experts: Sequence[Expert], known: Found
) -> Iterator[dict[str, object]]:
    """Rows of a picture's deliveries, or of a video's frames."""
    if is_video(path):
        return frame_rows(sample, path.read_bytes(), finder, experts)
    return score(sample, read_pixels(path), finder, experts, known)


def frame_rows(
    sample: Sample, data: bytes, finder: FaceFinder, experts: Sequence[Expert]
) -> Iterator[dict[str, object]]:
    """One row a frame that a scan would look at, of its largest face, as the clip came."""
    with Sandbox() as sandbox:
        clip = open_clip(data, sandbox=sandbox)
        for batch in read_frames(data, clip, sandbox=sandbox):
            for place, frame in batch:
                row = row_of(sample, DELIVERIES[0]) | judged(
                    frame.pixels, finder.find(frame.pixels), experts, jpeg=None
                )
                tier = tier_of(Tier(str(row["tier"])), clip) if row["tier"] else None
                yield row | {"tier": tier, "file": f"{sample.file}#{place.frame}", "clip": sample.file}


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
    parser.add_argument("--found", type=Path, help="rows of an earlier run, whose faces are taken over")
    parser.add_argument("--part", nargs=2, type=int, default=(0, 1), help="take every N-th file from the I-th on: I N")
    parser.add_argument("--cards", nargs="*", type=Path, default=[shipped(kind) for kind in EXPERTS])
    args = parser.parse_args()
    known = read_found(args.found) if args.found else None
    score_index(
        args.index, args.root, args.out, splits=args.splits, cards=args.cards, known=known, part=tuple(args.part)
    )


if __name__ == "__main__":
    main()
