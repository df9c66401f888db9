"""That something has ended, written down in the transaction that ended it: one delivery for each address that asked."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import timestamp
from api.jobs.job import Job, JobKind, JobState, Priority, job_id
from api.jobs.repository import JobRepository
from api.webhooks.endpoints import WebhookRepository


async def tell(session: AsyncSession, tenant: str, event: str, data: Mapping[str, Any]) -> None:
    """Adds the deliveries of `event` within the caller's transaction; `data` holds ids and codes, no content."""
    now = timestamp()
    for hook in await WebhookRepository(session).of_tenant(tenant):
        if event in hook.events:
            body = {"type": event, "timestamp": now, "data": dict(data)}
            await JobRepository(session).add(
                Job(
                    id=job_id(JobKind.DELIVERY),
                    tenant=tenant,
                    kind=JobKind.DELIVERY,
                    state=JobState.ACCEPTED,
                    priority=Priority.NORMAL,
                    created_at=now,
                    updated_at=now,
                    request={"webhook": hook.id, "body": body},
                    due_at=now,
                )
            )
