"""An attacker who owns the database and its triggers, but not the signing key: whatever is done, the entry is named."""

from collections.abc import Awaitable, Callable, Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.audit import AuditLog, verify_database
from api.audit_repository import AuditRepository, EntryRow
from api.checkpoints import Signer
from api.db import Database
from api.entries import entry_json
from api.errors import DatabaseUnavailable, KeyUnusable
from api.merkle import Frontier, leaf_hash
from api.settings import Settings

Fill = Callable[[int], Awaitable[None]]
SIZE = 11
FORGED = b'{"number":99}'


async def without_guards(database: Database) -> None:
    """Takes the triggers away."""
    async with database.write() as session:
        if database.engine.dialect.name == "sqlite":
            names = await session.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
            for name in names.scalars().all():
                await session.execute(text(f"DROP TRIGGER {name}"))
            return
        for table in ("audit_entries", "audit_nodes", "audit_checkpoints"):
            await session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))


async def tamper(database: Database, *statements: str, **values: object) -> None:
    await without_guards(database)
    async with database.write() as session:
        for statement in statements:
            await session.execute(text(statement), values)


@pytest.mark.parametrize(
    ("statement", "first_bad"),
    [
        ("UPDATE audit_entries SET body = :forged WHERE entry = 5", 5),
        ("UPDATE audit_entries SET body = '{}' WHERE entry = 6", 6),
        ("UPDATE audit_entries SET ts = '2020-01-01T00:00:00.000Z' WHERE entry = 0", 0),
        ("UPDATE audit_entries SET kind = 'test.other' WHERE entry = 10", 10),
        ("UPDATE audit_entries SET leaf_hash = :hash WHERE entry = 4", 4),
        ("UPDATE audit_nodes SET hash = :hash WHERE level = 1 AND position = 2", 5),
        ("DELETE FROM audit_nodes WHERE level = 3 AND position = 0", 7),
        ("UPDATE audit_checkpoints SET root = :hash WHERE size = 4", 3),
        ("UPDATE audit_checkpoints SET note = 'none' WHERE size = 9", 8),
        ("DELETE FROM audit_checkpoints WHERE size = 2", 1),
        ("UPDATE audit_checkpoints SET note = (SELECT note FROM audit_checkpoints WHERE size = 6) WHERE size = 7", 6),
    ],
)
async def test_one_change_is_named(
    any_settings: Settings, any_database: Database, fill: Fill, statement: str, first_bad: int
) -> None:
    await fill(SIZE)
    values = {"forged": FORGED, "hash": bytes(32)}
    await tamper(any_database, statement, **{name: values[name] for name in values if f":{name}" in statement})
    check = await verify_database(any_settings)
    assert (check.ok, check.first_bad, check.size) == (False, first_bad, first_bad)
    assert f"Entry {first_bad} is " in check.detail


@pytest.mark.parametrize(
    ("gone", "first_bad"), [("entry = 3", 3), ("entry >= 8", 8), ("entry >= 0", 0), ("entry = 10", 10)]
)
async def test_deleted_entries_are_named(
    any_settings: Settings, any_database: Database, fill: Fill, gone: str, first_bad: int
) -> None:
    await fill(SIZE)
    await tamper(any_database, f"DELETE FROM audit_nodes WHERE {gone}", f"DELETE FROM audit_entries WHERE {gone}")
    check = await verify_database(any_settings)
    assert (check.ok, check.first_bad) == (False, first_bad)
    assert "missing" in check.detail


async def test_swapped_entries_are_named(any_settings: Settings, any_database: Database, fill: Fill) -> None:
    await fill(SIZE)
    await without_guards(any_database)
    async with any_database.write() as session:
        await _overwrite(session, 2, b'{"number":6}')
        await _overwrite(session, 6, b'{"number":2}')
    check = await verify_database(any_settings)
    assert (check.ok, check.first_bad) == (False, 2)


@pytest.mark.parametrize("resign", [False, True])
async def test_a_rewritten_past_that_fits_itself_is_named(
    any_settings: Settings, any_database: Database, log: AuditLog, fill: Fill, resign: bool
) -> None:
    """The body, the leaf, the whole tree above it and the heads' roots are made to fit; only the key is missing."""
    await fill(SIZE)
    await without_guards(any_database)
    async with any_database.write() as session:
        await _overwrite(session, 5, FORGED)
        forger = Signer(log.verifier.origin, Ed25519PrivateKey.generate()) if resign else None
        rows = await session.run_sync(lambda plain: AuditRepository(plain.connection()).page(start=0, limit=SIZE))
        await _rebuild(session, rows, forger)
    unsigned = await verify_database(any_settings.database_url)
    assert unsigned.ok
    assert not unsigned.signed
    check = await verify_database(any_settings)
    # every head was signed anew by a stranger, or only those above the forged entry have a root nobody signed
    assert (check.ok, check.first_bad) == (False, 0 if resign else 5)


async def _overwrite(session: AsyncSession, entry: int, body: bytes) -> None:
    row = await session.run_sync(lambda plain: AuditRepository(plain.connection()).get(entry))
    assert row is not None
    leaf = leaf_hash(entry_json(entry, row.ts, row.kind, body))
    statement = text("UPDATE audit_entries SET body = :body, leaf_hash = :leaf WHERE entry = :entry")
    await session.execute(statement, {"body": body, "leaf": leaf, "entry": entry})


async def _rebuild(session: AsyncSession, rows: Sequence[EntryRow], forger: Signer | None) -> None:
    frontier = Frontier()
    for row in rows:
        for node, digest in frontier.append(row.leaf_hash):
            where = "UPDATE audit_nodes SET hash = :hash WHERE level = :level AND position = :position"
            await session.execute(text(where), {"hash": digest, "level": node.level, "position": node.position})
        size, root = frontier.size, frontier.root()
        await session.execute(
            text("UPDATE audit_checkpoints SET root = :root WHERE size = :size"), {"root": root, "size": size}
        )
        if forger is not None:
            note = {"note": forger.sign(size, root), "size": size}
            await session.execute(text("UPDATE audit_checkpoints SET note = :note WHERE size = :size"), note)


async def test_a_log_longer_than_a_page_is_checked_whole(
    any_settings: Settings, any_database: Database, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.audit_repository.BATCH", 4)
    await fill(SIZE)
    assert (await verify_database(any_settings)).size == SIZE
    await tamper(any_database, "DELETE FROM audit_nodes WHERE entry = 9", "DELETE FROM audit_entries WHERE entry = 4")
    assert (await verify_database(any_settings)).first_bad == 4


async def test_without_a_database_there_is_nothing_to_check(home: object) -> None:
    settings = Settings()
    with pytest.raises(KeyUnusable):
        await verify_database(settings)
    AuditLog.open(settings)
    with pytest.raises(DatabaseUnavailable, match="no database yet"):
        await verify_database(settings)
