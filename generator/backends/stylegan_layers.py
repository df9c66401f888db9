"""What both generations of StyleGAN are made of: dense layers, the mapping network, modulation and FIR resampling.

Written from the papers (Karras et al. 2019, 2020, 2021). Modules take their tensors from a `Part` of a stored network
and hold them under the names that they have there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.backends.stylegan_weights import Network, dotted
from generator.errors import BackendUnavailable

SLOPE: Final = 0.2
"""Of the leaky ReLU; what it takes away from the signal, √2 gives back."""
GAIN: Final = math.sqrt(2)
EPSILON: Final = 1e-8
EXACT: Final = (0, 0, 0, 0)
Pair: TypeAlias = tuple[int, int]
"""Down and across."""


@dataclass(frozen=True, slots=True)
class Part:
    """One module of a stored network, by its dotted `name`."""

    network: Network
    name: str = ""

    def inner(self, name: str) -> "Part":
        return Part(self.network, dotted(self.name, name))

    def has(self, name: str) -> bool:
        """Whether there is a tensor or a module called so in here."""
        whole = dotted(self.name, name)
        return whole in self.network.tensors or whole in self.network.modules

    def tensor(self, name: str) -> Tensor:
        """Raises `BackendUnavailable` if there is none."""
        whole = dotted(self.name, name)
        if whole not in self.network.tensors:
            raise BackendUnavailable(f"the network lacks its tensor {whole}")
        return torch.from_numpy(self.network.tensors[whole].copy())

    def said(self, name: str) -> Any:  # noqa: ANN401
        """What the module says of itself; raises `BackendUnavailable` if it says nothing."""
        try:
            return self.network.modules[self.name][name]
        except KeyError:
            raise BackendUnavailable(f"the network does not say {dotted(self.name, name)}") from None

    def children(self, prefix: str) -> list[str]:
        """Names of the modules directly in here that start with `prefix`."""
        start = dotted(self.name, prefix)
        found = [name for name in self.network.modules if name.startswith(start)]
        inner = [name[len(start) - len(prefix) :] for name in found]
        return [name for name in inner if "." not in name]


class Dense(nn.Module):
    """A fully connected layer whose stored weights are scaled at run time (equalised learning rate)."""

    weight: Tensor  # out in
    bias: Tensor  # out

    def __init__(self, part: Part) -> None:
        super().__init__()
        self._active = part.said("activation") == "lrelu"
        if part.said("activation") not in ("lrelu", "linear"):
            raise BackendUnavailable(f"the network uses the activation {part.said('activation')}")
        self._weight_gain, self._bias_gain = float(part.said("weight_gain")), float(part.said("bias_gain"))
        self.register_buffer("weight", part.tensor("weight"))
        self.register_buffer("bias", part.tensor("bias"))

    def forward(self, values: Tensor) -> Tensor:
        out = F.linear(values, self.weight * self._weight_gain, self.bias * self._bias_gain)
        return F.leaky_relu(out, SLOPE) * GAIN if self._active else out


class Mapping(nn.Module):
    """From a normal vector (and a class) to a style; `w_avg` is the average style."""

    w_avg: Tensor  # w

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.register_buffer("w_avg", part.tensor("w_avg"))
        self._count = len(part.children("fc"))
        for index in range(self._count):
            self.add_module(f"fc{index}", Dense(part.inner(f"fc{index}")))
        self.embed = Dense(part.inner("embed")) if part.has("embed") else None

    def forward(self, z: Tensor, *, chosen: Tensor | None, truncation: float) -> Tensor:
        """Styles N w of `z` (N z); `chosen` (N c) is one-hot, `truncation` 0 gives the average."""
        values = normalised(z)
        if self.embed is not None and chosen is not None:
            values = torch.cat([values, normalised(self.embed(chosen))], dim=1)
        for index in range(self._count):
            values = self.get_submodule(f"fc{index}")(values)
        return self.w_avg + truncation * (values - self.w_avg)


def normalised(values: Tensor) -> Tensor:
    """Rows of mean square 1."""
    return values * (values.square().mean(dim=1, keepdim=True) + EPSILON).rsqrt()


def modulate(weight: Tensor, styles: Tensor, *, demodulate: bool) -> Tensor:
    """A kernel for each picture, N O I k k: `weight` (O I k k) scaled by `styles` (N I), then to unit norm a filter."""
    kernels = weight[None] * styles[:, None, :, None, None]
    if not demodulate:
        return kernels
    return kernels * (kernels.square().sum(dim=(2, 3, 4), keepdim=True) + EPSILON).rsqrt()


def convolve(pictures: Tensor, kernels: Tensor, *, padding: int) -> Tensor:
    """Each of `pictures` (N I H W) by its own of `kernels` (N O I k k)."""
    count, outputs, _, *size = kernels.shape
    joined = pictures.reshape(1, -1, *pictures.shape[2:])
    out = F.conv2d(joined, kernels.reshape(count * outputs, -1, *size), padding=padding, groups=count)
    return out.reshape(count, outputs, *out.shape[2:])


def convolve_up(pictures: Tensor, kernels: Tensor) -> Tensor:
    """The same with a zero put between any two pixels before, and kernels mirrored: N O 2H+1 2W+1 for 3 x 3."""
    count, outputs, inputs, *size = kernels.shape
    joined = pictures.reshape(1, -1, *pictures.shape[2:])
    turned = kernels.transpose(1, 2).reshape(count * inputs, outputs, *size)
    out = F.conv_transpose2d(joined, turned, stride=2, groups=count)
    return out.reshape(count, outputs, *out.shape[2:])


def resample(
    pictures: Tensor,
    taps: Tensor | None,
    *,
    up: int = 1,
    down: int = 1,
    padding: Sequence[int] = EXACT,
    gain: float = 1.0,
) -> Tensor:
    """`up` - 1 zeros after each pixel, then `padding` (left, right, top, bottom), the FIR filter, every `down`th.

    `taps` is one dimension of a separable filter, or both; `gain` counts in brightness; negative padding crops.
    """
    if taps is None:
        return F.pad(pictures, list(padding))
    left, right, top, bottom = padding
    fast = pictures.contiguous(memory_format=torch.channels_last)  # ten times as fast a channel on a CPU
    if taps.ndim == 2:
        return _filtered(fast, taps * gain, up=(up, up), down=(down, down), padding=((top, bottom), (left, right)))
    line = taps * math.sqrt(gain)
    wide = _filtered(fast, line[None], up=(1, up), down=(1, down), padding=((0, 0), (left, right)))
    return _filtered(wide, line[:, None], up=(up, 1), down=(down, 1), padding=((top, bottom), (0, 0)))


def _filtered(pictures: Tensor, kernel: Tensor, *, up: Pair, down: Pair, padding: tuple[Pair, Pair]) -> Tensor:
    """The same with everything by axis. Pixels that are zeros cost nothing: each phase of the output is apart."""
    turned = kernel.flip(0, 1)  # what torch calls convolution is correlation
    if up == (1, 1):
        (top, bottom), (left, right) = padding
        return _depthwise(F.pad(pictures, [left, right, top, bottom]), turned, stride=down)
    sides = [
        size * factor + sum(around) - taps + 1
        for size, factor, around, taps in zip(pictures.shape[2:], up, padding, kernel.shape, strict=True)
    ]
    shape = (*pictures.shape[:2], *sides)
    out = torch.empty(shape, dtype=pictures.dtype, device=pictures.device, memory_format=torch.channels_last)
    for row, column in product(range(up[0]), range(up[1])):
        place = out[:, :, row :: up[0], column :: up[1]]
        place.copy_(_phase(pictures, turned, (row, column), up=up, padding=padding, wanted=place.shape[2:]))
    return out[:, :, :: down[0], :: down[1]]


def _phase(
    pictures: Tensor, turned: Tensor, first: Pair, *, up: Pair, padding: tuple[Pair, Pair], wanted: Sequence[int]
) -> Tensor:
    """Every `up`th pixel of the output from `first` on, which only every `up`th tap has a say in."""
    around: list[int] = []
    for axis in (0, 1):
        low = padding[axis][0]
        start = (low - first[axis]) % up[axis]
        turned = turned.narrow(axis, start, turned.shape[axis] - start)
        turned = turned[:: up[0]] if axis == 0 else turned[:, :: up[1]]
        base = (first[axis] - low + start) // up[axis]
        around = [-base, base + wanted[axis] + turned.shape[axis] - 1 - pictures.shape[2 + axis], *around]
    return _depthwise(F.pad(pictures, around), turned, stride=(1, 1))


def _depthwise(pictures: Tensor, kernel: Tensor, *, stride: Pair) -> Tensor:
    channels = pictures.shape[1]
    each = kernel.expand(channels, 1, -1, -1).contiguous()
    return F.conv2d(pictures, each, stride=stride, groups=channels)


def activate(pictures: Tensor, *, slope: float = SLOPE, gain: float = GAIN, clamp: float | None) -> Tensor:
    """A leaky ReLU and its gain, within ± `clamp`."""
    out = F.leaky_relu(pictures, slope) * gain
    return out if clamp is None else out.clamp(-clamp, clamp)
