"""The registry as the checker sees it: a watermark that was read is completed with the record of its release."""

import asyncio
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import replace

from api.db import Database
from api.errors import BlobCorrupt, NotFound
from api.fingerprints import FingerprintIndex
from api.registry_looks import blob_of_record, fingerprints_of_session
from api.repositories import StoredRecord, record_by_id
from api.storage import Blobs
from detector.errors import DetectorError
from detector.media import open_media
from detector.provenance.check import MIN_FINGERPRINT_QUALITY, ProvenanceChecker
from detector.provenance.fingerprint import distance
from detector.provenance.judgement import Judgement
from detector.provenance.keys import MarkKey
from detector.provenance.known_media import MAX_DISTANCE, KnownMediaList
from detector.provenance.likeness import shows_any
from detector.provenance.looks import Looks
from detector.provenance.trace import MOST_RECORDS, find_trace
from detector.provenance.trust import TrustStore
from detector.sandbox import Sandbox
from detector.types import Credentials, Media, Pixels, Provenance, ReleaseRecord, WatermarkReading
from detector.video import is_clip, stills

COMPARED = 3
"""Frames of a clip that are compared with as many of the release."""


class Registry:
    """Looks releases up in `database`, whose connections belong to `loop`; `fingerprints` are of the same database."""

    def __init__(
        self, database: Database, blobs: Blobs, fingerprints: FingerprintIndex, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._fingerprints = fingerprints
        self._loop = loop

    async def find(self, record_id: str) -> StoredRecord | None:
        return await self._database.look(lambda connection: record_by_id(connection, record_id))

    def record(self, record_id: str) -> ReleaseRecord | None:
        """For worker threads; called on the loop's own thread it would wait for itself."""
        found = self._database.look_in_thread(lambda connection: record_by_id(connection, record_id), self._loop)
        return found.record if found else None

    def session(self, record_id: str) -> Sequence[str]:
        """Fingerprints of the frames of a live session; for worker threads."""
        return self._database.look_in_thread(
            lambda connection: fingerprints_of_session(connection, record_id), self._loop
        )

    def file(self, record_id: str) -> bytes | None:
        """The released file itself; null where it is no longer kept as it was. For worker threads."""
        name = self._database.look_in_thread(lambda connection: blob_of_record(connection, record_id), self._loop)
        if name is None:
            return None
        try:
            return asyncio.run_coroutine_threadsafe(self._blobs.get(name), self._loop).result()
        except (NotFound, BlobCorrupt):
            return None

    def alike(self, fingerprint: str) -> tuple[str, ...]:
        """Ids of records whose release looks like `fingerprint`, the most alike first; for worker threads."""
        near = self._fingerprints.near(fingerprint, within_bits=MAX_DISTANCE)
        return tuple(record_id for record_id, _ in asyncio.run_coroutine_threadsafe(near, self._loop).result())


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

    def recheck(
        self,
        data: bytes,
        media: Media,
        looks: Looks,
        *,
        known: Sequence[KnownMediaList] = (),
        reading: Future[Judgement] | None = None,
        record: ReleaseRecord | None = None,
    ) -> tuple[Provenance, Looks] | None:
        if self._alike(looks) != looks.alike:
            return None
        return super().recheck(data, media, looks, known=known, reading=reading, record=record)

    def _look(self, pictures: Sequence[Pixels], judgement: Judgement, mark: WatermarkReading | None) -> Looks:
        looks = super()._look(pictures, judgement, mark)
        if looks.watermark.detected:
            return replace(looks, resembles=self._resembles(pictures, looks))
        alike = self._alike(looks)
        if not alike:
            return looks
        return replace(looks, alike=alike, trace=find_trace(pictures, keys=self.keys, record_ids=alike))

    def _gather(
        self,
        data: bytes,
        credentials: Credentials,
        looks: Looks,
        known: Sequence[KnownMediaList],
        record: ReleaseRecord | None = None,
    ) -> Provenance:
        record_id = looks.watermark.record_id
        if record is None and looks.watermark.detected and record_id is not None:
            record = self._registry.record(record_id)
        return super()._gather(data, credentials, looks, known, record)

    def _resembles(self, pictures: Sequence[Pixels], looks: Looks) -> bool | None:
        """Whether the picture looks like the release that its mark names: marks can be copied onto other pictures."""
        record_id = looks.watermark.record_id
        record = self._registry.record(record_id) if record_id else None
        if record_id is None or record is None:
            return None
        if _near(looks, [record.fingerprint]) or _near(looks, self._registry.session(record_id)):
            return True
        return shows_any(pictures[:COMPARED], self._frames(self._registry.file(record_id)))

    def _frames(self, data: bytes | None) -> Sequence[Pixels]:
        """Of a release; none where it is not kept, or is no picture: a model's texture lies within it."""
        if data is None:
            return ()
        try:
            if is_clip(data):
                return stills(data, sandbox=self.sandbox, count=COMPARED)[1]
            return (open_media(data, sandbox=self.sandbox)[1].pixels,)
        except DetectorError:
            return ()

    def _alike(self, looks: Looks) -> tuple[str, ...]:
        """Records whose marks a file is asked for in which none could be read."""
        if looks.watermark.detected or looks.quality < MIN_FINGERPRINT_QUALITY:
            return ()
        return self._registry.alike(looks.fingerprint)[:MOST_RECORDS]


def _near(looks: Looks, fingerprints: Sequence[str]) -> bool:
    return any(distance(fingerprint, looks.fingerprint) <= MAX_DISTANCE for fingerprint in fingerprints)
