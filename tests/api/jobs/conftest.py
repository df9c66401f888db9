"""The service with a worker in it, on both databases, and callers of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings
from api.tenant_repository import ensure_tenant
from detector.types import Pixels
from tests.api.described_answers import as_described
from tests.api.jobs.receiver import Receiver

Headers: TypeAlias = dict[str, str]
Ended: TypeAlias = Callable[..., Awaitable[dict[str, Any]]]
PATIENCE_SECONDS = 120


@pytest.fixture
def settings(any_settings: Settings) -> Settings:
    return any_settings.model_copy(update={"fetch_hosts": frozenset({"127.0.0.1"}), "webhook_retries": (0.1, 0.1)})


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    application = create_app(settings, worker=True)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 50_000))
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://shingan.example",
        timeout=None,
        event_hooks={"response": [as_described]},
    ) as caller:
        yield caller


@pytest.fixture
async def headers(app: FastAPI) -> Headers:
    """Of a key that may inspect, read the log and set up webhooks."""
    return await issued(app, "inspect", "read_audit", "manage_webhooks")


@pytest.fixture
def ended(client: httpx.AsyncClient, headers: Headers) -> Ended:
    """`await ended(id, headers=…)`: the job once it has an end."""

    async def wait(job_id: str, *, headers: Headers = headers) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                job: dict[str, Any] = (await client.get(f"/v1/jobs/{job_id}", headers=headers)).json()
                if job["state"] not in ("accepted", "running"):
                    return job
                await asyncio.sleep(0.1)

    return wait


async def issued(app: FastAPI, *scopes: str, tenant: str = "default") -> Headers:
    await ensure_tenant(app.state.workplace.database, tenant)
    async with app.state.workplace.database.write() as session:
        key = await app.state.keys.issue(session, name="test", scopes=scopes, tenant=tenant)
    return {"authorization": f"Bearer {key.token}"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


@pytest.fixture
def clip(film: Callable[..., bytes], make_photo: Callable[..., Pixels]) -> bytes:
    return film([make_photo(width=128, height=96)] * 4)


@pytest.fixture
def picture(make_photo: Callable[..., Pixels], encode: Callable[..., bytes]) -> bytes:
    return encode(make_photo())


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """`await until(condition)`"""

    async def wait(true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not true():
                await asyncio.sleep(0.05)

    return wait
