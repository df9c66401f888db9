"""What left without a stamp gets one when the authority is back, under the name that it always had."""

from pathlib import Path

import pytest

from api import soft_bindings
from api.auth import Actor
from api.making import GenerateRequest, generate
from api.settings import Settings
from api.stamps import retry, unstamped
from api.workplace import Workplace
from detector.provenance.credentials import read_credentials
from detector.provenance.trust import ListKind
from detector.types import CredentialState
from generator import timestamp_relay

from ..generator.conftest import Authority, authority, rsa_keys

__all__ = ["authority", "rsa_keys"]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamp_relay, "SECONDS", 30.0)


async def test_a_missing_stamp_is_asked_for_again(authority: Authority, home: Path, tmp_path: Path) -> None:
    authority.answer = lambda _: (503, b"")
    (tmp_path / "tsa.pem").write_text(authority.root)
    settings = Settings(home=home, timestamp_url=authority.url, blob_url="memory:///")
    async with await Workplace.open(settings) as workplace:
        workplace.trust.import_file(tmp_path / "tsa.pem", kind=ListKind.TSA)
        made = await generate(workplace, Actor.local(), GenerateRequest("a woman", purpose="research", seed=1))
        record_id = made.record.record_id
        assert await unstamped(workplace) == [record_id]
        assert [result async for result in retry(workplace)] == [(record_id, False)]
        authority.answer = authority.honest
        assert [result async for result in retry(workplace)] == [(record_id, True)]
        assert await unstamped(workplace) == []
        own = read_credentials(made.data, "image/png", workplace.trust.settings())
        assert own.manifest_id is not None
        store = await soft_bindings.manifest(workplace, Actor.anonymous(), own.manifest_id)
        found = read_credentials(made.data, "image/png", workplace.trust.settings(), manifest=store)
        assert (own.signed_at, found.state) == (None, CredentialState.TRUSTED)
        assert (found.signed_at is not None, found.soft_binding) == (True, record_id)
        assert [item.failures for item in found.ingredients] == [()]
        async with workplace.database.read() as session:
            entries = await workplace.audit.page(session)
        assert [entry.kind for entry in entries].count("release.stamped") == 1


async def test_stamped_releases_are_left_alone(authority: Authority, home: Path) -> None:
    settings = Settings(home=home, timestamp_url=authority.url, blob_url="memory:///")
    async with await Workplace.open(settings) as workplace:
        await generate(workplace, Actor.local(), GenerateRequest("a woman", purpose="research", seed=1))
        assert [result async for result in retry(workplace)] == []
