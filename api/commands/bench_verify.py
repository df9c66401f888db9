"""`bench verify`: how long a running service takes to verify a marked JPEG of one megapixel, new to it and not."""

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from api.commands.console import print_json, print_table

if TYPE_CHECKING:
    import httpx
    import uvicorn

    from api.settings import Settings

SIDE: Final = 1024
QUALITY: Final = 90
CELLS: Final = 48
"""Cells across the test picture: clouds with the detail and file size of a photo."""
GRAIN: Final = 6.0
START_SECONDS: Final = 30.0
SCOPES: Final = ("mark", "verify")


def verify(
    files: Annotated[int, typer.Option(min=1, max=200, help="How many files are new to the service.")] = 10,
    again: Annotated[int, typer.Option(min=1, max=1000, help="How often each of them comes again.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")] = False,
) -> None:
    """Time verifications over HTTP, one at a time, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder, _service(Path(folder)) as client:
        marked = [_marked(client, seed) for seed in range(files + 1)]
        _seconds(client, marked[0])  # the first one loads
        first = [_seconds(client, data) for data in marked[1:]]
        repeated = [_seconds(client, data) for _ in range(again) for data in marked[1:]]
    figures = {"new to the service": _figures(first), "seen before": _figures(repeated)}
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


def _seconds(client: "httpx.Client", data: bytes) -> float:
    start = time.perf_counter()
    answer = client.post("/v1/verifications", files={"file": ("picture.jpg", data)})
    spent = time.perf_counter() - start
    answer.raise_for_status()
    return spent


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
    """A client, with a key, of a service of its own in `home`."""
    import httpx
    import uvicorn

    from api.app import create_app
    from api.settings import Settings

    settings = Settings(home=home, rate_key=0, rate_tenant=0)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    port = _port(server)
    token = _key(settings)
    try:
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def _port(server: "uvicorn.Server") -> int:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError("The service did not start.")
        time.sleep(0.02)
    return int(server.servers[0].sockets[0].getsockname()[1])


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
