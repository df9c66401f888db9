"""The frozen image tower of CLIP ViT-B/16, read in the middle as well as at the end.

What tells generators apart is fine texture, and the last layers of CLIP have already given that up for meaning; so the
class token is taken after every block, and mean and spread of the patch tokens at three depths.
"""

from collections.abc import Mapping, Sequence
from typing import Final, cast

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

CLIP_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD: Final = (0.26862954, 0.26130258, 0.27577711)
"""Of RGB in 0–1 (Radford et al. 2021)."""
DEPTHS: Final = (0.25, 0.5, 0.75)
"""Where the patch tokens are summed up, as shares of the depth; chosen."""


def build_tower(backbone: str, weights: Mapping[str, NDArray[np.float32]], **options: int) -> VisionTransformer:
    """timm's `backbone` with `weights`, no head, not trainable; raises `RuntimeError` if they do not fit."""
    tower = cast(VisionTransformer, timm.create_model(backbone, pretrained=False, num_classes=0, **options))
    tower.load_state_dict({name: torch.tensor(values) for name, values in weights.items()})
    return tower.eval().requires_grad_(False)


def depths(blocks: int) -> tuple[int, ...]:
    """The blocks (from 0) after which patch tokens are summed up."""
    return tuple(max(0, round(blocks * share) - 1) for share in DEPTHS)


def to_clip_input(crops: Sequence[NDArray[np.uint8]]) -> Tensor:
    """RGB crops of one size as the tower takes them.  N x H W 3 -> N 3 H W"""
    pixels = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255.0
    return (pixels - torch.tensor(CLIP_MEAN).view(3, 1, 1)) / torch.tensor(CLIP_STD).view(3, 1, 1)


@torch.inference_mode()
def tower_features(tower: VisionTransformer, pixels: Tensor) -> Tensor:
    """Class token of each block, then patch mean and spread at `depths`.  N 3 H W -> N R D, R = blocks + 6"""
    tokens = tower.norm_pre(tower._pos_embed(tower.patch_embed(pixels)))  # N 1+P D
    classes, patches = [], []
    for at, block in enumerate(tower.blocks):
        tokens = block(tokens)
        classes.append(tokens[:, 0])
        if at in depths(len(tower.blocks)):
            patches += [tokens[:, 1:].mean(1), tokens[:, 1:].std(1)]
    return torch.stack(classes + patches, dim=1)
