"""Idols over HTTP: as JSON, or with a recording, and who may have them."""

import io
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import jsonschema
import numpy as np
import pytest

from api.contract import schema
from api.settings import Settings
from detector.media import sha256_hex

WISH = {"prompt": "a man", "say": "Yes.", "seconds": 1.2, "seed": 5, "purpose": "research"}
Issue = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home, blob_url="memory:///")


def recording() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((9000 * np.sin(np.arange(3200) / 10)).astype("<i2").tobytes())
    return buffer.getvalue()


async def test_an_idol_is_made_and_handed_out(client: httpx.AsyncClient, issue: Issue) -> None:
    holder = await issue("generate")
    made = await client.post("/v1/idols", json=WISH, headers=holder)
    assert made.status_code == 201, made.text
    answer = made.json()
    jsonschema.validate(answer, schema("idol"))
    assert (answer["seed"], answer["say"], answer["mime"]) == (5, "Yes.", "video/mp4")
    path = made.headers["location"]
    assert (await client.get(path, headers=holder)).json()["record_id"] == answer["record_id"]
    file = await client.get(f"{path}/file", headers=holder)
    assert file.headers["content-type"] == "video/mp4"
    assert sha256_hex(file.content) == answer["sha256"]
    other = await issue("generate", tenant="other")
    assert (await client.get(f"{path}/file", headers=other)).status_code == 404


async def test_a_recording_comes_as_a_form(client: httpx.AsyncClient, issue: Issue) -> None:
    fields, voice = {"purpose": "research", "seed": "5"}, recording()
    made = await client.post(
        "/v1/idols", data=fields, files={"file": ("v.wav", voice)}, headers=await issue("generate")
    )
    assert made.status_code == 201, made.text
    assert made.json()["speech"]["source"] == "recording"
    assert made.json()["input_sha256"] == sha256_hex(voice)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"say": "Привет"}, 422, "speech_unusable"),
        ({"purpose": "fraud"}, 403, "policy_denied"),
        ({"seconds": 100}, 422, "invalid_request"),
        ({"purpose": None}, 422, "invalid_request"),
        ({"other": 1}, 422, "invalid_request"),
    ],
)
async def test_a_wrong_wish_is_answered_with_a_problem(
    change: dict[str, object], status: int, code: str, client: httpx.AsyncClient, issue: Issue
) -> None:
    answer = await client.post("/v1/idols", json=WISH | change, headers=await issue("generate"))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_bad_recording_and_a_missing_key_are_refused(client: httpx.AsyncClient, issue: Issue) -> None:
    files = {"file": ("v.wav", b"no sound")}
    answer = await client.post("/v1/idols", data={"purpose": "research"}, files=files, headers=await issue("generate"))
    assert (answer.status_code, answer.json()["code"]) == (422, "unreadable_media")
    assert (await client.post("/v1/idols", json=WISH)).status_code == 401
    assert (await client.post("/v1/idols", json=WISH, headers=await issue("inspect"))).status_code == 403
