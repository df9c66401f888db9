"""What an operator may set about the face backends that bring their own weights; the one that ships needs nothing."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

TRUNCATION: Final = 0.7
"""How far from the average a StyleGAN face lies (the usual figure of Karras et al. 2019): 0 is it, 1 is untamed."""


@dataclass(frozen=True, slots=True)
class DiffusersSettings:
    """A text-to-image pipeline; what is null is left as the pipeline has it.

    `model` is a folder, or a hub id that is in the local cache already unless `download`; `lora` is a safetensors file,
    or a folder that holds one. `offload` keeps what is not at work out of the GPU's memory.
    """

    model: str = ""
    lora: Path | None = None
    negative: str = ""
    steps: int | None = None
    guidance: float | None = None
    download: bool = False
    offload: bool = False


@dataclass(frozen=True, slots=True)
class StyleganSettings:
    """`weights`: a network pickle of NVLabs, or the safetensors file that was made from one.

    `class_index` picks one of the classes that a conditional network was trained on.
    """

    weights: Path | None = None
    truncation: float = TRUNCATION
    class_index: int | None = None


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """`device` is `auto`, or a device of torch; converted weights are kept in `cache`, or nowhere if it is null."""

    device: str = "auto"
    cache: Path | None = None
    diffusers: DiffusersSettings = field(default_factory=DiffusersSettings)
    stylegan: StyleganSettings = field(default_factory=StyleganSettings)
