"""Keeps queue and table together, from the start of a worker on: what is open is queued, and nobody waits for the dead.

The table is right. The queue may have lost a run (it was never queued, its database was lost, its worker died, or a
full disk kept it from being written down), and then it is queued again; done twice, it still ends once.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from api.clock import timestamp, utc_now
from api.jobs.engine import Engine
from api.jobs.inputs import Inputs
from api.jobs.job import Job
from api.jobs.repository import JobRepository, WorkerRepository
from api.repositories import IdempotencyRepository
from api.workplace import Workplace

PAUSE: Final = 0.5
AT_ONCE: Final = 200
REPAIR_EVERY: Final = 5.0
TIDY_EVERY: Final = 300.0
SEEN_EVERY: Final = 2.0
DEAD_AFTER: Final = 20.0
"""Seconds of silence after which a worker counts as dead; its runs are then others'."""
GRACE: Final = 10.0
"""Seconds that a queued run is left alone."""
LEFT_OVER: Final = timedelta(hours=1)
"""A file that waits for no job after so long waits for none: its request was cut off before it was accepted."""
log = logging.getLogger("shingan.jobs")


class Sweep:
    """The rounds of one worker."""

    def __init__(self, workplace: Workplace, engine: Engine, *, worker: str) -> None:
        self._place = workplace
        self._engine = engine
        self._worker = worker
        self._last: dict[str, float] = {}

    async def run(self) -> None:
        """Until cancelled; a round that fails is logged, and the next one comes."""
        while True:
            await self._now_and_then("seen", self.seen, SEEN_EVERY)
            await self._now_and_then("queue", self.queue, 0.0)
            await self._now_and_then("repair", self.repair, REPAIR_EVERY)
            await self._now_and_then("tidy", self.tidy, TIDY_EVERY)
            await asyncio.sleep(PAUSE)

    async def _now_and_then(self, name: str, step: Callable[[], Awaitable[None]], every: float) -> None:
        if time.monotonic() - self._last.get(name, float("-inf")) < every:
            return
        self._last[name] = time.monotonic()
        try:
            await step()
        except Exception as error:  # whatever is down now may be up at the next round
            log.warning("sweep_failed", extra={"step": name, "error": type(error).__name__})

    async def seen(self) -> None:
        """Says that this worker lives."""
        async with self._place.database.write() as session:
            await WorkerRepository(session).seen(self._worker, timestamp())

    async def queue(self) -> None:
        """Queues what is due: the queue first, and then the note that it was, so that it can only happen twice."""
        async with self._place.database.read() as session:
            due = await JobRepository(session).due(timestamp(), limit=AT_ONCE)
        if not due:
            return
        for job in due:
            await asyncio.to_thread(self._engine.queue, job)
        async with self._place.database.write() as session:
            for job in due:
                await JobRepository(session).change(job, queued_at=timestamp())

    async def repair(self) -> None:
        """Finds runs that nobody does, and has them done."""
        now = utc_now()
        async with self._place.database.read() as session:
            waiting = await JobRepository(session).queued_before(timestamp(now - timedelta(seconds=GRACE)))
            alive = await WorkerRepository(session).alive(timestamp(now - timedelta(seconds=DEAD_AFTER)))
        if not waiting:
            return
        runs = await asyncio.to_thread(self._engine.runs, [job.workflow for job in waiting])
        for job in waiting:
            run = runs.get(job.workflow)
            if run is None or not run.living:
                await self._begin_anew(job)
            elif run.taken and not self._is_done_by(job, run.worker, alive):
                log.warning("run_taken_back", extra={"job": job.id})
                await asyncio.to_thread(self._engine.queue_again, job)

    def _is_done_by(self, job: Job, worker: str | None, alive: frozenset[str]) -> bool:
        return self._engine.is_busy_with(job.workflow) if worker == self._worker else worker in alive

    async def _begin_anew(self, job: Job) -> None:
        """The queue knows nothing of the run, or that it ended: the table says that it did not."""
        log.warning("run_lost", extra={"job": job.id})
        async with self._place.database.write() as session:
            await JobRepository(session).change(job, run=job.run + 1, queued_at=None, due_at=timestamp())

    async def tidy(self) -> None:
        """Removes what nobody waits for any more: kept answers, dead workers, files of no open job."""
        now = utc_now()
        async with self._place.database.write() as session:
            kept = timedelta(hours=self._place.settings.idempotency_hours)
            await IdempotencyRepository(session).forget_before(timestamp(now - kept))
            await WorkerRepository(session).forget_before(timestamp(now - timedelta(days=1)))
        inputs = Inputs(self._place.blobs)
        async for names in inputs.older_than(now - LEFT_OVER):
            async with self._place.database.read() as session:
                wanted = await JobRepository(session).unfinished(names)
            for name in set(names) - wanted:
                await inputs.drop(name)
