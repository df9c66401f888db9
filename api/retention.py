"""How long what a tenant sent and got is kept, and the sweep that lets go of what is older.

The audit log keeps every entry; the salts of old ones go, and with them the chance to recognise a name or a file in it.
The registry keeps its records, without which this instance would no longer know its own files.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from api.clock import timestamp, utc_now
from api.retention_repository import RetentionRepository, Row

if TYPE_CHECKING:
    from api.auth import Actor
    from api.workplace import Workplace

BATCH: Final = 500
"""Rows that go in one transaction, so that others wait for no longer."""
REPEATS: Final = timedelta(hours=24)
"""How long an Idempotency-Key is answered as before."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Days for answers and for files (null: for ever); `zero`: files and previews are not kept at all."""

    answer_days: int | None = None
    file_days: int | None = None
    zero: bool = False


async def retention_of(workplace: "Workplace", tenant: str) -> Retention:
    """The tenant's own rule, or the settings'."""
    async with workplace.database.read() as session:
        own = await RetentionRepository(session).get(tenant)
    if own is not None:
        return Retention(*own)
    chosen = workplace.settings
    return Retention(chosen.retention_answer_days, chosen.retention_file_days, chosen.zero_retention)


async def set_retention(workplace: "Workplace", actor: "Actor", rule: Retention) -> Mapping[str, Any]:
    """Gives the actor's tenant a rule of its own, on record; it counts from now on, and for what is there at the next
    sweep."""
    from api.decisions import permit  # these three would import this module in a circle
    from api.outcomes import digest
    from api.policy import PolicyAction, PolicyRequest

    await permit(workplace, PolicyRequest(actor, PolicyAction.MANAGE))
    document = {"tenant": actor.tenant, **asdict(rule), "created_at": timestamp()}
    async with workplace.database.write() as session:
        body = {"actor": actor.id, "tenant": actor.tenant, **asdict(rule), "report_sha256": digest(document)}
        entry = await workplace.audit.append(session, "retention.set", body)
        await RetentionRepository(session).put(
            actor.tenant, **asdict(rule), now=document["created_at"], entry=entry.index
        )
        receipt = await workplace.audit.receipt(session, entry.index)
    return {**document, "receipt": receipt.as_dict()}


async def sweep(workplace: "Workplace", *, now: datetime | None = None) -> Mapping[str, Mapping[str, int]]:
    """Lets go of what is older than its tenant's rule allows; how much of it, by tenant. Safe to run at any time, more
    than once and beside the service."""
    moment = now or utc_now()
    async with workplace.database.read() as session:
        tenants = await RetentionRepository(session).tenants()
    done = {tenant: await _sweep_tenant(workplace, tenant, moment) for tenant in tenants}
    await _forget_repeats(workplace, moment)
    return {tenant: counts for tenant, counts in done.items() if any(counts.values())}


async def _sweep_tenant(workplace: "Workplace", tenant: str, now: datetime) -> Mapping[str, int]:
    rule, counts = await retention_of(workplace, tenant), Counter[str]()
    if rule.answer_days is not None:
        limit = timestamp(now - timedelta(days=rule.answer_days))
        while rows := await _remove_old(workplace, tenant, limit):
            counts["answers"] += len(rows)
            counts["files"] += await drop_blobs(workplace, rows)
        counts["log_entries"] = await _forget_old(workplace, tenant, limit)
    if rule.zero or rule.file_days is not None:
        limit = timestamp(now - timedelta(days=0 if rule.zero else rule.file_days or 0))
        while rows := await _part_from_files(workplace, tenant, limit):
            counts["files"] += await drop_blobs(workplace, rows)
    if any(counts.values()):
        async with workplace.database.write() as session:
            await workplace.audit.append(session, "retention.swept", {"tenant": tenant, **counts})
    return counts


async def _remove_old(workplace: "Workplace", tenant: str, limit: str) -> Sequence[Row]:
    async with workplace.database.write() as session:
        repository = RetentionRepository(session)
        looked_at = await repository.inspections_before(limit, tenant=tenant, limit=BATCH)
        await repository.remove_inspections([row.id for row in looked_at])
        made = await repository.generations_before(limit, tenant=tenant, limit=BATCH)
        await repository.remove_generations([row.id for row in made])
    return [*looked_at, *made]


async def _part_from_files(workplace: "Workplace", tenant: str, limit: str) -> Sequence[Row]:
    async with workplace.database.write() as session:
        repository = RetentionRepository(session)
        found = await repository.files_before(limit, tenant=tenant, limit=BATCH)
        for table in {table for table, _ in found}:
            await repository.part_from_file(table, [row.id for each, row in found if each is table])
    return [row for _, row in found]


async def drop_blobs(workplace: "Workplace", rows: Sequence[Row]) -> int:
    """Erases the blobs of `rows`, which are gone, unless another row names them; how many.

    Who stores the very same bytes in the moment between the question and the erasure loses them.
    """
    blobs = {row.blob for row in rows if row.blob is not None}
    async with workplace.database.read() as session:
        free = await RetentionRepository(session).unnamed(blobs)
    for name in free:
        await workplace.blobs.delete(name)
    return len(free)


async def _forget_old(workplace: "Workplace", tenant: str, limit: str) -> int:
    """Drops the salts of the tenant's entries of before `limit`; how many."""
    last, dropped = -1, 0
    while True:
        async with workplace.database.write() as session:
            repository = RetentionRepository(session)
            page = await repository.salted(after=last, before=limit, limit=BATCH)
            dropped += await repository.drop_salts([item.entry for item in page if tenant_of(item.body) == tenant])
        if not page:
            return dropped
        last = page[-1].entry


def tenant_of(body: bytes) -> str:
    """Whose entry it is; empty for the instance's own."""
    return str(json.loads(body).get("tenant", ""))


async def _forget_repeats(workplace: "Workplace", now: datetime) -> None:
    from api.repositories import IdempotencyRepository

    async with workplace.database.write() as session:
        await IdempotencyRepository(session).forget_before(timestamp(now - REPEATS))
