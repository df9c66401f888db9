"""`bench audit`: how long a long log takes to grow by one durable entry, to prove one, and to be checked whole."""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from api.commands.console import print_json, print_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from api.audit import AuditCheck, AuditLog
    from api.db import Database
    from api.ledger import Fact

BATCH: Final = 1000
"""Entries that are written in one transaction while the log is filled."""
TIMED: Final = 300
"""Appends and proofs that are timed, one by one, once the log is long."""
LIMITS: Final = {"append, durable": 5.0, "inclusion proof": 20.0, "check of the whole log": 60_000.0}
"""What each may take, in milliseconds."""


def audit(
    entries: Annotated[int, typer.Option(min=1, max=10_000_000, help="How long the log is.")] = 100_000,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="An empty database to fill, e.g. PostgreSQL; else SQLite.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")] = False,
) -> None:
    """Time the audit log at its full length, in milliseconds, beside what each part may take.

    The time of the processor is also given, which other work on the machine hardly changes.
    """
    with tempfile.TemporaryDirectory() as folder:
        figures, busy = asyncio.run(_measured(Path(folder), entries, database))
    shares = {name: round(figures[name] / limit, 4) for name, limit in LIMITS.items()}
    if as_json:
        print_json(
            {"entries": entries, "milliseconds": figures, "processor": busy, "limits": LIMITS, "share_of_limit": shares}
        )
        return
    rows = [
        (name, f"{value:.2f}", f"{busy[name]:.2f}", _limit(name), _share(shares.get(name)))
        for name, value in figures.items()
    ]
    print_table(("audit log", "ms", "processor ms", "limit ms", "share"), rows)


async def _measured(home: Path, entries: int, url: str | None) -> tuple[Mapping[str, float], Mapping[str, float]]:
    from api.audit import AuditLog, verify_database
    from api.db import Database
    from api.migrations.run import upgrade
    from api.settings import Settings

    settings = Settings(home=home) if url is None else Settings(home=home, database_url=url)
    settings.ensure_home()
    await upgrade(settings.database_url)
    log, database = AuditLog.open(settings), Database(settings.database_url)
    try:
        runs = {
            "append, in batches": [await _spent(lambda: _fill(database, log, entries))],
            "append, durable": [await _spent(lambda: _append(database, log)) for _ in range(TIMED)],
            "inclusion proof": [await _spent(lambda: _prove(database, log, entries)) for _ in range(TIMED)],
        }
    finally:
        await database.close()
    runs["check of the whole log"] = [await _spent(lambda: _require_whole(verify_database(settings)))]
    each = {name: entries if name == "append, in batches" else 1 for name in runs}
    figures = {name: _median([wall for wall, _ in run]) / each[name] for name, run in runs.items()}
    busy = {name: 1000 * sum(cpu for _, cpu in run) / len(run) / each[name] for name, run in runs.items()}
    return _rounded(figures), _rounded(busy)


async def _fill(database: "Database", log: "AuditLog", entries: int) -> None:
    for start in range(0, entries, BATCH):
        facts = [_fact(number) for number in range(start, min(start + BATCH, entries))]

        def add(connection: "Connection", facts: "list[Fact]" = facts) -> None:
            log.within(connection).append(facts)

        await database.change(add)


async def _append(database: "Database", log: "AuditLog") -> None:
    await database.change(lambda connection: log.within(connection).append([_fact(0)]))


async def _prove(database: "Database", log: "AuditLog", entries: int) -> None:
    index = random.randrange(entries)  # noqa: S311  (which entry is no secret)
    await database.look(lambda connection: log.within(connection).receipt(index))


def _fact(number: int) -> "Fact":
    """An entry such as a verification leaves."""
    from api.ledger import Fact

    body = {"actor": "local", "tenant": "default", "report_sha256": f"{number:064x}", "label": "no_evidence_found"}
    return Fact("verification.completed", body, {"name": "photo.jpg", "sha256": f"{number:064x}"})


async def _require_whole(check: "Awaitable[AuditCheck]") -> None:
    from api.errors import AuditBroken

    found = await check
    if not found.ok:
        raise AuditBroken(found.detail)


async def _spent(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Seconds by the clock, and of this process's processor time."""
    start, busy = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - start, time.process_time() - busy


def _median(seconds: list[float]) -> float:
    """In milliseconds."""
    return 1000 * statistics.median(seconds)


def _rounded(figures: Mapping[str, float]) -> Mapping[str, float]:
    return {name: round(value, 3) for name, value in figures.items()}


def _limit(name: str) -> str:
    return f"{LIMITS[name]:g}" if name in LIMITS else ""


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"
