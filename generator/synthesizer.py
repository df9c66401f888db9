"""What every face backend offers, and the table from which one is chosen by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detector.importing import ONE_IMPORT
from detector.types import Pixels
from generator.backends.settings import BackendSettings
from generator.errors import BackendUnavailable
from generator.prompt import FaceRequest

DELIVERED = 512
"""Side in pixels of every face that a backend hands over."""
SHIPPED = "embedded"
"""The backend that needs nothing but the package."""


@dataclass(frozen=True, slots=True)
class Synthesis:
    """A new face before it is marked; it never leaves the generator in this form."""

    pixels: Pixels
    """512 512 3."""
    attributes: Mapping[str, str]
    """What was asked and drawn, by attribute name."""
    edited: bool
    """Whether a picture of somebody was altered, instead of a face made from nothing."""
    seed: int
    backend: str
    retouched: tuple[str, ...] = ()
    """Which of the attributes were painted on afterwards, for the model cannot draw them."""
    mesh: NDArray[np.float32] | None = None
    """468 2: where the points of the face mesh lie, pixels; null where the backend does not know."""


class Synthesizer(Protocol):
    """Draws a face from a request; the same request and seed give the same pixels on the same machine."""

    name: str

    def synthesise(self, request: FaceRequest, *, seed: int) -> Synthesis:
        """Raises `UnsupportedAttribute` for what the backend cannot draw, unless the request is best effort."""
        ...


def _embedded(_: BackendSettings) -> Synthesizer:
    with ONE_IMPORT:
        from generator.backends.embedded import Embedded
    return Embedded.load()


def _diffusers(settings: BackendSettings) -> Synthesizer:
    with ONE_IMPORT:
        from generator.backends.diffusers_backend import Diffusers
    return Diffusers.load(settings.diffusers, device=settings.device)


def _stylegan(settings: BackendSettings) -> Synthesizer:
    with ONE_IMPORT:
        from generator.backends.stylegan import Stylegan
    return Stylegan.load(settings.stylegan, device=settings.device, cache=settings.cache)


BACKENDS: Mapping[str, Callable[[BackendSettings], Synthesizer]] = {
    SHIPPED: _embedded,
    "diffusers": _diffusers,
    "stylegan": _stylegan,
}


def open_synthesizer(name: str = SHIPPED, *, settings: BackendSettings | None = None) -> Synthesizer:
    """Loads the backend `name`; raises `BackendUnavailable` if there is none or its weights cannot be used."""
    try:
        opener = BACKENDS[name]
    except KeyError as error:
        raise BackendUnavailable(f"there is no backend {name!r}, only {', '.join(sorted(BACKENDS))}") from error
    return opener(settings or BackendSettings())
