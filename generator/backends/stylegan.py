"""The backend for StyleGAN2 and StyleGAN3 networks that an operator has: any face, for these models follow no text."""

from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detector.types import Pixels
from generator.backends.device import torch_device
from generator.backends.framing import framed
from generator.backends.model_name import model_name
from generator.backends.refusals import named, require_drawable
from generator.backends.settings import StyleganSettings
from generator.backends.stylegan2_network import Synthesis2
from generator.backends.stylegan3_network import Synthesis3
from generator.backends.stylegan_layers import Mapping, Part
from generator.backends.stylegan_weights import Network, read_network
from generator.errors import BackendUnavailable
from generator.prompt import FaceRequest
from generator.synthesizer import Synthesis

DIGEST: Final = 12
"""Hexadecimal digits of the weights' SHA-256 in the model's name."""
COLOURS: Final = (1, 3)
"""Channels that a network may draw: grey, or RGB."""


class Generator(nn.Module):
    """Mapping and synthesis of one stored network, every tensor of which is in use."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        whole = Part(network)
        self.width, self.classes = int(whole.said("z_dim")), int(whole.said("c_dim"))
        self.mapping = Mapping(whole.inner("mapping"))
        synthesis = Synthesis2 if network.kind == "stylegan2" else Synthesis3
        self.synthesis = synthesis(whole.inner("synthesis"))
        if unused := network.tensors.keys() - self.state_dict().keys():
            raise BackendUnavailable(f"the network has parts that this version does not know: {min(unused)}")

    def forward(self, z: Tensor, *, chosen: Tensor | None, truncation: float) -> Tensor:
        """Pictures N colours H W in about -1 to 1."""
        pictures: Tensor = self.synthesis(self.mapping(z, chosen=chosen, truncation=truncation))
        return pictures


class Stylegan:
    """Whatever face a seed gives. It claims no attribute, for it was told none."""

    name = "stylegan"

    def __init__(self, generator: Generator, *, settings: StyleganSettings, model: str, device: str) -> None:
        self._generator = generator.eval().to(device)
        self._truncation, self._model, self._device = settings.truncation, model, device
        self._chosen = _one_hot(generator.classes, settings.class_index)

    @classmethod
    def load(cls, settings: StyleganSettings, *, device: str, cache: Path | None = None) -> "Stylegan":
        """Raises `BackendUnavailable` for weights that are missing, hostile, or not of a network that is known here."""
        if settings.weights is None:
            raise BackendUnavailable("SHINGAN_STYLEGAN_WEIGHTS names no network.")
        network = read_network(settings.weights, cache=cache)
        model = model_name(network.kind, settings.weights.stem, mark=network.digest[:DIGEST])
        try:
            return cls(Generator(network), settings=settings, model=model, device=torch_device(device))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise BackendUnavailable(f"the network does not fit this version: {error}") from error

    def synthesise(self, request: FaceRequest, *, seed: int) -> Synthesis:
        """A face of chance.

        Raises `UnsupportedAttribute` for every attribute that `request` has, unless best effort; for a screened request
        always.
        """
        require_drawable(request, beyond=[named(*asked) for asked in request.attributes.items()])
        pixels = framed(self.draw(seed))
        return Synthesis(pixels, {}, edited=False, seed=seed, backend=self._model)

    def draw(self, seed: int) -> Pixels:
        """The network's picture of `seed` in its own size, H W 3; of the same numbers as in NVLabs' scripts.

        Raises `BackendUnavailable` if the network's parts do not fit each other, or the memory.
        """
        z = np.random.RandomState(seed).standard_normal((1, self._generator.width))
        try:
            with torch.inference_mode():
                pictures = self._generator(self._placed(z), chosen=self._class(), truncation=self._truncation)
        except RuntimeError as error:
            raise BackendUnavailable(f"the network does not run: {error}") from error
        return _pixels(pictures[0])

    def _class(self) -> Tensor | None:
        return None if self._chosen is None else self._placed(self._chosen)

    def _placed(self, values: NDArray[np.floating]) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(self._device)


def _one_hot(classes: int, chosen: int | None) -> NDArray[np.float32] | None:
    """1 C; null for a network without classes."""
    if classes == 0 and chosen is None:
        return None
    if chosen is None or not 0 <= chosen < classes:
        raise BackendUnavailable(f"SHINGAN_STYLEGAN_CLASS must be one of the network's {classes} classes, from 0.")
    return np.eye(classes, dtype=np.float32)[chosen : chosen + 1]


def _pixels(picture: Tensor) -> Pixels:
    if len(picture) not in COLOURS:
        raise BackendUnavailable(f"the network draws {len(picture)} channels, not grey or RGB")
    colours = picture.expand(3, -1, -1).permute(1, 2, 0).float().cpu().numpy()
    if not np.isfinite(colours).all():
        raise BackendUnavailable("the network draws no picture, but values without bounds")
    return np.asarray(np.clip(np.round(colours * 127.5 + 127.5), 0, 255), np.uint8)
