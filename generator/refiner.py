"""Small convolutional network that turns the smooth picture of the appearance model into a photo-like one."""

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pixel_shuffle, pixel_unshuffle

CONDITION = 13
NOISE_CHANNELS, NOISE_SIDE = 8, 32
MAP_SIDE = 32


class Block(nn.Module):
    """Residual: depthwise 5×5, then two pointwise convolutions with the condition added between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depth = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.widen = nn.Conv2d(width, 2 * width, 1)
        self.style = nn.Linear(CONDITION, 2 * width)
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
    """`coarse` B 3 128 128 in 0–1, `condition` B 13, `noise` B 8 32 32 standard normal → B 3 128 128, about 0–1."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(1, 96, MAP_SIDE, MAP_SIDE))
        self.enter = nn.Conv2d(48, 96, 3, padding=1)
        self.high = nn.ModuleList([Block(96)])
        self.down = nn.Conv2d(96, 160, 3, stride=2, padding=1)
        self.low = nn.ModuleList([Block(160) for _ in range(4)])
        self.up = nn.Conv2d(160, 4 * 96, 1)
        self.noise = nn.Conv2d(NOISE_CHANNELS, 96, 1)
        self.join = Block(96)
        self.dense = Tail(96)
        self.to64 = nn.Conv2d(96, 4 * 32, 3, padding=1)
        self.at64 = Tail(32)
        self.to128 = nn.Conv2d(32, 4 * 12, 3, padding=1)
        self.at128 = nn.Conv2d(12, 12, 3, padding=1)
        self.leave = nn.Conv2d(12, 3, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.normal_(self.noise.weight, std=0.02)

    def forward(self, coarse: Tensor, condition: Tensor, noise: Tensor) -> Tensor:
        skip = self.enter(pixel_unshuffle(2 * coarse - 1, 4)) + self.place
        for block in self.high:
            skip = block(skip, condition)
        maps = gelu(self.down(skip))
        for block in self.low:
            maps = block(maps, condition)
        maps = skip + pixel_shuffle(self.up(maps), 2) + self.noise(noise)
        maps = self.dense(self.join(maps, condition))
        maps = self.at64(pixel_shuffle(gelu(self.to64(maps)), 2))
        maps = pixel_shuffle(gelu(self.to128(maps)), 2)
        maps = gelu(self.at128(maps)) + maps
        return coarse + self.leave(maps)  # type: ignore[no-any-return]
