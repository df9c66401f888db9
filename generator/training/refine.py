"""Trains the refiner: perceptual loss on pushed reconstructions, light critics on fresh draws as well.

On a processor core a step of 8 pictures takes seconds; on a GPU, one of 64 takes a tenth of one.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, l1_loss

from generator.appearance import WALL
from generator.refiner import Refiner
from generator.training.critics import Critic, Gaze, PatchCritic, descend, disturbed, hinge, perceptual, praise
from generator.training.feed import Batch, Feeder
from generator.training.fit import Fitted
from generator.training.lessons import teach

PIXEL_WEIGHT, BLOCK_WEIGHT, CRITIC_WEIGHT, PATCH_WEIGHT = 4.0, 1.0, 0.08, 0.03
BLOCK = 8
"""Side of the squares, in pixels of the smooth picture, whose mean colour the refined one is to keep."""
CRITIC_START, CRITIC_RAMP = 0.05, 0.12
"""Shares of the training time."""
RATE, CRITIC_RATE, DECAY_FROM = 1e-3, 2e-4, 0.65
EMA = 0.998
SCALE_ROWS = 256
"""Pictures from which the spread of each feature is taken."""
GREYS, GREY_TINT, COLOURED = (0.1, 0.95), 0.03, 0.15
"""Lightness and tint of the walls behind the pictures that are judged, and the share of walls of any colour."""
WARM_UP = 50


@dataclass(frozen=True, slots=True)
class Size:
    """Pushed reconstructions and fresh draws in a batch."""

    pairs: int
    pure: int


SIZES: Final = {"cpu": Size(5, 3), "cuda": Size(40, 24)}


def walls(count: int, *, rng: np.random.Generator) -> Tensor:
    """Colours of random walls, B 3 1 1: mostly greys, and now and then any colour."""
    grey = rng.uniform(*GREYS, (count, 1)) + GREY_TINT * rng.standard_normal((count, 3))
    colour = rng.uniform(0, 1, (count, 3))
    chosen = np.where(rng.random((count, 1)) < COLOURED, colour, np.clip(grey, 0, 1))
    return torch.from_numpy(chosen.astype(np.float32))[:, :, None, None]


def before(cuts: Tensor, wall: Tensor) -> Tensor:
    """Cut-outs B 4 H W before walls of one colour each: B 3 H W."""
    return cuts[:, :3] + (1 - cuts[:, 3:]) * (wall - WALL)


def to_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """N H W C bytes → N C H W in 0–1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def portraits_behind(chosen: Tensor, pictures: Tensor) -> Tensor:
    """The portraits (of N S S 4 bytes) behind the fit's rows, or their mirror images: B 4 S S in 0–1."""
    straight = pictures[chosen % len(pictures)].permute(0, 3, 1, 2).float() / 255
    mirrored = (chosen >= len(pictures))[:, None, None, None]
    return torch.where(mirrored, straight.flip(3), straight)


class Lesson:
    """Everything that changes while the refiner learns, and one step of it."""

    def __init__(self, fitted: Fitted, *, seed: int, start: Path | None, device: torch.device) -> None:
        torch.manual_seed(seed)
        self._device, self._size = device, SIZES[device.type]
        self._rng = np.random.default_rng(seed)
        self._pictures = torch.from_numpy(fitted.pictures).to(device)
        self._gaze = Gaze(to_tensor(fitted.pictures[:SCALE_ROWS])[:, :3].to(device))
        self._critic, self._patches = Critic().to(device), PatchCritic().to(device)
        self._feeder = Feeder(fitted, seed=seed, device=device)
        self._refiner: Refiner = Refiner().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if start is not None:
            self._refiner.load_state_dict(torch.load(start, weights_only=True, map_location=device))
        self.average: Refiner = copy.deepcopy(self._refiner).requires_grad_(False)
        self._steps = torch.optim.Adam(self._refiner.parameters(), RATE, betas=(0.5, 0.99))
        self._judges = nn.ModuleList([self._critic, self._patches])
        trainable = [parameter for parameter in self._judges.parameters() if parameter.requires_grad]
        self._judge = torch.optim.Adam(trainable, CRITIC_RATE, betas=(0.5, 0.99))
        self.count = 0

    def step(self, share: float) -> Callable[[], str]:
        """One batch; `share` of the time is spent. What it returns says how it went."""
        for group in self._steps.param_groups:
            group["lr"] = RATE * min(1.0, (self.count + 1) / WARM_UP, max(0.02, (1 - share) / (1 - DECAY_FROM)))
        push = float(np.clip((share - CRITIC_START) / CRITIC_RAMP, 0, 1))
        batch = self._feeder.batch(self._size.pairs, self._size.pure)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            said = self._learn(batch, push=push, judging=share > CRITIC_START / 2)
        blend(self.average, self._refiner, keep=min(EMA, (self.count + 1) / (self.count + 20)))
        self.count += 1
        return said

    def _learn(self, batch: Batch, *, push: float, judging: bool) -> Callable[[], str]:
        pairs = self._size.pairs
        coarse = batch.coarse.contiguous(memory_format=torch.channels_last)
        output = self._refiner(coarse, batch.condition, batch.noise, batch.fine).float()
        target = portraits_behind(batch.chosen, self._pictures)
        wall = walls(len(output), rng=self._rng).to(self._device)
        fakes, reals = disturbed(before(output, wall), before(target, wall[:pairs]))
        maps = self._gaze.see(fakes)
        with torch.no_grad():
            wanted = self._gaze.see(reals)
        looks = perceptual([features[:pairs] for features in maps], wanted)
        pixel = l1_loss(output[:pairs], target)
        blocks = l1_loss(avg_pool2d(output, 2 * BLOCK), avg_pool2d(coarse, BLOCK))
        liked = CRITIC_WEIGHT * praise(self._critic(maps)) + PATCH_WEIGHT * praise(self._patches(fakes))
        descend(self._refiner, self._steps, looks + PIXEL_WEIGHT * pixel + BLOCK_WEIGHT * blocks - push * liked)
        told = [looks.detach(), pixel.detach(), liked.detach()]
        if judging:
            seen = [features.detach() for features in maps]
            loss = hinge(self._critic(seen), self._critic(wanted))
            loss = loss + hinge(self._patches(fakes.detach()), self._patches(reals))
            descend(self._judges, self._judge, loss)
            told.append(loss.detach())
        names = ("perceptual", "pixel", "liked", "judged")
        return lambda: " ".join(f"{name} {value.item():.4f}" for name, value in zip(names, told, strict=False))


def train(
    fitted: Fitted,
    *,
    seconds: float,
    seed: int,
    checkpoint: Path,
    log: Callable[[str], None],
    start: Path | None = None,
    device: str = "cpu",
) -> Refiner:
    """Trains for `seconds` (see `lessons.teach`), from the checkpoint `start` if given; returns the average."""
    lesson = Lesson(fitted, seed=seed, start=start, device=torch.device(device))
    teach(lesson.average, lesson.step, seconds=seconds, device=device, checkpoint=checkpoint, log=log)
    return lesson.average


@torch.no_grad()
def blend(average: nn.Module, current: nn.Module, *, keep: float) -> None:
    """Moves `average` towards `current`."""
    for old, new in zip(average.parameters(), current.parameters(), strict=True):
        old.lerp_(new, 1 - keep)
