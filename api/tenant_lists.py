"""Tenants' lists of known media, ready to be searched: taken from the database and read once, not for every picture.

What is there is asked anew for each picture, by name and digest alone, so several processes need not tell each other.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from api.db import Database
from api.repositories import KnownMediaRepository, StoredList
from detector.provenance.known_media import KnownMediaList

MAX_TENANTS: Final = 64
"""Whose lists stay in memory, a hundred bytes an entry; those of who was not heard of for longest go first."""


class TenantLists:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, Mapping[tuple[str, str], KnownMediaList]] = {}

    async def of(self, tenant: str) -> tuple[KnownMediaList, ...]:
        """The lists of `tenant`, by name."""
        async with self._database.read() as session:
            repository = KnownMediaRepository(session)
            listed = await repository.of_tenant(tenant)
            held = self._held.pop(tenant, {})
            new = [item for item in listed if _key(item) not in held]
            contents = [(item, await repository.content(item.name, tenant=tenant)) for item in new]
        read = {_key(item): await _read(item, content) for item, content in contents if content is not None}
        ready = {**held, **read}
        lists = {_key(item): ready[_key(item)] for item in listed if _key(item) in ready}
        self._keep(tenant, lists)
        return tuple(lists.values())

    def _keep(self, tenant: str, lists: Mapping[tuple[str, str], KnownMediaList]) -> None:
        if lists:
            self._held[tenant] = lists
        while len(self._held) > MAX_TENANTS:
            del self._held[next(iter(self._held))]


async def _read(item: StoredList, content: bytes) -> KnownMediaList:
    return await asyncio.to_thread(KnownMediaList.parse, content, name=item.name)


def _key(item: StoredList) -> tuple[str, str]:
    return item.name, item.sha256
