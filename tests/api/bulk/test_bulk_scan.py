"""A bulk scan on two Ray nodes, one killed midway: every input has one row, and a second run has nothing to do."""

import importlib.util
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

BIN: Final = Path(sys.executable).parent
HEAD, OTHER = "127.0.0.2", "127.0.0.3"
"""Both are this machine; the libraries would put its outer address in the place of 127.0.0.1."""
JOB_SECONDS: Final = 900
PICTURES: Final = 16
TRIES: Final = 4

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the extra ray")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HEAD, 0))
        return int(probe.getsockname()[1])


def _processes(*words: str) -> list[int]:
    """Whose command lines have all of `words`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if int(folder.name) != os.getpid() and all(word in command for word in words):
            found.append(int(folder.name))
    return found


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster of two nodes with a core each."""
    place = tmp_path_factory.mktemp("r")
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "HOME": str(place)}
    address = f"{HEAD}:{_free_port()}"
    port = address.rpartition(":")[2]
    head = ["--head", f"--port={port}", f"--node-ip-address={HEAD}", "--include-dashboard=false"]
    other = [f"--address={address}", f"--node-ip-address={OTHER}"]
    try:
        _start([*head, f"--temp-dir={place}"], environment)
        _start(other, environment)
        yield address
    finally:
        for process in _processes(str(place)):
            os.kill(process, signal.SIGKILL)


def _start(extra: list[str], environment: dict[str, str]) -> None:
    """Starts a node; Ray gives up if a helper of its own takes 15 s, which a busy machine may need twice."""
    command = [str(BIN / "ray"), "start", *extra, "--num-cpus=1", "--object-store-memory=200000000"]
    for _ in range(TRIES):
        tried = subprocess.run(
            [*command, "--disable-usage-stats"], env=environment, check=False, capture_output=True, timeout=JOB_SECONDS
        )
        if tried.returncode == 0:
            return
        for process in _processes("ray", environment["HOME"]) if "--head" in extra else ():
            os.kill(process, signal.SIGKILL)  # or its port would be taken
    pytest.skip("Ray's own processes do not start on this machine in the time that they allow themselves")


@pytest.fixture
def sources(tmp_path: Path, make_photo: Callable[..., Any], encode: Callable[..., bytes]) -> list[str]:
    """A folder with pictures, one of which is damaged and one of which is black, and a shard with two more."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(PICTURES - 2):
        (folder / f"{number:02}.png").write_bytes(encode(make_photo(number, width=128, height=128)))
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff damaged\0\0")
    (folder / "black.png").write_bytes(encode(make_photo() * 0))
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for name in ("a.png", "b.png"):
            data = encode(make_photo(ord(name[0]), width=128, height=128))
            head = tarfile.TarInfo(name)
            head.size = len(data)
            tar.addfile(head, io.BytesIO(data))
    return [str(folder), str(tmp_path / "shard.tar")]


def _scan(sources: list[str], out: Path, address: str) -> "subprocess.Popen[str]":
    command = [str(BIN / "shingan"), "scan", "--engine", "ray", "--json", "--scorers", "2", "-o", str(out)]
    return subprocess.Popen([*command, "--address", address, *sources], stdout=subprocess.PIPE, text=True)


def _done(process: "subprocess.Popen[str]") -> dict[str, Any]:
    out, _ = process.communicate(timeout=JOB_SECONDS)
    assert process.returncode in (1, 3), out  # the damaged picture is an error
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_killed_node_loses_nothing(cluster: str, sources: list[str], tmp_path: Path) -> None:
    from pyarrow import parquet

    out = tmp_path / "results.parquet"
    process = _scan(sources, out, cluster)
    while not list(out.glob("*.parquet")) and process.poll() is None:
        time.sleep(0.2)
    raylets = _processes("/raylet/raylet", f"--node_ip_address={OTHER}")
    assert raylets
    for raylet in raylets:
        os.kill(raylet, signal.SIGKILL)
    done = _done(process)
    rows = [row for part in sorted(out.glob("*.parquet")) for row in parquet.read_table(part).to_pylist()]
    assert done["done"] == len(rows) == PICTURES + 2
    assert set(Counter(row["input"] for row in rows).values()) == {1}
    assert [Path(row["input"]).name for row in rows if row["error"]] == ["bad.jpg"]
    assert all(row["sha256"] and json.loads(row["document"])["path"] == row["input"] for row in rows)
    again = _scan(sources, out, cluster)
    found, _ = again.communicate(timeout=JOB_SECONDS)
    assert again.returncode == 0
    assert json.loads(found) | {"out": ""} == {
        "out": "", "skipped": PICTURES + 2, "done": 0, "failed": 0, "flagged": 0, "parts": 0, "labels": {},
    }  # fmt: skip
