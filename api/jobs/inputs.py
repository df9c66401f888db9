"""Files that wait for a worker. Each is named by its job alone, so that it can go when the job has ended."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final

from api.errors import NotFound
from api.storage import Blobs

FOLDER: Final = "inputs"


class Inputs:
    """The files of jobs in the instance's blob store; they are never shared with what is kept under its digest."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def put(self, job_id: str, data: bytes) -> None:
        await self._blobs.put_named(_path(job_id), data)

    async def get(self, job_id: str, *, sha256: str) -> bytes:
        """Raises `NotFound`, or `BlobCorrupt` if the bytes are not those that were put."""
        return await self._blobs.get_named(_path(job_id), sha256=sha256)

    async def drop(self, job_id: str) -> None:
        await self._blobs.delete_named(_path(job_id))

    async def older_than(self, moment: datetime) -> AsyncIterator[Sequence[str]]:
        """Ids of jobs whose file was put before `moment`, some at a time."""
        async for page in self._blobs.listed(FOLDER):
            yield [name.rpartition("/")[2] for name, put_at in page if put_at < moment]


def _path(job_id: str) -> str:
    if not job_id.replace("_", "").isalnum():
        raise NotFound("There is no such file.")
    return f"{FOLDER}/{job_id}"
