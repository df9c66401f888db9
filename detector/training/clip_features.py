"""Runs every synthetic set's faces through the frozen tower once, so that probes are fitted in seconds.

    python -m detector.training.clip_features FACES.jsonl ROOT BASE.safetensors OUT

Each train file is delivered once, as a random tier; each val and test file as clean, web and hard, byte for byte as
`detector.training.score` delivers it. Real faces of the swap sets come last, some of each split: the probe must not
accuse those either. Resumes where it stopped.
"""

import argparse
import json
import zlib
from collections.abc import Iterator
from itertools import chain, zip_longest
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from safetensors.numpy import load
from timm.models.vision_transformer import VisionTransformer

from detector.classifier.clip_tower import build_tower, to_clip_input, tower_features
from detector.faces import crop_face
from detector.training.data import SWAP_SETS, Sample, read_faces, read_pixels
from detector.training.score import deliver
from detector.types import Face, Pixels, Tier

BACKBONE: Final = "vit_base_patch16_clip_quickgelu_224"
SIDE: Final = 224
BATCH: Final = 8
SHARD: Final = 128
"""Faces a file of features: what is lost at most if the run is cut off."""
TRAIN, EVALUATE = ("train",), ("val", "test")
SWAP_REALS: Final = {"train": 250, "val": 100, "test": 100}
"""Most real faces of each swap set by split (chosen: a tower reads two faces a second on a processor core)."""

View = tuple[Sample, str]


def views(faces: Path, *, seed: int = 5) -> list[View]:
    """Every file and delivery to read; train and measured views in turn, so that any beginning can be used."""
    samples = [sample for sample in read_faces(faces) if sample.family != "shingan"]
    rng = np.random.default_rng(seed)
    made = _mixed([sample for sample in samples if sample.set not in SWAP_SETS], rng)
    return made + _mixed(_some([s for s in samples if s.set in SWAP_SETS and s.real], rng), rng)


def _mixed(samples: list[Sample], rng: np.random.Generator) -> list[View]:
    tiers = list(Tier)
    train = [(s, tiers[int(rng.integers(len(tiers)))]) for s in samples if s.split in TRAIN]
    measured = [(s, tier) for s in samples if s.split in EVALUATE for tier in tiers]
    mixed = [[part[int(i)] for i in rng.permutation(len(part))] for part in (train, measured)]
    return [view for view in chain.from_iterable(zip_longest(*mixed)) if view]


def _some(samples: list[Sample], rng: np.random.Generator) -> list[Sample]:
    """At most `SWAP_REALS` of each set and split."""
    found = []
    for name, split in sorted({(sample.set, sample.split) for sample in samples}):
        mine = [sample for sample in samples if (sample.set, sample.split) == (name, split)]
        found += [mine[int(i)] for i in rng.permutation(len(mine))[: SWAP_REALS[split]]]
    return found


def crop_view(root: Path, view: View) -> Pixels:
    """The face of `view` as it arrives after its delivery, `SIDE` x `SIDE`."""
    sample, delivery = view
    pixels = read_pixels(root / sample.file)
    rng = np.random.default_rng(zlib.crc32(f"{sample.file}/{delivery}".encode()))
    data = deliver(pixels, delivery=delivery, rng=rng)
    bgr = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    arrived = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    return crop_face(arrived, _scaled(sample.face, arrived.shape[1] / pixels.shape[1]), side=SIDE)


def _scaled(face: Face | None, scale: float) -> Face:
    if face is None:
        raise ValueError("a view needs a face")
    x0, y0, x1, y1 = (v * scale for v in face.box)
    return Face((x0, y0, x1, y1), tuple((x * scale, y * scale) for x, y in face.landmarks), face.confidence)


def cache(tower: VisionTransformer, todo: list[View], root: Path, out: Path, *, skip: int = 0) -> Iterator[int]:
    """Writes the shards after the first `skip` that `out` lacks, and yields how many faces are done."""
    out.mkdir(parents=True, exist_ok=True)
    for start in range(skip * SHARD, len(todo), SHARD):
        path = out / f"{start:06d}.npz"
        part = todo[start : start + SHARD]
        if not path.exists():
            batches = [part[at : at + BATCH] for at in range(0, len(part), BATCH)]
            read = [tower_features(tower, to_clip_input([crop_view(root, v) for v in batch])) for batch in batches]
            rows = [{name: getattr(s, name) for name in ("file", "set", "split", "family")} for s, _ in part]
            rows = [row | {"delivery": delivery} for row, (_, delivery) in zip(rows, part, strict=True)]
            np.savez(path.with_suffix(".part.npz"), features=torch.cat(read).half().numpy(), rows=json.dumps(rows))
            path.with_suffix(".part.npz").rename(path)
        yield start + len(part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("faces", "root", "base", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--skip", type=int, default=0, help="shards left to another run")
    args = parser.parse_args()
    torch.set_num_threads(1)
    weights = {name: values.astype(np.float32) for name, values in load(args.base.read_bytes()).items()}
    todo = views(args.faces)
    for done in cache(build_tower(BACKBONE, weights), todo, args.root, args.out, skip=args.skip):
        print(f"{done} of {len(todo)}", flush=True)


if __name__ == "__main__":
    main()
