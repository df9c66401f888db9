"""The warp goes there and back, and numbers at zero give the mean face."""

import numpy as np
import pytest

from generator.appearance import FRAME, Appearance
from generator.stored import read_weights, shipped


@pytest.fixture(scope="module")
def model() -> Appearance:
    return Appearance.from_tensors(read_weights(shipped(), "appearance"))


def test_zero_numbers_give_the_mean(model: Appearance) -> None:
    zero = np.zeros(len(model.shape_basis), np.float32)
    mean = model.render(shape=zero, texture=np.zeros(model.texture_numbers, np.float32))
    assert mean.shape == (FRAME, FRAME, 4)
    assert np.abs(mean - model.mean_texture).max() < 0.01


def test_warp_round_trip(model: Appearance) -> None:
    rng = np.random.default_rng(5)
    shape = rng.standard_normal(len(model.shape_basis)).astype(np.float32)
    points = model.points(shape)
    texture = rng.standard_normal(model.texture_numbers, np.float32) * np.float32(0.5)
    picture = model.render(shape=shape, texture=texture)
    back = model.mesh.from_mean(model.mesh.to_mean(picture, points), points)
    inside = slice(8, FRAME - 8)
    error = np.mean((picture[inside, inside] - back[inside, inside]) ** 2)
    assert -10 * np.log10(error) > 30


def test_corners_of_the_picture_stay(model: Appearance) -> None:
    field = model.mesh.displacement(model.points(np.full(len(model.shape_basis), 1.0, np.float32)))
    assert np.abs(field[[0, 0, -1, -1], [0, -1, 0, -1]]).max() < 0.2
