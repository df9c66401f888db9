"""The synthesis network of StyleGAN2 (Karras et al. 2020, with skip connections to RGB), for use alone."""

import math
import re
from typing import Final

from torch import Tensor, nn

from generator.backends.stylegan_layers import Dense, Part, activate, convolve, convolve_up, modulate, resample
from generator.errors import BackendUnavailable

ARCHITECTURE: Final = "skip"
BLOCK: Final = re.compile(r"b(\d+)")
UP: Final = 2
AROUND: Final = (2, 1, 2, 1)
"""Padding that keeps a doubled picture in its place under the four taps of the filter."""
AROUND_TRANSPOSED: Final = (1, 1, 1, 1)
"""The same after the transposed convolution, which has grown the picture by one pixel already."""


class StyleLayer(nn.Module):
    """Modulated 3 x 3 convolution, doubled in size if it is the first of its block, with noise and a leaky ReLU."""

    weight: Tensor  # out in k k
    bias: Tensor  # out
    resample_filter: Tensor  # 4 4

    def __init__(self, part: Part) -> None:
        super().__init__()
        if part.said("activation") != "lrelu":
            raise BackendUnavailable(f"the network uses the activation {part.said('activation')}")
        self._up, self._clamp = int(part.said("up")), part.said("conv_clamp")
        self._noisy = part.has("noise_const")
        self.affine = Dense(part.inner("affine"))
        held = ("weight", "bias", "resample_filter", *(("noise_const", "noise_strength") if self._noisy else ()))
        for name in held:
            self.register_buffer(name, part.tensor(name))

    def forward(self, pictures: Tensor, styles: Tensor) -> Tensor:
        kernels = modulate(self.weight, self.affine(styles), demodulate=True)
        if self._up == UP:
            grown = convolve_up(pictures, kernels)
            out = resample(grown, self.resample_filter, padding=AROUND_TRANSPOSED, gain=UP**2)
        else:
            out = convolve(pictures, kernels, padding=self.weight.shape[-1] // 2)
        if self._noisy:
            out = out + self.get_buffer("noise_const") * self.get_buffer("noise_strength")
        return activate(out + self.bias[:, None, None], clamp=self._clamp)


class ToRGB(nn.Module):
    """Modulated 1 x 1 convolution to colours."""

    weight: Tensor  # colours in 1 1
    bias: Tensor  # colours

    def __init__(self, part: Part) -> None:
        super().__init__()
        self._clamp = part.said("conv_clamp")
        self.affine = Dense(part.inner("affine"))
        self.register_buffer("weight", part.tensor("weight"))
        self.register_buffer("bias", part.tensor("bias"))

    def forward(self, pictures: Tensor, styles: Tensor) -> Tensor:
        scaled = self.affine(styles) / math.sqrt(self.weight[0].numel())
        out = convolve(pictures, modulate(self.weight, scaled, demodulate=False), padding=0)
        return activate(out + self.bias[:, None, None], slope=1.0, gain=1.0, clamp=self._clamp)


class Block(nn.Module):
    """The layers of one resolution; the first block starts from a learnt constant."""

    resample_filter: Tensor  # 4 4

    def __init__(self, part: Part) -> None:
        super().__init__()
        if part.said("architecture") != ARCHITECTURE:
            raise BackendUnavailable(f"the network is of the architecture {part.said('architecture')!r}, not 'skip'")
        self.register_buffer("resample_filter", part.tensor("resample_filter"))
        if part.has("const"):
            self.register_buffer("const", part.tensor("const"))
        self.conv0 = None if part.has("const") else StyleLayer(part.inner("conv0"))
        self.conv1 = StyleLayer(part.inner("conv1"))
        self.torgb = ToRGB(part.inner("torgb"))

    def forward(self, features: Tensor | None, picture: Tensor | None, styles: Tensor) -> tuple[Tensor, Tensor]:
        if self.conv0 is None or features is None:
            start = self.get_buffer("const").expand(len(styles), -1, -1, -1)
        else:
            start = self.conv0(features, styles)
        grown = self.conv1(start, styles)
        colours = self.torgb(grown, styles)
        if picture is None:
            return grown, colours
        return grown, colours + resample(picture, self.resample_filter, up=UP, padding=AROUND, gain=UP**2)


class Synthesis2(nn.Module):
    """From styles (N w) to pictures (N colours H W) in about -1 to 1."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        blocks = [name for name in part.children("b") if BLOCK.fullmatch(name)]
        self._order = sorted(blocks, key=lambda name: int(name[1:]))
        for name in self._order:
            self.add_module(name, Block(part.inner(name)))

    def forward(self, styles: Tensor) -> Tensor:
        features: Tensor | None = None
        picture: Tensor | None = None
        for name in self._order:
            features, picture = self.get_submodule(name)(features, picture, styles)
        if picture is None:
            raise BackendUnavailable("the network has no blocks")
        return picture
