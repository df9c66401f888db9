"""No face leaves that may be a minor's: each is looked at, and another is drawn instead.

Apparent age is a look (`detector.apparent_age` has its measured misses); a prompt alone would promise even less.
"""

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.landmarks import eye_distance
from detector.types import Pixels
from generator.backends.refusals import NEVER
from generator.errors import PortraitUnusable, UnsupportedAttribute
from generator.portrait.subject import MIN_EYES_APART, Finders

if TYPE_CHECKING:
    from generator.prompt import FaceRequest
    from generator.synthesizer import Synthesis, Synthesizer

TRIES: Final = 4
"""Faces drawn for one request at most."""
SEEDS: Final = 2**32
STRIDE: Final = 0x9E3779B1
"""From a seed to the next try's: odd, so that it meets every seed, and large, so that it meets no neighbour's."""


class ApparentMinor(UnsupportedAttribute):
    """Whatever was drawn may be taken for a minor's face."""

    def __init__(self) -> None:
        super().__init__((NEVER["minor"],))


def draw_adult(synthesizer: "Synthesizer", request: "FaceRequest", *, seed: int, finders: Finders) -> "Synthesis":
    """A face that does not look like a minor's: that of `seed`, or of the first of a few others; it says which.

    Raises `ApparentMinor`, or `PortraitUnusable` if no face was found to look at, and what `synthesizer` raises.
    """
    fault: ApparentMinor | PortraitUnusable = ApparentMinor()
    for attempt in range(TRIES):
        synthesis = synthesizer.synthesise(request, seed=(seed + attempt * STRIDE) % SEEDS)
        try:
            _look(synthesis, finders)
        except (ApparentMinor, PortraitUnusable) as error:
            fault = error
        else:
            return synthesis
    raise fault


def _look(synthesis: "Synthesis", finders: Finders) -> None:
    """Where the backend knows the face's mesh, nothing has to be found first."""
    if synthesis.mesh is None:
        require_adults(synthesis.pixels, finders)
        return
    mesh = np.pad(synthesis.mesh, ((0, 0), (0, 1)))
    if finders.age.may_be_minor(synthesis.pixels, mesh, landmarks=finders.landmarks):
        raise ApparentMinor


def require_adults(pixels: Pixels, finders: Finders) -> None:
    """Looks at every face in `pixels`.

    Raises `ApparentMinor` for one that may be a minor's, and `PortraitUnusable` if there is none or one too small.
    """
    faces = finders.faces.find(pixels)
    if not faces:
        raise PortraitUnusable("There is no face in the picture that was drawn.")
    for face in faces:
        mesh = finders.landmarks.find(pixels, face)
        if eye_distance(mesh) < MIN_EYES_APART:
            raise PortraitUnusable("A face in the picture that was drawn is too small to tell its age.")
        if finders.age.may_be_minor(pixels, mesh, landmarks=finders.landmarks):
            raise ApparentMinor
