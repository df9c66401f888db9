"""The settings choose who signs, and what is said of the key is what an operator has to know."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.settings import Settings
from api.signing_keys import RENEW_WITHIN, describe, key_source
from generator.errors import SigningFailed
from generator.signing import LEAF_LIFE, ORGANISATION, DevelopmentCA, PemFiles

URL = "http://stamps.example/"


@pytest.fixture
def pem_settings(tmp_path: Path, home: Path) -> Settings:
    """Settings that name an operator's key and certificate."""
    DevelopmentCA(tmp_path / "operator").ensure()
    cert, key = (tmp_path / "operator" / "keys" / "ca" / name for name in ("leaf.pem", "leaf.key"))
    return Settings(home=home, signing_cert=cert, signing_key=key, timestamp_url=URL)


def test_this_instance_signs_by_itself_unless_told(home: Path) -> None:
    source = key_source(Settings(home=home))
    assert isinstance(source, DevelopmentCA)
    assert source.timestamp_url is None
    told = describe(source, now=datetime.now(UTC))
    assert told.startswith(ORGANISATION)
    assert told.endswith("without time-stamps")


def test_named_files_sign(pem_settings: Settings, home: Path) -> None:
    source = key_source(pem_settings)
    assert isinstance(source, PemFiles)
    assert source.timestamp_url == URL
    assert describe(source, now=datetime.now(UTC)).endswith("with time-stamps")
    assert not (home / "keys" / "ca").exists()


def test_certificate_that_ends_soon_is_said_to(pem_settings: Settings) -> None:
    source, end = key_source(pem_settings), datetime.now(UTC) + LEAF_LIFE
    assert "renew" not in describe(source, now=end - RENEW_WITHIN - timedelta(days=1))
    assert "in 2 days: renew it" in describe(source, now=end - timedelta(days=3, minutes=-1))


@pytest.mark.parametrize("away", [LEAF_LIFE + timedelta(hours=1), -timedelta(days=1)])
def test_certificate_that_is_not_valid_now_is_a_failure(pem_settings: Settings, away: timedelta) -> None:
    with pytest.raises(SigningFailed, match="not now"):
        describe(key_source(pem_settings), now=datetime.now(UTC) + away)


def test_missing_files_are_a_failure(home: Path, tmp_path: Path) -> None:
    settings = Settings(home=home, signing_cert=tmp_path / "none.pem", signing_key=tmp_path / "none.key")
    with pytest.raises(SigningFailed, match="cannot be read"):
        describe(key_source(settings), now=datetime.now(UTC))
