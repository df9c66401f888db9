"""SQLite as this program sets it up, and the quick way to it: a unit of work as one function, in a thread of its own.

The asynchronous driver hands every statement to its thread and back several times, which costs more than SQLite itself.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

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
READING: Final = "shingan_read"
"""Execution option of a connection that changes nothing."""
READERS: Final = 2
"""Threads that read; one more writes, because SQLite takes one writer at a time."""


class SqliteThreads:
    """The synchronous driver on the file at `url`, a writing thread and a few reading ones."""

    def __init__(self, url: URL) -> None:
        self._engine = prepared(create_engine(url.set(drivername="sqlite")))
        self._reader = self._engine.execution_options(**{READING: True})
        self._turn = threading.Lock()
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")

    async def change(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns; committed, or rolled back if it raised."""
        return await asyncio.get_running_loop().run_in_executor(self._writing, self.change_here, work)

    def change_here(self, work: Callable[[Connection], T]) -> T:
        """`change` in the thread of the caller, which this blocks."""
        with self._turn, self._engine.begin() as connection:  # whoever is refused by SQLite waits longer than needed
            return work(connection)

    async def look(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, from one snapshot; nothing that it does stays."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self.look_here, work)

    def look_here(self, work: Callable[[Connection], T]) -> T:
        """`look` in the thread of the caller, which this blocks."""
        with self._reader.connect() as connection:
            return work(connection)

    async def close(self) -> None:
        for threads in (self._writing, self._reading):
            await asyncio.to_thread(threads.shutdown, wait=True)
        self._engine.dispose()


def prepared(engine: Engine) -> Engine:
    """`engine`, whose connections will be set up by `SQLITE_PRAGMAS` and begin as `_begin` says."""
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: object) -> None:  # noqa: ANN401  (that of either driver)
    connection.isolation_level = None  # the driver must not begin on its own: `_begin` does
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Writers queue at the start: a reader that turns writer midway is refused at once, whatever the busy time-out."""
    reading = connection.get_execution_options().get(READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
