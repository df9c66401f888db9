"""Trains the manipulation expert: swaps, replacements and self-blends beside the photos that they were made from.

    python -m detector.training.manipulation FACES.jsonl ROOT OUT_FOLDER --minutes 80

Every picture, real or fake, goes through the same random delivery, so that the file gives nothing away; some faces come
twice, once cleaner and once worse, and must be seen alike (paired consistency). Where the changed region is known, the
mask head learns to point at it.
"""

import argparse
import contextlib
import json
import queue
import sys
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from detector.classifier.network import MASK_STRIDE, FamilyClassifier, Sight, suspicion, to_input
from detector.faces import crop_face
from detector.training.blend import Blend, difference_mask, self_blend
from detector.training.data import Sample, read_faces
from detector.training.degrade import degrade, recolour
from detector.training.pairs import Faces
from detector.training.pretrained import load_imagenet
from detector.training.train import BACKBONE, jitter, loss_of, rate_at, save, targets, update_average
from detector.training.views import framed
from detector.types import Face, Pixels, Tier

FAMILIES: Final = ("swap", "replacement", "blend")
SIDE: Final = 256
PEAK_RATE: Final = 1e-3
TIER_SHARES: Final = {Tier.CLEAN: 0.6, Tier.WEB: 0.28, Tier.HARD: 0.12}
ECHO_SHARES: Final = {Tier.WEB: 0.6, Tier.HARD: 0.4}
SWAP_PAIRS, REPLACEMENT_PAIRS, BLEND_PAIRS, ECHOED_PAIRS = 14, 2, 3, 2
"""Pairs a step. Swaps are the hardest to learn and by far the most numerous; chosen."""
MASK_WEIGHT: Final = 0.4
ECHO_WEIGHT: Final = 0.3
LEVELLED: Final = ("openforensics",)
LEVEL_SIDES: Final = (85.0, 125.0)
"""Sets whose fakes were not made from their reals, and the face size in pixels that both are brought to: faces of
openforensics are 120 px wide in its reals and 159 in its fakes (medians), which would tell them apart. For the same
reason their pictures are cut at random."""
MAX_GROWTH: Final = 1.3
KEPT_STAGES: Final = 2
"""Stages after the stem that can be left as they are: they take almost half of a step (measured on a CPU)."""
ERASE_SHARE: Final = 0.15
"""Share of crops in which a patch is painted over, so that no single part of a face is relied on."""

Mask = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture to learn from; `mask` is where it was changed, 0–1 in its own size, null where that is not known."""

    pixels: Pixels
    face: Face
    family: str
    mask: Mask | None


@dataclass(frozen=True, slots=True)
class Batch:
    """`masks` are targets at `MASK_STRIDE`, `known` says whether they count; the last rows repeat those of `echo`."""

    crops: Tensor
    target: Tensor
    weight: Tensor
    masks: Tensor
    known: Tensor
    echo: Tensor


def scenes(faces: Faces, rng: np.random.Generator) -> Iterator[Scene]:
    """The pairs of one step, each fake beside a real, swaps first."""
    for _ in range(SWAP_PAIRS):
        yield from _pair(faces, "swap", rng, beside="dfdc")
    for _ in range(REPLACEMENT_PAIRS):
        yield from _pair(faces, "replacement", rng, beside="openforensics")
    for number in range(BLEND_PAIRS):
        sample = faces.real("dfdc") if number % 2 else None
        yield from _blended(faces, sample or faces.any_real(), rng)


def _pair(faces: Faces, family: str, rng: np.random.Generator, *, beside: str) -> Iterator[Scene]:
    fake = faces.fake(family)
    if fake is None:
        return
    twin = faces.real_of(fake)
    real = twin or faces.real(beside) or faces.any_real()
    changed, original = faces.example(fake), faces.example(real)
    mask = difference_mask(changed.pixels, original.pixels) if twin else None
    yield Scene(*staged(changed.pixels, changed.face, fake.set, rng), family, mask)
    yield _genuine(*staged(original.pixels, original.face, real.set, rng))


def staged(pixels: Pixels, face: Face, name: str, rng: np.random.Generator) -> tuple[Pixels, Face]:
    """A picture of the set `name` and its face: cut and brought to a random face size if the set is `LEVELLED`."""
    if name not in LEVELLED:
        return pixels, face
    pixels, face = framed(pixels, face, rng)
    scale = min(MAX_GROWTH, float(rng.uniform(*LEVEL_SIDES)) / face.size)
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    sized = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=kernel)
    return np.asarray(sized, np.uint8), _scaled(face, scale)


def _blended(faces: Faces, sample: Sample, rng: np.random.Generator) -> Iterator[Scene]:
    real = faces.example(sample)
    blend: Blend = self_blend(real.pixels, real.face, rng=rng)
    yield Scene(blend.pixels, real.face, "blend", blend.mask)
    yield _genuine(real.pixels, real.face)


def _genuine(pixels: Pixels, face: Face) -> Scene:
    return Scene(pixels, face, "real", np.zeros(pixels.shape[:2], np.float32))


@dataclass(frozen=True, slots=True)
class Framing:
    """How a scene is cut: the jittered face in scene pixels, the crop's margin, and whether it is mirrored."""

    face: Face
    margin: float
    mirrored: bool


def frame(scene: Scene, rng: np.random.Generator) -> Framing:
    return Framing(jitter(scene.face, scale=1.0, rng=rng), rng.uniform(1.2, 1.4), bool(rng.random() < 0.5))


def view(scene: Scene, framing: Framing, rng: np.random.Generator, *, shares: dict[Tier, float]) -> Pixels:
    """The scene's face after a random delivery, `SIDE` x `SIDE`."""
    tier = Tier(rng.choice([str(t) for t in shares], p=list(shares.values())))
    pixels = degrade(recolour(scene.pixels, rng=rng), tier=tier, rng=rng)
    face = _scaled(framing.face, pixels.shape[1] / scene.pixels.shape[1])
    crop = crop_face(pixels, face, side=SIDE, margin=framing.margin)
    if rng.random() < ERASE_SHARE:
        crop = _erase(crop, rng)
    return np.ascontiguousarray(crop[:, ::-1]) if framing.mirrored else crop


def mask_target(scene: Scene, framing: Framing) -> Mask:
    """Share of each mask cell that was changed, in the crop's geometry; zeros where it is not known."""
    if scene.mask is None or not scene.mask.any():
        return np.zeros((SIDE // MASK_STRIDE, SIDE // MASK_STRIDE), np.float32)
    grey = np.repeat((255 * scene.mask).astype(np.uint8)[..., None], 3, axis=2)
    crop = crop_face(grey, framing.face, side=SIDE, margin=framing.margin)[..., 0]
    small = cv2.resize(crop, None, fx=1 / MASK_STRIDE, fy=1 / MASK_STRIDE, interpolation=cv2.INTER_AREA)
    small = small[:, ::-1] if framing.mirrored else small
    return np.asarray(small, np.float32) / 255.0


def _scaled(face: Face, scale: float) -> Face:
    x0, y0, x1, y1 = (v * scale for v in face.box)
    return Face((x0, y0, x1, y1), tuple((x * scale, y * scale) for x, y in face.landmarks), face.confidence)


def _erase(crop: Pixels, rng: np.random.Generator) -> Pixels:
    height, width = (int(v) for v in rng.uniform(0.1, 0.3, 2) * SIDE)
    y, x = int(rng.integers(SIDE - height)), int(rng.integers(SIDE - width))
    crop = crop.copy()
    crop[y : y + height, x : x + width] = crop.mean(axis=(0, 1)).astype(np.uint8)
    return crop


def make_batch(faces: Faces, rng: np.random.Generator) -> Batch:
    shown = list(scenes(faces, rng))
    framings = [frame(scene, rng) for scene in shown]
    crops = [view(s, f, rng, shares=TIER_SHARES) for s, f in zip(shown, framings, strict=True)]
    pairs = rng.choice(len(shown) // 2, min(ECHOED_PAIRS, len(shown) // 2), replace=False)
    echo = [int(row) for pair in pairs for row in (2 * pair, 2 * pair + 1)]
    crops += [view(shown[row], framings[row], rng, shares=ECHO_SHARES) for row in echo]
    masks = [mask_target(s, f) for s, f in zip(shown, framings, strict=True)]
    known = [float(scene.mask is not None) for scene in shown]
    families = [scene.family for scene in shown] + [shown[row].family for row in echo]
    return Batch(
        to_input(crops),
        *targets(FAMILIES, families),
        torch.from_numpy(np.stack(masks + [masks[row] for row in echo])),
        torch.tensor(known + [known[row] for row in echo]),
        torch.tensor(echo),
    )


def batches(faces: Faces, *, seed: int) -> Generator[Batch, None, None]:
    """Endless batches, prepared ahead in a thread that ends when the iterator is closed."""
    ready: queue.Queue[Batch] = queue.Queue(maxsize=3)
    closed = threading.Event()

    def fill() -> None:
        rng = np.random.default_rng(seed)
        while not closed.is_set():
            batch = make_batch(faces, rng)
            while not closed.is_set():
                with contextlib.suppress(queue.Full):
                    ready.put(batch, timeout=0.2)
                    break

    worker = threading.Thread(target=fill)
    worker.start()
    try:
        while True:
            yield ready.get()
    finally:
        closed.set()
        worker.join()


def total_loss(sight: Sight, batch: Batch) -> Tensor:
    """Families, fused verdict, mask, and agreement between the two deliveries of a face."""
    loss = loss_of(sight.logits, batch.target, batch.weight)
    return loss + MASK_WEIGHT * mask_loss(sight.masks, batch) + ECHO_WEIGHT * echo_loss(sight, batch.echo)


def mask_loss(masks: Tensor, batch: Batch) -> Tensor:
    cells = functional.binary_cross_entropy_with_logits(masks, batch.masks, reduction="none").mean(dim=(1, 2))
    return (cells * batch.known).sum() / batch.known.sum().clamp(min=1)


def echo_loss(sight: Sight, echo: Tensor) -> Tensor:
    """Feature cosine distance and symmetric Kullback-Leibler divergence of the fused probability."""
    again = slice(len(sight.logits) - len(echo), None)
    apart = 1 - functional.cosine_similarity(sight.features[echo], sight.features[again]).mean()
    first, second = suspicion(sight.logits[echo]), suspicion(sight.logits[again])
    divergence = ((torch.sigmoid(first) - torch.sigmoid(second)) * (first - second)).mean()
    return apart + divergence


def build(start: Path | None) -> FamilyClassifier:
    """The network, from ImageNet or from the earlier weights at `start`."""
    model = FamilyClassifier(BACKBONE, len(FAMILIES), drop_path=0.1, dropout=0.2)
    if start is None:
        load_imagenet(model.body)
    else:
        model.load_state_dict({name: value.float() for name, value in load_file(start).items()}, strict=False)
    return model


def keep_early(model: FamilyClassifier) -> None:
    """Leaves the stem and the first `KEPT_STAGES` stages as they are, their batch norms included."""
    for part in (model.body.conv_stem, model.body.bn1, *model.body.blocks[:KEPT_STAGES]):
        part.eval().requires_grad_(False)


def train(
    model: FamilyClassifier, faces: Faces, out: Path, *, minutes: float, seed: int, peak: float, device: str
) -> dict[str, object]:
    """Trains for `minutes` with a one-cycle rate over that time, and writes the averaged weights every 100 steps."""
    torch.manual_seed(seed)
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = {name: value.detach().clone().float() for name, value in model.state_dict().items()}
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=peak, weight_decay=0.02)
    start, step, recent, path = time.monotonic(), 0, 0.0, out / "manipulation.safetensors"
    with contextlib.closing(batches(faces, seed=seed)) as source:
        for batch in source:
            progress = (time.monotonic() - start) / (60 * minutes)
            if progress >= 1:
                break
            for group in optimiser.param_groups:
                group["lr"] = peak * rate_at(progress)
            loss = total_loss(model(batch.crops.to(device)), on(batch, device))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(learned, 2.0)
            optimiser.step()
            step, recent = step + 1, 0.97 * recent + 0.03 * loss.item()
            update_average(average, model, step)
            if step % 20 == 0:
                line = {"step": step, "progress": round(progress, 3), "loss": round(recent / (1 - 0.97**step), 4)}
                print(json.dumps(line), file=sys.stderr, flush=True)
            if step % 100 == 0:
                save(average, path)
    save(average, path)
    return {"steps": step, "loss": round(recent, 4), "weights": str(path)}


def on(batch: Batch, device: str) -> Batch:
    return Batch(*(getattr(batch, name).to(device) for name in Batch.__slots__))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=80.0)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on standard output")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="earlier weights to go on from, instead of ImageNet")
    parser.add_argument("--keep-early", action="store_true", help="train later layers only, for twice as many steps")
    parser.add_argument("--rate", type=float, default=PEAK_RATE, help="peak learning rate; half when going on")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    samples = [sample for sample in read_faces(args.faces) if sample.split == "train" and _useful(sample)]
    faces = Faces(samples, args.root, rng=np.random.default_rng(args.seed))
    model = build(args.start).train()
    if args.keep_early:
        keep_early(model)
    done = train(model, faces, args.out, minutes=args.minutes, seed=args.seed, peak=args.rate, device=args.device)
    print(json.dumps(done) if args.json else f"{done['steps']} steps, weights in {done['weights']}")


def _useful(sample: Sample) -> bool:
    return sample.real or sample.family in FAMILIES


if __name__ == "__main__":
    main()
