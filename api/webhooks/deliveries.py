"""What was sent, what is still to be sent, and what is dead until somebody has it sent again."""

from collections.abc import Mapping
from typing import Any

from api.auth import Actor
from api.clock import timestamp
from api.errors import NotFound
from api.jobs.job import Job, JobEnded, JobKind, JobState
from api.jobs.repository import JobRepository
from api.workplace import Workplace


async def latest(workplace: Workplace, actor: Actor, *, state: JobState | None, limit: int) -> list[dict[str, Any]]:
    """Newest first."""
    async with workplace.database.read() as session:
        found = await JobRepository(session).latest(
            tenant=actor.tenant, kinds=(JobKind.DELIVERY,), state=state, limit=limit
        )
    return [delivery_object(job) for job in found]


async def again(workplace: Workplace, actor: Actor, delivery_id: str) -> dict[str, Any]:
    """Has a delivery sent once more, under its own id. Raises `NotFound`, or `JobEnded` if it is still under way."""
    async with workplace.database.write() as session:
        body = {"actor": actor.id, "tenant": actor.tenant, "delivery": delivery_id}
        await workplace.audit.append(session, "webhook.redelivered", body)
        repository = JobRepository(session)
        job = await repository.get(delivery_id, tenant=actor.tenant)
        if job is None or job.kind is not JobKind.DELIVERY:
            raise NotFound("There is no such delivery.")
        fresh: Mapping[str, Any] = {"run": job.run + 1, "tries": 0, "due_at": timestamp(), "queued_at": None}
        ends = (JobState.DONE, JobState.FAILED)
        if not await repository.change(job, states=ends, state=JobState.ACCEPTED, parts_left=1, **fresh):
            raise JobEnded("This delivery is under way already.")
        changed = await repository.get(delivery_id)
    return delivery_object(changed or job)


def delivery_object(job: Job) -> dict[str, Any]:
    """`id` is the `webhook-id` that the receiver sees."""
    body = job.request["body"]
    return {
        "id": job.id,
        "webhook": job.request["webhook"],
        "type": body["type"],
        "about": body["data"]["id"],
        "state": job.state.value,
        "tries": job.tries,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "due_at": job.due_at if job.open else None,
        "error": dict(job.error) if job.error else None,
    }
