"""What the refiner learns from: smooth pictures of pushed reconstructions and of fresh draws, rendered in batches."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.appearance import HAIR_NUMBERS, Appearance
from generator.refiner import FINE_CHANNELS, FINE_SIDE, NOISE_CHANNELS, NOISE_SIDE, told
from generator.sampler import HAIR_MIX, Draw, Sampler, Wanted
from generator.training.batch_render import BatchRenderer
from generator.training.fit import Fitted

FACE_PUSH: Final = 0.35
HAIR_NOISE, NOISE_DONORS = 0.25, 8
HAIR_PUSH: Final = 1 - HAIR_MIX[0]
POOL: Final = 20_000
"""Fresh draws that are made once and taken from at random."""
CHUNKS: Final = 64
NEIGHBOURS: Final = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Pushed reconstructions first, their rows in the fit's numbers in `chosen`; then fresh draws."""

    coarse: Tensor
    condition: Tensor
    noise: Tensor
    fine: Tensor
    chosen: Tensor


class Feeder:
    """Everything that batches are made of, on one device."""

    def __init__(self, fitted: Fitted, *, seed: int, device: torch.device, pool: int = POOL) -> None:
        self._device = device
        self._luck = torch.Generator(device).manual_seed(seed)
        self._renderer = BatchRenderer(Appearance.from_tensors(fitted.tensors)).to(device)
        self._shapes, self._textures = self._here(fitted.shapes), self._here(fitted.textures)
        self._conditions = told(self._here(fitted.conditions))
        self._neighbours = torch.from_numpy(_neighbours(fitted.textures[:, :HAIR_NUMBERS])).to(device)
        draws = draw_pool(Sampler.from_tensors(fitted.tensors), pool, seed=seed)
        self._fresh = [self._here(np.stack([getattr(draw, name) for draw in draws])) for name in ("shape", "texture")]
        self._told = told(self._here(np.stack([draw.condition for draw in draws])))
        self._same = [torch.nonzero(self._told[:, 0] == 2 * sex - 1).flatten() for sex in (0, 1)]
        self._sex = torch.from_numpy(fitted.sex).to(device)

    def batch(self, pairs: int, pure: int) -> Batch:
        chosen, fresh = self._pick(len(self._shapes), pairs), self._pick(len(self._told), pure)
        coarse = self._renderer(
            torch.cat([self._shapes[chosen], self._fresh[0][fresh]]),
            torch.cat([self._pushed(chosen), self._fresh[1][fresh]]),
        )
        condition = torch.cat([self._conditions[chosen], self._told[fresh]])
        noise = self._random(len(coarse), NOISE_CHANNELS, NOISE_SIDE, NOISE_SIDE)
        fine = self._random(len(coarse), FINE_CHANNELS, FINE_SIDE, FINE_SIDE)
        return Batch(coarse, condition, noise, fine, chosen)

    def _pushed(self, chosen: Tensor) -> Tensor:
        """Textures, the face pushed towards another of the same sex and the hair towards a neighbour's."""
        own = self._textures[chosen].clone()
        women, men = (rows[self._pick(len(rows), len(chosen))] for rows in self._same)
        others = torch.where(self._sex[chosen] == 1, men, women)
        near = self._neighbours[chosen, self._pick(NEIGHBOURS, len(chosen))]
        face, hair = (self._share(len(chosen), most) for most in (FACE_PUSH, HAIR_PUSH))
        own[:, HAIR_NUMBERS:] += face * (self._fresh[1][others, HAIR_NUMBERS:] - own[:, HAIR_NUMBERS:])
        own[:, :HAIR_NUMBERS] += hair * (self._textures[near, :HAIR_NUMBERS] - own[:, :HAIR_NUMBERS])
        donors = self._textures[self._pick(len(self._textures), NOISE_DONORS * len(own)), :HAIR_NUMBERS]
        mixed = self._random(NOISE_DONORS, len(own), 1) * donors.view(NOISE_DONORS, len(own), -1)
        noise = mixed.sum(0) / NOISE_DONORS**0.5
        own[:, :HAIR_NUMBERS] += self._share(len(own), HAIR_NOISE) * noise
        return own

    def _pick(self, among: int, count: int) -> Tensor:
        return torch.randint(among, (count,), generator=self._luck, device=self._device)

    def _share(self, count: int, most: float) -> Tensor:
        return most * torch.rand(count, 1, generator=self._luck, device=self._device)

    def _random(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._luck, device=self._device)

    def _here(self, values: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self._device)


def draw_pool(sampler: Sampler, count: int, *, seed: int) -> list[Draw]:
    """Fresh draws of anybody, made on all cores."""
    sizes = [len(part) for part in np.array_split(np.arange(count), min(CHUNKS, count))]
    work = partial(_draws, sampler)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("fork")) as workers:
        chunks: Sequence[list[Draw]] = list(workers.map(work, sizes, range(seed * CHUNKS, seed * CHUNKS + len(sizes))))
    return [draw for chunk in chunks for draw in chunk]


def _draws(sampler: Sampler, count: int, seed: int) -> list[Draw]:
    rng = np.random.default_rng(seed)
    return [sampler.draw(Wanted(), rng=rng) for _ in range(count)]


def _neighbours(hair: NDArray[np.float32]) -> NDArray[np.int64]:
    squares = (hair**2).sum(1)
    distance = squares[:, None] + squares[None] - 2 * hair @ hair.T
    np.fill_diagonal(distance, np.inf)
    nearest: NDArray[np.int64] = np.argpartition(distance, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return nearest
