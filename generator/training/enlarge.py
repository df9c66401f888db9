"""Trains the upscaler to draw cut-out portraits of 256 px from their halves; the backend doubles refined ones by it."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import l1_loss

from generator.appearance import FRAME
from generator.training.critics import Critic, Gaze, descend, hinge, perceptual, praise
from generator.training.lessons import teach
from generator.training.refine import before, to_tensor, walls
from generator.upscaler import Upscaler

CROPS: Final = {"cpu": 6, "cuda": 48}
CROP: Final = 48
"""Crops in a batch by device, and their side before doubling."""
RATE, CRITIC_RATE, DECAY_FROM, WARM_UP = 1.5e-3, 2e-4, 0.6, 30
PIXEL_WEIGHT, CRITIC_WEIGHT, CRITIC_START = 4.0, 0.03, 0.25
SCALE_ROWS: Final = 64
"""Crops from which the spread of each feature is taken."""
SOFTEST: Final = 0.8
"""Largest Gaussian sigma of the blur over half of the crops: what the refiner draws is softer than a portrait."""


class Lesson:
    """Everything that changes while the upscaler learns, and one step of it."""

    def __init__(self, large: NDArray[np.uint8], *, seed: int, start: Path | None, device: torch.device) -> None:
        torch.manual_seed(seed)
        self._large, self._rng, self._device = large, np.random.default_rng(seed), device
        self._small = np.stack([cv2.resize(cut, (FRAME, FRAME), interpolation=cv2.INTER_AREA) for cut in large])
        self._critic = Critic().to(device)
        self.network: Upscaler = Upscaler().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if start is not None:
            self.network.load_state_dict(torch.load(start, weights_only=True, map_location=device))
        self._steps = torch.optim.Adam(self.network.parameters(), RATE, betas=(0.5, 0.99))
        trainable = [parameter for parameter in self._critic.parameters() if parameter.requires_grad]
        self._judge = torch.optim.Adam(trainable, CRITIC_RATE, betas=(0.5, 0.99))
        self._gaze = Gaze(self._crops(SCALE_ROWS)[1][:, :3])
        self.count = 0

    def step(self, share: float) -> Callable[[], str]:
        """One batch; `share` of the time is spent. What it returns says how it went."""
        for group in self._steps.param_groups:
            group["lr"] = RATE * min(1.0, (self.count + 1) / WARM_UP, max(0.03, (1 - share) / (1 - DECAY_FROM)))
        small, target = self._crops(CROPS[self._device.type])
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            output = self.network(small).float()
            wall = walls(len(output), rng=self._rng).to(self._device)
            maps = self._gaze.see(before(output, wall))
            with torch.no_grad():
                wanted = self._gaze.see(before(target, wall))
            looks, pixel = perceptual(maps, wanted), l1_loss(output, target)
            push = CRITIC_WEIGHT if share > CRITIC_START else 0.0
            descend(self.network, self._steps, looks + PIXEL_WEIGHT * pixel - push * praise(self._critic(maps)))
            seen = [features.detach() for features in maps]
            descend(self._critic, self._judge, hinge(self._critic(seen), self._critic(wanted)))
        self.count += 1
        told = looks.detach(), pixel.detach()
        return lambda: f"perceptual {told[0].item():.3f} pixel {told[1].item():.4f}"

    def _crops(self, count: int) -> tuple[Tensor, Tensor]:
        """Matching random crops, B 4 C C and B 4 2C 2C, half of them mirrored and half of the small ones softened."""
        smaller, larger = [], []
        for index in self._rng.integers(len(self._small), size=count):
            y, x = self._rng.integers(FRAME - CROP + 1, size=2)
            turn = -1 if self._rng.random() < 0.5 else 1
            small = self._small[index, y : y + CROP, x : x + CROP][:, ::turn]
            if self._rng.random() < 0.5:
                small = cv2.GaussianBlur(np.ascontiguousarray(small), (0, 0), self._rng.uniform(0.2, SOFTEST))
            smaller.append(small)
            larger.append(self._large[index, 2 * y : 2 * (y + CROP), 2 * x : 2 * (x + CROP)][:, ::turn])
        return to_tensor(np.stack(smaller)).to(self._device), to_tensor(np.stack(larger)).to(self._device)


def train_upscaler(
    large: NDArray[np.uint8],
    *,
    seconds: float,
    seed: int,
    checkpoint: Path,
    log: Callable[[str], None],
    start: Path | None = None,
    device: str = "cpu",
) -> Upscaler:
    """`large` N 2F 2F 4 are portraits before the model's wall; `start` is a checkpoint to go on from.

    `seconds` are as in `lessons.teach`.
    """
    lesson = Lesson(large, seed=seed, start=start, device=torch.device(device))
    teach(lesson.network, lesson.step, seconds=seconds, device=device, checkpoint=checkpoint, log=log)
    return lesson.network
