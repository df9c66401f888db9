"""The simulated tail: below its bound, and near the Gaussian that sums of many waves tend to."""

from itertools import pairwise

import numpy as np
from scipy import stats
from skimage import data as photos

from detector.training.mark_scores import THRESHOLDS, measure_scores


def test_the_tail_stays_below_its_bound() -> None:
    document = measure_scores(
        [np.asarray(photos.astronaut()), np.asarray(photos.coffee())], scores=3_000_000, progress=lambda _: None
    )
    assert document["scores"] >= 3_000_000
    assert [row["z"] for row in document["tail"]] == list(THRESHOLDS)
    for row in document["tail"]:
        assert row["share"] <= row["bound"]
        assert 0 <= row["low"] <= row["share"] <= row["high"]
        assert row["high"] > 0
    assert all(one["scores"] >= other["scores"] for one, other in pairwise(document["tail"]))
    assert 0.8 < document["tail"][0]["share"] / stats.norm.sf(3.0) < 1.1
    assert 4 < document["highest"] < 7
