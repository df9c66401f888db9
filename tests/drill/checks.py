"""What must hold when the dust has settled: one end each, receipts, webhooks, the log, and nothing left over."""

import asyncio
import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import text

from api.db import Database
from api.receipts import verify_receipt
from tests.drill.load import Piece
from tests.drill.machine import Machine

ENDS: Final = ("done", "failed")
LONG_AGO: Final = 3 * 3600


async def all_ended(client: httpx.AsyncClient, work: Sequence[Piece], machine: Machine, *, seconds: float) -> None:
    """Waits until every accepted job has an end."""
    open_jobs = {piece.answer["id"] for piece in work if not piece.in_place}
    end = time.monotonic() + seconds
    while open_jobs:
        assert time.monotonic() < end, f"{len(open_jobs)} jobs never ended: {sorted(open_jobs)[:3]}"
        for job_id in list(open_jobs):
            answer = await client.get(f"/v1/jobs/{job_id}")
            if answer.status_code == 200 and answer.json()["state"] in ENDS:
                open_jobs.discard(job_id)
        machine.revive()
        await asyncio.sleep(0.5)


async def each_has_one_result(client: httpx.AsyncClient, work: Sequence[Piece], key: str) -> Counter[str]:
    """Every inspection that was asked for is there once, with a receipt that is true."""
    states: Counter[str] = Counter()
    for piece in work:
        if piece.in_place:
            states["answered in place"] += 1
            await _proven(client, f"/v1/inspections/{piece.answer['id']}", key)
            continue
        job = (await client.get(f"/v1/jobs/{piece.answer['id']}")).json()
        await _true(client, piece.answer["receipt"], key)
        for part in job["items"] or [job]:
            states[part["state"]] += 1
            if part["state"] == "done":
                await _proven(client, f"/v1/inspections/{part['id']}", key)
            else:
                assert part["error"]["code"] in ("unsupported_media", "unreadable_media"), part
    assert sum(states.values()) == sum(piece.inspections for piece in work)
    return states


async def _proven(client: httpx.AsyncClient, path: str, key: str) -> None:
    answer = (await client.get(path)).json()
    assert answer["schema"] == "shingan.scan.1", answer
    await _true(client, answer["receipt"], key)


async def _true(client: httpx.AsyncClient, receipt: dict[str, Any], key: str) -> None:
    entry = (await client.get(f"/v1/audit/entries/{receipt['entry']}")).content
    assert verify_receipt(receipt, entry, key), receipt


async def told_of_each(got: Sequence[tuple[str, dict[str, Any]]], expected: int, machine: Machine) -> Counter[str]:
    """Each end was told at least once, and always under the same id. `expected` is the number of ends."""
    end = time.monotonic() + 180
    while True:
        ids: dict[tuple[str, str], set[str]] = defaultdict(set)
        for message, body in list(got):
            ids[body["type"], body["data"]["id"]].add(message)
        if len(ids) >= expected:
            break
        assert time.monotonic() < end, f"{len(ids)} of {expected} ends were told"
        machine.revive()
        await asyncio.sleep(0.5)
    assert len(ids) == expected
    assert all(len(messages) == 1 for messages in ids.values()), "an end was told under two ids"
    return Counter({"webhooks": len(got), "ends": len(ids), "repeated": len(got) - len(ids)})


async def the_books_agree(database_url: str, work: Sequence[Piece]) -> None:
    """Rows and log entries are as many as there were requests: nothing was done twice, whatever was sent twice."""
    database = Database(database_url)
    async with database.read() as session:

        async def count(query: str) -> int:
            return int((await session.execute(text(query))).scalar_one())

        rows = await count("SELECT count(*) FROM inspections WHERE product = 'inspection'")
        entries = await count("SELECT count(DISTINCT entry) FROM inspections WHERE product = 'inspection'")
        logged = await count("SELECT count(*) FROM audit_entries WHERE kind = 'inspection.completed'")
        jobs = await count("SELECT count(*) FROM jobs WHERE kind = 'inspection'")
        done = await count("SELECT count(*) FROM jobs WHERE kind = 'inspection' AND state = 'done'")
        accepted = await count("SELECT count(*) FROM audit_entries WHERE kind = 'job.accepted'")
    await database.close()
    in_place = sum(piece.in_place for piece in work)
    assert jobs == sum(piece.inspections for piece in work if not piece.in_place)
    assert accepted == sum(not piece.in_place for piece in work)
    assert rows == entries == logged == done + in_place


async def nothing_is_left(machine: Machine, database_url: str) -> int:
    """No file waits for a job that has ended, and every kept blob belongs to an answer. Returns how many are kept."""
    waiting = machine.home / "blobs" / "inputs"
    for file in waiting.glob("*"):  # whatever a killed request left is old enough to be swept now
        os.utime(file, (time.time() - LONG_AGO,) * 2)
    machine.kill("worker")
    machine.start("worker")
    end = time.monotonic() + 60
    while list(waiting.glob("*")):
        assert time.monotonic() < end, "files wait for jobs that have ended"
        await asyncio.sleep(0.5)
    kept = {path.name for path in _blobs(machine.home) if len(path.name) == 64}
    database = Database(database_url)
    async with database.read() as session:
        reports = (await session.execute(text("SELECT report FROM inspections"))).scalars().all()
    await database.close()
    wanted = {json.loads(report)["preview"]["blob"] for report in reports if json.loads(report).get("preview")}
    assert kept == wanted, f"{len(kept - wanted)} blobs belong to nothing, {len(wanted - kept)} are missing"
    return len(kept)


def _blobs(home: Path) -> list[Path]:
    return [path for path in (home / "blobs").rglob("*") if path.is_file() and "inputs" not in path.parts]
