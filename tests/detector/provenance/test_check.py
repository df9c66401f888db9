"""The checker gathers every finding, and a file that breaks a reader is a finding too."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detector.media import open_media, sha256_hex
from detector.provenance.check import ProvenanceChecker
from detector.provenance.fingerprint import pdq
from detector.provenance.keys import load_mark_keys
from detector.provenance.known_media import KnownMediaList
from detector.provenance.payload import Payload
from detector.provenance.trust import TrustStore
from detector.provenance.watermark import embed
from detector.sandbox import Limits, Sandbox
from detector.types import CredentialState, Media, MediaKind, Pixels


@pytest.fixture
def checker(own_home: Path, sandbox: Sandbox) -> ProvenanceChecker:
    return ProvenanceChecker(sandbox=sandbox, keys=load_mark_keys(own_home), trust=TrustStore.load(own_home))


def test_plain_photo_says_nothing(
    checker: ProvenanceChecker, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]
) -> None:
    data = encode(make_photo(5))
    media, frame = open_media(data, sandbox=checker.sandbox)
    found = checker.check(data, media, frame.pixels)
    assert found.credentials.state is CredentialState.ABSENT
    assert not found.watermark.detected
    assert found.fingerprint == pdq(frame.pixels)[0]
    assert found.known_media == ()


def test_every_layer_is_read(
    checker: ProvenanceChecker,
    own_home: Path,
    tmp_path: Path,
    make_photo: Callable[..., Pixels],
    encode: Callable[..., bytes],
    sign: Callable[..., bytes],
) -> None:
    key = load_mark_keys(own_home)[0]
    marked = embed(make_photo(6, width=512, height=512), payload=Payload("0123456789ab", key.key_id), key=key)
    (tmp_path / "known.csv").write_text(f"id,hash\nseen,{pdq(marked)[0]}\n")
    known = KnownMediaList.load(tmp_path / "known.csv")
    full = ProvenanceChecker(
        sandbox=checker.sandbox, keys=(key,), trust=TrustStore.load(own_home), known_media=(known,)
    )
    data = sign(encode(marked))
    media, frame = open_media(data, sandbox=full.sandbox)
    found = full.check(data, media, frame.pixels)
    assert found.credentials.state is CredentialState.TRUSTED
    assert found.watermark.record_id == "0123456789ab"
    assert [(match.entry, match.distance) for match in found.known_media] == [("seen", 0)]


def test_featureless_picture_matches_no_list(own_home: Path, tmp_path: Path, sandbox: Sandbox) -> None:
    flat = np.full((64, 64, 3), 200, np.uint8)
    (tmp_path / "known.csv").write_text(f"id,hash\nseen,{pdq(flat)[0]}\n")
    known = KnownMediaList.load(tmp_path / "known.csv")
    checker = ProvenanceChecker(sandbox=sandbox, keys=(), trust=TrustStore.load(own_home), known_media=(known,))
    media = Media("0" * 64, MediaKind.IMAGE, "image/png", 4, 64, 64)
    assert checker.check(b"flat", media, flat).known_media == ()


def test_undecoded_file_is_checked_for_credentials_alone(
    checker: ProvenanceChecker,
    sign: Callable[..., bytes],
    make_photo: Callable[..., Pixels],
    encode: Callable[..., bytes],
) -> None:
    data = sign(encode(make_photo(7)))
    media = Media(sha256_hex(data), MediaKind.IMAGE, "image/png", len(data), 0, 0)
    found = checker.check(data, media, None)
    assert found.credentials.state is CredentialState.TRUSTED
    assert not found.watermark.detected
    assert found.fingerprint is None


def test_reader_that_hits_a_limit_is_a_finding(own_home: Path) -> None:
    with Sandbox(limits=Limits(max_bytes=64 * 1024)) as tight:
        checker = ProvenanceChecker(sandbox=tight, keys=(), trust=TrustStore.load(own_home))
        data = bytes(65 * 1024)
        media = Media(sha256_hex(data), MediaKind.UNKNOWN, "image/png", len(data), 0, 0)
        assert checker.check(data, media, None).credentials.state is CredentialState.UNREADABLE
