"""Policy decisions as they are made in practice: audited whichever way they went, and only then a refusal.

An act that leaves nothing behind may have its decision logged together with its outcome: `decide_first`.
"""

import re
from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from api.errors import PolicyDenied
from api.ledger import Fact
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
    fact = fact_of(request, decision, personal=personal)
    await workplace.database.change(lambda connection: workplace.audit.within(connection).append([fact]))
    return _allowed(decision)


async def decide_first(workplace: Workplace, request: PolicyRequest) -> Fact:
    """The decision as an entry to come, which the caller appends with its outcome or failure, in one transaction.

    Raises `PolicyDenied` after the denial is in the log.
    """
    decision = workplace.policy.decide(request)
    fact = fact_of(request, decision)
    if not decision.allowed:
        await workplace.database.change(lambda connection: workplace.audit.within(connection).append([fact]))
    _allowed(decision)
    return fact


async def record(
    workplace: Workplace,
    session: AsyncSession,
    request: PolicyRequest,
    decision: Decision,
    *,
    personal: Mapping[str, str] | None = None,
) -> None:
    """Appends `decision` to the log within the caller's transaction."""
    fact = fact_of(request, decision, personal=personal)
    await workplace.audit.append(session, fact.kind, fact.body, personal=fact.personal)


def fact_of(request: PolicyRequest, decision: Decision, *, personal: Mapping[str, str] | None = None) -> Fact:
    """What the log says of `decision`."""
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
    return Fact(DECIDED, facts | decision.as_dict(), personal or {})


def _allowed(decision: Decision) -> Decision:
    if not decision.allowed:
        raise PolicyDenied(decision.reason, policy_ids=list(decision.policy_ids), bundle_hash=decision.bundle_hash)
    return decision
