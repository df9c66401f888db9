"""Jobs: batches of files, and how far accepted work is."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from api.access import CanInspect, Place, workplace_of
from api.errors import InvalidRequest, NotFound
from api.idempotency import IdempotencyKey, Keep, Reply, once
from api.ingest.fetching import name_of
from api.ingest.network import checked
from api.jobs.accepting import Parcel, Terms, accept
from api.jobs.document import job_object
from api.jobs.ending import cancel
from api.jobs.following import EVENT_STREAM, changes, found, job_document
from api.jobs.job import PRIORITIES, JobKind, JobState, Priority
from api.jobs.repository import JobRepository
from api.uploads import Source, batch_body, read_sources

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
PAGE_LIMIT = 200
SHOWN = (JobKind.INSPECTION, JobKind.BATCH)


async def read_batch(request: Request) -> tuple[Sequence[Source], dict[str, str]]:
    """The files of the request; raises `InvalidRequest`."""
    place = await workplace_of(request)
    return await read_sources(request, most=place.settings.batch_files)


def priority_of(name: str) -> Priority:
    """Raises `InvalidRequest` for a name that is none."""
    if (name or "normal") not in PRIORITIES:
        raise InvalidRequest(f"A priority is one of {', '.join(PRIORITIES)}.")
    return PRIORITIES[name or "normal"]


@router.post("", status_code=202, openapi_extra=batch_body())
async def create(
    place: Place,
    actor: CanInspect,
    batch: Annotated[tuple[Sequence[Source], dict[str, str]], Depends(read_batch)],
    key: IdempotencyKey = None,
) -> JSONResponse:
    """Accepts a batch: several fields `file` or `url` of a form, or `urls` in JSON, with `purpose` and `priority`."""
    sources, terms = batch
    priority = priority_of(terms["priority"])
    for source in sources:
        if source.url:
            checked(source.url, place.settings)
    parcels = [Parcel(source.name or name_of(source.url), source.data, source.url) for source in sources]

    async def work(keep: Keep) -> Reply:
        agreed = Terms(terms["purpose"], priority, keep(202, "/v1/jobs"))
        document = await accept(place, actor, parcels, agreed, batch=True)
        return Reply(202, document, f"/v1/jobs/{document['id']}")

    named = [part for item in parcels for part in (item.name, item.url, item.data)]
    return await once(place, actor, key, ("POST /v1/jobs", terms["purpose"], terms["priority"], *named), work)


@router.get("")
async def latest(
    place: Place,
    actor: CanInspect,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
    state: JobState | None = None,
) -> dict[str, Any]:
    """Newest first, a batch with its parts; these stand beside it as well, as jobs of their own."""
    async with place.database.read() as session:
        repository = JobRepository(session)
        jobs = await repository.latest(tenant=actor.tenant, kinds=SHOWN, state=state, limit=limit)
        parts = await repository.parts(*(job.id for job in jobs if job.kind is JobKind.BATCH))
    return {"items": [job_object(job, [part for part in parts if part.parent == job.id]) for job in jobs]}


@router.get("/{job_id}")
async def read(place: Place, actor: CanInspect, job_id: str) -> dict[str, Any]:
    """The job as it is now, with a receipt for its acceptance."""
    return await job_document(place, await found(place, actor, job_id))


@router.get("/{job_id}/events")
async def events(place: Place, actor: CanInspect, job_id: str) -> StreamingResponse:
    """Server-sent events: the job at each change, until it has an end."""
    return StreamingResponse(changes(place, await found(place, actor, job_id)), media_type=EVENT_STREAM)


@router.delete("/{job_id}")
async def end(place: Place, actor: CanInspect, job_id: str) -> dict[str, Any]:
    """Cancels the job, and of a batch whatever has no end yet; one that has ended is a conflict."""
    job = await found(place, actor, job_id)
    if job.kind not in SHOWN:
        raise NotFound("There is no such job.")
    await cancel(place, actor, job)
    return await job_document(place, await found(place, actor, job_id))
