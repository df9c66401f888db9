"""A mark comes off only an untouched release of our own, and what is made of it bears one mark: its own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector.media import open_media
from detector.provenance.carrier import CLIP_SLOPE
from detector.provenance.check import ProvenanceChecker
from detector.provenance.keys import MarkKey, load_mark_keys
from detector.provenance.mask import clip_mask
from detector.provenance.payload import Payload
from detector.provenance.trust import TrustStore
from detector.provenance.watermark import detect, lay, pattern
from detector.sandbox import Sandbox
from detector.types import Credentials, CredentialState, Pixels, Provenance
from generator.claim import EDITED, GENERATED
from generator.elsewhere import Order, mark_file, mark_opened, open_unmarked
from generator.errors import AlreadyMarked
from generator.lifting import is_intact_release, lift
from generator.release import Release
from generator.signing import DevelopmentCA


@pytest.fixture
def keys(home: Path) -> tuple[MarkKey, ...]:
    return load_mark_keys(home)


@pytest.fixture
def checker(home: Path, sandbox: Sandbox, keys: tuple[MarkKey, ...]) -> ProvenanceChecker:
    DevelopmentCA(home)
    return ProvenanceChecker(sandbox=sandbox, keys=keys, trust=TrustStore.load(home))


@pytest.fixture
def photo(make_photo: Callable[..., Pixels]) -> Pixels:
    return make_photo(5, width=512, height=512)


@pytest.fixture
def released(
    photo: Pixels, encode: Callable[..., bytes], home: Path, keys: tuple[MarkKey, ...], checker: ProvenanceChecker
) -> Release:
    order = Order("painter 3", GENERATED, keys[0], DevelopmentCA(home), purpose="art")
    return mark_file(encode(photo), order, checker=checker)


def test_what_is_lifted_is_the_picture_before(
    released: Release, photo: Pixels, keys: tuple[MarkKey, ...], checker: ProvenanceChecker
) -> None:
    opened = open_unmarked(released.data, checker=checker, liftable=keys)
    assert is_intact_release(opened.found)
    assert np.mean((opened.pixels.astype(float) - photo) ** 2) < 0.1
    assert not detect(opened.pixels, keys=keys).detected


def test_an_edit_bears_its_own_mark_and_keeps_the_release_as_its_parent(
    released: Release, home: Path, keys: tuple[MarkKey, ...], checker: ProvenanceChecker
) -> None:
    opened = open_unmarked(released.data, checker=checker, liftable=keys)
    order = Order("painter 3", EDITED, keys[0], DevelopmentCA(home), purpose="art")
    edited = mark_opened(opened, opened.pixels[:, ::-1].copy(), order, checker=checker)
    media, frame = open_media(edited.data, sandbox=checker.sandbox)
    found = checker.check(edited.data, media, frame.pixels)
    assert found.watermark.record_id == edited.record.record_id != released.record.record_id
    assert [item.relationship for item in found.credentials.ingredients] == ["parentOf"]


def test_a_copy_without_its_credential_keeps_its_mark(
    released: Release, encode: Callable[..., bytes], keys: tuple[MarkKey, ...], checker: ProvenanceChecker
) -> None:
    stripped = encode(open_media(released.data, sandbox=checker.sandbox)[1].pixels)
    with pytest.raises(AlreadyMarked, match=released.record.record_id):
        open_unmarked(stripped, checker=checker, liftable=keys)


def test_without_the_key_nothing_is_lifted(
    released: Release, keys: tuple[MarkKey, ...], checker: ProvenanceChecker
) -> None:
    media, frame = open_media(released.data, sandbox=checker.sandbox)
    found = checker.check(released.data, media, frame.pixels)
    assert lift(frame.pixels, found, keys=[replace(keys[0], key_id=keys[0].key_id + 1)]) is None
    with pytest.raises(AlreadyMarked):
        open_unmarked(released.data, checker=checker)


def test_a_mark_that_an_earlier_version_laid_stays(photo: Pixels, keys: tuple[MarkKey, ...]) -> None:
    tile = pattern(Payload("0123456789ab", keys[0].key_id), key=keys[0], slope=CLIP_SLOPE)
    earlier = lay(photo, tile, weigh=clip_mask)
    found = Provenance(Credentials(CredentialState.TRUSTED), detect(earlier, keys=keys))
    assert found.watermark.record_id == "0123456789ab"
    assert lift(earlier, found, keys=keys) is None
