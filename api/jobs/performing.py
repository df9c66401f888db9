"""What a worker does with a run that it took from the queue. It may be the second to do so, after one that died.

Whatever was done before counts for nothing unless it was recorded, and it is recorded once: the transaction that does
so asks whether the job is still open in this very run.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Any, Final

from api.clock import timestamp, utc_now
from api.errors import ApiError, BlobCorrupt, Conflict, DatabaseUnavailable, StorageUnavailable, problem_of
from api.ingest.fetching import FetchFailed, fetch
from api.jobs.ending import end
from api.jobs.inputs import Inputs
from api.jobs.job import Job, JobEnded, JobKind, JobState
from api.jobs.repository import JobRepository
from api.outcomes import complete, record_failure
from api.products import INSPECTION, examine
from api.webhooks.endpoints import WebhookRepository
from api.webhooks.sending import NotDelivered, send
from api.workplace import Workplace
from detector.errors import DetectorError, ModelUnavailable

TRIES: Final = 24
"""Runs that may begin and not end: a file that takes its worker down with it is given up after so many."""
COST: Final = 8
"""How many of these a failure costs that nobody foresaw, so that three of them are the end."""
LONGEST_WAIT: Final = 60.0
RECORD_SECONDS: Final = 1.0
"""Pause before a database that does not answer is asked again."""
INFRASTRUCTURE: Final = (DatabaseUnavailable, StorageUnavailable, OSError)
"""Failures that are nobody's fault who sent the file: a job waits them out."""
log = logging.getLogger("shingan.jobs")


class JobAbandoned(ApiError):
    """The job was begun too often without coming to an end."""

    status, code, title = 500, "job_abandoned", "The job was given up"


class Performer:
    """Does one run at a time for each caller."""

    def __init__(self, workplace: Workplace) -> None:
        self._place = workplace
        self._inputs = Inputs(workplace.blobs)

    async def perform(self, workflow: str) -> None:
        """Does the run if it is still wanted; waits for the database as long as it takes."""
        job_id, _, run = workflow.partition(":")
        while True:
            try:
                return await self._begin(job_id, int(run or 0))
            except DatabaseUnavailable:
                log.warning("database_unavailable", extra={"job": job_id})
                await asyncio.sleep(RECORD_SECONDS)

    async def _begin(self, job_id: str, run: int) -> None:
        async with self._place.database.write() as session:
            repository = JobRepository(session)
            job = await repository.get(job_id)
            if job is None or not job.open or job.run != run:
                return
            tries = job.tries + (job.kind is not JobKind.DELIVERY)
            await repository.change(job, state=JobState.RUNNING, tries=tries)
        if job.kind is JobKind.DELIVERY:
            await self._deliver(job)
        elif job.tries >= TRIES:
            await self._fail(job, JobAbandoned("It was begun too often without coming to an end."))
        else:
            await self._inspect(job)

    async def _inspect(self, job: Job) -> None:
        name = job.request["name"]
        try:
            data = await self._data(job)
            report, draft = await examine(self._place, job.actor, data, name=name, keep_preview=True)
            verdict = {"label": str(report.verdict.label), "action": str(report.verdict.action)}
            await complete(
                self._place,
                job.actor,
                draft,
                answer_id=job.id,
                within=lambda session, _: end(session, job, JobState.DONE, told={"verdict": verdict}),
            )
        except (JobEnded, Conflict):  # the answer of this id is recorded already
            log.info("job_ended_before", extra={"job": job.id})
        except INFRASTRUCTURE as error:
            await self._later(job, error, tries=job.tries)
            return
        except Exception as error:
            if _is_final(error) or job.tries + COST >= TRIES:
                await self._fail(job, error)
            else:
                log.error("job_failed", exc_info=error, extra={"job": job.id})
                await self._later(job, error, tries=job.tries + COST)
                return
        await self._tidy(job)

    async def _data(self, job: Job) -> bytes:
        if job.request["url"]:
            return (await fetch(job.request["url"], self._place.settings)).data
        return await self._inputs.get(job.id, sha256=job.request["sha256"])

    async def _fail(self, job: Job, error: Exception) -> None:
        """Ends the job; what failed is in the log as it is where an inspection is answered at once."""
        body = problem_of(error).body
        told = {"code": body["code"], "detail": body["detail"]}
        try:
            async with self._place.database.write() as session:
                await record_failure(self._place, session, job.actor, INSPECTION, error, name=job.request["name"])
                await end(session, job, JobState.FAILED, error=told)
        except JobEnded:
            log.info("job_ended_before", extra={"job": job.id})

    async def _deliver(self, job: Job) -> None:
        async with self._place.database.read() as session:
            hook = await WebhookRepository(session).get(job.request["webhook"])
        if hook is None or hook.ended_at is not None:
            await self._dead(job, "The webhook was ended.")
            return
        try:
            await send(self._place.settings, hook, job)
        except NotDelivered as error:
            waits = self._place.settings.webhook_retries
            if error.gone or job.tries >= len(waits):
                await self._dead(job, str(error), ends=hook.id if error.gone else None)
            else:
                await self._later(job, error, tries=job.tries + 1, wait=waits[job.tries])
        else:
            async with self._place.database.write() as session:
                await JobRepository(session).change(job, state=JobState.DONE, parts_left=0, error=None)

    async def _dead(self, job: Job, why: str, *, ends: str | None = None) -> None:
        """Puts a delivery on the list of dead ones, and `ends` a webhook that wants no more."""
        async with self._place.database.write() as session:
            body = {"tenant": job.tenant, "delivery": job.id, "webhook": job.request["webhook"]}
            await self._place.audit.append(session, "webhook.dead", body)
            error = {"code": NotDelivered.code, "detail": why}
            await JobRepository(session).change(job, state=JobState.FAILED, error=error, parts_left=0)
            if ends is not None:
                await WebhookRepository(session).end(ends, tenant=job.tenant, now=timestamp())

    async def _later(self, job: Job, error: Exception, *, tries: int, wait: float | None = None) -> None:
        """Hands the job back: its next run is queued after a pause that doubles with each run."""
        pause = min(2.0 ** min(job.run, 10), LONGEST_WAIT) if wait is None else wait
        due_at = timestamp(utc_now() + timedelta(seconds=pause))
        body = problem_of(error).body
        last = {"code": body["code"], "detail": body["detail"]}
        values: dict[str, Any] = {
            "run": job.run + 1,
            "queued_at": None,
            "due_at": due_at,
            "tries": tries,
            "error": last,
        }
        async with self._place.database.write() as session:
            await JobRepository(session).change(job, state=JobState.ACCEPTED, **values)

    async def _tidy(self, job: Job) -> None:
        try:
            await self._inputs.drop(job.id)
        except StorageUnavailable:  # the sweep comes by later
            log.warning("input_left", extra={"job": job.id})


def _is_final(error: Exception) -> bool:
    """Whether another try would end like this one: it is the file that is wrong."""
    if isinstance(error, DetectorError):
        return not (type(error) is DetectorError or isinstance(error, ModelUnavailable))
    if isinstance(error, FetchFailed):
        return False
    return isinstance(error, BlobCorrupt) or (isinstance(error, ApiError) and error.status < 500)
