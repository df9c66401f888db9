"""The measures themselves are measured against values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.training.metrics import auc, bootstrap, calibration_error, equal_error_rate, tpr_at, wilson


def test_auc_counts_ties_half() -> None:
    assert auc(np.array([1.0, 2.0]), np.array([0.0, 1.0])) == pytest.approx(0.875)
    assert auc(np.array([1.0]), np.array([1.0])) == 0.5


def test_tpr_at_a_false_positive_rate() -> None:
    reals = np.arange(100, dtype=np.float64)
    assert tpr_at(np.array([98.5, 97.0]), reals, fpr=0.01) == 0.5


def test_equal_error_rate_of_two_overlapping_pairs() -> None:
    assert equal_error_rate(np.array([0.0, 2.0]), np.array([-1.0, 1.0])) == pytest.approx(0.5)
    assert equal_error_rate(np.array([3.0, 2.0]), np.array([-1.0, 1.0])) == 0.0


@given(st.integers(1, 500), st.data())
def test_wilson_holds_the_share(trials: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, trials))
    low, high = wilson(hits, trials)
    assert 0.0 <= low <= hits / trials + 1e-12
    assert hits / trials - 1e-12 <= high <= 1.0


def test_wilson_of_five_in_a_hundred() -> None:
    assert wilson(5, 100) == pytest.approx((0.0215, 0.1118), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)


def test_bootstrap_holds_the_estimate() -> None:
    rng = np.random.default_rng(1)
    fakes, reals = rng.normal(1, 1, 200), rng.normal(0, 1, 200)
    low, high = bootstrap(auc, fakes, reals)
    assert low < auc(fakes, reals) < high
    assert high - low < 0.12


def test_calibration_error_of_a_sure_liar_is_one() -> None:
    ones = np.ones(10)
    assert calibration_error(ones, np.zeros(10), ones) == pytest.approx(1.0)
    assert calibration_error(ones, ones, ones) == 0.0
