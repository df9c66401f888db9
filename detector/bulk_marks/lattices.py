"""How many marked pictures of one size were resized and turned: `provenance.geometry` in torch."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from detector.bulk_marks.planes import box, smoothed
from detector.bulk_marks.spectra import inverse
from detector.provenance import geometry
from detector.provenance.carrier import BAND, TILE
from detector.provenance.families import NODES, REACH, Family, looked_at, steps
from detector.provenance.geometry import APART, FOUND_A_BAND, MAX_FOUND, MAX_STRETCHED

Found: TypeAlias = tuple[Tensor, Tensor]
"""Scores (N P) and matrices (N P 2 2) of lattices."""
_PATCH = 5  # px a side of what is looked at about a peak


def lattices(fine: Tensor) -> Tensor:
    """Return the lattices to look at in each of the residuals `fine` (N H W), as matrices (N L 2 2).

    They are the untouched one, those of everyday resizing, and what its autocorrelation suggests: turned ones, best
    first, then stretched ones.
    """
    shape = tuple(fine.shape[1:])
    everyday = np.array([lattice.matrix for lattice in (geometry.identity(), *geometry.usual_lattices(shape))])
    fixed = torch.as_tensor(everyday, device=fine.device).expand(len(fine), -1, -1, -1)
    turned, stretched = zip(*_found(fine[:, *geometry.middle(shape)]), strict=True)
    return torch.cat([fixed, _best(turned, MAX_FOUND), _best(stretched, MAX_STRETCHED)], dim=1)


def _best(bands: Sequence[Found], count: int) -> Tensor:
    """Return the matrices (N `count` 2 2) that score best in all `bands` together."""
    scores, matrices = (torch.cat(parts, dim=1) for parts in zip(*bands, strict=True))
    best = scores.sort(dim=1, descending=True, stable=True).indices[:, :count]
    return matrices.gather(1, best[..., None, None].expand(-1, -1, 2, 2))


def _found(fine: Tensor) -> Iterator[tuple[Found, Found]]:
    """The best lattices of each range of scales: the turned ones, and the stretched ones."""
    power, shape = _white_power(fine), (fine.shape[1], fine.shape[2])
    length = torch.as_tensor(geometry.radius(shape), device=fine.device)
    for low, high in pairwise(geometry.OCTAVES):
        zoom = 2 if high <= geometry.FINE_OCTAVE else 1
        band = (length > BAND[0] / high) & (length < BAND[1] / low)
        level = torch.where(band, power, 0.0).sum(dim=(1, 2), keepdim=True) / band.sum().clamp(min=1)
        waves = _autocorrelation(torch.where(band, power - level, 0.0), shape, zoom)
        yield _fitted(waves, Family(low, high, zoom)), _fitted(waves, Family(low, high, zoom, stretched=True))


def _fitted(waves: Tensor, family: Family) -> Found:
    scores, both = _peaks(waves, family)
    return scores, _refined(waves, both) / (TILE * family.zoom)


def _white_power(fine: Tensor) -> Tensor:
    power = torch.fft.rfft2(fine).abs().square()
    down, across = (box(size) for size in geometry.whitening_window(power.shape[1:]))
    level = smoothed(power, down, across, edge="symmetric")
    white: Tensor = power / (level.clamp(min=0) + 1e-9)
    return white.clamp(0, geometry.POWER_LIMIT)


def _autocorrelation(kept: Tensor, shape: tuple[int, int], zoom: int) -> Tensor:
    height, width = zoom * shape[0], zoom * shape[1]
    if zoom > 1:
        upper, lower = (shape[0] + 1) // 2, shape[0] // 2
        narrow, kept = kept, kept.new_zeros(len(kept), height, width // 2 + 1)
        kept[:, :upper, : narrow.shape[2]] = narrow[:, :upper]
        kept[:, height - lower :, : narrow.shape[2]] = narrow[:, shape[0] - lower :]
    waves: Tensor = torch.fft.irfft(torch.fft.ifft(kept, dim=1), n=width)
    return waves / (waves.square().mean(dim=(1, 2), keepdim=True).sqrt() + 1e-12)  # their mean is 0


def _peaks(waves: Tensor, family: Family) -> tuple[Tensor, Tensor]:
    """Scores (N P) and steps (N P 2; x + iy) of the best of `family`, each the best that is not next to another."""
    shape = (waves.shape[1], waves.shape[2])
    smooth = (smoothed(waves, box(3), box(3)) * 2).flatten(1)
    flat, near, weight = (torch.as_tensor(table, device=waves.device) for table in looked_at(family, shape))
    scores = waves.new_zeros(len(waves), *weight.shape)
    places = flat.clamp(0, smooth.shape[1] - 1).flatten(1)
    for place, counts in zip(places, near, strict=True):  # one by one, so that equal lattices get equal scores
        scores += smooth.index_select(1, place).view_as(scores) * counts
    scores *= weight
    both = torch.as_tensor(steps(family), device=waves.device).flatten(1)
    rows, columns = (torch.arange(length, device=waves.device) for length in weight.shape)
    heights, chosen = [], []
    for _ in range(FOUND_A_BAND):
        height, place = scores.flatten(1).max(dim=1)
        heights.append(height)
        chosen.append(place)
        row, column = (place // len(columns))[:, None], (place % len(columns))[:, None]
        beside = ((rows - row).abs() <= APART)[:, :, None] & ((columns - column).abs() <= APART)[:, None, :]
        scores = scores.masked_fill(beside, -torch.inf)
    return torch.stack(heights, dim=1), both[:, torch.stack(chosen, dim=1)].movedim(0, -1)


def _refined(waves: Tensor, both: Tensor) -> Tensor:
    """Return the lattices (N P 2 2, in pixels of `waves`) that fit the peaks next to those of the steps `both`."""
    nodes = both @ torch.as_tensor(NODES.T, dtype=both.dtype, device=waves.device)
    x, y = nodes.real.round().long(), nodes.imag.round().long()
    near = (x.abs() < REACH * waves.shape[2]) & (y.abs() < REACH * waves.shape[1])
    places, heights = _subpixel(waves, x, y)
    weights = ((heights.clamp(min=0) + 1e-6) * near)[..., None]
    count = near.sum(dim=-1)[..., None, None]
    prior = weights.square().sum(dim=-2, keepdim=True) / count.clamp(min=1) / 4
    rough = torch.stack([both.real, both.imag], -1)
    sides = torch.as_tensor(NODES, device=waves.device) * weights
    square = sides.mT @ sides + prior * torch.eye(2, dtype=prior.dtype, device=waves.device)
    solution = inverse(square) @ (sides.mT @ (places * weights) + prior * rough)
    return torch.where(count < 2, rough, solution).mT


def _subpixel(waves: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the places (N P K 2) and heights (N P K) of the peaks next to the pixels x, y (N P K)."""
    height, width = waves.shape[1:]
    about = torch.arange(_PATCH, device=waves.device) - _PATCH // 2
    rows, columns = (y[..., None] + about) % height, (x[..., None] + about) % width
    number = torch.arange(len(waves), device=waves.device)[:, None, None, None, None]
    patches = waves[number, rows[..., :, None], columns[..., None, :]].double()  # N P K 5 5
    at = patches[..., 1:4, 1:4].flatten(-2).argmax(dim=-1)
    row, column = at // 3, at % 3
    first, flat = row * _PATCH + column, patches.flatten(-2)

    def value(down: int, right: int) -> Tensor:
        return flat.gather(-1, (first + down * _PATCH + right)[..., None])[..., 0]

    below = _parabola(value(0, 1), value(1, 1), value(2, 1))
    beside = _parabola(value(1, 0), value(1, 1), value(1, 2))
    return torch.stack([x + column - 1 + beside, y + row - 1 + below], dim=-1), value(1, 1)


def _parabola(before: Tensor, middle: Tensor, after: Tensor) -> Tensor:
    bend = before - 2 * middle + after
    peak = ((before - after) / (2 * torch.where(bend < 0, bend, 1.0))).clamp(-0.5, 0.5)
    return torch.where(bend < 0, peak, 0.0)
