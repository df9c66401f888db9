"""Loads weights only as safetensors, and only if they are byte for byte those that their card names."""

import hashlib
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from generator.errors import BackendUnavailable


def shipped() -> Path:
    """Folder of the weights that come with the package."""
    return Path(str(files("generator").joinpath("weights")))


def read_card(folder: Path, name: str) -> dict[str, Any]:
    """The card `<name>.card.toml`: data, terms, measurements and limits beside the file name and its checksum."""
    try:
        return tomllib.loads((folder / f"{name}.card.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackendUnavailable(f"the model card {name} cannot be read: {error}") from error


def read_weights(folder: Path, name: str) -> dict[str, NDArray[np.generic]]:
    """Arrays of the model `name`; raises `BackendUnavailable` if card, file or checksum are wrong."""
    card = read_card(folder, name)
    try:
        file, expected = str(card["model"]["file"]), str(card["model"]["sha256"])
        data = (folder / file).read_bytes()
    except (OSError, KeyError, TypeError) as error:
        raise BackendUnavailable(f"the weights of {name} cannot be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise BackendUnavailable(f"the weights {file} are not those that their card names")
    try:
        return dict(load(data))
    except SafetensorError as error:
        raise BackendUnavailable(f"the weights {file} are not a safetensors file") from error
