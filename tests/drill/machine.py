"""The machine that the drill breaks: a server and a worker as processes, their database, and a disk that fills up."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx
import psutil

from tests.api.conftest import INSTALLED, owner, run

SHINGAN: Final = str(Path(sys.executable).parent / "shingan")
ROOT: Final = Path(__file__).parent.parent.parent
DISK_MEBIBYTES: Final = 512
START_SECONDS: Final = 120
UNCOUNTED: Final = {f"SHINGAN_RATE_{whose}": "0" for whose in ("KEY", "TENANT", "ANONYMOUS")}
"""A drill asks more in a minute than a caller may, and a refusal would pass for a fault."""


class Postgres:
    """A cluster of its own that can be stopped at once, as by a power cut, and started again."""

    def __init__(self) -> None:
        if not INSTALLED:
            raise SystemExit("PostgreSQL's server is not installed.")
        self.folder = Path(tempfile.mkdtemp(prefix="shingan-drill-pg-"))
        if os.geteuid() == 0:
            os.chown(self.folder, owner().pw_uid, owner().pw_gid)
        self._data = str(self.folder / "data")
        run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        self.start()
        self.url = f"postgresql+asyncpg://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c max_connections=60"
        run("pg_ctl", "-D", self._data, "-o", options, "-l", str(self.folder / "log"), "-w", "start")

    def stop(self) -> None:
        run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def postgres(database: str) -> Iterator[Postgres | None]:
    """A cluster if `database` is `postgresql`, and none if it is `sqlite`."""
    if database == "sqlite":
        yield None
        return
    cluster = Postgres()
    try:
        yield cluster
    finally:
        cluster.close()


@contextmanager
def disk() -> Iterator[tuple[Path, bool]]:
    """A folder for the home, and whether it is a disk of its own that can be filled (that takes root)."""
    folder = Path(tempfile.mkdtemp(prefix="shingan-drill-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEBIBYTES}m", "tmpfs", str(folder)]
    own = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield folder, own
    finally:
        if own:
            subprocess.run(["umount", "-l", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """The disk at `folder` has no byte left while the block runs."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    continue
        yield
    finally:
        filler.unlink(missing_ok=True)


class Machine:
    """Server and worker, each of which may be killed and is started again."""

    def __init__(self, home: Path, *, database_url: str | None, cache: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.home = home
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SHINGAN_")} | {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "SHINGAN_HOME": str(home),
            "SHINGAN_CACHE": str(cache),
            "SHINGAN_PORT": str(self.port),
            "SHINGAN_FETCH_HOSTS": "127.0.0.1",
            "SHINGAN_WEBHOOK_RETRIES": ",".join(["2"] * 60),
            "SHINGAN_DETECTOR": "small",
            **UNCOUNTED,
        }
        if database_url:
            self.environment["SHINGAN_DATABASE_URL"] = database_url
        self._logs = cache / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.kills = 0

    def start(self, name: str) -> None:
        """`serve` or `worker`."""
        with (self._logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [SHINGAN, name], env=self.environment, stdout=log, stderr=log, cwd=self.home.parent
            )

    def kill(self, name: str) -> None:
        process = self._running[name]
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.kills += 1

    def stop(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
        self._running.clear()

    def revive(self) -> None:
        """Starts again whatever ended on its own, as a supervisor would."""
        for name, process in list(self._running.items()):
            if process.poll() is not None:
                self.start(name)

    def memory(self, name: str) -> int:
        """Bytes of memory (RSS) of a running process and all its children."""
        own = psutil.Process(self._running[name].pid)
        total = 0
        for process in (own, *own.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total

    async def ready(self) -> None:
        end = time.monotonic() + START_SECONDS
        async with httpx.AsyncClient(trust_env=False) as client:
            while time.monotonic() < end:
                self.revive()
                try:
                    if (await client.get(f"{self.url}/readyz", timeout=5)).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.2)
        raise TimeoutError("the server does not come up")

    def command(self, *arguments: str) -> str:
        """Output of a `shingan` command; raises if it fails."""
        done = subprocess.run(
            [SHINGAN, *arguments],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            cwd=self.home.parent,
        )
        return done.stdout
