"""Blobs named by the SHA-256 of their bytes, in a local folder or an object store; obstore stays behind this file."""

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, MemoryStore, ObjectStore, from_url

from api.errors import BlobCorrupt, InvalidRequest, NotFound, StorageUnavailable

NAME = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """Content-addressed bytes: what is put twice is stored once, and what is got is what was put."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def open(cls, url: str) -> "Blobs":
        """At `file:///…`, `memory:///`, `s3://…`, `gs://…` or `az://…`; a missing local folder is made, 0700."""
        parts = urlsplit(url)
        if parts.scheme == "memory":
            return cls(MemoryStore())
        try:
            if parts.scheme == "file":
                folder = Path(unquote(parts.path))
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                return cls(LocalStore(folder))
            return cls(from_url(url))
        except (BaseError, OSError, ValueError) as error:
            raise StorageUnavailable("The blob store cannot be opened; check its URL.") from error

    async def put(self, data: bytes) -> str:
        """The blob's name: 64 hexadecimal digits."""
        name = hashlib.sha256(data).hexdigest()
        try:
            await obstore.put_async(self._store, _path(name), data, mode="create")
        except AlreadyExistsError:
            return name
        except (BaseError, OSError) as error:
            raise StorageUnavailable from error
        return name

    async def get(self, name: str) -> bytes:
        """Raises `NotFound`, or `BlobCorrupt` if the bytes are no longer those of the name."""
        return await self.get_named(_path(name), sha256=name)

    async def exists(self, name: str) -> bool:
        try:
            await obstore.head_async(self._store, _path(name))
        except (NotFoundError, FileNotFoundError):
            return False
        except (BaseError, OSError) as error:
            raise StorageUnavailable from error
        return True

    async def names(self) -> AsyncIterator[str]:
        """Every blob there is, in no order."""
        try:
            async for page in obstore.list(self._store):
                for item in page:
                    name = str(item["path"]).rpartition("/")[2]
                    if NAME.fullmatch(name):
                        yield name
        except (BaseError, OSError) as error:
            raise StorageUnavailable from error

    async def delete(self, name: str) -> None:
        """Erases the blob; that it was not there is no error."""
        await self.delete_named(_path(name))

    async def put_named(self, path: str, data: bytes) -> None:
        """Keeps `data` at a `path` that only its caller knows, in the place of what was there."""
        try:
            await obstore.put_async(self._store, path, data)
        except (BaseError, OSError) as error:
            raise StorageUnavailable from error

    async def get_named(self, path: str, *, sha256: str) -> bytes:
        """Raises `NotFound`, or `BlobCorrupt` if what lies at `path` has another digest."""
        try:
            found = await obstore.get_async(self._store, path)
            data = bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise NotFound("There is no such blob.") from error
        except (BaseError, OSError) as error:
            raise StorageUnavailable from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise BlobCorrupt
        return data

    async def delete_named(self, path: str) -> None:
        """Erases what lies at `path`; that it was not there is no error."""
        try:
            await obstore.delete_async(self._store, path)
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise StorageUnavailable from error

    async def listed(self, folder: str) -> AsyncIterator[Sequence[tuple[str, datetime]]]:
        """Paths in `folder` with the time of their writing, page by page."""
        try:
            async for page in obstore.list(self._store, prefix=folder):
                yield [(item["path"], item["last_modified"]) for item in page]
        except (BaseError, OSError) as error:
            raise StorageUnavailable from error


def _path(name: str) -> str:
    if not NAME.fullmatch(name):
        raise InvalidRequest("A blob's name is 64 hexadecimal digits.")
    return f"{name[:2]}/{name[2:4]}/{name}"
