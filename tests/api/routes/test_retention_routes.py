"""Retention and erasure over HTTP: with the right key, for one's own tenant, with a receipt."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from api.receipts import verify_receipt

Issue = Callable[..., Awaitable[dict[str, str]]]


async def test_a_rule_is_read_and_set(client: httpx.AsyncClient, issue: Issue) -> None:
    manager = await issue("manage", tenant="mine")
    never = {"tenant": "mine", "answer_days": None, "file_days": None, "zero": False}
    assert (await client.get("/v1/retention", headers=manager)).json() == never
    put = await client.put("/v1/retention", json={"answer_days": 30, "zero": True}, headers=manager)
    assert (put.status_code, put.json()["answer_days"]) == (200, 30)
    found = (await client.get("/v1/retention", headers=manager)).json()
    assert found == {"tenant": "mine", "answer_days": 30, "file_days": None, "zero": True}
    other = await issue("manage", tenant="theirs")
    assert (await client.get("/v1/retention", headers=other)).json() == never | {"tenant": "theirs"}


async def test_an_erasure_is_proven(
    client: httpx.AsyncClient, issue: Issue, make_photo: Callable[..., Any], encode: Callable[..., bytes]
) -> None:
    data = encode(make_photo())
    holder = await issue("verify", "manage", "read_audit")
    made = await client.post("/v1/verifications", files={"file": ("Jane.png", data)}, headers=holder)
    target = {"target": hashlib.sha256(data).hexdigest()}
    answer = await client.post("/v1/erasures", json=target, headers=holder)
    assert answer.status_code == 201
    assert answer.json()["erased"]["answers"] == 1
    assert (await client.get(made.headers["location"], headers=holder)).status_code == 404
    receipt = answer.json()["receipt"]
    entry = (await client.get(f"/v1/audit/entries/{receipt['entry']}", headers=holder)).content
    assert verify_receipt(receipt, entry, (await client.get("/v1/audit/key", headers=holder)).text)
    assert target["target"].encode() not in entry


@pytest.mark.parametrize("scope", ["inspect", "read_audit", "verify"])
async def test_other_keys_may_not(client: httpx.AsyncClient, issue: Issue, scope: str) -> None:
    headers = await issue(scope)
    assert (await client.put("/v1/retention", json={}, headers=headers)).status_code == 403
    assert (await client.post("/v1/erasures", json={"target": "a" * 64}, headers=headers)).status_code == 403


@pytest.mark.parametrize("target", ["", "insp_", "a" * 63, "A" * 64, "insp_" + "g" * 32, "../" + "a" * 64])
async def test_a_target_has_a_form(client: httpx.AsyncClient, issue: Issue, target: str) -> None:
    answer = await client.post("/v1/erasures", json={"target": target}, headers=await issue("manage"))
    assert answer.status_code == 422
