"""Rows go in and come out as the same values, on both databases, and tenants do not see each other's."""

from dataclasses import replace

import pytest

from api.audit import AuditLog
from api.db import Database
from api.errors import Conflict
from api.repositories import (
    GenerationRepository,
    IdempotencyRepository,
    InspectionRepository,
    KnownMediaRepository,
    ReleaseRepository,
    StoredAnswer,
    StoredGeneration,
    StoredInspection,
    StoredList,
    StoredRecord,
)
from detector.types import ReleaseRecord

HASH = "ab" * 32
INSPECTION = StoredInspection(
    "insp_1", "inspection", "default", "2026-01-01T00:00:00.000Z", HASH, {"verdict": {"label": "é"}, "faces": []}, 0
)
GENERATION = StoredGeneration("gen_1", "default", "2026-01-01T00:00:00.000Z", {"images": [1]}, 0)
RECORD = StoredRecord(
    ReleaseRecord("0123456789ab", "2026-01-01T00:00:00.000Z", HASH, "cd" * 32, "0" * 64, "embedded", 2**40, "research"),
    "default",
    b"\x00jumb",
    0,
    "gen_1",
)


@pytest.fixture
async def database(any_database: Database, log: AuditLog) -> Database:
    """With one audit entry for rows to point to."""
    async with any_database.write() as session:
        await log.append(session, "test.base", {})
    return any_database


async def test_inspections(database: Database) -> None:
    later = replace(INSPECTION, id="insp_2", created_at="2026-01-02T00:00:00.000Z")
    async with database.write() as session:
        for row in (INSPECTION, later, replace(INSPECTION, id="ver_1", product="verification")):
            await InspectionRepository(session).add(row)
    async with database.read() as session:
        rows = InspectionRepository(session)
        assert await rows.get("insp_1", tenant="default") == INSPECTION
        assert await rows.get("insp_1", tenant="other") is None
        assert await rows.get("insp_1", tenant="default", product="verification") is None
        assert await rows.latest(tenant="default") == [later, INSPECTION]
        assert await rows.latest(tenant="default", limit=1) == [later]
        assert await rows.latest(tenant="default", before=later.created_at) == [INSPECTION]
        assert await rows.latest(tenant="other") == []


async def test_generations_and_their_records(database: Database) -> None:
    async with database.write() as session:
        await GenerationRepository(session).add(GENERATION)
        await ReleaseRepository(session).add(RECORD)
    async with database.read() as session:
        assert await GenerationRepository(session).get("gen_1", tenant="default") == GENERATION
        assert await GenerationRepository(session).get("gen_1", tenant="other") is None
        assert await GenerationRepository(session).latest(tenant="default") == [GENERATION]
        rows = ReleaseRepository(session)
        assert await rows.get("0123456789ab") == RECORD
        assert await rows.get("ffffffffffff") is None
        assert await rows.by_sha256(HASH) == RECORD
        assert await rows.by_sha256("00" * 32) is None


async def test_the_quota_counts_a_tenants_records_of_the_day(database: Database) -> None:
    async with database.write() as session:
        await ReleaseRepository(session).add(replace(RECORD, generation_id=None))
    async with database.read() as session:
        rows = ReleaseRepository(session)
        assert await rows.count_since("2026-01-01T00:00:00.000Z", tenant="default") == 1
        assert await rows.count_since("2026-01-02T00:00:00.000Z", tenant="default") == 0
        assert await rows.count_since("2026-01-01T00:00:00.000Z", tenant="other") == 0


async def test_a_record_needs_its_audit_entry_and_its_own_id(database: Database) -> None:
    for row in (replace(RECORD, generation_id=None, entry=7), replace(RECORD, generation_id="gen_none")):
        with pytest.raises(Conflict):
            await _add(database, row)
    await _add(database, replace(RECORD, generation_id=None))
    with pytest.raises(Conflict):
        await _add(database, replace(RECORD, generation_id=None))


async def _add(database: Database, row: StoredRecord) -> None:
    async with database.write() as session:
        await ReleaseRepository(session).add(row)


async def test_answers_by_idempotency_key(database: Database) -> None:
    answer = StoredAnswer("default", "key-1", HASH, 201, b'{"id": 1}', "2026-01-01T00:00:00.000Z")
    async with database.write() as session:
        await IdempotencyRepository(session).add(answer)
        assert await IdempotencyRepository(session).get("key-1", tenant="default") == answer
        assert await IdempotencyRepository(session).get("key-1", tenant="other") is None
        await IdempotencyRepository(session).forget_before("2026-01-01T00:00:00.001Z")
        assert await IdempotencyRepository(session).get("key-1", tenant="default") is None


async def test_lists_of_known_media(database: Database) -> None:
    mine = StoredList("mine", "hoaxes", HASH, 2, "2026-01-01T00:00:00.000Z", 0)
    newer, theirs = replace(mine, sha256="cd" * 32), replace(mine, tenant="theirs")
    async with database.write() as session:
        rows = KnownMediaRepository(session)
        for stored, content in ((mine, b"old"), (theirs, b"other"), (newer, b"new")):
            await rows.put(stored, content)
        assert not await rows.remove("nothing", tenant="mine")
    async with database.read() as session:
        rows = KnownMediaRepository(session)
        assert await rows.of_tenant("mine") == [newer]
        assert await rows.content("hoaxes", tenant="mine") == b"new"
        assert await rows.content("hoaxes", tenant="nobody") is None
    async with database.write() as session:
        rows = KnownMediaRepository(session)
        assert await rows.remove("hoaxes", tenant="mine")
        assert (await rows.of_tenant("mine"), await rows.of_tenant("theirs")) == ([], [theirs])
