"""The promise: what the generator releases the detector recognises, and what it did not make it never claims."""

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from detector.media import open_media
from detector.provenance.check import ProvenanceChecker
from detector.provenance.keys import MarkKey, load_mark_keys
from detector.provenance.trust import TrustStore
from detector.provenance.watermark import detect
from detector.sandbox import Sandbox
from detector.types import CredentialState, Label, Pixels, Provenance
from detector.verdict import decide
from generator.prompt import parse
from generator.release import Release, release
from generator.signing import DevelopmentCA
from generator.synthesizer import open_synthesizer

LOWEST_QUALITY = 50
"""JPEG quality down to which a mark is promised to survive together with the crop below."""
LARGEST_CROP = 0.2
"""Share of each side that may be cut off."""
FALSE_CLAIM = 1e-6
"""The largest chance of a false match that a claim may state (DESIGN: false match at most 1e-6)."""

slow = settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pairing")


@pytest.fixture(scope="module")
def keys(home: Path) -> tuple[MarkKey, ...]:
    return load_mark_keys(home)


@pytest.fixture(scope="module")
def checker(home: Path, keys: tuple[MarkKey, ...], sandbox: Sandbox) -> ProvenanceChecker:
    return ProvenanceChecker(sandbox=sandbox, keys=keys, trust=TrustStore.load(home))


@pytest.fixture(scope="module")
def released(home: Path, keys: tuple[MarkKey, ...], checker: ProvenanceChecker) -> Release:
    synthesis = open_synthesizer().synthesise(parse("a smiling woman"), seed=5)
    return release(synthesis, key=keys[0], source=DevelopmentCA(home), checker=checker)


@pytest.fixture(scope="module")
def pixels(released: Release) -> Pixels:
    with Image.open(io.BytesIO(released.data)) as image:
        return np.asarray(image.convert("RGB"))


def check(data: bytes, checker: ProvenanceChecker) -> Provenance:
    media, frame = open_media(data, sandbox=checker.sandbox)
    return checker.check(data, media, frame.pixels)


def through_jpeg(pixels: Pixels, quality: int) -> Pixels:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.cvtColor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB), np.uint8)


def test_release_declares_itself(released: Release, checker: ProvenanceChecker) -> None:
    found = check(released.data, checker)
    assert found.watermark.record_id == found.credentials.soft_binding == released.record.record_id
    assert found.credentials.state is CredentialState.TRUSTED
    assert found.credentials.declares_ai
    verdict = decide(found, looked=False)
    assert verdict.label is Label.SYNTHETIC_DECLARED
    assert verdict.conflicts == ()


@slow
@given(
    quality=st.integers(LOWEST_QUALITY, 100),
    left=st.floats(0, LARGEST_CROP),
    top=st.floats(0, LARGEST_CROP),
    mirrored=st.booleans(),
)
@example(quality=60, left=0.0, top=0.0, mirrored=False)
@example(quality=LOWEST_QUALITY, left=LARGEST_CROP, top=LARGEST_CROP, mirrored=True)
def test_mark_survives_what_the_world_does(
    pixels: Pixels, released: Release, keys: tuple[MarkKey, ...],
    quality: int, left: float, top: float, mirrored: bool,
) -> None:  # fmt: skip
    height, width = pixels.shape[:2]
    handed_on = pixels[round(top * height) :, round(left * width) :]
    if mirrored:
        handed_on = handed_on[:, ::-1]
    reading = detect(through_jpeg(np.ascontiguousarray(handed_on), quality), keys=keys)
    assert reading.detected
    assert reading.record_id == released.record.record_id
    assert reading.false_match_probability is not None
    assert reading.false_match_probability <= FALSE_CLAIM


def test_stripped_copy_is_declared_by_its_mark_alone(
    pixels: Pixels, checker: ProvenanceChecker, encode: Callable[..., bytes], released: Release
) -> None:
    found = check(encode(pixels, "JPEG", quality=60), checker)
    assert found.credentials.state is CredentialState.ABSENT
    assert found.watermark.record_id == released.record.record_id
    assert decide(found, looked=False).label is Label.SYNTHETIC_DECLARED


@pytest.mark.parametrize("seed", range(6))
def test_unmarked_pictures_are_not_claimed(
    seed: int, make_photo: Callable[..., Pixels], encode: Callable[..., bytes], checker: ProvenanceChecker
) -> None:
    photo = make_photo(seed, width=512, height=384)
    found = check(encode(photo, "JPEG", quality=75), checker)
    assert not found.watermark.detected
    assert found.watermark.record_id is None
    assert decide(found, looked=False).label is Label.NO_EVIDENCE_FOUND


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_photos_of_the_world_are_not_claimed(name: str, keys: tuple[MarkKey, ...]) -> None:
    from skimage import data

    assert not detect(np.asarray(getattr(data, name)(), np.uint8), keys=keys).detected


def test_another_instance_does_not_claim_our_mark(pixels: Pixels) -> None:
    assert not detect(pixels, keys=[MarkKey(0, bytes(range(32)))]).detected
