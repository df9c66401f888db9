"""Faces stay the same through motion, gaps and crossings, and never across a cut."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.tracks import MAX_GAP, Sighting, appearance_of, follow, intersection_over_union
from detector.types import Face, Pixels

Look = NDArray[np.float32]


def look(angle: float) -> Look:
    """Looks whose likeness is the cosine of the difference of their angles in degrees."""
    return np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))], np.float32)


def face(order: int, x: float, *, who: float = 0.0, side: float = 100.0, shot: int = 0) -> Sighting:
    return Sighting(order, shot, (x, 50.0, x + side, 50.0 + side), look(who))


def test_one_face_that_moves_is_one_track() -> None:
    assert follow([face(order, 20.0 * order, who=5.0 * order) for order in range(8)]) == (0,) * 8


def test_a_leap_needs_a_like_face() -> None:
    assert follow([face(0, 0), face(1, 180, who=20)]) == (0, 0)
    assert follow([face(0, 0), face(1, 180, who=80)]) == (0, 1)
    assert follow([face(0, 0), face(1, 900)]) == (0, 1)


def test_a_swapped_place_is_another_face() -> None:
    assert follow([face(0, 0), face(1, 0, who=120)]) == (0, 1)
    assert follow([face(0, 0, side=100), face(1, 0, side=300)]) == (0, 1)


def test_two_faces_that_cross_keep_their_tracks() -> None:
    crossing = [
        one for order in range(5) for one in (face(order, 60.0 * order), face(order, 240 - 60.0 * order, who=75))
    ]
    assert follow(crossing) == (0, 1) * 5


def test_a_lost_face_is_taken_up_again_but_not_for_ever() -> None:
    assert follow([face(0, 0), face(MAX_GAP, 10)]) == (0, 0)
    assert follow([face(0, 0), face(MAX_GAP + 1, 10)]) == (0, 1)


def test_a_cut_ends_every_track() -> None:
    assert follow([face(0, 0), face(1, 0, shot=1), face(2, 0, shot=1)]) == (0, 1, 1)


def test_nobody_is_no_track() -> None:
    assert follow([]) == ()


def test_order_of_the_list_does_not_matter() -> None:
    sightings = [face(0, 0), face(1, 10), face(0, 500, who=70), face(1, 510, who=70)]
    tracks = follow(sightings)
    assert tracks[0] == tracks[1] != tracks[2] == tracks[3]


@pytest.mark.parametrize(
    ("second", "expected"),
    [((0.0, 0.0, 10.0, 10.0), 1.0), ((5.0, 0.0, 15.0, 10.0), 1 / 3), ((20.0, 0.0, 30.0, 10.0), 0.0)],
)
def test_intersection_over_union(second: tuple[float, float, float, float], expected: float) -> None:
    assert intersection_over_union((0.0, 0.0, 10.0, 10.0), second) == pytest.approx(expected)


def test_appearance_survives_light_and_tells_pictures_apart(make_photo: Callable[..., Pixels]) -> None:
    one, other = make_photo(1), make_photo(2)
    found = Face((60, 40, 220, 200), ((110, 100), (170, 100), (140, 130), (115, 165), (165, 165)), 0.99)
    dark = (one * 0.7).astype(np.uint8)
    looks = appearance_of(one, found)
    assert float(np.linalg.norm(looks)) == pytest.approx(1.0, abs=1e-5)
    assert float(looks @ appearance_of(dark, found)) > 0.9 > float(looks @ appearance_of(other, found))
