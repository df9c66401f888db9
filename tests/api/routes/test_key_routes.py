"""Keys over HTTP: made, rotated with an overlap and revoked by managers, who never hand out more than they have."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

Issue = Callable[..., Awaitable[dict[str, str]]]
Headers = dict[str, str]


def bearer(token: str) -> Headers:
    return {"authorization": f"Bearer {token}"}


async def made(client: httpx.AsyncClient, manager: Headers, **body: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = await client.post("/v1/keys", json={"name": "x", "scopes": ["inspect"], **body}, headers=manager)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def opens(client: httpx.AsyncClient, token: str) -> bool:
    return (await client.get("/v1/inspections", headers=bearer(token))).status_code == 200


@pytest.fixture
async def manager(issue: Issue) -> Headers:
    return await issue("manage", "inspect")


async def test_a_key_is_made_shown_once_and_revoked(client: httpx.AsyncClient, manager: Headers) -> None:
    key = await made(client, manager, days=7, rate=50)
    assert await opens(client, key["token"])
    listed = await client.get("/v1/keys", headers=manager)
    assert key["token"] not in listed.text
    (shown,) = [item for item in listed.json()["items"] if item["id"] == key["id"]]
    assert (shown["scopes"], shown["rate"], shown["expires_at"] > shown["created_at"]) == (["inspect"], 50, True)
    assert (await client.delete(f"/v1/keys/{key['id']}", headers=manager)).status_code == 204
    assert not await opens(client, key["token"])
    assert (await client.delete(f"/v1/keys/{key['id']}", headers=manager)).status_code == 404


async def test_both_keys_work_during_the_overlap_and_the_new_one_after_it(
    client: httpx.AsyncClient, manager: Headers
) -> None:
    old = await made(client, manager, rate=50)
    slow = (await client.post(f"/v1/keys/{old['id']}/rotate", headers=manager)).json()
    assert (slow["rotated_from"], slow["scopes"], slow["rate"]) == (old["id"], ["inspect"], 50)
    assert await opens(client, old["token"])
    assert await opens(client, slow["token"])
    fast = (await client.post(f"/v1/keys/{slow['id']}/rotate?overlap_s=0", headers=manager)).json()
    assert not await opens(client, slow["token"])
    assert await opens(client, fast["token"])
    assert await opens(client, old["token"])
    assert (await client.post(f"/v1/keys/{slow['id']}/rotate", headers=manager)).status_code == 404


async def test_rotation_lengthens_no_life(client: httpx.AsyncClient, manager: Headers) -> None:
    old = await made(client, manager, days=1)
    fresh = (await client.post(f"/v1/keys/{old['id']}/rotate?overlap_s=2592000", headers=manager)).json()
    items = (await client.get("/v1/keys", headers=manager)).json()["items"]
    ends = {item["id"]: item["expires_at"] for item in items}
    assert ends[old["id"]] == ends[fresh["id"]] == old["expires_at"]


@pytest.mark.parametrize("scopes", [["generate"], ["inspect", "generate"], ["manage", "read_audit"]])
async def test_nobody_hands_out_what_they_lack(
    client: httpx.AsyncClient, issue: Issue, manager: Headers, scopes: list[str]
) -> None:
    refused = await client.post("/v1/keys", json={"name": "x", "scopes": scopes}, headers=manager)
    assert (refused.status_code, refused.json()["code"]) == (403, "policy_denied")
    assert "key.refused" in await kinds(client, issue)


async def test_nobody_rotates_a_key_that_reaches_further(
    client: httpx.AsyncClient, issue: Issue, manager: Headers
) -> None:
    wide = await made(client, await issue("manage", "inspect", "generate"), scopes=["generate"])
    refused = await client.post(f"/v1/keys/{wide['id']}/rotate", headers=manager)
    assert (refused.status_code, refused.json()["code"]) == (403, "policy_denied")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "scopes": ["inspect"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["everything"]},
        {"name": "x", "scopes": ["inspect"], "days": 0},
        {"name": "x", "scopes": ["inspect"], "tenant": "other"},
    ],
)
async def test_a_malformed_wish_makes_no_key(
    client: httpx.AsyncClient, manager: Headers, body: dict[str, object]
) -> None:
    assert (await client.post("/v1/keys", json=body, headers=manager)).status_code == 422
    assert len((await client.get("/v1/keys", headers=manager)).json()["items"]) == 1


async def test_every_change_of_keys_is_on_record(client: httpx.AsyncClient, issue: Issue, manager: Headers) -> None:
    key = await made(client, manager)
    await client.post(f"/v1/keys/{key['id']}/rotate", headers=manager)
    await client.delete(f"/v1/keys/{key['id']}", headers=manager)
    seen = await kinds(client, issue)
    assert [kind for kind in seen if kind.startswith("key.")] == ["key.issued", "key.rotated", "key.revoked"]


async def kinds(client: httpx.AsyncClient, issue: Issue) -> list[str]:
    items = (await client.get("/v1/audit/entries", headers=await issue("read_audit"))).json()["items"]
    return [json.loads(item["json"])["kind"] for item in items]
