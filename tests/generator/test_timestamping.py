"""A time-stamp makes a signature outlive its certificate; an authority that fails costs the stamp and nothing else."""

import io
import logging
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import c2pa
import pytest
from asn1crypto import tsp

from detector.provenance.credentials import read_credentials
from detector.provenance.trust import ListKind, TrustStore
from detector.types import Credentials, CredentialState, Pixels
from generator import timestamp_relay
from generator.errors import SigningFailed
from generator.marking import SETTINGS
from generator.signing import LEAF_LIFE, DevelopmentCA, KeySource, PemFiles
from generator.timestamping import with_stamp

from .conftest import Authority

CREATED = {
    "action": "c2pa.created",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
}
MANIFEST = {
    "claim_generator_info": [{"name": "Test", "version": "1"}],
    "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [CREATED]}, "created": True}],
}
OTHER_QUERY = tsp.TimeStampReq(
    {"version": "v1", "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": bytes(32)}}
).dump()
BOUND_SECONDS = 0.5
"""What the relay gives an authority in these tests, so that they need not wait."""
SLACK_SECONDS = 2.0
Answer = tuple[int, bytes]


@pytest.fixture
def png(make_photo: Callable[..., Pixels], encode: Callable[..., bytes]) -> bytes:
    return encode(make_photo(3, width=64, height=48))


def _signed(png: bytes, source: KeySource) -> tuple[bytes, bool]:
    """The picture with a manifest, and whether that is time-stamped."""

    def sign(signer: c2pa.Signer) -> bytes:
        signed = io.BytesIO()
        with c2pa.Context.from_dict(dict(SETTINGS)) as context, c2pa.Builder(MANIFEST, context) as builder:
            builder.sign(signer, "image/png", io.BytesIO(png), signed)
        return signed.getvalue()

    return with_stamp(source, sign)


def _read(data: bytes, home: Path) -> Credentials:
    return read_credentials(data, "image/png", TrustStore.load(home).settings())


def _trust(authority: Authority, home: Path, folder: Path, kind: ListKind = ListKind.TSA) -> None:
    bundle = folder / f"{kind}.pem"
    bundle.write_text(authority.root)
    TrustStore.load(home).import_file(bundle, kind=kind)


def test_time_of_a_trusted_authority_is_read(authority: Authority, home: Path, png: bytes, tmp_path: Path) -> None:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=30)
    authority.answer = lambda query: (200, authority.reply(query, at=at))
    data, stamped = _signed(png, DevelopmentCA(home, timestamp_url=authority.url))
    assert (stamped, authority.asked) == (True, 1)
    _trust(authority, home, tmp_path)
    found = _read(data, home)
    assert (found.state, found.failures) == (CredentialState.TRUSTED, ())
    assert datetime.fromisoformat(str(found.signed_at)) == at


def test_time_of_anybody_else_is_not(authority: Authority, home: Path, png: bytes, tmp_path: Path) -> None:
    data, _ = _signed(png, DevelopmentCA(home, timestamp_url=authority.url))
    for _ in range(2):
        found = _read(data, home)
        assert (found.state, found.signed_at) == (CredentialState.TRUSTED, None)
        _trust(authority, home, tmp_path, ListKind.SIGNER)  # vouches for signers and not for times


def test_stamp_outlives_the_certificate(authority: Authority, home: Path, png: bytes, tmp_path: Path) -> None:
    end = datetime.now(UTC) + timedelta(seconds=2)
    DevelopmentCA(home).ensure(now=end - LEAF_LIFE)
    leaf, key = (home / "keys" / "ca" / name for name in ("leaf.pem", "leaf.key"))
    stamped, _ = _signed(png, PemFiles(leaf, key, timestamp_url=authority.url))
    bare, _ = _signed(png, PemFiles(leaf, key))
    time.sleep((end - datetime.now(UTC)).total_seconds() + 1)
    for data in (stamped, bare):
        assert "signingCredential.expired" in _read(data, home).failures
    _trust(authority, home, tmp_path)
    assert _read(stamped, home).state is CredentialState.TRUSTED
    assert _read(bare, home).state is CredentialState.INVALID
    with pytest.raises(c2pa.C2paError):
        _signed(png, PemFiles(leaf, key, timestamp_url=authority.url))


def test_nobody_is_asked_unless_set(
    authority: Authority, home: Path, png: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    data, stamped = _signed(png, DevelopmentCA(home))
    assert (stamped, authority.asked, caplog.records) == (False, 0, [])
    assert _read(data, home).state is CredentialState.TRUSTED


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _, query: (500, b""), "http_500"),
        (lambda _, query: (302, b""), "http_302"),
        (lambda _, query: (200, b""), "not_accepted"),
        (lambda _, query: (200, b"garbage" * 99), "not_accepted"),
        (lambda told, query: (200, told.reply(OTHER_QUERY)), "not_accepted"),
        (lambda told, query: (200, told.reply(query) + bytes(100_000)), "too_large"),
        (lambda told, query: _late(200, told.reply(query)), "timeout"),
    ],
    ids=["error", "redirect", "empty", "garbage", "stamp of another", "too large", "hangs"],
)
def test_failing_authority_costs_the_stamp_alone(
    answer: Callable[[Authority, bytes], Answer],
    reason: str,
    authority: Authority,
    home: Path,
    png: bytes,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timestamp_relay, "SECONDS", BOUND_SECONDS)
    authority.answer = lambda query: answer(authority, query)
    _signs_without_a_stamp(authority.url, reason, home, png, caplog)


@pytest.mark.parametrize("kind", ["refuses", "never speaks", "no address", "no such name"])
def test_authority_that_is_not_there_costs_the_stamp_alone(
    kind: str, home: Path, png: bytes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timestamp_relay, "SECONDS", BOUND_SECONDS)
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url, reason = {
            "refuses": (f"http://127.0.0.1:{closed.getsockname()[1]}/", "ConnectError"),
            "never speaks": (f"http://127.0.0.1:{silent.getsockname()[1]}/", "timeout"),
            "no address": ("http://[::/", "InvalidURL"),
            "no such name": ("http://-.invalid/", "ConnectError"),
        }[kind]
        _signs_without_a_stamp(url, reason, home, png, caplog)


def test_unusable_key_is_no_matter_of_stamps(
    authority: Authority, tmp_path: Path, png: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    missing = PemFiles(tmp_path / "none.pem", tmp_path / "none.key", timestamp_url=authority.url)
    with pytest.raises(SigningFailed):
        _signed(png, missing)
    assert (authority.asked, caplog.records) == (0, [])


def _late(status: int, reply: bytes) -> Answer:
    time.sleep(3 * BOUND_SECONDS)
    return status, reply


def _signs_without_a_stamp(url: str, reason: str, home: Path, png: bytes, caplog: pytest.LogCaptureFixture) -> None:
    DevelopmentCA(home).ensure()
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        data, stamped = _signed(png, DevelopmentCA(home, timestamp_url=url))
    assert time.monotonic() - started < BOUND_SECONDS + SLACK_SECONDS
    assert not stamped
    assert _read(data, home).state is CredentialState.TRUSTED
    (record,) = caplog.records
    assert (record.msg, vars(record)["reason"]) == ("timestamp_unavailable", reason)
