"""What a bulk scan is given (files, folders, patterns, prefixes of a bucket, tar shards, Parquet manifests) as single
inputs that any machine of the cluster can read by itself."""

import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Final
from urllib.parse import urlsplit

from api.bulk.remote import RemoteFile, split_remote
from api.commands.inputs import expand
from api.errors import InvalidRequest, StorageUnavailable

SHARD: Final = ".tar"
MANIFEST: Final = ".parquet"
COLUMNS: Final = ("uri", "path")
"""Columns of a manifest that name its inputs; the first that it has counts."""
REMOTE: Final = ("s3", "gs", "az", "abfs", "abfss")


@dataclass(frozen=True, slots=True)
class Item:
    """An input: a whole file or object at `uri` (a path or a URL), or `size` bytes from `offset` on, a shard's member.

    `name` is how the result calls it, and what a second run knows it by.
    """

    name: str
    uri: str
    offset: int = 0
    size: int | None = None


def items_of(sources: Iterable[str]) -> Iterator[Item]:
    """Every input of `sources`, in order; what cannot be listed is passed on, so that its row says so.

    Raises `StorageUnavailable` if a bucket does not answer, and `InvalidRequest` for a manifest without names.
    """
    for source in sources:
        for uri in _objects(source) if is_remote(source) else expand([source]):
            yield from _inside(uri)


def is_remote(uri: str) -> bool:
    return urlsplit(uri).scheme in REMOTE


def _objects(source: str) -> Iterator[str]:
    """Every object below a prefix, by name; where there is none, `source` itself, which may be an object."""
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    bucket, prefix = split_remote(source)
    try:
        if prefix.endswith((SHARD, MANIFEST)):
            yield source
            return
        pages = obstore.list(from_url(bucket), prefix=prefix or None)
        yield from sorted(f"{bucket}/{item['path']}" for page in pages for item in page) or [source]
    except (BaseError, OSError) as error:
        raise StorageUnavailable("The bucket cannot be listed.") from error


def _inside(uri: str) -> Iterator[Item]:
    if uri.endswith(SHARD):
        yield from _members(uri)
    elif uri.endswith(MANIFEST):
        yield from _listed(uri)
    else:
        yield Item(uri, uri)


def _members(uri: str) -> Iterator[Item]:
    """The files in a tar; one that is damaged is an input of its own, which fails."""
    try:
        with open_any(uri) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                if member.isreg():
                    yield Item(f"{uri}#{member.name}", uri, member.offset_data, member.size)
    except (OSError, tarfile.TarError):
        yield Item(uri, uri)


def _listed(uri: str) -> Iterator[Item]:
    """The inputs that a manifest names; relative ones lie beside it."""
    from pyarrow import ArrowException, parquet

    base = uri.rpartition("/")[0]
    try:
        with open_any(uri) as file, parquet.ParquetFile(file) as table:
            column = next((name for name in COLUMNS if name in table.schema_arrow.names), None)
            if column is None:
                raise InvalidRequest(f"A manifest has a column {' or '.join(COLUMNS)}.")
            for batch in table.iter_batches(columns=[column]):
                for name in batch.column(0).to_pylist():
                    full = name if is_remote(name) or os.path.isabs(name) else f"{base}/{name}"
                    yield Item(full, full)
    except (OSError, ArrowException):
        yield Item(uri, uri)


def open_any(uri: str) -> IO[bytes]:
    """The file or object at `uri`, to be read and moved in; raises `OSError`."""
    if not is_remote(uri):
        return open(uri, "rb")
    return io.BufferedReader(RemoteFile(uri))
