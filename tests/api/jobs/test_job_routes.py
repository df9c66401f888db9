"""Work that is answered later: accepted with a receipt, done once, seen while it goes on, and cancelled."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import httpx
import jsonschema
import pytest
from fastapi import FastAPI

from api.contract import schema
from api.receipts import verify_receipt
from tests.api.jobs.conftest import issued

Headers: TypeAlias = dict[str, str]
Ended: TypeAlias = Callable[..., Awaitable[dict[str, Any]]]


async def test_a_clip_is_accepted_done_and_proven(
    client: httpx.AsyncClient, headers: Headers, ended: Ended, clip: bytes, app: FastAPI
) -> None:
    accepted = await client.post("/v1/inspections", files={"file": ("clip.mp4", clip)}, headers=headers)
    assert accepted.status_code == 202
    job = accepted.json()
    jsonschema.validate(job, schema("job"))
    assert (job["schema"], job["kind"], job["state"], job["progress"]) == ("shingan.job.1", "inspection", "accepted", 0)
    assert accepted.headers["location"] == f"/v1/inspections/{job['id']}"
    entry = (await client.get(f"/v1/audit/entries/{job['receipt']['entry']}", headers=headers)).content
    assert verify_receipt(job["receipt"], entry, app.state.workplace.audit.verifier)
    assert b'"kind":"job.accepted"' in entry
    done = await ended(job["id"])
    assert (done["state"], done["progress"], done["error"]) == ("done", 1, None)
    answer = (await client.get(accepted.headers["location"], headers=headers)).json()
    assert (answer["schema"], answer["id"], answer["kind"]) == ("shingan.scan.1", job["id"], "video")
    entry = (await client.get(f"/v1/audit/entries/{answer['receipt']['entry']}", headers=headers)).content
    assert verify_receipt(answer["receipt"], entry, app.state.workplace.audit.verifier)
    listed = (await client.get("/v1/jobs?state=done", headers=headers)).json()["items"]
    assert [item["id"] for item in listed] == [job["id"]]


async def test_events_lead_from_acceptance_to_the_end(client: httpx.AsyncClient, headers: Headers, clip: bytes) -> None:
    job = (await client.post("/v1/inspections", files={"file": ("clip.mp4", clip)}, headers=headers)).json()
    stream = await client.get(f"/v1/inspections/{job['id']}/events", headers=headers)
    assert stream.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("event: ") for line in stream.text.splitlines() if line.startswith("event: ")]
    assert events[-1] == "done"
    assert set(events) <= {"accepted", "running", "done"}


async def test_callers_say_whether_they_wait(
    client: httpx.AsyncClient, headers: Headers, ended: Ended, clip: bytes, picture: bytes
) -> None:
    files = {"file": ("clip.mp4", clip)}
    waited = await client.post("/v1/inspections", files=files, headers=headers | {"prefer": "wait=100"})
    assert (waited.status_code, waited.headers["preference-applied"]) == (201, "wait=100")
    assert waited.json()["schema"] == "shingan.scan.1"
    still = {"file": ("a.png", picture)}
    now = await client.post("/v1/inspections", files=still, headers=headers)
    assert now.status_code == 201
    assert (await client.get(f"/v1/jobs/{now.json()['id']}", headers=headers)).status_code == 404
    stream = await client.get(f"/v1/inspections/{now.json()['id']}/events", headers=headers)
    assert "event: done" in stream.text
    later = await client.post("/v1/inspections", files=still, headers=headers | {"prefer": "respond-async"})
    assert (later.status_code, later.headers["preference-applied"]) == (202, "respond-async")
    assert (await ended(later.json()["id"]))["state"] == "done"


async def test_where_nothing_is_kept_no_file_waits(
    client: httpx.AsyncClient, clip: bytes, picture: bytes, app: FastAPI
) -> None:
    holder = await issued(app, "inspect", "manage", tenant="forgetful")
    (await client.put("/v1/retention", json={"zero": True}, headers=holder)).raise_for_status()
    looked = await client.post("/v1/inspections", files={"file": ("clip.mp4", clip)}, headers=holder)
    assert (looked.status_code, looked.json()["schema"]) == (201, "shingan.scan.1")
    batch = await client.post("/v1/jobs", files=[("file", ("a.png", picture))], headers=holder)
    assert (batch.status_code, batch.json()["code"]) == (422, "invalid_request")
    assert [page async for page in app.state.workplace.blobs.listed("inputs") if page] == []


async def test_a_batch_ends_when_its_parts_have(
    client: httpx.AsyncClient, headers: Headers, ended: Ended, clip: bytes, picture: bytes
) -> None:
    files = [("file", ("a.png", picture)), ("file", ("b.txt", b"no picture")), ("file", ("c.mp4", clip))]
    accepted = await client.post("/v1/jobs", files=files, data={"priority": "low"}, headers=headers)
    assert accepted.status_code == 202
    batch = await ended(accepted.json()["id"])
    jsonschema.validate(batch, schema("job"))
    assert (batch["kind"], batch["state"], batch["progress"]) == ("batch", "done", 1)
    assert [(item["path"], item["state"]) for item in batch["items"]] == [
        ("a.png", "done"),
        ("b.txt", "failed"),
        ("c.mp4", "done"),
    ]
    assert batch["items"][1]["error"]["code"] == "unsupported_media"
    failed = await client.get(f"/v1/inspections/{batch['items'][1]['id']}", headers=headers)
    assert (failed.status_code, failed.json()["state"]) == (200, "failed")
    answer = await client.get(f"/v1/inspections/{batch['items'][0]['id']}", headers=headers)
    assert answer.json()["path"] == "a.png"
    other = await ended((await client.post("/v1/jobs", files=files[:1], headers=headers)).json()["id"])
    listed = (await client.get("/v1/jobs", headers=headers)).json()["items"]
    batches = {item["id"]: item["items"] for item in listed if item["kind"] == "batch"}
    assert batches == {batch["id"]: batch["items"], other["id"]: other["items"]}
    assert [item["items"] for item in listed if item["kind"] != "batch"] == [[]] * 4


async def test_what_is_cancelled_is_not_recorded(client: httpx.AsyncClient, headers: Headers, clip: bytes) -> None:
    files = [("file", (f"{number}.mp4", clip)) for number in range(6)]
    batch = (await client.post("/v1/jobs", files=files, headers=headers)).json()
    cancelled = (await client.delete(f"/v1/jobs/{batch['id']}", headers=headers)).json()
    assert cancelled["state"] == "cancelled"
    states = {item["state"] for item in cancelled["items"]}
    assert "cancelled" in states
    assert states <= {"cancelled", "done"}
    again = await client.delete(f"/v1/jobs/{batch['id']}", headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "job_ended")
    last = cancelled["items"][-1]
    assert (await client.get(f"/v1/inspections/{last['id']}", headers=headers)).json()["state"] == last["state"]


async def test_jobs_are_a_tenants_own(
    client: httpx.AsyncClient, headers: Headers, ended: Ended, clip: bytes, app: FastAPI
) -> None:
    job = (await client.post("/v1/inspections", files={"file": ("a.mp4", clip)}, headers=headers)).json()
    theirs = await issued(app, "inspect", tenant="other")
    for path in (f"/v1/jobs/{job['id']}", f"/v1/jobs/{job['id']}/events", f"/v1/inspections/{job['id']}/events"):
        assert (await client.get(path, headers=theirs)).status_code == 404
    assert (await client.delete(f"/v1/jobs/{job['id']}", headers=theirs)).status_code == 404
    assert (await client.get("/v1/jobs", headers=theirs)).json() == {"items": []}
    await ended(job["id"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"files": [("file", ("a", b""))]}, "unreadable"),
        ({"json": {"urls": []}}, "invalid_request"),
        ({"json": {"urls": "http://a"}}, "invalid_request"),
        ({"json": {"urls": ["file:///etc/passwd"]}}, "address_refused"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, "invalid_request"),
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, "invalid_request"),
        ({"files": [("file", ("a", b"x"))], "data": {"priority": "now"}}, "invalid_request"),
    ],
)
async def test_a_wrong_batch_is_refused(
    client: httpx.AsyncClient, headers: Headers, ended: Ended, body: dict[str, Any], code: str
) -> None:
    given = body | {"headers": headers | body.get("headers", {})}
    answer = await client.post("/v1/jobs", **given)
    if code == "unreadable":  # an empty file is a part that fails, not a batch that does
        [item] = (await ended(answer.json()["id"]))["items"]
        assert item["error"]["code"] == "empty_media"
    else:
        assert (answer.status_code, answer.json()["code"]) == (422, code)
