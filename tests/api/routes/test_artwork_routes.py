"""Artwork over HTTP: a style picture of the user's comes as a second file, and is stated by its digest."""

import io
import json
from collections.abc import Awaitable, Callable

import httpx
import jsonschema
import numpy as np
import pytest
from PIL import Image

from api.contract import schema
from detector.media import sha256_hex
from detector.types import Pixels
from generator.backends.embedded import Embedded
from generator.prompt import parse

Issue = Callable[..., Awaitable[dict[str, str]]]
FORM = {"purpose": "entertainment", "consent": "true"}


@pytest.fixture(scope="module")
def photo() -> bytes:
    pixels = Embedded.load().synthesise(parse("a woman"), seed=3).pixels
    return file_of(pixels)


def file_of(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((320, 320)).save(buffer, "PNG")
    return buffer.getvalue()


async def test_in_the_manner_of_a_picture(client: httpx.AsyncClient, issue: Issue, photo: bytes) -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::4] = (240, 200, 40)
    holder, style = await issue("verify", "stylise"), file_of(stripes)
    files = {"file": ("a.png", photo), "style_file": ("b.png", style)}
    wish = FORM | {"settings": json.dumps({"style": "style_picture", "seed": 5})}
    done = await client.post("/v1/portraits/artwork", files=files, data=wish, headers=holder)
    assert done.status_code == 201, done.text
    answer = done.json()
    jsonschema.validate(answer, schema("portrait"))
    assert answer["settings"] == {"style": "style_picture", "seed": 5, "picture_sha256": sha256_hex(style)}
    assert answer["told"] == {"style": "style_picture", "strength": 0.7, "seed": 5}


@pytest.mark.parametrize(
    ("chosen", "style", "status", "code"),
    [
        ({"style": "style_picture"}, None, 422, "invalid_settings"),
        ({"style": "oil"}, b"x", 422, "invalid_settings"),
        ({"style": "style_picture", "picture": "eA=="}, None, 422, "invalid_settings"),
        ({"style": "style_picture"}, b"no picture", 415, "unsupported_media"),
        ({"style": "style_picture"}, b"\x89PNG\r\n\x1a\n", 422, "unreadable_media"),
    ],
)
async def test_what_is_refused(
    client: httpx.AsyncClient,
    issue: Issue,
    photo: bytes,
    chosen: dict[str, str],
    style: bytes | None,
    status: int,
    code: str,
) -> None:
    files = {"file": ("a.png", photo)} | ({"style_file": ("b.png", style)} if style else {})
    wish = FORM | {"settings": json.dumps(chosen)}
    holder = await issue("verify", "stylise")
    done = await client.post("/v1/portraits/artwork", files=files, data=wish, headers=holder)
    assert (done.status_code, done.json()["code"]) == (status, code)
