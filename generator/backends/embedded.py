"""The backend that ships: sampler, appearance model, refiner and upscaler, inside the package, on any CPU."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from detector.types import Pixels
from generator.appearance import FRAME, Appearance, Floats, before_wall, firm
from generator.backdrop import Walls
from generator.backends.refusals import require_drawable
from generator.errors import BackendUnavailable, UnsupportedAttribute
from generator.hair_drift import drifted
from generator.hair_dye import DYES, dye
from generator.prompt import FaceRequest
from generator.refiner import FINE_CHANNELS, FINE_SIDE, NOISE_CHANNELS, NOISE_SIDE, Refiner, told
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
    ("beard", "full"): {"beard": (2.3, 3.0)},
    ("beard", "none"): {"beard": (-2.0, 0.2)},
    ("look", "mature"): {"youth": (-2.6, -1.4)},
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


@dataclass(frozen=True, slots=True)
class Plan:
    """What to draw, what of the request that honours, and in what colour to dye the hair if it did not grow so."""

    wanted: Wanted
    attributes: dict[str, str]
    dye: str | None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist, cut out: `cut` D D 4 in 0–1 (see `generator.appearance`), `mesh` 468 2."""

    cut: Floats
    mesh: Floats
    plan: Plan


class Embedded:
    """Portraits of people who do not exist: head and shoulders, plain background, adult."""

    name = "embedded"

    def __init__(
        self, *, sampler: Sampler, appearance: Appearance, walls: Walls, refiner: Refiner, upscaler: Upscaler
    ) -> None:
        self._sampler, self._appearance, self._walls = sampler, appearance, walls
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
            walls = Walls.from_tensors(model)
        except (KeyError, RuntimeError, ValueError) as error:
            raise BackendUnavailable(f"the weights do not fit this version: {error}") from error
        return cls(sampler=sampler, appearance=appearance, walls=walls, refiner=refiner, upscaler=upscaler)

    def synthesise(self, request: FaceRequest, *, seed: int) -> Synthesis:
        """A new face.

        Raises `UnsupportedAttribute` for what `request` names as unsupported and for hair that no training portrait
        has, unless best effort; for a screened request always.
        """
        rng = np.random.default_rng(seed)
        person = self.person(request, rng=rng)
        attributes = person.plan.attributes
        dyed = ("hair_colour",) if person.plan.dye else ()
        return Synthesis(
            pixels=self.photo(person, rng=rng),
            attributes=attributes,
            edited=False,
            seed=seed,
            backend=self.name,
            retouched=(*dyed, *(name for name in attributes if name in RETOUCHES)),
            mesh=person.mesh,
        )

    def person(self, request: FaceRequest, *, rng: np.random.Generator) -> Person:
        """A new face without a wall behind it; raises as `synthesise` does."""
        plan = self._settle(request)
        draw = self._sampler.draw(plan.wanted, rng=rng)
        cut, mesh = self._cut_out(draw, rng), delivered(self._appearance.points(draw.shape))
        if plan.dye:
            male = draw.condition[0] > 0
            cut = dye(cut, mesh, plan.dye, beard=bool(male))
        return Person(cut, mesh, plan)

    def photo(self, person: Person, *, rng: np.random.Generator) -> Pixels:
        """Somebody before a wall, and with what is painted on."""
        attributes = person.plan.attributes
        wall = self._walls.paint(attributes.get("background"), side=DELIVERED, rng=rng)
        pixels = np.round(255 * before_wall(person.cut, wall)).astype(np.uint8)
        return retouch(pixels, person.mesh, attributes, rng=rng)

    def _settle(self, request: FaceRequest) -> Plan:
        require_drawable(request)
        attributes = dict(request.attributes)
        while True:
            plan = self._plan(attributes)
            if self._sampler.has_hair(plan.wanted):
                return plan
            if not request.best_effort:
                raise UnsupportedAttribute((_hair_name(attributes),))
            attributes.pop("hair_length" if "hair_length" in attributes else "hair_colour")

    def _plan(self, attributes: dict[str, str]) -> Plan:
        """Hair as it grew on the portraits if there is such, else of any colour and dyed."""
        grown = _wanted(attributes)
        colour = attributes.get("hair_colour")
        if colour in HAIR_COLOURS and self._sampler.has_hair(grown):
            return Plan(grown, attributes, None)
        dyed = colour if colour in DYES else None
        return Plan(replace(grown, colours=()) if dyed else grown, attributes, dyed)

    def _cut_out(self, draw: Draw, rng: np.random.Generator) -> Floats:
        """The person alone: D D 4 in 0–1, D being the delivered side."""
        coarse = self._appearance.render(shape=draw.shape, texture=draw.texture)
        noise = rng.standard_normal((1, NOISE_CHANNELS, NOISE_SIDE, NOISE_SIDE), np.float32)
        fine = rng.standard_normal((1, FINE_CHANNELS, FINE_SIDE, FINE_SIDE), np.float32)
        with torch.inference_mode():
            cut = self._refiner(
                torch.from_numpy(coarse).permute(2, 0, 1)[None],
                told(torch.from_numpy(draw.condition)[None]),
                torch.from_numpy(noise),
                torch.from_numpy(fine),
            )
            small = cut[0].clamp(0, 1).permute(1, 2, 0).numpy()
            moved = drifted(small, draw.drift, self._appearance.points(draw.shape))
            cut = self._upscaler(torch.from_numpy(moved).permute(2, 0, 1)[None]).clamp(0, 1)
        return firm(cut[0].permute(1, 2, 0).numpy())


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
        names = HAIR_COLOURS.get(attributes["hair_colour"], ())
        plain = replace(plain, colours=tuple(COLOURS.index(name) for name in names))
    if "hair_length" in attributes:
        plain = replace(plain, length=LENGTHS.index(attributes["hair_length"]))
    return plain


def _hair_name(attributes: Mapping[str, str]) -> str:
    hair = [attributes[name] for name in ("hair_length", "hair_colour") if name in attributes]
    return " ".join([*hair, "hair", *([f"on a {attributes['sex']} face"] if "sex" in attributes else [])])
