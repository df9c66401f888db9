"""Whether the process lives, whether it can work, and what it counts; for machines on the inside."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api.access import Counters, Place
from api.metrics import CONTENT_TYPE

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz")
async def ready(place: Place) -> JSONResponse:
    """Whether the database answers; a failure is a problem with status 503."""
    async with place.database.read() as session:
        size = await place.audit.size(session)
    return JSONResponse({"status": "ok", "audit_entries": size})


@router.get("/metrics")
async def metrics(place: Place, counters: Counters) -> Response:
    async with place.database.read() as session:
        counters.log_size.set(await place.audit.size(session))
    return Response(counters.text(), media_type=CONTENT_TYPE)
