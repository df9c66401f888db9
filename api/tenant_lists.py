"""Tenants' lists of known media, ready to be searched: taken from the database and read once, not for every picture.

What is there is asked anew for each picture, by name and digest alone, so several processes need not tell each other.
"""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from sqlalchemy import Connection

from api.db import Database
from api.repositories import StoredList, list_content, lists_of_tenant
from detector.provenance.known_media import KnownMediaList

Held: TypeAlias = Mapping[tuple[str, str], KnownMediaList]
MAX_TENANTS: Final = 64
"""Whose lists stay in memory, a hundred bytes an entry; those of who was not heard of for longest go first."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A tenant's lists: those that were `held` when it was asked, all that are `listed`, and the `new` with content."""

    held: Held
    listed: Sequence[StoredList]
    new: Sequence[tuple[StoredList, bytes]]


class TenantLists:
    """For the loop that `database` belongs to (`of`), and for worker threads beside it (`in_thread`)."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self._database = database
        self._loop = loop
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()

    async def of(self, tenant: str) -> tuple[KnownMediaList, ...]:
        """The lists of `tenant`, by name."""
        return await asyncio.to_thread(self.in_thread, tenant)

    def in_thread(self, tenant: str) -> tuple[KnownMediaList, ...]:
        """`of`, which blocks the thread that it is called in: any but the loop's own."""
        return self.read(tenant, self._database.look_in_thread(lambda found: self.ask(found, tenant), self._loop))

    def ask(self, connection: Connection, tenant: str) -> Listed:
        """What the database says of the lists of `tenant`, for `read`: part of a unit of work that is a function."""
        with self._lock:
            held = self._held.get(tenant, {})
        listed = lists_of_tenant(connection, tenant)
        new = [(item, list_content(connection, item.name, tenant=tenant)) for item in listed if _key(item) not in held]
        return Listed(held, listed, [(item, content) for item, content in new if content is not None])

    def read(self, tenant: str, found: Listed) -> tuple[KnownMediaList, ...]:
        """The lists of `tenant`, by name; those that are new are parsed, which may take its time."""
        fresh = {_key(item): KnownMediaList.parse(content, name=item.name) for item, content in found.new}
        ready = {**found.held, **fresh}
        lists = {_key(item): ready[_key(item)] for item in found.listed if _key(item) in ready}
        with self._lock:
            self._keep(tenant, lists)
        return tuple(lists.values())

    def _keep(self, tenant: str, lists: Held) -> None:
        self._held.pop(tenant, None)
        if lists:
            self._held[tenant] = lists
        while len(self._held) > MAX_TENANTS:
            del self._held[next(iter(self._held))]


def _key(item: StoredList) -> tuple[str, str]:
    return item.name, item.sha256
