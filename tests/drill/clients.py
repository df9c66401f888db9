"""The load: many clients at once that verify pictures one after the other, and what waiting and memory come to.

    python -m tests.drill.clients --clients 50 --seconds 120 --database sqlite

It prints figures, and fails if a request did, if one in a hundred waited ten times as long as the middle one, or if the
service's memory grew.
"""

import argparse
import asyncio
import json
import math
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx

from detector.media import sha256_hex
from tests.conftest import _encode, _photo
from tests.drill.machine import Machine, postgres

WIDTH, HEIGHT, QUALITY = 448, 336, 90
"""About 50 kB a picture."""
NEW_SHARE: Final = 0.25
"""Of the requests; the others send a picture that the service has seen before."""
SPREAD: Final = 10.0
"""How many times as long as the median a hundredth of the requests may take."""
GROWTH: Final = 1.15
"""Memory of the last quarter by that of the second: a sandbox child is a twentieth of it, and comes and goes."""
SAMPLE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    clients: int = 50
    seconds: float = 120.0
    database: str = "sqlite"
    seed: int = 1
    pictures: int = 24


@dataclass(slots=True)
class Watch:
    """Seconds of each good answer, what went wrong how often, and bytes of memory as time went on."""

    waits: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    memory: list[int] = field(default_factory=list)


async def load(plan: Plan) -> dict[str, Any]:
    """What happened, as figures; `faults` names what does not hold."""
    with tempfile.TemporaryDirectory(prefix="shingan-load-") as folder, postgres(plan.database) as cluster:
        place = Path(folder)
        machine = Machine(place / "home", database_url=cluster.url if cluster else None, cache=place / "cache")
        watch, pictures = Watch(), made_pictures(plan.pictures, seed=plan.seed)
        machine.start("serve")
        try:
            await machine.ready()
            await _all_clients(plan, machine, pictures, watch)
            size = json.loads(machine.command("audit", "verify", "--json"))["size"]
        finally:
            machine.stop()
    return _figures(plan, watch, size)


def made_pictures(count: int, *, seed: int) -> list[bytes]:
    """JPEGs, each unlike the others."""
    numbers = range(1000 * seed, 1000 * seed + count)
    return [_encode(_photo(number, width=WIDTH, height=HEIGHT), "JPEG", quality=QUALITY) for number in numbers]


def new_copy(picture: bytes, number: int) -> bytes:
    """The same picture as another file, which the service has not seen: with `number` in a comment."""
    text = b"%d" % number
    return picture[:2] + b"\xff\xfe" + (2 + len(text)).to_bytes(2, "big") + text + picture[2:]


async def _all_clients(plan: Plan, machine: Machine, pictures: Sequence[bytes], watch: Watch) -> None:
    numbers, chances = count(), [random.Random(f"{plan.seed} {client}") for client in range(plan.clients)]
    async with _connection(machine) as first:
        for picture in pictures:
            assert (error := await _ask(first, picture)) is None, error
    end = time.monotonic() + plan.seconds
    watching = asyncio.create_task(_remember(machine, watch))
    await asyncio.gather(*(_client(machine, pictures, chance, numbers, end, watch) for chance in chances))
    watching.cancel()


async def _client(
    machine: Machine, pictures: Sequence[bytes], chance: random.Random, numbers: "count[int]", end: float, watch: Watch
) -> None:
    """One connection, kept alive: the next request goes out as soon as the answer to the last one is there; at least
    one does, however long a busy machine takes to come so far."""
    asked = 0
    async with _connection(machine) as client:
        while (start := time.monotonic()) < end or not asked:
            asked += 1
            picture = chance.choice(pictures)
            error = await _ask(client, new_copy(picture, next(numbers)) if chance.random() < NEW_SHARE else picture)
            if error:
                watch.errors[error] += 1
            else:
                watch.waits.append(time.monotonic() - start)


def _connection(machine: Machine) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=machine.url, trust_env=False, timeout=60)


async def _ask(client: httpx.AsyncClient, picture: bytes) -> str | None:
    """What was wrong with the answer, if anything: it must be a whole one, and about this very file."""
    try:
        answer = await client.post("/v1/verifications", files={"file": ("a.jpg", picture)})
    except httpx.HTTPError as error:
        return type(error).__name__
    if answer.status_code != 201:
        return f"{answer.status_code} {answer.json().get('code')}"
    document = answer.json()
    whole = document["sha256"] == sha256_hex(picture) and document["verdict"]["label"] and document["receipt"]
    return None if whole else "not a whole answer"


async def _remember(machine: Machine, watch: Watch) -> None:
    while True:
        watch.memory.append(machine.memory("serve"))
        await asyncio.sleep(SAMPLE_SECONDS)


def faults(watch: Watch) -> list[str]:
    """What does not hold."""
    p50, p99 = _percentiles(watch)
    held = {
        "errors": not watch.errors and bool(watch.waits),
        "spread": p99 < SPREAD * p50 or not watch.waits,
        "memory": _growth(watch) <= GROWTH,
    }
    return [name for name, holds in held.items() if not holds]


def _figures(plan: Plan, watch: Watch, entries: int) -> dict[str, Any]:
    p50, p99 = _percentiles(watch)
    return {
        "database": plan.database,
        "clients": plan.clients,
        "seconds": plan.seconds,
        "requests": len(watch.waits) + watch.errors.total(),
        "errors": dict(watch.errors),
        "requests_per_second": round(len(watch.waits) / plan.seconds, 1),
        "p50_s": round(p50, 3),
        "p99_s": round(p99, 3),
        "longest_s": round(max(watch.waits, default=0.0), 3),
        "p99_by_p50": round(p99 / p50, 2) if p50 else None,
        "memory_mib_by_quarter": [round(each / 2**20) for each in _quarters(watch.memory)],
        "memory_growth": round(_growth(watch), 3),
        "log_entries": entries,
        "faults": faults(watch),
    }


def _percentiles(watch: Watch) -> tuple[float, float]:
    """Seconds within which half and all but a hundredth of the answers came; 0 where there is none."""
    waits = sorted(watch.waits) or [0.0]
    return waits[len(waits) // 2], waits[math.ceil(0.99 * len(waits)) - 1]


def _growth(watch: Watch) -> float:
    quarters = _quarters(watch.memory)
    return quarters[3] / quarters[1]


def _quarters(samples: Sequence[int]) -> list[float]:
    """The median of each quarter of the samples."""
    cuts = [round(quarter * len(samples) / 4) for quarter in range(5)]
    return [statistics.median(samples[cuts[at] : cuts[at + 1]] or samples) for at in range(4)]


def main() -> None:
    parser = argparse.ArgumentParser(description="The load.")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    figures = asyncio.run(load(Plan(chosen.clients, chosen.seconds, chosen.database, chosen.seed)))
    print(json.dumps(figures, indent=1))
    raise SystemExit(1 if figures["faults"] else 0)


if __name__ == "__main__":
    main()
