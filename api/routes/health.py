"""Whether the process lives, whether it can work, and what it counts; for machines on the inside."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.access import Counters, Place
from api.errors import NotReady
from api.metrics import CONTENT_TYPE
from api.readiness import OK, ReadinessCheck

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """That the process answers; nothing else is looked at."""
    return {"status": "ok"}


@router.get("/readyz")
async def ready(request: Request, place: Place, counters: Counters) -> JSONResponse:
    """Whether database, blobs, keys, sandbox and weights work; if one does not, a problem with status 503 names it."""
    check: ReadinessCheck = request.app.state.readiness
    found = await check.now()
    for part, state in found.parts.items():
        counters.ready.labels(part).set(state == OK)
    if not found.ready:
        broken = ", ".join(part for part, state in found.parts.items() if state != OK)
        raise NotReady(f"Not working: {broken}.", parts=dict(found.parts))
    async with place.database.read() as session:
        size = await place.audit.size(session)
    return JSONResponse({"status": "ok", "audit_entries": size, "parts": dict(found.parts)})


@router.get("/metrics")
async def metrics(place: Place, counters: Counters) -> Response:
    """Prometheus text: requests, answers, sandbox, audit log, readiness and queues."""
    await counters.refresh()
    async with place.database.read() as session:
        counters.log_size.set(await place.audit.size(session))
    return Response(counters.text(), media_type=CONTENT_TYPE)
