"""Webhooks: signed, sent until they arrive, under one id; and what does not arrive is kept until it is sent again."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx

from tests.api.jobs.conftest import PATIENCE_SECONDS, Ended, Headers
from tests.api.jobs.receiver import Receiver


async def _set_up(client: httpx.AsyncClient, headers: Headers, receiver: Receiver, *events: str) -> dict[str, Any]:
    answer = await client.post("/v1/webhooks", json={"url": receiver.url, "events": events}, headers=headers)
    assert answer.status_code == 201
    made: dict[str, Any] = answer.json()
    receiver.secret = made["secret"]
    return made


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not true():
            await asyncio.sleep(0.05)


async def _deliveries(client: httpx.AsyncClient, headers: Headers, state: str, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = (await client.get(f"/v1/webhooks/deliveries?state={state}", headers=headers)).json()["items"]
            if len(found) >= count:
                return list(found)
            await asyncio.sleep(0.05)


async def test_an_address_is_told_once_the_work_has_ended(
    client: httpx.AsyncClient, headers: Headers, receiver: Receiver, clip: bytes
) -> None:
    made = await _set_up(client, headers, receiver)
    listed = (await client.get("/v1/webhooks", headers=headers)).json()["items"]
    assert listed == [{name: made[name] for name in ("id", "url", "events", "created_at")}]
    files = [("file", ("a.mp4", clip)), ("file", ("b.txt", b"no picture"))]
    batch = (await client.post("/v1/jobs", files=files, headers=headers)).json()
    await _until(lambda: len(receiver.got) == 3)
    told = {body["type"]: body["data"] for _, body in receiver.got}
    assert told["inspection.completed"]["verdict"]["action"] in ("allow", "review", "flag")
    assert told["inspection.completed"]["batch"] == batch["id"]
    assert told["inspection.failed"]["error"]["code"] == "unsupported_media"
    assert told["batch.completed"]["id"] == batch["id"]
    delivered = await _deliveries(client, headers, "done", 3)
    assert {item["id"] for item in delivered} == {message for message, _ in receiver.got}


async def test_a_delivery_is_tried_again_under_the_same_id(
    client: httpx.AsyncClient, headers: Headers, receiver: Receiver
) -> None:
    await _set_up(client, headers, receiver, "inspection.failed")
    receiver.statuses = [500, 302, 204]
    await client.post("/v1/jobs", files=[("file", ("b.txt", b"no picture"))], headers=headers)
    [delivery] = await _deliveries(client, headers, "done", 1)
    assert [message for message, _ in receiver.got] == [delivery["id"]] * 3
    assert delivery["tries"] == 2


async def test_what_never_arrives_is_dead_until_it_is_sent_again(
    client: httpx.AsyncClient, headers: Headers, receiver: Receiver
) -> None:
    await _set_up(client, headers, receiver, "inspection.failed")
    receiver.statuses = [503]
    await client.post("/v1/jobs", files=[("file", ("b.txt", b"no picture"))], headers=headers)
    [dead] = await _deliveries(client, headers, "failed", 1)
    assert (dead["error"]["code"], len(receiver.got)) == ("webhook_failed", 3)
    receiver.statuses = [200]
    again = await client.post(f"/v1/webhooks/deliveries/{dead['id']}/redeliver", headers=headers)
    assert (again.status_code, again.json()["state"]) == (202, "accepted")
    [delivered] = await _deliveries(client, headers, "done", 1)
    assert (delivered["id"], receiver.got[-1][0]) == (dead["id"], dead["id"])
    entries = (await client.get("/v1/audit/entries?limit=100", headers=headers)).json()["items"]
    assert {"webhook.set_up", "webhook.dead", "webhook.redelivered"} <= {
        json.loads(entry["json"])["kind"] for entry in entries
    }


async def test_a_receiver_that_is_gone_is_told_no_more(
    client: httpx.AsyncClient, headers: Headers, receiver: Receiver, ended: Ended
) -> None:
    await _set_up(client, headers, receiver, "inspection.failed")
    receiver.statuses = [410]
    await client.post("/v1/jobs", files=[("file", ("b.txt", b"no picture"))], headers=headers)
    await _deliveries(client, headers, "failed", 1)
    assert (await client.get("/v1/webhooks", headers=headers)).json() == {"items": []}
    job = (await client.post("/v1/jobs", files=[("file", ("b.txt", b"no picture"))], headers=headers)).json()
    await ended(job["id"])
    assert len((await client.get("/v1/webhooks/deliveries", headers=headers)).json()["items"]) == 1


async def test_an_address_gets_a_new_secret_by_being_set_up_again(
    client: httpx.AsyncClient, headers: Headers, receiver: Receiver
) -> None:
    old = await _set_up(client, headers, receiver, "inspection.failed")
    new = await _set_up(client, headers, receiver, "inspection.failed")
    assert old["secret"] != new["secret"]
    assert (await client.delete(f"/v1/webhooks/{old['id']}", headers=headers)).status_code == 204
    await client.post("/v1/jobs", files=[("file", ("b.txt", b"no picture"))], headers=headers)
    [delivery] = await _deliveries(client, headers, "done", 1)
    assert [message for message, _ in receiver.got] == [delivery["id"]]


async def test_webhooks_are_set_up_and_ended_by_their_tenant(
    client: httpx.AsyncClient, headers: Headers, receiver: Receiver
) -> None:
    wrong = await client.post("/v1/webhooks", json={"url": receiver.url, "events": ["x"]}, headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_request")
    made = await _set_up(client, headers, receiver)
    gone = await client.delete(f"/v1/webhooks/{made['id']}", headers=headers)
    assert gone.status_code == 204
    for answer in (
        await client.delete(f"/v1/webhooks/{made['id']}", headers=headers),
        await client.post("/v1/webhooks/deliveries/msg_1/redeliver", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
