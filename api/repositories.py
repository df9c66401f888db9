"""All SQL of the product's own rows, one class per noun over a session; the audit log has `audit_repository`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.tables import api_keys, generations, idempotency, inspections, known_media, records
from detector.types import ReleaseRecord

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

PAGE = 50
"""Rows of a list answer unless the caller asks for fewer or more."""
RECORD_FIELDS = tuple(field.name for field in fields(ReleaseRecord))


@dataclass(frozen=True, slots=True)
class StoredInspection:
    """An answered inspection or verification (`product`); `report` is the JSON answer, `entry` its audit entry."""

    id: str
    product: str
    tenant: str
    created_at: str
    sha256: str
    report: Mapping[str, Any]
    entry: int
    blob: str | None = None
    """The small copy of the picture that the report shows, if one is kept."""


@dataclass(frozen=True, slots=True)
class StoredGeneration:
    """An answered generation request; `answer` is its JSON, `entry` the audit entry of the outcome."""

    id: str
    tenant: str
    created_at: str
    answer: Mapping[str, Any]
    entry: int
    blob: str | None = None
    """The released file, if it is kept."""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A release in the registry with the C2PA `manifest` (JUMBF bytes) that a stripped copy gets back."""

    record: ReleaseRecord
    tenant: str
    manifest: bytes
    entry: int
    generation_id: str | None = None
    manifest_id: str | None = None
    """The manifest's own name (URN); null for releases of before it was kept."""
    stamped: bool | None = None
    """Whether a time-stamp is in the manifest; null for releases of before it was kept."""
    looks: str | None = None
    """What was read from the file as it left (`release_looks`); null for releases of before it was kept."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key as it is kept: `prefix` is for people, `digest` its HMAC."""

    id: str
    tenant: str
    name: str
    prefix: str
    digest: bytes
    scopes: tuple[str, ...]
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None
    last_used_at: str | None = None
    rotated_from: str | None = None
    """Id of the key that this one took the place of."""
    rate: int | None = None
    """Requests a minute; null for what the instance gives every key."""

    def usable(self, now: str) -> bool:
        """Whether it is neither revoked nor expired at `now`, a timestamp."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class StoredList:
    """A tenant's list of known pictures, without its content; `sha256` is of the CSV, `entry` its audit entry."""

    tenant: str
    name: str
    sha256: str
    entries: int
    created_at: str
    entry: int


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What an Idempotency-Key was answered with: the same request gets it again."""

    tenant: str
    key: str
    request_sha256: str
    status: int
    answer: bytes
    created_at: str


class InspectionRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, inspection: StoredInspection) -> None:
        await self._session.run_sync(lambda plain: add_inspection(plain.connection(), inspection))

    async def get(self, inspection_id: str, *, tenant: str, product: str = "inspection") -> StoredInspection | None:
        query = _inspections(tenant, product).where(inspections.c.id == inspection_id)
        row = (await self._session.execute(query)).one_or_none()
        return _inspection(row) if row else None

    async def latest(
        self, *, tenant: str, product: str = "inspection", limit: int = PAGE, before: str | None = None
    ) -> Sequence[StoredInspection]:
        """Newest first; `before` is the `created_at` of the last one already seen."""
        query = _inspections(tenant, product).order_by(inspections.c.created_at.desc()).limit(limit)
        if before is not None:
            query = query.where(inspections.c.created_at < before)
        return [_inspection(row) for row in await self._session.execute(query)]


class GenerationRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, generation: StoredGeneration) -> None:
        values = _values(generation) | {"answer": _pack(generation.answer)}
        await self._session.execute(insert(generations).values(values))

    async def get(self, generation_id: str, *, tenant: str) -> StoredGeneration | None:
        query = select(generations).where(generations.c.id == generation_id, generations.c.tenant == tenant)
        row = (await self._session.execute(query)).one_or_none()
        return _generation(row) if row else None

    async def latest(self, *, tenant: str, limit: int = PAGE) -> Sequence[StoredGeneration]:
        query = select(generations).where(generations.c.tenant == tenant)
        query = query.order_by(generations.c.created_at.desc()).limit(limit)
        return [_generation(row) for row in await self._session.execute(query)]


class ReleaseRepository:
    """The registry. Look-ups go over all tenants: whoever holds a marked file may learn where it came from."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, stored: StoredRecord) -> None:
        values = _values(stored.record) | {
            "tenant": stored.tenant,
            "generation_id": stored.generation_id,
            "manifest": stored.manifest,
            "manifest_id": stored.manifest_id,
            "stamped": stored.stamped,
            "looks": stored.looks,
            "entry": stored.entry,
        }
        await self._session.execute(insert(records).values(values))

    async def get(self, record_id: str) -> StoredRecord | None:
        return await self._session.run_sync(lambda plain: record_by_id(plain.connection(), record_id))

    async def by_manifest_id(self, manifest_id: str) -> StoredRecord | None:
        return await self._one(select(records).where(records.c.manifest_id == manifest_id).limit(1))

    async def by_sha256(self, sha256: str) -> StoredRecord | None:
        """The release whose file has these exact bytes."""
        return await self._session.run_sync(lambda plain: record_by_sha256(plain.connection(), sha256))

    async def unstamped(self) -> Sequence[str]:
        """Ids of all records without a time-stamp, oldest first."""
        query = select(records.c.record_id).where(records.c.stamped.is_(False)).order_by(records.c.entry)
        return (await self._session.execute(query)).scalars().all()

    async def stamp(self, record_id: str, manifest: bytes, *, sha256: str) -> None:
        """Puts `manifest`, which holds the old one, in its place; it is still found by the old one's name."""
        values = {"manifest": manifest, "manifest_sha256": sha256, "stamped": True}
        await self._session.execute(update(records).where(records.c.record_id == record_id).values(values))

    async def count_since(self, moment: str, *, tenant: str) -> int:
        """How many records `tenant` made at or after the timestamp `moment`."""
        query = select(func.count()).select_from(records)
        query = query.where(records.c.tenant == tenant, records.c.created_at >= moment)
        return (await self._session.execute(query)).scalar_one()

    async def _one(self, query: Select[Any]) -> StoredRecord | None:
        row = (await self._session.execute(query)).one_or_none()
        return _record(row) if row else None


class KeyRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, key: StoredKey) -> None:
        await self._session.execute(insert(api_keys).values(_values(key) | {"scopes": " ".join(key.scopes)}))

    async def by_digest(self, digest: bytes) -> StoredKey | None:
        return await self._session.run_sync(lambda plain: key_by_digest(plain.connection(), digest))

    async def get(self, key_id: str, *, tenant: str) -> StoredKey | None:
        query = select(api_keys).where(api_keys.c.id == key_id, api_keys.c.tenant == tenant)
        row = (await self._session.execute(query)).one_or_none()
        return _key(row) if row else None

    async def of_tenant(self, tenant: str) -> Sequence[StoredKey]:
        query = select(api_keys).where(api_keys.c.tenant == tenant).order_by(api_keys.c.created_at)
        return [_key(row) for row in await self._session.execute(query)]

    async def touch(self, key_id: str, now: str) -> None:
        await self._session.run_sync(lambda plain: touch_key(plain.connection(), key_id, now))

    async def expire(self, key_id: str, moment: str) -> None:
        await self._session.execute(update(api_keys).where(api_keys.c.id == key_id).values(expires_at=moment))

    async def revoke(self, key_id: str, *, tenant: str, now: str) -> bool:
        """Whether `tenant` had a live key of this id, which it now has no more."""
        mine = (api_keys.c.id == key_id, api_keys.c.tenant == tenant, api_keys.c.revoked_at.is_(None))
        query = update(api_keys).where(*mine).values(revoked_at=now).returning(api_keys.c.id)
        return (await self._session.execute(query)).one_or_none() is not None


class KnownMediaRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put(self, stored: StoredList, content: bytes) -> None:
        """Adds a list, in the place of the tenant's earlier one of its name."""
        await self.remove(stored.name, tenant=stored.tenant)
        await self._session.execute(insert(known_media).values(_values(stored) | {"content": content}))

    async def of_tenant(self, tenant: str) -> Sequence[StoredList]:
        """By name."""
        return await self._session.run_sync(lambda plain: lists_of_tenant(plain.connection(), tenant))

    async def content(self, name: str, *, tenant: str) -> bytes | None:
        return await self._session.run_sync(lambda plain: list_content(plain.connection(), name, tenant=tenant))

    async def remove(self, name: str, *, tenant: str) -> bool:
        """Whether `tenant` had a list of this name, which it now has no more."""
        mine = (known_media.c.tenant == tenant, known_media.c.name == name)
        query = delete(known_media).where(*mine).returning(known_media.c.name)
        return (await self._session.execute(query)).one_or_none() is not None


class IdempotencyRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, answer: StoredAnswer) -> None:
        await self._session.execute(insert(idempotency).values(_values(answer)))

    async def get(self, key: str, *, tenant: str) -> StoredAnswer | None:
        query = select(idempotency).where(idempotency.c.key == key, idempotency.c.tenant == tenant)
        row = (await self._session.execute(query)).one_or_none()
        return StoredAnswer(**row._mapping) if row else None

    async def set(self, answer: StoredAnswer) -> bool:
        """Keeps what the request made at `created_at` was answered with; whether its key is still that request's."""
        at = answer.created_at
        same = idempotency.c.tenant == answer.tenant, idempotency.c.key == answer.key, idempotency.c.created_at == at
        query = update(idempotency).where(*same).values(status=answer.status, answer=answer.answer)
        return (await self._session.execute(query.returning(idempotency.c.key))).one_or_none() is not None

    async def remove(self, key: str, *, tenant: str, created_at: str) -> None:
        same = (idempotency.c.tenant == tenant, idempotency.c.key == key, idempotency.c.created_at == created_at)
        await self._session.execute(delete(idempotency).where(*same))

    async def forget_before(self, moment: str) -> None:
        """Drops answers older than the timestamp `moment`."""
        await self._session.execute(delete(idempotency).where(idempotency.c.created_at < moment))


# Every request asks these: putting a query together takes as long as running it.
_KEY = select(api_keys).where(api_keys.c.digest == bindparam("of"))
_LISTS = select(*(known_media.c[field.name] for field in fields(StoredList)))
_LISTS = _LISTS.where(known_media.c.tenant == bindparam("of")).order_by(known_media.c.name)
_ADD_INSPECTION = insert(inspections)
_RECORD = select(records).where(records.c.record_id == bindparam("of"))
_RECORD_OF_FILE = select(records).where(records.c.sha256 == bindparam("of")).limit(1)


def add_inspection(connection: Connection, inspection: StoredInspection) -> None:
    """For a unit of work that is a plain function, as those below are."""
    connection.execute(_ADD_INSPECTION, _values(inspection) | {"report": _pack(inspection.report)})


def drop_inspections(connection: Connection, entries: Sequence[int]) -> list[str]:
    """Deletes the answers whose outcome is one of `entries`; blobs of previews that none is left for."""
    gone = connection.execute(select(inspections).where(inspections.c.entry.in_(entries))).all()
    connection.execute(delete(inspections).where(inspections.c.entry.in_(entries)))
    left = select(inspections.c.sha256).where(inspections.c.sha256.in_([row.sha256 for row in gone]))
    kept = set(connection.execute(left).scalars())
    previews = [_inspection(row).report["preview"] for row in gone if row.sha256 not in kept]
    return [preview["blob"] for preview in previews if preview is not None]


def key_by_digest(connection: Connection, digest: bytes) -> StoredKey | None:
    row = connection.execute(_KEY, {"of": digest}).one_or_none()
    return _key(row) if row else None


def touch_key(connection: Connection, key_id: str, now: str) -> None:
    """Notes that the key was used at the timestamp `now`."""
    connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now))


def lists_of_tenant(connection: Connection, tenant: str) -> Sequence[StoredList]:
    """By name."""
    return [StoredList(**row._mapping) for row in connection.execute(_LISTS, {"of": tenant})]


def list_content(connection: Connection, name: str, *, tenant: str) -> bytes | None:
    mine = (known_media.c.tenant == tenant, known_media.c.name == name)
    found = connection.execute(select(known_media.c.content).where(*mine)).scalar_one_or_none()
    return None if found is None else bytes(found)


def record_by_id(connection: Connection, record_id: str) -> StoredRecord | None:
    row = connection.execute(_RECORD, {"of": record_id}).one_or_none()
    return _record(row) if row else None


def record_by_sha256(connection: Connection, sha256: str) -> StoredRecord | None:
    """Whose released file has these very bytes."""
    row = connection.execute(_RECORD_OF_FILE, {"of": sha256}).one_or_none()
    return _record(row) if row else None


def _inspections(tenant: str, product: str) -> Select[Any]:
    return select(inspections).where(inspections.c.tenant == tenant, inspections.c.product == product)


def _values(value: "DataclassInstance") -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _pack(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _inspection(row: Row[Any]) -> StoredInspection:
    return StoredInspection(**{**row._mapping, "report": json.loads(row.report)})


def _generation(row: Row[Any]) -> StoredGeneration:
    return StoredGeneration(**{**row._mapping, "answer": json.loads(row.answer)})


def _key(row: Row[Any]) -> StoredKey:
    return StoredKey(**{**row._mapping, "scopes": tuple(row.scopes.split())})


def _record(row: Row[Any]) -> StoredRecord:
    known = {name: row._mapping[name] for name in RECORD_FIELDS}
    place = {name: row._mapping[name] for name in ("generation_id", "manifest_id", "stamped", "looks")}
    return StoredRecord(ReleaseRecord(**known), row.tenant, row.manifest, row.entry, **place)
