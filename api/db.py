"""The ways into the database: `read` sees one snapshot, `write` is one unit of work that commits at its end.

`look` and `change` are the same for work that is one plain function, and several times as quick on SQLite.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from api.after_commit import watched
from api.errors import Conflict, DatabaseUnavailable, InvalidRequest
from api.sqlite import READING, SqliteThreads, prepared

T = TypeVar("T")

_UNAWAITED = text("SET LOCAL synchronous_commit TO OFF")
DATA_EXCEPTION = "22"
"""PostgreSQL's class of errors that lie in a value, such as text with a null character."""


class Database:
    """One engine and the sessions on it; nobody else opens a connection or commits."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        # Null where there is no file that two drivers could share.
        self._threads = SqliteThreads(self.engine.url) if sqlite_file(self.engine.url) else None
        self._write = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        reader = self.engine.execution_options(**{READING: True})
        if self.engine.dialect.name == "postgresql":
            reader = reader.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")
        self._read = async_sessionmaker(reader, expire_on_commit=False, autoflush=False)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A unit of work: commits when the block ends, rolls back when it raises."""
        with translated():
            async with self._write() as session, session.begin():
                await _connect(session)
                yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A snapshot to read from; nothing that is done in it stays."""
        with translated():
            async with self._read() as session:
                await _connect(session)
                yield session

    async def change(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """`write` for a whole unit of work: what `work` returns, once that is committed. It may run in a thread.

        Unless it is to be `durable`, the disk is not waited for: a machine that crashes may forget it.
        """
        if self._threads is None:
            async with self.write() as session:
                if not durable and self.engine.dialect.name == "postgresql":
                    await session.execute(_UNAWAITED)
                return await session.run_sync(lambda plain: work(plain.connection()))
        with translated():
            return await self._threads.change(work, durable=durable)

    async def look(self, work: Callable[[Connection], T]) -> T:
        """`read` for work that is one function, which may run in a thread."""
        if self._threads is None:
            async with self.read() as session:
                return await session.run_sync(lambda plain: work(plain.connection()))
        with translated():
            return await self._threads.look(work)

    def look_in_thread(self, work: Callable[[Connection], T], loop: asyncio.AbstractEventLoop) -> T:
        """`look` for a worker thread, while `loop`, whose connections these are, runs in another."""
        if self._threads is None:
            return asyncio.run_coroutine_threadsafe(self.look(work), loop).result()
        with translated():
            return self._threads.look_here(work)

    def change_in_thread(self, work: Callable[[Connection], T], loop: asyncio.AbstractEventLoop) -> T:
        """`change` for a worker thread, as `look_in_thread`."""
        if self._threads is None:
            return asyncio.run_coroutine_threadsafe(self.change(work), loop).result()
        with translated():
            return self._threads.change_here(work)

    async def close(self) -> None:
        if self._threads is not None:
            await self._threads.close()
        await self.engine.dispose()


def open_engine(url: str) -> AsyncEngine:
    """An engine for an SQLite or PostgreSQL URL; raises `DatabaseUnavailable` if the URL or its driver is unusable."""
    try:
        engine = create_async_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise DatabaseUnavailable("The database URL is wrong or its driver is not installed.") from error
    if engine.dialect.name == "sqlite":
        prepared(engine.sync_engine)
    else:
        watched(engine.sync_engine)
    return engine


def sqlite_file(url: str | URL) -> Path | None:
    """The file behind an SQLite URL; null for other databases and for one in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database)


@contextmanager
def translated() -> Iterator[None]:
    """Turns what the driver raises into the API's own errors."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict("A row with this name exists, or one that it needs does not.") from error
    except DBAPIError as error:
        if str(getattr(error.orig, "sqlstate", "")).startswith(DATA_EXCEPTION):
            raise InvalidRequest("A value holds something that the database cannot store.") from error
        raise DatabaseUnavailable from error
    except PoolTimeout as error:
        raise DatabaseUnavailable from error


async def _connect(session: AsyncSession) -> None:
    """Opens the connection now: an `OSError` is the database's fault here, and the caller's own later on."""
    try:
        await session.connection()
    except OSError as error:
        raise DatabaseUnavailable from error
