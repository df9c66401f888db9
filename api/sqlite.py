"""SQLite as this program sets it up, and the quick way to it: a unit of work as one function, in a thread of its own.

The asynchronous driver hands every statement to its thread and back several times, which costs more than SQLite itself.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from api.after_commit import watched

T = TypeVar("T")

BUSY_MILLISECONDS: Final = 30_000
"""How long an SQLite writer waits for the one before it."""

SQLITE_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "recursive_triggers = ON",  # without it INSERT OR REPLACE deletes a row behind the back of the DELETE trigger
    f"busy_timeout = {BUSY_MILLISECONDS}",
)
PASSING_PRAGMAS: Final = (*SQLITE_PRAGMAS, "synchronous = NORMAL")
READING: Final = "shingan_read"
"""Execution option of a connection that changes nothing."""
MOST_IDLE: Final = 8
"""Reading connections that stay open; threads of other pools read as well, and sometimes many of them."""
READERS: Final = 2
"""Threads that read; one more writes, because SQLite takes one writer at a time."""


class SqliteThreads:
    """The synchronous driver on the file at `url`, a writing thread and a few reading ones.

    Connections are kept open here between two units of work: taking one from a pool of SQLAlchemy's and giving it back
    costs as much as a statement.
    """

    def __init__(self, url: URL) -> None:
        plain = partial(create_engine, url.set(drivername="sqlite"), poolclass=NullPool)
        self._durable, self._passing = prepared(plain()), prepared(plain(), durable=False)
        self._reader = self._durable.execution_options(**{READING: True})
        self._idle: deque[Connection] = deque()
        self._writers: dict[Engine, Connection] = {}
        self._turn = threading.Lock()
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")

    async def change(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """What `work` returns; committed, or rolled back if it raised."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writing, partial(self.change_here, work, durable=durable))

    def change_here(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """`change` in the thread of the caller, which this blocks."""
        engine = self._durable if durable else self._passing
        with self._turn:  # whoever is turned away by SQLite waits longer than needed
            connection = self._writers.pop(engine, None) or engine.connect()
            with _closed_on_error(connection), connection.begin():
                result = work(connection)
            self._writers[engine] = connection
            return result

    async def look(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, from one snapshot; nothing that it does stays."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self.look_here, work)

    def look_here(self, work: Callable[[Connection], T]) -> T:
        """`look` in the thread of the caller, which this blocks."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._reader.connect()
        with _closed_on_error(connection):
            snapshot = connection.begin()
            result = work(connection)
            snapshot.rollback()
        if len(self._idle) < MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.close()
        return result

    async def close(self) -> None:
        for threads in (self._writing, self._reading):
            await asyncio.to_thread(threads.shutdown, wait=True)
        for connection in (*self._idle, *self._writers.values()):
            connection.close()
        for engine in (self._durable, self._passing):
            engine.dispose()


@contextmanager
def _closed_on_error(connection: Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()  # which rolls back
        raise


def prepared(engine: Engine, *, durable: bool = True) -> Engine:
    """`engine`, whose connections will be set up by `SQLITE_PRAGMAS` and begin as `_begin` says.

    Unless they are to be `durable`, a machine that crashes may forget what they committed last, and nothing else.
    """
    event.listen(engine, "connect", partial(_prepare, pragmas=SQLITE_PRAGMAS if durable else PASSING_PRAGMAS))
    event.listen(engine, "begin", _begin)
    return watched(engine)


def _prepare(connection: Any, _: object, *, pragmas: Sequence[str]) -> None:  # noqa: ANN401  (that of either driver)
    connection.isolation_level = None  # the driver must not begin on its own: `_begin` does
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Writers queue at the start: a reader that turns writer midway is refused at once, whatever the busy time-out."""
    reading = connection.get_execution_options().get(READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
