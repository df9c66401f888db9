"""Migrations and sessions on both databases."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from api.after_commit import after_commit
from api.db import Database, sqlite_file
from api.errors import Conflict, DatabaseUnavailable, InvalidRequest
from api.migrations import run
from api.migrations.run import downgrade, upgrade
from api.repositories import InspectionRepository
from api.settings import Settings
from api.tables import metadata


async def test_the_migrations_make_the_tables_of_the_code(any_database: Database) -> None:
    async with any_database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def test_instances_that_start_together_migrate_once(empty_url: str) -> None:
    await asyncio.gather(*(upgrade(empty_url) for _ in range(3)))
    await upgrade(empty_url)
    database = Database(empty_url)
    async with database.read() as session:
        assert (await session.execute(text("SELECT version_num FROM alembic_version"))).scalars().all() == _revisions()[
            :1
        ]
    await database.close()


async def test_the_newest_steps_can_be_taken_back(any_database: Database) -> None:
    await downgrade(any_database.engine.url.render_as_string(hide_password=False), "0002")
    async with any_database.engine.begin() as connection:
        assert "known_media" not in await connection.run_sync(lambda bound: inspect(bound).get_table_names())
    await upgrade(any_database.engine.url.render_as_string(hide_password=False))
    async with any_database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []


async def test_every_step_goes_down_and_up_again(
    any_database: Database, fill: Callable[[int], Awaitable[None]]
) -> None:
    await fill(3)
    url = any_database.engine.url.render_as_string(hide_password=False)
    for step in _revisions()[1:]:  # newest first, without the newest
        await downgrade(url, step)
        await upgrade(url, step)
    with pytest.raises(InvalidRequest):
        await downgrade(url, "base")
    await upgrade(url)
    async with any_database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
        assert (await connection.execute(text("SELECT count(*) FROM audit_entries"))).scalar_one() == 3


def _revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(Path(run.__file__).parent))
    config.set_main_option("path_separator", "os")
    return [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]


@pytest.mark.parametrize("revision", ["nonsense", "9999"])
async def test_an_unknown_revision_is_an_error_of_ours(any_database: Database, revision: str) -> None:
    url = any_database.engine.url.render_as_string(hide_password=False)
    for move in (upgrade, downgrade):
        with pytest.raises(InvalidRequest):
            await move(url, revision)


async def test_a_reader_keeps_nothing(any_database: Database) -> None:
    statement = text("DELETE FROM api_keys")
    if any_database.engine.dialect.name == "postgresql":
        with pytest.raises(DatabaseUnavailable):
            await _read(any_database, "DELETE FROM api_keys")
        return
    insert = "INSERT INTO audit_checkpoints (size, root, note) VALUES (1, x'00', '')"
    await _read(any_database, insert)
    async with any_database.write() as session:
        await session.execute(statement)
        assert (await session.execute(text("SELECT count(*) FROM audit_checkpoints"))).scalar_one() == 0


async def _read(database: Database, statement: str) -> None:
    async with database.read() as session:
        await session.execute(text(statement))


async def test_a_reader_sees_one_snapshot(any_database: Database) -> None:
    count = text("SELECT count(*) FROM audit_checkpoints")
    async with any_database.read() as reader:
        assert (await reader.execute(count)).scalar_one() == 0
        async with any_database.write() as writer:
            await writer.execute(text("INSERT INTO audit_checkpoints (size, root, note) VALUES (1, '', '')"))
        assert (await reader.execute(count)).scalar_one() == 0


COUNT = text("SELECT count(*) FROM audit_checkpoints")
INSERT = text("INSERT INTO audit_checkpoints (size, root, note) VALUES (1, '', '')")


def _insert_and_fail(connection: Connection) -> None:
    connection.execute(INSERT)
    raise FileNotFoundError


async def test_a_unit_of_work_is_kept_whole_or_not_at_all(any_database: Database) -> None:
    with pytest.raises(FileNotFoundError):
        await any_database.change(_insert_and_fail)
    assert await any_database.look(lambda connection: connection.execute(COUNT).scalar_one()) == 0
    await any_database.change(lambda connection: connection.execute(INSERT))
    loop = asyncio.get_running_loop()
    seen = await asyncio.to_thread(
        any_database.look_in_thread, lambda connection: connection.execute(COUNT).scalar_one(), loop
    )
    assert seen == 1
    with pytest.raises(Conflict):
        await any_database.change(lambda connection: connection.execute(INSERT))


async def test_a_thread_beside_the_loop_may_change_something(any_database: Database) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(FileNotFoundError):
        await asyncio.to_thread(any_database.change_in_thread, _insert_and_fail, loop)
    await asyncio.to_thread(any_database.change_in_thread, lambda connection: connection.execute(INSERT), loop)
    assert await any_database.look(lambda connection: connection.execute(COUNT).scalar_one()) == 1


async def test_many_threads_may_look_at_once(any_database: Database) -> None:
    loop, crowd = asyncio.get_running_loop(), 24
    together = threading.Barrier(crowd) if any_database.engine.dialect.name == "sqlite" else None

    def count(connection: Connection) -> int:
        if together is not None:  # the other driver's connections are the loop's, which must not be kept waiting
            together.wait(timeout=60)
        return int(connection.execute(COUNT).scalar_one())

    with ThreadPoolExecutor(crowd) as threads:
        looks = [loop.run_in_executor(threads, any_database.look_in_thread, count, loop) for _ in range(3 * crowd)]
        assert await asyncio.gather(*looks) == [0] * 3 * crowd


async def test_what_need_not_be_durable_is_kept_whole_or_not_at_all_as_well(any_database: Database) -> None:
    with pytest.raises(FileNotFoundError):
        await any_database.change(_insert_and_fail, durable=False)
    await any_database.change(lambda connection: connection.execute(INSERT), durable=False)
    with pytest.raises(Conflict):
        await any_database.change(lambda connection: connection.execute(INSERT))


async def test_only_what_need_not_be_durable_does_not_wait_for_the_disk(any_database: Database) -> None:
    on_sqlite = any_database.engine.dialect.name == "sqlite"
    asked = text("PRAGMA synchronous" if on_sqlite else "SHOW synchronous_commit")

    def waits(connection: Connection) -> object:
        return connection.execute(asked).scalar_one()

    for _ in range(2):
        assert await any_database.change(waits, durable=False) == (1 if on_sqlite else "off")  # 1 is NORMAL
        assert await any_database.change(waits) == (2 if on_sqlite else "on")  # 2 is FULL


async def test_what_follows_a_commit_follows_no_other_end(any_database: Database) -> None:
    done: list[str] = []

    def work(connection: Connection, name: str) -> None:
        after_commit(connection, lambda: done.append(name))
        if name == "fails":
            raise FileNotFoundError

    for name in ("first", "fails", "second"):
        with contextlib.suppress(FileNotFoundError):
            await any_database.change(partial(work, name=name))
    async with any_database.write() as session:
        await session.run_sync(lambda plain: work(plain.connection(), "third"))
    assert done == ["first", "second", "third"]


async def test_what_a_look_does_is_not_kept(any_database: Database) -> None:
    if any_database.engine.dialect.name == "postgresql":
        with pytest.raises(DatabaseUnavailable):
            await any_database.look(lambda connection: connection.execute(INSERT))
    else:
        await any_database.look(lambda connection: connection.execute(INSERT))
    assert await any_database.look(lambda connection: connection.execute(COUNT).scalar_one()) == 0


async def test_units_of_work_and_sessions_take_turns(any_database: Database) -> None:
    add = text(
        "INSERT INTO api_keys (id, tenant, name, prefix, digest, scopes, created_at) VALUES (:n,'','','',:d,'','')"
    )

    async def by_session(number: int) -> None:
        async with any_database.write() as session:
            await session.execute(add, {"n": str(number), "d": str(number).encode()})

    def by_unit(number: int) -> Awaitable[object]:
        return any_database.change(
            lambda connection: connection.execute(add, {"n": str(number), "d": str(number).encode()})
        )

    await asyncio.gather(*(by_session(n) if n % 2 else by_unit(n) for n in range(20)))
    count = text("SELECT count(*) FROM api_keys")
    assert await any_database.look(lambda connection: connection.execute(count).scalar_one()) == 20


async def test_sqlite_is_set_up_to_lose_nothing() -> None:
    settings = Settings()
    await upgrade(settings.database_url)
    database = Database(settings.database_url)
    async with database.read() as session:
        found = {
            name: (await session.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "busy_timeout")
        }
    plain = await database.look(
        lambda connection: {name: connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in found}
    )
    await database.close()
    assert plain == found
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "busy_timeout": 30_000,
    }
    assert (settings.home.stat().st_mode & 0o777) == 0o700


async def test_an_error_of_the_caller_stays_the_callers(any_database: Database) -> None:
    with pytest.raises(FileNotFoundError):
        await _raise(any_database)


async def _raise(database: Database) -> None:
    async with database.write():
        raise FileNotFoundError


async def test_a_value_that_cannot_be_stored_is_the_callers_fault(any_database: Database) -> None:
    async def read() -> object:
        async with any_database.read() as session:
            return await InspectionRepository(session).get("a\0b", tenant="default")

    if any_database.engine.dialect.name == "postgresql":
        with pytest.raises(InvalidRequest):
            await read()
    else:
        assert await read() is None


@pytest.mark.parametrize("url", ["nonsense", "oracle://x", "sqlite+nothing:///x"])
def test_an_unusable_url_is_an_error_of_ours(url: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        Database(url)


async def test_a_server_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        await upgrade(f"postgresql+asyncpg://postgres@/x?host={tmp_path}")


async def test_a_file_that_cannot_be_a_database_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database" * 1000)
    for path in ("/proc/none/x.db", str(tmp_path), str(tmp_path / "text.db")):
        with pytest.raises(DatabaseUnavailable):
            await upgrade(f"sqlite+aiosqlite:///{path}")


async def test_the_database_is_its_owners_alone() -> None:
    settings = Settings()
    await upgrade(settings.database_url)
    assert (settings.home / "shingan.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite+aiosqlite:////a/b.db", Path("/a/b.db")),
        ("sqlite+aiosqlite://", None),
        ("sqlite+aiosqlite:///:memory:", None),
        ("postgresql+asyncpg://x/y", None),
    ],
)
def test_the_file_behind_a_url(url: str, file: Path | None) -> None:
    assert sqlite_file(url) == file
