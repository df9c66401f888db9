"""Finds releases whose fingerprint is near a given one, among millions, in memory: a database has no such index.

It reads from the registry what was added since it was last asked, so several processes need not tell each other.
"""

import asyncio
from array import array
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np

from api.db import Database
from api.registry_looks import fingerprints_after
from detector.provenance.fingerprint import BITS

CHUNK: Final = 50_000
"""Records that are taken in at once: a hundredth of a second of work in one piece."""


class FingerprintIndex:
    """Every PDQ fingerprint of the registry: 40 bytes each; a search among a million took 4.4 ms (median of 60)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._record_ids = array("Q")
        self._seen = -1
        self._lock = asyncio.Lock()

    @cached_property
    def _index(self) -> Any:  # noqa: ANN401  (a library without types)
        import faiss  # a tenth of a second, which most commands can save

        return faiss.IndexBinaryFlat(BITS)

    def __len__(self) -> int:
        return len(self._record_ids)

    async def near(self, fingerprint: str, *, within_bits: int) -> Sequence[tuple[str, int]]:
        """Ids of records within `within_bits` of the 256 bits of `fingerprint`, and how many differ, nearest first.

        An id may be of a record that was erased since.
        """
        async with self._lock:
            await self._catch_up()
            if not self._record_ids:
                return []
            asked = np.frombuffer(bytes.fromhex(fingerprint), np.uint8)[None]
            _, distances, places = self._index.range_search(asked, within_bits + 1)
        found = sorted(zip(distances.astype(int).tolist(), places.tolist(), strict=True))
        return [(f"{self._record_ids[place]:012x}", distance) for distance, place in found]

    async def _catch_up(self) -> None:
        while True:
            rows = await self._database.look(lambda found: fingerprints_after(found, self._seen, limit=CHUNK))
            if not rows:
                return
            self._index.add(np.frombuffer(bytes.fromhex("".join(row[1] for row in rows)), np.uint8).reshape(-1, 32))
            self._record_ids.extend(int(row[0], 16) for row in rows)
            self._seen = rows[-1][2]
