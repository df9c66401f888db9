"""How a job ends, whatever its end: its row, the batch that it is a part of, and who is told, in one transaction."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.jobs.inputs import Inputs
from api.jobs.job import Job, JobEnded, JobKind, JobState
from api.jobs.repository import JobRepository
from api.webhooks.events import tell
from api.workplace import Workplace

EVENTS = {
    (JobKind.INSPECTION, JobState.DONE): "inspection.completed",
    (JobKind.INSPECTION, JobState.FAILED): "inspection.failed",
    (JobKind.BATCH, JobState.DONE): "batch.completed",
    (JobKind.INSPECTION, JobState.CANCELLED): "job.cancelled",
    (JobKind.BATCH, JobState.CANCELLED): "job.cancelled",
}


async def end(
    session: AsyncSession,
    job: Job,
    state: JobState,
    *,
    error: Mapping[str, Any] | None = None,
    told: Mapping[str, Any] | None = None,
) -> None:
    """Gives `job` its end; raises `JobEnded`, which takes the whole transaction back, if it has another already.

    `told` goes into the event beside id and state.
    """
    repository = JobRepository(session)
    if not await repository.change(job, state=state, error=error, parts_left=0):
        raise JobEnded
    event = EVENTS.get((job.kind, state))
    if event is not None:
        data = {"id": job.id, "batch": job.parent, "state": state.value, "error": error} | dict(told or {})
        await tell(session, job.tenant, event, data)
    if job.parent is not None and await repository.part_ended(job.parent) == 0:
        whole = await repository.get(job.parent)
        if whole is not None and whole.open:
            await end(session, whole, JobState.DONE)


async def cancel(workplace: Workplace, actor: Actor, job: Job) -> None:
    """Ends `job` and whatever of its parts is open; raises `JobEnded`. What is being done is not recorded any more."""
    async with workplace.database.write() as session:
        body = {"actor": actor.id, "tenant": actor.tenant, "job": job.id}
        await workplace.audit.append(session, "job.cancelled", body)
        repository = JobRepository(session)
        parts = [part for part in await repository.parts(job.id) if part.open]
        await end(session, job, JobState.CANCELLED)
        for part in parts:
            await repository.change(part, state=JobState.CANCELLED, parts_left=0)
    for part in parts or [job]:
        await Inputs(workplace.blobs).drop(part.id)
