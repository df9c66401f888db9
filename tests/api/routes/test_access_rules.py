"""Every route names its actor: who has no key gets nowhere, who lacks the scope is refused, and that is on record."""

import json
import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
from fastapi.routing import APIRoute

from api.app import ROUTERS

OPEN = {
    "/v1/verifications",
    "/v1/verifications/{verification_id}",
    "/v1/soft-bindings/services/supportedAlgorithms",
    "/v1/soft-bindings/matches/byBinding",
    "/v1/soft-bindings/matches/byContent",
    "/v1/soft-bindings/matches/byReference",
    "/v1/soft-bindings/manifests/{manifest_id}",
    "/v1/compliance",
    "/healthz",
    "/readyz",
    "/metrics",
    "/",
}
"""What anybody may call."""
ROUTES = [
    (method, route.path)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]


def test_the_open_routes_are_few() -> None:
    assert {path for _, path in ROUTES} >= OPEN
    assert len(ROUTES) > len(OPEN) + 10


async def test_every_other_route_needs_an_actor(client: httpx.AsyncClient) -> None:
    for method, path in ROUTES:
        if path in OPEN:
            continue
        answer = await client.request(method, re.sub(r"\{\w+\}", "7", path))
        assert (method, path, answer.status_code) == (method, path, 401)
        assert answer.json()["code"] == "unauthenticated"
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("headers", [{"authorization": "Bearer sgn_wrong"}, {"x-api-key": "sgn_wrong"}])
async def test_a_wrong_key_is_worse_than_none(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.get("/v1/verifications/ver_1", headers=headers)).status_code == 401


async def test_both_ways_to_send_a_key_work(
    client: httpx.AsyncClient, issue: Callable[..., Awaitable[dict[str, str]]]
) -> None:
    bearer = await issue("inspect")
    plain = {"x-api-key": bearer["authorization"].split()[1]}
    for headers in (bearer, plain):
        assert (await client.get("/v1/inspections", headers=headers)).json() == {"items": []}


async def test_a_missing_scope_is_refused_and_audited(
    client: httpx.AsyncClient, issue: Callable[..., Awaitable[dict[str, str]]]
) -> None:
    refused = await client.get("/v1/audit/entries", headers=await issue("inspect"))
    assert (refused.status_code, refused.json()["code"]) == (403, "policy_denied")
    entries = (await client.get("/v1/audit/entries", headers=await issue("read_audit"))).json()["items"]
    body = json.loads(entries[-1]["json"])["body"]
    assert (body["action"], body["allowed"]) == ("read_audit", False)


async def test_tenants_do_not_see_each_other(
    client: httpx.AsyncClient,
    issue: Callable[..., Awaitable[dict[str, str]]],
    make_photo: Callable[..., object],
    encode: Callable[..., bytes],
) -> None:
    picture = {"file": ("a.png", encode(make_photo()))}
    mine, theirs = await issue("verify", tenant="mine"), await issue("verify", tenant="theirs")
    made = (await client.post("/v1/verifications", files=picture, headers=mine)).json()
    path = f"/v1/verifications/{made['id']}"
    assert (await client.get(path, headers=mine)).status_code == 200
    assert (await client.get(path, headers=theirs)).status_code == 404
