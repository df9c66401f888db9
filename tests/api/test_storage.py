"""Blobs in a folder, in memory and in an S3 bucket: named by their bytes, checked when read."""

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest

from api.errors import BlobCorrupt, InvalidRequest, NotFound, StorageUnavailable
from api.settings import Settings
from api.storage import Blobs

DATA = b"\x00some bytes\xff"
NAME = sha256(DATA).hexdigest()


@pytest.fixture(params=["file", "memory", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "s3":
        return Blobs.open(request.getfixturevalue("bucket").url)
    return Blobs.open((tmp_path / "a folder").as_uri() if request.param == "file" else "memory:///")


async def test_what_is_put_is_got(blobs: Blobs) -> None:
    assert await blobs.put(DATA) == NAME
    assert await blobs.get(NAME) == DATA
    assert await blobs.exists(NAME)


async def test_an_empty_blob_is_a_blob(blobs: Blobs) -> None:
    assert await blobs.get(await blobs.put(b"")) == b""


async def test_putting_twice_at_once_stores_once(blobs: Blobs) -> None:
    assert set(await asyncio.gather(*(blobs.put(DATA) for _ in range(8)))) == {NAME}
    assert await blobs.get(NAME) == DATA


async def test_all_names_are_listed(blobs: Blobs) -> None:
    assert [name async for name in blobs.names()] == []
    names = {await blobs.put(bytes([number])) for number in range(5)}
    assert {name async for name in blobs.names()} == names


async def test_what_is_deleted_is_gone(blobs: Blobs) -> None:
    await blobs.put(DATA)
    await blobs.delete(NAME)
    await blobs.delete(NAME)
    assert not await blobs.exists(NAME)
    with pytest.raises(NotFound):
        await blobs.get(NAME)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", NAME.upper(), NAME + "0", NAME[:-1] + "\n"])
async def test_only_hashes_are_names(blobs: Blobs, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await blobs.get(name)


async def test_changed_bytes_are_noticed() -> None:
    settings = Settings()
    blobs = Blobs.open(settings.blob_url)
    await blobs.put(DATA)
    (file,) = (path for path in (settings.home / "blobs").rglob("*") if path.is_file())
    file.write_bytes(b"others")
    with pytest.raises(BlobCorrupt):
        await blobs.get(NAME)


@pytest.mark.parametrize("url", ["ftp://example.org/x", "nothing"])
def test_an_unknown_kind_of_store_is_refused(url: str) -> None:
    with pytest.raises(StorageUnavailable):
        Blobs.open(url)
