"""What another program made leaves with every mark, and with the history that it came with."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from PIL import Image, ImageCms

from detector.media import open_media
from detector.provenance.check import ProvenanceChecker
from detector.provenance.keys import load_mark_keys
from detector.provenance.trust import TrustStore
from detector.sandbox import Sandbox
from detector.types import Action, CredentialState, Label, Pixels, Provenance
from detector.verdict import decide
from generator.claim import EDITED, GENERATED
from generator.elsewhere import Order, mark_file
from generator.errors import AlreadyMarked, CredentialsUnreadable, MediaTooSmall
from generator.marking import SETTINGS
from generator.packet import PICTURES
from generator.release import Release
from generator.signing import DevelopmentCA

CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


@pytest.fixture
def photo(make_photo: Callable[..., Pixels]) -> Pixels:
    return make_photo(5, width=640, height=512)


def file_of(pixels: Pixels, form: str = "PNG", **options: Any) -> bytes:  # noqa: ANN401
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def captured(data: bytes, mime: str, home: Path) -> bytes:
    """`data` with the credential of a camera that `home` trusts."""
    made = {"action": "c2pa.created", "digitalSourceType": CAPTURE}
    manifest = {
        "claim_version": 2,
        "claim_generator_info": [{"name": "camera"}],
        "assertions": [{"label": "c2pa.actions.v2", "created": True, "data": {"actions": [made]}}],
    }
    signed = io.BytesIO()
    with (
        c2pa.Context.from_dict(dict(SETTINGS)) as context,
        DevelopmentCA(home).signer() as signer,
        c2pa.Builder(manifest, context) as builder,
    ):
        builder.sign(signer, mime, io.BytesIO(data), signed)
    return signed.getvalue()


def marked(data: bytes, home: Path, sandbox: Sandbox, *, kind: str = GENERATED) -> tuple[Release, Provenance]:
    checker = ProvenanceChecker(sandbox=sandbox, keys=load_mark_keys(home), trust=TrustStore.load(home))
    key, source = load_mark_keys(home)[0], DevelopmentCA(home)
    released = mark_file(data, Order("painter 3", kind, key, source, purpose="art"), checker=checker)
    media, frame = open_media(released.data, sandbox=sandbox)
    return released, checker.check(released.data, media, frame.pixels)


@pytest.mark.parametrize(("mime", "form"), PICTURES.items())
def test_it_leaves_in_its_own_format_and_declared(
    form: str, mime: str, photo: Pixels, home: Path, sandbox: Sandbox
) -> None:
    released, found = marked(file_of(photo, form), home, sandbox)
    assert open_media(released.data, sandbox=sandbox)[0].mime == mime
    assert found.credentials.state is CredentialState.TRUSTED
    assert found.credentials.actions == ("c2pa.created", "c2pa.watermarked.bound")
    assert found.watermark.record_id == found.credentials.soft_binding == released.record.record_id
    assert (released.record.backend, released.record.seed, released.record.purpose) == ("painter 3", None, "art")
    assert b"trainedAlgorithmicMedia" in released.data
    assert b"TC260:AIGC" in released.data
    verdict = decide(found, looked=False)
    assert (verdict.label, verdict.action, verdict.conflicts) == (Label.SYNTHETIC_DECLARED, Action.FLAG, ())


def test_other_formats_leave_as_png(photo: Pixels, home: Path, sandbox: Sandbox) -> None:
    released, _ = marked(file_of(photo, "BMP"), home, sandbox)
    assert open_media(released.data, sandbox=sandbox)[0].mime == "image/png"


def test_a_stripped_copy_is_still_declared(photo: Pixels, home: Path, sandbox: Sandbox) -> None:
    released, _ = marked(file_of(photo), home, sandbox)
    stripped = file_of(np.asarray(Image.open(io.BytesIO(released.data))), "JPEG", quality=70)
    checker = ProvenanceChecker(sandbox=sandbox, keys=load_mark_keys(home), trust=TrustStore.load(home))
    media, frame = open_media(stripped, sandbox=sandbox)
    found = checker.check(stripped, media, frame.pixels)
    assert found.credentials.state is CredentialState.ABSENT
    assert found.watermark.record_id == released.record.record_id
    assert decide(found, looked=False).label is Label.SYNTHETIC_DECLARED


@pytest.mark.parametrize("kind", [GENERATED, EDITED])
def test_a_capture_credential_stays_as_ingredient(kind: str, photo: Pixels, home: Path, sandbox: Sandbox) -> None:
    original = captured(file_of(photo, "JPEG"), "image/jpeg", home)
    _, found = marked(original, home, sandbox, kind=kind)
    (ingredient,) = found.credentials.ingredients
    assert (ingredient.relationship, ingredient.failures) == ("parentOf", ())
    assert found.credentials.state is CredentialState.TRUSTED
    assert found.credentials.actions[0] == "c2pa.opened"
    assert ("c2pa.edited" in found.credentials.actions) is (kind == EDITED)
    assert found.credentials.declares_ai
    assert not found.credentials.declares_capture  # what was captured is no more what is seen
    assert decide(found, looked=False).conflicts == ()


def test_an_edited_picture_without_credentials_has_its_original_as_parent(
    photo: Pixels, home: Path, sandbox: Sandbox
) -> None:
    _, found = marked(file_of(photo), home, sandbox, kind=EDITED)
    assert [item.relationship for item in found.credentials.ingredients] == ["parentOf"]
    assert found.credentials.actions == ("c2pa.opened", "c2pa.edited", "c2pa.watermarked.bound")


def test_a_broken_credential_is_kept_as_what_it_is(photo: Pixels, home: Path, sandbox: Sandbox) -> None:
    original = bytearray(captured(file_of(photo, "JPEG"), "image/jpeg", home))
    original[-200] ^= 1
    _, found = marked(bytes(original), home, sandbox)
    (ingredient,) = found.credentials.ingredients
    assert "assertion.dataHash.mismatch" in ingredient.failures
    assert not found.credentials.declares_capture


def test_nothing_is_marked_twice(photo: Pixels, home: Path, sandbox: Sandbox) -> None:
    released, _ = marked(file_of(photo), home, sandbox)
    with pytest.raises(AlreadyMarked, match=released.record.record_id):
        marked(released.data, home, sandbox)


def test_a_small_picture_is_refused(photo: Pixels, home: Path, sandbox: Sandbox) -> None:
    with pytest.raises(MediaTooSmall):
        marked(file_of(photo[:100]), home, sandbox)


def test_history_that_cannot_be_kept_is_a_refusal(photo: Pixels, home: Path, sandbox: Sandbox) -> None:
    signed = io.BytesIO()
    with (
        c2pa.Context.from_dict(dict(SETTINGS)) as context,
        DevelopmentCA(home).signer() as signer,
        c2pa.Builder({"claim_generator_info": [{"name": "x"}], "assertions": []}, context) as builder,
    ):
        builder.set_no_embed()
        builder.set_remote_url("https://example.org/manifest.c2pa")
        builder.set_intent(c2pa.C2paBuilderIntent.CREATE, c2pa.C2paDigitalSourceType.DIGITAL_CAPTURE)
        builder.sign(signer, "image/jpeg", io.BytesIO(file_of(photo, "JPEG")), signed)
    with pytest.raises(CredentialsUnreadable, match="remote"):
        marked(signed.getvalue(), home, sandbox)


def test_the_colour_profile_comes_along(photo: Pixels, home: Path, sandbox: Sandbox) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for form in PICTURES.values():
        released, _ = marked(file_of(photo, form, icc_profile=profile), home, sandbox)
        assert Image.open(io.BytesIO(released.data)).info["icc_profile"] == profile


def test_nothing_of_the_file_but_pixels_and_profile_is_copied(photo: Pixels, home: Path, sandbox: Sandbox) -> None:
    exif = Image.Exif()
    exif[0x010E] = "at my home, 52.5 N 13.4 E"
    released, _ = marked(file_of(photo, "JPEG", exif=exif), home, sandbox)
    assert b"52.5 N" not in released.data
    assert json.dumps(released.statement.backend) == '"painter 3"'
