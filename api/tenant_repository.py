"""All SQL of tenants, and of what they have used up: the day's releases and the requests of a window."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, case, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import timestamp
from api.db import Database
from api.tables import quota_uses, rate_counters, records, tenants


@dataclass(frozen=True, slots=True)
class StoredTenant:
    """A tenant and its terms; null is what the instance gives everybody. `rate` is in requests a minute."""

    id: str
    created_at: str
    suspended_at: str | None = None
    jurisdiction: str | None = None
    daily_generations: int | None = None
    rate: int | None = None


class TenantRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, tenant: StoredTenant) -> None:
        await self._session.execute(insert(tenants).values(asdict(tenant)))

    async def get(self, name: str) -> StoredTenant | None:
        return await self._session.run_sync(lambda plain: tenant_by_name(plain.connection(), name))

    async def all(self) -> Sequence[StoredTenant]:
        """By name."""
        return [
            StoredTenant(**row._mapping) for row in await self._session.execute(select(tenants).order_by(tenants.c.id))
        ]

    async def change(self, name: str, values: Mapping[str, Any]) -> bool:
        """Whether there is such a tenant, which now has these `values`."""
        query = update(tenants).where(tenants.c.id == name).values(**values).returning(tenants.c.id)
        return (await self._session.execute(query)).one_or_none() is not None


# Every request asks this: putting a query together takes as long as running it.
_TENANT = select(tenants).where(tenants.c.id == bindparam("of"))


def tenant_by_name(connection: Connection, name: str) -> StoredTenant | None:
    """For a unit of work that is a plain function."""
    row = connection.execute(_TENANT, {"of": name}).one_or_none()
    return StoredTenant(**row._mapping) if row else None


async def ensure_tenant(database: Database, name: str) -> None:
    """Makes the tenant `name` with the instance's own terms, if there is none yet."""
    async with database.read() as session:
        if await TenantRepository(session).get(name):
            return
    async with database.write() as session:
        if not await TenantRepository(session).get(name):
            await TenantRepository(session).add(StoredTenant(name, timestamp()))


class QuotaRepository:
    """Days are `YYYY-MM-DD` in UTC."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def used(self, tenant: str, day: str, *, locked: bool = False) -> int:
        """Releases of the day: allowed ones, or registered ones if these are more (made before anybody counted).

        `locked` keeps every other caller waiting here until the transaction ends.
        """
        if locked:
            new = _insert(self._session.get_bind().dialect.name, quota_uses).values(tenant=tenant, day=day, used=0)
            await self._session.execute(new.on_conflict_do_nothing())
        query = select(quota_uses.c.used).where(quota_uses.c.tenant == tenant, quota_uses.c.day == day)
        counted = (await self._session.execute(query.with_for_update() if locked else query)).scalar_one_or_none()
        registered: Select[Any] = select(func.count()).select_from(records)
        registered = registered.where(records.c.tenant == tenant, records.c.created_at >= day)
        return max(int(counted or 0), int((await self._session.execute(registered)).scalar_one()))

    async def set(self, tenant: str, day: str, used: int) -> None:
        mine = (quota_uses.c.tenant == tenant, quota_uses.c.day == day)
        await self._session.execute(update(quota_uses).where(*mine).values(used=used))

    async def give_back(self, tenant: str, day: str) -> None:
        mine = (quota_uses.c.tenant == tenant, quota_uses.c.day == day, quota_uses.c.used > 0)
        await self._session.execute(update(quota_uses).where(*mine).values(used=quota_uses.c.used - 1))


class RateRepository:
    """Moments are whole seconds since 1970. Plain functions, for a unit of work that is one (`Database.change`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hit(self, key: str, *, now: int, seconds: int, amount: int = 1) -> tuple[int, int]:
        """Hits in the window of `key` with these, and when it ends; the first hit opens it for `seconds`."""
        values = {"of": key, "amount": amount, "now": now, "end": now + seconds}
        row = self._connection.execute(_hit(self._connection.dialect.name), values).one()
        return int(row.hits), int(row.expires_at)

    def get(self, key: str) -> tuple[int, int]:
        """Hits and end of the window; zeros if there is none."""
        row = self._connection.execute(_WINDOW, {"of": key}).one_or_none()
        return (int(row.hits), int(row.expires_at)) if row else (0, 0)

    def forget(self, *, key: str | None = None, before: int | None = None) -> None:
        """Drops the window of `key`, or each that ended `before`, or all."""
        query = delete(rate_counters)
        if key is not None:
            query = query.where(rate_counters.c.key == key)
        if before is not None:
            query = query.where(rate_counters.c.expires_at < before)
        self._connection.execute(query)


_WINDOW = select(rate_counters.c.hits, rate_counters.c.expires_at).where(rate_counters.c.key == bindparam("of"))


@cache
def _hit(dialect: str) -> Any:  # noqa: ANN401 - either dialect's own insert
    """Adds `amount` to the window of `of` if that has not ended `now`, or begins one up to `end`."""
    table = rate_counters.c
    amount = bindparam("amount", type_=table.hits.type)
    now, end = (bindparam(name, type_=table.expires_at.type) for name in ("now", "end"))
    fresh = _insert(dialect, rate_counters).values(key=bindparam("of"), hits=amount, expires_at=end)
    over = table.expires_at <= now
    values = {
        "hits": case((over, amount), else_=table.hits + amount),
        "expires_at": case((over, end), else_=table.expires_at),
    }
    query = fresh.on_conflict_do_update(index_elements=["key"], set_=values)
    return query.returning(table.hits, table.expires_at)


def _insert(dialect: str, table: Any) -> Any:  # noqa: ANN401 - either dialect's own insert
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)
