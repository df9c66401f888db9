"""Whatever was done to a marked picture's sides, the lattice of its tiles is among the guesses."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.provenance.geometry import MAX_FOUND, MAX_LATTICES, MAX_STRETCHED, find_lattices, usual_lattices
from detector.provenance.keys import MarkKey
from detector.provenance.payload import Payload
from detector.provenance.residual import residual, working_copy
from detector.provenance.watermark import embed
from detector.types import Pixels

KEY = MarkKey(3, bytes(range(32)))
CLOSE = 0.01
"""Half a pixel at one tile from the corner; reading looks as far about a guess."""


def turn(degrees: float, scale: float = 1.0) -> NDArray[np.float64]:
    angle = np.deg2rad(degrees)
    return scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


CHANGES = {
    "as it was": turn(0),
    "turned": turn(12),
    "turned and smaller": turn(-20, 0.8),
    "narrower": np.diag([0.75, 1.0]),
    "wider": np.diag([4 / 3, 1.0]),
    "flatter and smaller": np.diag([0.7, 0.5]),
    "twice as high as wide": np.diag([0.7, 1.35]),
}


def changed(pixels: Pixels, matrix: NDArray[np.float64]) -> Pixels:
    """`pixels` about their middle, with nothing cut away."""
    height, width = pixels.shape[:2]
    corners = np.array([(x, y) for x in (-width / 2, width / 2) for y in (-height / 2, height / 2)]) @ matrix.T
    size = np.ceil(2 * corners.max(axis=0)).astype(int)
    warp = np.hstack([matrix, (size / 2 - matrix @ (width / 2, height / 2))[:, None]])
    return np.asarray(cv2.warpAffine(pixels, warp, size.tolist(), flags=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="module")
def marked(make_photo: Callable[..., Pixels]) -> Pixels:
    return embed(make_photo(6, width=640, height=512), payload=Payload("0123456789ab", KEY.key_id), key=KEY)


@pytest.mark.parametrize("name", CHANGES)
def test_the_lattice_is_found(name: str, marked: Pixels) -> None:
    found = find_lattices(residual(working_copy(changed(marked, CHANGES[name]))))
    assert min(float(np.abs(guess.matrix - CHANGES[name]).max()) for guess in found) < CLOSE


def test_guesses_stay_within_what_the_false_match_bound_counts(marked: Pixels) -> None:
    for pixels in (marked, marked[:130, :130], np.zeros((300, 200, 3), np.uint8)):
        fine = residual(working_copy(pixels))
        guesses = find_lattices(fine)
        assert len(guesses) <= MAX_FOUND + MAX_STRETCHED
        assert 1 + len(guesses) + len(usual_lattices(fine.shape)) <= MAX_LATTICES


def test_too_little_of_a_picture_gives_none() -> None:
    assert find_lattices(np.zeros((40, 300), np.float32)) == []
