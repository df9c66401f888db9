"""The log on both databases: what is appended is proven, what is rolled back never was, and nobody rewrites it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text

from api.audit import AuditLog, verify_database, verify_receipt
from api.db import Database
from api.entries import PERSONAL
from api.errors import Conflict, DatabaseUnavailable, InvalidRequest, NotFound
from api.merkle import EMPTY_ROOT, verify_consistency
from api.settings import Settings

Fill = Callable[[int], Awaitable[None]]


async def test_an_appended_entry_has_a_receipt(any_database: Database, log: AuditLog) -> None:
    async with any_database.write() as session:
        entry = await log.append(session, "policy.decided", {"allowed": True, "actor": "key_1"})
        receipt = await log.receipt(session, entry.index)
    assert entry.index == 0
    assert verify_receipt(receipt.as_dict(), entry.json, str(log.verifier))


async def test_every_entry_of_a_longer_log_has_a_receipt(any_database: Database, log: AuditLog, fill: Fill) -> None:
    await fill(21)
    async with any_database.read() as session:
        for entry in await log.page(session, start=0, limit=50):
            receipt = await log.receipt(session, entry.index)
            assert receipt.tree_size == 21
            assert verify_receipt(receipt.as_dict(), entry.json, log.verifier)


async def test_the_leaf_is_canonical_json(any_database: Database, log: AuditLog) -> None:
    async with any_database.write() as session:
        entry = await log.append(session, "test.form", {"b": 1.0, "a": ["é", None]})
    expected = '{"body":{"a":["é",null],"b":1},"entry":0,"kind":"test.form","ts":"' + entry.ts + '"}'
    assert entry.json == expected.encode()


async def test_a_rolled_back_entry_never_was(any_database: Database, log: AuditLog, fill: Fill) -> None:
    await fill(2)
    with pytest.raises(RuntimeError):
        await _append_and_fail(any_database, log)
    await fill(1)
    async with any_database.read() as session:
        assert [entry.content["number"] for entry in await log.page(session)] == [0, 1, 0]


async def _append_and_fail(database: Database, log: AuditLog) -> None:
    async with database.write() as session:
        await log.append(session, "test.lost", {})
        raise RuntimeError


async def test_a_log_that_another_process_wrote_to_goes_on(
    any_settings: Settings, any_database: Database, log: AuditLog, fill: Fill
) -> None:
    """What one process remembers of the tree, rolled back or not, is not taken for what the log has become."""
    await fill(3)
    with pytest.raises(RuntimeError):
        await _append_and_fail(any_database, log)
    other = AuditLog.open(any_settings)
    async with any_database.write() as session:
        await other.append(session, "test.other", {})
    await fill(2)
    async with any_database.write() as session:
        await other.append(session, "test.other", {})
    check = await verify_database(any_settings)
    assert (check.ok, check.size) == (True, 7)


async def test_writers_at_once_make_one_log(any_settings: Settings, any_database: Database, log: AuditLog) -> None:
    async def write(number: int) -> int:
        async with any_database.write() as session:
            return (await log.append(session, "test.race", {"number": number})).index

    indices = await asyncio.gather(*(write(number) for number in range(12)))
    assert sorted(indices) == list(range(12))
    assert (await verify_database(any_settings)).ok


async def test_consistency_is_proven_between_any_two_heads(any_database: Database, log: AuditLog, fill: Fill) -> None:
    await fill(9)
    async with any_database.read() as session:
        heads = {n: log.verifier.open(await log.checkpoint(session, n)) for n in range(1, 10)}
        for old in heads:
            proof = await log.consistency(session, old, 9)
            assert verify_consistency(old=old, new=9, old_root=heads[old].root, new_root=heads[9].root, proof=proof)


async def test_personal_data_is_kept_as_a_salted_hash_until_it_is_forgotten(
    any_settings: Settings, any_database: Database, log: AuditLog
) -> None:
    async with any_database.write() as session:
        entries = [await log.append(session, "test.person", {}, personal={"prompt": "my aunt"}) for _ in range(2)]
    assert b"aunt" not in entries[0].json
    assert entries[0].content[PERSONAL] != entries[1].content[PERSONAL]
    async with any_database.write() as session:
        assert await log.recognises(session, 0, "prompt", "my aunt")
        assert not await log.recognises(session, 0, "prompt", "my uncle")
        assert await log.forget(session, 0)
        assert not await log.forget(session, 0)
        assert not await log.recognises(session, 0, "prompt", "my aunt")
        assert await log.recognises(session, 1, "prompt", "my aunt")
        said = (await log.page(session))[2:]
    assert [(entry.kind, entry.content) for entry in said] == [("audit.forgotten", {"actor": "local", "entries": [0]})]
    assert (await verify_database(any_settings)).ok


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("Upper", {}),
        ("", {}),
        ("a" * 65, {}),
        ("ok", {"x": object()}),
        ("ok", {"x": float("nan")}),
        ("ok", {PERSONAL: 1}),
        ("ok", {"x": "y" * 65_536}),
    ],
)
async def test_what_has_no_canonical_form_is_refused(
    any_database: Database, log: AuditLog, kind: str, body: dict[str, object]
) -> None:
    async with any_database.write() as session:
        with pytest.raises(InvalidRequest):
            await log.append(session, kind, body)


async def test_what_is_not_in_the_log_is_not_found(any_database: Database, log: AuditLog, fill: Fill) -> None:
    async with any_database.read() as session:
        with pytest.raises(NotFound):
            await log.checkpoint(session)
        with pytest.raises(NotFound):
            await log.receipt(session, 0)
    await fill(1)
    async with any_database.read() as session:
        assert await log.size(session) == 1
        for missing in (1, -1):
            with pytest.raises(NotFound):
                await log.receipt(session, missing)
            with pytest.raises(NotFound):
                await log.get(session, missing)
        with pytest.raises(NotFound):
            await log.consistency(session, 0, 1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET kind = 'x'",
        "DELETE FROM audit_entries",
        "UPDATE audit_nodes SET hash = hash",
        "DELETE FROM audit_nodes",
        "UPDATE audit_checkpoints SET note = ''",
        "DELETE FROM audit_checkpoints",
        "UPDATE audit_cosignatures SET line = ''",
        "DELETE FROM audit_cosignatures",
        "UPDATE audit_anchors SET stamped_at = ''",
        "DELETE FROM audit_anchors",
        "UPDATE audit_salts SET entry = entry",
    ],
)
async def test_the_database_refuses_to_rewrite(
    any_database: Database, log: AuditLog, fill: Fill, statement: str
) -> None:
    await fill(2)
    async with any_database.write() as session:
        await log.append(session, "test.person", {}, personal={"name": "somebody"})
    await _execute(any_database, "INSERT INTO audit_cosignatures (size, witness, key_id, line) VALUES (1, 'w', '', '')")
    await _execute(any_database, "INSERT INTO audit_anchors (size, stamped_at, reply) VALUES (1, '', '')")
    with pytest.raises((Conflict, DatabaseUnavailable)):
        await _execute(any_database, statement)


async def test_a_row_is_not_replaced_by_inserting_it_again(any_database: Database, log: AuditLog, fill: Fill) -> None:
    await fill(1)
    verb = "INSERT OR REPLACE" if any_database.engine.dialect.name == "sqlite" else "INSERT"
    values = "SELECT 0, ts, 'x', body, leaf_hash FROM audit_entries"
    with pytest.raises((Conflict, DatabaseUnavailable)):
        await _execute(any_database, f"{verb} INTO audit_entries (entry, ts, kind, body, leaf_hash) {values}")
    async with any_database.read() as session:
        assert (await log.get(session, 0)).kind == "test.filled"


async def test_postgresql_does_not_truncate(any_database: Database, fill: Fill) -> None:
    await fill(1)
    if any_database.engine.dialect.name == "sqlite":
        return
    with pytest.raises((Conflict, DatabaseUnavailable)):
        await _execute(any_database, "TRUNCATE audit_entries CASCADE")


async def _execute(database: Database, statement: str) -> None:
    async with database.write() as session:
        await session.execute(text(statement))


async def test_a_fresh_log_is_whole(any_settings: Settings, log: AuditLog) -> None:
    check = await verify_database(any_settings)
    assert (check.ok, check.size, check.first_bad, check.root) == (True, 0, None, EMPTY_ROOT)
    assert log.verifier.origin == any_settings.log_origin
