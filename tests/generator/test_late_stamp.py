"""A stamp that comes later does what one at once would have done: the signature outlives its certificate."""

import io
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import c2pa
import pytest

from detector.provenance.credentials import read_credentials
from detector.provenance.trust import ListKind, TrustStore
from detector.types import CredentialState, Pixels
from generator import timestamp_relay
from generator.late_stamp import stamp_later
from generator.marking import SETTINGS
from generator.signing import LEAF_LIFE, DevelopmentCA, PemFiles

from .conftest import Authority

CREATED = {
    "action": "c2pa.created",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
}
MANIFEST = {
    "claim_generator_info": [{"name": "Test", "version": "1"}],
    "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [CREATED]}, "created": True}],
}
LIFE = timedelta(seconds=15)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamp_relay, "SECONDS", 30.0)


@pytest.fixture
def unstamped(make_photo: Callable[..., Pixels], encode: Callable[..., bytes], home: Path) -> tuple[bytes, datetime]:
    """A file that was signed without a stamp, and when its certificate ends."""
    end, signed = datetime.now(UTC) + LIFE, io.BytesIO()
    DevelopmentCA(home).ensure(now=end - LEAF_LIFE)
    with (
        c2pa.Context.from_dict(dict(SETTINGS)) as context,
        c2pa.Builder(dict(MANIFEST), context) as builder,
        _files(home).signer() as signer,
    ):
        builder.sign(signer, "image/png", io.BytesIO(encode(make_photo(3, width=64, height=48))), signed)
    return signed.getvalue(), end


def _files(home: Path, url: str | None = None) -> PemFiles:
    folder = home / "keys" / "ca"
    return PemFiles(folder / "leaf.pem", folder / "leaf.key", timestamp_url=url)


def test_it_outlives_the_certificate_of_a_file_that_stays_as_it_was(
    unstamped: tuple[bytes, datetime], authority: Authority, home: Path, tmp_path: Path
) -> None:
    data, end = unstamped
    (tmp_path / "tsa.pem").write_text(authority.root)
    trust = TrustStore.load(home)
    trust.import_file(tmp_path / "tsa.pem", kind=ListKind.TSA)
    store = stamp_later(data, _files(home, authority.url), mime="image/png")
    assert store is not None
    time.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds()) + 1)
    assert read_credentials(data, "image/png", trust.settings()).state is CredentialState.INVALID
    found = read_credentials(data, "image/png", trust.settings(), manifest=store)
    assert (found.state, found.failures, found.declares_ai) == (CredentialState.TRUSTED, (), True)
    assert [(item.relationship, item.failures) for item in found.ingredients] == [("parentOf", ())]
    assert found.signed_at is not None
    assert datetime.fromisoformat(found.signed_at) <= end


def test_an_authority_that_is_still_down_gives_none(
    unstamped: tuple[bytes, datetime], authority: Authority, home: Path
) -> None:
    authority.answer = lambda _: (503, b"")
    assert stamp_later(unstamped[0], _files(home, authority.url), mime="image/png") is None
    assert stamp_later(unstamped[0], _files(home), mime="image/png") is None
