"""Draws the numbers of a new face: hair mixed from anchors of the wanted kind, the face from a conditional Gaussian."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.appearance import Floats
from generator.hair_drift import random_drift

SEXES = ("female", "male")
ETHNICITIES = ("asian", "black", "latino", "white")
MEASURES = ("yaw", "pitch", "smile", "mouth", "skin", "hair_lightness", "hair_length", "beard", "youth")
"""What is measured on a portrait, in standard deviations of the training portraits."""

COLOURS = ("black", "brown", "blond")
NO_COLOUR = len(COLOURS)
"""Stands for the colour of hair that is not seen."""
LENGTHS = ("short", "medium", "long")

SHAPE_NUMBERS = 24
TEMPERATURE = 1.1
"""Share of the measured spread of faces that is drawn; more makes them less alike."""
CLIP = 3.0
"""Standard deviations beyond which a draw is cut (truncation)."""
FARTHEST = 4.0
"""Standard deviations beyond which no face number goes, whatever is asked."""
HAIR_MIX = (0.6, 0.25, 0.15)
"""Shares of an anchor and its nearest neighbours: none of the training portraits is left whole."""
HAIR_NOISE, NOISE_DONORS = 0.1, 8
"""Share of a random mixture of anchors of the same kind that is laid over, and how many go into it."""
NEIGHBOURHOOD = 60
"""Random anchors among which the neighbours are sought."""
FEWEST = 8
"""Fewest anchors for a kind of hair to be offered; mirror images count."""
DONORS = 12
"""Fewest portraits whose measures may stand model for a request."""
JITTER = 0.25
SEX_MARGIN, SEX_TRIES = 0.3, 12
"""How clearly a face must be of its sex (portraits: ±1) to be taken, and draws after which the clearest is."""
OLDEST_YOUTH = 0.5
"""Standard deviations of the youthful look that no face exceeds: some of the portraits beyond it could be minors."""

BLACK_LIGHTNESS, BLACK_YELLOW = 16.0, 5.0
BLOND_LIGHTNESS, BLOND_YELLOW = 33.0, 10.0
"""CIE L and b of hair; by eye on 200 portraits."""
SHORT, LONG = 0.10, 0.33
"""Share of hair beside jaw and neck; by eye on 200 portraits."""


def hair_colour(lab: NDArray[np.float32]) -> int:
    """Index into `COLOURS` of a CIE Lab colour."""
    lightness, _, yellow = (float(value) for value in lab)
    if lightness < BLACK_LIGHTNESS and yellow < BLACK_YELLOW:
        return 0
    return 2 if lightness > BLOND_LIGHTNESS and yellow > BLOND_YELLOW else 1


def hair_length(share: float) -> int:
    """Index into `LENGTHS` of the share of hair beside jaw and neck."""
    return 0 if share < SHORT else 2 if share > LONG else 1


def regressors(ethnicity: NDArray[np.int64], measures: Floats, hair: Floats) -> NDArray[np.float64]:
    """Rows of the regression: ethnicity as one of four, measures, their squares, hair numbers."""
    classes = np.eye(len(ETHNICITIES))[ethnicity]
    return np.concatenate([classes, measures, measures**2, hair], 1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a face should have; `None` and missing measures leave the choice to chance."""

    sex: int | None = None
    ethnicity: int | None = None
    colours: tuple[int, ...] = ()
    """Any of these hair colours; empty for all."""
    length: int | None = None
    measures: Mapping[str, tuple[float, float]] | None = None
    """Lowest and highest value by name from `MEASURES`, standard deviations."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One face as numbers, ready for the appearance model and the refiner."""

    shape: Floats
    """S."""
    texture: Floats
    """T, hair first."""
    condition: Floats
    """14: sex as ±1, ethnicity as one of four, the measures."""
    drift: Floats
    """25 2: how hair and shoulders are moved (`generator.hair_drift`)."""


@dataclass(frozen=True, slots=True)
class SexModel:
    """Regression of face numbers on class, measures and hair, and a factor of what it leaves."""

    weights: Floats
    factor: Floats


@dataclass(frozen=True, slots=True)
class Sampler:
    """The training portraits' hair and measures as anchors, and a Gaussian of faces for each sex."""

    hair: Floats
    """A 110."""
    measures: Floats
    """A 9."""
    sex: NDArray[np.int64]
    ethnicity: NDArray[np.int64]
    colour: NDArray[np.int64]
    length: NDArray[np.int64]
    models: tuple[SexModel, ...]
    sex_axis: Floats
    """S + T - 110 + 1: the face numbers' weights and the offset of a linear reading of sex, about -1 to 1."""

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[np.generic]]) -> "Sampler":
        """Reads the arrays that the trainer exports; `KeyError` if one is missing."""
        models = (
            SexModel(tensors[f"{name}.weights"].astype(np.float32), tensors[f"{name}.factor"].astype(np.float32))
            for name in SEXES
        )
        return cls(
            hair=tensors["anchor.hair"].astype(np.float32),
            measures=tensors["anchor.measures"].astype(np.float32),
            sex=tensors["anchor.sex"].astype(np.int64),
            ethnicity=tensors["anchor.ethnicity"].astype(np.int64),
            colour=tensors["anchor.colour"].astype(np.int64),
            length=tensors["anchor.length"].astype(np.int64),
            models=tuple(models),
            sex_axis=tensors["sex.axis"].astype(np.float32),
        )

    def draw(self, wanted: Wanted, *, rng: np.random.Generator) -> Draw:
        """One face; `LookupError` if no anchor has the hair that is wanted."""
        sex, ethnicity = self._people(wanted, rng=rng)
        pool = self.anchors(wanted, sex=sex, ethnicity=ethnicity)
        hair, anchor = self._mix_hair(pool, rng=rng)
        measures = self._measures(wanted, anchor=anchor, sex=sex, ethnicity=ethnicity, rng=rng)
        face = self._face(hair, measures, sex=sex, ethnicity=ethnicity, rng=rng)
        condition = np.concatenate([[2.0 * sex - 1], np.eye(len(ETHNICITIES))[ethnicity], measures])
        return Draw(
            shape=face[:SHAPE_NUMBERS],
            texture=np.concatenate([hair, face[SHAPE_NUMBERS:]]),
            condition=condition.astype(np.float32),
            drift=random_drift(rng),
        )

    def has_hair(self, wanted: Wanted) -> bool:
        """Whether enough anchors have the wanted hair, whatever the ethnicity."""
        fits = self._hair_fits(wanted)
        return int((fits if wanted.sex is None else fits & (self.sex == wanted.sex)).sum()) >= FEWEST

    def anchors(self, wanted: Wanted, *, sex: int, ethnicity: int) -> NDArray[np.int64]:
        """Anchors of the wanted hair: of the same people if there are enough, else of the same sex."""
        fits = self._hair_fits(wanted) & (self.sex == sex)
        if not fits.any():
            raise LookupError("no training portrait has this hair")
        for narrower in (self.ethnicity == ethnicity, *self._ranges(wanted)):
            if (fits & narrower).sum() >= DONORS:
                fits &= narrower
        return np.flatnonzero(fits)

    def _hair_fits(self, wanted: Wanted) -> NDArray[np.bool_]:
        fits = np.isin(self.colour, wanted.colours) if wanted.colours else np.ones(len(self.sex), bool)
        return fits if wanted.length is None else fits & (self.length == wanted.length)

    def _people(self, wanted: Wanted, *, rng: np.random.Generator) -> tuple[int, int]:
        """Sex and ethnicity: as wanted, else at random among those that have the wanted hair."""
        fits = self._hair_fits(wanted)
        sex = wanted.sex
        if sex is None:
            sexes = [value for value in range(len(SEXES)) if (fits & (self.sex == value)).sum() >= FEWEST]
            sex = int(rng.choice(sexes or range(len(SEXES))))
        ethnicity = wanted.ethnicity
        if ethnicity is None:
            counts = np.bincount(self.ethnicity[fits & (self.sex == sex)], minlength=len(ETHNICITIES))
            common = np.flatnonzero(counts >= DONORS)
            ethnicity = int(rng.choice(common if len(common) else range(len(ETHNICITIES))))
        return sex, ethnicity

    def _ranges(self, wanted: Wanted) -> list[NDArray[np.bool_]]:
        bounds = wanted.measures or {}
        columns = [(self.measures[:, MEASURES.index(name)], *bound) for name, bound in bounds.items()]
        return [(column >= low) & (column <= high) for column, low, high in columns]

    def _mix_hair(self, pool: NDArray[np.int64], *, rng: np.random.Generator) -> tuple[Floats, int]:
        anchor = int(rng.choice(pool))
        others = rng.choice(pool, size=min(NEIGHBOURHOOD, len(pool)), replace=False)
        distance = np.linalg.norm(self.hair[others] - self.hair[anchor], axis=1)
        nearest = others[np.argsort(distance, kind="stable")]
        nearest = nearest[nearest != anchor][: len(HAIR_MIX) - 1]
        shares = np.array(HAIR_MIX[: len(nearest) + 1], np.float32)
        mixed: Floats = (shares / shares.sum()) @ self.hair[[anchor, *nearest]]
        donors = self.hair[rng.choice(pool, NOISE_DONORS)] - self.hair[pool].mean(0)
        weights = rng.standard_normal(NOISE_DONORS).astype(np.float32) / np.float32(np.sqrt(NOISE_DONORS))
        return (mixed + np.float32(HAIR_NOISE) * (weights @ donors)).astype(np.float32), anchor

    def _measures(self, wanted: Wanted, *, anchor: int, sex: int, ethnicity: int, rng: np.random.Generator) -> Floats:
        """Pose, skin, hair, beard and age go with the hair anchor, the expression with another portrait."""
        bounds = wanted.measures or {}
        shortfall = np.where((self.sex == sex) & (self.ethnicity == ethnicity), 0.0, 9.0)
        for name, (low, high) in bounds.items():
            values = self.measures[:, MEASURES.index(name)]
            shortfall += np.maximum(low - values, 0) + np.maximum(values - high, 0)
        ranked = np.argsort(shortfall, kind="stable")
        donors = ranked[: max(DONORS, int((shortfall == 0).sum()))]
        measures: Floats = self.measures[anchor].copy()
        expression = [MEASURES.index("smile"), MEASURES.index("mouth")]
        measures[expression] = self.measures[rng.choice(donors), expression]
        measures[:5] += JITTER * rng.standard_normal(5).astype(np.float32)
        youth = MEASURES.index("youth")
        measures[youth] = min(measures[youth], OLDEST_YOUTH)
        for name, (low, high) in bounds.items():
            column = MEASURES.index(name)
            measures[column] = np.clip(measures[column], low, high)
        return measures

    def _face(self, hair: Floats, measures: Floats, *, sex: int, ethnicity: int, rng: np.random.Generator) -> Floats:
        """Drawn until the face is of its sex; else whatever came closest."""
        design = regressors(np.array([ethnicity]), measures[None], hair[None])[0]
        centre, factor = design @ self.models[sex].weights, self.models[sex].factor
        best, clearest = centre, -np.inf
        for _ in range(SEX_TRIES):
            noise = np.clip(rng.standard_normal(len(factor)), -CLIP, CLIP)
            face = np.clip(centre + TEMPERATURE * (factor @ noise), -FARTHEST, FARTHEST)
            clear = (2 * sex - 1) * float(face @ self.sex_axis[:-1] + self.sex_axis[-1])
            if clear > clearest:
                best, clearest = face, clear
            if clear > SEX_MARGIN:
                break
        drawn: Floats = best.astype(np.float32)
        return drawn
