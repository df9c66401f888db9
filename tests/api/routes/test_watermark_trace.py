"""A copy of a release whose mark was damaged beyond reading goes to a review, and never further."""

import hashlib
import io
from collections.abc import Awaitable, Callable
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from api.settings import Settings
from detector.types import Pixels

Issue = Callable[..., Awaitable[dict[str, str]]]
Headers = dict[str, str]


@pytest.fixture
def settings(any_settings: Settings) -> Settings:
    """Of an instance on SQLite, and of one on PostgreSQL."""
    return any_settings.model_copy(update={"blob_url": "memory:///"})


@pytest.fixture
async def holder(issue: Issue) -> Headers:
    return await issue("verify", "mark")


@pytest.fixture
def photo(make_photo: Callable[..., Pixels]) -> Pixels:
    return make_photo(6, width=512, height=512)


async def release(client: httpx.AsyncClient, holder: Headers, data: bytes) -> tuple[str, Pixels]:
    """Record id and pixels of `data` as this instance marked it."""
    form = {"purpose": "research"}
    made = await client.post("/v1/marks", files={"file": ("made.png", data)}, data=form, headers=holder)
    assert made.status_code == 201, made.text
    file = await client.get(f"{made.headers['location']}/file", headers=holder)
    return made.json()["record_id"], np.asarray(Image.open(io.BytesIO(file.content)))


async def verified(client: httpx.AsyncClient, holder: Headers, data: bytes) -> dict[str, Any]:
    answer = await client.post("/v1/verifications", files={"file": ("found.png", data)}, headers=holder)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_damaged_release_asks_for_a_look(
    client: httpx.AsyncClient, holder: Headers, photo: Pixels, encode: Callable[..., bytes]
) -> None:
    record_id, pixels = await release(client, holder, encode(photo))
    for side in (7, 9, 11, 13):
        data = encode(cv2.medianBlur(pixels, side))
        found = await verified(client, holder, data)
        if not found["watermark"]["detected"]:
            break
        assert found["watermark_trace"] is None
    for seen_before in (found, await verified(client, holder, data)):
        assert seen_before["watermark"]["detected"] is False
        assert seen_before["watermark_trace"]["record_id"] == record_id
        assert seen_before["watermark_trace"]["false_match_probability"] <= 1e-6
        assert (seen_before["verdict"]["label"], seen_before["verdict"]["action"]) == ("inconclusive", "review")
        assert "watermark_trace" in seen_before["verdict"]["reasons"]
        assert seen_before["record"] is None


async def test_the_original_of_a_release_is_left_alone(
    client: httpx.AsyncClient, holder: Headers, photo: Pixels, encode: Callable[..., bytes]
) -> None:
    before = await verified(client, holder, encode(photo))
    await release(client, holder, encode(photo))
    after = [await verified(client, holder, encode(picture)) for picture in (photo, cv2.medianBlur(photo, 9))]
    for found in (before, *after):
        assert found["watermark"]["detected"] is False
        assert found["watermark_trace"] is None
        assert found["verdict"]["action"] == "allow"


async def test_a_seen_file_is_looked_at_again_once_a_release_is_like_it(
    app: FastAPI, client: httpx.AsyncClient, holder: Headers, photo: Pixels, encode: Callable[..., bytes]
) -> None:
    data, memory = encode(photo), app.state.workplace.looks
    tenant, digest = "default", hashlib.sha256(data).hexdigest()
    await verified(client, holder, data)
    assert memory.find(tenant, digest)[1].alike == ()
    record_id, _ = await release(client, holder, data)
    await verified(client, holder, data)
    assert memory.find(tenant, digest)[1].alike == (record_id,)
