"""Convolutional network that doubles the refined cut-out, draws its fine detail and cleans it on the way."""

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, pixel_shuffle, pixel_unshuffle

from generator.refiner import CHANNELS, Tail

WIDE, WIDTH, FINE_WIDTH = 64, 32, 16
WIDE_TAILS, TAILS = 2, 2


class Upscaler(nn.Module):
    """B 4 H W in 0–1, H and W even → B 4 2H 2W, about 0–1: a bicubic enlargement plus what the network adds.

    Half the work is done at half the size, where a pixel's surroundings are wide. Enlarging to the full size comes
    before the last convolutions, not as a pixel shuffle, so that no grid is left.
    """

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(4 * CHANNELS, WIDE, 3, padding=1)
        self.wide = nn.Sequential(*[Tail(WIDE) for _ in range(WIDE_TAILS)])
        self.back = nn.Conv2d(WIDE, 4 * WIDTH, 1)
        self.beside = nn.Conv2d(CHANNELS, WIDTH, 3, padding=1)
        self.tails = nn.Sequential(*[Tail(WIDTH) for _ in range(TAILS)])
        self.thin = nn.Conv2d(WIDTH, FINE_WIDTH, 1)
        self.fine = Tail(FINE_WIDTH)
        self.leave = nn.Conv2d(FINE_WIDTH, CHANNELS, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, cuts: Tensor) -> Tensor:
        centred = 2 * cuts - 1
        wide = self.wide(gelu(self.enter(pixel_unshuffle(centred, 2))))
        maps = self.tails(gelu(self.beside(centred) + pixel_shuffle(self.back(wide), 2)))
        maps = self.fine(interpolate(self.thin(maps), scale_factor=2.0, mode="bilinear", align_corners=False))
        large = interpolate(cuts, scale_factor=2.0, mode="bicubic", align_corners=False)
        return torch.add(large, self.leave(maps))
