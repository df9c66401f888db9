"""Walls have the colour that was asked, another at each draw, and are never quite flat."""

import cv2
import numpy as np
import pytest

from generator.backdrop import COLOURS, Walls
from generator.stored import read_weights, shipped

SIDE = 64


@pytest.fixture(scope="module")
def walls() -> Walls:
    return Walls.from_tensors(read_weights(shipped(), "appearance"))


@pytest.mark.parametrize("name", sorted(COLOURS))
def test_a_wall_has_the_colour_that_was_asked(walls: Walls, name: str) -> None:
    wall = walls.paint(name, side=SIDE, rng=np.random.default_rng(1))
    assert wall.shape == (SIDE, SIDE, 3)
    lab = cv2.cvtColor(wall, cv2.COLOR_RGB2LAB).reshape(-1, 3).mean(0)
    assert np.linalg.norm(lab - COLOURS[name]) < 12


def test_walls_differ_and_are_lit_unevenly(walls: Walls) -> None:
    rng = np.random.default_rng(2)
    first, second = (walls.paint(None, side=SIDE, rng=rng) for _ in range(2))
    assert np.abs(first - second).mean() > 0.005
    assert first.std(axis=(0, 1)).max() > 0.002
    assert 0 <= first.min() <= first.max() <= 1
