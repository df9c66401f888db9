"""Facts of a request that only the database knows: the tenant's jurisdiction, and the consent record that is named."""

from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import timestamp
from api.consent_repository import PREFIX, ConsentRepository
from api.disguise import DISGUISED, is_disguised
from api.policy import PolicyContext, PolicyRequest, normalise
from api.terms import jurisdiction_in
from api.workplace import Workplace

LAPSED: Final = "consent_lapsed"
"""In `PolicyContext.screened`: the record that was named does not hold."""


async def settled(workplace: Workplace, session: AsyncSession, request: PolicyRequest) -> PolicyRequest:
    """`request` with what the policy has to know, read in the transaction that decides."""
    place = await jurisdiction_in(workplace, session, request.actor.tenant)
    context = replace(request.context, jurisdiction=place)
    if is_disguised(request.purpose):
        context = replace(context, screened=context.screened | {DISGUISED})
    if context.consent_reference.startswith(PREFIX):
        context = await _with_record(session, request, context)
    return replace(request, context=context)


async def _with_record(session: AsyncSession, request: PolicyRequest, context: PolicyContext) -> PolicyContext:
    """A record that is named decides, whatever is attested beside it: it must be live and for this purpose."""
    record = await ConsentRepository(session).get(context.consent_reference, tenant=request.actor.tenant)
    holds = record is not None and record.usable(timestamp()) and record.purpose == normalise(request.purpose)
    return replace(context, consent=holds, screened=context.screened if holds else context.screened | {LAPSED})
