"""Inspections: what the experts and the provenance checks make of a picture or clip, at once or as a job."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse

from api import products
from api.access import CanInspect, Counters, Place
from api.auth import Actor
from api.errors import NotFound
from api.idempotency import IdempotencyKey, Keep, Reply, once
from api.ingest.bringing import bring
from api.jobs.accepting import Parcel, Terms, accept
from api.jobs.following import EVENT_STREAM, changes, ended, found, job_document
from api.jobs.job import JobState
from api.jobs.waiting import Preference, answers_in_place
from api.rendering import report_html, report_policy
from api.repositories import InspectionRepository
from api.retention import retention_of
from api.routes.jobs import priority_of
from api.shelf import case_of, document_of, handed_on, inspection
from api.uploads import Sourced, source_body
from api.workplace import Workplace

router = APIRouter(prefix="/v1/inspections", tags=["inspections"])
PAGE_LIMIT = 200
PREFIX = "/v1/inspections"
APPLIED = "preference-applied"


@router.post("", status_code=201, openapi_extra=source_body(), responses={202: {"description": "Accepted as a job."}})
async def create(
    place: Place,
    actor: CanInspect,
    source: Sourced,
    counters: Counters,
    key: IdempotencyKey = None,
    prefer: Annotated[str, Header(max_length=200)] = "",
) -> JSONResponse:
    """Looks at one file. A small picture is answered at once; a clip or a large picture is accepted as a job (202).

    `Prefer: wait=N` (RFC 7240) waits up to N seconds for the answer of a job, `Prefer: respond-async` makes a job of
    whatever comes.
    """
    wish = Preference.read(prefer)
    priority = priority_of(source.priority)

    async def work(keep: Keep) -> Reply:
        file = await bring(place, actor, source)
        if answers_in_place(file.data, wish) or (await retention_of(place, actor.tenant)).zero:
            answer = await products.inspect(
                place,
                actor,
                file.data,
                name=file.name,
                purpose=source.purpose,
                keep_preview=True,
                within=keep(201, PREFIX),
            )
            counters.products.labels("inspection", str(answer.verdict.label)).inc()
            return Reply(201, answer.document, f"{PREFIX}/{answer.id}")
        terms = Terms(source.purpose, priority, keep(202, PREFIX))
        document = await accept(place, actor, [Parcel(file.name, file.data)], terms)
        return Reply(202, document, f"{PREFIX}/{document['id']}")

    asked = ("POST", PREFIX, source.name, source.url, source.purpose, source.priority, source.data)
    answer = await once(place, actor, key, asked, work)
    if answer.status_code == 202 and wish.wait:
        return await _waited_for(place, actor, answer, wish.wait)
    if answer.status_code == 202 and wish.later:
        answer.headers[APPLIED] = "respond-async"
    return answer


async def _waited_for(place: Workplace, actor: Actor, accepted: JSONResponse, seconds: float) -> JSONResponse:
    """The answer of a job that ended in time with one; else that it was accepted."""
    job_id = accepted.headers["location"].rpartition("/")[2]
    job = await ended(place, job_id, seconds=seconds)
    if job is None or job.state is not JobState.DONE:
        return accepted
    document = await document_of(place, await inspection(place, actor, job_id))
    return JSONResponse(document, 201, {"location": f"{PREFIX}/{job_id}", APPLIED: f"wait={seconds:g}"})


@router.get("")
async def latest(
    place: Place,
    actor: CanInspect,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
    before: Annotated[str | None, Query(max_length=24)] = None,
) -> dict[str, Any]:
    """Newest first; `before` is the `created_at` of the last one already seen."""
    async with place.database.read() as session:
        rows = await InspectionRepository(session).latest(tenant=actor.tenant, limit=limit, before=before)
    return {"items": [_summary(row.report["report"]) for row in rows]}


@router.get("/{inspection_id}", responses={202: {"description": "Still a job."}})
async def read(place: Place, actor: CanInspect, inspection_id: str) -> JSONResponse:
    """The answer; or the job, with 202 while it is open and 200 if it ended without an answer."""
    try:
        return JSONResponse(await document_of(place, await inspection(place, actor, inspection_id)))
    except NotFound:
        job = await found(place, actor, inspection_id)
        return JSONResponse(await job_document(place, job), 202 if job.open else 200)


@router.get("/{inspection_id}/events")
async def events(place: Place, actor: CanInspect, inspection_id: str) -> StreamingResponse:
    """Server-sent events: the job at each change, until it has an end; one event for what was answered at once."""
    try:
        return StreamingResponse(changes(place, await found(place, actor, inspection_id)), media_type=EVENT_STREAM)
    except NotFound:
        await inspection(place, actor, inspection_id)
        return StreamingResponse(_done(inspection_id), media_type=EVENT_STREAM)


@router.get("/{inspection_id}/report.json")
async def report_json(place: Place, actor: CanInspect, inspection_id: str) -> dict[str, Any]:
    """The answer as a file to hand on: its receipt holds the log's entry as well (`entry_json`), which says what was
    answered."""
    return await handed_on(place, await inspection(place, actor, inspection_id))


@router.get("/{inspection_id}/report.html")
async def report_page(place: Place, actor: CanInspect, inspection_id: str) -> HTMLResponse:
    """A self-contained page that checks its own receipt."""
    case = await case_of(place, await inspection(place, actor, inspection_id))
    return HTMLResponse(report_html([case]), headers={"content-security-policy": report_policy()})


def _summary(report: Mapping[str, Any]) -> dict[str, Any]:
    return {name: report.get(name) for name in ("id", "created_at", "path", "sha256", "verdict")}


async def _done(inspection_id: str) -> AsyncIterator[str]:
    yield f'event: done\ndata: {{"id":"{inspection_id}","state":"done"}}\n\n'
