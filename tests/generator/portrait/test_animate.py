"""A moved portrait does what its numbers say, and keeps still where nothing moves."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from detector.mesh_topology import INNER_LIPS, LEFT_EYE_RIM, RIGHT_EYE_RIM
from detector.types import Pixels
from generator.errors import PortraitUnusable
from generator.portrait.animate import Animator
from generator.portrait.expression import Expression
from generator.portrait.features import Features, Floats
from generator.prompt import FaceRequest
from generator.synthesizer import Synthesis, open_synthesizer

TALKING = Expression(open=0.6, seal=1.0, wide=0.3, brow=0.5, turn=0.04, nod=0.02, tilt=0.02, gaze_x=0.4, blink=0.3)
UPPER_LIP, LOWER_LIP = INNER_LIPS[15], INNER_LIPS[5]


@pytest.fixture(scope="module")
def face() -> Synthesis:
    """A face at the camera with a closed mouth."""
    return open_synthesizer().synthesise(FaceRequest({"turn": "front", "mouth": "closed"}), seed=11)


@pytest.fixture(scope="module")
def animator(face: Synthesis) -> Animator:
    assert face.mesh is not None
    return Animator(face.pixels, face.mesh)


def apart(mesh: Floats, upper: int, lower: int) -> float:
    return float(np.linalg.norm(mesh[lower] - mesh[upper]))


def around(pixels: Pixels, points: Floats, margin: int = 4) -> Pixels:
    low, high = points.min(axis=0).astype(int) - margin, points.max(axis=0).astype(int) + margin
    return pixels[low[1] : high[1], low[0] : high[0]]


def test_at_rest_it_is_the_still(face: Synthesis, animator: Animator) -> None:
    assert face.mesh is not None
    drawn = animator.frame(Expression())
    assert np.abs(drawn.astype(int) - face.pixels).mean() < 0.4
    assert np.abs(animator.mesh(Expression()) - face.mesh).max() < 1e-3


def test_the_same_numbers_give_the_same_pixels(face: Synthesis, animator: Animator) -> None:
    assert face.mesh is not None
    again = Animator(face.pixels, face.mesh)
    assert np.array_equal(animator.frame(TALKING), again.frame(TALKING))


def test_the_mouth_opens_as_far_as_it_is_told(face: Synthesis, animator: Animator) -> None:
    gaps = [apart(animator.mesh(Expression(open=far)), UPPER_LIP, LOWER_LIP) for far in (0.0, 0.25, 0.5, 0.75, 1.0)]
    steps = np.diff(gaps)
    assert steps.min() > 0.9 * steps.max() > 5
    closed, opened = (animator.frame(Expression(open=far)) for far in (0.0, 1.0))
    lips = animator.mesh(Expression(open=1.0))[list(INNER_LIPS)]
    x, y = np.round(lips.mean(axis=0)).astype(int)
    assert opened[y - 3 : y + 4, x - 8 : x + 9].mean() < 0.6 * closed[y - 3 : y + 4, x - 8 : x + 9].mean()


def test_lips_that_are_sealed_meet(face: Synthesis, animator: Animator) -> None:
    sealed = animator.mesh(Expression(seal=1.0))
    assert apart(sealed, UPPER_LIP, LOWER_LIP) < 0.5


def test_corners_go_apart_and_together(animator: Animator) -> None:
    left, right = INNER_LIPS[0], INNER_LIPS[10]
    width = [apart(animator.mesh(moment), left, right) for moment in (Expression(pucker=1), Expression(), TALKING)]
    assert width[0] < 0.85 * width[1]
    assert apart(animator.mesh(Expression(wide=1)), left, right) > 1.05 * width[1]


def test_a_blink_shuts_the_eyes(animator: Animator) -> None:
    still, shut = animator.frame(Expression()), animator.frame(Expression(blink=1.0))
    mesh = animator.mesh(Expression(blink=1.0))
    for rim in (LEFT_EYE_RIM, RIGHT_EYE_RIM):
        assert apart(mesh, rim[12], rim[4]) < 0.15 * apart(animator.mesh(Expression()), rim[12], rim[4])
        before, after = (around(frame, animator.mesh(Expression())[list(rim)], -6) for frame in (still, shut))
        assert np.percentile(after, 10) > 1.3 * np.percentile(before, 10)


def test_the_background_keeps_still(face: Synthesis, animator: Animator) -> None:
    moved = animator.frame(TALKING)
    for corner in ((slice(0, 512), slice(0, 12)), (slice(0, 512), slice(500, 512)), (slice(509, 512), slice(0, 512))):
        assert np.array_equal(moved[corner], face.pixels[corner])


def test_a_turned_head_moves_its_nose_most(animator: Animator) -> None:
    moved = animator.mesh(Expression(turn=0.05)) - animator.mesh(Expression())
    nose, side = moved[4, 0], moved[234, 0]
    assert nose > 4 > 2.5 > abs(side)


def test_a_moved_frame_is_as_sharp_as_the_still(face: Synthesis, animator: Animator) -> None:
    still, moved = face.pixels[60:200, 150:360], animator.frame(Expression(turn=0.03, shift_x=0.01))[60:200, 150:360]
    detail = [cv2.Laplacian(part.astype(np.float32), cv2.CV_32F).std() for part in (still, moved)]
    assert detail[1] > 0.85 * detail[0]


def test_neighbouring_moments_are_neighbouring_pictures(animator: Animator) -> None:
    frames = [animator.frame(Expression(open=far, seal=1.0)) for far in np.linspace(0.3, 0.4, 6)]
    steps = [np.abs(a.astype(int) - b).max() for a, b in pairwise(frames)]
    assert max(steps) < 110


@pytest.mark.parametrize("side", [96, 900])
def test_any_size_and_shape_will_do(face: Synthesis, side: int) -> None:
    assert face.mesh is not None
    scale = side / 512
    pixels = cv2.resize(face.pixels, (side, side), interpolation=cv2.INTER_AREA)[: side - 7]
    drawn = Animator(pixels, (face.mesh + 0.5) * scale - 0.5).frame(TALKING)
    assert drawn.shape == pixels.shape


def test_a_face_that_is_too_small_is_refused(face: Synthesis) -> None:
    assert face.mesh is not None
    with pytest.raises(PortraitUnusable):
        Features.of(face.mesh * 0.15)
    with pytest.raises(PortraitUnusable):
        Features.of(face.mesh * np.nan)
