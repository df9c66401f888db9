"""What tests work on: an SQLite file, a PostgreSQL cluster and an S3 server made for the run, and served processes."""

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from api.audit import AuditLog
from api.db import Database
from api.jobs.engine import SCHEMA
from api.migrations.run import upgrade
from api.settings import Settings

START_SECONDS: Final = 90
"""Patience for a process to listen, on a busy machine."""
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


@dataclass(frozen=True, slots=True)
class Bucket:
    """An empty bucket of an S3 server on this machine, and the settings with which a process reaches it."""

    url: str
    environment: Mapping[str, str]


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of moto's S3 server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    log = (tmp_path_factory.mktemp("s3") / "log").open("wb")
    with log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        _await_port(port)
        yield f"http://127.0.0.1:{port}"
        process.kill()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    name = f"test-{secrets.token_hex(8)}"
    httpx.put(f"{s3_server}/{name}", trust_env=False).raise_for_status()
    environment = {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    return Bucket(f"s3://{name}/blobs", environment)


@dataclass(slots=True)
class Served:
    """A `shingan serve` of its own process; `lines` are what it logged so far."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)
    reader: threading.Thread | None = None
    listening: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return next(str(line["address"]) for line in self.lines if "address" in line)

    def read(self) -> None:
        """Takes every line of its standard error, which has to be JSON."""
        assert self.process.stderr is not None
        for text in self.process.stderr:
            self.lines.append(json.loads(text))
            if "address" in self.lines[-1]:
                self.listening.set()
        self.listening.set()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code, once every line is read."""
        self.process.send_signal(how)
        code = self.process.wait(timeout=START_SECONDS)
        assert self.reader is not None
        assert self.process.stderr is not None
        self.reader.join()
        self.process.stderr.close()
        return code


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """`serve(home, SHINGAN_…="…")`: a service of its own process that listens by the time this returns."""
    running: list[Served] = []

    def started(home: Path, **environment: str) -> Served:
        command = [str(Path(sys.executable).parent / "shingan"), "serve", "--port", "0"]
        variables = os.environ | {"SHINGAN_HOME": str(home)} | environment
        served = Served(subprocess.Popen(command, stderr=subprocess.PIPE, env=variables, text=True))
        served.reader = threading.Thread(target=served.read)
        served.reader.start()
        running.append(served)
        assert served.listening.wait(START_SECONDS)
        assert served.process.poll() is None, served.lines
        return served

    yield started
    for served in running:
        served.stop(signal.SIGKILL)


def _await_port(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("The server did not start.")
