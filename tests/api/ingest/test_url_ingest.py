"""Addresses in requests and on the command line: the file behind one is answered like one that was sent."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from api import cli
from api.app import create_app
from api.settings import Settings
from detector.types import Pixels
from tests.api.ingest.conftest import Host
from tests.api.jobs.conftest import issued


@pytest.fixture
async def app(home: Path) -> AsyncIterator[FastAPI]:
    application = create_app(Settings(home=home, fetch_hosts=frozenset({"127.0.0.1"})))
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://shingan.example") as caller:
        yield caller


@pytest.fixture
def address(host: Host, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]) -> str:
    host.routes["/photo.png"] = (200, {}, encode(make_photo()))
    return host.url("/photo.png")


async def test_the_file_at_an_address_is_answered(app: FastAPI, client: httpx.AsyncClient, address: str) -> None:
    headers = await issued(app, "inspect", "verify")
    for route in ("/v1/inspections", "/v1/verifications"):
        as_json = await client.post(route, json={"url": address}, headers=headers)
        as_form = await client.post(route, files={"url": (None, address)}, headers=headers)
        for answer in (as_json, as_form):
            assert (answer.status_code, answer.json()["path"]) == (201, "photo.png")


@pytest.mark.parametrize(
    "body",
    [r'{"url": "\ud800"}', r'{"url": "", "purpose": "\udfff"}', pytest.param("[" * 60_000, id="deep"), "NaN"],
)
async def test_a_body_that_is_no_text_is_refused(app: FastAPI, client: httpx.AsyncClient, body: str) -> None:
    headers = {**await issued(app, "inspect", "verify"), "content-type": "application/json"}
    for route in ("/v1/inspections", "/v1/verifications", "/v1/jobs"):
        answer = await client.post(route, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_an_address_inside_is_refused_by_every_route(app: FastAPI, client: httpx.AsyncClient) -> None:
    headers = await issued(app, "inspect", "verify", "manage_webhooks")
    inside = "http://169.254.169.254/latest/meta-data/"
    for route, body in (
        ("/v1/inspections", {"url": inside}),
        ("/v1/verifications", {"url": inside}),
        ("/v1/webhooks", {"url": inside}),
        ("/v1/jobs", {"urls": ["http://192.0.2.1:22/"]}),
    ):
        answer = await client.post(route, json=body, headers=headers)
        assert (route, answer.status_code, answer.json()["code"]) == (route, 422, "address_refused")


async def test_nothing_is_fetched_for_strangers(client: httpx.AsyncClient, address: str, host: Host) -> None:
    answer = await client.post("/v1/verifications", json={"url": address})
    assert answer.status_code == 401
    assert host.asked == []


@pytest.mark.parametrize("form", [{}, {"url": (None, "http://a.example"), "file": ("a", b"x")}])
async def test_a_request_brings_one_of_both(
    app: FastAPI, client: httpx.AsyncClient, form: dict[str, tuple[str | None, str | bytes]]
) -> None:
    answer = await client.post("/v1/inspections", files=form, headers=await issued(app, "inspect"))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_scan_takes_an_address(home: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = CliRunner().invoke(cli.app, ["scan", "--json", address])
    assert json.loads(refused.stdout)["error"]["code"] == "address_refused"
    monkeypatch.setenv("SHINGAN_FETCH_HOSTS", "127.0.0.1")
    for command in ("scan", "verify"):
        answer = CliRunner().invoke(cli.app, [command, "--json", address])
        line = json.loads(answer.stdout)
        assert (line["path"], line["error"]) == (address, None)
