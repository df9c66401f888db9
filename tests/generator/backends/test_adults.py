"""Faces of unknown weights are looked at: for one too young, or none at all, another seed is tried, or none leaves."""

from dataclasses import replace

import numpy as np
import pytest

from detector.types import Pixels
from generator.backends.adults import STRIDE, TRIES, ApparentMinor, draw_adult, require_adults
from generator.errors import PortraitUnusable, UnsupportedAttribute
from generator.portrait.subject import Finders
from generator.prompt import FaceRequest
from generator.synthesizer import Synthesis

NOBODY = np.full((512, 512, 3), 128, np.uint8)


class Drawer:
    """A backend that draws `pictures` one after the other, and remembers the seeds."""

    name = "drawer"

    def __init__(self, *pictures: Pixels) -> None:
        self._pictures = pictures
        self.seeds: list[int] = []

    def synthesise(self, request: FaceRequest, *, seed: int) -> Synthesis:
        self.seeds.append(seed)
        pixels = self._pictures[(len(self.seeds) - 1) % len(self._pictures)]
        return Synthesis(pixels, {}, edited=False, seed=seed, backend=self.name)


def _wary(finders: Finders) -> Finders:
    """Everybody may be a minor."""
    return replace(finders, age=replace(finders.age, threshold=-1e9))


def test_an_adult_is_delivered_at_once(adult_face: Pixels, finders: Finders) -> None:
    drawer = Drawer(adult_face)
    assert draw_adult(drawer, FaceRequest(), seed=8, finders=finders).seed == 8
    assert drawer.seeds == [8]


def test_a_minors_look_is_never_delivered(adult_face: Pixels, finders: Finders) -> None:
    drawer = Drawer(adult_face)
    with pytest.raises(ApparentMinor, match="the face of a minor") as caught:
        draw_adult(drawer, FaceRequest(), seed=8, finders=_wary(finders))
    assert isinstance(caught.value, UnsupportedAttribute)
    assert caught.value.code == "unsupported_attribute"
    assert drawer.seeds == [(8 + attempt * STRIDE) % 2**32 for attempt in range(TRIES)]


def test_a_picture_without_a_face_is_drawn_anew(adult_face: Pixels, finders: Finders) -> None:
    drawer = Drawer(NOBODY, NOBODY, adult_face)
    made = draw_adult(drawer, FaceRequest(), seed=2**32 - 1, finders=finders)
    assert made.seed == drawer.seeds[2] == (2**32 - 1 + 2 * STRIDE) % 2**32
    with pytest.raises(PortraitUnusable, match="no face"):
        draw_adult(Drawer(NOBODY), FaceRequest(), seed=1, finders=finders)


def test_every_face_in_the_picture_is_looked_at(adult_face: Pixels, finders: Finders) -> None:
    tiny = np.full((1024, 1024, 3), 200, np.uint8)
    tiny[:512, :512] = adult_face
    tiny[800:864, 800:864] = adult_face[::8, ::8]
    assert len(finders.faces.find(tiny)) == 2
    with pytest.raises(PortraitUnusable, match="too small"):
        require_adults(tiny, finders)


def test_another_tries_seed_is_a_seed_of_its_own(adult_face: Pixels, finders: Finders) -> None:
    drawer = Drawer(NOBODY, adult_face)
    made = draw_adult(drawer, FaceRequest(), seed=5, finders=finders)
    assert draw_adult(Drawer(adult_face), FaceRequest(), seed=made.seed, finders=finders).seed == made.seed


def test_a_backend_that_knows_the_mesh_needs_no_face_finder(adult_face: Pixels, finders: Finders) -> None:
    face = finders.faces.find(adult_face)[0]
    mesh = finders.landmarks.find(adult_face, face)[:, :2]

    class Knowing(Drawer):
        def synthesise(self, request: FaceRequest, *, seed: int) -> Synthesis:
            return replace(super().synthesise(request, seed=seed), mesh=mesh)

    blind = replace(finders, faces=None)  # type: ignore[arg-type]
    assert draw_adult(Knowing(adult_face), FaceRequest(), seed=8, finders=blind).seed == 8
    with pytest.raises(ApparentMinor):
        draw_adult(Knowing(adult_face), FaceRequest(), seed=8, finders=_wary(blind))
