"""Delivers each real photo in every way that the web does, and counts how often the delivery alone gets it flagged.

    python -m detector.training.deliveries INDEX.csv ROOT ROWS.jsonl --split test --limit 200

Formats, sizes, screenshots and crops go through the face finder, the quality measure and the experts exactly as an
upload would. A flip is a photo that is not flagged as it came and is flagged in some delivery.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch

from detector.classifier.cards import ModelCard, shipped
from detector.classifier.registry import load_expert
from detector.classifier.scorer import Expert
from detector.faces import FaceFinder
from detector.pipeline import EXPERTS
from detector.quality import jpeg_quality
from detector.training.data import Sample, read_index, read_pixels
from detector.training.metrics import Values
from detector.training.rows import EITHER, Row, Table, table_of
from detector.training.score import judged, row_of, unpacked
from detector.training.shares import flips, swings
from detector.types import Pixels

FIRST: Final = "as it came"
JPEG_QUALITIES: Final = (40, 50, 60, 70, 80, 90, 95)
WEBP_QUALITIES: Final = (50, 80)
SCALES: Final = (0.25, 0.5, 0.75, 1.5, 2.0)
SCREEN_SCALES: Final = (0.8, 1.3)
CROPS: Final = (0.9, 0.75)
"""Share of each side that stays."""
BORDER: Final = 24
"""Pixels of window around the picture in a screenshot."""
WINDOW: Final = (32, 33, 36)
SENT_QUALITY: Final = 90
"""JPEG quality of deliveries whose point is the size or the crop."""

MOST_SWINGS: Final = 20
"""Photos listed whose score moves most."""

Delivery = Callable[[Pixels], bytes]


def encode(pixels: Pixels, suffix: str, *flags: int) -> bytes:
    return bytes(cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), list(flags))[1])


def jpeg(quality: int) -> Delivery:
    return lambda pixels: encode(pixels, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality)


def webp(quality: int) -> Delivery:
    return lambda pixels: encode(pixels, ".webp", cv2.IMWRITE_WEBP_QUALITY, quality)


def resized(scale: float) -> Delivery:
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return lambda pixels: jpeg(SENT_QUALITY)(_scaled(pixels, scale, kernel))


def screenshot(scale: float, kernel: int) -> Delivery:
    """The picture scaled by a viewer, in a window, as PNG."""

    def shoot(pixels: Pixels) -> bytes:
        shown = _scaled(pixels, scale, kernel)
        framed = cv2.copyMakeBorder(shown, BORDER, BORDER, BORDER, BORDER, cv2.BORDER_CONSTANT, value=WINDOW)
        return encode(np.asarray(framed, np.uint8), ".png")

    return shoot


def cropped(share: float) -> Delivery:
    """The middle of the picture, off the grid of its old JPEG blocks."""

    def cut(pixels: Pixels) -> bytes:
        height, width = pixels.shape[:2]
        top, left = round(height * (1 - share) / 2), round(width * (1 - share) / 2)
        return jpeg(SENT_QUALITY)(np.ascontiguousarray(pixels[top : height - top, left : width - left]))

    return cut


def _scaled(pixels: Pixels, scale: float, kernel: int) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=kernel), dtype=np.uint8)


DELIVERIES: Final[Mapping[str, Delivery]] = {
    FIRST: lambda pixels: encode(pixels, ".png"),
    **{f"JPEG {quality}": jpeg(quality) for quality in JPEG_QUALITIES},
    **{f"WebP {quality}": webp(quality) for quality in WEBP_QUALITIES},
    **{f"resize {scale:g}": resized(scale) for scale in SCALES},
    **{f"screenshot nearest {scale:g}": screenshot(scale, cv2.INTER_NEAREST) for scale in SCREEN_SCALES},
    **{f"screenshot bilinear {scale:g}": screenshot(scale, cv2.INTER_LINEAR) for scale in SCREEN_SCALES},
    **{f"crop {share:g}": cropped(share) for share in CROPS},
}


def delivered_rows(
    sample: Sample, pixels: Pixels, finder: FaceFinder, experts: Sequence[Expert]
) -> Iterator[dict[str, object]]:
    """A score row for every delivery of one photo."""
    for name, deliver in DELIVERIES.items():
        data = deliver(pixels)
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        arrived = np.asarray(cv2.cvtColor(np.asarray(image), cv2.COLOR_BGR2RGB), dtype=np.uint8)
        row = row_of(sample, name) | judged(arrived, finder.find(arrived), experts, jpeg=jpeg_quality(data))
        yield row


def measure_index(index: Path, root: Path, out: Path, *, split: str, limit: int | None) -> None:
    """Writes the rows of the real photos of `split`, or of `limit` of them spread over the index, to `out`."""
    torch.set_num_threads(1)
    finder, experts = FaceFinder(), [load_expert(shipped(kind)) for kind in EXPERTS]
    reals = [sample for sample in read_index(index) if sample.real and sample.split == split]
    step = max(1, len(reals) // limit) if limit else 1
    with out.open("w") as stream, unpacked(root) as folder:
        for sample in reals[::step][:limit]:
            for row in delivered_rows(sample, read_pixels(folder / sample.file), finder, experts):
                stream.write(json.dumps(row) + "\n")


def summary(rows: Sequence[Row], cards: Sequence[ModelCard]) -> dict[str, Any]:
    """Flips to flag over all deliveries, and per delivery the actions and how far the score moved from `FIRST`."""
    table = table_of(rows, cards)
    moved = swings(table)
    flipped = [item["file"] for item in flips(moved, start=FIRST)]
    away = _distance(table)
    names = dict.fromkeys(table["delivery"].tolist())
    return {
        "photos": len(set(table["file"].tolist())),
        "flips": len(flipped),
        "flipped": flipped,
        "by_delivery": [_of_delivery(table, away, name) for name in names],
        "widest": moved[:MOST_SWINGS],
    }


def _distance(table: Table) -> Values:
    """How far each row's score lies from that of its photo as it came; nan where either was not made."""
    p, first = table.probability(EITHER), table["delivery"] == FIRST
    start = dict(zip(table["file"][first].tolist(), p[first].tolist(), strict=True))
    return np.abs(p - np.array([start.get(name, np.nan) for name in table["file"].tolist()], dtype=np.float64))


def _of_delivery(table: Table, away: Values, name: str) -> dict[str, Any]:
    here = np.asarray(table["delivery"] == name)
    mine, known = table.where(here), away[here & ~np.isnan(away)]
    return {
        "delivery": name,
        "photos": len(mine),
        **{action: int((mine["action"] == action).sum()) for action in ("flag", "review")},
        "no_face": int((mine["tier"] == "").sum()),
        "widest": round(float(known.max()), 4) if len(known) else 0.0,
        "median": round(float(np.median(known)), 4) if len(known) else 0.0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int)
    args = parser.parse_args()
    measure_index(args.index, args.root, args.out, split=args.split, limit=args.limit)


if __name__ == "__main__":
    main()
