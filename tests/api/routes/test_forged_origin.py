"""A mark in foreign hands: in a credential that copies its record id, and laid over another picture."""

import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import av
import cv2
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image
from sqlalchemy import update

from api.settings import Settings
from api.tables import generations
from detector.types import Pixels
from generator.claim import Statement, claim
from generator.marking import sign
from generator.signing import DevelopmentCA

Issue = Callable[..., Awaitable[dict[str, str]]]
STATEMENT = Statement(None, "another generator", "2026-11-24T00:00:00Z")


@pytest.fixture
def settings(any_settings: Settings) -> Settings:
    """Of an instance on SQLite, and of one on PostgreSQL."""
    return any_settings.model_copy(update={"blob_url": "memory:///"})


@pytest.fixture
async def holder(issue: Issue) -> dict[str, str]:
    return await issue("verify", "mark")


@pytest.fixture
async def released(
    client: httpx.AsyncClient, holder: dict[str, str], make_scene: Callable[[int], Pixels], encode: Callable[..., bytes]
) -> tuple[str, bytes]:
    """Record id and file of a picture that this instance marked."""
    files = {"file": ("made.png", encode(make_scene(6)))}
    made = await client.post("/v1/marks", files=files, data={"purpose": "research"}, headers=holder)
    assert made.status_code == 201, made.text
    file = await client.get(f"{made.headers['location']}/file", headers=holder)
    return made.json()["record_id"], file.content


async def verified(client: httpx.AsyncClient, holder: dict[str, str], data: bytes) -> dict[str, Any]:
    answer = await client.post("/v1/verifications", files={"file": ("found.png", data)}, headers=holder)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_record_id_copied_into_a_strangers_manifest_is_a_relabelled_mark(
    client: httpx.AsyncClient,
    holder: dict[str, str],
    released: tuple[str, bytes],
    encode: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    record_id, data = released
    bare = encode(np.asarray(Image.open(io.BytesIO(data))))
    stranger = DevelopmentCA(tmp_path / "stranger")
    forged, _, _ = sign(bare, claim(record_id, STATEMENT), stranger, mime="image/png", parent=None)
    assert (await verified(client, holder, data))["verdict"]["conflicts"] == []
    found = await verified(client, holder, forged)
    assert found["credentials"]["soft_binding"] == found["record"]["record_id"] == record_id
    assert found["verdict"]["conflicts"] == ["watermark_relabelled"]


def _copied(data: bytes, victim: Pixels) -> Pixels:
    """`victim` with what a filter takes for noise in the release `data`."""
    marked = np.asarray(Image.open(io.BytesIO(data)))
    residual = marked.astype(np.float32) - cv2.GaussianBlur(marked, (0, 0), 1.5)
    copied: Pixels = np.clip(victim + residual, 0, 255).astype(np.uint8)
    return copied


async def test_a_mark_copied_onto_another_picture_accuses_nobody(
    client: httpx.AsyncClient,
    holder: dict[str, str],
    released: tuple[str, bytes],
    make_scene: Callable[[int], Pixels],
    encode: Callable[..., bytes],
) -> None:
    record_id, data = released
    found = await verified(client, holder, encode(_copied(data, make_scene(9))))
    assert found["watermark"]["record_id"] == record_id
    assert found["verdict"]["label"] == "inconclusive"
    assert found["verdict"]["action"] == "review"
    assert "release_unlike" in found["verdict"]["reasons"]


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "encoded anew": lambda pixels: pixels,
    "cropped": lambda pixels: pixels[40:, 60:],
    "mirrored": lambda pixels: np.ascontiguousarray(pixels[:, ::-1]),
}


@pytest.mark.parametrize("name", COPIES)
async def test_a_copy_of_the_release_counts_as_one(
    client: httpx.AsyncClient,
    holder: dict[str, str],
    released: tuple[str, bytes],
    encode: Callable[..., bytes],
    name: str,
) -> None:
    record_id, data = released
    copy = COPIES[name](np.asarray(Image.open(io.BytesIO(data))))
    found = await verified(client, holder, encode(copy, "JPEG", quality=85))
    assert found["watermark"]["record_id"] == record_id
    assert found["verdict"]["label"] == "synthetic_declared"
    assert "release_unlike" not in found["verdict"]["reasons"]


async def _lost(app: FastAPI) -> None:
    blobs = app.state.workplace.blobs
    for name in [name async for name in blobs.names()]:
        await blobs.delete(name)


async def _no_picture(app: FastAPI) -> None:
    """As a model is, in which the marked texture lies."""
    place = app.state.workplace
    name = await place.blobs.put(b"glTF\2\0\0\0")
    async with place.database.write() as session:
        await session.execute(update(generations).values(blob=name))


@pytest.mark.parametrize("happened", [_lost, _no_picture], ids=["lost", "no picture"])
async def test_where_there_is_no_release_to_compare_a_crop_is_for_people_to_judge(
    app: FastAPI,
    client: httpx.AsyncClient,
    holder: dict[str, str],
    released: tuple[str, bytes],
    encode: Callable[..., bytes],
    happened: Callable[[FastAPI], Awaitable[None]],
) -> None:
    _, data = released
    await happened(app)
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    cropped = await verified(client, holder, encode(pixels[40:, 60:]))
    assert cropped["verdict"]["action"] == "review"
    whole = await verified(client, holder, encode(pixels, "JPEG"))
    assert whole["verdict"]["action"] == "flag"


async def test_a_marked_clip_is_known_again_in_another_encoding_and_in_a_still(
    client: httpx.AsyncClient,
    holder: dict[str, str],
    make_scene: Callable[[int], Pixels],
    film: Callable[..., bytes],
    encode: Callable[..., bytes],
) -> None:
    scene = make_scene(4)
    files = {"file": ("made.mp4", film([np.roll(scene, 2 * step, axis=1) for step in range(20)]))}
    made = await client.post("/v1/marks", files=files, data={"purpose": "research"}, headers=holder)
    assert made.status_code == 201, made.text
    data = (await client.get(f"{made.headers['location']}/file", headers=holder)).content
    with av.open(io.BytesIO(data), "r") as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    for copy in (film(frames, options={"crf": "28"}), encode(frames[10], "JPEG"), encode(frames[10][:, 60:], "JPEG")):
        found = await verified(client, holder, copy)
        assert found["watermark"]["record_id"] == made.json()["record_id"]
        assert found["verdict"]["label"] == "synthetic_declared"
