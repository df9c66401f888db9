"""The face that a portrait tool works on: the largest in the picture, with its dense mesh."""

from dataclasses import dataclass, field
from typing import Final

from detector.apparent_age import ApparentAge
from detector.faces import FaceFinder
from detector.landmarks import LandmarkFinder, Points, eye_distance
from detector.types import Face, Pixels
from generator.errors import PortraitUnusable

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


def find_subject(pixels: Pixels, finders: Finders) -> Subject:
    """The largest face in `pixels`; raises `PortraitUnusable` if there is none, or none large enough."""
    found = finders.faces.find(pixels)
    if not found:
        raise PortraitUnusable("There is no face in the picture.")
    mesh = finders.landmarks.find(pixels, found[0])
    if eye_distance(mesh) < MIN_EYES_APART:
        raise PortraitUnusable(f"The face is too small: its eyes are less than {MIN_EYES_APART:g} pixels apart.")
    return Subject(pixels, found[0], mesh)
