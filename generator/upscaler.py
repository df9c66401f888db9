"""Small convolutional network that doubles the refined picture and cleans it on the way."""

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate

from generator.refiner import Tail

WIDTH, TAILS, FINE_WIDTH = 32, 3, 16


class Upscaler(nn.Module):
    """B 3 H W in 0–1 → B 3 2H 2W, about 0–1: a bicubic enlargement plus what the network adds.

    Enlarging comes before the last convolutions, not as a pixel shuffle, so that no grid is left.
    """

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, WIDTH, 3, padding=1)
        self.tails = nn.Sequential(*[Tail(WIDTH) for _ in range(TAILS)])
        self.thin = nn.Conv2d(WIDTH, FINE_WIDTH, 1)
        self.fine = Tail(FINE_WIDTH)
        self.leave = nn.Conv2d(FINE_WIDTH, 3, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, pictures: Tensor) -> Tensor:
        maps = self.thin(self.tails(gelu(self.enter(2 * pictures - 1))))
        maps = self.fine(interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False))
        large = interpolate(pictures, scale_factor=2.0, mode="bicubic", align_corners=False)
        return torch.add(large, self.leave(maps))
