"""Rows of the database as lines of JSON, the same for SQLite and PostgreSQL: either takes what the other gave."""

import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, MetaData, Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from api.errors import BackupInvalid
from api.tables import metadata, probes, tenants

LEFT_OUT: Final = frozenset({probes.name})
"""Tables that say nothing about what happened here."""
FILLED: Final = frozenset({tenants.name})
"""Tables into which the migrations put a row: the operator's tenant."""
VERSIONS: Final = "alembic_version"
BYTES: Final = "base64"
BATCH: Final = 500
"""Rows at once."""


def kept_tables() -> Iterator[Table]:
    """Tables of a backup, those that others point to first."""
    return (table for table in metadata.sorted_tables if table.name not in LEFT_OUT)


async def lines_of(session: AsyncSession, table: Table) -> AsyncIterator[bytes]:
    """The rows of `table` in the order of its key, an object a line."""
    result = await session.stream(select(table).order_by(*table.primary_key.columns))
    async for row in result.yield_per(BATCH).mappings():
        yield json.dumps({name: _packed(value) for name, value in row.items()}, separators=(",", ":")).encode() + b"\n"


async def revision_of(session: AsyncSession) -> str:
    """The migration that the database is at."""
    return str((await session.execute(text(f"SELECT version_num FROM {VERSIONS}"))).scalar_one())  # noqa: S608


def reflected(connection: Connection) -> Mapping[str, Table]:
    """The tables that the database really has, which may be of an older version than the code."""
    found = MetaData()
    found.reflect(connection)
    return {table.name: table for table in found.sorted_tables if table.name not in LEFT_OUT | {VERSIONS}}


def is_empty(connection: Connection) -> bool:
    """Whether no table has a row that this version's migrations did not put there."""
    tables = [table for name, table in reflected(connection).items() if name not in FILLED]
    return not any(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables)


def insert_lines(connection: Connection, table: Table, lines: Iterable[bytes]) -> int:
    """Puts rows back; how many. Raises `BackupInvalid` for a line that is no row of `table`."""
    count, batch = 0, []
    for line in lines:
        batch.append(_row(table, line))
        count += 1
        if len(batch) == BATCH:
            connection.execute(insert(table), batch)
            batch = []
    if batch:
        connection.execute(insert(table), batch)
    return count


def _row(table: Table, line: bytes) -> dict[str, Any]:
    try:
        row = {name: _unpacked(value) for name, value in json.loads(line).items()}
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise BackupInvalid(f"A row of the table {table.name} cannot be read.") from error
    if row.keys() != set(table.columns.keys()):
        raise BackupInvalid(f"A row of the table {table.name} has other columns than this version knows.")
    return row


def _packed(value: object) -> object:
    return {BYTES: b64encode(value).decode()} if isinstance(value, bytes | memoryview) else value


def _unpacked(value: object) -> object:
    return b64decode(value[BYTES], validate=True) if isinstance(value, dict) else value
