"""The one network both experts are: an ImageNet backbone with a head per family of fakes.

A head per family, because families pull one boundary apart: a single linear boundary over StyleGAN and diffusion
loses a fifth of the StyleGAN separation that a head of its own keeps.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from detector.types import Pixels


class FamilyClassifier(nn.Module):
    """`backbone` is a timm name; gives one logit per family, each "of this family" against "real"."""

    def __init__(self, backbone: str, families: int, *, drop_path: float = 0.0, dropout: float = 0.0) -> None:
        super().__init__()
        import timm

        self.body = timm.create_model(backbone, pretrained=False, num_classes=0, drop_path_rate=drop_path)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.Linear(self.body.num_features, families)

    def forward(self, crops: Tensor) -> Tensor:
        features = self.body(crops)  # B F
        logits: Tensor = self.heads(self.dropout(features))  # B K
        return logits


def suspicion(logits: Tensor) -> Tensor:
    """One uncalibrated logit per face from its family logits: log-sum-exp, a soft "any of them".  B K -> B"""
    return torch.logsumexp(logits, dim=1)


def to_input(crops: Sequence[Pixels]) -> Tensor:
    """Crops of one size as B 3 H W in -1..1, channels last in memory (twice as fast for depthwise layers on CPU)."""
    stacked = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    scaled = stacked.float() / 127.5 - 1.0
    return scaled.contiguous(memory_format=torch.channels_last)
