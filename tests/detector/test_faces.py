"""Faces are found on a photo that a package ships, and cut level and centred wherever they lie."""

import numpy as np
import pytest
from skimage import data as photos

from detector.faces import FaceFinder, crop_face, crop_matrix
from detector.types import Face, Pixels


@pytest.fixture(scope="module")
def astronaut() -> Pixels:
    return np.asarray(photos.astronaut(), dtype=np.uint8)


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


def test_finds_the_one_face(finder: FaceFinder, astronaut: Pixels) -> None:
    (face,) = finder.find(astronaut)
    x0, y0, x1, y1 = face.box
    assert 150 < x0 < 200
    assert 250 < x1 < 300
    assert y0 < face.landmarks[0][1] < y1


def test_coordinates_are_those_of_a_large_original(finder: FaceFinder, astronaut: Pixels) -> None:
    (small,) = finder.find(astronaut)
    (large,) = finder.find(np.repeat(np.repeat(astronaut, 3, axis=0), 3, axis=1))
    assert np.allclose(np.array(large.box) / 3, small.box, atol=8)


@pytest.mark.parametrize("shape", [(1, 1), (10, 400), (64, 64)])
def test_finds_nothing_in_a_flat_picture(finder: FaceFinder, shape: tuple[int, int]) -> None:
    assert finder.find(np.full((*shape, 3), 128, dtype=np.uint8)) == ()


def test_the_crop_levels_the_eyes() -> None:
    face = Face((40.0, 40.0, 140.0, 160.0), ((60.0, 80.0), (110.0, 100.0), (90, 100), (70, 130), (110, 130)), 1.0)
    matrix = crop_matrix(face, side=224)
    left, right = (matrix @ np.array([x, y, 1.0]) for x, y in face.landmarks[:2])
    assert left[1] == pytest.approx(right[1], abs=1e-6)
    assert right[0] > left[0]
    centre = matrix @ np.array([90.0, 100.0, 1.0])
    assert np.allclose(centre, 112.0)


@pytest.mark.parametrize("scale", [0.3, 1.0, 9.0])
def test_crops_have_one_size_whatever_the_face(astronaut: Pixels, scale: float) -> None:
    box = (224 - 40 * scale, 120 - 40 * scale, 224 + 40 * scale, 120 + 40 * scale)
    marks = tuple(
        (224 + dx * scale, 120 + dy * scale) for dx, dy in [(-15, -10), (15, -10), (0, 5), (-10, 20), (10, 20)]
    )
    crop = crop_face(astronaut, Face(box, marks, 1.0), side=64)
    assert crop.shape == (64, 64, 3)
    assert crop.dtype == np.uint8
