"""Which frames are looked at: every shot, evenly, between eight and sixty-four."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.shots import LEAST, MOST, Span, choose, cuts, difference, shares, spans
from detector.types import Pixels


def even(count: int, *, rate: float = 10.0) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], float]:
    return np.arange(count) / rate, count / rate


def test_pictures_alike_and_not(make_photo: Callable[..., Pixels]) -> None:
    first, second = (make_photo(seed, width=32, height=18) for seed in (1, 2))
    assert difference(first, first) == 0.0
    assert 0.0 < difference(first, np.clip(first + np.uint8(3), 0, 255).astype(np.uint8)) < 0.1
    assert difference(first, second) > 0.2
    assert difference(np.zeros((18, 32, 3), np.uint8), np.full((18, 32, 3), 255, np.uint8)) == 1.0


def test_a_cut_stands_out_and_a_flicker_does_not() -> None:
    assert cuts([0.0, 0.02, 0.03, 0.6, 0.02, 0.03, 0.02]) == [3]
    assert cuts([0.0, *[0.3] * 20]) == []
    assert cuts([]) == []


def test_shots_cover_the_clip() -> None:
    assert spans([3, 7, 3, 0, 10], 10) == (Span(0, 3), Span(3, 7), Span(7, 10))
    assert spans([], 4) == (Span(0, 4),)


@pytest.mark.parametrize(("seconds", "expected"), [(0.3, 3), (2.0, LEAST), (20.0, 20), (600.0, MOST)])
def test_one_a_second_between_bounds(seconds: float, expected: int) -> None:
    times, end = even(round(seconds * 10))
    chosen = choose(times, spans([], len(times)), np.ones(len(times), bool), end=end)
    assert len(chosen) == expected
    assert max(np.diff(chosen)) <= 2 * max(1, len(times) / expected)


def test_every_shot_is_seen_and_the_longest_where_there_are_too_many() -> None:
    times, end = even(3000)
    short = spans([2990, 2992, 2994], 3000)
    chosen = choose(times, short, np.ones(3000, bool), end=end)
    assert all(any(shot.start <= number < shot.end for number in chosen) for shot in short)
    many = spans([*range(2, 400, 2), 1000], 3000)
    chosen = choose(times, many, np.ones(3000, bool), end=end)
    assert len(chosen) == MOST
    assert any(number >= 1000 for number in chosen)


def test_a_still_stretch_gets_no_crowd_but_the_least_is_kept() -> None:
    times = np.concatenate([np.arange(200) / 100, [60.0]])
    chosen = choose(times, spans([], 201), np.ones(201, bool), end=61.0)
    assert LEAST <= len(chosen) <= 2 * LEAST
    assert 200 in chosen


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=100), st.integers(1, MOST))
def test_shares_add_up(lengths: list[float], total: int) -> None:
    given_out = shares(np.array(lengths), total)
    assert sum(given_out) == total
    assert len(given_out) > total or min(given_out) >= 1


@settings(deadline=None)
@given(st.data())
def test_never_too_many_and_only_usable_ones(data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.floats(0.001, 30.0), min_size=1, max_size=300))
    times = np.cumsum(gaps) - gaps[0]
    usable = np.array(data.draw(st.lists(st.booleans(), min_size=len(gaps), max_size=len(gaps))))
    borders = data.draw(st.lists(st.integers(0, len(gaps)), max_size=90))
    chosen = choose(times, spans(borders, len(gaps)), usable, end=float(times[-1]) + 0.1)
    assert chosen == sorted(set(chosen))
    assert min(int(usable.sum()), LEAST) <= len(chosen) <= MOST
    assert all(usable[number] for number in chosen)
