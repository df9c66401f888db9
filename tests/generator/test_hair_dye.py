"""Dye takes hair and leaves skin, clothes, wall and outline."""

import cv2
import numpy as np
import pytest

from detector.mesh_topology import OVAL
from generator.appearance import WALL, Floats
from generator.hair_dye import DYES, dye

SIDE = 256
HAIR, SKIN, CLOTHES = (0.12, 0.09, 0.08), (0.80, 0.60, 0.50), (0.2, 0.3, 0.6)


@pytest.fixture(scope="module")
def mesh() -> Floats:
    points = np.full((468, 2), 128, np.float32)
    angle = np.linspace(-np.pi / 2, 1.5 * np.pi, len(OVAL), endpoint=False)
    points[list(OVAL)] = np.c_[128 + 48 * np.cos(angle), 140 + 62 * np.sin(angle)]
    points[[105, 334]] = (128, 112)
    return points


@pytest.fixture(scope="module")
def cut(mesh: Floats) -> Floats:
    picture = np.full((SIDE, SIDE, 4), WALL, np.float32)
    picture[..., 3] = 0
    rows, columns = np.mgrid[:SIDE, :SIDE]
    picture[((columns - 128) / 70) ** 2 + ((rows - 110) / 90) ** 2 < 1] = (*HAIR, 1)
    cv2.ellipse(picture, (128, 140), (48, 62), 0, 0, 360, (*SKIN, 1.0), -1)
    picture[215:] = (*CLOTHES, 1)
    return picture


@pytest.mark.parametrize("colour", sorted(DYES))
def test_hair_takes_the_dye_and_nothing_else_does(cut: Floats, mesh: Floats, colour: str) -> None:
    dyed = dye(cut, mesh, colour)
    crown = cv2.cvtColor(np.ascontiguousarray(dyed[..., :3]), cv2.COLOR_RGB2LAB)[40, 128]
    assert np.linalg.norm(crown - DYES[colour]) < 6
    for place in ((150, 128), (240, 128), (20, 10)):
        assert np.abs(dyed[place] - cut[place]).max() < 0.02
    assert np.array_equal(dyed[..., 3], cut[..., 3])


def test_without_hair_nothing_is_dyed(cut: Floats, mesh: Floats) -> None:
    bald = cut.copy()
    bald[:80] = (WALL, WALL, WALL, 0)
    assert np.array_equal(dye(bald, mesh, "pink"), bald)
