"""The index finds what a search over every record finds, and sees what was added since."""

from dataclasses import replace

import numpy as np
import pytest

from api.audit import AuditLog
from api.db import Database
from api.fingerprints import FingerprintIndex
from api.repositories import ReleaseRepository, StoredRecord
from detector.provenance.fingerprint import distance
from detector.types import ReleaseRecord

RECORD = StoredRecord(
    ReleaseRecord("0" * 12, "2026-01-01T00:00:00.000Z", "ab" * 32, "cd" * 32, "0" * 64, "embedded"), "default", b"", 0
)


async def add(database: Database, log: AuditLog, fingerprints: dict[str, str]) -> None:
    async with database.write() as session:
        for record_id, fingerprint in fingerprints.items():
            entry = await log.append(session, "test.release", {})
            record = replace(RECORD.record, record_id=record_id, fingerprint=fingerprint)
            await ReleaseRepository(session).add(replace(RECORD, record=record, entry=entry.index))


async def test_nearest_come_first_and_new_ones_are_seen(any_database: Database, log: AuditLog) -> None:
    index = FingerprintIndex(any_database)
    assert await index.near("0" * 64, within_bits=31) == []
    await add(any_database, log, {"00000000000a": "f" * 8 + "0" * 56, "00000000000b": "3" + "0" * 63})
    assert await index.near("0" * 64, within_bits=31) == [("00000000000b", 2)]
    assert await index.near("0" * 64, within_bits=32) == [("00000000000b", 2), ("00000000000a", 32)]
    await add(any_database, log, {"ffffffffffff": "0" * 64})
    assert await index.near("0" * 64, within_bits=31) == [("ffffffffffff", 0), ("00000000000b", 2)]
    assert len(index) == 3


async def test_it_agrees_with_a_search_over_all(
    any_database: Database, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.fingerprints.CHUNK", 7)
    rng = np.random.default_rng(0)
    centre = rng.integers(0, 256, 32, dtype=np.uint8)
    stored = {}
    for number in range(40):
        flips = np.packbits((rng.random(256) < number / 200).astype(np.uint8))
        stored[f"{number:012x}"] = (centre ^ flips).tobytes().hex()
    await add(any_database, log, stored)
    asked = centre.tobytes().hex()
    wanted = {name: distance(asked, fingerprint) for name, fingerprint in stored.items()}
    found = await FingerprintIndex(any_database).near(asked, within_bits=31)
    assert dict(found) == {name: bits for name, bits in wanted.items() if bits <= 31}
    assert [bits for _, bits in found] == sorted(bits for _, bits in found)
