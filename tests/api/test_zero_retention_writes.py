"""Where nothing is to be kept no picture reaches a disk, seen from the kernel, sandbox and libraries included."""

import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.auth import ApiKeys
from api.settings import Settings
from api.workplace import Workplace

STRACE = ["strace", "-f", "-qq", "-e", "trace=open,openat,openat2,creat,memfd_create,rename,renameat2"]
OPENED = re.compile(r'open(?:at2?)?\(.*?"([^"]*)", (\S+)')
WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TMPFILE")
SCOPES = ("inspect", "mark")


def _can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-qq", "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not _can_trace(), reason="needs strace and the right to use it")


@contextmanager
def _traced(process: int, trace: Path) -> Iterator[None]:
    command = [*STRACE, "-o", str(trace), "-p", str(process)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as tracer:
        while f"TracerPid:\t{tracer.pid}" not in Path(f"/proc/{process}/status").read_text():
            assert tracer.poll() is None
        yield
        tracer.send_signal(signal.SIGINT)


def _written(trace: Path) -> set[str]:
    """Paths that were opened for writing."""
    found = OPENED.findall(trace.read_text())
    return {path for path, flags in found if any(flag in flags for flag in WRITES)}


async def _key(settings: Settings) -> dict[str, str]:
    async with await Workplace.open(settings) as workplace, workplace.database.write() as session:
        issued = await ApiKeys.open(settings).issue(session, name="test", scopes=SCOPES)
    return {"authorization": f"Bearer {issued.token}"}


@pytest.mark.parametrize("zero", [True, False])
async def test_pictures_are_not_written(
    serve: Callable[..., Any],
    tmp_path: Path,
    home: Path,
    cache: Path,
    make_photo: Callable[..., Any],
    encode: Callable[..., bytes],
    zero: bool,
) -> None:
    headers = await _key(Settings(home=home))
    served = serve(home, SHINGAN_ZERO_RETENTION=str(zero).lower(), TMPDIR=str(tmp_path))
    trace, picture = tmp_path / "trace", encode(make_photo(width=1024, height=768))
    assert len(picture) > 1_000_000  # beyond what the form reader would keep in memory by itself
    upload = {"file": ("photo.png", picture)}
    with httpx.Client(base_url=served.address, headers=headers, timeout=120, trust_env=False) as client:
        client.post("/v1/inspections", files={"file": ("warm.png", encode(make_photo(1)))}).raise_for_status()
        with _traced(served.process.pid, trace):
            client.post("/v1/inspections", files=upload).raise_for_status()
            marked = client.post("/v1/marks", files=upload, data={"purpose": "research"})
            file = client.get(f"{marked.headers['location']}/file")
    assert len(file.content) > len(picture) // 2
    written = {path for path in _written(trace) if not path.startswith(("/dev/null", str(home / "shingan.db")))}
    outside = {path for path in written if not path.startswith((str(home / "keys"), str(home / "blobs"), str(cache)))}
    assert outside == set()
    assert any(path.startswith(str(home / "blobs")) for path in written) == (not zero)
    assert (home / "blobs").exists() == (not zero) or not any(path.is_file() for path in (home / "blobs").rglob("*"))
