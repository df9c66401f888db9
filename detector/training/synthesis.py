"""Trains the synthesis expert on a pool of views (`detector.training.views`), on a CPU core or a GPU.

    python -m detector.training.synthesis POOL OUT_FOLDER --minutes 25

The first stages of the content branch stay as they came and run over the pool once; the rest learns from there. Each
branch has a loss of its own beside that of their sum, so that neither leans on the other.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from detector.classifier.network import to_input
from detector.classifier.two_branch import FROZEN_STAGES, TwoBranch, TwoSights, to_tiles
from detector.training.pretrained import load_imagenet
from detector.training.train import BACKBONE, loss_of, rate_at, save, targets, update_average
from detector.training.views import FAMILIES, TILES, Pool, open_pool

PEAK_RATE: Final = 1.5e-3
LATE_SHARE: Final = 0.4
"""Learning rate of the pretrained content branch over that of the new layers."""
WEIGHT_DECAY: Final = 0.05
DROPOUT: Final = 0.3
DROP_PATH: Final = 0.1
PAIRS: Final = 5
"""Pairs of a fake and a real per family and step."""
BRANCH_WEIGHT: Final = 0.5
CHUNK: Final = 64
SAVE_EVERY: Final = 60

Maps = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a run trains on: its `families` and the sets of reals left out (an ingredient that is being tested)."""

    families: tuple[str, ...] = FAMILIES
    without_sets: frozenset[str] = field(default_factory=frozenset)


class Draw:
    """Rows of a pool for one step: `PAIRS` pairs of each family of a recipe, without repetition within an epoch."""

    def __init__(self, pool: Pool, recipe: Recipe, *, rng: np.random.Generator) -> None:
        self._rng = rng
        self._pairs = {name: _pairs(pool, name, recipe.without_sets) for name in recipe.families}
        self._left: dict[str, list[int]] = {name: [] for name in recipe.families}

    def __call__(self) -> list[int]:
        return [row for name in self._pairs for _ in range(PAIRS) for row in self._next(name)]

    def _next(self, name: str) -> tuple[int, int]:
        if not self._left[name]:
            self._left[name] = [int(v) for v in self._rng.permutation(self._pairs[name])]
        pair = self._left[name].pop()
        return 2 * pair, 2 * pair + 1


def _pairs(pool: Pool, family: str, without: frozenset[str]) -> list[int]:
    pairs = range(len(pool.families) // 2)
    return [pair for pair in pairs if pool.families[2 * pair] == family and pool.sets[2 * pair + 1] not in without]


def build(families: Sequence[str], start: Path | None) -> TwoBranch:
    """The network with its content branch from ImageNet, or from earlier weights (those of a single branch as well)."""
    model = TwoBranch(BACKBONE, len(families), drop_path=DROP_PATH, dropout=DROPOUT)
    if start is None:
        load_imagenet(model.content.body)
        return model
    weights = {name: value.float() for name, value in load_file(start).items()}
    single = {f"content.{name}": value for name, value in weights.items() if name.startswith("body.")}
    model.load_state_dict(single or weights, strict=False)
    return model


@torch.no_grad()
def early_maps(model: TwoBranch, pool: Pool, path: Path) -> Maps:
    """The early maps of every crop of `pool` in half precision, kept at `path` for the runs that start alike."""
    if path.exists():
        kept: Maps = np.load(path)
        return kept
    network = model.to(memory_format=torch.channels_last).eval()
    parts = []
    for at in range(0, len(pool.crops), CHUNK):
        maps = network.content.early(to_input(list(pool.crops[at : at + CHUNK])))
        parts.append(maps.numpy().astype(np.float16))
    whole = np.concatenate(parts)
    np.save(draft := path.with_suffix(".part.npy"), whole)
    draft.rename(path)
    return whole


def loss(sights: TwoSights, target: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy of the sum of both branches and, half as heavy, of each alone."""
    alone = loss_of(sights.content, target, weight) + loss_of(sights.noise, target, weight)
    return loss_of(sights.logits, target, weight) + BRANCH_WEIGHT * alone


def optimiser_of(model: TwoBranch) -> torch.optim.Optimizer:
    late = [p for name, p in model.named_parameters() if name.startswith("content.")]
    new = [p for name, p in model.named_parameters() if not name.startswith("content.")]
    groups = [{"params": new, "share": 1.0}, {"params": late, "share": LATE_SHARE}]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)


def fit(
    model: TwoBranch, pool: Pool, early: Maps, recipe: Recipe, *, minutes: float, steps: int, seed: int, out: Path
) -> dict[str, object]:
    """Trains for `steps` or `minutes`, whichever ends first, and writes the averaged weights to `out`.

    Returns the number of steps, the smoothed training loss and where the weights lie.
    """
    torch.manual_seed(seed)
    model = model.to(memory_format=torch.channels_last).train()
    for number, parameter in enumerate(model.content.parameters()):
        parameter.requires_grad = number >= _early_count(model)
    draw = Draw(pool, recipe, rng=np.random.default_rng(seed))
    average = {name: value.detach().clone().float() for name, value in model.state_dict().items()}
    optimiser = optimiser_of(model)
    start, step, recent = time.monotonic(), 0, 0.0
    while (progress := max(step / steps, (time.monotonic() - start) / (60 * minutes))) < 1:
        rows = draw()
        for group in optimiser.param_groups:
            group["lr"] = PEAK_RATE * group["share"] * rate_at(progress)
        sights = model.resume(_maps(early, rows), to_tiles([pool.tiles[row, [step % TILES]] for row in rows]))
        value = loss(sights, *targets(recipe.families, [pool.families[row] for row in rows]))
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        step, recent = step + 1, 0.95 * recent + 0.05 * value.item()
        update_average(average, model, step)
        if step % 20 == 0:
            _report(step, progress, recent / (1 - 0.95**step))
        if step % SAVE_EVERY == 0:
            save(average, out)
    save(average, out)
    model.load_state_dict({name: value.float() for name, value in load_file(out).items()}, strict=False)
    return {"steps": step, "loss": round(recent, 4), "weights": str(out)}


def _maps(early: Maps, rows: Sequence[int]) -> Tensor:
    return torch.from_numpy(early[rows]).float().contiguous(memory_format=torch.channels_last)


def _early_count(model: TwoBranch) -> int:
    """How many of the content branch's parameters belong to its early part, which comes first."""
    body = model.content.body
    early = (body.conv_stem, body.bn1, *body.blocks[:FROZEN_STAGES])
    return sum(len(list(part.parameters())) for part in early)


def _report(step: int, progress: float, value: float) -> None:
    print(
        json.dumps({"step": step, "progress": round(progress, 3), "loss": round(value, 4)}), file=sys.stderr, flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on standard output")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="earlier weights to go on from, instead of ImageNet")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    pool, model = open_pool(args.pool), build(FAMILIES, args.start)
    kept = args.pool / (f"early_{args.start.parent.name}.npy" if args.start else "early.npy")
    early = early_maps(model, pool, kept)
    path = args.out / "synthesis.safetensors"
    done = fit(model, pool, early, Recipe(), minutes=args.minutes, steps=args.steps, seed=args.seed, out=path)
    print(json.dumps(done) if args.json else f"{done['steps']} steps, weights in {done['weights']}")


if __name__ == "__main__":
    main()
