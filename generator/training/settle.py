"""Second half of the refiner's training: no critics, so that fresh draws lose what only critics taught it to draw.

Critics have the only say over the details of fresh draws, and the network learns to tell those from reconstructions:
after 3,000 steps with them about a fifth of 48 fresh draws had speckled rims and the same collar (by eye). Here
reconstructions have hair mixed and disturbed as the sampler does it, and the colours of a fresh draw's face are held to
its smooth picture's.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, l1_loss

from generator.appearance import Appearance
from generator.refiner import Refiner
from generator.training.critics import Gaze, descend, disturbed, perceptual
from generator.training.feed import Batch, Feeder
from generator.training.fit import Fitted
from generator.training.lessons import teach
from generator.training.measure import OVAL, face_mask
from generator.training.refine import (
    BLOCK,
    PIXEL_WEIGHT,
    SCALE_ROWS,
    WARM_UP,
    Size,
    before,
    blend,
    portraits_behind,
    to_tensor,
    walls,
)

SIZES: Final = {"cpu": Size(4, 2), "cuda": Size(40, 24)}
BLOCK_WEIGHT, ANCHOR_WEIGHT = 2.0, 6.0
"""Of mean colours in squares of 16 px everywhere, and of 4 px inside the face of a fresh draw."""
ANCHOR: Final = 2
"""Side of the small squares in pixels of the smooth picture."""
RATE, DECAY_FROM, EMA = 4e-4, 0.3, 0.98
SETTLED: Final = 0.35
"""Share of the settled weights in those that are kept, beside the ones that it began with: alone, the settled network
draws hair softly, the other speckles; mixed, hair has strands and few speckles (by eye, .3 to 1 on ten draws)."""


class Settling:
    """Everything that changes, and one step of it."""

    def __init__(self, fitted: Fitted, *, seed: int, start: Path, device: torch.device) -> None:
        torch.manual_seed(seed)
        self._device, self._size = device, SIZES[device.type]
        self._rng = np.random.default_rng(seed)
        self._pictures = torch.from_numpy(fitted.pictures).to(device)
        self._gaze = Gaze(to_tensor(fitted.pictures[:SCALE_ROWS])[:, :3].to(device))
        self._feeder = Feeder(fitted, seed=seed, device=device)
        mean = Appearance.from_tensors(fitted.tensors).mesh.points[: max(OVAL) + 1]
        self._face = avg_pool2d(torch.from_numpy(face_mask(mean)).float()[None, None], ANCHOR).to(device)
        self._refiner: Refiner = Refiner().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._refiner.load_state_dict(torch.load(start, weights_only=True, map_location=device))
        self.average: Refiner = copy.deepcopy(self._refiner).requires_grad_(False)
        self._steps = torch.optim.Adam(self._refiner.parameters(), RATE, betas=(0.9, 0.99))
        self.count = 0

    def step(self, share: float) -> Callable[[], str]:
        """One batch; `share` of the time is spent. What it returns says how it went."""
        for group in self._steps.param_groups:
            group["lr"] = RATE * min(1.0, (self.count + 1) / WARM_UP, max(0.03, (1 - share) / (1 - DECAY_FROM)))
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            said = self._learn(self._feeder.batch(self._size.pairs, self._size.pure))
        blend(self.average, self._refiner, keep=min(EMA, (self.count + 1) / (self.count + 20)))
        self.count += 1
        return said

    def _learn(self, batch: Batch) -> Callable[[], str]:
        pairs = self._size.pairs
        coarse = batch.coarse.contiguous(memory_format=torch.channels_last)
        output = self._refiner(coarse, batch.condition, batch.noise, batch.fine).float()
        target = portraits_behind(batch.chosen, self._pictures)
        wall = walls(pairs, rng=self._rng).to(self._device)
        mine, theirs = disturbed(before(output[:pairs], wall), before(target, wall))
        with torch.no_grad():
            wanted = self._gaze.see(theirs)
        looks, pixel = perceptual(self._gaze.see(mine), wanted), l1_loss(output[:pairs], target)
        blocks = l1_loss(avg_pool2d(output, 2 * BLOCK), avg_pool2d(coarse, BLOCK))
        fresh = avg_pool2d(output[pairs:, :3], 2 * ANCHOR) - avg_pool2d(coarse[pairs:, :3], ANCHOR)
        anchor = (fresh.abs() * self._face).mean()
        loss = looks + PIXEL_WEIGHT * pixel + BLOCK_WEIGHT * blocks + ANCHOR_WEIGHT * anchor
        descend(self._refiner, self._steps, loss)
        terms = looks.detach(), pixel.detach(), blocks.detach(), anchor.detach()
        return lambda: "perceptual {:.3f} pixel {:.4f} blocks {:.4f} anchor {:.4f}".format(*(t.item() for t in terms))


def settle(
    fitted: Fitted,
    *,
    seconds: float,
    seed: int,
    checkpoint: Path,
    log: Callable[[str], None],
    start: Path,
    device: str = "cpu",
) -> Refiner:
    """Goes on from the checkpoint `start` for `seconds` (see `lessons.teach`); returns a mixture with it."""
    lesson = Settling(fitted, seed=seed, start=start, device=torch.device(device))
    teach(lesson.average, lesson.step, seconds=seconds, device=device, checkpoint=checkpoint, log=log)
    before_it = Refiner()
    before_it.load_state_dict(torch.load(start, weights_only=True, map_location="cpu"))
    blend(before_it, lesson.average, keep=1 - SETTLED)
    return before_it
