"""Answers as a client gets them: stored, readable again, and provable to somebody who trusts nobody here."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import jsonschema
import rfc8785

from api.contract import schema
from api.receipts import verify_receipt


async def _proven(client: httpx.AsyncClient, answer: dict[str, Any], reader: dict[str, str]) -> None:
    """1 the report is the one in the entry  2 the entry is in the log  3 the log's key says so."""
    receipt = answer["receipt"]
    report = {name: value for name, value in answer.items() if name != "receipt"}
    entry = (await client.get(f"/v1/audit/entries/{receipt['entry']}", headers=reader)).content
    assert json.loads(entry)["body"]["report_sha256"] == hashlib.sha256(rfc8785.dumps(report)).hexdigest()  # 1
    key = (await client.get("/v1/audit/key")).text
    assert verify_receipt(receipt, entry, key)  # 2, 3
    assert not verify_receipt(receipt, entry.replace(b'"allow"', b'"flag"'), key)


async def test_verification_is_free_and_proven(
    client: httpx.AsyncClient,
    issue: Callable[..., Awaitable[dict[str, str]]],
    make_photo: Callable[..., Any],
    encode: Callable[..., bytes],
) -> None:
    made = await client.post("/v1/verifications", files={"file": ("photo.png", encode(make_photo()))})
    assert made.status_code == 201
    answer = made.json()
    assert answer["verdict"]["label"] == "no_evidence_found"
    assert answer["credentials"]["state"] == "absent"
    jsonschema.validate(answer, schema("verify"))
    reader = await issue("read_audit")
    await _proven(client, answer, reader)
    again = (await client.get(made.headers["location"])).json()
    assert again.pop("receipt")["entry"] == answer.pop("receipt")["entry"]
    assert again == answer


async def test_the_log_holds_no_personal_data(
    client: httpx.AsyncClient,
    issue: Callable[..., Awaitable[dict[str, str]]],
    make_photo: Callable[..., Any],
    encode: Callable[..., bytes],
) -> None:
    data = encode(make_photo())
    await client.post("/v1/verifications", files={"file": ("Jane Doe passport.png", data)})
    log = (await client.get("/v1/audit/entries", headers=await issue("read_audit"))).text
    assert "Jane" not in log
    assert hashlib.sha256(data).hexdigest() not in log


async def test_inspection_is_listed_and_rendered(
    client: httpx.AsyncClient,
    issue: Callable[..., Awaitable[dict[str, str]]],
    make_photo: Callable[..., Any],
    encode: Callable[..., bytes],
) -> None:
    holder, reader = await issue("inspect"), await issue("read_audit")
    made = await client.post("/v1/inspections", files={"file": ("<b>.png", encode(make_photo()))}, headers=holder)
    assert made.status_code == 201
    answer = made.json()
    await _proven(client, answer, reader)
    jsonschema.validate(answer, schema("scan"))
    path = made.headers["location"]
    listed = (await client.get("/v1/inspections", headers=holder)).json()["items"]
    assert [item["id"] for item in listed] == [answer["id"]]
    report = await client.get(f"{path}/report.html", headers=holder)
    assert "sha256-" in report.headers["content-security-policy"]
    assert "<b>.png" not in report.text
    assert "data:image/jpeg;base64," in report.text
    kept = (await client.get(f"{path}/report.json", headers=holder)).json()
    entry = await client.get(f"/v1/audit/entries/{kept['receipt']['entry']}", headers=reader)
    assert (kept["id"], kept["receipt"]["entry_json"]) == (answer["id"], entry.text)
    metrics = (await client.get("/metrics")).text
    assert 'shingan_answers_total{outcome="' in metrics
    assert 'route="/v1/inspections/{inspection_id}/report.html"' in metrics


async def test_log_is_checkable_from_outside(
    client: httpx.AsyncClient, issue: Callable[..., Awaitable[dict[str, str]]]
) -> None:
    reader = await issue("read_audit")
    for _ in range(3):
        await client.post("/v1/verifications", files={"file": ("x", b"no picture")})
    page = (await client.get("/v1/audit/entries", params={"start": 1, "limit": 2}, headers=reader)).json()
    assert (page["size"], [item["entry"] for item in page["items"]]) == (6, [1, 2])
    proof = (await client.get("/v1/audit/proof/1", headers=reader)).json()
    assert proof["leaf_hash"] == page["items"][0]["leaf_hash"]
    assert proof["checkpoint"] == (await client.get("/v1/audit/checkpoint", headers=reader)).text
    consistency = await client.get("/v1/audit/consistency", params={"old": 2, "new": 6}, headers=reader)
    assert len(consistency.json()["proof"]) > 0


async def test_policy_dry_run_leaves_no_trace(
    client: httpx.AsyncClient, issue: Callable[..., Awaitable[dict[str, str]]]
) -> None:
    headers = await issue("verify", "generate", "read_audit")

    async def decide(**body: str) -> dict[str, Any]:
        found: dict[str, Any] = (await client.post("/v1/policies/decide", json=body, headers=headers)).json()
        return found

    assert (await decide(action="generate", purpose="research"))["allowed"]
    assert (await decide(action="generate", purpose="fraud"))["policy_ids"] == ["purpose_refused"]
    assert (await decide(action="generate", purpose="research", prompt="a child"))["policy_ids"] == ["minor"]
    assert not (await decide(action="fly"))["allowed"]
    assert (await client.get("/v1/audit/entries", headers=headers)).json()["size"] == 0


async def test_health_and_readiness(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    answer = (await client.get("/readyz")).json()
    assert (answer["status"], answer["audit_entries"]) == ("ok", 0)
    assert set(answer["parts"].values()) == {"ok"}


async def test_page_gives_the_operator_a_session(browser: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    assert "set-cookie" not in (await client.get("/")).headers
    page = await browser.get("/")
    assert page.status_code == 200
    assert "shingan trust import" in page.text
    assert (await browser.get("/v1/inspections")).json() == {"items": []}
    assert (await browser.post("/v1/inspections")).status_code == 403
