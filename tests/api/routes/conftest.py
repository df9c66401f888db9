"""The service in this process, and callers of every kind."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.auth import ApiKeys
from api.settings import Settings
from api.tenant_repository import ensure_tenant
from tests.api.described_answers import as_described

Headers: TypeAlias = dict[str, str]
Issue: TypeAlias = Callable[..., Awaitable[Headers]]
CHECKED = {"response": [as_described]}


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home, max_bytes=600_000, blob_url="memory:///")


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    application = create_app(settings)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller from elsewhere without a key; failures come back as answers."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://shingan.example", event_hooks=CHECKED) as caller:
        yield caller


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller on this machine, as the page is opened by its operator."""
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", event_hooks=CHECKED) as caller:
        yield caller


@pytest.fixture
def issue(app: FastAPI) -> Issue:
    """`await issue("inspect", …, tenant="default")`: headers with a new API key of these scopes."""

    async def issued(*scopes: str, tenant: str = "default") -> Headers:
        keys: ApiKeys = app.state.keys
        await ensure_tenant(app.state.workplace.database, tenant)
        async with app.state.workplace.database.write() as session:
            key = await keys.issue(session, name="test", scopes=scopes, tenant=tenant)
        return {"authorization": f"Bearer {key.token}"}

    return issued
