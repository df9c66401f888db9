"""Portrait tools over HTTP: no consent, no picture; with it a marked, signed and registered one, on record."""

import io
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import cv2
import httpx
import jsonschema
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from api.contract import schema
from api.workplace import Workplace
from detector.media import sha256_hex
from detector.types import Pixels
from generator.backends.embedded import Embedded
from generator.portrait.glb import texture_of
from generator.portrait.subject import find_subjects
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


def encoded(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
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


async def test_of_several_faces_one_is_to_be_named(client: httpx.AsyncClient, issue: Issue, photo: bytes) -> None:
    holder = await issue("verify", "edit_portrait")
    one = np.asarray(Image.open(io.BytesIO(photo)))
    before = np.hstack([one, one[:, ::-1]])
    asked: dict[str, Any] = {"files": {"file": ("two.png", encoded(before))}, "headers": holder}
    refused = await client.post("/v1/portraits/surgery", data=FORM | NOSE, **asked)
    assert (refused.status_code, refused.json()["code"], refused.json()["faces"]) == (422, "several_faces", 2)
    none = await client.post("/v1/portraits/surgery", data=FORM | NOSE | {"face": "3"}, **asked)
    assert (none.status_code, none.json()["code"]) == (422, "invalid_settings")
    for number in ("0", "x", "²", "33", "-1"):
        wrong = await client.post("/v1/portraits/surgery", data=FORM | NOSE | {"face": number}, **asked)
        assert (number, wrong.json()["code"]) == (number, "invalid_request")
    longer = {"settings": json.dumps({"changes": {"chin_height": 6}}), "face": "2"}
    done = await client.post("/v1/portraits/surgery", data=FORM | longer, **asked)
    assert done.status_code == 201, done.text
    assert done.json()["settings"]["face"] == 2
    file = (await client.get(f"{done.headers['location']}/file", headers=holder)).content
    after = np.asarray(Image.open(io.BytesIO(file)))
    change = cv2.blur(after.astype(np.float32) - before, (15, 15))  # which takes out the mark
    left, right = np.hsplit(np.abs(change).max(axis=(0, 2)), 2)
    assert right.max() > 3 * left.max()


async def test_whoever_may_be_a_minor_beside_the_one_who_is_meant_is_seen(
    app: FastAPI, client: httpx.AsyncClient, issue: Issue
) -> None:
    """With the line drawn between how old these two look, as no child is drawn here."""
    faces = [Embedded.load().synthesise(parse("a woman"), seed=seed).pixels for seed in (3, 4)]
    place: Workplace = app.state.workplace
    finders = place.portrait_finders
    subjects = [find_subjects(face, finders)[0] for face in faces]
    looks = [finders.age.logit(each.pixels, each.mesh, landmarks=finders.landmarks) for each in subjects]
    line = replace(finders.age, threshold=sum(looks) / 2)
    vars(place)["portrait_finders"] = replace(finders, age=line)
    older = 1 + looks.index(min(looks))
    holder = await issue("verify", "edit_portrait")
    wish: dict[str, Any] = {
        "files": {"file": ("two.png", encoded(np.hstack(faces)))},
        "data": FORM | NOSE | {"face": str(older)},
    }
    done = await client.post("/v1/portraits/surgery", headers=holder, **wish)
    assert (done.status_code, done.json()["policy_ids"]) == (403, ["apparent_minor"])
    alone: dict[str, Any] = {"files": {"file": ("one.png", encoded(faces[older - 1]))}, "data": FORM | NOSE}
    assert (await client.post("/v1/portraits/surgery", headers=holder, **alone)).status_code == 201


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
