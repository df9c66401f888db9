"""The small part of tier `vit` that is trained here: a linear head a family over chosen layers of the frozen tower."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

PREFIX = "probe."
"""Of the tensors that hold a probe inside of a weight file."""


class ClipProbe(nn.Module):
    """Standardises `rows` of the tower's features and reads them with one linear head a family.

    `centre` and `spread` F are those of the training faces; a head each, because families pull one boundary apart.
    """

    rows: Tensor
    centre: Tensor
    spread: Tensor

    def __init__(self, rows: Tensor, width: int, families: int) -> None:
        super().__init__()
        size = len(rows) * width
        self.register_buffer("rows", rows.long())
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.head = nn.Linear(size, families)

    def features(self, read: Tensor) -> Tensor:
        """What the heads and the domain see.  N R D -> N F"""
        return (read[:, self.rows].flatten(1).float() - self.centre) / self.spread

    def forward(self, features: Tensor) -> Tensor:
        """Family logits.  N F -> N K"""
        logits: Tensor = self.head(features)
        return logits


def probe_tensors(probe: ClipProbe) -> dict[str, Tensor]:
    """The tensors of `probe` as they are stored: half precision, layer numbers as they are."""
    state = probe.state_dict().items()
    return {PREFIX + name: value.half() if value.is_floating_point() else value.int() for name, value in state}


def read_probe(weights: Mapping[str, Tensor], families: int) -> ClipProbe:
    """The probe among `weights`; raises `KeyError` or `RuntimeError` if there is none for so many families."""
    own = {name.removeprefix(PREFIX): value for name, value in weights.items() if name.startswith(PREFIX)}
    own["rows"] = own["rows"].long()
    probe = ClipProbe(own["rows"], own["centre"].shape[0] // len(own["rows"]), families)
    probe.load_state_dict(own)
    return probe.eval().requires_grad_(False)
