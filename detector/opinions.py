"""From faces to an opinion: asks one expert about every face that is fit to judge, and says how far it may be believed.

A face is not judged where the delivery left too little of it; its score counts for nothing where the face is unlike
what the expert was measured on. Pictures and videos share these rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detector.classifier.calibration import probability
from detector.classifier.cards import Calibration
from detector.classifier.scorer import Expert
from detector.quality import MIN_FACE_SIDE, MIN_JPEG_QUALITY, MIN_SHARPNESS, Quality, measure
from detector.reasons import Reason
from detector.types import Evidence, EvidenceState, Face, Pixels, Tier, Where
from detector.verdict import Opinion


@dataclass(frozen=True, slots=True)
class JudgedFace:
    """A face, its place in the report, and why no expert may judge it, if so."""

    index: int
    face: Face
    tier: Tier
    unfit: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What one expert made of one fit face: its raw logit, and how far the face is from what it was measured on."""

    face: JudgedFace
    logit: float
    distance: float
    calibration: Calibration

    @property
    def strange(self) -> bool:
        return self.distance > self.calibration.domain

    @property
    def state(self) -> EvidenceState:
        return state_of(self.logit, self.calibration, distance=self.distance)


@dataclass(frozen=True, slots=True)
class ExpertResult:
    """`per_face` holds calibrated probabilities by face index, of the faces that were fit to judge."""

    opinion: Opinion
    per_face: Mapping[int, float]
    evidence: tuple[Evidence, ...]


def judge(pixels: Pixels, found: Sequence[Face], *, jpeg: int | None) -> list[JudgedFace]:
    """The faces of one picture with their tiers; `jpeg` is the file's quality, null where it is no JPEG."""
    qualities = [measure(pixels, face, jpeg=jpeg) for face in found]
    return [
        JudgedFace(index, face, quality.tier, unfit(quality))
        for index, (face, quality) in enumerate(zip(found, qualities, strict=True))
    ]


def unfit(quality: Quality) -> tuple[Reason, ...]:
    """Why a face of `quality` gets no score; empty if it may be judged."""
    failed = (
        (Reason.FACE_TOO_SMALL, quality.side < MIN_FACE_SIDE),
        (Reason.TOO_BLURRY, quality.sharpness < MIN_SHARPNESS),
        (Reason.HEAVILY_COMPRESSED, quality.jpeg is not None and quality.jpeg < MIN_JPEG_QUALITY),
    )
    return tuple(reason for reason, holds in failed if holds)


def state_of(logit: float, calibration: Calibration, *, distance: float = 0.0) -> EvidenceState:
    """Where a score lies; what is out of domain neither fires nor clears."""
    if distance > calibration.domain:
        return EvidenceState.INCONCLUSIVE
    if logit > calibration.flag:
        return EvidenceState.FIRED
    return EvidenceState.INCONCLUSIVE if logit > calibration.review else EvidenceState.CLEAR


def ask(expert: Expert, pixels: Pixels, faces: Sequence[JudgedFace]) -> ExpertResult:
    """One expert's result over all faces of a picture."""
    fit = [face for face in faces if not face.unfit]
    reading = expert.read([expert.prepare(pixels, face.face) for face in fit])
    looks = [
        Look(face, float(logit), float(distance), expert.card.calibrations[face.tier])
        for face, logit, distance in zip(fit, reading.logits, reading.distances, strict=True)
    ]
    return result_of(expert, faces, looks, opinion_of(expert, faces, looks))


def result_of(expert: Expert, faces: Sequence[JudgedFace], looks: Sequence[Look], opinion: Opinion) -> ExpertResult:
    """`opinion` with the probability and the evidence of every face."""
    per_face = {look.face.index: probability(look.logit, look.calibration) for look in looks}
    evidence = [_finding(expert, look, per_face[look.face.index]) for look in looks]
    evidence += [_abstention(expert, face) for face in faces if face.unfit]
    return ExpertResult(opinion, per_face, tuple(evidence))


def _finding(expert: Expert, look: Look, score: float) -> Evidence:
    reasons = (Reason.OUT_OF_DOMAIN,) if look.strange else ()
    where = place_of(look.face)
    return Evidence(
        expert.card.kind, look.state, score=score, tier=look.face.tier, model=expert.card.name, reasons=reasons,
        where=where,
    )  # fmt: skip


def _abstention(expert: Expert, face: JudgedFace) -> Evidence:
    return Evidence(
        expert.card.kind, EvidenceState.NOT_APPLICABLE, tier=face.tier, reasons=face.unfit, where=place_of(face)
    )


def place_of(face: JudgedFace) -> Where:
    return Where(face.index, face.face.frame, face.face.time_s, face.face.track)


def opinion_of(expert: Expert, faces: Sequence[JudgedFace], looks: Sequence[Look]) -> Opinion:
    """The picture's opinion: that of its most suspicious face, corrected for the number of faces that were tried."""
    kind = expert.card.kind
    if not looks:
        reasons = tuple(dict.fromkeys(reason for face in faces for reason in face.unfit)) or (Reason.NO_FACE,)
        return Opinion(kind, EvidenceState.NOT_APPLICABLE, reasons=reasons)
    familiar = [look for look in looks if not look.strange] or list(looks)
    top = max(familiar, key=lambda look: look.logit - look.calibration.flag)
    pooled = top.logit - top.calibration.tail * float(np.log(len(familiar)))
    state = state_of(pooled, top.calibration, distance=top.distance)
    strange = len(familiar) < len(looks) or top.strange
    if strange and state is not EvidenceState.FIRED:
        state, reasons = EvidenceState.INCONCLUSIVE, (Reason.OUT_OF_DOMAIN,)
    else:
        reasons = (Reason.BETWEEN_THRESHOLDS,) if state is EvidenceState.INCONCLUSIVE else ()
    return Opinion(
        kind,
        state,
        probability(pooled, top.calibration),
        top.face.tier,
        expert.card.name,
        top.calibration.stated_fpr,
        reasons,
    )
