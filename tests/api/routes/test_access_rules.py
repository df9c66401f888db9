"""Every route names its actor: who has no key gets nowhere, who lacks the scope is refused, and that is on record."""

import json
import re
from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute

from api.access import HolderOf
from api.app import ROUTERS
from api.auth import Scope

Issue = Callable[..., Awaitable[dict[str, str]]]
OPEN = {
    "/v1/verifications",
    "/v1/verifications/{verification_id}",
    "/v1/soft-bindings/services/supportedAlgorithms",
    "/v1/soft-bindings/matches/byBinding",
    "/v1/soft-bindings/matches/byContent",
    "/v1/soft-bindings/matches/byReference",
    "/v1/soft-bindings/manifests/{manifest_id}",
    "/v1/compliance",
    "/v1/audit/key",
    "/healthz",
    "/readyz",
    "/metrics",
    "/",
}
"""What anybody may call; whatever is added here has to be added to the README as well."""
OPEN_OUTSIDE_ROUTERS = {"/v1/openapi.json", "/static"}
SOCKETS = {"/v1/portraits/live"}
"""Each has tests of its own: `tests/api/routes/test_live_routes.py`."""
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
CALLS = [(method, route.path) for route in ROUTES for method in sorted(route.methods or ())]
CLOSED = [route for route in ROUTES if route.path not in OPEN]


def holders(dependant: Dependant) -> Iterator[HolderOf]:
    for each in dependant.dependencies:
        if isinstance(each.call, HolderOf):
            yield each.call
        yield from holders(each)


def filled(path: str) -> str:
    return re.sub(r"\{\w+\}", "7", path)


def test_nothing_is_served_beside_the_routers(app: FastAPI) -> None:
    beside = {path for route in app.routes if (path := getattr(route, "path", None)) is not None}
    assert beside == OPEN_OUTSIDE_ROUTERS
    assert len(app.routes) == len(ROUTERS) + len(OPEN_OUTSIDE_ROUTERS)
    kinds = [route for router in ROUTERS for route in router.routes if not isinstance(route, APIRoute)]
    assert {route.path for route in kinds if isinstance(route, APIWebSocketRoute)} == SOCKETS
    assert len(kinds) == len(SOCKETS)


def test_the_open_routes_are_few() -> None:
    assert {path for _, path in CALLS} >= OPEN
    assert len(CALLS) > len(OPEN) + 30


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: f"{sorted(route.methods)} {route.path}")
def test_every_other_route_states_its_scopes(route: APIRoute) -> None:
    (holder,) = holders(route.dependant)
    assert holder.scopes
    assert set(holder.scopes) <= set(Scope)


async def test_every_other_route_needs_an_actor(client: httpx.AsyncClient) -> None:
    for method, path in CALLS:
        if path in OPEN:
            continue
        answer = await client.request(method, filled(path))
        assert (method, path, answer.status_code) == (method, path, 401)
        assert answer.json()["code"] == "unauthenticated"
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_every_other_route_refuses_a_key_with_every_scope_but_its_own(
    client: httpx.AsyncClient, issue: Issue
) -> None:
    reader = await issue("read_audit")
    for route in CLOSED:
        (holder,) = holders(route.dependant)
        headers = await issue(*(frozenset(Scope) - frozenset(holder.scopes)))
        for method in route.methods or ():
            answer = await client.request(method, filled(route.path), headers=headers)
            assert (method, route.path, answer.status_code) == (method, route.path, 403)
            assert answer.json()["code"] == "policy_denied"
            body = await last_entry(client, reader)
            assert (body["action"], body["allowed"]) == (holder.scopes[0], False)


async def test_every_scope_that_a_route_states_is_enough(client: httpx.AsyncClient, issue: Issue) -> None:
    for route in CLOSED:
        (holder,) = holders(route.dependant)
        for scope in holder.scopes:
            headers = await issue(scope)
            for method in route.methods or ():
                answer = await client.request(method, filled(route.path), headers=headers)
                assert answer.status_code not in (401, 403), (method, route.path, scope, answer.text)


async def last_entry(client: httpx.AsyncClient, reader: dict[str, str]) -> dict[str, object]:
    size = (await client.get("/v1/audit/entries?limit=1", headers=reader)).json()["size"]
    answer = await client.get(f"/v1/audit/entries/{size - 1}", headers=reader)
    found: dict[str, object] = answer.json()["body"]
    return found


@pytest.mark.parametrize("headers", [{"authorization": "Bearer sgn_wrong"}, {"x-api-key": "sgn_wrong"}])
async def test_a_wrong_key_is_worse_than_none(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.get("/v1/verifications/ver_1", headers=headers)).status_code == 401


async def test_both_ways_to_send_a_key_work(client: httpx.AsyncClient, issue: Issue) -> None:
    bearer = await issue("inspect")
    plain = {"x-api-key": bearer["authorization"].split()[1]}
    for headers in (bearer, plain):
        assert (await client.get("/v1/inspections", headers=headers)).json() == {"items": []}


async def test_a_missing_scope_is_refused_and_audited(client: httpx.AsyncClient, issue: Issue) -> None:
    refused = await client.get("/v1/audit/entries", headers=await issue("inspect"))
    assert (refused.status_code, refused.json()["code"]) == (403, "policy_denied")
    entries = (await client.get("/v1/audit/entries", headers=await issue("read_audit"))).json()["items"]
    body = json.loads(entries[-1]["json"])["body"]
    assert (body["action"], body["allowed"]) == ("read_audit", False)


async def test_a_session_of_the_page_manages_nothing(browser: httpx.AsyncClient) -> None:
    await browser.get("/")
    for path in ("/v1/keys", "/v1/tenants", "/v1/policies", "/v1/consents", "/v1/known-media"):
        assert (await browser.get(path)).status_code == 403
