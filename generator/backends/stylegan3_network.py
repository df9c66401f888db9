"""The synthesis network of StyleGAN3 (Karras et al. 2021), configurations t and r, for use alone.

Everything is a signal of limited bandwidth: the start is a sum of sines, and each layer rises to a higher rate before
its non-linearity and filters what would alias when it comes down again. The filters are those that the network was
stored with; the radial ones of configuration r have two dimensions, all others one.
"""

import math
import re
from typing import Final

import torch
from torch import Tensor, nn

from generator.backends.stylegan_layers import GAIN, SLOPE, Dense, Part, activate, convolve, modulate, resample
from generator.errors import BackendUnavailable

LAYER: Final = re.compile(r"L(\d+)_\d+_\d+")


class FourierInput(nn.Module):
    """Sines at fixed random frequencies, turned and moved by the style and by the user's `transform` (3 3)."""

    weight: Tensor  # channels channels
    transform: Tensor
    freqs: Tensor  # channels 2
    phases: Tensor  # channels

    def __init__(self, part: Part) -> None:
        super().__init__()
        self._rate, self._bandwidth = float(part.said("sampling_rate")), float(part.said("bandwidth"))
        self._width, self._height = (int(side) for side in part.said("size"))
        self.affine = Dense(part.inner("affine"))
        for name in ("weight", "transform", "freqs", "phases"):
            self.register_buffer(name, part.tensor(name))

    def forward(self, styles: Tensor) -> Tensor:
        places = self._placed(self.affine(styles))  # N 3 3
        phases = self.phases + (self.freqs @ places[:, :2, 2:]).squeeze(2)  # N channels
        waves = self.freqs @ places[:, :2, :2]  # N channels 2
        beyond = (waves.norm(dim=2) - self._bandwidth) / (self._rate / 2 - self._bandwidth)
        strength = (1 - beyond).clamp(0, 1)  # waves that the rate could not carry fade out
        angles = torch.einsum("hwd,ncd->nhwc", self._grid(), waves) + phases[:, None, None, :]
        signal = torch.sin(2 * math.pi * angles) * strength[:, None, None, :]
        mixed: Tensor = signal @ (self.weight / math.sqrt(len(self.weight))).T
        return mixed.permute(0, 3, 1, 2)

    def _placed(self, learnt: Tensor) -> Tensor:
        """The rotation and shift (cosine, sine, x, y) that the style asks for, over the user's transform."""
        cosine, sine, x, y = (learnt / learnt[:, :2].norm(dim=1, keepdim=True)).unbind(1)
        one, none = torch.ones_like(x), torch.zeros_like(x)
        turn = torch.stack([cosine, -sine, none, sine, cosine, none, none, none, one], dim=1).reshape(-1, 3, 3)
        shift = torch.stack([one, none, -x, none, one, -y, none, none, one], dim=1).reshape(-1, 3, 3)
        placed: Tensor = turn @ shift @ self.transform
        return placed

    def _grid(self) -> Tensor:
        """Where the samples lie, H W 2: the picture itself spans -0.5 to 0.5, the margin around it more."""
        across, down = (self._line(side) for side in (self._width, self._height))
        rows, columns = torch.meshgrid(down, across, indexing="ij")
        return torch.stack([columns, rows], dim=2)

    def _line(self, samples: int) -> Tensor:
        steps = torch.arange(samples, device=self.freqs.device, dtype=self.freqs.dtype)
        return (steps + 0.5 - samples / 2) / self._rate


class FilteredLayer(nn.Module):
    """Modulated convolution, then bias and leaky ReLU at a higher rate, between two low-pass filters."""

    weight: Tensor  # out in k k
    bias: Tensor  # out
    magnitude_ema: Tensor  # the mean square of what came in during training

    def __init__(self, part: Part) -> None:
        super().__init__()
        self._rgb, self._clamp = bool(part.said("is_torgb")), part.said("conv_clamp")
        self._up, self._down = int(part.said("up_factor")), int(part.said("down_factor"))
        self._padding = [int(side) for side in part.said("padding")]
        self.affine = Dense(part.inner("affine"))
        for name in ("weight", "bias", "magnitude_ema"):
            self.register_buffer(name, part.tensor(name))
        for name in ("up_filter", "down_filter"):
            self.register_buffer(name, part.tensor(name) if part.has(name) else None)

    def forward(self, pictures: Tensor, styles: Tensor) -> Tensor:
        scale = self.affine(styles)
        if self._rgb:
            scale = scale / math.sqrt(self.weight[0].numel())
        kernels = modulate(self.weight, scale, demodulate=not self._rgb) * self.magnitude_ema.rsqrt()
        out = convolve(pictures, kernels, padding=self.weight.shape[-1] - 1) + self.bias[:, None, None]
        return self._filtered(out)

    def _filtered(self, pictures: Tensor) -> Tensor:
        rising, falling = self._buffers["up_filter"], self._buffers["down_filter"]
        fine = resample(pictures, rising, up=self._up, padding=self._padding, gain=self._up**2)
        slope, gain = (1.0, 1.0) if self._rgb else (SLOPE, GAIN)
        return resample(activate(fine, slope=slope, gain=gain, clamp=self._clamp), falling, down=self._down)


class Synthesis3(nn.Module):
    """From styles (N w) to pictures (N colours H W) in about -1 to 1."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self._scale = float(part.said("output_scale"))
        self.input = FourierInput(part.inner("input"))
        layers = {int(found[1]): name for name in part.children("L") if (found := LAYER.fullmatch(name))}
        if not layers:
            raise BackendUnavailable("the network has no layers")
        self._order = [layers[index] for index in sorted(layers)]
        for name in self._order:
            self.add_module(name, FilteredLayer(part.inner(name)))

    def forward(self, styles: Tensor) -> Tensor:
        signal: Tensor = self.input(styles)
        for name in self._order:
            signal = self.get_submodule(name)(signal, styles)
        return signal * self._scale
