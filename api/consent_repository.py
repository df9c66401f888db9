"""All SQL of consent records."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.repositories import PAGE
from api.tables import consents

PREFIX: Final = "cons_"
"""How a reference to a record starts; any other reference is the caller's own, and is attested and not looked up."""


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """A person's consent: `subject` is the HMAC of who that is under `salt`, `entry` its audit entry."""

    id: str
    tenant: str
    salt: bytes
    subject: str
    purpose: str
    created_at: str
    expires_at: str
    entry: int
    revoked_at: str | None = None

    def usable(self, now: str) -> bool:
        """Whether it is neither revoked nor expired at `now`, a timestamp."""
        return self.revoked_at is None and now < self.expires_at


class ConsentRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, consent: StoredConsent) -> None:
        await self._session.execute(insert(consents).values(asdict(consent)))

    async def get(self, consent_id: str, *, tenant: str) -> StoredConsent | None:
        return await self._session.run_sync(lambda plain: consent_by_id(plain.connection(), consent_id, tenant=tenant))

    async def latest(self, *, tenant: str, limit: int = PAGE, before: str | None = None) -> Sequence[StoredConsent]:
        """Newest first; `before` is the `created_at` of the last one already seen."""
        query = select(consents).where(consents.c.tenant == tenant).order_by(consents.c.created_at.desc()).limit(limit)
        if before is not None:
            query = query.where(consents.c.created_at < before)
        return [StoredConsent(**row._mapping) for row in await self._session.execute(query)]

    async def revoke(self, consent_id: str, *, tenant: str, now: str) -> bool:
        """Whether `tenant` had a live record of this id, which is revoked now."""
        mine = (consents.c.id == consent_id, consents.c.tenant == tenant, consents.c.revoked_at.is_(None))
        query = update(consents).where(*mine).values(revoked_at=now).returning(consents.c.id)
        return (await self._session.execute(query)).one_or_none() is not None


def consent_by_id(connection: Connection, consent_id: str, *, tenant: str) -> StoredConsent | None:
    """For a unit of work that is a plain function."""
    query = select(consents).where(consents.c.id == consent_id, consents.c.tenant == tenant)
    row = connection.execute(query).one_or_none()
    return StoredConsent(**row._mapping) if row else None
