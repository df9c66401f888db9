"""Runs the migrations from inside the program: no configuration file, no separate command, safe at every start."""

import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from api.db import Database, sqlite_file, translated
from api.errors import DatabaseUnavailable

LOCK = 0x5348_494E_4442
"""PostgreSQL advisory lock of the migrations: instances that start together take turns."""


async def upgrade(url: str, revision: str = "head") -> None:
    """Brings the database at `url` to `revision`, making an SQLite file and its folder if they are missing."""
    file = sqlite_file(url)
    database = Database(url)
    try:
        if file is not None:
            _make_file(file)
        with translated():
            async with database.engine.begin() as connection:
                await connection.run_sync(_upgrade, revision)
    except OSError as error:
        raise DatabaseUnavailable from error
    finally:
        await database.close()


def _make_file(file: Path) -> None:
    """An empty, private SQLite file where there is none; raises `OSError` if it cannot be written.

    The driver itself must not be the first to find that out: its thread dies noisily when opening fails.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))


def _upgrade(connection: Connection, revision: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, revision)
