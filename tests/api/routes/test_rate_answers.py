"""Rates over HTTP: told in every counted answer, refused beyond, and one entry of the log a window."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from api.settings import Settings

Issue = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home, rate_key=3, rate_tenant=5, rate_anonymous=2, daily_generations=0, blob_url="memory:///")


async def test_what_is_left_is_told(client: httpx.AsyncClient, issue: Issue) -> None:
    answer = await client.get("/v1/inspections", headers=await issue("inspect"))
    assert answer.headers["ratelimit-policy"] == '"key";q=3;w=60, "tenant";q=5;w=60'
    assert answer.headers["ratelimit"].startswith('"key";r=2;t=')
    assert '"tenant";r=4;t=' in answer.headers["ratelimit"]
    assert "retry-after" not in answer.headers


async def test_a_key_that_asks_too_often_is_refused_and_that_is_logged_once(
    client: httpx.AsyncClient, issue: Issue
) -> None:
    key = await issue("inspect")
    answers = [await client.get("/v1/inspections", headers=key) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    refused = answers[-1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.json()["code"], refused.json()["violated-policies"]) == ("quota_exceeded", ["key"])
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert '"key";r=0' in refused.headers["ratelimit"]
    reader = await issue("read_audit", tenant="default")
    wide = await client.get("/v1/audit/entries", headers=reader)
    assert wide.status_code == 429  # the tenant's own limit of five is used up as well


async def test_the_keys_of_a_tenant_share_its_rate(client: httpx.AsyncClient, issue: Issue) -> None:
    first, second = await issue("inspect", tenant="acme"), await issue("inspect", tenant="acme")
    seen = [(await client.get("/v1/inspections", headers=key)).status_code for key in (first, second) * 3]
    assert seen == [200] * 5 + [429]
    reader = await issue("read_audit")
    items = (await client.get("/v1/audit/entries", headers=reader)).json()["items"]
    (entry,) = [json.loads(item["json"]) for item in items]
    assert (entry["kind"], entry["body"]["limit"], entry["body"]["tenant"]) == ("rate.exceeded", "tenant", "acme")


async def test_whoever_has_no_key_shares_one_rate_that_no_key_has_a_part_in(
    client: httpx.AsyncClient, issue: Issue
) -> None:
    seen = [await client.get("/v1/compliance") for _ in range(3)]
    assert [answer.status_code for answer in seen] == [200, 200, 429]
    assert seen[0].headers["ratelimit-policy"] == '"anonymous";q=2;w=60'
    assert (await client.get("/v1/compliance", headers=await issue("verify"))).status_code == 200


async def test_a_quota_that_is_used_up_is_told(client: httpx.AsyncClient, issue: Issue) -> None:
    body = {"prompt": "a smiling woman", "purpose": "research"}
    answer = await client.post("/v1/generations", json=body, headers=await issue("generate"))
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    assert (answer.json()["violated-policies"], answer.json()["policy_ids"]) == (["daily"], ["quota"])


async def test_health_and_the_page_are_not_counted(client: httpx.AsyncClient, browser: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/readyz", "/metrics") * 2:
        answer = await client.get(path)
        assert answer.status_code == 200
        assert "ratelimit" not in answer.headers
    await browser.get("/")
    for _ in range(8):
        assert (await browser.get("/v1/inspections")).status_code == 200
