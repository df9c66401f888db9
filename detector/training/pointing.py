"""Measures whether the mask head points at the changed region: on self-blends of held-out photos, where it is known.

python -m detector.training.pointing CARD.toml FACES.jsonl ROOT --split test --json

Two figures: the share of faces whose hottest cell lies inside of the region (the pointing game of Zhang et al., ECCV
2016), and the mean intersection over union of region and heatmap, both cut at one half.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from detector.classifier.registry import load_expert
from detector.classifier.scorer import Expert
from detector.faces import crop_face
from detector.training.blend import self_blend
from detector.training.data import Sample, read_faces, read_pixels
from detector.training.degrade import compress
from detector.training.metrics import wilson

QUALITY: Final = 90
"""JPEG quality of the blended pictures."""
CUT: Final = 0.5

Mask = NDArray[np.float32]


def pairs(expert: Expert, samples: list[Sample], root: Path, *, seed: int = 0) -> Iterator[tuple[Mask, Mask]]:
    """Heatmap and true region of each sample's self-blend, both in the expert's crop, h w in 0–1."""
    rng = np.random.default_rng(seed)
    for sample in samples:
        assert sample.face is not None  # noqa: S101 - read_faces leaves others out
        blend = self_blend(read_pixels(root / sample.file), sample.face, rng=rng)
        views = expert.prepare(compress(blend.pixels, quality=QUALITY), sample.face)
        masks = expert.read([views]).masks
        if masks is None:
            raise SystemExit(f"{expert.card.name} has no mask head")
        grey = np.repeat((255 * blend.mask).astype(np.uint8)[..., None], 3, axis=2)
        region = crop_face(grey, sample.face, side=expert.card.side, margin=expert.card.margin)[..., 0]
        small = cv2.resize(region, masks[0].shape[::-1], interpolation=cv2.INTER_AREA)
        yield masks[0], np.asarray(small, np.float32) / 255.0


def hits(heat: Mask, region: Mask) -> bool:
    """Whether the hottest cell is one that was changed."""
    return bool(region.ravel()[int(heat.argmax())] > CUT * region.max())


def overlap(heat: Mask, region: Mask) -> float:
    """Intersection over union of the two, each cut at `CUT`."""
    seen, true = heat > CUT, region > CUT * region.max()
    union = int((seen | true).sum())
    return float((seen & true).sum() / union) if union else 0.0


def measure(expert: Expert, samples: list[Sample], root: Path) -> dict[str, object]:
    found = list(pairs(expert, samples, root))
    pointed = sum(hits(heat, region) for heat, region in found)
    chance = float(np.mean([(region > CUT * region.max()).mean() for _, region in found]))
    return {
        "blends": len(found),
        "pointing": round(pointed / len(found), 3),
        "pointing_95": [round(v, 3) for v in wilson(pointed, len(found))],
        "pointing_by_chance": round(chance, 3),
        "mean_iou": round(float(np.mean([overlap(heat, region) for heat, region in found])), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("card", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    samples = [s for s in read_faces(args.faces) if s.split == args.split and s.real]
    np.random.default_rng(1).shuffle(samples)
    result = measure(load_expert(args.card, device="cpu"), samples[: args.limit], args.root)
    print(json.dumps(result) if args.json else "\n".join(f"{name}: {value}" for name, value in result.items()))


if __name__ == "__main__":
    main()
