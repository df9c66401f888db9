"""Requests are counted on both databases, by all instances together, and told in the headers of the draft."""

import asyncio

import pytest
from sqlalchemy import Connection

from api import rates
from api.db import Database
from api.rates import WINDOW, Bucket, DatabaseStorage, Standing, count, headers
from api.settings import Settings
from api.tenant_repository import RateRepository

KEY, TENANT = Bucket("key", "key:1", 3), Bucket("tenant", "tenant:a", 100)


async def hit(database: Database, *buckets: Bucket) -> list[Standing]:
    return list(await database.change(lambda connection: count(connection, buckets)))


async def test_a_bucket_runs_empty(any_database: Database) -> None:
    seen = [(await hit(any_database, KEY))[0] for _ in range(5)]
    assert [(each.left, each.over) for each in seen] == [(2, 0), (1, 0), (0, 0), (0, 1), (0, 2)]
    assert all(0 < each.seconds <= WINDOW for each in seen)


async def test_buckets_are_counted_apart(any_database: Database) -> None:
    other = Bucket("key", "key:2", 3)
    await hit(any_database, KEY, TENANT)
    standings = await hit(any_database, other, TENANT)
    assert {each.bucket.key: each.left for each in standings} == {"key:2": 2, "tenant:a": 98}


async def test_a_window_ends(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        await hit(any_database, KEY)
    later = rates._now() + WINDOW
    monkeypatch.setattr(rates, "_now", lambda: later)
    (standing,) = await hit(any_database, KEY)
    assert (standing.left, standing.over) == (2, 0)


async def test_instances_count_together(any_settings: Settings) -> None:
    databases = [Database(any_settings.database_url) for _ in range(3)]
    bucket = Bucket("key", "key:1", 1000)
    standings = await asyncio.gather(*(hit(database, bucket, TENANT) for database in databases for _ in range(10)))
    for database in databases:
        await database.close()
    assert sorted(each[0].left for each in standings) == list(range(970, 1000))


async def test_the_storage_is_one_of_the_librarys(any_database: Database) -> None:
    def work(connection: Connection) -> None:
        storage = DatabaseStorage(connection)
        assert storage.check()
        assert [storage.incr("a", 60), storage.incr("a", 60, 4), storage.get("a")] == [1, 5, 5]
        assert storage.get_expiry("a") > rates._now()
        storage.clear("a")
        assert storage.get("a") == 0
        storage.incr("b", 60)
        storage.reset()
        assert DatabaseStorage(connection).get("b") == 0

    await any_database.change(work)


async def test_windows_that_ended_can_be_dropped(any_database: Database) -> None:
    await hit(any_database, KEY)

    def work(connection: Connection) -> None:
        rows = RateRepository(connection)
        rows.hit("old", now=0, seconds=60)
        rows.forget(before=rates._now())
        assert rows.get("old") == (0, 0)
        assert rows.get("LIMITER/key:1/3/1/minute") != (0, 0)

    await any_database.change(work)


def test_headers_are_those_of_the_draft() -> None:
    standings = [Standing(KEY, 0, 12, 1), Standing(TENANT, 50, 30, 0)]
    assert headers(standings) == {
        "ratelimit-policy": '"key";q=3;w=60, "tenant";q=100;w=60',
        "ratelimit": '"key";r=0;t=12, "tenant";r=50;t=30',
        "retry-after": "12",
    }
    assert "retry-after" not in headers(standings[1:])
