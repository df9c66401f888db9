"""Policies and consents over HTTP: versions are tried before they hold, and a consent that lapses opens nothing."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

Issue = Callable[..., Awaitable[dict[str, str]]]
Headers = dict[str, str]
NO_ART = (
    '@id("all") @reason("Yes.") permit (principal, action, resource);\n'
    '@id("no_art") @reason("No art.") forbid (principal, action, resource) when { context.purpose == "art" };'
)
TEST = '[[case]]\nname = "all"\naction = "inspect"\nallowed = true\npolicies = ["all"]\n'
BUNDLE = {"files": {"rules.cedar": NO_ART, "tests/all.toml": TEST}, "note": "no art"}
PORTRAIT = {"action": "edit_portrait", "purpose": "art"}


@pytest.fixture
async def manager(issue: Issue) -> Headers:
    return await issue("manage", "verify", "inspect", "edit_portrait", "read_audit")


async def decided(client: httpx.AsyncClient, headers: Headers, **body: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = await client.post("/v1/policies/decide", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_version_is_tried_before_it_holds(client: httpx.AsyncClient, manager: Headers) -> None:
    made = await client.post("/v1/policies", json=BUNDLE, headers=manager)
    assert (made.status_code, made.headers["location"]) == (201, "/v1/policies/1")
    asked = {"action": "inspect", "purpose": "art"}
    assert (await decided(client, manager, **asked))["allowed"]
    tried = await decided(client, manager, **asked, version=1)
    assert (tried["allowed"], tried["policy_ids"]) == (False, ["no_art"])
    assert tried["tenant_bundle_hash"] == made.json()["bundle_hash"]
    assert (await client.post("/v1/policies/1/activate", headers=manager)).json()["active"] == 1
    assert not (await decided(client, manager, **asked))["allowed"]
    assert (await decided(client, manager, **asked, version=0))["allowed"]
    assert (await client.get("/v1/policies", headers=manager)).json()["active"] == 1
    assert (await client.post("/v1/policies/rollback", headers=manager)).json()["active"] == 0
    assert (await decided(client, manager, **asked))["allowed"]
    shown = (await client.get("/v1/policies/1", headers=manager)).json()
    assert shown["files"]["rules.cedar"] == NO_ART
    assert "shingan.cedarschema" in shown["files"]


async def test_what_there_is_not_is_not_found(client: httpx.AsyncClient, manager: Headers) -> None:
    answers = [
        await client.get("/v1/policies/7", headers=manager),
        await client.post("/v1/policies/7/activate", headers=manager),
        await client.post("/v1/policies/decide", json={"action": "inspect", "version": 7}, headers=manager),
    ]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert (await client.post("/v1/policies/rollback", headers=manager)).status_code == 409


async def test_a_faulty_bundle_is_refused_with_a_reason(client: httpx.AsyncClient, manager: Headers) -> None:
    faulty = {"files": {"rules.cedar": "permit", "tests/all.toml": TEST}}
    answer = await client.post("/v1/policies", json=faulty, headers=manager)
    assert (answer.status_code, answer.json()["code"]) == (422, "bundle_refused")
    assert "schema" in answer.json()["detail"]


async def test_a_dry_run_leaves_no_trace(client: httpx.AsyncClient, manager: Headers) -> None:
    for _ in range(3):
        await decided(client, manager, action="generate", purpose="frаud", prompt="a nudе woman")
    assert (await client.get("/v1/audit/entries", headers=manager)).json() == {"size": 0, "items": []}


async def test_a_dry_run_sees_what_is_disguised(client: httpx.AsyncClient, issue: Issue) -> None:
    maker = await issue("generate", "verify")
    answer = await decided(client, maker, action="generate", purpose="frаud", prompt="a ｎｕｄｅ woman")
    assert answer["policy_ids"] == ["purpose_refused", "sexual", "disguised"]


async def consent(client: httpx.AsyncClient, headers: Headers, **body: Any) -> dict[str, Any]:  # noqa: ANN401
    whole = {"subject": "patient 7", "purpose": "art", "days": 30, **body}
    answer = await client.post("/v1/consents", json=whole, headers=headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_record_of_consent_opens_what_it_is_for(client: httpx.AsyncClient, manager: Headers) -> None:
    record = await consent(client, manager)
    reference = {"consent_reference": record["id"]}
    assert (await decided(client, manager, **PORTRAIT))["policy_ids"] == ["consent_missing"]
    assert (await decided(client, manager, **PORTRAIT, **reference))["allowed"]
    other = await decided(client, manager, action="edit_portrait", purpose="advertising", **reference)
    assert other["policy_ids"] == ["consent_missing", "consent_lapsed"]
    revoked = await client.post(f"/v1/consents/{record['id']}/revoke", headers=manager)
    assert (revoked.status_code, revoked.json()["state"]) == (200, "revoked")
    lapsed = await decided(client, manager, **PORTRAIT, **reference, consent=True)
    assert (lapsed["allowed"], "consent_lapsed" in lapsed["policy_ids"]) == (False, True)
    assert (await client.post(f"/v1/consents/{record['id']}/revoke", headers=manager)).status_code == 404


async def test_whom_a_record_is_about_is_kept_nowhere(client: httpx.AsyncClient, manager: Headers) -> None:
    first, second = await consent(client, manager), await consent(client, manager)
    assert first["subject_hmac"] != second["subject_hmac"]
    listed = await client.get("/v1/consents", headers=manager)
    log = await client.get("/v1/audit/entries", headers=manager)
    assert "patient" not in listed.text + log.text
    path = f"/v1/consents/{first['id']}"
    for subject, about in (("patient 7", True), ("patient 8", False)):
        assert (await client.get(path, params={"subject": subject}, headers=manager)).json()["is_about"] is about
    assert "is_about" not in (await client.get(path, headers=manager)).json()


async def test_every_change_of_a_record_is_on_record(client: httpx.AsyncClient, manager: Headers) -> None:
    record = await consent(client, manager)
    await client.post(f"/v1/consents/{record['id']}/revoke", headers=manager)
    items = (await client.get("/v1/audit/entries", headers=manager)).json()["items"]
    parsed = [json.loads(item["json"]) for item in items]
    mine = [(each["kind"], each["body"]["consent"]) for each in parsed if each["kind"].startswith("consent.")]
    assert mine == [("consent.given", record["id"]), ("consent.revoked", record["id"])]
    assert parsed[record["entry"]]["kind"] == "consent.given"


@pytest.mark.parametrize("wrong", [{"days": 0}, {"days": 4000}, {"subject": ""}, {"purpose": ""}, {"purpose": "frаud"}])
async def test_a_malformed_record_is_not_kept(
    client: httpx.AsyncClient, manager: Headers, wrong: dict[str, object]
) -> None:
    body = {"subject": "x", "purpose": "art", "days": 1, **wrong}
    assert (await client.post("/v1/consents", json=body, headers=manager)).status_code == 422
    assert (await client.get("/v1/consents", headers=manager)).json() == {"items": []}


async def test_records_come_newest_first_and_in_pages(client: httpx.AsyncClient, manager: Headers) -> None:
    made = [(await consent(client, manager))["id"] for _ in range(3)]
    page = (await client.get("/v1/consents?limit=2", headers=manager)).json()["items"]
    rest = (await client.get(f"/v1/consents?before={page[-1]['created_at']}", headers=manager)).json()["items"]
    assert [item["id"] for item in (*page, *rest)] == made[::-1]
