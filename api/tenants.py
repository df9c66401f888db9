"""Tenants: who shares data and terms. The operator's own tenant looks after the list of all of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.clock import timestamp
from api.decisions import encodable, permit
from api.errors import Conflict, InvalidRequest, NotFound
from api.policy import PolicyAction, PolicyRequest
from api.tenant_repository import StoredTenant, TenantRepository
from api.workplace import Workplace

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""ASCII alone: no two names look alike."""
JURISDICTIONS: Final = ("none", "eu", "california", "china")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a tenant gets instead of the instance's own; null leaves that. `rate` is in requests a minute."""

    jurisdiction: str | None = None
    daily_generations: int | None = None
    rate: int | None = None

    def values(self) -> Mapping[str, Any]:
        """What is set. Raises `InvalidRequest` for what no tenant can have."""
        if self.jurisdiction is not None and self.jurisdiction not in JURISDICTIONS:
            raise InvalidRequest(f"A jurisdiction is one of {', '.join(JURISDICTIONS)}.")
        named = {
            "jurisdiction": self.jurisdiction,
            "daily_generations": self.daily_generations,
            "rate": self.rate,
        }
        return {name: value for name, value in named.items() if value is not None}


async def create(workplace: Workplace, actor: Actor, name: str, terms: Terms) -> StoredTenant:
    """A new tenant. Raises `PolicyDenied`, `InvalidRequest` for a name that could be taken for another, `Conflict`."""
    await permit(workplace, _request(workplace, actor), personal={"name": name})
    if not NAME.fullmatch(name):
        async with workplace.database.write() as session:
            await _log(workplace, session, actor, "tenant.refused", {"code": InvalidRequest.code}, {"name": name})
        raise InvalidRequest("A tenant's name is 1 to 63 of a-z, 0-9, - and _, and starts with a letter or digit.")
    values = terms.values()
    async with workplace.database.write() as session:
        if await TenantRepository(session).get(name):
            raise Conflict("There is a tenant of this name.")
        tenant = StoredTenant(name, timestamp(), **values)
        await TenantRepository(session).add(tenant)
        await _log(workplace, session, actor, "tenant.created", {"name": name, **values})
    return tenant


async def listed(workplace: Workplace, actor: Actor) -> Sequence[StoredTenant]:
    """All, by name. Raises `PolicyDenied`."""
    await permit(workplace, _request(workplace, actor))
    async with workplace.database.read() as session:
        return await TenantRepository(session).all()


async def change(workplace: Workplace, actor: Actor, name: str, terms: Terms) -> StoredTenant:
    """Other terms from now on. Raises `PolicyDenied`, `InvalidRequest`, `NotFound`."""
    values = terms.values()
    if not values:
        raise InvalidRequest("Say what shall change.")
    return await _change(workplace, actor, name, "tenant.changed", values, told=values)


async def suspend(workplace: Workplace, actor: Actor, name: str) -> StoredTenant:
    """Shuts a tenant's keys and tokens out; its data stay. Raises `PolicyDenied`, `NotFound`, `Conflict`."""
    if name == workplace.settings.tenant:
        raise Conflict("This is the operator's own tenant, which cannot be suspended.")
    return await _change(workplace, actor, name, "tenant.suspended", {"suspended_at": timestamp()})


async def resume(workplace: Workplace, actor: Actor, name: str) -> StoredTenant:
    """Lets a suspended tenant in again. Raises `PolicyDenied`, `NotFound`."""
    return await _change(workplace, actor, name, "tenant.resumed", {"suspended_at": None})


def told(tenant: StoredTenant) -> dict[str, Any]:
    """As JSON."""
    return {
        "name": tenant.id,
        "state": "suspended" if tenant.suspended_at else "active",
        "created_at": tenant.created_at,
        "suspended_at": tenant.suspended_at,
        "jurisdiction": tenant.jurisdiction,
        "daily_generations": tenant.daily_generations,
        "rate": tenant.rate,
    }


async def _change(
    workplace: Workplace,
    actor: Actor,
    name: str,
    kind: str,
    values: Mapping[str, Any],
    *,
    told: Mapping[str, Any] | None = None,
) -> StoredTenant:
    await permit(workplace, _request(workplace, actor))
    async with workplace.database.write() as session:
        if not await TenantRepository(session).change(name, values):
            raise NotFound("There is no such tenant.")
        await _log(workplace, session, actor, kind, {"name": name, **(told or {})})
        found = await TenantRepository(session).get(name)
    assert found is not None  # noqa: S101 - it was changed in this transaction
    return found


def _request(workplace: Workplace, actor: Actor) -> PolicyRequest:
    """The list of tenants belongs to the operator's own: managers of another tenant are refused by the policy."""
    return PolicyRequest(actor, PolicyAction.MANAGE, resource_tenant=workplace.settings.tenant)


async def _log(
    workplace: Workplace,
    session: AsyncSession,
    actor: Actor,
    kind: str,
    facts: Mapping[str, Any],
    personal: Mapping[str, str] | None = None,
) -> None:
    body = {"actor": actor.id, "tenant": actor.tenant, **facts}
    hidden = {field: encodable(value) for field, value in (personal or {}).items()}
    await workplace.audit.append(session, kind, body, personal=hidden)
