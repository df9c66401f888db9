"""Heads of the log are time-stamped now and then; an authority that fails costs the anchor and is said."""

import asyncio
import hashlib
import logging
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api import anchors
from api.anchors import anchor, anchoring
from api.attestations import Anchor, AttestationRepository
from api.audit import verify_database
from api.audit_export import check_export, exported
from api.audit_standards import standards_of
from api.errors import InvalidRequest
from api.ledger import Fact
from api.settings import Settings
from api.time_stamps import Query, read_stamp, vouched
from api.workplace import Workplace
from detector.provenance.trust import ListKind
from generator import timestamp_relay

from ..generator.conftest import Authority, authority, rsa_keys

__all__ = ["authority", "rsa_keys"]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamp_relay, "SECONDS", 30.0)


@pytest.fixture
def stamping(any_settings: Settings, authority: Authority) -> Settings:
    return any_settings.model_copy(update={"timestamp_url": authority.url, "blob_url": "memory:///"})


async def _grow(workplace: Workplace, entries: int = 1) -> None:
    facts = [Fact("test.grown", {"number": number}) for number in range(entries)]
    await workplace.database.change(lambda connection: workplace.audit.within(connection).append(facts))


async def _kept(workplace: Workplace) -> list[Anchor]:
    return list(await workplace.database.look(lambda connection: AttestationRepository(connection).anchors()))


def _trust(workplace: Workplace, authority: Authority, folder: Path) -> None:
    (folder / "tsa.pem").write_text(authority.root)
    workplace.trust.import_file(folder / "tsa.pem", kind=ListKind.TSA)


async def test_the_newest_head_is_stamped_and_the_stamp_is_checked(
    stamping: Settings, authority: Authority, tmp_path: Path
) -> None:
    async with await Workplace.open(stamping) as workplace:
        await _grow(workplace, 3)
        done = await anchor(workplace)
        assert done is not None
        assert (done.size, done.fault) == (3, None)
        assert abs((datetime.now(UTC) - datetime.fromisoformat(str(done.stamped_at))).total_seconds()) < 60
        assert await anchor(workplace) is None  # its own entry is nothing new
        assert authority.asked == 1
        untrusted = await verify_database(stamping)
        assert (untrusted.ok, untrusted.size, untrusted.anchored) == (True, 4, None)
        _trust(workplace, authority, tmp_path)
        assert (await verify_database(stamping)).anchored == 3
        lines = await exported(workplace)
        assert check_export(lines, standards_of(stamping)).anchored == 3
        await _grow(workplace)
        again = await anchor(workplace)
        assert again is not None
        assert [kept.size for kept in await _kept(workplace)] == [3, again.size]


@pytest.mark.parametrize("kind", ["down", "garbage", "refusal", "another's stamp"])
async def test_an_outage_costs_the_anchor_alone(
    stamping: Settings, authority: Authority, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = b64decode("MAkwBwIBAgMCAQA=")
    authority.answer = {
        "down": lambda _: (503, b""),
        "garbage": lambda _: (200, b"garbage"),
        "refusal": lambda _: (200, refusal),
        "another's stamp": lambda _: (200, authority.reply(Query.about(b"something else").data)),
    }[kind]
    async with await Workplace.open(stamping) as workplace:
        await _grow(workplace)
        with caplog.at_level(logging.WARNING):
            done = await anchor(workplace)
        assert done is not None
        assert (done.size, done.stamped_at) == (1, None)
        assert done.fault == ("http_503" if kind == "down" else "not_accepted")
        assert [record.msg for record in caplog.records] == ["anchor_unavailable"]
        assert await _kept(workplace) == []
        authority.answer = authority.honest
        later = await anchor(workplace)
        assert later is not None
        assert (later.size, later.fault) == (1, None)


async def test_the_service_anchors_by_itself(
    stamping: Settings, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchors, "ROUND_SECONDS", 0.02)
    answers = iter([(503, b"")])
    authority.answer = lambda query: next(answers, None) or authority.honest(query)
    async with await Workplace.open(stamping) as workplace:
        await _grow(workplace)
        async with anchoring(workplace):
            async with asyncio.timeout(60):
                while not await _kept(workplace):
                    await asyncio.sleep(0.02)
            await _grow(workplace)
            await asyncio.sleep(0.2)
        assert [kept.size for kept in await _kept(workplace)] == [1]  # the next one is due in a day
        assert authority.asked == 2


async def test_a_stamp_that_was_put_under_another_head_is_named(stamping: Settings, authority: Authority) -> None:
    async with await Workplace.open(stamping) as workplace:
        await _grow(workplace, 2)
        await anchor(workplace)
        [kept] = await _kept(workplace)
        moved = Anchor(1, kept.stamped_at, kept.reply)
        await workplace.database.change(lambda connection: AttestationRepository(connection).add_anchor(moved))
        check = await verify_database(stamping)
        assert (check.ok, check.first_bad) == (False, 0)
        assert "time-stamp" in check.detail


async def test_without_an_authority_there_is_no_anchor(any_settings: Settings) -> None:
    async with await Workplace.open(any_settings) as workplace:
        with pytest.raises(InvalidRequest, match="SHINGAN_TIMESTAMP_URL"):
            await anchor(workplace)
        async with anchoring(workplace):
            pass


def test_a_stamp_is_about_its_content_and_by_its_authority(authority: Authority) -> None:
    query = Query.about(b"content")
    reply = authority.reply(query.data)
    stamp = read_stamp(reply, nonce=query.nonce)
    assert stamp is not None
    assert stamp.digest == hashlib.sha256(b"content").digest()
    assert read_stamp(reply, nonce=query.nonce + 1) is None
    assert vouched(reply, b"content", roots=[authority.root])
    assert not vouched(reply, b"other", roots=[authority.root])
    assert not vouched(reply, b"content", roots=[])
    assert not vouched(b"", b"content", roots=[authority.root])
