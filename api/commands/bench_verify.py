"""`bench verify`: how long a running service takes to verify a marked JPEG of one megapixel, new to it and not.

Beside it stand what no answer can do without: a request that does nothing, and one durable commit on the same disk. The
client sends requests that were put together before, over one connection that stays open: the service is measured, and
not a library for clients. The service counts requests, as it does wherever rates are not switched off.
"""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from api.commands.console import print_json, print_table

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    import httpx

    from api.settings import Settings

SIDE: Final = 1024
QUALITY: Final = 90
CELLS: Final = 48
"""Cells across the test picture: clouds with the detail and file size of a photo."""
GRAIN: Final = 6.0
START_SECONDS: Final = 60.0
PATIENCE_SECONDS: Final = 60.0
SCOPES: Final = ("mark", "verify")
BOUNDARY: Final = "0f7c4e9a6b2d4d1a8c5e3b7a9d1f2c60"
RATE: Final = 1_000_000
"""Requests a minute: more than anybody can send, so that they are counted and none is refused."""


@dataclass(frozen=True, slots=True)
class _Request:
    """As it goes out."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


def verify(
    files: Annotated[int, typer.Option(min=1, max=200, help="How many files are new to the service.")] = 10,
    again: Annotated[int, typer.Option(min=1, max=1000, help="How often each of them comes again.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")] = False,
) -> None:
    """Time verifications over HTTP, one at a time, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder, _service(Path(folder)) as client:
        idle = _seconds(client, [_Request("GET", "/healthz", {})] * again)
        commits = _commits(Path(folder), again)
        marked = [_marked(client, seed) for seed in range(files + 1)]
        requests = [_verification(client, data) for data in marked]
        first = _seconds(client, requests)[1:]  # the first one loads
        repeated = _seconds(client, requests[1:] * again)
    figures = {"new to the service": _figures(first), "seen before": _figures(repeated)}
    figures |= {"an empty request": _figures(idle), "a durable commit": _figures(commits)}
    document = {"side": SIDE, "bytes": len(marked[-1]), "files": files, "again": again, "milliseconds": figures}
    if as_json:
        print_json(document)
        return
    rows = [(name, f"{each['p50']:.1f}", f"{each['p95']:.1f}") for name, each in figures.items()]
    print_table(("verification", "p50 ms", "p95 ms"), rows)


def _figures(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"p50": round(1000 * statistics.median(ordered), 2), "p95": round(1000 * late, 2)}


def _commits(folder: Path, count: int) -> list[float]:
    """Of one row each, as SQLite is set up here."""
    import sqlite3

    from api.sqlite import SQLITE_PRAGMAS

    seconds, connection = [], sqlite3.connect(folder / "commits.db", isolation_level=None)
    for pragma in SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE commits (number INTEGER)")
    for number in range(count):
        start = time.perf_counter()
        connection.execute("INSERT INTO commits VALUES (?)", [number])
        seconds.append(time.perf_counter() - start)
    connection.close()
    return seconds


def _verification(client: "httpx.Client", data: bytes) -> _Request:
    part = 'Content-Disposition: form-data; name="file"; filename="picture.jpg"\r\nContent-Type: image/jpeg'
    body = f"--{BOUNDARY}\r\n{part}\r\n\r\n".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return _Request(
        "POST", "/v1/verifications", {"authorization": client.headers["authorization"], "content-type": kind}, body
    )


def _seconds(client: "httpx.Client", requests: Sequence[_Request]) -> list[float]:
    """Of each of `requests`, one after the other on a connection that is open."""
    address, seconds = client.base_url, []
    with closing(HTTPConnection(address.host, address.port, timeout=PATIENCE_SECONDS)) as connection:
        connection.connect()
        for request in requests:
            start = time.perf_counter()
            connection.request(request.method, request.path, request.body, request.headers)
            answer = connection.getresponse()
            text = answer.read()
            seconds.append(time.perf_counter() - start)
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise RuntimeError(f"The service answered {answer.status}: {text.decode()}")
    return seconds


def _marked(client: "httpx.Client", seed: int) -> bytes:
    """A marked and signed JPEG, another one for each seed."""
    made = client.post("/v1/marks", files={"file": ("picture.jpg", _picture(seed))}, data={"purpose": "research"})
    made.raise_for_status()
    return client.get(f"{made.headers['location']}/file").content


def _picture(seed: int) -> bytes:
    import cv2
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(seed)
    cells = rng.uniform(20, 235, (CELLS, CELLS, 3)).astype(np.float32)
    clouds = cv2.resize(cells, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) + rng.normal(0, GRAIN, (SIDE, SIDE, 1))
    buffer = BytesIO()
    Image.fromarray(np.clip(clouds, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


@contextmanager
def _service(home: Path) -> "Iterator[httpx.Client]":
    """A client, with a key, of a service in a process of its own, whose state is in `home`."""
    import httpx

    from api.settings import Settings

    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_serve, args=(str(home), there), daemon=True)
    process.start()
    try:
        address = f"http://127.0.0.1:{_port(here)}"
        with httpx.Client(base_url=address, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            client.get("/healthz").raise_for_status()  # waits until the service has started
            client.headers["authorization"] = f"Bearer {_key(Settings(home=home))}"
            yield client
    finally:
        process.terminate()
        process.join()


def _serve(home: str, port: "Connection") -> None:
    import socket

    import uvicorn

    from api.app import create_app
    from api.http_heads import BoundedHeads
    from api.settings import Settings

    settings = Settings(home=Path(home), rate_key=RATE, rate_tenant=RATE)
    # Only of a socket that says TCP does asyncio send small answers at once; `create_server` leaves that open.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port.send(listening.getsockname()[1])
        config = uvicorn.Config(create_app(settings), http=BoundedHeads, log_level="warning", ws="none")
        uvicorn.Server(config).run(sockets=[listening])


def _port(told: "Connection") -> int:
    if not told.poll(START_SECONDS):
        raise TimeoutError("The service did not start.")
    return int(told.recv())


def _key(settings: "Settings") -> str:
    import asyncio

    from api.auth import ApiKeys
    from api.db import Database

    async def issue() -> str:
        database = Database(settings.database_url)
        try:
            async with database.write() as session:
                return (await ApiKeys.open(settings).issue(session, name="bench", scopes=SCOPES)).token
        finally:
            await database.close()

    return asyncio.run(issue())
