"""Marks over HTTP: a picture from elsewhere comes back marked, on record, and for its own tenant alone."""

import io
from collections.abc import Awaitable, Callable

import httpx
import jsonschema
import numpy as np
import pytest
from PIL import Image

from api.contract import schema
from detector.media import sha256_hex
from detector.types import Pixels

Issue = Callable[..., Awaitable[dict[str, str]]]
FORM = {"purpose": "advertising", "software": "painter 3"}


@pytest.fixture
def photo(make_photo: Callable[..., Pixels]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(make_photo(3, width=512, height=512)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


async def test_a_picture_is_marked_and_found_again(client: httpx.AsyncClient, issue: Issue, photo: bytes) -> None:
    holder = await issue("mark")
    done = await client.post("/v1/marks", files={"file": ("a.jpg", photo)}, data=FORM, headers=holder)
    assert done.status_code == 201, done.text
    answer = done.json()
    jsonschema.validate(answer, schema("mark"))
    assert (answer["software"], answer["made"], answer["mime"]) == ("painter 3", "generated", "image/jpeg")
    assert answer["input_sha256"] == sha256_hex(photo)
    path = done.headers["location"]
    assert (await client.get(path, headers=holder)).json()["record_id"] == answer["record_id"]
    file = await client.get(f"{path}/file", headers=holder)
    assert (file.headers["content-type"], sha256_hex(file.content)) == ("image/jpeg", answer["sha256"])
    stripped = io.BytesIO()
    Image.fromarray(np.asarray(Image.open(io.BytesIO(file.content)))).save(stripped, "PNG")
    found = (await client.post("/v1/verifications", files={"file": ("b.png", stripped.getvalue())})).json()
    assert found["verdict"]["label"] == "synthetic_declared"
    assert found["record"]["sha256"] == answer["sha256"]
    again = await client.post("/v1/marks", files={"file": ("a.jpg", file.content)}, data=FORM, headers=holder)
    assert (again.status_code, again.json()["code"]) == (409, "already_marked")


async def test_others_see_nothing_of_it(client: httpx.AsyncClient, issue: Issue, photo: bytes) -> None:
    holder = await issue("mark", "generate")
    done = await client.post("/v1/marks", files={"file": ("a.jpg", photo)}, data=FORM, headers=holder)
    path, mark_id = done.headers["location"], done.json()["id"]
    other = await issue("mark", tenant="other")
    assert (await client.get(path, headers=other)).status_code == 404
    assert (await client.get(f"{path}/file", headers=other)).status_code == 404
    assert (await client.get(f"/v1/generations/{mark_id}", headers=holder)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({}, 403, "policy_denied"),
        ({"purpose": "deception"}, 403, "policy_denied"),
        ({"purpose": "art", "made": "photographed"}, 422, "invalid_request"),
    ],
)
async def test_what_is_not_marked(
    client: httpx.AsyncClient, issue: Issue, photo: bytes, fields: dict[str, str], status: int, code: str
) -> None:
    files = {"file": ("a.jpg", photo)}
    answer = await client.post("/v1/marks", files=files, data=fields, headers=await issue("mark"))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(("data", "status"), [(b"", 422), (b"GIF89a", 422), (b"text", 415)])
async def test_bad_files_are_refused(client: httpx.AsyncClient, issue: Issue, data: bytes, status: int) -> None:
    answer = await client.post("/v1/marks", files={"file": ("a", data)}, data=FORM, headers=await issue("mark"))
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
