"""Policy decisions as they are made in practice: audited whichever way they went, and only then a refusal.

An act that leaves nothing behind may have its decision logged together with its outcome: `decided_within`.
"""

import re
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from api.errors import DailyQuotaExceeded, PolicyDenied
from api.ledger import Fact
from api.policy import Decision, PolicyRequest, normalise
from api.settlement import settled, settled_within
from api.workplace import Workplace

DECIDED = "policy.decided"
PURPOSE = re.compile(r"[a-z0-9_]{0,48}")
"""A code that may stand in the log in the clear."""
QUOTA: Final = ("quota",)
"""The rule that time alone will lift."""


async def permit(
    workplace: Workplace, request: PolicyRequest, *, personal: Mapping[str, str] | None = None
) -> Decision:
    """The audited decision on `request`; raises `PolicyDenied` after the denial is in the log."""
    async with workplace.database.write() as session:
        request = await settled(workplace, session, request)
        decision = await decide(workplace, session, request)
        await record(workplace, session, request, decision, personal=personal)
    refuse(decision)
    return decision


async def decide_within(workplace: Workplace, session: AsyncSession, request: PolicyRequest) -> Decision:
    """The decision on `request`, which is logged in the caller's transaction; whoever calls refuses what it denies."""
    request = await settled(workplace, session, request)
    decision = await decide(workplace, session, request)
    await record(workplace, session, request, decision)
    return decision


async def require_allowed(workplace: Workplace, request: PolicyRequest) -> None:
    """Raises `PolicyDenied`, with the denial in the log; what is allowed leaves nothing there yet."""
    _, decision = await workplace.database.look(lambda connection: decided_within(workplace, connection, request))
    if not decision.allowed:
        await permit(workplace, request)


async def refresh_policies(workplace: Workplace) -> None:
    """Looks at the instance's folder of policies, if that is due, before `decided_within`, which does not."""
    if workplace.policies.due:
        async with workplace.database.write() as session:
            await workplace.policies.refresh(session)


def decided_within(
    workplace: Workplace, connection: Connection, request: PolicyRequest
) -> tuple[PolicyRequest, Decision]:
    """`request`, settled, and what the policies say to it; part of a unit of work that is a plain function.

    Whoever calls logs it (`fact_of`), with the outcome if the act leaves nothing behind, and refuses what it denies.
    """
    asked = settled_within(workplace, connection, request)
    return asked, workplace.policies.decide_within(connection, asked)


async def decide(workplace: Workplace, session: AsyncSession, request: PolicyRequest) -> Decision:
    """What the policies say to a settled request: the instance's, and then the tenant's, which can only take away."""
    await workplace.policies.refresh(session)
    return await workplace.policies.decide(session, request)


def refuse(decision: Decision) -> None:
    """Raises `PolicyDenied` for a denial."""
    if decision.allowed:
        return
    extra = {"policy_ids": list(decision.policy_ids), "bundle_hash": decision.bundle_hash}
    if decision.policy_ids == QUOTA:
        raise DailyQuotaExceeded(decision.reason, **extra, **{"violated-policies": ["daily"]})
    raise PolicyDenied(decision.reason, **extra)


async def record(
    workplace: Workplace,
    session: AsyncSession,
    request: PolicyRequest,
    decision: Decision,
    *,
    personal: Mapping[str, str] | None = None,
) -> None:
    """Appends `decision` to the log within the caller's transaction, whatever was asked."""
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
        "screened": sorted(map(str, request.context.screened)),
        "consent": request.context.consent is True,
        "jurisdiction": str(request.context.jurisdiction),
    }
    told = {name: encodable(value) if isinstance(value, str) else value for name, value in facts.items()}
    hidden = {name: encodable(value) for name, value in (personal or {}).items()}
    return Fact(DECIDED, told | decision.as_dict(), hidden)


def encodable(text: str) -> str:
    """`text` with lone surrogates as escapes: a request that holds one is refused, and that refusal is on record."""
    return text.encode("utf-8", "backslashreplace").decode()
