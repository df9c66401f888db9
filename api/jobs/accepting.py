"""Accepting work: decision, audit entry, job rows and the kept answer to a repeated request commit together.

A file is put where workers find it before that, because no transaction spans both stores; what is put and then not
accepted is swept away (`api.jobs.sweep`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.clock import timestamp
from api.decisions import decide_within, refuse, require_allowed
from api.errors import InvalidRequest
from api.jobs.document import acceptance, job_object
from api.jobs.inputs import Inputs
from api.jobs.job import Job, JobKind, JobState, Priority, asker, job_id
from api.jobs.repository import JobRepository
from api.outcomes import Within, digest
from api.policy import PolicyAction
from api.products import request_of
from api.retention import retention_of
from api.workplace import Workplace
from detector.media import require_bytes, sha256_hex

ACCEPTED = "job.accepted"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One file to be inspected: its bytes, or the address where a worker finds them."""

    name: str
    data: bytes = b""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    purpose: str = ""
    priority: Priority = Priority.NORMAL
    within: Within | None = None
    """What else happens in the transaction of the acceptance."""


async def accept(
    workplace: Workplace, actor: Actor, parcels: Sequence[Parcel], terms: Terms = Terms(), *, batch: bool = False
) -> dict[str, Any]:
    """The job that inspects `parcels`, a single one unless it is a batch, as the answer that goes out.

    Raises `PolicyDenied`, or `EmptyMedia` or `MediaTooLarge` for a single file.
    """
    asked = request_of(workplace, actor, PolicyAction.INSPECT, terms.purpose)
    await require_allowed(workplace, asked)
    if not batch:
        require_parcel(workplace, parcels[0])
    await _require_place(workplace, actor, parcels)
    job, parts = _jobs(actor, parcels, terms, batch=batch)
    files = parts or [job]
    for part, parcel in zip(files, parcels, strict=True):
        if not parcel.url:
            await Inputs(workplace.blobs).put(part.id, parcel.data)
    async with workplace.database.write() as session:
        decision = await decide_within(workplace, session, asked)
        if decision.allowed:
            receipt = await _enter(workplace, session, actor, job, parts)
            document = job_object(job, parts, receipt=receipt)
            if terms.within is not None:
                await terms.within(session, document)
    refuse(decision)
    return document


async def _require_place(workplace: Workplace, actor: Actor, parcels: Sequence[Parcel]) -> None:
    """Raises `InvalidRequest` where files would have to wait and nothing of the tenant's may be kept."""
    if any(parcel.data for parcel in parcels) and (await retention_of(workplace, actor.tenant)).zero:
        raise InvalidRequest("Nothing is kept for this tenant, so no file can wait; send single files, or addresses.")


def require_parcel(workplace: Workplace, parcel: Parcel) -> None:
    """Raises `EmptyMedia` or `MediaTooLarge`."""
    if not parcel.url:
        require_bytes(parcel.data, workplace.sandbox.limits)


async def _enter(
    workplace: Workplace, session: AsyncSession, actor: Actor, job: Job, parts: Sequence[Job]
) -> Mapping[str, Any]:
    """Rows and audit entry of the acceptance; the receipt of the entry."""
    body = {"actor": actor.id, "tenant": actor.tenant, "job": job.id, "report_sha256": digest(acceptance(job, parts))}
    entry = await workplace.audit.append(session, ACCEPTED, body)
    repository = JobRepository(session)
    await repository.add(job, entry=entry.index)
    for part in parts:
        await repository.add(part, entry=entry.index)
    return (await workplace.audit.receipt(session, entry.index)).as_dict()


def _jobs(actor: Actor, parcels: Sequence[Parcel], terms: Terms, *, batch: bool) -> tuple[Job, list[Job]]:
    now = timestamp()
    whole = Job(
        id=job_id(JobKind.BATCH),
        tenant=actor.tenant,
        kind=JobKind.BATCH,
        state=JobState.ACCEPTED,
        priority=int(terms.priority),
        created_at=now,
        updated_at=now,
        request={"actor": asker(actor), "purpose": terms.purpose},
        parts=len(parcels),
        parts_left=len(parcels),
    )
    one = replace(whole, kind=JobKind.INSPECTION, parts=1, parts_left=1, due_at=now)
    jobs = [
        replace(one, id=job_id(JobKind.INSPECTION), request=_request(actor, parcel, terms, place))
        for place, parcel in enumerate(parcels)
    ]
    return (whole, [replace(job, parent=whole.id) for job in jobs]) if batch else (jobs[0], [])


def _request(actor: Actor, parcel: Parcel, terms: Terms, place: int) -> dict[str, Any]:
    sha256 = sha256_hex(parcel.data) if not parcel.url else None
    what = {"name": parcel.name, "url": parcel.url, "sha256": sha256}
    return what | {"actor": asker(actor), "purpose": terms.purpose, "place": place}
