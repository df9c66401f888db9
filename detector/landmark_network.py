"""The network behind `detector.landmarks`: a narrow convolutional body and a linear shape model of the mesh.

The body is that of EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation) up to stride 16, in its own few
lines, so that finding landmarks loads neither timm nor a second copy of an expert.
"""

from typing import Final

import torch
from torch import Tensor, nn

from detector.mesh_topology import CROP_SIDE, MESH

SHAPES: Final = 64
"""Numbers of the linear shape model, which holds pose as well; the points that it cannot reach are .03 px off (RMS)."""
_STAGES: Final = (
    (32, 16, 1, 3, 1, 1),
    (16, 24, 6, 3, 2, 2),
    (24, 40, 6, 5, 2, 2),
    (40, 80, 6, 3, 2, 3),
    (80, 112, 6, 5, 1, 3),
)
"""Channels in and out, expansion, kernel, stride and repeats."""
_NECK: Final = 48
DESCRIPTION: Final = 2 * 112 + SHAPES
_EPS: Final = 1e-3  # of the batch norms in the ImageNet weights that training starts from


class MeshNet(nn.Module):
    """Crops B 3 128 128 in -1..1 → meshes B 468 3 in crop widths: x, y from the crop's middle, z from the face's."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32, eps=_EPS), nn.ReLU6())
        self.stages = nn.Sequential(*(block for stage in _STAGES for block in _stage(*stage)))
        self.neck = nn.Sequential(nn.Conv2d(112, _NECK, 1, bias=False), nn.BatchNorm2d(_NECK), nn.ReLU6(), nn.Flatten())
        self.numbers = nn.Linear(_NECK * (CROP_SIDE // 16) ** 2, SHAPES)
        self.register_buffer("mean", torch.zeros(MESH * 3))
        self.register_buffer("basis", torch.zeros(SHAPES, MESH * 3))

    def forward(self, crops: Tensor) -> Tensor:
        numbers = self.numbers(self.neck(self.stages(self.stem(crops))))
        meshes: Tensor = (self.mean + numbers @ self.basis).view(-1, MESH, 3)
        return meshes

    def describe(self, crops: Tensor) -> Tensor:
        """What the network makes of crops, for other heads to read: B `DESCRIPTION`."""
        maps = self.stages(self.stem(crops))
        return torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3)), self.numbers(self.neck(maps))], dim=1)


class _Block(nn.Module):
    """Inverted residual (Sandler et al. 2018); `expansion` 1 leaves out the first convolution."""

    def __init__(self, before: int, after: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = before * expansion
        widen = [*_convolution(before, wide, 1), nn.ReLU6()] if expansion > 1 else []
        deep = [*_convolution(wide, wide, kernel, stride, groups=wide), nn.ReLU6()]
        self.layers = nn.Sequential(*widen, *deep, *_convolution(wide, after, 1))
        self.residual = stride == 1 and before == after

    def forward(self, maps: Tensor) -> Tensor:
        after: Tensor = self.layers(maps)
        return maps + after if self.residual else after


def _stage(before: int, after: int, expansion: int, kernel: int, stride: int, repeats: int) -> list[nn.Module]:
    first = _Block(before, after, expansion, kernel, stride)
    return [first, *(_Block(after, after, expansion, kernel, 1) for _ in range(repeats - 1))]


def _convolution(before: int, after: int, kernel: int, stride: int = 1, *, groups: int = 1) -> list[nn.Module]:
    padding = kernel // 2
    convolution = nn.Conv2d(before, after, kernel, stride, padding, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(after, eps=_EPS)]
