"""The face that a portrait tool works on, with its dense mesh: the only one in the picture, or the one meant."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from detector.apparent_age import ApparentAge
from detector.faces import FaceFinder
from detector.landmarks import LandmarkFinder, Points, eye_distance
from detector.types import Face, Pixels
from generator.errors import InvalidSettings, PortraitUnusable, SeveralFaces

MIN_EYES_APART: Final = 24.0
"""Pixels between the eyes; in a smaller face a landmark is off by more than an edit moves it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """`pixels` H W 3 of a picture, and the `face` in it with its `mesh` (468 3, pixels, z away from the viewer)."""

    pixels: Pixels
    face: Face
    mesh: Points


@dataclass(frozen=True, slots=True)
class Finders:
    """What looks at a face; both networks are loaded when first used."""

    faces: FaceFinder = field(default_factory=FaceFinder)
    landmarks: LandmarkFinder = field(default_factory=LandmarkFinder)
    age: ApparentAge = field(default_factory=ApparentAge.load)


def find_subjects(pixels: Pixels, finders: Finders) -> tuple[Subject, ...]:
    """The faces in `pixels` that can be worked on, from left to right.

    Raises `PortraitUnusable` if there is none, or none large enough: small ones in the background do not count.
    """
    found = [Subject(pixels, face, finders.landmarks.find(pixels, face)) for face in finders.faces.find(pixels)]
    if not found:
        raise PortraitUnusable("There is no face in the picture.")
    large = [subject for subject in found if eye_distance(subject.mesh) >= MIN_EYES_APART]
    if not large:
        raise PortraitUnusable(f"The face is too small: its eyes are less than {MIN_EYES_APART:g} pixels apart.")
    return tuple(sorted(large, key=lambda subject: float(subject.mesh[:, 0].mean())))


def choose_subject(subjects: Sequence[Subject], number: int | None = None) -> Subject:
    """The one of `subjects` that is meant, by its `number` from 1 on; the only one needs none.

    Raises `SeveralFaces` if no number says which of them, and `InvalidSettings` if there is no such number.
    """
    if number is None:
        if len(subjects) > 1:
            raise SeveralFaces(len(subjects))
        return subjects[0]
    if not 1 <= number <= len(subjects):
        raise InvalidSettings(f"There is no face {number} in the picture: they are counted from 1 to {len(subjects)}.")
    return subjects[number - 1]
