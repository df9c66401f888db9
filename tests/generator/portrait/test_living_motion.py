"""An idle face lives: it blinks at a human pace, moves smoothly, and the same seed moves it the same way."""

import numpy as np
import pytest

from generator.portrait.expression import RATE, Track
from generator.portrait.features import Floats
from generator.portrait.motion import SWAYS, perform
from generator.portrait.visemes import NUMBERS

SECONDS = 60


def idle(seed: int = 3) -> Track:
    frames = SECONDS * RATE
    silent = np.zeros(frames, np.float32)
    return perform(dict.fromkeys(NUMBERS, silent), silent, silent, rng=np.random.default_rng(seed))


def curve(track: Track, name: str) -> Floats:
    return np.array([getattr(moment, name) for moment in track])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_blinks_come_at_a_human_pace_and_shut_the_eyes(seed: int) -> None:
    shut = curve(idle(seed), "blink") > 0.05
    starts, ends = np.flatnonzero(np.diff(shut.astype(int)) == 1), np.flatnonzero(np.diff(shut.astype(int)) == -1)
    count = min(len(starts), len(ends))
    lasting = (ends[:count] - starts[:count]) / RATE
    assert ((lasting >= 0.15) & (lasting <= 0.32)).all()
    assert ((np.diff(starts) / RATE >= 1.9) & (np.diff(starts) / RATE <= 6)).all()
    lids = curve(idle(seed), "blink")
    assert all(lids[start : end + 1].max() == 1 for start, end in zip(starts, ends, strict=False))


@pytest.mark.parametrize("name", [name for name, _ in SWAYS] + ["smile", "brow"])
def test_slow_movements_are_small_and_without_jitter(name: str) -> None:
    values = curve(idle(), name)
    assert np.abs(values).max() < 0.6
    assert np.abs(np.diff(values)).max() < 0.09 * max(float(np.ptp(values)), 1e-6)
    assert np.abs(np.diff(values, n=2)).max() < 0.02 * max(float(np.ptp(values)), 1e-6)


def test_the_seed_decides_everything() -> None:
    assert idle(5) == idle(5)
    assert idle(5) != idle(6)


def test_stress_lifts_the_brows() -> None:
    frames = 100
    silent, stressed = np.zeros(frames, np.float32), np.zeros(frames, np.float32)
    stressed[40:55] = 1
    calm, loud = (
        perform(dict.fromkeys(NUMBERS, silent), silent, stress, rng=np.random.default_rng(1))
        for stress in (silent, stressed)
    )
    lifted = curve(loud, "brow") - curve(calm, "brow")
    assert lifted[47] > 0.15
    assert abs(lifted[5]) < 0.01
