"""The residuals and the untouched tiles of many pictures of one size: `provenance.residual`, `geometry.fold` and
`carrier.whiten` in torch.
"""

from collections.abc import Sequence
from typing import Literal

import cv2
import torch
from torch import Tensor
from torch.nn import functional

from detector.provenance.carrier import COLUMNS, ROWS, TILE, WHITE_LIMIT, WHITEN_BINS
from detector.provenance.residual import CELL, FLOOR, HIGH_PASS_SIGMA, NOISE_CELLS

Edge = Literal["reflect", "symmetric"]
"""How a plane goes on beyond its edge, as NumPy calls it: OpenCV's `BORDER_REFLECT_101` and `BORDER_REFLECT`."""
_GAUSSIAN: list[float] = cv2.getGaussianKernel(2 * round(4 * HIGH_PASS_SIGMA) + 1, HIGH_PASS_SIGMA).ravel().tolist()


def residuals(planes: Tensor) -> Tensor:
    """Return the residuals of `planes` (N H W, 0 to 255)."""
    height, width = planes.shape[1:]
    fine = planes - smoothed(planes, _GAUSSIAN, _GAUSSIAN, edge="symmetric")
    whole = functional.pad(fine.square(), (0, -width % CELL, 0, -height % CELL), mode="replicate")
    power = smoothed(functional.avg_pool2d(whole, CELL), box(NOISE_CELLS), box(NOISE_CELLS), edge="symmetric")
    level = power.clamp(min=0).sqrt() + FLOOR
    worth = 1 / (level * level.sqrt().sqrt())
    wide = functional.interpolate(worth[None], scale_factor=CELL, mode="bilinear", align_corners=False)[0]
    return fine * wide[:, :height, :width]


def untouched(fine: Tensor) -> Tensor:
    """Return the used frequencies (N F) of the residuals `fine` (N H W) as they lie, whitened."""
    height, width = fine.shape[1:]
    whole = functional.pad(fine, (0, -width % TILE, 0, -height % TILE))
    tiles = whole.reshape(len(fine), -1, TILE, whole.shape[2] // TILE, TILE).sum(dim=(1, 3))
    spectrum = torch.fft.fft2(tiles)
    power = torch.fft.fftshift(spectrum.abs().square(), dim=(1, 2))
    level = torch.fft.ifftshift(smoothed(power, box(WHITEN_BINS), box(WHITEN_BINS)), dim=(1, 2))
    white = spectrum / (level.clamp(min=0) + 1e-12).sqrt()
    return levelled(white[:, torch.as_tensor(ROWS), torch.as_tensor(COLUMNS)])


def levelled(white: Tensor) -> Tensor:
    """Return `white` (... F) brought to mean square 1, then clipped."""
    even = white / (squares(white).mean(dim=-1, keepdim=True) + 1e-12).sqrt()
    return even / (even.abs() / WHITE_LIMIT).clamp(min=1)


def squares(values: Tensor) -> Tensor:
    return values.real.square() + values.imag.square()


def box(size: int) -> list[float]:
    """The taps of a mean over `size` places."""
    return [1 / size] * size


def smoothed(planes: Tensor, down: Sequence[float], across: Sequence[float], *, edge: Edge = "reflect") -> Tensor:
    """Return `planes` (N H W) filtered by the odd numbers of taps `down` and `across`.

    By sums of shifted planes: convolutions round to ten bits on some devices.
    """
    return _filtered(_filtered(planes, down, dim=1, edge=edge), across, dim=2, edge=edge)


def _filtered(planes: Tensor, taps: Sequence[float], *, dim: int, edge: Edge) -> Tensor:
    length, reach, skipped = planes.shape[dim], len(taps) // 2, int(edge == "reflect")
    before = planes.narrow(dim, skipped, reach).flip(dim)
    after = planes.narrow(dim, length - skipped - reach, reach).flip(dim)
    wide = torch.cat([before, planes, after], dim=dim)
    total = wide.narrow(dim, 0, length) * taps[0]
    for start, tap in enumerate(taps[1:], start=1):
        total.add_(wide.narrow(dim, start, length), alpha=tap)
    return total
