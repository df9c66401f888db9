"""The measures against values worked out by hand, and against scikit-learn wherever it has them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    roc_auc_score,
    roc_curve,
)

from detector.training.metrics import (
    auc,
    calibration_error,
    decisions,
    equal_error_rate,
    expected_error,
    ranking,
    reliability,
    tpr_at,
    wilson,
)
from detector.training.resampling import group_weights, interval

Data = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def weighted(draw: st.DrawFn) -> Data:
    """Scores with ties, labels of both classes, and how often each was drawn (both classes at least once)."""
    count = draw(st.integers(2, 30))
    scores = np.array(draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))) / 10
    fake = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    fake[:2] = True, False
    weights = np.array(draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)), dtype=np.float64)
    weights[:2] = np.maximum(weights[:2], 1)
    return scores, fake, weights


@settings(max_examples=30, deadline=None)
@given(weighted())
def test_ranking_agrees_with_scikit_learn(data: Data) -> None:
    scores, fake, weights = data
    found = {
        name: values[1] for name, values in ranking(scores, fake, np.stack([np.ones_like(weights), weights])).items()
    }
    assert found["auc"] == pytest.approx(roc_auc_score(fake, scores, sample_weight=weights))
    assert found["ap"] == pytest.approx(average_precision_score(fake, scores, sample_weight=weights))
    fpr, tpr, _ = roc_curve(fake, scores, sample_weight=weights, drop_intermediate=False)
    for name, rate in (("tpr_at_1", 0.01), ("tpr_at_01", 0.001)):
        assert found[name] == pytest.approx(tpr[fpr <= rate].max())


@settings(max_examples=30, deadline=None)
@given(weighted())
def test_brier_and_balanced_accuracy_agree_with_scikit_learn(data: Data) -> None:
    scores, fake, weights = data
    even = np.where(fake, weights / weights[fake].sum(), weights / weights[~fake].sum())
    found = reliability(scores, fake, weights[None])
    assert found["brier"][0] == pytest.approx(brier_score_loss(fake, scores, sample_weight=even))
    made = decisions(scores > 0.5, np.ones(len(fake), dtype=bool), fake, weights[None])
    expected = balanced_accuracy_score(fake, scores > 0.5, sample_weight=weights)
    assert made["balanced_accuracy"][0] == pytest.approx(expected)
    assert made["risk"][0] == pytest.approx(1 - expected)
    assert made["coverage"][0] == pytest.approx(1.0)


@settings(max_examples=30, deadline=None)
@given(weighted())
def test_drawing_a_row_twice_is_having_it_twice(data: Data) -> None:
    scores, fake, weights = data
    often = np.repeat(np.arange(len(scores)), weights.astype(int))
    for measure in (ranking, reliability):
        once = measure(scores, fake, weights[None])
        twice = measure(scores[often], fake[often], np.ones((1, len(often))))
        assert {n: v[0] for n, v in once.items() if n not in ("ece", "aurc")} == pytest.approx(
            {n: v[0] for n, v in twice.items() if n not in ("ece", "aurc")}
        )


def test_a_missing_class_gives_no_number() -> None:
    assert all(np.isnan(v).all() for v in ranking(np.ones(3), np.ones(3, dtype=bool), np.ones((2, 3))).values())
    drawn = np.array([[1.0, 1.0], [1.0, 0.0]])
    assert np.isnan(ranking(np.array([1.0, 0.0]), np.array([True, False]), drawn)["auc"]).tolist() == [False, True]


def test_auc_counts_ties_half() -> None:
    assert auc(np.array([1.0, 2.0]), np.array([0.0, 1.0])) == pytest.approx(0.875)
    assert auc(np.array([1.0]), np.array([1.0])) == 0.5
    assert np.isnan(auc(np.array([]), np.array([1.0])))


def test_tpr_at_a_false_positive_rate() -> None:
    reals = np.arange(100, dtype=np.float64)
    assert tpr_at(np.array([98.5, 97.0]), reals, fpr=0.01) == 0.5


def test_equal_error_rate_of_two_overlapping_pairs() -> None:
    assert equal_error_rate(np.array([0.0, 2.0]), np.array([-1.0, 1.0])) == pytest.approx(0.5)
    assert equal_error_rate(np.array([3.0, 2.0]), np.array([-1.0, 1.0])) == 0.0


def test_giving_up_the_least_sure_lowers_the_risk() -> None:
    p, fake = np.array([0.9, 0.1, 0.45, 0.55]), np.array([True, False, True, False])
    assert reliability(p, fake, np.ones((1, 4)))["aurc"][0] == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)


@given(st.integers(1, 500), st.data())
def test_wilson_holds_the_share(trials: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, trials))
    low, high = wilson(hits, trials)
    assert 0.0 <= low <= hits / trials + 1e-12
    assert hits / trials - 1e-12 <= high <= 1.0


def test_wilson_of_five_in_a_hundred() -> None:
    assert wilson(5, 100) == pytest.approx((0.0215, 0.1118), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_interval_holds_the_estimate_and_is_wider_for_groups() -> None:
    rng = np.random.default_rng(1)
    scores, fake = np.concatenate([rng.normal(1, 1, 200), rng.normal(0, 1, 200)]), np.arange(400) < 200
    alone = interval(ranking(scores, fake, group_weights(np.arange(400)))["auc"])
    fourfold = np.tile(np.arange(400), 4)
    wrong = interval(ranking(np.tile(scores, 4), np.tile(fake, 4), group_weights(np.arange(1600)))["auc"])
    right = interval(ranking(np.tile(scores, 4), np.tile(fake, 4), group_weights(fourfold))["auc"])
    assert alone[1] < alone[0] < alone[2]  # type: ignore[operator]
    assert right == pytest.approx(alone, abs=1e-9)  # four copies of a photo tell no more than one
    assert wrong[2] - wrong[1] < 0.7 * (right[2] - right[1])  # type: ignore[operator]


def test_calibration_error_of_a_sure_liar_is_one() -> None:
    ones = np.ones(10)
    assert calibration_error(ones, np.zeros(10), ones) == pytest.approx(1.0)
    assert calibration_error(ones, ones, ones) == 0.0


def test_calibration_error_bin_by_bin() -> None:
    rng = np.random.default_rng(2)
    p = np.sort(rng.uniform(size=200))
    fake = rng.uniform(size=200) < p**2
    by_hand = np.mean([abs(p[at : at + 20].mean() - fake[at : at + 20].mean()) for at in range(0, 200, 20)])
    assert expected_error(p, fake, np.ones((1, 200)))[0] == pytest.approx(by_hand, abs=0.01)
