"""No tenant sees another's data: every route that takes an id or lists is tried, and a new one cannot be forgotten."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.app import ROUTERS
from api.auth import Actor, Scope
from api.clock import timestamp
from api.contract import (
    Document,
    failed_scan,
    failed_verify,
    generate_object,
    idol_object,
    mark_object,
    portrait_object,
)
from api.jobs.job import Job, JobKind, JobState, Priority, asker, job_id
from api.jobs.repository import JobRepository
from api.outcomes import PREFIXES, new_id
from api.repositories import (
    GenerationRepository,
    InspectionRepository,
    ReleaseRepository,
    StoredGeneration,
    StoredInspection,
    StoredRecord,
)
from api.webhooks.endpoints import EVENTS, Webhook, WebhookRepository
from api.workplace import Workplace
from detector.types import ReleaseRecord

Issue = Callable[..., Awaitable[dict[str, str]]]
CANARY = "canary-in-a-mine"
"""Stands in everything that belongs to the first tenant."""
BUNDLE = {
    "rules.cedar": '@id("all") @reason("Yes.") permit (principal, action, resource);',
    "tests/all.toml": '[[case]]\nname = "all"\naction = "inspect"\nallowed = true\npolicies = ["all"]\n',
}
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
TAKES_IDS = [route for route in ROUTES if "{" in route.path]
LISTS = [route for route in ROUTES if "{" not in route.path and "GET" in (route.methods or ())]

FOR_EVERYBODY: Mapping[str, str] = {
    "/v1/soft-bindings/manifests/{manifest_id}": "whoever holds a marked file may learn where it came from",
    "/v1/audit/tile/{path:path}": "hashes alone, as the proof has them",
    "/v1/audit/proof/{index}": "hashes alone, which whoever checks the log needs",
}
NOT_AN_ID = {"tool", "path"}
"""Parameters of paths that name nothing that is stored."""
LISTED: Mapping[str, str] = {
    "/v1/inspections": "inspection_id",
    "/v1/jobs": "job_id",
    "/v1/webhooks": "webhook_id",
    "/v1/webhooks/deliveries": "delivery_id",
    "/v1/known-media": "name",
    "/v1/keys": "key_id",
    "/v1/consents": "consent_id",
    "/v1/policies": "bundle_hash",
    "/v1/audit/entries": "key_id",
}
"""Lists, and what of the first tenant's stands in them when it asks itself."""
HOLD_NOTHING_OF_TENANTS = {
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/compliance",
    "/v1/retention",
    "/v1/audit/checkpoint",
    "/v1/audit/key",
    "/v1/audit/consistency",
    "/v1/soft-bindings/services/supportedAlgorithms",
    "/v1/soft-bindings/matches/byBinding",
}
FOR_THE_OPERATOR = {"/v1/tenants"}
DIGEST = "0" * 64
ANSWERS = {"inspection": failed_scan, "verification": failed_verify}
RELEASES: Mapping[str, Document] = {
    "generation": generate_object(path=None, prompt=CANARY, seed=7),
    "mark": mark_object(path=None, input_sha256=DIGEST, made="generated", software=CANARY),
    "portrait": portrait_object(path=None, tool="artwork", settings={"note": CANARY}, input_sha256=DIGEST),
    "idol": idol_object(path=None, prompt=CANARY, say="", seed=7),
    "erasure": {"note": CANARY},
}


@pytest.fixture
async def mine(client: httpx.AsyncClient, issue: Issue) -> dict[str, str]:
    return await issue(*Scope, tenant="mine")


@pytest.fixture
async def theirs(client: httpx.AsyncClient, issue: Issue) -> dict[str, str]:
    return await issue(*Scope, tenant="theirs")


@pytest.fixture
async def ids(app: FastAPI, client: httpx.AsyncClient, mine: dict[str, str]) -> dict[str, str]:
    """Something of every kind that belongs to the tenant `mine`, by the name that paths have for its id."""
    place: Workplace = app.state.workplace
    made = {f"{product}_id": await stored(place, product) for product in PREFIXES}
    csv = {"file": (f"{CANARY}.csv", b"hash\n")}
    made["name"] = (await client.post("/v1/known-media", files=csv, headers=mine)).json()["list"]
    key = {"name": CANARY, "scopes": ["inspect"]}
    made["key_id"] = (await client.post("/v1/keys", json=key, headers=mine)).json()["id"]
    consent = {"subject": CANARY, "purpose": "research", "days": 7}
    made["consent_id"] = (await client.post("/v1/consents", json=consent, headers=mine)).json()["id"]
    bundle = (await client.post("/v1/policies", json={"files": BUNDLE, "note": CANARY}, headers=mine)).json()
    entry = (await client.get(f"/v1/consents/{made['consent_id']}", headers=mine)).json()["entry"]
    return (
        made
        | await waiting(place)
        | {
            "version": str(bundle["version"]),
            "bundle_hash": bundle["bundle_hash"],
            "index": str(entry),
            "tenant": "mine",
        }
    )


async def waiting(place: Workplace) -> dict[str, str]:
    """An address that is told, a job and a message, both of which have ended."""
    now, told = timestamp(), f"https://{CANARY}.example/"
    hook = Webhook(f"hook_{CANARY}", "mine", told, EVENTS, now)
    asked = {
        "actor": asker(Actor("key_mine", "mine", frozenset())),
        "name": CANARY,
        "body": {"type": CANARY, "data": {"id": CANARY}},
    }
    ended = [
        Job(job_id(kind), "mine", kind, JobState.FAILED, int(Priority.NORMAL), now, now, asked | {"webhook": hook.id})
        for kind in (JobKind.INSPECTION, JobKind.DELIVERY)
    ]
    async with place.database.write() as session:
        await WebhookRepository(session).add(hook)
        for job in ended:
            await JobRepository(session).add(job)
    return {"webhook_id": hook.id, "job_id": ended[0].id, "delivery_id": ended[1].id}


async def stored(place: Workplace, product: str) -> str:
    answer_id, now = new_id(product), timestamp()
    blob = await place.blobs.put(CANARY.encode())
    async with place.database.write() as session:
        entry = await place.audit.append(session, f"{product}.completed", {"tenant": "mine", "note": CANARY})
        if product in ("inspection", "verification"):
            told = ANSWERS[product](path=CANARY, code="empty_media", detail=CANARY)
            report = {"report": told | {"id": answer_id, "created_at": now, "sha256": DIGEST}, "preview": None}
            await InspectionRepository(session).add(
                StoredInspection(answer_id, product, "mine", now, "0" * 64, report, entry.index)
            )
            return answer_id
        record = ReleaseRecord(answer_id[-12:], now, "0" * 64, "0" * 64, "0" * 64, "test", None, CANARY)
        told = RELEASES[product] | {"id": answer_id, "created_at": now, "record_id": record.record_id}
        answer = {"answer": told, "blob": blob}
        await GenerationRepository(session).add(
            StoredGeneration(answer_id, "mine", now, answer, entry.index, blob=blob)
        )
        await ReleaseRepository(session).add(StoredRecord(record, "mine", b"", entry.index, answer_id))
    return answer_id


def filled(path: str, ids: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: ids.get(match.group(1), "artwork"), path)


def test_no_route_is_forgotten(ids: Mapping[str, str]) -> None:
    names = {name for route in TAKES_IDS for name in re.findall(r"\{(\w+)\}", route.path)}
    assert names - NOT_AN_ID - {"manifest_id"} <= ids.keys()
    known = {*LISTED, *HOLD_NOTHING_OF_TENANTS, *FOR_THE_OPERATOR}
    assert {route.path for route in LISTS} == known


async def test_another_tenants_id_opens_nothing(
    client: httpx.AsyncClient, ids: Mapping[str, str], mine: dict[str, str], theirs: dict[str, str]
) -> None:
    tried = 0
    for route in TAKES_IDS:
        path = filled(route.path, ids)
        if route.path in FOR_EVERYBODY or not re.findall(r"\{(?!tool)\w+\}", route.path):
            continue
        for method in route.methods or ():
            answer = await client.request(method, path, headers=theirs, json=body_of(route))
            assert answer.status_code in (403, 404), (method, path, answer.status_code, answer.text)
            check(answer, ids, asked=path)
            tried += 1
    assert tried >= 20
    for route in TAKES_IDS:
        if route.methods == {"GET"} and route.path not in FOR_EVERYBODY:
            answer = await client.get(filled(route.path, ids), headers=mine)
            assert answer.status_code == 200, (route.path, answer.text)


def body_of(route: APIRoute) -> Any:  # noqa: ANN401 - JSON
    return {"rate": 7} if "PATCH" in (route.methods or ()) else None


@pytest.mark.parametrize("path", [route.path for route in LISTS])
async def test_no_list_tells_of_another_tenant(
    client: httpx.AsyncClient, ids: Mapping[str, str], mine: dict[str, str], theirs: dict[str, str], path: str
) -> None:
    for headers in (theirs, {}):
        check(await client.get(path, headers=headers, params=wide(path)), ids)
    if path in LISTED:
        answer = await client.get(path, headers=mine, params=wide(path))
        assert ids[LISTED[path]] in answer.text


def wide(path: str) -> dict[str, str]:
    return {"limit": "200"} if path in ("/v1/inspections", "/v1/audit/entries", "/v1/consents") else {}


def check(answer: httpx.Response, ids: Mapping[str, str], *, asked: str = "") -> None:
    assert CANARY not in answer.text.replace(asked, "")
    unguessable = [value for value in ids.values() if len(value) > 12]
    assert not [value for value in unguessable if value in answer.text.replace(asked, "")]


async def test_what_was_tried_changed_nothing(
    client: httpx.AsyncClient, ids: Mapping[str, str], mine: dict[str, str], theirs: dict[str, str]
) -> None:
    await test_another_tenants_id_opens_nothing(client, ids, mine, theirs)
    keys = (await client.get("/v1/keys", headers=mine)).json()["items"]
    assert all(key["revoked_at"] is None and key["expires_at"] is None for key in keys)
    assert (await client.get(f"/v1/consents/{ids['consent_id']}", headers=mine)).json()["state"] == "active"
    assert (await client.get("/v1/policies", headers=mine)).json()["active"] == 0
    assert (await client.get(f"/v1/known-media/{ids['name']}", headers=mine)).status_code == 200


async def test_only_the_operator_sees_the_tenants(
    client: httpx.AsyncClient, issue: Issue, theirs: dict[str, str]
) -> None:
    refused = await client.get("/v1/tenants", headers=theirs)
    assert (refused.status_code, refused.json()["policy_ids"]) == (403, ["other_tenant"])
    names = [each["name"] for each in (await client.get("/v1/tenants", headers=await issue("manage"))).json()["items"]]
    assert names == ["default", "theirs"]


async def test_the_log_shows_each_tenant_its_own(
    client: httpx.AsyncClient, issue: Issue, ids: Mapping[str, str], mine: dict[str, str], theirs: dict[str, str]
) -> None:
    async def seen(headers: dict[str, str]) -> list[Any]:
        return list((await client.get("/v1/audit/entries?limit=1000", headers=headers)).json()["items"])

    operator = await issue("read_audit")
    everything, own, foreign = await seen(operator), await seen(mine), await seen(theirs)
    assert all(item["json"] for item in everything)
    assert [item["leaf_hash"] for item in foreign] == [item["leaf_hash"] for item in everything]
    assert [item["json"] for item in own] == [item["json"] if '"mine"' in item["json"] else None for item in everything]
    assert not any(item["json"] for item in foreign)
    for headers, status in ((operator, 200), (mine, 200), (theirs, 404)):
        assert (await client.get(f"/v1/audit/entries/{ids['index']}", headers=headers)).status_code == status
