"""Looking at a job from outside: as it is, at each change, or until it ends."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from api.auth import Actor
from api.errors import NotFound
from api.jobs.document import job_object
from api.jobs.job import Job, JobKind
from api.jobs.repository import JobRepository
from api.workplace import Workplace

EVENT_STREAM: Final = "text/event-stream"
LOOK_EVERY: Final = 0.5
SIGN_OF_LIFE: Final = 15.0
"""Seconds without a change after which a comment keeps the connection open through proxies."""
LONGEST: Final = 3600.0
"""Seconds that one connection lasts; who wants to know more connects again."""


async def found(workplace: Workplace, actor: Actor, job_id: str) -> Job:
    """Raises `NotFound` if the actor's tenant has no such inspection or batch."""
    async with workplace.database.read() as session:
        job = await JobRepository(session).get(job_id, tenant=actor.tenant)
    if job is None or job.kind is JobKind.DELIVERY:
        raise NotFound("There is no such job.")
    return job


async def waiting(workplace: Workplace) -> int:
    """How many jobs wait to be begun, of all tenants."""
    async with workplace.database.read() as session:
        return await JobRepository(session).waiting()


async def job_document(workplace: Workplace, job: Job) -> dict[str, Any]:
    async with workplace.database.read() as session:
        parts = await JobRepository(session).parts(job.id) if job.kind is JobKind.BATCH else []
        receipt = None if job.entry is None else (await workplace.audit.receipt(session, job.entry)).as_dict()
    return job_object(job, parts, receipt=receipt)


async def changes(workplace: Workplace, job: Job) -> AsyncIterator[str]:
    """The job at once and at each change, as server-sent events, the last of which has its end."""
    end = time.monotonic() + LONGEST
    shown, quiet = "", time.monotonic()
    while True:
        document = json.dumps(job_object(job), separators=(",", ":"))
        if document != shown:
            yield f"event: {job.state.value}\nid: {job.updated_at}\ndata: {document}\n\n"
            shown, quiet = document, time.monotonic()
        elif time.monotonic() - quiet > SIGN_OF_LIFE:
            yield ": waiting\n\n"
            quiet = time.monotonic()
        if not job.open or time.monotonic() > end:
            return
        await asyncio.sleep(LOOK_EVERY)
        job = await _again(workplace, job)


async def ended(workplace: Workplace, job_id: str, *, seconds: float) -> Job | None:
    """The job once it has an end; null if that takes longer than `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        async with workplace.database.read() as session:
            job = await JobRepository(session).get(job_id)
        if job is None or not job.open:
            return job
        await asyncio.sleep(LOOK_EVERY)
    return None


async def _again(workplace: Workplace, job: Job) -> Job:
    async with workplace.database.read() as session:
        return await JobRepository(session).get(job.id) or job
