"""Generations over HTTP: the answer, the file, and who may have them."""

from collections.abc import Awaitable, Callable

import httpx
import jsonschema

from api.contract import schema
from detector.media import sha256_hex

WISH = {"prompt": "a smiling woman", "purpose": "research", "seed": 7}


async def test_a_face_is_made_and_handed_out(
    client: httpx.AsyncClient, issue: Callable[..., Awaitable[dict[str, str]]]
) -> None:
    holder = await issue("generate")
    made = await client.post("/v1/generations", json=WISH, headers=holder)
    assert made.status_code == 201
    answer = made.json()
    assert (answer["seed"], answer["error"]) == (7, None)
    jsonschema.validate(answer, schema("generate"))
    path = made.headers["location"]
    assert (await client.get(path, headers=holder)).json()["record_id"] == answer["record_id"]
    image = await client.get(f"{path}/image", headers=holder)
    assert image.headers["content-type"] == "image/png"
    assert image.content.startswith(b"\x89PNG")
    found = (await client.post("/v1/verifications", files={"file": ("face.png", image.content)})).json()
    assert found["record"]["sha256"] == sha256_hex(image.content)
    other = await issue("generate", tenant="other")
    assert (await client.get(f"{path}/image", headers=other)).status_code == 404


async def test_what_cannot_be_drawn_is_named(
    client: httpx.AsyncClient, issue: Callable[..., Awaitable[dict[str, str]]]
) -> None:
    wish = WISH | {"prompt": "a woman with a purple hat"}
    answer = await client.post("/v1/generations", json=wish, headers=await issue("generate"))
    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported_attribute")
    assert "hat" in answer.json()["detail"]
    assert any("hat" in name for name in answer.json()["names"])
