"""Folding changes the speed of a network and nothing that it says."""

import copy

import torch
from torch import nn

from detector.classifier.folding import fold_norms
from detector.classifier.network import FamilyClassifier


def test_a_folded_network_says_the_same() -> None:
    torch.manual_seed(0)
    model: nn.Module = FamilyClassifier("test_efficientnet", 3).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2.0)
    folded = fold_norms(copy.deepcopy(model))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    crops = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        for before, after in zip(model(crops), folded(crops), strict=True):
            assert torch.allclose(before, after, atol=1e-4)
