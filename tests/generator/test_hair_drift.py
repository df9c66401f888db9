"""Hair and shoulders move, the face does not."""

import numpy as np
import pytest

from generator.appearance import Appearance
from generator.hair_drift import MOVES, drifted, random_drift
from generator.stored import read_weights, shipped
from generator.training.measure import face_mask


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    model = Appearance.from_tensors(read_weights(shipped(), "appearance"))
    return model.points(np.zeros(len(model.shape_basis), np.float32))


@pytest.fixture(scope="module")
def cut() -> np.ndarray:
    return np.random.default_rng(1).random((128, 128, 4), np.float32)


def test_face_stays_and_the_rest_moves(points: np.ndarray, cut: np.ndarray) -> None:
    moved = drifted(cut, random_drift(np.random.default_rng(2)), points)
    inside = face_mask(points)
    assert np.allclose(moved[inside], cut[inside], atol=1e-5)
    assert np.abs(moved - cut)[:10].mean() > 0.1
    assert moved.min() >= 0
    assert moved.max() <= 1


def test_no_drift_is_no_change(points: np.ndarray, cut: np.ndarray) -> None:
    assert np.allclose(drifted(cut, np.zeros((MOVES, 2), np.float32), points), cut, atol=1e-5)


def test_a_shift_of_all_places_is_a_shift_of_the_hair(points: np.ndarray) -> None:
    ramp = np.repeat(np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[:, None, None], 256, 1), 4, 2)
    moved = drifted(ramp, np.tile(np.array([[0, 4]], np.float32), (MOVES, 1)), points)
    assert moved[60:70, :20] == pytest.approx(ramp[68:78, :20], abs=2e-3)
    assert moved[0] == pytest.approx(ramp[0], abs=2e-3), "the rim is not drawn out"
