"""All SQL of retention: which rows are old or named, what goes with them, and which blobs nobody names any more."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Table, delete, insert, or_, select, union, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.tables import (
    NAMES_BLOB,
    audit_entries,
    audit_salts,
    generations,
    idempotency,
    inspections,
    metadata,
    records,
    retention,
)


@dataclass(frozen=True, slots=True)
class Row:
    """An answer that goes: `entry` is its audit entry, `blob` the file that it names."""

    id: str
    entry: int
    blob: str | None


@dataclass(frozen=True, slots=True)
class SaltedEntry:
    """An audit entry whose personal data can still be recognised; `body` is canonical JSON."""

    entry: int
    body: bytes
    salt: bytes


class RetentionRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, tenant: str) -> tuple[int | None, int | None, bool] | None:
        """Days for answers, days for files, and whether none is kept; null where the tenant has no rule of its own."""
        columns = (retention.c.answer_days, retention.c.file_days, retention.c.zero)
        row = (await self._session.execute(select(*columns).where(retention.c.tenant == tenant))).one_or_none()
        return None if row is None else (row[0], row[1], bool(row[2]))

    async def put(
        self, tenant: str, *, answer_days: int | None, file_days: int | None, zero: bool, now: str, entry: int
    ) -> None:
        await self._session.execute(delete(retention).where(retention.c.tenant == tenant))
        values = {"answer_days": answer_days, "file_days": file_days, "zero": zero, "updated_at": now, "entry": entry}
        await self._session.execute(insert(retention).values(tenant=tenant, **values))

    async def tenants(self) -> Sequence[str]:
        """Whoever has answers or releases here."""
        query = union(*(select(table.c.tenant) for table in (inspections, generations)))
        return sorted((await self._session.execute(query)).scalars())

    async def inspections_before(self, moment: str, *, tenant: str, limit: int) -> Sequence[Row]:
        return await self._rows(inspections, inspections.c.created_at < moment, tenant=tenant, limit=limit)

    async def generations_before(self, moment: str, *, tenant: str, limit: int) -> Sequence[Row]:
        return await self._rows(generations, generations.c.created_at < moment, tenant=tenant, limit=limit)

    async def files_before(self, moment: str, *, tenant: str, limit: int) -> Sequence[tuple[Table, Row]]:
        """Answers whose file or preview is still kept."""
        found: list[tuple[Table, Row]] = []
        for table in (inspections, generations):
            old = (table.c.created_at < moment) & table.c.blob.is_not(None)
            found += [(table, row) for row in await self._rows(table, old, tenant=tenant, limit=limit)]
        return found

    async def inspections_of(
        self, ids: Collection[str], *, sha256: str | None, entries: Collection[int], tenant: str
    ) -> Sequence[Row]:
        """Answers by id, by the digest of what was looked at, or by audit entry."""
        which = or_(inspections.c.id.in_(ids), inspections.c.sha256 == sha256, inspections.c.entry.in_(entries))
        return await self._rows(inspections, which, tenant=tenant)

    async def generations_of(
        self, ids: Collection[str], *, sha256: str | None, entries: Collection[int], tenant: str
    ) -> Sequence[Row]:
        """Releases by id, by the digest of the released file, or by audit entry."""
        released = select(records.c.generation_id).where(records.c.sha256 == sha256, records.c.tenant == tenant)
        which = or_(generations.c.id.in_(ids), generations.c.id.in_(released), generations.c.entry.in_(entries))
        return await self._rows(generations, which, tenant=tenant)

    async def records_of(self, generation_ids: Collection[str]) -> Sequence[str]:
        """Ids of the registry's records of these releases."""
        query = select(records.c.record_id).where(records.c.generation_id.in_(generation_ids))
        return sorted((await self._session.execute(query)).scalars())

    async def remove_inspections(self, ids: Collection[str]) -> None:
        await self._session.execute(delete(inspections).where(inspections.c.id.in_(ids)))

    async def remove_generations(self, ids: Collection[str]) -> None:
        """The answers alone: the registry's records stay, so that the marks in files outside are still recognised."""
        await self._session.execute(update(records).where(records.c.generation_id.in_(ids)).values(generation_id=None))
        await self._session.execute(delete(generations).where(generations.c.id.in_(ids)))

    async def part_from_file(self, table: Table, ids: Collection[str]) -> None:
        await self._session.execute(update(table).where(table.c.id.in_(ids)).values(blob=None))

    async def remove_repeats(self, ids: Collection[str], *, tenant: str) -> None:
        """What an Idempotency-Key would be answered with once more, if it speaks of one of `ids`."""
        query = select(idempotency.c.key, idempotency.c.answer).where(idempotency.c.tenant == tenant)
        named = [id_.encode() for id_ in ids]
        keys = [row.key for row in await self._session.execute(query) if any(id_ in row.answer for id_ in named)]
        mine = (idempotency.c.tenant == tenant, idempotency.c.key.in_(keys))
        await self._session.execute(delete(idempotency).where(*mine))

    async def unnamed(self, blobs: Collection[str]) -> Sequence[str]:
        """Those of `blobs` that no row names."""
        named: set[str] = set()
        for column in _blob_columns():
            named |= set((await self._session.execute(select(column).where(column.in_(blobs)))).scalars())
        return sorted(set(blobs) - named)

    async def salted(self, *, after: int, before: str | None, limit: int) -> Sequence[SaltedEntry]:
        """Entries behind number `after`, written before the timestamp `before` if one is given, in order."""
        columns = (audit_entries.c.entry, audit_entries.c.body, audit_salts.c.salt)
        query = select(*columns).join(audit_salts, audit_salts.c.entry == audit_entries.c.entry)
        query = query.where(audit_entries.c.entry > after).order_by(audit_entries.c.entry).limit(limit)
        if before is not None:
            query = query.where(audit_entries.c.ts < before)
        return [SaltedEntry(*row) for row in await self._session.execute(query)]

    async def drop_salts(self, entries: Collection[int]) -> int:
        """How many there were."""
        query = delete(audit_salts).where(audit_salts.c.entry.in_(entries)).returning(audit_salts.c.entry)
        return len((await self._session.execute(query)).all())

    async def _rows(
        self, table: Table, which: ColumnElement[bool], *, tenant: str, limit: int | None = None
    ) -> Sequence[Row]:
        query = select(table.c.id, table.c.entry, table.c.blob).where(table.c.tenant == tenant, which)
        return [Row(*row) for row in await self._session.execute(query.order_by(table.c.id).limit(limit))]


def _blob_columns() -> Iterator[Column[str]]:
    for table in metadata.sorted_tables:
        for column in table.columns:
            if NAMES_BLOB.items() <= column.info.items():
                yield column
