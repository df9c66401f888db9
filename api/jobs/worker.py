"""A worker: queue, sweep and performer of one process, beside the HTTP service or apart from it."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Final

from api.jobs.engine import Engine
from api.jobs.performing import Performer
from api.jobs.repository import WorkerRepository
from api.jobs.sweep import Sweep
from api.workplace import Workplace

PATIENCE_SECONDS: Final = 30
"""How long the end of a worker waits for what it is doing; what is not done then is another's."""
ID_BYTES: Final = 8
log = logging.getLogger("shingan.jobs")


@asynccontextmanager
async def working(workplace: Workplace) -> AsyncIterator[None]:
    """Jobs are done while the block runs. One in a process."""
    loop, worker = asyncio.get_running_loop(), f"worker_{secrets.token_hex(ID_BYTES)}"
    performer = Performer(workplace)
    under_way: set[Future[None]] = set()

    def work(workflow: str) -> None:
        future = asyncio.run_coroutine_threadsafe(performer.perform(workflow), loop)
        under_way.add(future)
        try:
            future.result()
        finally:
            under_way.discard(future)

    engine = Engine(workplace.settings, worker=worker, work=work)
    await asyncio.to_thread(engine.start)
    rounds = asyncio.create_task(Sweep(workplace, engine, worker=worker).run())
    log.info("worker_started", extra={"worker": worker})
    try:
        yield
    finally:
        rounds.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await rounds
        await asyncio.to_thread(engine.stop, patience=PATIENCE_SECONDS)
        for future in list(under_way):  # a thread that still waited for its answer would keep the process from ending
            future.cancel()
        async with workplace.database.write() as session:
            await WorkerRepository(session).gone(worker)
