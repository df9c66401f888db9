"""Trains one expert on indexed faces, on a CPU core or a GPU.

    python -m detector.training.train manipulation FACES.jsonl ROOT OUT_FOLDER --minutes 50

Every batch holds a fake beside the real photo that it was made from where the set has such pairs, and every picture,
real or fake, goes through the same random delivery (`degrade`), so that the file gives nothing away.
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

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from detector.classifier.network import FamilyClassifier, to_input
from detector.faces import crop_face
from detector.training.blend import self_blend
from detector.training.data import Sample, read_faces, read_pixels
from detector.training.degrade import degrade, recolour
from detector.training.pretrained import load_imagenet
from detector.types import Face, Pixels, Tier

BACKBONE: Final = "tf_efficientnet_lite0"
SIDES: Final = {"manipulation": 224, "synthesis": 192}
FAMILIES: Final = {
    "manipulation": ("swap", "replacement", "blend"),
    "synthesis": ("stylegan", "stylegan2", "diffusion"),
}
TIER_SHARES: Final = {Tier.CLEAN: 0.45, Tier.WEB: 0.35, Tier.HARD: 0.2}
PEAK_RATE: Final = 1e-3
AVERAGE_DECAY: Final = 0.998
SMOOTHING: Final = 0.02


@dataclass(frozen=True, slots=True)
class Example:
    pixels: Pixels
    face: Face
    family: str


class Faces:
    """The training pictures in memory, drawn in groups that keep a real beside its fake."""

    def __init__(self, samples: list[Sample], root: Path, *, rng: np.random.Generator) -> None:
        self._rng = rng
        self._pixels = {sample.file: read_pixels(root / sample.file) for sample in samples}
        self._by_family: dict[str, list[Sample]] = {}
        self._reals: dict[str, list[Sample]] = {}
        self._real_of = {sample.group: sample for sample in samples if sample.real}
        for sample in samples:
            self._by_family.setdefault(sample.family, []).append(sample)
            if sample.real:
                self._reals.setdefault(sample.set, []).append(sample)

    def fake(self, family: str) -> Sample | None:
        return self._draw(self._by_family.get(family, []))

    def real(self, name: str) -> Sample | None:
        return self._draw(self._reals.get(name, []))

    def real_of(self, fake: Sample) -> Sample | None:
        return self._real_of.get(fake.group)

    def any_real(self) -> Sample:
        """A real photo, every set alike likely whatever its size."""
        names = sorted(self._reals)
        sample = self.real(names[int(self._rng.integers(len(names)))])
        assert sample is not None  # noqa: S101 - a name is only there with a sample
        return sample

    def example(self, sample: Sample, *, family: str | None = None) -> Example:
        assert sample.face is not None  # noqa: S101 - read_faces leaves others out
        pixels = self._pixels[sample.file]
        if family == "blend":
            pixels = self_blend(pixels, sample.face, rng=self._rng).pixels
        return Example(pixels, sample.face, family or sample.family)

    def _draw(self, samples: list[Sample]) -> Sample | None:
        return samples[int(self._rng.integers(len(samples)))] if samples else None


def manipulation_batch(faces: Faces, rng: np.random.Generator) -> Iterator[Example]:
    """Twelve swap pairs, five face replacements with reals of their set, five self-blends beside their photos."""
    for _ in range(12):
        yield from _pair(faces, "swap")
    for _ in range(5):
        yield from _pair(faces, "replacement", beside="openforensics")
    for _ in range(5):
        real = faces.any_real()
        yield faces.example(real)
        yield faces.example(real, family="blend")


def synthesis_batch(faces: Faces, rng: np.random.Generator) -> Iterator[Example]:
    """Five fakes of each family and as many reals, every real set alike often."""
    families = [name for name in FAMILIES["synthesis"] if faces.fake(name) is not None]
    for family in families:
        for _ in range(5):
            fake = faces.fake(family)
            if fake is not None:
                yield faces.example(fake)
                yield faces.example(faces.any_real())


def _pair(faces: Faces, family: str, *, beside: str | None = None) -> Iterator[Example]:
    fake = faces.fake(family)
    if fake is None:
        return
    yield faces.example(fake)
    real = faces.real_of(fake) or (faces.real(beside) if beside else None)
    yield faces.example(real if real is not None else faces.any_real())


BATCHES: Final = {"manipulation": manipulation_batch, "synthesis": synthesis_batch}


def prepare(example: Example, rng: np.random.Generator, *, side: int) -> Pixels:
    """A `side` px jittered crop of the degraded, recoloured picture, mirrored half of the time."""
    tier = Tier(rng.choice([str(t) for t in TIER_SHARES], p=list(TIER_SHARES.values())))
    pixels = degrade(recolour(example.pixels, rng=rng), tier=tier, rng=rng)
    scale = pixels.shape[1] / example.pixels.shape[1]
    crop = crop_face(pixels, jitter(example.face, scale=scale, rng=rng), side=side, margin=rng.uniform(1.2, 1.4))
    return np.ascontiguousarray(crop[:, ::-1]) if rng.random() < 0.5 else crop


def jitter(face: Face, *, scale: float, rng: np.random.Generator) -> Face:
    """`face` in a picture resized by `scale`, its box and eyes off by a few per cent as a face finder's would be."""
    size = face.size * scale
    shift = rng.normal(0, 0.03 * size, 2)
    box = np.array(face.box) * scale + np.tile(shift, 2)
    marks = np.array(face.landmarks) * scale + rng.normal(0, 0.012 * size, (len(face.landmarks), 2))
    x0, y0, x1, y1 = (float(v) for v in box)
    return Face((x0, y0, x1, y1), tuple((float(x), float(y)) for x, y in marks), face.confidence)


def targets(families: tuple[str, ...], wanted: list[str]) -> tuple[Tensor, Tensor]:
    """Per-head targets and weights: a real is a negative of every head, a fake only a positive of its own.  B K"""
    target = torch.zeros(len(wanted), len(families))
    weight = torch.zeros(len(wanted), len(families))
    for row, family in enumerate(wanted):
        if family == "real":
            weight[row] = 1.0 / len(families)
        else:
            target[row, families.index(family)] = weight[row, families.index(family)] = 1.0
    return target, weight


def loss_of(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy of each head plus that of the fused logit, which is what decides."""
    smooth = target * (1 - 2 * SMOOTHING) + SMOOTHING
    heads = functional.binary_cross_entropy_with_logits(logits, smooth, weight=weight, reduction="sum") / len(logits)
    fused = torch.logsumexp(logits, dim=1)
    anyone = target.amax(dim=1) * (1 - 2 * SMOOTHING) + SMOOTHING
    return heads + functional.binary_cross_entropy_with_logits(fused, anyone)


def batches(expert: str, faces: Faces, *, seed: int) -> Generator[tuple[Tensor, Tensor, Tensor], None, None]:
    """Endless batches, prepared ahead in a thread that ends when the iterator is closed."""
    ready: queue.Queue[tuple[Tensor, Tensor, Tensor]] = queue.Queue(maxsize=3)
    closed = threading.Event()

    def fill() -> None:
        rng = np.random.default_rng(seed)
        while not closed.is_set():
            examples = list(BATCHES[expert](faces, rng))
            crops = to_input([prepare(example, rng, side=SIDES[expert]) for example in examples])
            batch = (crops, *targets(FAMILIES[expert], [example.family for example in examples]))
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


def build(expert: str, start: Path | None) -> FamilyClassifier:
    """The network of `expert`, from ImageNet or from the earlier weights at `start`."""
    model = FamilyClassifier(BACKBONE, len(FAMILIES[expert]), drop_path=0.1, dropout=0.2)
    if start is None:
        load_imagenet(model.body)
    else:
        model.load_state_dict({name: value.float() for name, value in load_file(start).items()}, strict=False)
    return model


def train(
    expert: str,
    model: FamilyClassifier,
    faces: Faces,
    out: Path,
    *,
    minutes: float,
    seed: int,
    peak: float = PEAK_RATE,
    device: str = "cpu",
) -> dict[str, object]:
    """Trains for `minutes` with a one-cycle rate over that time, and writes the averaged weights every 200 steps.

    Returns the number of steps, the smoothed training loss and where the weights lie.
    """
    torch.manual_seed(seed)
    model = model.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    average = {name: value.detach().clone().float() for name, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW(model.parameters(), lr=peak, weight_decay=0.02)
    start, step, recent = time.monotonic(), 0, 0.0
    source = batches(expert, faces, seed=seed)
    for crops, target, weight in source:
        progress = (time.monotonic() - start) / (60 * minutes)
        if progress >= 1:
            source.close()
            break
        for group in optimiser.param_groups:
            group["lr"] = peak * rate_at(progress)
        loss = loss_of(model(crops.to(device)).logits, target.to(device), weight.to(device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        step, recent = step + 1, 0.97 * recent + 0.03 * loss.item()
        update_average(average, model, step)
        if step % 20 == 0:
            print(json.dumps({"step": step, "progress": round(progress, 3), "loss": round(recent, 4)}), file=sys.stderr)
        if step % 200 == 0:
            save(average, out / f"{expert}.safetensors")
    save(average, out / f"{expert}.safetensors")
    return {"expert": expert, "steps": step, "loss": round(recent, 4), "weights": str(out / f"{expert}.safetensors")}


def rate_at(progress: float) -> float:
    """Share of the peak rate at `progress` 0–1: up over the first tenth, then down along a cosine."""
    if progress < 0.1:
        return max(0.02, progress / 0.1)
    return max(0.005, 0.5 * (1 + float(np.cos(np.pi * (progress - 0.1) / 0.9))))


def update_average(average: dict[str, Tensor], model: torch.nn.Module, step: int) -> None:
    decay = min(AVERAGE_DECAY, (1 + step) / (10 + step))
    for name, value in model.state_dict().items():
        average[name].mul_(decay).add_(value.detach().float(), alpha=1 - decay)


def save(weights: dict[str, Tensor], path: Path) -> None:
    """Half precision, which halves the file; calibration and evaluation run on what was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = {name: value.half().contiguous().cpu() for name, value in weights.items() if "num_batches" not in name}
    save_file(half, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("expert", choices=sorted(FAMILIES))
    parser.add_argument("faces", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=50.0)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on standard output")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="earlier weights to go on from, instead of ImageNet")
    parser.add_argument("--rate", type=float, default=PEAK_RATE, help="peak learning rate; a third when going on")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    samples = [sample for sample in read_faces(args.faces) if sample.split == "train"]
    faces = Faces(samples, args.root, rng=np.random.default_rng(args.seed))
    model = build(args.expert, args.start)
    done = train(
        args.expert, model, faces, args.out, minutes=args.minutes, seed=args.seed, peak=args.rate, device=args.device
    )
    print(json.dumps(done) if args.json else f"{done['steps']} steps, weights in {done['weights']}")


if __name__ == "__main__":
    main()
