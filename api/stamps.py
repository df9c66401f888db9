"""Stamps for releases that left without one: asked for again, read back, and on record with the registry's manifest.

1 take a release without a stamp  2 have it stamped, in a thread  3 read the new store back with the released file
4 keep it and log it in one transaction. The first stamp that is not given ends the round: the authority is still down.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from api.errors import InvalidRequest
from api.releases import released_file
from api.repositories import ReleaseRepository, StoredRecord
from api.workplace import Workplace
from detector.media import sha256_hex
from detector.provenance.check import READ_CREDENTIALS
from detector.provenance.credentials import from_json
from detector.types import Credentials, CredentialState

if TYPE_CHECKING:
    from generator.signing import KeySource

STAMPED: Final = "release.stamped"
INTACT: Final = (CredentialState.TRUSTED, CredentialState.VALID)


async def unstamped(workplace: Workplace) -> list[str]:
    """Record ids of the releases without a stamp, oldest first."""
    async with workplace.database.read() as session:
        return list(await ReleaseRepository(session).unstamped())


async def retry(workplace: Workplace) -> AsyncIterator[tuple[str, bool]]:
    """Record ids, and whether each has a stamp now. Raises `InvalidRequest` if no authority is set."""
    source = workplace.key_source
    if source.timestamp_url is None:
        raise InvalidRequest("No time-stamp authority is set; SHINGAN_TIMESTAMP_URL names one.")
    for record_id in await unstamped(workplace):
        stored = await workplace.registry.find(record_id)  # 1
        if stored is None or stored.generation_id is None:
            continue
        stamped = await _stamp(workplace, stored, source)
        yield record_id, stamped
        if not stamped:
            return


async def _stamp(workplace: Workplace, stored: StoredRecord, source: "KeySource") -> bool:
    data, mime = await released_file(workplace, stored)
    store = await workplace.run(lambda: _store(workplace, data, mime, source))  # 2, 3
    if store is None:
        return False
    facts = {"actor": "local", "record_id": stored.record.record_id, "manifest_sha256": sha256_hex(store)}
    async with workplace.database.write() as session:  # 4
        await ReleaseRepository(session).stamp(stored.record.record_id, store, sha256=facts["manifest_sha256"])
        await workplace.audit.append(session, STAMPED, facts)
    return True


def _store(workplace: Workplace, data: bytes, mime: str, source: "KeySource") -> bytes | None:
    """The file's manifests with a stamp; null if none was given, or it no longer helps."""
    from generator.late_stamp import stamp_later  # keeps the signing library out of commands that sign nothing

    store = stamp_later(data, source, mime=mime)
    if store is None or not _holds(_read(workplace, data, mime), _read(workplace, data, mime, store)):
        return None
    return store


def _read(workplace: Workplace, data: bytes, mime: str, store: bytes = b"") -> Credentials:
    options = {"mime": mime, "settings": workplace.trust.settings(), "manifest_bytes": len(store)}
    return from_json(workplace.sandbox.call(READ_CREDENTIALS, data + store, patience=1.0, **options))


def _holds(before: Credentials, after: Credentials) -> bool:
    """Whether the update says what the file said, and its signature is as good below the update as it was alone."""
    same = (before.soft_binding, before.declares_ai) == (after.soft_binding, after.declares_ai)
    failures = {code for item in after.ingredients for code in item.failures}
    return same and before.state in INTACT and after.state in INTACT and failures <= set(before.failures)
