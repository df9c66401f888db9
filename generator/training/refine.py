"""Trains the refiner: perceptual loss on perturbed reconstructions, a light projected critic on pure samples.

The critic sees fixed random projections of ImageNet features (after Sauer et al., "Projected GANs Converge
Faster", 2021), so one pass through the backbone serves both losses.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, l1_loss, relu
from torch.nn.utils.parametrizations import spectral_norm

from generator.appearance import HAIR_NUMBERS, WALL, Appearance
from generator.refiner import NOISE_CHANNELS, NOISE_SIDE, Refiner
from generator.sampler import HAIR_MIX, Draw, Sampler, Wanted
from generator.training.backbone import WIDTHS, Eye
from generator.training.fit import Fitted

PAIRS, PURE = 5, 3
"""Perturbed reconstructions and pure samples in a batch."""
FACE_PUSH = 0.35
HAIR_PUSH = 1 - HAIR_MIX[0]
SCALE_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 0.5)
PIXEL_WEIGHT, BLOCK_WEIGHT, CRITIC_WEIGHT = 4.0, 1.0, 0.08
BLOCK = 8
CRITIC_START, CRITIC_RAMP = 0.06, 0.15
"""Shares of the training time."""
RATE, CRITIC_RATE, DECAY_FROM = 1e-3, 2e-4, 0.7
EMA = 0.995
PROJECTED = 64
SCALE_ROWS = 256
"""Pictures from which the spread of each feature is taken."""
GREYS, GREY_TINT, COLOURED = (0.1, 0.95), 0.03, 0.15
"""Lightness and tint of the walls behind the pictures that are judged, and the share of walls of any colour."""
SAVE_SECONDS = 120
WARM_UP, LOG_STEPS, LARGEST_GRADIENT = 50, 25, 5.0


class Critic(nn.Module):
    """Spectrally normalised heads on fixed random projections of strides 4 to 32; higher means more real."""

    def __init__(self) -> None:
        super().__init__()
        self.mixers = nn.ModuleList([nn.Conv2d(width, PROJECTED, 1, bias=False) for width in WIDTHS[1:]])
        self.mixers.requires_grad_(False)
        self.heads = nn.ModuleList(_head() for _ in WIDTHS[1:])

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        scores = []
        for features, mixer, head in zip(maps[1:], self.mixers, self.heads, strict=True):
            scores.append(head(mixer(features)))
        return scores


def _head() -> nn.Sequential:
    return nn.Sequential(
        spectral_norm(nn.Conv2d(PROJECTED, PROJECTED, 3, padding=1)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(PROJECTED, 1, 1)),
    )


def walls(count: int, *, rng: np.random.Generator) -> Tensor:
    """Colours of random walls, B 3 1 1: mostly greys, and now and then any colour."""
    grey = rng.uniform(*GREYS, (count, 1)) + GREY_TINT * rng.standard_normal((count, 3))
    colour = rng.uniform(0, 1, (count, 3))
    chosen = np.where(rng.random((count, 1)) < COLOURED, colour, np.clip(grey, 0, 1))
    return torch.from_numpy(chosen.astype(np.float32))[:, :, None, None]


def before(cuts: Tensor, wall: Tensor) -> Tensor:
    """Cut-outs B 4 H W before walls of one colour each: B 3 H W."""
    return cuts[:, :3] + (1 - cuts[:, 3:]) * (wall - WALL)


class Gaze:
    """The fixed eye and the spread of each of its channels on portraits, by which distances are measured."""

    def __init__(self, cuts: Tensor) -> None:
        self._eye = Eye().to(memory_format=torch.channels_last)
        with torch.no_grad():
            chunks = [self._eye(cuts[start : start + 32, :3]) for start in range(0, len(cuts), 32)]
        joined = [torch.cat(maps) for maps in zip(*chunks, strict=True)]
        self._scales = [maps.std((0, 2, 3), keepdim=True) + 1e-4 for maps in joined]

    def see(self, pictures: Tensor) -> list[Tensor]:
        return [features / scale for features, scale in zip(self._eye(pictures), self._scales, strict=True)]


@dataclass(frozen=True, slots=True)
class Batch:
    """`PAIRS` reconstructions first, then `PURE` samples."""

    coarse: Tensor
    condition: Tensor
    noise: Tensor
    chosen: NDArray[np.int64]


class Feeder:
    """Renders smooth pictures to refine: pushed reconstructions and fresh samples."""

    def __init__(self, fitted: Fitted, *, rng: np.random.Generator) -> None:
        self._fitted, self._rng = fitted, rng
        self._appearance = Appearance.from_tensors(fitted.tensors)
        self._sampler = Sampler.from_tensors(fitted.tensors)
        self._neighbours = _neighbours(fitted.textures[:, :HAIR_NUMBERS])

    def batch(self) -> Batch:
        chosen = self._rng.choice(len(self._fitted.shapes), PAIRS, replace=False)
        draws = [self._pushed(int(index)) for index in chosen]
        draws += [self._sampler.draw(Wanted(), rng=self._rng) for _ in range(PURE)]
        pictures = np.stack([self._appearance.render(shape=draw.shape, texture=draw.texture) for draw in draws])
        noise = self._rng.standard_normal((len(draws), NOISE_CHANNELS, NOISE_SIDE, NOISE_SIDE), np.float32)
        condition = torch.from_numpy(np.stack([draw.condition for draw in draws]))
        coarse = torch.from_numpy(pictures.astype(np.float32)).permute(0, 3, 1, 2)
        return Batch(coarse, condition, torch.from_numpy(noise), chosen)

    def _pushed(self, index: int) -> Draw:
        sex = int(self._fitted.sex[index])
        other = self._sampler.draw(Wanted(sex=sex), rng=self._rng).texture
        texture = self._fitted.textures[index].copy()
        face, hair = self._rng.uniform(0, FACE_PUSH), self._rng.uniform(0, HAIR_PUSH)
        near = self._fitted.textures[self._rng.choice(self._neighbours[index]), :HAIR_NUMBERS]
        texture[HAIR_NUMBERS:] += face * (other[HAIR_NUMBERS:] - texture[HAIR_NUMBERS:])
        texture[:HAIR_NUMBERS] += hair * (near - texture[:HAIR_NUMBERS])
        return Draw(self._fitted.shapes[index], texture, self._fitted.conditions[index])


def to_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """N H W C bytes → N C H W in 0–1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


class Lesson:
    """Everything that changes while the refiner learns, and one step of it."""

    def __init__(self, fitted: Fitted, *, seed: int, start: Path | None) -> None:
        torch.manual_seed(seed)
        self._pictures, self._rng = fitted.pictures, np.random.default_rng(seed)
        self._gaze, self._critic = Gaze(to_tensor(fitted.pictures[:SCALE_ROWS])), Critic()
        self._feeder = Feeder(fitted, rng=self._rng)
        self._refiner = Refiner().to(memory_format=torch.channels_last)
        if start is not None:
            self._refiner.load_state_dict(torch.load(start, weights_only=True))
        self.average = copy.deepcopy(self._refiner).requires_grad_(False)
        self._steps = torch.optim.Adam(self._refiner.parameters(), RATE, betas=(0.5, 0.99))
        trainable = [parameter for parameter in self._critic.parameters() if parameter.requires_grad]
        self._judge = torch.optim.Adam(trainable, CRITIC_RATE, betas=(0.5, 0.99))
        self.count = 0

    def step(self, *, share: float) -> str:
        """One batch; `share` of the time is spent. Says how it went."""
        for group in self._steps.param_groups:
            group["lr"] = RATE * min(1.0, (self.count + 1) / WARM_UP, max(0.02, (1 - share) / (1 - DECAY_FROM)))
        push = CRITIC_WEIGHT * float(np.clip((share - CRITIC_START) / CRITIC_RAMP, 0, 1))
        batch = self._feeder.batch()
        coarse = batch.coarse.contiguous(memory_format=torch.channels_last)
        output = self._refiner(coarse, batch.condition, batch.noise)
        target, wall = to_tensor(self._pictures[batch.chosen]), walls(len(output), rng=self._rng)
        maps = self._gaze.see(before(output, wall))
        with torch.no_grad():
            wanted = self._gaze.see(before(target, wall[:PAIRS]))
        looks = perceptual([features[:PAIRS] for features in maps], wanted)
        pixel = l1_loss(output[:PAIRS], target)
        blocks = l1_loss(avg_pool2d(output, BLOCK), avg_pool2d(coarse, BLOCK))
        praise = torch.stack([score.mean() for score in self._critic(maps)]).sum()
        descend(self._refiner, self._steps, looks + PIXEL_WEIGHT * pixel + BLOCK_WEIGHT * blocks - push * praise)
        if share > CRITIC_START / 2:
            judge_pictures(self._critic, self._judge, fake=[features.detach() for features in maps], real=wanted)
        _blend(self.average, self._refiner, keep=min(EMA, (self.count + 1) / (self.count + 20)))
        self.count += 1
        return f"step {self.count} perceptual {looks.item():.3f} pixel {pixel.item():.4f} push {push:.3f}"


def train(
    fitted: Fitted,
    *,
    seconds: float,
    seed: int,
    checkpoint: Path,
    log: Callable[[str], None],
    start: Path | None = None,
) -> Refiner:
    """Trains for `seconds` of processor time and returns the averaged network; writes `checkpoint` now and then.

    `start` is a checkpoint to go on from.
    """
    lesson = Lesson(fitted, seed=seed, start=start)
    started, saved = time.process_time(), 0.0
    while (spent := time.process_time() - started) < seconds:
        said = lesson.step(share=spent / seconds)
        if lesson.count % LOG_STEPS == 0:
            log(f"{spent:.0f} s {said}")
        if spent - saved > SAVE_SECONDS:
            torch.save(lesson.average.state_dict(), checkpoint)
            saved = spent
    torch.save(lesson.average.state_dict(), checkpoint)
    return lesson.average


def descend(network: nn.Module, steps: torch.optim.Optimizer, loss: Tensor) -> None:
    """One bounded step down the gradient of `loss`."""
    steps.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
    steps.step()


def perceptual(output: list[Tensor], target: list[Tensor]) -> Tensor:
    """Weighted mean distance of normalised features over the five scales."""
    terms = [weight * l1_loss(a, b) for weight, a, b in zip(SCALE_WEIGHTS, output, target, strict=True)]
    return torch.stack(terms).sum()


def judge_pictures(critic: Critic, steps: torch.optim.Optimizer, *, fake: list[Tensor], real: list[Tensor]) -> None:
    """One hinge step of the critic."""
    terms = [relu(1 + score).mean() for score in critic(fake)] + [relu(1 - score).mean() for score in critic(real)]
    steps.zero_grad(set_to_none=True)
    torch.stack(terms).sum().backward()  # type: ignore[no-untyped-call]
    steps.step()


@torch.no_grad()
def _blend(average: nn.Module, current: nn.Module, *, keep: float) -> None:
    for old, new in zip(average.parameters(), current.parameters(), strict=True):
        old.lerp_(new, 1 - keep)


def _neighbours(hair: NDArray[np.float32], count: int = 8) -> NDArray[np.int64]:
    squares = (hair**2).sum(1)
    distance = squares[:, None] + squares[None] - 2 * hair @ hair.T
    np.fill_diagonal(distance, np.inf)
    nearest: NDArray[np.int64] = np.argpartition(distance, count, axis=1)[:, :count]
    return nearest
