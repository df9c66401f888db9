"""What is older than a tenant's rule goes, with its files and its salts; what others still need stays."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from api import products
from api.audit import verify_database
from api.auth import Actor, Scope
from api.clock import timestamp, utc_now
from api.erasures import erase
from api.errors import NotFound, PolicyDenied
from api.passing import PassingFiles
from api.releases import find_release, release_file
from api.repositories import IdempotencyRepository, InspectionRepository, StoredAnswer, StoredInspection
from api.retention import Retention, retention_of, set_retention, sweep
from api.settings import Settings
from api.tables import audit_salts, records
from api.workplace import Workplace

MINE, THEIRS = Actor.local("mine"), Actor.local("theirs")
LATER = utc_now() + timedelta(days=40)
MONTH = Retention(answer_days=30)
WISH = products.GenerateRequest("a smiling woman", purpose="research", seed=1)


@pytest.fixture
async def place(any_settings: Settings) -> AsyncIterator[Workplace]:
    async with await Workplace.open(any_settings) as workplace:
        yield workplace


@pytest.fixture
def photo(make_photo: Callable[..., Any], encode: Callable[..., bytes]) -> bytes:
    return encode(make_photo())


async def _blobs(place: Workplace) -> set[str]:
    return {name async for name in place.blobs.names()}


async def _salts(place: Workplace) -> int:
    async with place.database.read() as session:
        return (await session.execute(select(func.count()).select_from(audit_salts))).scalar_one()


async def _kinds(place: Workplace) -> list[str]:
    async with place.database.read() as session:
        return [entry.kind for entry in await place.audit.page(session, limit=1000)]


async def _stored(place: Workplace, name: str, actor: Actor, *, blob: str | None = None) -> StoredInspection:
    """An answer with a log entry that holds personal data."""
    async with place.database.write() as session:
        body = {"tenant": actor.tenant}
        entry = await place.audit.append(session, "test.completed", body, personal={"name": name, "sha256": "a" * 64})
        stored = StoredInspection(
            f"insp_{name}", "inspection", actor.tenant, timestamp(), "a" * 64, {"report": {}}, entry.index, blob
        )
        await InspectionRepository(session).add(stored)
    return stored


async def test_nothing_goes_without_a_rule(place: Workplace, photo: bytes) -> None:
    await products.verify(place, MINE, photo, name="Jane.png")
    assert await sweep(place, now=LATER) == {}
    assert "retention.swept" not in await _kinds(place)


async def test_old_answers_go_and_only_those(place: Workplace, photo: bytes) -> None:
    mine = await products.verify(place, MINE, photo, name="Jane.png")
    theirs = await products.verify(place, THEIRS, photo, name="Jane.png")
    await set_retention(place, MINE, MONTH)
    assert await sweep(place) == {}
    assert await sweep(place, now=LATER) == {"mine": {"answers": 1, "files": 0, "log_entries": 1}}
    assert await sweep(place, now=LATER) == {}
    async with place.database.read() as session:
        repository = InspectionRepository(session)
        assert await repository.get(mine.id, tenant="mine", product="verification") is None
        assert await repository.get(theirs.id, tenant="theirs", product="verification") is not None
        assert not await place.audit.recognises(session, mine.entry.index, "name", "Jane.png")
        assert await place.audit.recognises(session, theirs.entry.index, "name", "Jane.png")
    assert (await verify_database(place.settings)).ok


async def test_a_blob_that_another_names_stays(place: Workplace) -> None:
    blob = await place.blobs.put(b"a preview")
    await _stored(place, "one", MINE, blob=blob)
    await _stored(place, "two", THEIRS, blob=blob)
    await set_retention(place, MINE, MONTH)
    await sweep(place, now=LATER)
    assert await _blobs(place) == {blob}
    await set_retention(place, THEIRS, MONTH)
    await sweep(place, now=LATER)
    assert await _blobs(place) == set()


async def test_files_may_go_before_their_answers(place: Workplace) -> None:
    made = await products.generate(place, MINE, WISH)
    await set_retention(place, MINE, Retention(file_days=7))
    assert await sweep(place, now=LATER) == {"mine": {"files": 1}}
    assert await _blobs(place) == set()
    stored = await find_release(place, MINE, made.id, product="generation")
    with pytest.raises(NotFound, match="no longer kept"):
        await release_file(place, stored)
    assert (await products.verify(place, MINE, made.data, name="x.png")).provenance.record == made.record


async def test_many_old_rows_go_in_several_steps(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.retention.BATCH", 3)
    for number in range(8):
        await _stored(place, str(number), MINE, blob=await place.blobs.put(bytes([number])))
    await set_retention(place, MINE, MONTH)
    assert await sweep(place, now=LATER) == {"mine": {"answers": 8, "files": 8, "log_entries": 8}}
    assert (await _blobs(place), await _salts(place)) == (set(), 0)


async def test_nothing_is_kept_of_who_wants_nothing_kept(place: Workplace, photo: bytes) -> None:
    await set_retention(place, MINE, Retention(zero=True))
    await products.inspect(place, MINE, photo, name="photo.png", keep_preview=True)
    made = await products.generate(place, MINE, WISH)
    assert await _blobs(place) == set()
    stored = await find_release(place, MINE, made.id, product="generation")
    assert (await release_file(place, stored))[0] == made.data
    await products.inspect(place, THEIRS, photo, name="photo.png", keep_preview=True)
    assert len(await _blobs(place)) == 1


async def test_a_rule_is_the_tenants_own_or_the_settings(any_settings: Settings) -> None:
    settings = any_settings.model_copy(update={"retention_answer_days": 9, "zero_retention": True})
    async with await Workplace.open(settings) as place:
        assert await retention_of(place, "mine") == Retention(9, None, True)
        await set_retention(place, MINE, MONTH)
        await set_retention(place, MINE, Retention(file_days=3))
        assert await retention_of(place, "mine") == Retention(file_days=3)
        assert await retention_of(place, "theirs") == Retention(9, None, True)
        with pytest.raises(PolicyDenied):
            await set_retention(place, Actor("key_1", "mine", frozenset({Scope.INSPECT})), MONTH)


async def test_a_file_is_erased_wherever_it_is(place: Workplace, photo: bytes) -> None:
    looked = await products.inspect(place, MINE, photo, name="Jane.png", keep_preview=True)
    checked = await products.verify(place, MINE, photo, name="Jane.png")
    theirs = await products.verify(place, THEIRS, photo, name="Jane.png")
    sha256 = looked.document["media"]["sha256"] if "media" in looked.document else looked.document["sha256"]
    done = await erase(place, MINE, sha256)
    assert done["erased"] == {"answers": 2, "releases": 0, "files": 1, "log_entries": 2}
    assert [item["what"] for item in done["kept"]] == ["log_entries"]
    async with place.database.read() as session:
        for answer in (looked, checked):
            assert not await place.audit.recognises(session, answer.entry.index, "sha256", sha256)
        assert await place.audit.recognises(session, theirs.entry.index, "sha256", sha256)
        receipt = await place.audit.receipt(session, done["receipt"]["entry"])
    assert receipt.leaf_hash.hex() == done["receipt"]["leaf_hash"]
    assert (await _kinds(place))[-1] == "erasure.completed"
    assert (await erase(place, MINE, sha256))["erased"] == {"answers": 0, "releases": 0, "files": 0, "log_entries": 0}
    assert (await verify_database(place.settings)).ok


async def test_an_erased_release_is_still_recognised(place: Workplace) -> None:
    made = await products.generate(place, MINE, WISH)
    done = await erase(place, MINE, made.id)
    assert done["erased"] | {"log_entries": 0} == {"answers": 0, "releases": 1, "files": 1, "log_entries": 0}
    assert done["kept"][0].items() >= {"what": "record", "id": made.record.record_id}.items()
    assert await _blobs(place) == set()
    with pytest.raises(NotFound):
        await find_release(place, MINE, made.id, product="generation")
    assert (await products.verify(place, MINE, made.data, name="x.png")).provenance.record == made.record
    async with place.database.read() as session:
        assert (await session.execute(select(records.c.generation_id))).scalars().all() == [None]


@pytest.mark.parametrize("target", ["insp_" + "0" * 32, "insp_mine"])
async def test_nobody_erases_what_is_anothers(place: Workplace, target: str) -> None:
    await _stored(place, "mine", MINE)
    with pytest.raises(NotFound):
        await erase(place, THEIRS, target)


async def test_what_would_be_answered_again_goes_as_well(place: Workplace) -> None:
    stored = await _stored(place, "mine", MINE)
    async with place.database.write() as session:
        for key, answer in (("a", stored.id), ("b", "insp_other")):
            await IdempotencyRepository(session).add(StoredAnswer("mine", key, "", 201, answer.encode(), timestamp()))
    await erase(place, MINE, stored.id)
    async with place.database.read() as session:
        repository = IdempotencyRepository(session)
        assert await repository.get("a", tenant="mine") is None
        assert await repository.get("b", tenant="mine") is not None


def test_passing_files_are_few_and_short_lived() -> None:
    files = PassingFiles(max_bytes=10)
    for name in "abc":
        files.put(name, bytes(6))
    assert [files.get(name) is not None for name in "abc"] == [False, False, True]
    gone = PassingFiles(seconds=0)
    gone.put("a", b"data")
    assert gone.get("a") is None
