"""The face in a row of live frames: found anew now and then, followed by its landmarks in between."""

from typing import Final

from detector.errors import ModelUnavailable
from detector.landmarks import Points, eye_distance, framing
from detector.types import Pixels
from generator.portrait.subject import Finders

LOOK_AGAIN: Final = 12
"""Frames after which the face is searched for in the whole frame: about once a second."""
FOLLOWED_EVERY: Final = 2
"""Frames after which the landmarks are found anew: they cost as much as a quick style does."""
MIN_EYES_APART: Final = 10.0
"""Pixels; a live frame is small, and only styles hang on its mesh."""


class FaceFollower:
    """Follows one face; after the first frame it costs the landmark network alone, and that not each time."""

    def __init__(self, finders: Finders) -> None:
        self._finders = finders
        self._mesh: Points | None = None
        self._frames = 0

    def mesh(self, pixels: Pixels) -> Points | None:
        """Mesh (468 3) of the face in the next frame (H W 3); null if there is none that is large enough."""
        number, self._frames = self._frames, self._frames + 1
        look_again = self._mesh is None or number % LOOK_AGAIN == 0
        if not look_again and number % FOLLOWED_EVERY:
            return self._mesh
        try:
            self._mesh = self._found(pixels) if look_again else self._followed(pixels)
        except ModelUnavailable:  # styles do without
            self._mesh = None
        return self._mesh

    def _found(self, pixels: Pixels) -> Points | None:
        faces = self._finders.faces.find(pixels)
        return _large(self._finders.landmarks.find(pixels, faces[0])) if faces else None

    def _followed(self, pixels: Pixels) -> Points | None:
        return None if self._mesh is None else _large(self._finders.landmarks.follow(pixels, framing(self._mesh)))


def _large(mesh: Points) -> Points | None:
    return mesh if eye_distance(mesh) >= MIN_EYES_APART else None
