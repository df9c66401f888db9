"""Portrait tools over HTTP: no consent, no picture; with it a marked, signed and registered one, on record."""

import io
import json
from collections.abc import Awaitable, Callable

import httpx
import jsonschema
import pytest
from PIL import Image

from api.contract import schema
from detector.media import sha256_hex
from generator.backends.embedded import Embedded
from generator.portrait.glb import texture_of
from generator.prompt import parse

Issue = Callable[..., Awaitable[dict[str, str]]]
FORM = {"purpose": "surgery_preview", "consent": "true", "consent_reference": "form 17, signed 3 May"}
NOSE = {"settings": json.dumps({"changes": {"alar_width": -4}})}


@pytest.fixture(scope="module")
def photo() -> bytes:
    """A portrait of nobody, without any mark, as a photo would come."""
    buffer = io.BytesIO()
    pixels = Embedded.load().synthesise(parse("a woman"), seed=3).pixels
    Image.fromarray(pixels).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


async def test_a_preview_is_marked_and_on_record(client: httpx.AsyncClient, issue: Issue, photo: bytes) -> None:
    holder = await issue("verify", "edit_portrait")
    files = {"file": ("a.jpg", photo)}
    done = await client.post("/v1/portraits/surgery", files=files, data=FORM | NOSE, headers=holder)
    assert done.status_code == 201, done.text
    answer = done.json()
    jsonschema.validate(answer, schema("portrait"))
    assert (answer["tool"], answer["mime"]) == ("surgery", "image/jpeg")
    assert answer["told"]["measures"]["alar_width"]["change"] == -4.0
    path = done.headers["location"]
    file = (await client.get(f"{path}/file", headers=holder)).content
    assert sha256_hex(file) == answer["sha256"]
    found = (await client.post("/v1/verifications", files={"file": ("b.jpg", file)})).json()
    assert found["verdict"]["label"] == "synthetic_declared"
    assert found["credentials"]["actions"] == ["c2pa.opened", "c2pa.edited", "c2pa.watermarked.bound"]
    assert [item["relationship"] for item in found["credentials"]["ingredients"]] == ["parentOf"]
    other = await issue("verify", "edit_portrait", tenant="other")
    assert (await client.get(path, headers=other)).status_code == 404


async def test_a_model_carries_a_marked_texture(client: httpx.AsyncClient, issue: Issue, photo: bytes) -> None:
    holder = await issue("verify", "edit_portrait")
    wish = FORM | {"settings": json.dumps({"output": "model"})}
    done = await client.post("/v1/portraits/reconstruct", files={"file": ("a.jpg", photo)}, data=wish, headers=holder)
    assert done.status_code == 201, done.text
    assert done.json()["mime"] == "model/gltf-binary"
    file = await client.get(f"{done.headers['location']}/file", headers=holder)
    assert file.headers["content-disposition"].endswith('.glb"')
    texture = texture_of(file.content)
    found = (await client.post("/v1/verifications", files={"file": ("t.png", texture)})).json()
    assert found["verdict"]["label"] == "synthetic_declared"
    assert found["watermark"]["record_id"] == done.json()["record_id"]


@pytest.mark.parametrize("tool", ["surgery", "reconstruct", "artwork"])
async def test_without_consent_it_is_refused_and_the_refusal_is_in_the_log(
    tool: str, client: httpx.AsyncClient, issue: Issue, photo: bytes
) -> None:
    holder = await issue("verify", "edit_portrait", "stylise", "read_audit")
    wish = {"purpose": "art", **(NOSE if tool == "surgery" else {})}
    done = await client.post(f"/v1/portraits/{tool}", files={"file": ("a.jpg", photo)}, data=wish, headers=holder)
    assert (done.status_code, done.json()["code"]) == (403, "policy_denied")
    assert done.json()["policy_ids"] == ["consent_missing"]
    items = (await client.get("/v1/audit/entries", headers=holder)).json()["items"]
    entries = [json.loads(item["json"]) for item in items]
    denied = [entry["body"] for entry in entries if entry["kind"] == "policy.decided"][-1]
    assert (denied["allowed"], denied["policy_ids"]) == (False, ["consent_missing"])


async def test_the_reference_to_a_consent_is_in_the_log_as_a_digest_alone(
    client: httpx.AsyncClient, issue: Issue, photo: bytes
) -> None:
    holder = await issue("verify", "edit_portrait", "read_audit")
    files = {"file": ("a.jpg", photo)}
    assert (
        await client.post("/v1/portraits/surgery", files=files, data=FORM | NOSE, headers=holder)
    ).status_code == 201
    assert "form 17" not in (await client.get("/v1/audit/entries", headers=holder)).text


@pytest.mark.parametrize(
    ("tool", "fields", "status", "code"),
    [
        ("botox", {}, 422, "invalid_request"),
        ("surgery", {"settings": "{"}, 422, "invalid_request"),
        ("surgery", {"settings": "[]"}, 422, "invalid_request"),
        ("surgery", {"settings": "{}"}, 422, "invalid_settings"),
        ("surgery", NOSE | {"label": "red"}, 422, "invalid_request"),
        ("surgery", NOSE | {"purpose": "impersonation"}, 403, "policy_denied"),
        ("surgery", NOSE | {"consent": "yes"}, 403, "policy_denied"),
    ],
)
async def test_what_is_refused(
    client: httpx.AsyncClient,
    issue: Issue,
    photo: bytes,
    tool: str,
    fields: dict[str, str],
    status: int,
    code: str,
) -> None:
    holder = await issue("verify", "edit_portrait")
    files = {"file": ("a.jpg", photo)}
    done = await client.post(f"/v1/portraits/{tool}", files=files, data=FORM | fields, headers=holder)
    assert (done.status_code, done.json()["code"]) == (status, code)


async def test_a_picture_without_a_face_is_refused(
    client: httpx.AsyncClient, issue: Issue, make_photo: Callable[..., object]
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(make_photo(1, width=300, height=300)).save(buffer, "PNG")  # type: ignore[arg-type]
    holder = await issue("verify", "edit_portrait")
    files = {"file": ("a.png", buffer.getvalue())}
    done = await client.post("/v1/portraits/surgery", files=files, data=FORM | NOSE, headers=holder)
    assert (done.status_code, done.json()["code"]) == (422, "portrait_unusable")


async def test_the_scope_of_the_tool_is_asked_for(client: httpx.AsyncClient, issue: Issue, photo: bytes) -> None:
    files = {"file": ("a.jpg", photo)}
    done = await client.post(
        "/v1/portraits/surgery", files=files, data=FORM | NOSE, headers=await issue("verify", "stylise")
    )
    assert (done.status_code, done.json()["code"]) == (403, "policy_denied")
    assert (await client.post("/v1/portraits/surgery", files=files, data=FORM | NOSE)).status_code == 401


async def test_a_generated_face_may_be_edited_as_it_was_released(client: httpx.AsyncClient, issue: Issue) -> None:
    holder = await issue("verify", "edit_portrait", "generate")
    wish = {"prompt": "a woman", "seed": 3, "purpose": "research"}
    made = await client.post("/v1/generations", json=wish, headers=holder)
    assert made.status_code == 201, made.text
    face = (await client.get(f"{made.headers['location']}/image", headers=holder)).content
    files = {"file": ("face.png", face)}
    done = await client.post("/v1/portraits/surgery", files=files, data=FORM | NOSE, headers=holder)
    assert done.status_code == 201, done.text
    file = (await client.get(f"{done.headers['location']}/file", headers=holder)).content
    found = (await client.post("/v1/verifications", files={"file": ("b.png", file)})).json()
    assert found["watermark"]["record_id"] == done.json()["record_id"] != made.json()["record_id"]
    assert found["verdict"]["conflicts"] == []
    assert [item["relationship"] for item in found["credentials"]["ingredients"]] == ["parentOf"]
