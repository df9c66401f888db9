"""All SQL of tenants' policy bundles and of which of their versions held when."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, bindparam, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.tables import policy_activations, policy_bundles

NONE = 0
"""The version of a tenant that has no bundle of its own."""


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """A version of a tenant's bundle without its files; `entry` is its audit entry."""

    tenant: str
    version: int
    bundle_hash: str
    note: str
    created_at: str
    entry: int


@dataclass(frozen=True, slots=True)
class StoredActivation:
    """The `number`th time that `tenant` was put on a version."""

    tenant: str
    number: int
    version: int
    created_at: str
    entry: int


class PolicyRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, bundle: StoredBundle, files: bytes) -> None:
        await self._session.execute(insert(policy_bundles).values(asdict(bundle) | {"files": files}))

    async def newest(self, tenant: str) -> int:
        """The latest version, or `NONE`."""
        query = select(func.max(policy_bundles.c.version)).where(policy_bundles.c.tenant == tenant)
        return (await self._session.execute(query)).scalar_one() or NONE

    async def of_tenant(self, tenant: str) -> Sequence[StoredBundle]:
        """Newest first."""
        columns = [policy_bundles.c[field.name] for field in fields(StoredBundle)]
        query = select(*columns).where(policy_bundles.c.tenant == tenant).order_by(policy_bundles.c.version.desc())
        return [StoredBundle(**row._mapping) for row in await self._session.execute(query)]

    async def get(self, tenant: str, version: int) -> StoredBundle | None:
        return await self._session.run_sync(lambda plain: bundle_of(plain.connection(), tenant, version))

    async def files(self, tenant: str, version: int) -> bytes | None:
        return await self._session.run_sync(lambda plain: bundle_files(plain.connection(), tenant, version))

    async def activate(self, activation: StoredActivation) -> None:
        await self._session.execute(insert(policy_activations).values(asdict(activation)))

    async def activations(self, tenant: str, *, limit: int = 2) -> Sequence[StoredActivation]:
        """Newest first."""
        query = select(policy_activations).where(policy_activations.c.tenant == tenant)
        query = query.order_by(policy_activations.c.number.desc()).limit(limit)
        return [StoredActivation(**row._mapping) for row in await self._session.execute(query)]

    async def active(self, tenant: str) -> int:
        """The version that holds, or `NONE`."""
        return await self._session.run_sync(lambda plain: active_version(plain.connection(), tenant))


# Every decision asks this: putting a query together takes as long as running it.
_ACTIVE = select(policy_activations.c.version).where(policy_activations.c.tenant == bindparam("of"))
_ACTIVE = _ACTIVE.order_by(policy_activations.c.number.desc()).limit(1)


def active_version(connection: Connection, tenant: str) -> int:
    """For a unit of work that is a plain function, as those below are."""
    found = connection.execute(_ACTIVE, {"of": tenant}).scalar_one_or_none()
    return NONE if found is None else int(found)


def bundle_of(connection: Connection, tenant: str, version: int) -> StoredBundle | None:
    columns = [policy_bundles.c[field.name] for field in fields(StoredBundle)]
    mine = (policy_bundles.c.tenant == tenant, policy_bundles.c.version == version)
    row = connection.execute(select(*columns).where(*mine)).one_or_none()
    return StoredBundle(**row._mapping) if row else None


def bundle_files(connection: Connection, tenant: str, version: int) -> bytes | None:
    mine = (policy_bundles.c.tenant == tenant, policy_bundles.c.version == version)
    found = connection.execute(select(policy_bundles.c.files).where(*mine)).scalar_one_or_none()
    return None if found is None else bytes(found)
