"""All SQL of jobs and workers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import timestamp
from api.jobs.job import OPEN, Job, JobKind, JobState
from api.tables import jobs, workers

JOB_FIELDS = tuple(field.name for field in fields(Job))
PAGE = 50


class JobRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, job: Job, *, entry: int | None = None) -> None:
        """`entry` is the audit entry of the acceptance."""
        values = {name: getattr(job, name) for name in JOB_FIELDS} | {"entry": entry}
        values |= {"request": _pack(job.request), "error": _pack(job.error) if job.error else None}
        await self._session.execute(insert(jobs).values(values))

    async def get(self, job_id: str, *, tenant: str | None = None) -> Job | None:
        """The job of this id, if it is `tenant`'s or no tenant is named."""
        query = select(jobs).where(jobs.c.id == job_id)
        if tenant is not None:
            query = query.where(jobs.c.tenant == tenant)
        row = (await self._session.execute(query)).one_or_none()
        return _job(row) if row else None

    async def latest(
        self, *, tenant: str, kinds: Sequence[JobKind], state: JobState | None = None, limit: int = PAGE
    ) -> Sequence[Job]:
        """Newest first."""
        query = select(jobs).where(jobs.c.tenant == tenant, jobs.c.kind.in_(kinds))
        if state is not None:
            query = query.where(jobs.c.state == state)
        query = query.order_by(jobs.c.created_at.desc(), jobs.c.id).limit(limit)
        return [_job(row) for row in await self._session.execute(query)]

    async def waiting(self) -> int:
        """How many jobs wait to be begun, of all tenants."""
        query = select(func.count()).where(jobs.c.state == JobState.ACCEPTED, jobs.c.kind != JobKind.BATCH)
        return int((await self._session.execute(query)).scalar_one())

    async def parts(self, *parents: str) -> Sequence[Job]:
        """The jobs of batches, in the order in which they came."""
        query = select(jobs).where(jobs.c.parent.in_(parents)).order_by(jobs.c.created_at, jobs.c.id)
        return [_job(row) for row in await self._session.execute(query)]

    async def due(self, now: str, *, limit: int) -> Sequence[Job]:
        """Open jobs that no run was queued for since they were last due, most urgent first."""
        query = select(jobs).where(jobs.c.state.in_(OPEN), jobs.c.queued_at.is_(None), jobs.c.due_at <= now)
        query = query.order_by(jobs.c.priority, jobs.c.due_at).limit(limit)
        return [_job(row) for row in await self._session.execute(query)]

    async def queued_before(self, moment: str) -> Sequence[Job]:
        """Open jobs whose present run was queued before `moment`."""
        query = select(jobs).where(jobs.c.state.in_(OPEN), jobs.c.queued_at < moment)
        return [_job(row) for row in await self._session.execute(query)]

    async def change(self, job: Job, *, states: Sequence[JobState] = OPEN, **values: object) -> bool:
        """Sets `values` if the job is still in one of `states` and in the run that `job` knows; whether it was."""
        if isinstance(error := values.get("error"), Mapping):
            values["error"] = _pack(error)
        same = (jobs.c.id == job.id, jobs.c.run == job.run, jobs.c.state.in_(states))
        query = update(jobs).where(*same).values({"updated_at": timestamp()} | values).returning(jobs.c.id)
        return (await self._session.execute(query)).one_or_none() is not None

    async def part_ended(self, parent: str) -> int:
        """How many parts of the batch are left, now that one more has ended."""
        query = update(jobs).where(jobs.c.id == parent).values(parts_left=jobs.c.parts_left - 1, updated_at=timestamp())
        return int((await self._session.execute(query.returning(jobs.c.parts_left))).scalar_one())

    async def unfinished(self, job_ids: Sequence[str]) -> frozenset[str]:
        """Those of `job_ids` that are open."""
        query = select(jobs.c.id).where(jobs.c.id.in_(job_ids), jobs.c.state.in_(OPEN))
        return frozenset((await self._session.execute(query)).scalars())


class WorkerRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def seen(self, worker: str, now: str) -> None:
        query = update(workers).where(workers.c.id == worker).values(seen_at=now).returning(workers.c.id)
        if (await self._session.execute(query)).one_or_none() is None:
            await self._session.execute(insert(workers).values(id=worker, seen_at=now))

    async def alive(self, since: str) -> frozenset[str]:
        query = select(workers.c.id).where(workers.c.seen_at >= since)
        return frozenset((await self._session.execute(query)).scalars())

    async def forget_before(self, moment: str) -> None:
        await self._session.execute(delete(workers).where(workers.c.seen_at < moment))

    async def gone(self, worker: str) -> None:
        await self._session.execute(delete(workers).where(workers.c.id == worker))


def _pack(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _job(row: Row[Any]) -> Job:
    values = dict(row._mapping)
    values |= {"kind": JobKind(row.kind), "state": JobState(row.state), "request": json.loads(row.request)}
    return Job(**values | {"error": json.loads(row.error) if row.error else None})
