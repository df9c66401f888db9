"""Clips through the whole detector: tracks and a timeline, what is not covered is said, and memory stays bounded."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data as photos

from detector.classifier.cards import Calibration
from detector.errors import UnsupportedMedia
from detector.footage import HARD_BITS_PER_PIXEL, limited, scaled, tier_of, track_look, trimmed_mean
from detector.opinions import JudgedFace, Look
from detector.pipeline import Detector
from detector.provenance.check import ProvenanceChecker
from detector.provenance.keys import MarkKey, load_mark_keys
from detector.provenance.payload import Payload
from detector.provenance.trust import TrustStore
from detector.provenance.watermark import embed
from detector.reasons import Reason
from detector.sandbox import Sandbox
from detector.types import Action, EvidenceKind, Face, Label, Media, MediaKind, Pixels, Report, Tier, Verdict
from detector.video import Clip

Film = Callable[..., bytes]
CALIBRATION = Calibration(1.0, 0.0, flag=2.0, review=1.0, tail=0.5, stated_fpr=0.01, reals=500)
EXPERT_KINDS = (EvidenceKind.MANIPULATION, EvidenceKind.SYNTHESIS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def keys(home: Path) -> tuple[MarkKey, ...]:
    return load_mark_keys(home)


@pytest.fixture(scope="module")
def detector(home: Path, keys: tuple[MarkKey, ...]) -> Iterator[Detector]:
    with Sandbox() as sandbox:
        checker = ProvenanceChecker(sandbox=sandbox, keys=keys, trust=TrustStore.load(home))
        yield Detector(sandbox=sandbox, checker=checker, device="cpu")


def portrait(side: int = 200) -> Pixels:
    """A real face in the public domain (NASA)."""
    return np.asarray(cv2.resize(photos.astronaut()[0:256, 96:352], (side, side)), dtype=np.uint8)


def scene(*, at: int) -> Pixels:
    """The portrait on a wide stage, `at` pixels from its left end."""
    stage = np.full((240, 640, 3), 60, np.uint8)
    stage[20:220, at : at + 200] = portrait()
    return stage


@pytest.fixture(scope="module")
def two_shots(film: Film) -> bytes:
    """Four seconds: a face that moves to the right, then a cut to an empty stage."""
    walk = [scene(at=2 * step) for step in range(30)]
    return film([*walk, *[np.full((240, 640, 3), 220, np.uint8)] * 10], options={"crf": "18"})


@pytest.fixture(scope="module")
def report(detector: Detector, two_shots: bytes) -> Report:
    return detector.inspect(two_shots)


def test_a_real_clip_is_not_accused_and_says_what_was_not_looked_at(report: Report) -> None:
    assert report.media.kind is MediaKind.VIDEO
    assert (report.media.width, report.media.height) == (640, 240)
    assert report.verdict.action is not Action.FLAG
    assert {Reason.SOUND_NOT_ANALYSED, Reason.FRAMES_SAMPLED} <= set(report.verdict.reasons)
    assert Reason.CLIP_INCOMPLETE not in report.verdict.reasons


def test_faces_carry_frame_time_and_track(report: Report) -> None:
    assert {item.face.track for item in report.faces} == {0}
    moments = {moment.frame: moment for moment in report.timeline}
    for item in report.faces:
        moment = moments[item.face.frame]
        assert item.face.time_s == moment.time_s == pytest.approx(item.face.frame / 10)
        assert (moment.shot, item.face.frame < 30) == (0, True)
        assert item.scores.keys() == set(EXPERT_KINDS)
    lefts = [item.face.box[0] for item in report.faces]
    assert lefts == sorted(lefts)


def test_the_timeline_holds_the_highest_score_of_every_frame(report: Report) -> None:
    times = [moment.time_s for moment in report.timeline]
    assert times == sorted(times)
    assert {moment.shot for moment in report.timeline} == {0, 1}
    for moment in report.timeline:
        here = [item.scores for item in report.faces if item.face.frame == moment.frame]
        for kind in EXPERT_KINDS:
            assert moment.scores[kind] == max((one[kind] or 0.0 for one in here), default=None)


def test_tracks_and_faces_are_evidence(report: Report) -> None:
    for kind in EXPERT_KINDS:
        found = [item for item in report.evidence if item.kind is kind]
        whole = [item for item in found if item.where.face is None]
        assert [item.where.track for item in whole] == [0]
        assert whole[0].score == pytest.approx(report.scores[kind])  # of a single track nothing is taken off
        assert [item.where.face for item in found if item.where.face is not None] == list(range(len(report.faces)))
        assert all(item.tier in (Tier.WEB, Tier.HARD) for item in found)


def test_the_same_bytes_get_the_same_report(detector: Detector, two_shots: bytes, report: Report) -> None:
    assert detector.inspect(two_shots) == report


def test_a_clip_without_faces_is_not_applicable(
    detector: Detector, film: Film, make_photo: Callable[..., Pixels]
) -> None:
    found = detector.inspect(film([make_photo()] * 10))
    assert found.verdict.label is Label.NOT_APPLICABLE
    assert {Reason.NO_FACE, Reason.SOUND_NOT_ANALYSED} <= set(found.verdict.reasons)
    assert len(found.timeline) == 8
    assert found.provenance.fingerprint


def test_a_cut_off_clip_says_so(detector: Detector, film: Film, make_photo: Callable[..., Pixels]) -> None:
    data = film([make_photo(seed) for seed in range(20)], format="matroska", rate=2)
    found = detector.inspect(data[: len(data) // 2])
    assert Reason.CLIP_INCOMPLETE in found.verdict.reasons


def test_a_marked_clip_is_recognised(
    detector: Detector, film: Film, make_photo: Callable[..., Pixels], keys: tuple[MarkKey, ...]
) -> None:
    marked = embed(
        make_photo(width=512, height=512), payload=Payload("0123456789ab", key_id=keys[0].key_id), key=keys[0]
    )
    found = detector.inspect(film([marked] * 4, options={"crf": "12"}))
    assert found.verdict.label is Label.SYNTHETIC_DECLARED
    assert found.provenance.watermark.record_id == "0123456789ab"


def test_sound_alone_is_a_typed_error(detector: Detector) -> None:
    with pytest.raises(UnsupportedMedia):
        detector.inspect(b"\0\0\0\x18ftypM4A \0\0\0\0M4A isom")


def look(logit: float, *, index: int = 0, tier: Tier = Tier.WEB, distance: float = 0.0) -> Look:
    face = Face((0, 0, 100, 100), (), 0.99, frame=index, track=3)
    return Look(
        JudgedFace(index, face, tier, ()), logit, distance, replace(CALIBRATION, flag=2.0 + (tier is Tier.HARD))
    )


def test_a_track_is_its_trimmed_mean() -> None:
    looks = [look(float(logit), index=at) for at, logit in enumerate([50, *[1.0] * 18, -50])]
    whole = track_look(looks)
    assert whole.logit == 1.0
    assert whole.face.index == 0  # the most suspicious face stands for it
    assert trimmed_mean([1.0, 2.0, 6.0]) == 3.0


def test_a_track_counts_the_faces_of_its_own_tier() -> None:
    whole = track_look([look(9.0, tier=Tier.WEB), look(1.0, tier=Tier.HARD), look(2.0, tier=Tier.HARD, distance=8.0)])
    assert (whole.logit, whole.face.tier, whole.calibration.flag, whole.distance) == (1.5, Tier.HARD, 3.0, 4.0)
    assert track_look([look(9.0, tier=Tier.WEB), look(1.0, tier=Tier.HARD)]).face.tier is Tier.HARD


def test_no_frame_of_a_clip_is_clean() -> None:
    media = Media("", MediaKind.VIDEO, "video/mp4", 1, 640, 480, 2.0)
    rich = Clip(media, (), 50, 1, whole=True, bits_per_pixel=0.5)
    poor = replace(rich, bits_per_pixel=HARD_BITS_PER_PIXEL / 2)
    assert [tier_of(tier, rich) for tier in Tier] == [Tier.WEB, Tier.WEB, Tier.HARD]
    assert {tier_of(tier, poor) for tier in Tier} == {Tier.HARD}


def test_boxes_are_in_pixels_of_the_clip() -> None:
    face = scaled(Face((1, 2, 3, 4), ((1, 2),), 0.9, track=1), 2.0)
    assert (face.box, face.landmarks, face.track) == ((2, 4, 6, 8), ((2, 4),), 1)


def test_limits_come_last() -> None:
    verdict = limited(Verdict(Label.NO_EVIDENCE_FOUND, Action.ALLOW, reasons=(Reason.BELOW_THRESHOLD,)), whole=False)
    assert verdict.reasons == (
        Reason.BELOW_THRESHOLD, Reason.CLIP_INCOMPLETE, Reason.FRAMES_SAMPLED, Reason.SOUND_NOT_ANALYSED,
    )  # fmt: skip
