"""The detector on pictures that a package ships: real photos are not accused, and every abstention has its reason."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data as photos

from detector.classifier.cards import Calibration
from detector.errors import ModelUnavailable, UnreadableMedia, UnsupportedMedia
from detector.media import open_media
from detector.opinions import state_of, unfit
from detector.pipeline import Detector
from detector.provenance.check import ProvenanceChecker
from detector.provenance.keys import load_mark_keys
from detector.provenance.payload import Payload
from detector.provenance.trust import TrustStore
from detector.provenance.watermark import embed
from detector.quality import Quality
from detector.reasons import Reason
from detector.sandbox import Sandbox
from detector.types import (
    Action,
    Credentials,
    CredentialState,
    EvidenceKind,
    EvidenceState,
    Label,
    Pixels,
    Provenance,
    WatermarkReading,
)
from detector.verdict import provenance_evidence


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Detector]:
    home = tmp_path_factory.mktemp("home")
    with Sandbox() as sandbox:
        checker = ProvenanceChecker(sandbox=sandbox, keys=load_mark_keys(home), trust=TrustStore.load(home))
        yield Detector(sandbox=sandbox, checker=checker, device="cpu")


def jpeg(pixels: Pixels, folder: Path, *, quality: int = 92) -> bytes:
    path = folder / "picture.jpg"
    Image.fromarray(pixels).save(path, quality=quality)
    return path.read_bytes()


def test_a_real_photo_is_not_accused(detector: Detector, tmp_path: Path) -> None:
    report = detector.inspect(jpeg(np.asarray(photos.astronaut()), tmp_path))
    assert report.verdict.action is not Action.FLAG
    assert len(report.faces) == 1
    assert set(report.scores) == {EvidenceKind.MANIPULATION, EvidenceKind.SYNTHESIS}
    assert all(score is not None and 0 <= score <= 1 for score in report.scores.values())
    judged = [item for item in report.evidence if item.kind in report.scores]
    assert all(item.model and item.tier and item.where.face == 0 for item in judged)


def test_many_copies_of_a_real_face_are_no_more_suspicious(detector: Detector, tmp_path: Path) -> None:
    face = np.asarray(photos.astronaut(), dtype=np.uint8)[0:256, 128:384]
    report = detector.inspect(jpeg(np.tile(face, (2, 3, 1)), tmp_path))
    assert len(report.faces) >= 4
    assert report.verdict.action is not Action.FLAG


@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket"])
def test_a_picture_without_a_face_is_not_applicable(detector: Detector, tmp_path: Path, name: str) -> None:
    report = detector.inspect(jpeg(np.asarray(getattr(photos, name)(), dtype=np.uint8), tmp_path))
    assert report.verdict.label is Label.NOT_APPLICABLE
    assert report.verdict.action is Action.ALLOW
    assert Reason.NO_FACE in report.verdict.reasons
    assert set(report.scores.values()) == {None}


def test_an_animation_is_not_cleared_by_its_first_frame(detector: Detector, tmp_path: Path) -> None:
    first, second = (Image.fromarray(np.asarray(getattr(photos, name)(), np.uint8)) for name in ("coffee", "astronaut"))
    first.save(tmp_path / "moving.webp", save_all=True, append_images=[second.resize(first.size)])
    verdict = detector.inspect((tmp_path / "moving.webp").read_bytes()).verdict
    assert (verdict.label, verdict.action) == (Label.INCONCLUSIVE, Action.REVIEW)
    assert {Reason.NO_FACE, Reason.FRAMES_SAMPLED} <= set(verdict.reasons)


def test_a_tiny_face_is_inconclusive_by_name(detector: Detector, tmp_path: Path) -> None:
    small = np.asarray(Image.fromarray(photos.astronaut()).resize((150, 150)), dtype=np.uint8)
    report = detector.inspect(jpeg(small, tmp_path))
    if report.faces:  # 26 px: a face finder may well miss it
        assert report.verdict.label is Label.INCONCLUSIVE
        assert Reason.FACE_TOO_SMALL in report.verdict.reasons
    else:
        assert report.verdict.label is Label.NOT_APPLICABLE


def test_the_same_bytes_get_the_same_report(detector: Detector, tmp_path: Path) -> None:
    data = jpeg(np.asarray(photos.astronaut()), tmp_path)
    assert detector.inspect(data) == detector.inspect(data)


def test_bad_input_is_a_typed_error(detector: Detector) -> None:
    with pytest.raises(UnsupportedMedia):
        detector.inspect(b"plain text")
    with pytest.raises(UnreadableMedia):
        detector.inspect(b"\xff\xd8\xff\xe0" + bytes(100))


def test_a_missing_expert_is_an_error_and_not_a_clean_bill(tmp_path: Path, sandbox: Sandbox, home: Path) -> None:
    checker = ProvenanceChecker(sandbox=sandbox, keys=load_mark_keys(home), trust=TrustStore.load(home))
    cards = {EvidenceKind.SYNTHESIS: tmp_path / "none.card.toml"}
    with pytest.raises(ModelUnavailable):
        Detector(sandbox=sandbox, checker=checker, cards=cards).inspect(jpeg(np.asarray(photos.astronaut()), tmp_path))


def test_a_mark_that_was_read_before_is_not_searched_for(detector: Detector, tmp_path: Path, sandbox: Sandbox) -> None:
    data = jpeg(np.asarray(photos.astronaut())[:200, :200], tmp_path)
    media, frame = open_media(data, sandbox=sandbox)
    mark = WatermarkReading(True, "0123456789ab", 0, 9.0, 1e-8, 3)
    assert detector.inspect_picture(data, media, frame, mark=mark).provenance.watermark == mark
    assert not detector.inspect_picture(data, media, frame).provenance.watermark.detected


@pytest.mark.parametrize("device", ["cpu", "cuda:99"])
def test_pictures_are_left_to_be_searched_alone_without_a_working_gpu(
    device: str, sandbox: Sandbox, home: Path
) -> None:
    checker = ProvenanceChecker(sandbox=sandbox, keys=load_mark_keys(home), trust=TrustStore.load(home))
    detector = Detector(sandbox=sandbox, checker=checker, device=device)
    assert detector.read_marks([np.zeros((128, 128, 3), np.uint8)] * 2) == [None, None]
    assert detector.read_marks([]) == []


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_marks_of_many_pictures_are_read_on_the_gpu(sandbox: Sandbox, home: Path) -> None:
    keys, picture = load_mark_keys(home), np.asarray(photos.astronaut(), dtype=np.uint8)
    checker = ProvenanceChecker(sandbox=sandbox, keys=keys, trust=TrustStore.load(home))
    marked = embed(picture, payload=Payload("0123456789ab", keys[0].key_id), key=keys[0])
    first, second = Detector(sandbox=sandbox, checker=checker, device="cuda").read_marks([marked, picture])
    assert first is not None
    assert first.record_id == "0123456789ab"
    assert second is not None
    assert not second.detected


def test_thresholds_split_the_scores_in_three() -> None:
    calibration = Calibration(1.0, 0.0, flag=2.0, review=1.0, tail=0.5, stated_fpr=0.01, reals=500)
    states = [state_of(logit, calibration) for logit in (0.5, 1.5, 2.5)]
    assert states == [EvidenceState.CLEAR, EvidenceState.INCONCLUSIVE, EvidenceState.FIRED]


def test_unfit_faces_say_why() -> None:
    assert unfit(Quality(None, 120.0, 300.0)) == ()
    assert unfit(Quality(None, 20.0, 300.0)) == (Reason.FACE_TOO_SMALL,)
    assert unfit(Quality(None, 120.0, 0.1)) == (Reason.TOO_BLURRY,)


def test_absent_provenance_is_reported_as_absent() -> None:
    evidence = provenance_evidence(Provenance(Credentials(CredentialState.ABSENT), WatermarkReading(False)))
    assert {item.state for item in evidence} == {EvidenceState.ABSENT}
    assert all(item.score is None for item in evidence)
