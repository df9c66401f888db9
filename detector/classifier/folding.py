"""Folds batch norms into the convolutions before them, since at inference they are one linear map.

On a CPU the networks here then take about half of the time: a norm reads and writes a whole map, and the depthwise
layers that they follow do little else themselves.
"""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

PAIRS = (
    ("conv_stem", "bn1"), ("conv_head", "bn2"), ("conv", "bn1"),
    ("conv_dw", "bn1"), ("conv_pw", "bn2"),
    ("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3"),
    ("conv_exp", "bn1"), ("conv_pwl", "bn2"),
)  # fmt: skip
"""Names of a convolution and the norm after it, in timm's EfficientNets; which of them holds depends on the order."""


def fold_norms(model: nn.Module) -> nn.Module:
    """`model`, changed in place; call it once the weights are in and training is over."""
    for module in model.modules():
        for convolution, norm in PAIRS:
            if _follows(module, convolution, norm):
                _fold(module, convolution, norm)
    return model


def _follows(module: nn.Module, convolution: str, norm: str) -> bool:
    """Whether `norm` comes right after `convolution` among the children of `module`."""
    names = [name for name, child in module.named_children() if isinstance(child, nn.Conv2d | nn.BatchNorm2d)]
    at = names.index(convolution) if convolution in names else len(names)
    return names[at + 1 : at + 2] == [norm]


def _fold(module: nn.Module, convolution: str, norm: str) -> None:
    conv, bn = getattr(module, convolution), getattr(module, norm)
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    setattr(module, norm, bn.act if hasattr(bn, "act") else nn.Identity())
