"""`bench verify`: how long a running service takes to verify a JPEG of one megapixel.

Four kinds of file, for they take very different work: a release as it left, which the registry knows by its bytes; any
file that came before; a copy of a release, encoded anew, whose mark has to be found; and a picture that never had one,
in which it has to be sought in vain. Beside them stands what no answer can do without: a request that does nothing, and
one durable commit on the same disk. The client sends requests that were put together before, over one connection that
stays open: the service is measured, and not a library for clients. The service counts requests, as it does wherever
rates are not switched off.
"""

import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from api.commands.bench_service import PATIENCE_SECONDS, service
from api.commands.console import print_json, print_table

if TYPE_CHECKING:
    import httpx

SIDE: Final = 1024
QUALITY: Final = 90
COPY_QUALITY: Final = 80
CELLS: Final = 48
"""Cells across the test picture: clouds with the detail and file size of a photo."""
GRAIN: Final = 6.0
BOUNDARY: Final = "0f7c4e9a6b2d4d1a8c5e3b7a9d1f2c60"


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
    with tempfile.TemporaryDirectory() as folder, service(Path(folder)) as client:
        idle = _seconds(client, [_Request("GET", "/healthz", {})] * again)
        commits = _commits(Path(folder), again)
        seeds = range(files + 1)
        releases = [_marked(client, seed) for seed in seeds]
        kinds = {
            "a release as it left": releases,
            "a copy of a release": [_encoded_anew(data) for data in releases],
            "a picture without a mark": [_picture(files + 1 + seed) for seed in seeds],
        }
        requests = {kind: [_verification(client, data) for data in each] for kind, each in kinds.items()}
        times = {kind: _seconds(client, each)[1:] for kind, each in requests.items()}  # the first one loads
        times["a file that came before"] = _seconds(client, requests["a release as it left"][1:] * again)
    times |= {"an empty request": idle, "a durable commit": commits}
    figures = {kind: _figures(seconds) for kind, seconds in times.items()}
    sizes = {kind: len(each[-1]) for kind, each in kinds.items()}
    document = {"side": SIDE, "bytes": sizes, "files": files, "again": again, "milliseconds": figures}
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


def _encoded_anew(data: bytes) -> bytes:
    """Without credentials."""
    from PIL import Image

    buffer = BytesIO()
    Image.open(BytesIO(data)).save(buffer, "JPEG", quality=COPY_QUALITY)
    return buffer.getvalue()


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
