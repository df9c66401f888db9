"""What the training of both experts has in common: targets, loss, learning rate, averaging; and the command for either.

python -m detector.training.train manipulation FACES.jsonl ROOT OUT_FOLDER --minutes 90
python -m detector.training.train synthesis POOL_FOLDER OUT_FOLDER --minutes 25
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from detector.types import Face, Tier

EXPERTS: Final = ("manipulation", "synthesis")
BACKBONE: Final = "tf_efficientnet_lite0"
TIER_SHARES: Final = {Tier.CLEAN: 0.45, Tier.WEB: 0.35, Tier.HARD: 0.2}
AVERAGE_DECAY: Final = 0.998
SMOOTHING: Final = 0.02


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
    """Hands the rest of the command line to the training program of the expert that it names first."""
    if len(sys.argv) < 2 or sys.argv[1] not in EXPERTS:
        print(f"usage: {sys.argv[0]} {{{','.join(EXPERTS)}}} ...", file=sys.stderr)
        sys.exit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 2)
    expert = sys.argv.pop(1)
    sys.argv[0] += f" {expert}"
    import_module(f"detector.training.{expert}").main()


if __name__ == "__main__":
    main()
