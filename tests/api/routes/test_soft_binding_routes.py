"""A copy that lost its manifest gets it back, by its mark or by its looks, under the paths that C2PA gives."""

import base64
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import av
import c2pa
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from api.middleware import SMALL_BODY
from api.settings import Settings
from detector.provenance.credentials import read_credentials
from detector.provenance.fingerprint import pdq
from detector.types import CredentialState, Pixels
from generator.claim import Statement, claim
from generator.marking import sign
from generator.signing import DevelopmentCA

Issue = Callable[..., Awaitable[dict[str, str]]]
ROOT = "/v1/soft-bindings"
WISH = {"prompt": "a smiling woman", "purpose": "research", "seed": 7}


@pytest.fixture
def settings(home: Path) -> Settings:
    """With room for any face as PNG."""
    return Settings(home=home, max_bytes=1_000_000, blob_url="memory:///")


@pytest.fixture
async def face(client: httpx.AsyncClient, issue: Issue) -> tuple[str, Pixels]:
    """Record id and pixels of a released face."""
    holder = await issue("generate")
    made = await client.post("/v1/generations", json=WISH, headers=holder)
    image = await client.get(f"{made.headers['location']}/image", headers=holder)
    return made.json()["record_id"], np.asarray(Image.open(io.BytesIO(image.content)))


def jpeg(pixels: Pixels, quality: int = 70) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


async def by_content(
    client: httpx.AsyncClient, data: bytes, query: str = "", *, kind: str = "image/jpeg"
) -> list[dict[str, object]]:
    headers = {"content-type": kind}
    answer = await client.post(f"{ROOT}/matches/byContent{query}", content=data, headers=headers)
    assert answer.status_code == 200, answer.text
    matches: list[dict[str, object]] = answer.json()["matches"]
    return matches


async def test_a_cropped_copy_finds_its_manifest(client: httpx.AsyncClient, face: tuple[str, Pixels]) -> None:
    record_id, pixels = face
    (match,) = await by_content(client, jpeg(pixels[40:, 30:]))
    assert match["similarityScore"] == 100
    store = await client.get(f"{ROOT}/manifests/{match['manifestId']}")
    assert store.headers["content-type"] == "application/c2pa"
    with c2pa.Context.from_dict({"verify": {"remote_manifest_fetch": False}}) as context:
        original = jpeg(pixels)
        with c2pa.Reader("image/jpeg", io.BytesIO(original), manifest_data=store.content, context=context) as reader:
            assert record_id in reader.json()
            assert str(match["manifestId"]) in reader.json()


def screenshot(pixels: Pixels, *, cropped: bool) -> bytes:
    """Shown at nine tenths of its size in a window, photographed off the screen; half of its area, if `cropped`."""
    height, width = pixels.shape[:2]
    picture = Image.fromarray(pixels)
    if cropped:
        picture = picture.crop(
            (width // 5, height // 10, width // 5 + width * 7 // 10, height // 10 + height * 7 // 10)
        )
    shown = picture.resize((picture.width * 9 // 10, picture.height * 9 // 10), Image.Resampling.BICUBIC)
    screen = Image.new("RGB", (shown.width + 90, shown.height + 130), (236, 238, 241))
    screen.paste(shown, (40, 80))
    return jpeg(np.asarray(screen), 75)


async def test_ten_screenshots_find_ten_manifests(client: httpx.AsyncClient, app: FastAPI, issue: Issue) -> None:
    holder, trust = await issue("generate"), app.state.workplace.trust
    for seed in range(10):
        made = await client.post("/v1/generations", json=WISH | {"seed": seed}, headers=holder)
        assert made.status_code == 201, made.text
        released = (await client.get(f"{made.headers['location']}/image", headers=holder)).content
        shown = screenshot(np.asarray(Image.open(io.BytesIO(released))), cropped=seed % 2 == 1)
        assert read_credentials(shown, "image/jpeg", trust.settings()).state is CredentialState.ABSENT
        (match,) = await by_content(client, shown)
        store = (await client.get(f"{ROOT}/manifests/{match['manifestId']}")).content
        whole = read_credentials(released, "image/png", trust.settings(), manifest=store)
        assert (whole.state, whole.soft_binding) == (CredentialState.TRUSTED, made.json()["record_id"])
        here = read_credentials(shown, "image/jpeg", trust.settings(), manifest=store)
        assert (here.failures, here.declares_ai) == (("assertion.dataHash.mismatch",), True)


async def test_a_picture_may_be_as_large_as_an_upload(
    client: httpx.AsyncClient, make_photo: Callable[..., Pixels]
) -> None:
    data = jpeg(make_photo(width=800, height=600), 95)
    assert len(data) > SMALL_BODY
    assert await by_content(client, data) == []
    headers = {"content-type": "image/jpeg"}
    for path, size in (("matches/byContent", 2_000_000), ("matches/byBinding", 100_000)):
        assert (await client.post(f"{ROOT}/{path}", content=bytes(size), headers=headers)).status_code == 413


async def test_a_copy_without_its_mark_is_known_by_its_looks(
    client: httpx.AsyncClient, face: tuple[str, Pixels]
) -> None:
    _, pixels = face
    found = await by_content(client, jpeg(pixels, 60), "?alg=shingan.pdq.1")
    assert len(found) == 1
    assert 88 <= int(str(found[0]["similarityScore"])) <= 100
    value = base64.b64encode(bytes.fromhex(pdq(pixels)[0])).decode()
    answer = await client.post(f"{ROOT}/matches/byBinding", json={"alg": "shingan.pdq.1", "value": value})
    assert answer.json()["matches"][0]["manifestId"] == found[0]["manifestId"]


async def test_the_value_of_a_mark_finds_its_manifest(client: httpx.AsyncClient, face: tuple[str, Pixels]) -> None:
    value = base64.b64encode(face[0].encode()).decode()
    answer = await client.get(f"{ROOT}/matches/byBinding", params={"alg": "shingan.wm.1", "value": value})
    (match,) = answer.json()["matches"]
    assert str(match["manifestId"]).startswith("urn:c2pa:")
    assert (await client.get(f"{ROOT}/manifests/{face[0]}")).status_code == 200  # by record id as well


async def test_strangers_find_nothing(client: httpx.AsyncClient, make_photo: Callable[..., Pixels]) -> None:
    assert await by_content(client, jpeg(make_photo(width=400, height=300))) == []
    value = base64.b64encode(b"0123456789ab").decode()
    answer = await client.get(f"{ROOT}/matches/byBinding", params={"alg": "shingan.wm.1", "value": value})
    assert answer.json() == {"matches": []}
    assert (await client.get(f"{ROOT}/manifests/urn:c2pa:none")).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {"alg": "com.example.other", "value": "AAAA"},
        {"alg": "shingan.wm.1", "value": "not base64!"},
        {"alg": "shingan.pdq.1", "value": "AAAA"},
        {"alg": "shingan.pdq.1", "value": "*"},
        {"alg": "shingan.wm.1"},
        {"alg": "shingan.wm.1", "value": "AAAA", "maxResults": "0"},
    ],
)
async def test_bad_questions_are_refused(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    answer = await client.get(f"{ROOT}/matches/byBinding", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["code"] == "invalid_query"


async def test_any_number_of_results_may_be_asked_for(client: httpx.AsyncClient, face: tuple[str, Pixels]) -> None:
    query = {"alg": "shingan.wm.1", "value": base64.b64encode(face[0].encode()).decode(), "maxResults": "1000"}
    answer = await client.get(f"{ROOT}/matches/byBinding", params=query)
    assert (answer.status_code, len(answer.json()["matches"])) == (200, 1)


async def test_a_clip_without_its_manifest_finds_it(
    client: httpx.AsyncClient, issue: Issue, make_photo: Callable[..., Pixels], film: Callable[..., bytes]
) -> None:
    holder = await issue("mark")
    photo = make_photo(6, width=320, height=320)
    files = {"file": ("made.mp4", film([photo] * 12))}
    made = await client.post("/v1/marks", files=files, data={"purpose": "research"}, headers=holder)
    assert made.status_code == 201, made.text
    released = (await client.get(f"{made.headers['location']}/file", headers=holder)).content
    bare = io.BytesIO()
    with av.open(io.BytesIO(released), "r") as source, av.open(bare, "w", format="mp4") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    assert b"c2pa" not in bare.getvalue()
    room = (8 + SMALL_BODY).to_bytes(4, "big") + b"free" + bytes(SMALL_BODY)  # an uploaded clip is larger than a form
    (match,) = await by_content(client, bare.getvalue() + room, kind="video/mp4")
    assert match["similarityScore"] == 100
    store = (await client.get(f"{ROOT}/manifests/{match['manifestId']}")).content
    assert made.json()["record_id"].encode() in store


async def test_an_active_manifest_may_be_had_alone(client: httpx.AsyncClient, issue: Issue, photo_twice: bytes) -> None:
    holder = await issue("mark")
    files = {"file": ("made.png", photo_twice)}
    made = await client.post("/v1/marks", files=files, data={"purpose": "research"}, headers=holder)
    assert made.status_code == 201, made.text
    released = (await client.get(f"{made.headers['location']}/file", headers=holder)).content
    whole = (await client.get(f"{ROOT}/manifests/{made.json()['record_id']}")).content
    alone = await client.get(f"{ROOT}/manifests/{made.json()['record_id']}?returnActiveManifest=true")
    assert alone.headers["content-type"] == "application/c2pa"
    found = [_manifests(released, store) for store in (whole, alone.content)]
    assert (len(found[0][1]), len(found[1][1])) == (2, 1)
    assert found[0][0] == found[1][0] == found[1][1][0]


@pytest.fixture
def photo_twice(make_photo: Callable[..., Pixels], encode: Callable[..., bytes], tmp_path: Path) -> bytes:
    """A picture with a credential of somebody else's."""
    picture = encode(make_photo(6, width=320, height=320))
    said = Statement(None, "another generator", "2026-11-24T00:00:00Z")
    return sign(picture, claim("00112233aabb", said), DevelopmentCA(tmp_path / "other"), mime="image/png", parent=None)[
        0
    ]


def _manifests(data: bytes, store: bytes) -> tuple[str, list[str]]:
    """Name of the active manifest in `store`, and names of all."""
    with (
        c2pa.Context.from_dict({"verify": {"remote_manifest_fetch": False}}) as context,
        c2pa.Reader("image/png", io.BytesIO(data), manifest_data=store, context=context) as reader,
    ):
        said = json.loads(reader.json())
    return said["active_manifest"], list(said["manifests"])


async def test_bad_content_is_refused(client: httpx.AsyncClient) -> None:
    for data, status in ((b"", 422), (b"no picture", 415), (b"\xff\xd8\xff broken", 422)):
        answer = await client.post(f"{ROOT}/matches/byContent", content=data)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_what_is_offered_is_said(client: httpx.AsyncClient) -> None:
    answer = (await client.get(f"{ROOT}/services/supportedAlgorithms")).json()
    assert answer == {"watermarks": [{"alg": "shingan.wm.1"}], "fingerprints": [{"alg": "shingan.pdq.1"}]}
    refused = await client.post(f"{ROOT}/matches/byReference", json={"referenceUrl": "http://127.0.0.1/x"})
    assert (refused.status_code, refused.json()["code"]) == (501, "not_offered")
