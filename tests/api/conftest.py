"""Databases to test on: an SQLite file, and a PostgreSQL cluster that is made for the run and thrown away after it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from api.audit import AuditLog
from api.db import Database
from api.jobs.engine import SCHEMA
from api.migrations.run import upgrade
from api.settings import Settings

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))


class Cluster:
    """A running PostgreSQL server that listens on a socket in `folder` alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def empty(self) -> str:
        """The SQLAlchemy URL of its one database, emptied: a new one for each test would take ten times as long."""
        drop = f"DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"
        sql = f"SET client_min_messages = error; {drop}; CREATE SCHEMA public"
        run("psql", "-h", str(self.folder), "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-c", sql, "postgres")
        return f"postgresql+asyncpg://postgres@/postgres?host={self.folder}"


def run(program: str, *arguments: str) -> None:
    """Runs one of the server's programs as a user it accepts: it refuses root."""
    command = [str(INSTALLED[-1] / program), *arguments]
    if os.geteuid() == 0:
        user = owner()
        command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")


def owner() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    if not INSTALLED:
        pytest.skip("PostgreSQL's server is not installed")
    folder = Path(tempfile.mkdtemp(prefix="shingan-pg-"))
    if os.geteuid() == 0:
        os.chown(folder, owner().pw_uid, owner().pw_gid)
    data = str(folder / "data")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
    try:
        run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        run("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
        yield Cluster(folder)
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'state' / 'shingan.db'}"
    cluster: Cluster = request.getfixturevalue("postgres")
    return cluster.empty()


@pytest.fixture
async def any_settings(home: Path, empty_url: str) -> Settings:
    """Settings of an instance whose database, of either kind, has its tables."""
    await upgrade(empty_url)
    return Settings(home=home, database_url=empty_url)


@pytest.fixture
async def any_database(any_settings: Settings) -> AsyncIterator[Database]:
    """A database of either kind with its tables."""
    database = Database(any_settings.database_url)
    yield database
    await database.close()


@pytest.fixture
def log(any_settings: Settings) -> AuditLog:
    return AuditLog.open(any_settings)


@pytest.fixture
def fill(any_database: Database, log: AuditLog) -> Callable[[int], object]:
    """`await fill(n)` appends n entries in one transaction."""

    async def _fill(entries: int) -> None:
        async with any_database.write() as session:
            for number in range(entries):
                await log.append(session, "test.filled", {"number": number})

    return _fill
