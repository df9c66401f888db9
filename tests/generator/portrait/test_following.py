"""A face is followed from frame to frame, found again after it was gone, and done without where it cannot be found."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from detector.landmarks import LandmarkFinder, eye_distance
from detector.types import Pixels
from generator.portrait.following import LOOK_AGAIN, FaceFollower
from generator.portrait.subject import Finders

STEP = 4
"""Pixels that the face moves from frame to frame."""


def test_it_follows_and_finds_again(portrait: Pixels, finders: Finders) -> None:
    follower = FaceFollower(finders)
    first = follower.mesh(portrait)
    assert first is not None
    for number in range(1, 5):
        mesh = follower.mesh(np.roll(portrait, STEP * number, axis=1))
        assert mesh is not None
        moved = float((mesh[:, 0] - first[:, 0]).mean())
        assert abs(moved - STEP * number) < STEP + 0.02 * eye_distance(first)
    blank = np.full_like(portrait, 128)
    assert [follower.mesh(blank) for _ in range(LOOK_AGAIN)][-1] is None
    assert follower.mesh(portrait) is not None


def test_without_weights_there_is_no_mesh(portrait: Pixels, finders: Finders, tmp_path: Path) -> None:
    assert FaceFollower(replace(finders, landmarks=LandmarkFinder(tmp_path))).mesh(portrait) is None
