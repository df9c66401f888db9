"""The day's quota of releases: a unit is taken in the transaction that decides, and given back if nothing is made."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from api.auth import Actor
from api.clock import timestamp
from api.decisions import decide, record, refuse
from api.policy import Decision, PolicyRequest
from api.settlement import settled
from api.tenant_repository import QuotaRepository
from api.terms import daily_of
from api.workplace import Workplace

DAY: Final = len("2026-11-24")


@asynccontextmanager
async def permitted(
    workplace: Workplace, request: PolicyRequest, *, personal: Mapping[str, str] | None = None
) -> AsyncIterator[Decision]:
    """The audited decision on a release, which counts as made while the block runs, and after it unless it raises.

    Calls at once queue at the tenant's counter, so that no two of them get the last unit. A process that dies in the
    block has used its unit up. Raises `PolicyDenied` after the denial is in the log.
    """
    tenant, day = request.actor.tenant, today()
    async with workplace.database.write() as session:
        quotas = QuotaRepository(session)
        used = await quotas.used(tenant, day, locked=True)
        left = max(0, await daily_of(workplace, session, tenant) - used)
        request = await settled(workplace, session, request)
        request = replace(request, context=replace(request.context, quota_left=left))
        decision = await decide(workplace, session, request)
        if decision.allowed:
            await quotas.set(tenant, day, used + 1)
        await record(workplace, session, request, decision, personal=personal)
    refuse(decision)
    try:
        yield decision
    except BaseException:
        async with workplace.database.write() as session:
            await QuotaRepository(session).give_back(tenant, day)
        raise


async def quota_left(workplace: Workplace, actor: Actor) -> int:
    """How many more files the tenant may release today (UTC), as things stand: `permitted` has the last word."""
    async with workplace.database.read() as session:
        used = await QuotaRepository(session).used(actor.tenant, today())
        return max(0, await daily_of(workplace, session, actor.tenant) - used)


def today() -> str:
    """In UTC, as `2026-11-24`."""
    return timestamp()[:DAY]
