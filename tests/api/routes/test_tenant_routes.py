"""Tenants over HTTP: made, given terms, suspended and let in again, by managers of the operator's own tenant alone."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

Issue = Callable[..., Awaitable[dict[str, str]]]
Headers = dict[str, str]
ROOT = "/v1/tenants"


@pytest.fixture
async def operator(issue: Issue) -> Headers:
    return await issue("manage", "read_audit")


async def entries(client: httpx.AsyncClient, operator: Headers) -> list[dict[str, Any]]:
    items = (await client.get("/v1/audit/entries?limit=1000", headers=operator)).json()["items"]
    return [json.loads(item["json"]) for item in items]


async def test_a_tenant_is_made_and_listed(client: httpx.AsyncClient, operator: Headers) -> None:
    body = {"name": "acme", "jurisdiction": "china", "daily_generations": 5}
    made = await client.post(ROOT, json=body, headers=operator)
    assert made.status_code == 201, made.text
    assert (made.json()["state"], made.json()["jurisdiction"], made.json()["rate"]) == ("active", "china", None)
    names = [item["name"] for item in (await client.get(ROOT, headers=operator)).json()["items"]]
    assert names == ["acme", "default"]
    assert (await client.post(ROOT, json=body, headers=operator)).status_code == 409
    assert "tenant.created" in [entry["kind"] for entry in await entries(client, operator)]


@pytest.mark.parametrize(
    "name", ["", "Acme", "аcme", "ａｃｍｅ", "acme\u200b", "a/b", "../acme", "-acme", "a" * 64, "a b"]
)
async def test_a_name_that_could_be_taken_for_another_is_refused(
    client: httpx.AsyncClient, operator: Headers, name: str
) -> None:
    assert (await client.post(ROOT, json={"name": name}, headers=operator)).status_code == 422
    assert len((await client.get(ROOT, headers=operator)).json()["items"]) == 1


async def test_a_suspended_tenant_is_shut_out_and_its_data_stay(
    client: httpx.AsyncClient, issue: Issue, operator: Headers
) -> None:
    key = await issue("inspect", "manage", tenant="acme")
    body = {"subject": "x", "purpose": "art", "days": 1}
    consent = (await client.post("/v1/consents", json=body, headers=key)).json()["id"]
    suspended = (await client.post(f"{ROOT}/acme/suspend", headers=operator)).json()
    assert suspended["state"] == "suspended"
    refused = await client.get("/v1/inspections", headers=key)
    assert (refused.status_code, refused.json()["code"]) == (403, "tenant_suspended")
    last = [entry for entry in await entries(client, operator) if entry["kind"] == "access.refused"][-1]
    assert (last["body"]["tenant"], last["body"]["code"]) == ("acme", "tenant_suspended")
    assert (await client.post(f"{ROOT}/acme/resume", headers=operator)).json()["state"] == "active"
    assert (await client.get(f"/v1/consents/{consent}", headers=key)).status_code == 200


async def test_the_operators_own_tenant_stays(client: httpx.AsyncClient, operator: Headers) -> None:
    assert (await client.post(f"{ROOT}/default/suspend", headers=operator)).status_code == 409


async def test_terms_are_changed(client: httpx.AsyncClient, issue: Issue, operator: Headers) -> None:
    key = await issue("inspect", tenant="acme")
    changed = await client.patch(f"{ROOT}/acme", json={"rate": 2, "jurisdiction": "eu"}, headers=operator)
    assert (changed.json()["rate"], changed.json()["jurisdiction"]) == (2, "eu")
    answers = [await client.get("/v1/inspections", headers=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (await client.patch(f"{ROOT}/acme", json={}, headers=operator)).status_code == 422
    assert (await client.patch(f"{ROOT}/acme", json={"jurisdiction": "mars"}, headers=operator)).status_code == 422
    assert (await client.patch(f"{ROOT}/nobody", json={"rate": 2}, headers=operator)).status_code == 404


async def test_a_tenants_jurisdiction_decides(client: httpx.AsyncClient, issue: Issue, operator: Headers) -> None:
    key = await issue("generate", "verify", tenant="acme")
    wish = {"action": "generate", "purpose": "research"}
    before = (await client.post("/v1/policies/decide", json=wish, headers=key)).json()
    await client.patch(f"{ROOT}/acme", json={"jurisdiction": "china"}, headers=operator)
    after = (await client.post("/v1/policies/decide", json=wish, headers=key)).json()
    assert (before["policy_ids"], after["policy_ids"]) == (["scope_generate"], ["china_visible_label"])
    for headers, place in ((key, "china"), (operator, "eu"), ({}, "eu")):
        assert (await client.get("/v1/compliance", headers=headers)).json()["jurisdiction"] == place


async def test_managers_of_another_tenant_manage_no_tenants(client: httpx.AsyncClient, issue: Issue) -> None:
    other = await issue("manage", tenant="acme")
    calls = [("GET", ROOT), ("POST", ROOT), ("PATCH", f"{ROOT}/acme")]
    calls += [("POST", f"{ROOT}/acme/{verb}") for verb in ("suspend", "resume")]
    for method, path in calls:
        body = {"name": "mine"} if path == ROOT and method == "POST" else {"rate": 0} if method == "PATCH" else None
        answer = await client.request(method, path, json=body, headers=other)
        assert (path, answer.status_code, answer.json()["policy_ids"]) == (path, 403, ["other_tenant"])
