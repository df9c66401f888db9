"""The queue: urgent work of a tenant goes first, and no tenant waits for another's backlog."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from api.jobs.engine import Engine
from api.jobs.job import Job, JobKind, JobState, Priority
from api.settings import Settings

Until: TypeAlias = Callable[[Callable[[], bool]], Awaitable[None]]


def _job(job_id: str, *, tenant: str = "a", priority: Priority = Priority.NORMAL) -> Job:
    return Job(job_id, tenant, JobKind.INSPECTION, JobState.ACCEPTED, priority, "", "", {})


async def test_the_urgent_goes_first(any_settings: Settings, until: Until) -> None:
    begun: list[str] = []
    free = threading.Event()

    def work(workflow: str) -> None:
        begun.append(workflow)
        free.wait(60)

    engine = Engine(any_settings.model_copy(update={"worker_jobs": 1}), worker="w", work=work)
    await asyncio.to_thread(engine.start)
    try:
        await asyncio.to_thread(engine.queue, _job("first"))
        await until(lambda: begun == ["first"])
        for name, priority in (("low", Priority.LOW), ("normal", Priority.NORMAL), ("high", Priority.HIGH)):
            await asyncio.to_thread(engine.queue, _job(name, priority=priority))
        await asyncio.to_thread(engine.queue, _job("high", priority=Priority.HIGH))
        assert engine.is_busy_with("first")
        free.set()
        await until(lambda: len(begun) == 4)
    finally:
        free.set()
        await asyncio.to_thread(engine.stop, patience=5)
    assert begun == ["first", "high", "normal", "low"]


async def test_a_tenants_backlog_leaves_a_place_to_others(any_settings: Settings, until: Until) -> None:
    begun: list[str] = []
    free = threading.Event()

    def work(workflow: str) -> None:
        begun.append(workflow)
        free.wait(60)

    engine = Engine(any_settings, worker="w", work=work)
    await asyncio.to_thread(engine.start)
    try:
        for number in range(5):
            await asyncio.to_thread(engine.queue, _job(f"many-{number}", tenant="many"))
        await until(lambda: begun == ["many-0"])
        await asyncio.to_thread(engine.queue, _job("one", tenant="one"))
        await until(lambda: begun == ["many-0", "one"])  # while the other tenant's first is still being done
        free.set()
        await until(lambda: len(begun) == 6)
    finally:
        free.set()
        await asyncio.to_thread(engine.stop, patience=5)
