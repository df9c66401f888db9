"""Sounds flow into each other, but lips that must meet do meet."""

import numpy as np
import pytest

from generator.portrait.expression import RATE
from generator.portrait.visemes import NUMBERS, SHAPES, Sound, mouth_curves


def test_a_vowel_opens_the_mouth_when_it_is_due() -> None:
    mouth = mouth_curves([Sound("a", 0.4)], frames=50, start=1.0)["open"]
    assert mouth[round(1.2 * RATE)] > 0.99 * mouth.max()
    assert mouth.max() > 0.9 * SHAPES["a"].open
    assert max(mouth[0], mouth[-1]) < 0.02


@pytest.mark.parametrize("start", [0.50, 0.51, 0.52, 0.53])
def test_lips_meet_for_a_short_m_between_open_vowels(start: float) -> None:
    mouth = mouth_curves([Sound("a", 0.11), Sound("m", 0.066), Sound("a", 0.11)], frames=40, start=start)["open"]
    due = round((start + 0.143) * RATE)
    assert mouth[due - 1 : due + 2].min() < 0.12
    assert mouth.max() > 0.3


def test_rounded_and_spread_vowels_differ() -> None:
    rounded, spread = (mouth_curves([Sound(shape, 0.3)], frames=40, start=0.6) for shape in ("u", "i"))
    assert rounded["pucker"].max() > 0.8 > 0.1 > rounded["wide"].max()
    assert spread["wide"].max() > 0.7 > 0.1 > spread["pucker"].max()


def test_the_mouth_never_jumps() -> None:
    sounds = [Sound(shape, 0.07) for shape in ("t", "a", "m", "i", "k", "u", "f", "o", "s", "e", "m", "a")]
    curves = mouth_curves(sounds, frames=60, start=0.5)
    assert curves.keys() == set(NUMBERS)
    for values in curves.values():
        assert np.abs(np.diff(values)).max() < 0.55
        assert 0 <= values.min() <= values.max() <= 1
