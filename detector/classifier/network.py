"""The network of the manipulation expert: an ImageNet backbone, a head per family of fakes, and a head that points.

A head per family, because families pull one boundary apart: a single linear boundary over StyleGAN and diffusion
loses a fifth of the StyleGAN separation that a head of its own keeps. The mask head shares the backbone; it makes the
features local, and its output is the heatmap that a person is shown.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from detector.importing import ONE_IMPORT
from detector.types import Pixels

MASK_STRIDE = 8
"""Crop pixels per mask cell."""
MASK_WIDTH = 32


class Sight(NamedTuple):
    """What the network makes of crops: `logits` B K, `features` B F before the heads, `masks` B h w as logits."""

    logits: Tensor
    features: Tensor
    masks: Tensor


class MaskHead(nn.Module):
    """Where the crop was changed: the backbone's maps of stride 8, 16 and 32 added up at stride 8 (as in an FPN)."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(width, MASK_WIDTH, 1) for width in channels)
        self.smooth = nn.Conv2d(MASK_WIDTH, MASK_WIDTH, 3, padding=1, groups=MASK_WIDTH)
        self.out = nn.Conv2d(MASK_WIDTH, 1, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        size = maps[0].shape[-2:]
        levels = [lateral(m) for lateral, m in zip(self.lateral, maps, strict=True)]
        total = sum(functional.interpolate(level, size=size, mode="nearest") for level in levels)
        hidden = functional.relu(self.smooth(functional.relu(total)))  # type: ignore[arg-type]
        masks: Tensor = self.out(hidden)[:, 0]
        return masks


class FamilyClassifier(nn.Module):
    """`backbone` is a timm name; gives one logit per family, each "of this family" against "real"."""

    def __init__(self, backbone: str, families: int, *, drop_path: float = 0.0, dropout: float = 0.0) -> None:
        super().__init__()
        with ONE_IMPORT:
            import timm

        self.body = timm.create_model(backbone, pretrained=False, num_classes=0, drop_path_rate=drop_path)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.Linear(self.body.num_features, families)
        self.mask = MaskHead([stage["num_chs"] for stage in self.body.feature_info[2:]])

    def forward(self, crops: Tensor) -> Sight:
        final, maps = self.body.forward_intermediates(crops)
        features = self.body.forward_head(final, pre_logits=True)  # B F
        return Sight(self.heads(self.dropout(features)), features, self.mask(maps[2:]))


def suspicion(logits: Tensor) -> Tensor:
    """One uncalibrated logit per face from its family logits: log-sum-exp, a soft "any of them".  B K -> B"""
    return torch.logsumexp(logits, dim=1)


def to_input(crops: Sequence[Pixels]) -> Tensor:
    """Crops of one size as B 3 H W in -1..1, channels last in memory (twice as fast for depthwise layers on CPU)."""
    stacked = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    scaled = stacked.float() / 127.5 - 1.0
    return scaled.contiguous(memory_format=torch.channels_last)
