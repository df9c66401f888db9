"""Runs the migrations from inside the program: no configuration file, no separate command, safe at every start."""

import os
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from api.db import Database, sqlite_file, translated
from api.errors import DatabaseUnavailable, InvalidRequest

LOCK = 0x5348_494E_4442
"""PostgreSQL advisory lock of the migrations: instances that start together take turns."""


async def downgrade(url: str, revision: str) -> None:
    """Takes the database at `url` back to `revision`, and with it whatever only later versions have a place for."""
    database = Database(url)
    try:
        with translated():
            async with database.engine.begin() as connection:
                await connection.run_sync(_migrate, command.downgrade, revision)
    except (CommandError, AttributeError) as error:  # the first migration has no way back: it would drop the log
        raise InvalidRequest("The database cannot be taken back to this revision.") from error
    finally:
        await database.close()


async def upgrade(url: str, revision: str = "head") -> None:
    """Brings the database at `url` to `revision`, making an SQLite file and its folder if they are missing."""
    file = sqlite_file(url)
    database = Database(url)
    try:
        if file is not None:
            _make_file(file)
        with translated():
            async with database.engine.begin() as connection:
                await connection.run_sync(_migrate, command.upgrade, revision)
    except CommandError as error:
        raise InvalidRequest("This version does not know that revision of the database.") from error
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


def _migrate(connection: Connection, step: Callable[[Config, str], None], revision: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    step(config, revision)
