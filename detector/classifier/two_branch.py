"""The network of the synthesis expert: one branch looks at the face, the other only at the noise of its pixels.

What a generator gets wrong is either in the picture (skin, eyes, light), which survives resizing and compression, or in
the pixels (traces of the decoder's upsampling), which does not. Each branch has its own heads, one per family, and is
trained to decide alone; the logits of both are added. A new family may show in either.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from detector.classifier.network import suspicion
from detector.classifier.tiles import GRID
from detector.importing import ONE_IMPORT

FROZEN_STAGES: Final = 5
"""Backbone stages of the early part; they reach stride 16 (of a crop of 224 px: 112 channels of 14 x 14)."""
NOISE_WIDTHS: Final = (24, 40, 64, 96, 128)
NOISE_STRIDES: Final = (1, 2, 2, 2, 1)
RESIDUAL_SCALE: Final = 8.0
"""Grey levels that make a residual of 1."""
RESIDUAL_LIMIT: Final = 4.0
"""Residuals are cut here, so that edges do not drown the noise (as in the rich models for steganalysis)."""
HIGH_PASS: Final = (
    ((-1, 2, -2, 2, -1), (2, -6, 8, -6, 2), (-2, 8, -12, 8, -2), (2, -6, 8, -6, 2), (-1, 2, -2, 2, -1)),
    ((0, 0, 0, 0, 0), (0, -1, 2, -1, 0), (0, 2, -4, 2, 0), (0, -1, 2, -1, 0), (0, 0, 0, 0, 0)),
    ((0, 0, 0, 0, 0), (0, 0, 0, 0, 0), (0, 1, -2, 1, 0), (0, 0, 0, 0, 0), (0, 0, 0, 0, 0)),
)
"""Second- and third-order predictors of the spatial rich model (Fridrich and Kodovsky 2012), before division."""
HIGH_PASS_SUMS: Final = (12.0, 4.0, 2.0)
LUMA: Final = (0.299, 0.587, 0.114)


class TwoSights(NamedTuple):
    """`logits` B K fused, `content` and `noise` B K alone, `features` B F of both, `maps` B h w: fused, by place."""

    logits: Tensor
    content: Tensor
    noise: Tensor
    features: Tensor
    maps: Tensor


class Residual(nn.Module):
    """What is left of tiles when their smooth part is gone.  B 3 S S in grey levels -> B 6 S S

    Three channels are neighbouring-pixel residuals, x - up(down(x)) (Tan et al., CVPR 2024), three are high-pass
    filters of luminance.
    """

    kernels: Tensor
    luma: Tensor

    def __init__(self) -> None:
        super().__init__()
        kernels = torch.tensor(HIGH_PASS) / torch.tensor(HIGH_PASS_SUMS)[:, None, None]
        self.register_buffer("kernels", kernels[:, None], persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA)[None, :, None, None], persistent=False)

    def forward(self, tiles: Tensor) -> Tensor:
        coarse = functional.interpolate(tiles[:, :, ::2, ::2], scale_factor=2, mode="nearest")
        grey = functional.pad((tiles * self.luma).sum(1, keepdim=True), (2, 2, 2, 2), mode="reflect")
        sharp = functional.conv2d(grey, self.kernels.to(grey.dtype))
        both = torch.cat([(tiles - coarse) / (2 * RESIDUAL_SCALE), sharp / (RESIDUAL_SCALE / 2)], dim=1)
        return both.clamp(-RESIDUAL_LIMIT, RESIDUAL_LIMIT)


class NoiseBranch(nn.Module):
    """A small network from scratch over residuals; no tile is resized.  B 3 S S -> B 128"""

    def __init__(self) -> None:
        super().__init__()
        self.residual = Residual()
        layers: list[nn.Module] = []
        for given, width, stride in zip((6, *NOISE_WIDTHS), NOISE_WIDTHS, NOISE_STRIDES, strict=False):
            layers += [nn.Conv2d(given, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)

    def forward(self, tiles: Tensor) -> Tensor:
        residual = self.residual(tiles).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.layers(residual).mean(dim=(2, 3))
        return features


class ContentBranch(nn.Module):
    """A timm EfficientNet in two parts, so that training can keep the first as it is and run it only once."""

    def __init__(self, backbone: str, *, drop_path: float = 0.0) -> None:
        super().__init__()
        with ONE_IMPORT:
            import timm

        self.body = timm.create_model(backbone, pretrained=False, num_classes=0, drop_path_rate=drop_path)
        self.width: int = self.body.num_features

    def early(self, crops: Tensor) -> Tensor:
        """B 3 H W in -1..1 to maps of stride 16."""
        maps: Tensor = self.body.bn1(self.body.conv_stem(crops))
        for stage in self.body.blocks[:FROZEN_STAGES]:
            maps = stage(maps)
        return maps

    def forward(self, early: Tensor) -> Tensor:
        """The last maps, stride 32."""
        maps = early
        for stage in self.body.blocks[FROZEN_STAGES:]:
            maps = stage(maps)
        last: Tensor = self.body.bn2(self.body.conv_head(maps))
        return last


class TwoBranch(nn.Module):
    """`backbone` is a timm EfficientNet; gives one logit per family, each "of this family" against "real"."""

    def __init__(self, backbone: str, families: int, *, drop_path: float = 0.0, dropout: float = 0.0) -> None:
        super().__init__()
        self.content = ContentBranch(backbone, drop_path=drop_path)
        self.noise = NoiseBranch()
        self.dropout = nn.Dropout(dropout)
        self.content_heads = nn.Linear(self.content.width, families)
        self.noise_heads = nn.Linear(NOISE_WIDTHS[-1], families)

    def forward(self, crops: Tensor, tiles: Tensor) -> TwoSights:
        """`crops` B 3 H W in -1..1, `tiles` B T 3 S S in grey levels."""
        return self.resume(self.content.early(crops), tiles)

    def resume(self, early: Tensor, tiles: Tensor) -> TwoSights:
        """The rest of the way from the early maps of `content`."""
        last = self.content(early)  # B F h w
        seen = last.mean(dim=(2, 3))
        count = tiles.shape[1]
        heard = self.noise(tiles.flatten(0, 1)).unflatten(0, (-1, count))  # B T F
        content = self.content_heads(self.dropout(seen))
        noise = self.noise_heads(self.dropout(heard.mean(dim=1)))
        maps = self._maps(last, heard) if count == GRID * GRID else content.new_zeros(len(content), 1, 1)
        return TwoSights(content + noise, content, noise, torch.cat([seen, heard.mean(dim=1)], dim=1), maps)

    def _maps(self, last: Tensor, heard: Tensor) -> Tensor:
        """Content by map cell (a class activation map) plus noise by tile, both as suspicion.  B h w"""
        weight = self.content_heads.weight[:, :, None, None]
        content = functional.conv2d(last, weight, self.content_heads.bias)  # B K h w
        tiles = self.noise_heads(heard).transpose(1, 2).unflatten(2, (GRID, GRID))  # B K 2 2
        noise = functional.interpolate(tiles, size=content.shape[-2:], mode="bilinear", align_corners=False)
        return suspicion(content + noise)


def to_tiles(tiles: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Tiles of several faces as B T 3 S S in grey levels."""
    return torch.from_numpy(np.stack(tiles)).permute(0, 1, 4, 2, 3).float()
