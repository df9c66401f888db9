"""The detector as one procedure: bytes in, report out; that for clips is `detector.footage`.

1 decode  2 find faces  3 measure what the delivery left  4 ask both experts about every face
5 read provenance  6 fuse into a verdict
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from detector.bulk_marks.search import detect_batch
from detector.classifier.batcher import Batcher
from detector.classifier.cards import shipped
from detector.classifier.explain import heatmap, overlay
from detector.classifier.registry import load_expert
from detector.classifier.scorer import Expert, pick_device
from detector.ensemble import by_kind, face_scores, heard, may_flag, reconcile
from detector.faces import FaceFinder
from detector.footage import Footage
from detector.media import has_more_frames, open_media
from detector.opinions import ExpertResult, JudgedFace, ask, judge
from detector.provenance.check import ProvenanceChecker
from detector.provenance.known_media import KnownMediaList
from detector.quality import jpeg_quality
from detector.sandbox import Sandbox
from detector.types import (
    EvidenceKind,
    FaceScores,
    Frame,
    Media,
    Pixels,
    Report,
    WatermarkReading,
)
from detector.verdict import decide, glimpsed, provenance_evidence
from detector.video import is_clip

EXPERTS = (EvidenceKind.MANIPULATION, EvidenceKind.SYNTHESIS)

_log = logging.getLogger(__name__)


class Detector:
    """Both experts, loaded once at the first inspection; safe to share between threads."""

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        checker: ProvenanceChecker,
        device: str = "auto",
        cards: Mapping[EvidenceKind, Path] | None = None,
        own: Sequence[Path] = (),
        bases: Path | None = None,
        engines: Path | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._checker = checker
        self._device = device
        self._cards = cards or {kind: shipped(kind) for kind in EXPERTS}
        self._own_cards = own
        self._bases = bases
        self._engines = engines
        self._one_clip = threading.Lock()

    def close(self) -> None:
        """Ends the thread that reads faces; a later inspection raises `ModelUnavailable`."""
        self._batcher.close()

    @cached_property
    def _batcher(self) -> Batcher:
        return Batcher(device=pick_device(self._device))

    @cached_property
    def _experts(self) -> tuple[Expert, ...]:
        folders = {"bases": self._bases, "engines": self._engines}
        loaded = [load_expert(path, device=self._device, **folders) for path in self._cards.values()]
        return tuple(self._batcher.wrap(expert) for expert in loaded)

    @cached_property
    def _own(self) -> tuple[tuple[Expert, bool], ...]:
        """The operator's experts, and whether each may flag."""
        experts = [self._batcher.wrap(load_expert(path, device=self._device)) for path in self._own_cards]
        return tuple(zip(experts, may_flag([expert.card for expert in experts]), strict=True))

    @cached_property
    def _finder(self) -> FaceFinder:
        return FaceFinder(device=pick_device(self._device))

    @cached_property
    def _footage(self) -> Footage:
        return Footage(
            sandbox=self._sandbox,
            checker=self._checker,
            finder=self._finder,
            experts=self._experts,
            own=self._own,
            device=pick_device(self._device),
        )

    def inspect(self, data: bytes, *, known: Sequence[KnownMediaList] = ()) -> Report:
        """The report on one file; raises a `DetectorError` if it is not media that can be judged.

        `known` are lists that count for this file beside those for all.
        """
        if is_clip(data):
            with self._one_clip:  # its frames take the memory, and one alone keeps all cores busy
                return self._footage.inspect(data, known=known)
        return self.inspect_picture(data, *open_media(data, sandbox=self._sandbox), known=known)  # 1

    def read_marks(self, pictures: Sequence[Pixels]) -> list[WatermarkReading | None]:
        """What the watermark search reads in each of `pictures` (H W 3), all searched together on a GPU.

        Null where `inspect_picture` had better search: on a CPU, or if the GPU cannot.
        """
        device = pick_device(self._device)
        if device.startswith("cuda"):
            try:
                return [*detect_batch(pictures, keys=self._checker.keys, device=device)]
            except RuntimeError as error:  # what torch raises, if memory is short for instance
                _log.warning("marks_searched_one_by_one", extra={"error": type(error).__name__})
        return [None] * len(pictures)

    def inspect_picture(
        self,
        data: bytes,
        media: Media,
        frame: Frame,
        *,
        known: Sequence[KnownMediaList] = (),
        mark: WatermarkReading | None = None,
    ) -> Report:
        """The report on a picture that was decoded elsewhere: `media` and `frame` are what `open_media` gives.

        `mark` is what `read_marks` read in it.
        """
        found = self._finder.find(frame.pixels)  # 2
        faces = judge(frame.pixels, found, jpeg=jpeg_quality(data))  # 3
        scores = self._ask(frame.pixels, faces)  # 4
        provenance = self._checker.check(data, media, frame.pixels, known=known, mark=mark)  # 5
        opinions = reconcile([item.opinion for item in scores])
        verdict = decide(provenance, opinions)  # 6
        more = has_more_frames(data, media.mime, sandbox=self._sandbox)
        return Report(
            media=media,
            verdict=glimpsed(verdict) if more else verdict,
            scores=by_kind(opinions),
            faces=tuple(FaceScores(face.face, face_scores(scores, face.index)) for face in faces),
            evidence=(*(e for item in scores for e in item.evidence), *provenance_evidence(provenance)),
            provenance=provenance,
        )

    def explain(self, data: bytes, kind: EvidenceKind = EvidenceKind.MANIPULATION) -> Pixels:
        """The picture in grey, tinted where the shipped expert of `kind` sees traces; plain grey without a fit face."""
        _, frame = open_media(data, sandbox=self._sandbox)
        faces = judge(frame.pixels, self._finder.find(frame.pixels), jpeg=jpeg_quality(data))
        fit = [face.face for face in faces if not face.unfit]
        expert = next(expert for expert in self._experts if expert.card.kind is kind)
        masks = expert.read([expert.prepare(frame.pixels, face) for face in fit]).masks
        height, width = frame.pixels.shape[:2]
        if masks is None:
            return overlay(frame.pixels, np.zeros((height, width), np.float32))
        return overlay(frame.pixels, heatmap((height, width), fit, masks, expert.card))

    def _ask(self, pixels: Pixels, faces: Sequence[JudgedFace]) -> list[ExpertResult]:
        results = [ask(expert, pixels, faces) for expert in self._experts]
        own = (heard(ask(expert, pixels, faces), expert.card, flags=flags) for expert, flags in self._own)
        return [*results, *own]
