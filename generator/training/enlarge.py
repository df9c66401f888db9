"""Trains the upscaler on what the refiner makes of real reconstructions, against the cut-out portraits at 256 px."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import l1_loss

from generator.appearance import FRAME, Appearance
from generator.refiner import NOISE_CHANNELS, NOISE_SIDE, Refiner
from generator.training.fit import Fitted
from generator.training.refine import (
    LOG_STEPS,
    Critic,
    Gaze,
    before,
    descend,
    judge_pictures,
    perceptual,
    to_tensor,
    walls,
)
from generator.upscaler import Upscaler

CROPS, CROP = 6, 48
"""Crops in a batch, and their side before doubling."""
RATE, CRITIC_RATE, DECAY_FROM, WARM_UP = 1.5e-3, 2e-4, 0.6, 30
PIXEL_WEIGHT, CRITIC_WEIGHT, CRITIC_START = 4.0, 0.03, 0.25
SCALE_ROWS = 64
"""Crops from which the spread of each feature is taken."""
SAVE_SECONDS = 90


def refined(fitted: Fitted, refiner: Refiner, *, count: int, seed: int) -> NDArray[np.uint8]:
    """What the refiner makes of the first `count` portraits, N F F 4."""
    appearance, rng = Appearance.from_tensors(fitted.tensors), np.random.default_rng(seed)
    pictures = []
    with torch.inference_mode():
        for index in range(count):
            coarse = appearance.render(shape=fitted.shapes[index], texture=fitted.textures[index])
            noise = rng.standard_normal((1, NOISE_CHANNELS, NOISE_SIDE, NOISE_SIDE), np.float32)
            condition = torch.from_numpy(fitted.conditions[index : index + 1])
            output = refiner(torch.from_numpy(coarse).permute(2, 0, 1)[None], condition, torch.from_numpy(noise))
            pictures.append((output[0].clamp(0, 1).permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    return np.stack(pictures)


class Lesson:
    """Everything that changes while the upscaler learns, and one step of it."""

    def __init__(self, small: NDArray[np.uint8], large: NDArray[np.uint8], *, seed: int, start: Path | None) -> None:
        torch.manual_seed(seed)
        self._small, self._large, self._rng = small, large, np.random.default_rng(seed)
        self._critic = Critic()
        self.network = Upscaler().to(memory_format=torch.channels_last)
        if start is not None:
            self.network.load_state_dict(torch.load(start, weights_only=True))
        self._steps = torch.optim.Adam(self.network.parameters(), RATE, betas=(0.5, 0.99))
        trainable = [parameter for parameter in self._critic.parameters() if parameter.requires_grad]
        self._judge = torch.optim.Adam(trainable, CRITIC_RATE, betas=(0.5, 0.99))
        self._gaze = Gaze(self._crops(SCALE_ROWS)[1])
        self.count = 0

    def step(self, *, share: float) -> str:
        """One batch; `share` of the time is spent. Says how it went."""
        for group in self._steps.param_groups:
            group["lr"] = RATE * min(1.0, (self.count + 1) / WARM_UP, max(0.03, (1 - share) / (1 - DECAY_FROM)))
        small, target = self._crops(CROPS)
        output = self.network(small)
        wall = walls(len(output), rng=self._rng)
        maps = self._gaze.see(before(output, wall))
        with torch.no_grad():
            wanted = self._gaze.see(before(target, wall))
        looks, pixel = perceptual(maps, wanted), l1_loss(output, target)
        praise = torch.stack([score.mean() for score in self._critic(maps)]).sum()
        push = CRITIC_WEIGHT if share > CRITIC_START else 0.0
        descend(self.network, self._steps, looks + PIXEL_WEIGHT * pixel - push * praise)
        judge_pictures(self._critic, self._judge, fake=[features.detach() for features in maps], real=wanted)
        self.count += 1
        return f"step {self.count} perceptual {looks.item():.3f} pixel {pixel.item():.4f}"

    def _crops(self, count: int) -> tuple[Tensor, Tensor]:
        """Matching random crops, B 4 C C and B 4 2C 2C, half of them mirrored."""
        smaller, larger = [], []
        for index in self._rng.integers(len(self._small), size=count):
            y, x = self._rng.integers(FRAME - CROP + 1, size=2)
            turn = -1 if self._rng.random() < 0.5 else 1
            smaller.append(self._small[index, y : y + CROP, x : x + CROP][:, ::turn])
            larger.append(self._large[index, 2 * y : 2 * (y + CROP), 2 * x : 2 * (x + CROP)][:, ::turn])
        return to_tensor(np.stack(smaller)), to_tensor(np.stack(larger))


def train_upscaler(
    small: NDArray[np.uint8],
    large: NDArray[np.uint8],
    *,
    seconds: float,
    seed: int,
    checkpoint: Path,
    log: Callable[[str], None],
    start: Path | None = None,
) -> Upscaler:
    """`small` N F F 4 are refined cut-outs, `large` N 2F 2F 4 the portraits that they show, before the model's wall.

    `start` is a checkpoint to go on from.
    """
    lesson = Lesson(small, large, seed=seed, start=start)
    started, saved = time.process_time(), 0.0
    while (spent := time.process_time() - started) < seconds:
        said = lesson.step(share=spent / seconds)
        if lesson.count % LOG_STEPS == 0:
            log(f"{spent:.0f} s {said}")
        if spent - saved > SAVE_SECONDS:
            torch.save(lesson.network.state_dict(), checkpoint)
            saved = spent
    torch.save(lesson.network.state_dict(), checkpoint)
    return lesson.network
