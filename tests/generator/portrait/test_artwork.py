"""Every art form makes another picture of the same face, the same one twice, and takes no settings that it does not."""

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.mesh_topology import LEFT_EYE_RIM, OUTER_LIPS, RIGHT_EYE_RIM
from detector.types import Pixels
from generator.errors import InvalidSettings
from generator.portrait.artwork import NAMES, PAINTED_SIDE, STYLE_PICTURE, Artwork, Manner, paint
from generator.portrait.subject import Subject

LEAST_CHANGE = 6.0
"""Mean absolute difference in grey levels from the photo."""
LEAST_LIKENESS = 0.3
"""Correlation of the slopes of lightness with the photo's, both at a coarse scale; of another face it is about .1."""


@pytest.fixture(scope="module")
def manner_picture() -> Pixels:
    """A painting of nothing: short strokes in blue and yellow along circles."""
    rng, side = np.random.default_rng(3), 240
    picture = np.full((side, side, 3), (30, 60, 130), np.uint8)
    for x, y in rng.uniform(0, side, (2500, 2)):
        along = np.array([-(y - side / 2), x - side / 2]) / (np.hypot(x - side / 2, y - side / 2) + 1) * 9
        colour = ((225, 190, 70), (60, 100, 170), (20, 40, 90))[int(rng.integers(3))]
        cv2.line(picture, (int(x), int(y)), (int(x + along[0]), int(y + along[1])), colour, 3, cv2.LINE_AA)
    return picture


@pytest.fixture(scope="module")
def small(subject: Subject) -> Subject:
    """The same at half its size, for speed."""
    pixels = cv2.resize(subject.pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return Subject(pixels, subject.face, subject.mesh * np.float32(0.5))


def settings(style: str, picture: Pixels, **more: int) -> dict[str, Any]:
    return {"style": style, **more} | ({"picture": picture} if style == STYLE_PICTURE else {})


def slopes(pixels: Pixels) -> NDArray[np.float32]:
    plane = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 5)
    return np.stack([cv2.Sobel(plane, cv2.CV_32F, 1, 0), cv2.Sobel(plane, cv2.CV_32F, 0, 1)])


def alike(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize("style", NAMES)
def test_another_picture_of_the_same_face(style: str, small: Subject, manner_picture: Pixels) -> None:
    tool, wish = Artwork(), settings(style, manner_picture, seed=4)
    done = tool.redraw(small, wish)
    assert done.pixels.shape == small.pixels.shape
    assert done.pixels.dtype == np.uint8
    assert done.told == {"style": style, "strength": 0.7, "seed": 4}
    assert np.abs(done.pixels.astype(int) - small.pixels).mean() > LEAST_CHANGE
    assert alike(slopes(done.pixels), slopes(small.pixels)) > LEAST_LIKENESS
    assert np.array_equal(done.pixels, tool.redraw(small, wish).pixels)


@pytest.mark.parametrize("style", NAMES)
def test_eyes_and_mouth_stay_legible(style: str, subject: Subject, manner_picture: Pixels) -> None:
    """Around each of them the art follows the photo more closely than the whole picture has to."""
    art = Artwork().redraw(subject, settings(style, manner_picture)).pixels
    drawn, seen = slopes(art), slopes(subject.pixels)
    for ring in (LEFT_EYE_RIM, RIGHT_EYE_RIM, OUTER_LIPS):
        points = subject.mesh[list(ring), :2]
        (x0, y0), (x1, y1) = points.min(axis=0).astype(int) - 12, points.max(axis=0).astype(int) + 12
        assert alike(drawn[:, y0:y1, x0:x1], seen[:, y0:y1, x0:x1]) > 2 * LEAST_LIKENESS


@pytest.mark.parametrize("style", NAMES)
def test_it_does_without_a_mesh_at_any_size(style: str, subject: Subject, manner_picture: Pixels) -> None:
    picture = manner_picture if style == STYLE_PICTURE else None
    for width, height in ((130, 200), (321, 180)):
        pixels = cv2.resize(subject.pixels, (width, height), interpolation=cv2.INTER_AREA)
        assert paint(pixels, None, Manner(style, picture=picture)).shape == (height, width, 3)


def test_seeds_and_strengths_differ(small: Subject) -> None:
    def made(**more: float) -> Pixels:
        return Artwork().redraw(small, {"style": "oil", **more}).pixels

    assert not np.array_equal(made(seed=1), made(seed=2))
    assert np.array_equal(made(strength=0), small.pixels)
    assert np.abs(made(strength=1).astype(int) - made(strength=0.5)).mean() > 1


def test_a_large_picture_keeps_its_size(subject: Subject) -> None:
    large = cv2.resize(subject.pixels, (PAINTED_SIDE + 320, PAINTED_SIDE + 320))
    scale = np.float32(len(large) / len(subject.pixels))
    assert paint(large, subject.mesh * scale, Manner("low_poly")).shape == large.shape


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"style": "cubism"}, "one of oil"),
        ({"style": ["oil"]}, "one of oil"),
        ({"strength": 1.5}, "from 0 to 1"),
        ({"strength": "much"}, "from 0 to 1"),
        ({"strength": float("nan")}, "from 0 to 1"),
        ({"strength": None}, "from 0 to 1"),
        ({"seed": -1}, "whole number"),
        ({"seed": 1.5}, "whole number"),
        ({"seed": True}, "whole number"),
        ({"brush": "broad"}, "not brush"),
        ({"style": STYLE_PICTURE}, "needs a style picture"),
        ({"style": STYLE_PICTURE, "picture": "aGVsbG8="}, "a file of its own"),
        ({"style": "ink", "picture": b"x"}, "alone"),
    ],
)
def test_what_is_refused(wish: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidSettings, match=told):
        Artwork().check(wish)
