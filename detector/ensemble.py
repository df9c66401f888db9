"""How several experts of one kind speak together without accusing more real photos than is stated. Pure functions.

The shipped experts may flag .7 % of real photos between them; what is left to `TOTAL_RATE` is for the operator's own.
By the union bound all experts together then flag at most `TOTAL_RATE`, however their errors coincide. An own detector
beyond that budget, in the order of their addition, may still ask for a look, but not accuse. Same-kind experts that
contradict each other strongly make a case for people: neither is believed, and they are never averaged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from detector.classifier.cards import ModelCard
from detector.opinions import ExpertResult
from detector.reasons import Reason
from detector.types import EvidenceState, Tier
from detector.verdict import Opinion

TOTAL_RATE: Final = 0.009
"""Share of real photos that all experts together may flag (the product's stated rate)."""
OWN_RATE: Final = 0.002
"""What the shipped experts, of .3 % and .4 %, leave for own detectors."""
STRONGLY_CLEAR: Final = 0.1
"""Calibrated probability under which an expert contradicts another that flags (chosen)."""

_ORDER: Final = (EvidenceState.FIRED, EvidenceState.INCONCLUSIVE, EvidenceState.CLEAR)


def may_flag(cards: Sequence[ModelCard]) -> tuple[bool, ...]:
    """Whether each own detector fits into `OWN_RATE` in every tier, after those before it that do."""
    spent, allowed = dict.fromkeys(Tier, 0.0), []
    for card in cards:
        rates = {tier: card.calibrations[tier].stated_fpr for tier in Tier if card.calibrations[tier].reals}
        fits = bool(rates) and all(spent[tier] + rate <= OWN_RATE + 1e-9 for tier, rate in rates.items())
        spent = {tier: spent[tier] + (rates.get(tier, 0.0) if fits else 0.0) for tier in Tier}
        allowed.append(fits)
    return tuple(allowed)


def heard(result: ExpertResult, card: ModelCard, *, flags: bool = True) -> ExpertResult:
    """The result as it counts: silent in a tier without calibration, and at most a question without leave to flag."""
    silent = {tier for tier in Tier if not card.calibrations[tier].reals}
    opinion = result.opinion
    mute = {e.where.face for e in result.evidence if e.tier in silent}
    evidence = tuple(
        replace(e, state=EvidenceState.NOT_APPLICABLE, score=None, model=card.name) if e.tier in silent
        else e if flags or e.state is not EvidenceState.FIRED
        else replace(e, state=EvidenceState.INCONCLUSIVE, reasons=(*e.reasons, Reason.BETWEEN_THRESHOLDS))
        for e in result.evidence
    )  # fmt: skip
    if opinion.tier in silent:
        opinion = Opinion(opinion.kind, EvidenceState.NOT_APPLICABLE, tier=opinion.tier, model=card.name)
    elif opinion.state is EvidenceState.FIRED and not flags:
        opinion = replace(opinion, state=EvidenceState.INCONCLUSIVE, reasons=(Reason.BETWEEN_THRESHOLDS,))
    per_face = {face: score for face, score in result.per_face.items() if face not in mute}
    return ExpertResult(opinion, per_face, evidence)


def reconcile(opinions: Sequence[Opinion]) -> tuple[Opinion, ...]:
    """The opinions, those that flag turned into questions where one of the same kind is strongly clear."""
    return tuple(_doubted(opinion) if _contradicted(opinion, opinions) else opinion for opinion in opinions)


def _contradicted(opinion: Opinion, others: Sequence[Opinion]) -> bool:
    return opinion.state is EvidenceState.FIRED and any(
        other.kind is opinion.kind
        and other.state is EvidenceState.CLEAR
        and other.probability is not None
        and other.probability < STRONGLY_CLEAR
        for other in others
    )


def _doubted(opinion: Opinion) -> Opinion:
    return replace(opinion, state=EvidenceState.INCONCLUSIVE, reasons=(Reason.EXPERTS_DISAGREE,))


def by_kind(opinions: Sequence[Opinion]) -> dict[str, float | None]:
    """One probability a kind: that of the expert whose finding counts first, as the verdict quotes it."""
    ranked = sorted(opinions, key=_rank, reverse=True)  # the last one written counts most
    return {str(opinion.kind): opinion.probability for opinion in ranked}


def _rank(opinion: Opinion) -> tuple[int, float]:
    if opinion.probability is None:
        return len(_ORDER), 0.0
    return _ORDER.index(opinion.state), -opinion.probability


def face_scores(results: Sequence[ExpertResult], face: int) -> Mapping[str, float | None]:
    """The highest probability of one face for every kind; null where all experts of the kind abstained."""
    scores: dict[str, float | None] = {}
    for result in results:
        kind, score = str(result.opinion.kind), result.per_face.get(face)
        known = scores.get(kind)
        scores[kind] = score if known is None else known if score is None else max(known, score)
    return scores
