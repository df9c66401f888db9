"""What the policy would say, without anything being done, counted or logged."""

from api.errors import NotFound
from api.policy import Decision, PolicyRequest
from api.policy_repository import PolicyRepository
from api.settlement import settled
from api.workplace import Workplace


async def dry_run(workplace: Workplace, request: PolicyRequest, *, version: int | None = None) -> Decision:
    """The decision on `request` by what is in force, or as if the tenant's `version` were; 0 is none of its own.

    Raises `NotFound` if there is no such version.
    """
    async with workplace.database.read() as session:
        if version and await PolicyRepository(session).get(request.actor.tenant, version) is None:
            raise NotFound("There is no such version.")
        request = await settled(workplace, session, request)
        return await workplace.policies.decide(session, request, version=version)
