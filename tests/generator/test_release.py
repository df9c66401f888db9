"""Nothing leaves unless its own marks read back."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from detector.media import open_media, sha256_hex
from detector.provenance.check import ProvenanceChecker
from detector.provenance.fingerprint import distance, pdq
from detector.provenance.keys import MarkKey, load_mark_keys
from detector.provenance.trust import TrustStore
from detector.sandbox import Limits, Sandbox
from detector.types import CredentialState, Pixels
from generator.errors import SelfCheckFailed
from generator.release import release
from generator.signing import DevelopmentCA
from generator.synthesizer import Synthesis


@pytest.fixture
def synthesis(make_photo: Callable[..., Pixels]) -> Synthesis:
    return Synthesis(make_photo(9, width=512, height=512), {"smile": "yes"}, edited=False, seed=11, backend="embedded")


def _checker(home: Path, sandbox: Sandbox, keys: Sequence[MarkKey] | None = None) -> ProvenanceChecker:
    keys = load_mark_keys(home) if keys is None else keys
    return ProvenanceChecker(sandbox=sandbox, keys=keys, trust=TrustStore.load(home))


def test_release_carries_every_mark(home: Path, sandbox: Sandbox, synthesis: Synthesis) -> None:
    checker = _checker(home, sandbox)
    key = load_mark_keys(home)[0]
    released = release(synthesis, key=key, source=DevelopmentCA(home), checker=checker, prompt="a face", purpose="test")
    media, frame = open_media(released.data, sandbox=sandbox)
    found = checker.check(released.data, media, frame.pixels)
    record = released.record
    assert found.credentials.state is CredentialState.TRUSTED
    assert found.watermark.record_id == found.credentials.soft_binding == record.record_id
    assert record.sha256 == sha256_hex(released.data)
    assert record.manifest_sha256 == sha256_hex(released.manifest)
    assert released.manifest in released.data
    assert distance(record.fingerprint, pdq(frame.pixels)[0]) == 0
    assert (record.seed, record.backend, record.purpose) == (11, "embedded", "test")
    assert released.statement.prompt == "a face"
    assert datetime.now(UTC) - datetime.fromisoformat(record.created_at) < timedelta(minutes=1)


def test_two_releases_differ_in_their_record(home: Path, sandbox: Sandbox, synthesis: Synthesis) -> None:
    checker, key, source = _checker(home, sandbox), load_mark_keys(home)[0], DevelopmentCA(home)
    first, second = (release(synthesis, key=key, source=source, checker=checker) for _ in range(2))
    assert first.record.record_id != second.record.record_id
    given = release(synthesis, key=key, source=source, checker=checker, record_id="0123456789ab")
    assert given.record.record_id == "0123456789ab"


def test_mark_that_nobody_here_can_read_is_held_back(home: Path, sandbox: Sandbox, synthesis: Synthesis) -> None:
    checker = _checker(home, sandbox, keys=(MarkKey(9, bytes(32)),))
    with pytest.raises(SelfCheckFailed, match="watermark"):
        release(synthesis, key=load_mark_keys(home)[0], source=DevelopmentCA(home), checker=checker)


def test_file_that_cannot_be_read_back_is_held_back(home: Path, synthesis: Synthesis) -> None:
    with Sandbox(limits=Limits(max_pixels=1000)) as tight, pytest.raises(SelfCheckFailed, match="read back"):
        release(synthesis, key=load_mark_keys(home)[0], source=DevelopmentCA(home), checker=_checker(home, tight))
