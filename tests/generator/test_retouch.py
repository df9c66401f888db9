"""What is painted on: where it belongs and nowhere else, as asked, and named in the answer."""

import cv2
import numpy as np
import pytest

from detector.landmarks import eye_distance
from detector.mesh_topology import INNER_LIPS, LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from detector.types import Pixels
from generator.backends.embedded import Embedded
from generator.prompt import parse
from generator.retouch import EYE_COLOURS, LIP_COLOURS, RETOUCHES, retouch
from generator.synthesizer import Synthesis

WISHES = [
    *({"eye_colour": colour} for colour in EYE_COLOURS),
    *({"lips": colour} for colour in LIP_COLOURS),
    {"freckles": "some"},
    {"glasses": "clear"},
    {"glasses": "dark"},
]


@pytest.fixture(scope="module")
def plain() -> Synthesis:
    return Embedded.load().synthesise(parse("a woman"), seed=3)


def painted(plain: Synthesis, **wish: str) -> Pixels:
    assert plain.mesh is not None
    return retouch(plain.pixels, plain.mesh, wish, rng=np.random.default_rng(1))


@pytest.mark.parametrize("wish", WISHES, ids=str)
def test_only_the_face_changes_and_the_same_way_each_time(wish: dict[str, str], plain: Synthesis) -> None:
    after = painted(plain, **wish)
    assert np.array_equal(after, painted(plain, **wish))
    changed = np.argwhere(np.abs(after.astype(int) - plain.pixels).max(axis=2) > 2)
    assert len(changed) > 20
    assert plain.mesh is not None
    low, high = plain.mesh.min(axis=0) - 12, plain.mesh.max(axis=0) + 12
    assert (changed[:, ::-1] >= low).all()
    assert (changed[:, ::-1] <= high).all()


@pytest.mark.parametrize("colour", list(EYE_COLOURS))
def test_irises_take_their_colour(colour: str, plain: Synthesis) -> None:
    """Within the irises (found as the places that changed) a and b of CIE Lab come nearer to what was asked."""
    after = painted(plain, eye_colour=colour)
    where = np.abs(after.astype(int) - plain.pixels).max(axis=2) > 3
    wanted = np.array(EYE_COLOURS[colour][1:])
    before, now = (_lab(pixels)[where][:, 1:].mean(axis=0) for pixels in (plain.pixels, after))
    assert np.linalg.norm(now - wanted) < 0.75 * np.linalg.norm(before - wanted)
    assert plain.mesh is not None
    reach = 0.2 * eye_distance(plain.mesh)
    middles = [plain.mesh[list(ids)].mean(axis=0) for ids in (LEFT_EYE, RIGHT_EYE)]
    places = np.argwhere(where)[:, ::-1]
    assert np.min([np.linalg.norm(places - middle, axis=1) for middle in middles], axis=0).max() < reach


def test_lipstick_spares_the_teeth(plain: Synthesis) -> None:
    after = painted(plain, lips="red")
    assert plain.mesh is not None
    inside = np.zeros(after.shape[:2], np.uint8)
    cv2.fillPoly(inside, [plain.mesh[list(INNER_LIPS)].round().astype(np.int32)], 1)
    inside = cv2.erode(inside, np.ones((7, 7), np.uint8))
    lips = np.zeros(after.shape[:2], np.uint8)
    cv2.fillPoly(lips, [plain.mesh[list(OUTER_LIPS)].round().astype(np.int32)], 1)
    redder = _lab(after)[..., 1] - _lab(plain.pixels)[..., 1]
    assert redder[lips - cv2.dilate(inside, np.ones((9, 9), np.uint8)) == 1].mean() > 10
    assert not inside.any() or redder[inside == 1].mean() < 3


def test_the_answer_names_what_was_painted() -> None:
    model = Embedded.load()
    wish = parse("a person with short brown hair and green eyes, wearing glasses")
    made = model.synthesise(wish, seed=12)
    assert set(made.retouched) == {"eye_colour", "glasses"}
    assert made.attributes == wish.attributes
    assert set(made.retouched) <= set(RETOUCHES)
    assert model.synthesise(parse("a woman"), seed=3).retouched == ()


def _lab(pixels: Pixels) -> np.ndarray:
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))
