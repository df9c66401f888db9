"""Convolutional network that turns the smooth cut-out of the appearance model into a photo-like one, twice as large."""

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, pixel_shuffle, pixel_unshuffle

CONDITION = 14
CHANNELS = 4
"""Colours before the model's wall, and the share of person in each pixel."""
NOISE_CHANNELS, NOISE_SIDE = 8, 32
FINE_CHANNELS, FINE_SIDE = 2, 128
"""The noise comes twice: coarse, for strands, and fine, for pores."""
TOLD = 1.0
"""Standard deviations up to which the network is told a measure: more is rare among portraits."""
MAP_SIDE = 32
HIGH, LOW, LOW_BLOCKS = 96, 224, 7
AT_64, AT_128, AT_256 = 64, 48, 32
TAILS = 2


class Block(nn.Module):
    """Residual: depthwise 5×5, then two pointwise convolutions with the condition added between them."""

    def __init__(self, width: int, *, condition: int = CONDITION) -> None:
        super().__init__()
        self.depth = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.widen = nn.Conv2d(width, 2 * width, 1)
        self.style = nn.Linear(condition, 2 * width)
        self.narrow = nn.Conv2d(2 * width, width, 1)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, maps: Tensor, condition: Tensor) -> Tensor:
        wide = self.widen(self.depth(maps)) + self.style(condition)[:, :, None, None]
        return maps + self.narrow(gelu(wide))  # type: ignore[no-any-return]


class Tail(nn.Module):
    """Two dense 3×3 convolutions, residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.second(gelu(self.first(maps)))  # type: ignore[no-any-return]


class Refiner(nn.Module):
    """Smooth cut-outs B 4 128 128 in 0–1 → B 4 256 256, about 0–1.

    Its largest step comes by interpolation, not as a pixel shuffle, so that no grid is left.
    """

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(1, HIGH, MAP_SIDE, MAP_SIDE))
        self.enter = nn.Conv2d(16 * CHANNELS, HIGH, 3, padding=1)
        self.high = Block(HIGH)
        self.down = nn.Conv2d(HIGH, LOW, 3, stride=2, padding=1)
        self.low = nn.ModuleList([Block(LOW) for _ in range(LOW_BLOCKS)])
        self.up = nn.Conv2d(LOW, 4 * HIGH, 1)
        self.noise = nn.Conv2d(NOISE_CHANNELS, HIGH, 1)
        self.join = Block(HIGH)
        self.dense = _tails(HIGH)
        self.to64 = nn.Conv2d(HIGH, 4 * AT_64, 3, padding=1)
        self.at64 = _tails(AT_64)
        self.to128 = nn.Conv2d(AT_64, 4 * AT_128, 3, padding=1)
        self.beside = nn.Conv2d(CHANNELS, AT_128, 3, padding=1)
        self.fine = nn.Conv2d(FINE_CHANNELS, AT_128, 1)
        self.at128 = _tails(AT_128)
        self.thin = nn.Conv2d(AT_128, AT_256, 1)
        self.at256 = _tails(AT_256)
        self.leave = nn.Conv2d(AT_256, CHANNELS, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]
        for noise in (self.noise, self.fine):
            nn.init.normal_(noise.weight, std=0.02)

    def forward(self, coarse: Tensor, condition: Tensor, noise: Tensor, fine: Tensor) -> Tensor:
        """`condition` B 14, `noise` B 8 32 32 and `fine` B 2 128 128 standard normal."""
        skip = self.high(self.enter(pixel_unshuffle(2 * coarse - 1, 4)) + self.place, condition)
        maps = gelu(self.down(skip))
        for block in self.low:
            maps = block(maps, condition)
        maps = skip + pixel_shuffle(self.up(maps), 2) + self.noise(noise)
        maps = self.dense(self.join(maps, condition))
        maps = self.at64(gelu(pixel_shuffle(self.to64(maps), 2)))
        maps = gelu(pixel_shuffle(self.to128(maps), 2) + self.beside(2 * coarse - 1) + self.fine(fine))
        maps = interpolate(self.thin(self.at128(maps)), scale_factor=2.0, mode="bilinear", align_corners=False)
        large = interpolate(coarse, scale_factor=2.0, mode="bicubic", align_corners=False)
        return torch.add(large, self.leave(self.at256(maps)))


def told(conditions: Tensor) -> Tensor:
    """Conditions (B 14) with their measures cut at `TOLD`; sex and ethnicity, which come first, are at most 1."""
    return conditions.clamp(-TOLD, TOLD)


def _tails(width: int) -> nn.Sequential:
    return nn.Sequential(*[Tail(width) for _ in range(TAILS)])
