"""Runs that fail, come twice or were lost: each job ends once, and only what can be overcome is tried again."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from api.auth import Actor
from api.clock import timestamp, utc_now
from api.errors import BlobCorrupt, NotFound, PolicyDenied, StorageUnavailable
from api.jobs import performing
from api.jobs.accepting import Parcel, Terms, accept
from api.jobs.ending import cancel
from api.jobs.engine import Engine, Run
from api.jobs.inputs import Inputs
from api.jobs.job import Job, JobState
from api.jobs.performing import COST, TRIES, Performer
from api.jobs.repository import JobRepository, WorkerRepository
from api.jobs.sweep import Sweep
from api.products import examine
from api.settings import Settings
from api.storage import Blobs
from api.tables import audit_entries, inspections, jobs
from api.workplace import Workplace
from detector.errors import DetectorError

LOCAL = Actor.local()


@pytest.fixture
async def place(any_settings: Settings) -> AsyncIterator[Workplace]:
    async with await Workplace.open(any_settings) as opened:
        yield opened


@pytest.fixture
def parcel(picture: bytes) -> Parcel:
    return Parcel("a.png", picture)


async def _job(place: Workplace, job_id: str) -> Job:
    async with place.database.read() as session:
        found = await JobRepository(session).get(job_id)
    assert found is not None
    return found


async def _results(place: Workplace) -> tuple[int, int]:
    """Answers, and entries of answers in the log."""
    completed = select(func.count()).where(audit_entries.c.kind == "inspection.completed")
    async with place.database.read() as session:
        rows = (await session.execute(select(func.count()).select_from(inspections))).scalar_one()
        return rows, (await session.execute(completed)).scalar_one()


async def test_a_run_that_is_done_twice_ends_once(place: Workplace, parcel: Parcel) -> None:
    job_id = (await accept(place, LOCAL, [parcel]))["id"]
    performer = Performer(place)
    await asyncio.gather(*(performer.perform(job_id) for _ in range(3)))
    await performer.perform(job_id)
    assert await _results(place) == (1, 1)
    assert (await _job(place, job_id)).state is JobState.DONE
    assert [names async for names in Inputs(place.blobs).older_than(utc_now() + timedelta(hours=1))] in ([], [[]])


async def test_what_was_cancelled_meanwhile_is_not_recorded(
    place: Workplace, parcel: Parcel, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = (await accept(place, LOCAL, [parcel]))["id"]
    done = examine

    async def interrupted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - stands for a slow inspection
        await cancel(place, LOCAL, await _job(place, job_id))
        return await done(*arguments, **options)

    monkeypatch.setattr(performing, "examine", interrupted)
    await Performer(place).perform(job_id)
    assert (await _job(place, job_id)).state is JobState.CANCELLED
    assert await _results(place) == (0, 0)


async def test_a_bad_file_fails_at_once_and_its_failure_is_logged(place: Workplace) -> None:
    job_id = (await accept(place, LOCAL, [Parcel("x.png", b"\x89PNG\r\n\x1a\n broken")]))["id"]
    await Performer(place).perform(job_id)
    job = await _job(place, job_id)
    assert (job.state, (job.error or {})["code"]) == (JobState.FAILED, "unreadable_media")
    async with place.database.read() as session:
        kinds = [entry.kind for entry in await place.audit.page(session)]
    assert kinds == ["policy.decided", "job.accepted", "inspection.failed"]


@pytest.mark.parametrize(
    ("failure", "ends"), [(StorageUnavailable(), False), (OSError(28, "full"), False), (DetectorError("down"), True)]
)
async def test_a_failure_that_may_pass_is_waited_out(
    place: Workplace, parcel: Parcel, failure: Exception, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: Any, **__: Any) -> None:  # noqa: ANN401
        raise failure

    job_id = (await accept(place, LOCAL, [parcel]))["id"]
    monkeypatch.setattr(performing, "examine", failing)
    for _ in range(TRIES // COST + 1):
        job = await _job(place, job_id)
        await Performer(place).perform(job.workflow)
    job = await _job(place, job_id)
    assert job.state is (JobState.FAILED if ends else JobState.ACCEPTED)
    if not ends:
        assert (job.queued_at, job.tries) == (None, 0)
        assert job.due_at is not None
        assert job.due_at > timestamp()


async def test_a_file_that_takes_its_worker_down_is_given_up(place: Workplace, parcel: Parcel) -> None:
    job_id = (await accept(place, LOCAL, [parcel]))["id"]
    async with place.database.write() as session:
        await session.execute(update(jobs).values(state="running", tries=TRIES))
    await Performer(place).perform(job_id)
    job = await _job(place, job_id)
    assert (job.state, (job.error or {})["code"]) == (JobState.FAILED, "job_abandoned")


async def test_an_acceptance_that_is_refused_leaves_nothing(place: Workplace, parcel: Parcel) -> None:
    with pytest.raises(PolicyDenied):
        await accept(place, Actor("key_1", "default", frozenset({"verify"})), [parcel])
    async with place.database.read() as session:
        assert (await session.execute(select(func.count()).select_from(jobs))).scalar_one() == 0
        assert [entry.kind for entry in await place.audit.page(session)] == ["policy.decided"]


async def test_an_acceptance_is_whole_or_not_at_all(place: Workplace, parcel: Parcel) -> None:
    async def failing(*_: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await accept(place, LOCAL, [parcel], Terms(within=failing))
    async with place.database.read() as session:
        assert (await session.execute(select(func.count()).select_from(jobs))).scalar_one() == 0
        assert await place.audit.size(session) == 0


async def test_files_that_wait_for_nothing_are_swept(any_settings: Settings, parcel: Parcel) -> None:
    async with await Workplace.open(any_settings) as place:
        inputs = Inputs(place.blobs)
        kept = (await accept(place, LOCAL, [parcel]))["id"]
        await inputs.put("insp_cutoff", b"left")
        await inputs.put("insp_new", b"just put")
        folder = Path(any_settings.home / "blobs" / "inputs")
        for name in (kept, "insp_cutoff"):
            os.utime(folder / name, (1, 1))
        sweep = Sweep(place, _engine(any_settings, lambda _: None), worker="w")
        await sweep.tidy()
        assert {path.name for path in folder.iterdir()} == {kept, "insp_new"}


async def test_lost_runs_are_queued_again(any_settings: Settings, parcel: Parcel, until: Callable[..., Any]) -> None:
    """The queue's database is lost, a worker dies, a run ends without an end of its job: the sweep notices each."""
    done: list[str] = []
    async with await Workplace.open(any_settings) as place:
        job_id = (await accept(place, LOCAL, [parcel]))["id"]
        engine = _engine(any_settings, done.append)
        sweep = Sweep(place, engine, worker="w")
        await asyncio.to_thread(engine.start)
        try:
            await sweep.seen()
            await sweep.queue()
            await until(lambda: done == [job_id])
            assert (await asyncio.to_thread(engine.runs, [job_id, "insp_lost"])).keys() == {job_id}
            await _pretend_queued_long_ago(place)
            await sweep.repair()  # the run ended, and the job did not
            await sweep.queue()
            await until(lambda: done == [job_id, f"{job_id}:1"])
            await _pretend_queued_long_ago(place, run=7)
            await sweep.repair()  # the queue never heard of this run
            await sweep.queue()
            await until(lambda: done[-1] == f"{job_id}:8")
        finally:
            await asyncio.to_thread(engine.stop, patience=0)


async def test_the_runs_of_the_dead_are_taken_back(any_settings: Settings, parcel: Parcel) -> None:
    async with await Workplace.open(any_settings) as place:
        job_id = (await accept(place, LOCAL, [parcel]))["id"]
        for worker, seconds, taken_back in (("alive", 0.0, False), ("dead", 60.0, True), ("w", 0.0, True)):
            engine = Noted(any_settings, worker="w", work=lambda _: None)
            engine.known = {job_id: Run(living=True, taken=True, worker=worker)}
            async with place.database.write() as session:
                await WorkerRepository(session).seen(worker, timestamp(utc_now() - timedelta(seconds=seconds)))
            await _pretend_queued_long_ago(place)
            await Sweep(place, engine, worker="w").repair()
            assert engine.again == ([job_id] if taken_back else []), worker


class Noted(Engine):
    """A queue that says what a test has it say, and notes what is asked of it."""

    known: dict[str, Run]

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **options)
        self.again: list[str] = []

    def runs(self, workflows: object) -> dict[str, Run]:
        return self.known

    def queue_again(self, job: Job) -> None:
        self.again.append(job.id)


def _engine(settings: Settings, work: Callable[[str], None]) -> Engine:
    return Engine(settings, worker="w", work=work)


async def _pretend_queued_long_ago(place: Workplace, **values: int) -> None:
    async with place.database.write() as session:
        await session.execute(update(jobs).values(queued_at=timestamp(utc_now() - timedelta(minutes=1)), **values))


async def test_blobs_with_a_name_are_checked(tmp_path: Path) -> None:
    inputs = Inputs(Blobs.open(tmp_path.as_uri()))
    await inputs.put("insp_1", b"first")
    await inputs.put("insp_1", b"second")
    with pytest.raises(BlobCorrupt):
        await inputs.get("insp_1", sha256="0" * 64)
    for name in ("insp_2", "../keys", "a/b"):
        with pytest.raises(NotFound):
            await inputs.get(name, sha256="0" * 64)
    await inputs.drop("insp_1")
    await inputs.drop("insp_1")
