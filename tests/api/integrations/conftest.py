"""A real service on this machine, as a generator elsewhere meets it."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from api.app import create_app
from api.auth import ApiKeys
from api.db import Database
from api.integrations.marking_client import Service
from api.settings import Settings

START_S = 60.0


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running instance with a home of its own, and a key that may mark."""
    settings = Settings(home=tmp_path_factory.mktemp("marking") / "home", blob_url="memory:///")
    application = create_app(settings)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        end = time.monotonic() + START_S
        while not server.started:
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.05)
        yield Service(f"http://127.0.0.1:{listener.getsockname()[1]}", asyncio.run(_key(settings)))
        server.should_exit = True
        thread.join(timeout=START_S)


async def _key(settings: Settings) -> str:
    database = Database(settings.database_url)
    async with database.write() as session:
        issued = await ApiKeys.open(settings).issue(session, name="test", scopes=["mark"], tenant="default")
    await database.close()
    return issued.token


@pytest.fixture
def said() -> Callable[[Service, bytes], dict[str, Any]]:
    """`said(service, data)`: what `POST /v1/verifications` says of a file."""

    def verified(service: Service, data: bytes) -> dict[str, Any]:
        files = {"file": ("a.png", data)}
        answer = httpx.post(f"{service.url}/v1/verifications", files=files, timeout=START_S)
        assert answer.status_code == 201, answer.text
        document: dict[str, Any] = answer.json()
        return document

    return verified
