"""Loads weights only as safetensors, and only if they are byte for byte those that the card was written for."""

import hashlib
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from detector.classifier.cards import ModelCard
from detector.errors import ModelUnavailable


def load_weights(card: ModelCard, folder: Path) -> dict[str, Tensor]:
    """Tensors of `card` in single precision; raises `ModelUnavailable` if file or checksum are wrong."""
    try:
        data = (folder / card.file).read_bytes()
    except OSError as error:
        raise ModelUnavailable(f"the weights {card.file} cannot be read") from error
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise ModelUnavailable(f"the weights {card.file} are not those that their card names")
    try:
        return {name: value.float() for name, value in load(data).items()}
    except SafetensorError as error:
        raise ModelUnavailable(f"the weights {card.file} are not a safetensors file") from error
