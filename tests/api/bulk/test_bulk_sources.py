"""Every kind of source becomes the same single inputs, on a disk and in a bucket."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import obstore
import pyarrow
import pytest
from obstore.store import from_url
from pyarrow import parquet

from api.bulk.sources import Item, items_of
from api.bulk.stages import decode, row_of
from api.errors import InvalidRequest, StorageUnavailable
from detector.sandbox import Limits

FILES = {"a.bin": b"first\0\0", "b/c.bin": b"\0second"}


def _tar(path: Path) -> None:
    with tarfile.open(path, "w") as tar:
        for name, data in FILES.items():
            head = tarfile.TarInfo(name)
            head.size = len(data)
            tar.addfile(head, io.BytesIO(data))
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, a shard of the same two, and a manifest that names them."""
    place = tmp_path / "in"
    for name, data in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    _tar(tmp_path / "shard.tar")
    names = [f"in/{name}" for name in FILES]
    parquet.write_table(pyarrow.table({"path": names, "other": [1, 2]}), tmp_path / "manifest.parquet")
    return tmp_path


def _read(items: list[Item]) -> list[bytes]:
    return [decode(row_of(item), limits=Limits())["data"] for item in items]


@pytest.mark.parametrize("source", ["in", "shard.tar", "manifest.parquet", "in/**/*.bin"])
def test_local_sources_are_read(folder: Path, source: str) -> None:
    items = list(items_of([str(folder / source)]))
    assert sorted(_read(items)) == sorted(FILES.values())
    assert len({item.name for item in items}) == 2


@pytest.mark.parametrize("source", ["in/", "shard.tar", "manifest.parquet", "in/a.bin"])
def test_sources_in_a_bucket_are_read(folder: Path, bucket: Any, source: str) -> None:  # noqa: ANN401
    store = from_url(bucket.url)
    for path in folder.rglob("*"):
        if path.is_file():
            obstore.put(store, path.relative_to(folder).as_posix(), path.read_bytes())
    items = list(items_of([f"{bucket.url}/{source}"]))
    assert sorted(_read(items)) == sorted([FILES["a.bin"]] if source == "in/a.bin" else FILES.values())
    assert all(item.name.startswith("s3://") for item in items)


@pytest.mark.parametrize("name", ["broken.tar", "broken.parquet", "missing.tar", "missing.parquet", "missing.jpg"])
def test_what_cannot_be_listed_is_an_input_that_fails(tmp_path: Path, name: str) -> None:
    if name.startswith("broken"):
        (tmp_path / name).write_bytes(b"neither")
    (item,) = items_of([str(tmp_path / name)])
    row = decode(row_of(item), limits=Limits())
    assert row["code"] in ("source_not_found", "unsupported_media")


def test_a_manifest_names_its_inputs_in_a_column(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"file": ["a"]}), tmp_path / "manifest.parquet")
    with pytest.raises(InvalidRequest):
        list(items_of([str(tmp_path / "manifest.parquet")]))


def test_a_bucket_that_is_not_there_is_an_error_of_ours(bucket: Any) -> None:  # noqa: ANN401
    with pytest.raises(StorageUnavailable):
        list(items_of(["s3://no-such-bucket-at-all/x"]))


def test_a_member_that_is_too_large_is_not_read(
    tmp_path: Path, make_photo: Callable[..., Any], encode: Callable[..., bytes]
) -> None:
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        head = tarfile.TarInfo("large.png")
        head.size = 1001
        tar.addfile(head, io.BytesIO(bytes(1001)))
    (item,) = items_of([str(tmp_path / "shard.tar")])
    assert decode(row_of(item), limits=Limits(max_bytes=1000))["code"] == "media_too_large"
