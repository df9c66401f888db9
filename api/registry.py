"""The registry as the checker sees it: a watermark that was read is completed with the record of its release."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from api.db import Database
from api.repositories import StoredRecord, record_by_id
from detector.provenance.check import ProvenanceChecker
from detector.provenance.keys import MarkKey
from detector.provenance.known_media import KnownMediaList
from detector.provenance.looks import Looks
from detector.provenance.trust import TrustStore
from detector.sandbox import Sandbox
from detector.types import Credentials, Provenance, ReleaseRecord


class Registry:
    """Looks releases up in `database`, whose connections belong to `loop`."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self._database = database
        self._loop = loop

    async def find(self, record_id: str) -> StoredRecord | None:
        return await self._database.look(lambda connection: record_by_id(connection, record_id))

    def record(self, record_id: str) -> ReleaseRecord | None:
        """For worker threads; called on the loop's own thread it would wait for itself."""
        found = self._database.look_in_thread(lambda connection: record_by_id(connection, record_id), self._loop)
        return found.record if found else None


class RegistryChecker(ProvenanceChecker):
    """A `ProvenanceChecker` that knows this instance's releases; to be called in a worker thread."""

    def __init__(
        self,
        registry: Registry,
        *,
        sandbox: Sandbox,
        keys: Sequence[MarkKey],
        trust: TrustStore,
        known_media: Sequence[KnownMediaList] = (),
        remote_hosts: Collection[str] = (),
    ) -> None:
        super().__init__(sandbox=sandbox, keys=keys, trust=trust, known_media=known_media, remote_hosts=remote_hosts)
        self._registry = registry

    def _gather(
        self, data: bytes, credentials: Credentials, looks: Looks, known: Sequence[KnownMediaList]
    ) -> Provenance:
        found = super()._gather(data, credentials, looks, known)
        record_id = found.watermark.record_id
        if not found.watermark.detected or record_id is None:
            return found
        return replace(found, record=self._registry.record(record_id))
