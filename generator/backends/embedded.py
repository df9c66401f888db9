"""The backend that ships: sampler, appearance model, refiner and upscaler, inside the package, on any CPU."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from detector.types import Pixels
from generator.appearance import FRAME, Appearance, Floats
from generator.errors import BackendUnavailable, UnsupportedAttribute
from generator.prompt import FaceRequest
from generator.refiner import NOISE_CHANNELS, NOISE_SIDE, Refiner
from generator.retouch import RETOUCHES, retouch
from generator.sampler import COLOURS, ETHNICITIES, LENGTHS, SEXES, Draw, Sampler, Wanted
from generator.stored import read_weights, shipped
from generator.synthesizer import DELIVERED, Synthesis
from generator.upscaler import Upscaler

APPEARANCE, REFINER, UPSCALER = "appearance", "refiner", "upscaler"

RANGES: Mapping[tuple[str, str], Mapping[str, tuple[float, float]]] = {
    ("expression", "smile"): {"smile": (0.7, 2.5)},
    ("expression", "neutral"): {"smile": (-2.5, -0.3), "mouth": (-2.0, 0.3)},
    ("mouth", "open"): {"mouth": (0.9, 2.5)},
    ("mouth", "closed"): {"mouth": (-2.0, -0.7)},
    ("skin", "light"): {"skin": (0.5, 2.0)},
    ("skin", "medium"): {"skin": (-0.7, 0.4)},
    ("skin", "dark"): {"skin": (-3.0, -1.0)},
    ("background", "light"): {"background": (0.4, 2.0)},
    ("background", "dark"): {"background": (-3.0, -0.9)},
    ("turn", "left"): {"yaw": (-1.6, -0.8)},
    ("turn", "right"): {"yaw": (0.8, 1.6)},
    ("turn", "front"): {"yaw": (-0.35, 0.35)},
}
"""What an attribute asks of the measures, in standard deviations of the training portraits."""

HAIR_COLOURS: Mapping[str, tuple[str, ...]] = {
    "black": ("black",),
    "brown": ("brown",),
    "blond": ("blond",),
    "dark": ("black", "brown"),
}

NEVER: Mapping[str, str] = {
    "minor": "the face of a minor",
    "named_person": "the face of a particular person",
    "sexual": "a sexual picture",
}
"""What this model cannot draw whatever a policy permits, best effort or not."""

SHARPEN, SHARPEN_SIGMA = 0.5, 2.0
"""Unsharp mask after enlarging; more draws bright lines around hair."""


class Embedded:
    """Portraits of people who do not exist: head and shoulders, plain background, adult."""

    name = "embedded"

    def __init__(self, *, sampler: Sampler, appearance: Appearance, refiner: Refiner, upscaler: Upscaler) -> None:
        self._sampler, self._appearance = sampler, appearance
        self._refiner, self._upscaler = refiner.eval(), upscaler.eval()

    @classmethod
    def load(cls, folder: Path | None = None) -> "Embedded":
        """Reads the weights in `folder` (those of the package by default); raises `BackendUnavailable`."""
        folder = folder or shipped()
        model = read_weights(folder, APPEARANCE)
        refiner, upscaler = Refiner(), Upscaler()
        try:
            refiner.load_state_dict(_state(read_weights(folder, REFINER)))
            upscaler.load_state_dict(_state(read_weights(folder, UPSCALER)))
            sampler, appearance = Sampler.from_tensors(model), Appearance.from_tensors(model)
        except (KeyError, RuntimeError, ValueError) as error:
            raise BackendUnavailable(f"the weights do not fit this version: {error}") from error
        return cls(sampler=sampler, appearance=appearance, refiner=refiner, upscaler=upscaler)

    def synthesise(self, request: FaceRequest, *, seed: int) -> Synthesis:
        """A new face.

        Raises `UnsupportedAttribute` for what `request` names as unsupported and for hair that no training portrait
        has, unless best effort; for a screened request always.
        """
        rng = np.random.default_rng(seed)
        wanted, attributes = self._settle(request)
        draw = self._sampler.draw(wanted, rng=rng)
        fine = self._refine(draw, rng.standard_normal((NOISE_CHANNELS, NOISE_SIDE, NOISE_SIDE), np.float32))
        mesh = delivered(self._appearance.points(draw.shape))
        return Synthesis(
            pixels=retouch(enlarge(fine), mesh, attributes, rng=rng),
            attributes=attributes,
            edited=False,
            seed=seed,
            backend=self.name,
            retouched=tuple(name for name in attributes if name in RETOUCHES),
            mesh=mesh,
        )

    def _settle(self, request: FaceRequest) -> tuple[Wanted, dict[str, str]]:
        refused = [NEVER[reason] for reason in request.screened if reason in NEVER]
        if refused or (request.unsupported and not request.best_effort):
            raise UnsupportedAttribute((*refused, *request.unsupported))
        attributes = dict(request.attributes)
        wanted = _wanted(attributes)
        while not self._sampler.has_hair(wanted):
            if not request.best_effort:
                raise UnsupportedAttribute((_hair_name(attributes),))
            attributes.pop("hair_length" if "hair_length" in attributes else "hair_colour")
            wanted = _wanted(attributes)
        return wanted, attributes

    def _refine(self, draw: Draw, noise: Floats) -> Floats:
        """256 256 3 in 0–1."""
        coarse = self._appearance.render(shape=draw.shape, texture=draw.texture)
        with torch.inference_mode():
            picture = self._refiner(
                torch.from_numpy(coarse.astype(np.float32)).permute(2, 0, 1)[None],
                torch.from_numpy(draw.condition)[None],
                torch.from_numpy(noise)[None],
            )
            picture = self._upscaler(picture.clamp(0, 1))
        fine: Floats = picture[0].clamp(0, 1).permute(1, 2, 0).numpy()
        return fine


def enlarge(picture: Floats) -> Pixels:
    """Square picture in 0–1 → 512 512 3 bytes, by Lanczos and a mild unsharp mask."""
    large: NDArray[np.float32] = cv2.resize(picture, (DELIVERED, DELIVERED), interpolation=cv2.INTER_LANCZOS4)
    soft = cv2.GaussianBlur(large, (0, 0), SHARPEN_SIGMA)
    sharp = np.clip(large + SHARPEN * (large - soft), 0, 1)
    pixels: Pixels = np.round(sharp * 255).astype(np.uint8)
    return pixels


def delivered(points: Floats) -> Floats:
    """Points of the model's picture, N 2, as pixels of the delivered one."""
    placed: Floats = ((points + 0.5) * (DELIVERED / FRAME) - 0.5).astype(np.float32)
    return placed


def _state(tensors: Mapping[str, NDArray[np.generic]]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(values.astype(np.float32)) for name, values in tensors.items()}


def _wanted(attributes: Mapping[str, str]) -> Wanted:
    measures: dict[str, tuple[float, float]] = {}
    for asked in attributes.items():
        measures |= RANGES.get(asked, {})
    plain = Wanted(measures=measures)
    if "sex" in attributes:
        plain = replace(plain, sex=SEXES.index(attributes["sex"]))
    if "ethnicity" in attributes:
        plain = replace(plain, ethnicity=ETHNICITIES.index(attributes["ethnicity"]))
    if "hair_colour" in attributes:
        names = HAIR_COLOURS[attributes["hair_colour"]]
        plain = replace(plain, colours=tuple(COLOURS.index(name) for name in names))
    if "hair_length" in attributes:
        plain = replace(plain, length=LENGTHS.index(attributes["hair_length"]))
    return plain


def _hair_name(attributes: Mapping[str, str]) -> str:
    hair = [attributes[name] for name in ("hair_length", "hair_colour") if name in attributes]
    return " ".join([*hair, "hair", *([f"on a {attributes['sex']} face"] if "sex" in attributes else [])])
