"""A witness hands in its cosignature, and whoever reads the head gets it; tiles give the whole tree."""

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from api.audit import verify_database
from api.checkpoints import Signer, Verifier
from api.merkle import leaf_hash, root_of
from api.receipts import verify_receipt
from api.settings import Settings
from api.witnesses import Witness, cosign, split_note

from .conftest import Issue

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
NAME = "witness.example/w1"
TIME = 1_700_000_000


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home, blob_url="memory:///", witnesses=(str(Witness(NAME, KEY.public_key())),))


@pytest.fixture
async def reader(client: httpx.AsyncClient, issue: Issue) -> httpx.AsyncClient:
    client.headers.update(await issue("read_audit"))
    return client


@pytest.fixture
def grow(app: FastAPI) -> Callable[..., object]:
    """`await grow(n)` adds so many entries."""

    async def _grow(entries: int) -> None:
        place = app.state.workplace
        async with place.database.write() as session:
            for number in range(entries):
                await place.audit.append(session, "test.grown", {"number": number})

    return _grow


def _cosigned(note: str) -> str:
    return f"{note}{cosign(NAME, KEY, split_note(note)[0], TIME)}\n"


async def test_a_cosignature_is_taken_and_served(
    reader: httpx.AsyncClient, grow: Callable[..., object], settings: Settings
) -> None:
    await grow(3)  # type: ignore[misc]
    assert (await reader.get("/v1/audit/checkpoint", params={"cosigned": True})).status_code == 404
    note = (await reader.get("/v1/audit/checkpoint")).text
    taken = await reader.post("/v1/audit/cosignatures", content=_cosigned(note).encode())
    assert (taken.status_code, taken.json()) == (201, {"size": 3, "witnesses": [NAME], "new": [NAME]})
    served = (await reader.get("/v1/audit/checkpoint", params={"cosigned": True})).text
    assert served == _cosigned(note) == (await reader.get("/v1/audit/checkpoint", params={"size": 3})).text
    again = await reader.post("/v1/audit/cosignatures", content=_cosigned(note).encode())
    assert again.json()["new"] == []
    entries = (await reader.get("/v1/audit/entries")).json()
    assert entries["size"] == 4  # the cosignature is on record, once
    assert json.loads(entries["items"][3]["json"])["kind"] == "audit.cosigned"
    check = await verify_database(settings)
    assert (check.ok, check.cosigned) == (True, 3)


async def test_a_receipt_may_be_under_a_cosigned_head(reader: httpx.AsyncClient, grow: Callable[..., object]) -> None:
    await grow(5)  # type: ignore[misc]
    note = (await reader.get("/v1/audit/checkpoint")).text
    await reader.post("/v1/audit/cosignatures", content=_cosigned(note).encode())
    receipt = (await reader.get("/v1/audit/proof/2", params={"size": 5})).json()
    key = (await reader.get("/v1/audit/key")).text
    assert (receipt["tree_size"], receipt["checkpoint"]) == (5, _cosigned(note))
    assert verify_receipt(receipt, (await reader.get("/v1/audit/entries/2")).text, key)
    assert (await reader.get("/v1/audit/proof/5", params={"size": 5})).status_code == 404


async def test_what_no_known_witness_signed_is_refused(
    reader: httpx.AsyncClient, grow: Callable[..., object], app: FastAPI
) -> None:
    await grow(2)  # type: ignore[misc]
    note = (await reader.get("/v1/audit/checkpoint")).text
    text = split_note(note)[0]
    stranger = cosign(NAME, Ed25519PrivateKey.generate(), text, TIME)
    for content, status in (
        (note, 422),
        (f"{note}{stranger}\n", 422),
        ("nonsense", 422),
        (b"\xff", 422),
        (_cosigned(note.replace("\n2\n", "\n7\n", 1)), 404),
    ):
        data = content if isinstance(content, bytes) else content.encode()
        assert (await reader.post("/v1/audit/cosignatures", content=data)).status_code == status
    verifier: Verifier = app.state.workplace.audit.verifier
    fork = Signer(verifier.origin, Ed25519PrivateKey.generate()).sign(2, bytes(32))
    split = await reader.post("/v1/audit/cosignatures", content=_cosigned(fork).encode())
    assert (split.status_code, split.json()["code"]) == (409, "conflict")
    assert (await reader.get("/v1/audit/entries")).json()["size"] == 2


async def test_the_tree_can_be_rebuilt_from_tiles(reader: httpx.AsyncClient, grow: Callable[..., object]) -> None:
    await grow(600)  # type: ignore[misc]
    size, root = split_note((await reader.get("/v1/audit/checkpoint")).text)[0].split("\n")[1:3]
    parts = [await reader.get(f"/v1/audit/tile/0/{place}") for place in ("000", "001", "002.p/88")]
    assert [part.status_code for part in parts] == [200, 200, 200]
    joined = b"".join(part.content for part in parts)
    leaves = [joined[at : at + 32] for at in range(0, len(joined), 32)]
    assert (len(leaves), root_of(leaves)) == (int(size), b64decode(root))
    above = (await reader.get("/v1/audit/tile/1/000.p/2")).content
    assert above == root_of(leaves[:256]) + root_of(leaves[256:512])
    bundle = (await reader.get("/v1/audit/tile/entries/002.p/88")).content
    texts = []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        texts.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    assert [leaf_hash(text) for text in texts] == leaves[512:]


@pytest.mark.parametrize(
    "path",
    ["0/002", "0/002.p/89", "0/000.p/0", "0/000.p/256", "0/x000/000", "0/0", "64/000", "1/002", "entries/003", "x", ""],
)
async def test_tiles_that_are_not_there(reader: httpx.AsyncClient, grow: Callable[..., object], path: str) -> None:
    await grow(600)  # type: ignore[misc]
    assert (await reader.get(f"/v1/audit/tile/{path}")).status_code == 404
