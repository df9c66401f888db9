"""Thresholds must hold their promise on data that they have not seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.classifier.calibration import conformal_threshold, fit, pooled_logit, probability, tail_scale

RNG = np.random.default_rng(7)


def test_the_conformal_threshold_holds_its_rate_on_average() -> None:
    rates = []
    for _ in range(300):
        seen, unseen = RNG.normal(size=400), RNG.normal(size=2000)
        rates.append(np.mean(unseen > conformal_threshold(seen, rate=0.01)))
    assert np.mean(rates) <= 0.011


def test_too_few_reals_for_the_rate_put_the_threshold_beyond_all_of_them() -> None:
    assert conformal_threshold(np.array([0.0, 1.0, 2.0]), rate=0.01) > 2.0


def test_probabilities_match_frequencies() -> None:
    reals, fakes = RNG.normal(-1, 1, 4000), RNG.normal(1, 1, 4000)
    found = fit(reals, fakes)
    assert found.scale == pytest.approx(2.0, rel=0.1)  # two unit Gaussians two apart: log-odds are 2x
    assert found.bias == pytest.approx(0.0, abs=0.1)
    assert found.review <= found.flag


def test_many_faces_are_no_likelier_to_be_flagged() -> None:
    reals = RNG.exponential(size=20_000) - 3.0
    found = fit(reals, reals + 4.0)
    groups = RNG.exponential(size=(20_000, 8)) - 3.0
    pooled = np.array([pooled_logit(group, found) for group in groups])
    single = np.mean(RNG.exponential(size=20_000) - 3.0 > found.flag)
    assert np.mean(pooled > found.flag) <= single + 0.004


def test_tail_of_an_exponential_is_its_scale() -> None:
    assert tail_scale(RNG.exponential(2.0, size=50_000)) == pytest.approx(2.0, rel=0.08)


@settings(max_examples=50)
@given(st.floats(-1e6, 1e6))
def test_probability_is_one_whatever_the_logit(logit: float) -> None:
    found = fit(np.array([-1.0, 0.0, 0.5]), np.array([0.4, 1.0, 2.0]))
    assert 0.0 <= probability(logit, found) <= 1.0
