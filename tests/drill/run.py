"""The fault drill: mixed work while server and worker are killed, the disk fills up and the database goes away.

    python -m tests.drill.run --inspections 200 --kills 20 --database sqlite

It prints what happened, and fails unless everything held that `checks` asks for.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.api.jobs.receiver import Receiver
from tests.drill import checks
from tests.drill.load import Piece, pieces, send_all
from tests.drill.machine import Machine, Postgres, disk, full, postgres

PAUSE_SECONDS = (2.0, 7.0)
"""Between two kills."""
FULL_SECONDS = 4.0
AWAY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    inspections: int
    kills: int
    database: str
    seed: int = 1
    patience: float = 600.0


async def drill(plan: Plan) -> dict[str, Any]:
    """What happened, as figures. Raises `AssertionError` if something does not hold."""
    start = time.monotonic()
    with disk() as (folder, fillable), postgres(plan.database) as cluster, _receiver() as receiver:
        home, cache = folder / "home", Path(tempfile.mkdtemp(prefix="shingan-drill-cache-"))
        machine = Machine(home, database_url=cluster.url if cluster else None, cache=cache)
        scopes = [word for scope in ("inspect", "read_audit", "manage_webhooks") for word in ("--scope", scope)]
        token = json.loads(machine.command("keys", "create", "drill", "--json", *scopes))["token"]
        database_url = cluster.url if cluster else f"sqlite+aiosqlite:///{home / 'shingan.db'}"
        work = pieces(plan.inspections, seed=plan.seed)
        try:
            for name in ("serve", "worker"):
                machine.start(name)
            await machine.ready()
            figures = await _through(plan, machine, cluster, folder if fillable else None, receiver, work, token)
            figures |= await _checked(plan, machine, receiver, work, token, database_url)
        finally:
            machine.stop()
    return (
        {"database": plan.database, "inspections": plan.inspections, "kills": machine.kills}
        | figures
        | {"seconds": round(time.monotonic() - start)}
    )


async def _through(
    plan: Plan,
    machine: Machine,
    cluster: Postgres | None,
    fillable: Path | None,
    receiver: Receiver,
    work: list[Piece],
    token: str,
) -> dict[str, Any]:
    """Sends everything, and breaks what can be broken meanwhile."""
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=machine.url, headers=headers, trust_env=False, timeout=60) as client:
        made = (await client.post("/v1/webhooks", json={"url": receiver.url})).json()
        receiver.secret = made["secret"]
    sending = asyncio.create_task(send_all(machine.url, token, work))
    chance, figures = random.Random(plan.seed), {"disk_full": 0, "database_restarts": 0}
    for number in range(plan.kills):
        await asyncio.sleep(chance.uniform(*PAUSE_SECONDS))
        name = chance.choice(("serve", "worker"))
        machine.kill(name)
        await asyncio.sleep(chance.uniform(0, 1))
        machine.start(name)
        if number % 7 == 1 and cluster:
            cluster.stop()
            await asyncio.sleep(AWAY_SECONDS)
            cluster.start()
            figures["database_restarts"] += 1
        if number % 7 == 1 and fillable:
            with full(fillable):
                await asyncio.sleep(FULL_SECONDS)
            figures["disk_full"] += 1
        machine.revive()
    while not sending.done():
        machine.revive()
        await asyncio.wait([sending], timeout=1)
    await sending
    return figures


async def _checked(
    plan: Plan, machine: Machine, receiver: Receiver, work: list[Piece], token: str, database_url: str
) -> dict[str, Any]:
    await machine.ready()
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=machine.url, headers=headers, trust_env=False, timeout=60) as client:
        await checks.all_ended(client, work, machine, seconds=plan.patience)
        key = (await client.get("/v1/audit/key")).text
        states = await checks.each_has_one_result(client, work, key)
        ends = sum(piece.inspections + (piece.route == "/v1/jobs") for piece in work if not piece.in_place)
        told = await checks.told_of_each(receiver.got, ends, machine)
    await checks.the_books_agree(database_url, work)
    blobs = await checks.nothing_is_left(machine, database_url)
    machine.command("audit", "verify")
    requests = {"requests": len(work), "sendings": sum(piece.sendings for piece in work)}
    return requests | {"results": dict(states)} | dict(told) | {"blobs_kept": blobs, "log": "verified"}


@contextmanager
def _receiver() -> Iterator[Receiver]:
    opened = Receiver()
    try:
        yield opened
    finally:
        opened.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="The fault drill.")
    parser.add_argument("--inspections", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    plan = Plan(chosen.inspections, chosen.kills, chosen.database, chosen.seed)
    print(json.dumps(asyncio.run(drill(plan)), indent=1))


if __name__ == "__main__":
    main()
