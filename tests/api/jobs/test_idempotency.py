"""A request that comes twice is done once, whatever became of the first."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from api.clock import timestamp, utc_now
from api.idempotency import IN_FLIGHT_SECONDS
from api.tables import idempotency
from tests.api.jobs.conftest import Headers, issued

ROUTES = ("/v1/inspections", "/v1/verifications", "/v1/jobs")


async def _send(client: httpx.AsyncClient, route: str, headers: Mapping[str, str], data: bytes) -> httpx.Response:
    return await client.post(route, files={"file": ("a.png", data)}, headers=dict(headers))


@pytest.mark.parametrize("route", ROUTES)
async def test_the_same_request_gets_the_same_answer(
    client: httpx.AsyncClient, headers: Headers, picture: bytes, app: FastAPI, route: str
) -> None:
    keyed = headers | {"idempotency-key": '"order-7"'}
    first = await _send(client, route, keyed, picture)
    again = await _send(client, route, headers | {"idempotency-key": "order-7"}, picture)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    other = await _send(client, route, keyed, picture + b"\0")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    elsewhere = await _send(
        client, route, await issued(app, "inspect", tenant="other") | {"idempotency-key": "order-7"}, picture
    )
    assert elsewhere.json()["id"] != first.json()["id"]


async def test_a_request_that_is_being_answered_is_a_conflict(
    client: httpx.AsyncClient, headers: Headers, picture: bytes
) -> None:
    keyed = headers | {"idempotency-key": "k"}
    answers = await asyncio.gather(*(_send(client, "/v1/inspections", keyed, picture) for _ in range(4)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"idempotency_in_flight"}
    assert len((await client.get("/v1/inspections", headers=headers)).json()["items"]) == 1


async def test_a_failure_is_not_kept(client: httpx.AsyncClient, headers: Headers) -> None:
    keyed = headers | {"idempotency-key": "k"}
    for _ in range(2):
        answer = await _send(client, "/v1/inspections", keyed, b"no picture")
        assert (answer.status_code, "idempotency-replayed" in answer.headers) == (415, False)


async def test_a_key_lapses_and_a_dead_request_gives_way(
    client: httpx.AsyncClient, headers: Headers, picture: bytes, app: FastAPI
) -> None:
    keyed = headers | {"idempotency-key": "k"}
    first = await _send(client, "/v1/verifications", keyed, picture)
    await _backdate(app, seconds=app.state.workplace.settings.idempotency_hours * 3600 + 1)
    second = await _send(client, "/v1/verifications", keyed, picture)
    assert second.json()["id"] != first.json()["id"]
    await _backdate(app, seconds=0, status=0)
    assert (await _send(client, "/v1/verifications", keyed, picture)).status_code == 409
    await _backdate(app, seconds=IN_FLIGHT_SECONDS + 1)
    assert (await _send(client, "/v1/verifications", keyed, picture)).status_code == 201


async def _backdate(app: FastAPI, *, seconds: float, **values: int) -> None:
    then = timestamp(utc_now() - timedelta(seconds=seconds))
    async with app.state.workplace.database.write() as session:
        await session.execute(update(idempotency).values(created_at=then, **values))


@pytest.mark.parametrize("key", ["", '""', "x" * 201, "a\tb"])
async def test_a_key_that_is_none(client: httpx.AsyncClient, headers: Headers, picture: bytes, key: str) -> None:
    answer = await _send(client, "/v1/verifications", headers | {"idempotency-key": key}, picture)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_strangers_have_no_keys(client: httpx.AsyncClient, picture: bytes) -> None:
    answer = await _send(client, "/v1/verifications", {"idempotency-key": "k"}, picture)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
