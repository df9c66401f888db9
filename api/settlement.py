"""Facts of a request that only the database knows: the tenant's jurisdiction, and the consent record that is named."""

from dataclasses import replace
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import timestamp
from api.consent_repository import PREFIX, consent_by_id
from api.disguise import DISGUISED, is_disguised
from api.policy import PolicyContext, PolicyRequest, normalise
from api.terms import jurisdiction_in
from api.workplace import Workplace

LAPSED: Final = "consent_lapsed"
"""In `PolicyContext.screened`: the record that was named does not hold."""


async def settled(workplace: Workplace, session: AsyncSession, request: PolicyRequest) -> PolicyRequest:
    """`request` with what the policy has to know, read in the transaction that decides."""
    return await session.run_sync(lambda plain: settled_within(workplace, plain.connection(), request))


def settled_within(workplace: Workplace, connection: Connection, request: PolicyRequest) -> PolicyRequest:
    """`settled` for a unit of work that is a plain function."""
    place = jurisdiction_in(workplace, connection, request.actor.tenant)
    context = replace(request.context, jurisdiction=place)
    if is_disguised(request.purpose):
        context = replace(context, screened=context.screened | {DISGUISED})
    if context.consent_reference.startswith(PREFIX):
        context = _with_record(connection, request, context)
    return replace(request, context=context)


def _with_record(connection: Connection, request: PolicyRequest, context: PolicyContext) -> PolicyContext:
    """A record that is named decides, whatever is attested beside it: it must be live and for this purpose."""
    record = consent_by_id(connection, context.consent_reference, tenant=request.actor.tenant)
    holds = record is not None and record.usable(timestamp()) and record.purpose == normalise(request.purpose)
    return replace(context, consent=holds, screened=context.screened if holds else context.screened | {LAPSED})
