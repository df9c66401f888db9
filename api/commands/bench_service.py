"""A running service for benchmarks to ask, in a process of its own."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    import httpx

    from api.settings import Settings

START_SECONDS: Final = 60.0
PATIENCE_SECONDS: Final = 60.0
SCOPES: Final = ("mark", "verify")
RATE: Final = 1_000_000
"""Requests a minute: more than anybody can send, so that they are counted and none is refused."""


@contextmanager
def service(home: Path) -> "Iterator[httpx.Client]":
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
