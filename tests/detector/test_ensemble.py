"""Several experts of one kind, as a table: who may flag, who is not heard, and what a contradiction leads to."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.classifier.cards import Calibration, ModelCard
from detector.classifier.own_card import UNCALIBRATED
from detector.ensemble import OWN_RATE, TOTAL_RATE, by_kind, face_scores, heard, may_flag, reconcile
from detector.opinions import ExpertResult
from detector.reasons import Reason
from detector.training.calibrate import RATES
from detector.types import Evidence, EvidenceKind, EvidenceState, Tier, Where
from detector.verdict import Opinion

FIRED, ASKS, CLEAR, NONE = (
    EvidenceState.FIRED, EvidenceState.INCONCLUSIVE, EvidenceState.CLEAR, EvidenceState.NOT_APPLICABLE
)  # fmt: skip
SYNTHESIS, MANIPULATION = EvidenceKind.SYNTHESIS, EvidenceKind.MANIPULATION


def card(rate: float | None) -> ModelCard:
    calibration = UNCALIBRATED if rate is None else Calibration(1.0, 0.0, 2.0, 1.0, 0.5, rate, 1000)
    return ModelCard("own", SYNTHESIS, "onnx", "", (), 64, 1.3, "", "", "", dict.fromkeys(Tier, calibration))


def opinion(state: EvidenceState, probability: float | None, kind: EvidenceKind = SYNTHESIS) -> Opinion:
    return Opinion(kind, state, probability, Tier.CLEAN, "m", 0.004)


def result(state: EvidenceState, probability: float) -> ExpertResult:
    evidence = Evidence(SYNTHESIS, state, probability, tier=Tier.CLEAN, model="own", where=Where(0))
    return ExpertResult(opinion(state, probability), {0: probability}, (evidence,))


@pytest.mark.parametrize(
    ("rates", "allowed"),
    [
        ([], ()), ([0.002], (True,)), ([0.002, 0.002], (True, False)), ([0.001, 0.001], (True, True)),
        ([0.003, 0.002], (False, True)), ([None], (False,)), ([None, 0.002], (False, True)),
    ],
)  # fmt: skip
def test_own_detectors_share_one_budget(rates: list[float | None], allowed: tuple[bool, ...]) -> None:
    assert may_flag([card(rate) for rate in rates]) == allowed


@given(st.lists(st.floats(0.0, 0.01), max_size=8))
def test_all_together_stay_under_the_stated_rate(rates: Sequence[float]) -> None:
    flags = may_flag([card(rate) for rate in rates])
    assert pytest.approx(TOTAL_RATE) == sum(flag for flag, _ in RATES.values()) + OWN_RATE
    assert sum(rate for rate, flag in zip(rates, flags, strict=True) if flag) <= OWN_RATE + 1e-8


@pytest.mark.parametrize(
    ("rate", "flags", "before", "after"),
    [
        (0.002, True, FIRED, FIRED), (0.002, False, FIRED, ASKS), (0.002, False, CLEAR, CLEAR),
        (None, True, FIRED, NONE), (None, False, CLEAR, NONE),
    ],
)  # fmt: skip
def test_a_result_counts_as_far_as_it_was_measured(
    rate: float | None, flags: bool, before: EvidenceState, after: EvidenceState
) -> None:
    counted = heard(result(before, 0.99), card(rate), flags=flags)
    assert counted.opinion.state is counted.evidence[0].state is after
    assert counted.evidence[0].model == "own"
    assert (counted.evidence[0].score is None) == (counted.opinion.probability is None) == (after is NONE)
    assert counted.per_face == ({} if after is NONE else {0: 0.99})


@pytest.mark.parametrize(
    ("opinions", "states"),
    [
        ([opinion(FIRED, 0.97), opinion(CLEAR, 0.02)], [ASKS, CLEAR]),
        ([opinion(CLEAR, 0.02), opinion(FIRED, 0.97)], [CLEAR, ASKS]),
        ([opinion(FIRED, 0.97), opinion(CLEAR, 0.3)], [FIRED, CLEAR]),
        ([opinion(FIRED, 0.97), opinion(ASKS, 0.05)], [FIRED, ASKS]),
        ([opinion(FIRED, 0.97), opinion(FIRED, 0.9)], [FIRED, FIRED]),
        ([opinion(FIRED, 0.97), opinion(CLEAR, 0.02, MANIPULATION)], [FIRED, CLEAR]),
        ([opinion(FIRED, 0.97), opinion(NONE, None)], [FIRED, NONE]),
        ([], []),
    ],
)
def test_a_strong_contradiction_is_a_case_for_people(opinions: list[Opinion], states: list[EvidenceState]) -> None:
    settled = reconcile(opinions)
    assert [item.state for item in settled] == states
    changed = [now for was, now in zip(opinions, settled, strict=True) if now != was]
    assert all(item.reasons == (Reason.EXPERTS_DISAGREE,) for item in changed)


def test_the_score_of_a_kind_is_the_one_that_counts() -> None:
    assert by_kind([opinion(ASKS, 0.8), opinion(FIRED, 0.7), opinion(CLEAR, 0.9)]) == {"synthesis": 0.7}
    assert by_kind([opinion(CLEAR, 0.1), opinion(NONE, None)]) == {"synthesis": 0.1}
    assert by_kind([opinion(NONE, None)]) == {"synthesis": None}
    empty = ExpertResult(opinion(NONE, None), {}, ())
    assert face_scores([result(CLEAR, 0.2), result(ASKS, 0.6), empty], 0) == {"synthesis": 0.6}
    assert face_scores([empty], 0) == {"synthesis": None}
    assert math.isinf(UNCALIBRATED.flag)
