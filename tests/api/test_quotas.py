"""The day's quota on both databases: parallel calls get no more than there is, and what is not made is given back."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.audit import AuditLog
from api.auth import Actor
from api.errors import DailyQuotaExceeded, PolicyDenied
from api.policy import PolicyContext, PolicyRequest
from api.quotas import permitted, quota_left, today
from api.settings import Settings
from api.tenant_repository import QuotaRepository, TenantRepository
from api.workplace import Workplace

CALLS = 50
LIMIT = 7
ACTOR = Actor.local()
ROOT = Path(__file__).parent.parent.parent
PROCESS = f"""
import asyncio
from api.auth import Actor
from api.errors import DailyQuotaExceeded
from api.policy import PolicyRequest
from api.quotas import permitted
from api.settings import Settings
from api.workplace import Workplace

async def one(place):
    try:
        async with permitted(place, PolicyRequest(Actor.local(), "generate", "research")):
            await asyncio.sleep(0.01)
    except DailyQuotaExceeded:
        return 0
    return 1

async def main():
    async with await Workplace.open(Settings()) as place:
        print(sum(await asyncio.gather(*(one(place) for _ in range({CALLS // 2})))))

asyncio.run(main())
"""
"""Half of the calls, in a process of its own; it prints how many were allowed."""


@pytest.fixture
async def place(any_settings: Settings) -> AsyncIterator[Workplace]:
    async with await Workplace.open(any_settings.model_copy(update={"daily_generations": LIMIT})) as opened:
        yield opened


def request(actor: Actor = ACTOR, **facts: Any) -> PolicyRequest:  # noqa: ANN401
    return PolicyRequest(actor, "generate", "research", PolicyContext(**facts))


async def release(place: Workplace, asked: PolicyRequest, *, fail: bool = False) -> bool:
    """Whether a release was allowed that takes a moment."""
    try:
        async with permitted(place, asked):
            await asyncio.sleep(0.01)
            if fail:
                raise FileNotFoundError
    except DailyQuotaExceeded:
        return False
    return True


async def decisions(place: Workplace) -> list[dict[str, Any]]:
    log: AuditLog = place.audit
    async with place.database.read() as session:
        page = await log.page(session, limit=1000)
    return [json.loads(entry.body) for entry in page if entry.kind == "policy.decided"]


async def test_parallel_calls_get_no_more_than_there_is(place: Workplace) -> None:
    outcomes = await asyncio.gather(*(release(place, request()) for _ in range(CALLS)))
    assert sum(outcomes) == LIMIT
    logged = await decisions(place)
    assert [each["allowed"] for each in logged].count(True) == LIMIT
    denied = [each for each in logged if not each["allowed"]]
    assert len(denied) == CALLS - LIMIT
    assert all(each["policy_ids"] == ["quota"] for each in denied)
    assert await quota_left(place, ACTOR) == 0


async def test_two_instances_share_one_count(place: Workplace) -> None:
    async with await Workplace.open(place.settings) as other:
        calls = [release(each, request()) for each in (place, other) for _ in range(CALLS // 2)]
        assert sum(await asyncio.gather(*calls)) == LIMIT


async def test_processes_share_one_count(any_settings: Settings, home: Path) -> None:
    environment = os.environ | {
        "SHINGAN_HOME": str(home),
        "SHINGAN_DATABASE_URL": any_settings.database_url,
        "SHINGAN_DAILY_GENERATIONS": str(LIMIT),
    }
    command = [sys.executable, "-c", PROCESS]
    running = [
        await asyncio.create_subprocess_exec(*command, env=environment, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        for _ in range(2)
    ]
    outputs = [(await process.communicate())[0] for process in running]
    assert sum(int(output) for output in outputs) == LIMIT


async def test_what_fails_is_given_back(place: Workplace) -> None:
    for _ in range(LIMIT + 2):
        with pytest.raises(FileNotFoundError):
            await release(place, request(), fail=True)
    assert await quota_left(place, ACTOR) == LIMIT


async def test_what_is_cancelled_is_given_back(place: Workplace) -> None:
    async def forever() -> None:
        async with permitted(place, request()):
            started.set()
            await asyncio.Event().wait()

    started = asyncio.Event()
    task = asyncio.create_task(forever())
    await started.wait()
    assert await quota_left(place, ACTOR) == LIMIT - 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await quota_left(place, ACTOR) == LIMIT


async def test_what_is_refused_for_another_reason_takes_nothing(place: Workplace) -> None:
    with pytest.raises(PolicyDenied) as refused:
        await release(place, request(screened=frozenset({"minor"})))
    assert not isinstance(refused.value, DailyQuotaExceeded)
    assert await quota_left(place, ACTOR) == LIMIT


async def test_a_tenant_has_its_own_quota(place: Workplace) -> None:
    async with place.database.write() as session:
        await TenantRepository(session).change("default", {"daily_generations": 2})
    assert [await release(place, request()) for _ in range(3)] == [True, True, False]


async def test_yesterday_is_over(place: Workplace) -> None:
    async with place.database.write() as session:
        quotas = QuotaRepository(session)
        assert await quotas.used("default", "2026-01-01", locked=True) == 0
        await quotas.set("default", "2026-01-01", LIMIT)
    assert await quota_left(place, ACTOR) == LIMIT
    assert len(today()) == len("2026-01-01")
