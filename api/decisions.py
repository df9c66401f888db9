"""Policy decisions as they are made in practice: audited whichever way they went, and only then a refusal."""

import re
from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from api.errors import PolicyDenied
from api.policy import Decision, PolicyRequest, normalise
from api.workplace import Workplace

DECIDED = "policy.decided"
PURPOSE = re.compile(r"[a-z0-9_]{0,48}")
"""A code that may stand in the log in the clear."""


async def permit(
    workplace: Workplace, request: PolicyRequest, *, personal: Mapping[str, str] | None = None
) -> Decision:
    """The audited decision on `request`; raises `PolicyDenied` after the denial is in the log."""
    decision = workplace.policy.decide(request)
    async with workplace.database.write() as session:
        await record(workplace, session, request, decision, personal=personal)
    if not decision.allowed:
        raise PolicyDenied(decision.reason, policy_ids=list(decision.policy_ids), bundle_hash=decision.bundle_hash)
    return decision


async def record(
    workplace: Workplace,
    session: AsyncSession,
    request: PolicyRequest,
    decision: Decision,
    *,
    personal: Mapping[str, str] | None = None,
) -> None:
    """Appends `decision` to the log within the caller's transaction."""
    purpose = normalise(request.purpose)
    if not PURPOSE.fullmatch(purpose):  # free text may speak of somebody
        personal, purpose = {**(personal or {}), "purpose": purpose}, ""
    facts = {
        "actor": request.actor.id,
        "tenant": request.actor.tenant,
        "action": str(request.action),
        "purpose": purpose,
        "screened": sorted(request.context.screened),
        "consent": request.context.consent,
        "jurisdiction": request.context.jurisdiction,
    }
    await workplace.audit.append(session, DECIDED, facts | decision.as_dict(), personal=personal)
