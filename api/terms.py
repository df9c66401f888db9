"""What holds for a tenant: its own terms, and where it has none the instance's."""

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.tenant_repository import TenantRepository, tenant_by_name
from api.workplace import Workplace


async def daily_of(workplace: Workplace, session: AsyncSession, tenant: str) -> int:
    """Releases in a UTC day."""
    found = await TenantRepository(session).get(tenant)
    own = found.daily_generations if found else None
    return workplace.settings.daily_generations if own is None else own


def jurisdiction_in(workplace: Workplace, connection: Connection, tenant: str) -> str:
    """The jurisdiction whose profile holds: none, eu, california or china."""
    found = tenant_by_name(connection, tenant)
    return (found.jurisdiction if found else None) or workplace.settings.jurisdiction


async def jurisdiction_of(workplace: Workplace, actor: Actor) -> str:
    """As `jurisdiction_in`, for the actor's tenant."""
    return await workplace.database.look(lambda connection: jurisdiction_in(workplace, connection, actor.tenant))
