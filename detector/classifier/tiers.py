"""Which shipped cards a detector loads: the small experts, or the large one where a GPU and its base are at hand."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

from detector.classifier.base_weights import BASE_FILE
from detector.classifier.cards import shipped
from detector.types import EvidenceKind

Size = Literal["auto", "small", "vit"]

BASES: Final = "weights"
"""Folder under home where bases are kept."""
SMALL: Final = (EvidenceKind.MANIPULATION, EvidenceKind.SYNTHESIS)


def vit_card() -> Path:
    """Where the card of the large synthesis expert lies."""
    return Path(str(files("detector").joinpath("weights", "synthesis_vit.card.toml")))


def cards_for(size: Size, *, device: str, bases: Path) -> Mapping[EvidenceKind, Path]:
    """A card for each kind. `auto` takes the large one on CUDA if its base is there; `device` is a torch device."""
    cards = {kind: shipped(kind) for kind in SMALL}
    ready = device.startswith("cuda") and (bases / BASE_FILE).is_file() and vit_card().is_file()
    if size == "vit" or (size == "auto" and ready):
        cards[EvidenceKind.SYNTHESIS] = vit_card()
    return cards
