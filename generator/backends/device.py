"""Where a backend computes. The detector has the same rule, behind the wall that keeps its judgement from us."""

import torch


def torch_device(name: str) -> str:
    """The torch device behind `auto`, or `name` itself."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name
