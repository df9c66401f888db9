"""The detector as one procedure: bytes in, report out.

1 decode  2 find faces  3 measure what the delivery left  4 ask both experts about every face
5 read provenance  6 fuse into a verdict
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from detector.classifier.calibration import probability
from detector.classifier.cards import Calibration, shipped
from detector.classifier.scorer import Expert, pick_device
from detector.faces import FaceFinder
from detector.media import open_media
from detector.provenance.check import ProvenanceChecker
from detector.quality import MIN_FACE_SIDE, MIN_SHARPNESS, Quality, jpeg_quality, measure
from detector.reasons import Reason
from detector.sandbox import Sandbox
from detector.types import (
    CredentialState,
    Evidence,
    EvidenceKind,
    EvidenceState,
    Face,
    FaceScores,
    Pixels,
    Provenance,
    Report,
    Tier,
    Where,
)
from detector.verdict import Opinion, decide

EXPERTS = (EvidenceKind.MANIPULATION, EvidenceKind.SYNTHESIS)


@dataclass(frozen=True, slots=True)
class JudgedFace:
    """A face, its place in the report, and why no expert may judge it, if so."""

    index: int
    face: Face
    tier: Tier
    unfit: tuple[Reason, ...]


class Detector:
    """Both experts, loaded once at the first inspection; safe to share between threads."""

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        checker: ProvenanceChecker,
        device: str = "auto",
        cards: Mapping[EvidenceKind, Path] | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._checker = checker
        self._device = device
        self._cards = cards or {kind: shipped(kind) for kind in EXPERTS}

    @cached_property
    def _experts(self) -> tuple[Expert, ...]:
        return tuple(Expert.load(path, device=self._device) for path in self._cards.values())

    @cached_property
    def _finder(self) -> FaceFinder:
        return FaceFinder(device=pick_device(self._device))

    def inspect(self, data: bytes) -> Report:
        """The report on one file; raises a `DetectorError` if it is not media that can be judged."""
        media, frame = open_media(data, sandbox=self._sandbox)  # 1
        faces = self._judge(frame.pixels, jpeg=jpeg_quality(data))  # 2, 3
        scores = [score(expert, frame.pixels, faces) for expert in self._experts]  # 4
        provenance = self._checker.check(data, media, frame.pixels)  # 5
        opinions = [item.opinion for item in scores]
        return Report(  # 6
            media=media,
            verdict=decide(provenance, opinions),
            scores={opinion.kind: opinion.probability for opinion in opinions},
            faces=tuple(
                FaceScores(face.face, {item.opinion.kind: item.per_face.get(face.index) for item in scores})
                for face in faces
            ),
            evidence=(*(e for item in scores for e in item.evidence), *provenance_evidence(provenance)),
            provenance=provenance,
        )

    def _judge(self, pixels: Pixels, *, jpeg: int | None) -> list[JudgedFace]:
        found = self._finder.find(pixels)
        qualities = [measure(pixels, face, jpeg=jpeg) for face in found]
        return [
            JudgedFace(index, face, quality.tier, unfit(quality))
            for index, (face, quality) in enumerate(zip(found, qualities, strict=True))
        ]


def unfit(quality: Quality) -> tuple[Reason, ...]:
    """Why a face of `quality` gets no score; empty if it may be judged."""
    small = quality.side < MIN_FACE_SIDE
    blurry = quality.sharpness < MIN_SHARPNESS
    return (*((Reason.FACE_TOO_SMALL,) if small else ()), *((Reason.TOO_BLURRY,) if blurry else ()))


@dataclass(frozen=True, slots=True)
class ExpertResult:
    """`per_face` holds calibrated probabilities by face index, of the faces that were fit to judge."""

    opinion: Opinion
    per_face: Mapping[int, float]
    evidence: tuple[Evidence, ...]


def score(expert: Expert, pixels: Pixels, faces: Sequence[JudgedFace]) -> ExpertResult:
    """One expert's result over all faces of a picture."""
    fit = [face for face in faces if not face.unfit]
    logits = expert.logits([expert.crop(pixels, face.face) for face in fit])
    calibrations = [expert.card.calibrations[face.tier] for face in fit]
    pairs = list(zip(logits.tolist(), calibrations, strict=True))
    per_face = {face.index: probability(x, c) for face, (x, c) in zip(fit, pairs, strict=True)}
    evidence = [
        Evidence(
            expert.card.kind, state_of(x, c), score=per_face[face.index], tier=face.tier, model=expert.card.name,
            where=Where(face.index, 0),
        )
        for face, (x, c) in zip(fit, pairs, strict=True)
    ]  # fmt: skip
    evidence += [
        Evidence(expert.card.kind, EvidenceState.NOT_APPLICABLE, tier=face.tier, reasons=face.unfit,
                 where=Where(face.index, 0))
        for face in faces if face.unfit
    ]  # fmt: skip
    return ExpertResult(opinion_of(expert, faces, fit, pairs), per_face, tuple(evidence))


def state_of(logit: float, calibration: Calibration) -> EvidenceState:
    if logit > calibration.flag:
        return EvidenceState.FIRED
    return EvidenceState.INCONCLUSIVE if logit > calibration.review else EvidenceState.CLEAR


def opinion_of(
    expert: Expert, faces: Sequence[JudgedFace], fit: Sequence[JudgedFace], pairs: Sequence[tuple[float, Calibration]]
) -> Opinion:
    """The picture's opinion: that of its most suspicious face, corrected for the number of faces that were tried."""
    kind = expert.card.kind
    if not fit:
        reasons = tuple(dict.fromkeys(reason for face in faces for reason in face.unfit)) or (Reason.NO_FACE,)
        return Opinion(kind, EvidenceState.NOT_APPLICABLE, reasons=reasons)
    top = max(range(len(fit)), key=lambda at: pairs[at][0] - pairs[at][1].flag)
    logit, calibration = pairs[top]
    pooled = logit - calibration.tail * float(np.log(len(fit)))
    state = state_of(pooled, calibration)
    return Opinion(
        kind,
        state,
        probability(pooled, calibration),
        fit[top].tier,
        expert.card.name,
        calibration.stated_fpr,
        (Reason.BETWEEN_THRESHOLDS,) if state is EvidenceState.INCONCLUSIVE else (),
    )


_CREDENTIAL_EVIDENCE = {
    CredentialState.TRUSTED: EvidenceState.CLEAR,
    CredentialState.VALID: EvidenceState.INCONCLUSIVE,
    CredentialState.INVALID: EvidenceState.FIRED,
    CredentialState.ABSENT: EvidenceState.ABSENT,
    CredentialState.REMOTE: EvidenceState.INCONCLUSIVE,
    CredentialState.UNREADABLE: EvidenceState.UNREADABLE,
}


def provenance_evidence(provenance: Provenance) -> tuple[Evidence, ...]:
    """Provenance findings in the form in which experts' findings are reported."""
    mark, credentials = provenance.watermark, provenance.credentials
    state = EvidenceState.FIRED if credentials.declares_ai else _CREDENTIAL_EVIDENCE[credentials.state]
    return (
        Evidence(
            EvidenceKind.WATERMARK, EvidenceState.FIRED if mark.detected else EvidenceState.ABSENT, model="shingan.wm.1"
        ),
        Evidence(EvidenceKind.CREDENTIALS, state),
        Evidence(EvidenceKind.KNOWN_MEDIA, EvidenceState.FIRED if provenance.known_media else EvidenceState.ABSENT),
    )
