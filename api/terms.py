"""What holds for a tenant: its own terms, and where it has none the instance's."""

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.tenant_repository import TenantRepository
from api.workplace import Workplace


async def daily_of(workplace: Workplace, session: AsyncSession, tenant: str) -> int:
    """Releases in a UTC day."""
    found = await TenantRepository(session).get(tenant)
    own = found.daily_generations if found else None
    return workplace.settings.daily_generations if own is None else own


async def jurisdiction_in(workplace: Workplace, session: AsyncSession, tenant: str) -> str:
    """The jurisdiction whose profile holds: none, eu, california or china."""
    found = await TenantRepository(session).get(tenant)
    return (found.jurisdiction if found else None) or workplace.settings.jurisdiction


async def jurisdiction_of(workplace: Workplace, actor: Actor) -> str:
    """As `jurisdiction_in`, for the actor's tenant."""
    async with workplace.database.read() as session:
        return await jurisdiction_in(workplace, session, actor.tenant)
