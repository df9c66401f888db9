"""The two ways into the database: `read` sees one snapshot, `write` is one unit of work that commits at its end."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import Connection, event
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from api.errors import Conflict, DatabaseUnavailable, InvalidRequest

BUSY_MILLISECONDS = 30_000
"""How long an SQLite writer waits for the one before it."""

DATA_EXCEPTION = "22"
"""PostgreSQL's class of errors that lie in a value, such as text with a null character."""

SQLITE_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "recursive_triggers = ON",  # without it INSERT OR REPLACE deletes a row behind the back of the DELETE trigger
    f"busy_timeout = {BUSY_MILLISECONDS}",
)


class Database:
    """One engine and the sessions on it; nobody else opens a connection or commits."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self._write = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        reader = self.engine.execution_options(shingan_read=True)
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

    async def close(self) -> None:
        await self.engine.dispose()


def open_engine(url: str) -> AsyncEngine:
    """An engine for an SQLite or PostgreSQL URL; raises `DatabaseUnavailable` if the URL or its driver is unusable."""
    try:
        engine = create_async_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise DatabaseUnavailable("The database URL is wrong or its driver is not installed.") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def sqlite_file(url: str) -> Path | None:
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


def _prepare_sqlite(connection: AsyncAdapt_aiosqlite_connection, _: object) -> None:
    connection.isolation_level = None  # the driver must not begin on its own: `_begin_sqlite` does
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Writers queue at the start: a reader that turns writer midway is refused at once, whatever the busy time-out."""
    reading = connection.get_execution_options().get("shingan_read", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
