"""Lists over HTTP: a tenant's own count for its own checks, are on record, and nobody else ever hears of them."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import rfc8785
from fastapi import FastAPI

from api.receipts import verify_receipt
from detector.provenance.fingerprint import pdq
from detector.types import Pixels

Issue = Callable[..., Awaitable[dict[str, str]]]
ROOT = "/v1/known-media"


@pytest.fixture
def photo(make_photo: Callable[..., Pixels]) -> Pixels:
    return make_photo(4)


@pytest.fixture
def csv(photo: Pixels) -> bytes:
    return f"id,hash\ncase 7,{pdq(photo)[0]}\n".encode()


async def matches(
    client: httpx.AsyncClient, picture: bytes, headers: dict[str, str], *, path: str = "/v1/verifications"
) -> Any:  # noqa: ANN401
    answer = await client.post(path, files={"file": ("a.png", picture)}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["known_media"]


async def test_a_list_counts_for_its_tenant_alone(
    client: httpx.AsyncClient, issue: Issue, photo: Pixels, csv: bytes, encode: Callable[..., bytes]
) -> None:
    mine, theirs = [await issue("manage_known_media", "inspect", tenant=tenant) for tenant in ("mine", "theirs")]
    made = await client.post(ROOT, files={"file": ("hoaxes.csv", csv)}, headers=mine)
    assert made.status_code == 201, made.text
    path, picture = made.headers["location"], encode(photo)
    found = [{"list": "hoaxes", "entry": "case 7", "distance": 0}]
    assert await matches(client, picture, mine) == found
    assert await matches(client, picture, mine, path="/v1/inspections") == found
    assert await matches(client, picture, theirs) == await matches(client, picture, {}) == []
    assert [item["list"] for item in (await client.get(ROOT, headers=mine)).json()["items"]] == ["hoaxes"]
    assert (await client.get(ROOT, headers=theirs)).json() == {"items": [], "shared": []}
    export = await client.get(path, headers=mine)
    assert (export.content, export.headers["content-type"]) == (csv, "text/csv; charset=utf-8")
    for method in ("GET", "DELETE"):
        assert (await client.request(method, path, headers=theirs)).status_code == 404
    assert (await client.delete(path, headers=mine)).status_code == 200
    assert await matches(client, picture, mine) == []
    assert (await client.get(path, headers=mine)).status_code == 404


async def test_the_operators_lists_hold_for_everybody(
    client: httpx.AsyncClient, app: FastAPI, issue: Issue, photo: Pixels, csv: bytes, encode: Callable[..., bytes]
) -> None:
    folder = app.state.workplace.settings.home / "known_media"
    folder.mkdir()
    (folder / "everywhere.csv").write_bytes(csv)
    holder = await issue("manage_known_media", tenant="other")
    shared = (await client.get(ROOT, headers=holder)).json()["shared"]
    assert shared == [{"list": "everywhere", "entries": 1, "sha256": hashlib.sha256(csv).hexdigest()}]
    for headers in (holder, {}):
        assert [match["list"] for match in await matches(client, encode(photo), headers)] == ["everywhere"]
    assert (await client.delete(f"{ROOT}/everywhere", headers=holder)).status_code == 404


async def test_a_newer_list_takes_the_place_of_an_older(
    client: httpx.AsyncClient, issue: Issue, photo: Pixels, csv: bytes, encode: Callable[..., bytes]
) -> None:
    holder = await issue("manage_known_media")
    for content, entries in ((csv, ["case 7"]), (csv.replace(b"case 7", b"case 8"), ["case 8"]), (b"id,hash\n", [])):
        form: dict[str, Any] = {"files": {"file": ("x.csv", content)}, "data": {"name": "偽 1"}}
        assert (await client.post(ROOT, headers=holder, **form)).json()["list"] == "偽 1"
        assert [match["entry"] for match in await matches(client, encode(photo), holder)] == entries
    assert len((await client.get(ROOT, headers=holder)).json()["items"]) == 1


async def test_every_change_is_on_record(client: httpx.AsyncClient, issue: Issue, csv: bytes) -> None:
    holder, reader = await issue("manage_known_media", tenant="mine"), await issue("read_audit")
    made = await client.post(ROOT, files={"file": ("hoaxes.csv", csv)}, headers=holder)
    gone = await client.delete(made.headers["location"], headers=holder)
    key = (await client.get("/v1/audit/key", headers=reader)).text
    for answer, kind in ((made.json(), "imported"), (gone.json(), "removed")):
        receipt = answer.pop("receipt")
        entry = (await client.get(f"/v1/audit/entries/{receipt['entry']}", headers=reader)).content
        assert verify_receipt(receipt, entry, key)
        logged = json.loads(entry)
        assert (logged["kind"], logged["body"]["tenant"]) == (f"known_media.{kind}", "mine")
        assert logged["body"]["report_sha256"] == hashlib.sha256(rfc8785.dumps(answer)).hexdigest()


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"id,hash\n1,xyz\n", "x"), (b"\xff\xfe", "x"), (b"id,hash\n", "../x"), (b"id,hash\n", "x" * 65)],
)
async def test_what_is_no_list_is_refused_and_logged(
    client: httpx.AsyncClient, issue: Issue, content: bytes, name: str
) -> None:
    holder = await issue("manage_known_media", "read_audit")
    form: dict[str, Any] = {"files": {"file": ("x.csv", content)}, "data": {"name": name}}
    answer = await client.post(ROOT, headers=holder, **form)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    entries = (await client.get("/v1/audit/entries", headers=holder)).json()["items"]
    assert '"kind":"known_media.failed"' in entries[-1]["json"]


async def test_lists_are_few(client: httpx.AsyncClient, issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.known_media.MAX_LISTS", 3)
    holder = await issue("manage_known_media")
    for number in range(4):
        form: dict[str, Any] = {"files": {"file": ("x.csv", b"")}, "data": {"name": f"list {number}"}}
        answer = await client.post(ROOT, headers=holder, **form)
    assert answer.status_code == 422
    assert len((await client.get(ROOT, headers=holder)).json()["items"]) == 3


async def test_another_scope_does_not_do(client: httpx.AsyncClient, issue: Issue, csv: bytes) -> None:
    answer = await client.post(ROOT, files={"file": ("x.csv", csv)}, headers=await issue("inspect", "manage"))
    assert (answer.status_code, answer.json()["code"]) == (403, "policy_denied")
