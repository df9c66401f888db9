"""Inspections: what the experts and the provenance checks make of an uploaded picture."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, JSONResponse

from api import products
from api.access import CanInspect, Counters, Place
from api.rendering import report_html, report_policy
from api.repositories import InspectionRepository
from api.shelf import case_of, document_of, inspection
from api.uploads import UPLOAD_BODY, Uploaded

router = APIRouter(prefix="/v1/inspections", tags=["inspections"])
PAGE_LIMIT = 200


@router.post("", status_code=201, openapi_extra=UPLOAD_BODY)
async def create(place: Place, actor: CanInspect, upload: Uploaded, counters: Counters) -> JSONResponse:
    """Looks at one picture."""
    answer = await products.inspect(
        place, actor, upload.data, name=upload.name, purpose=upload.purpose, keep_preview=True
    )
    counters.products.labels("inspection", str(answer.verdict.label)).inc()
    return JSONResponse(answer.document, 201, {"location": f"/v1/inspections/{answer.id}"})


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


@router.get("/{inspection_id}")
async def read(place: Place, actor: CanInspect, inspection_id: str) -> dict[str, Any]:
    return await document_of(place, await inspection(place, actor, inspection_id))


@router.get("/{inspection_id}/report.json")
async def report_json(place: Place, actor: CanInspect, inspection_id: str) -> dict[str, Any]:
    """As above, under the name of a file."""
    return await read(place, actor, inspection_id)


@router.get("/{inspection_id}/report.html")
async def report_page(place: Place, actor: CanInspect, inspection_id: str) -> HTMLResponse:
    """A self-contained page that checks its own receipt."""
    case = await case_of(place, await inspection(place, actor, inspection_id))
    return HTMLResponse(report_html([case]), headers={"content-security-policy": report_policy()})


def _summary(report: Mapping[str, Any]) -> dict[str, Any]:
    return {name: report.get(name) for name in ("id", "created_at", "path", "sha256", "verdict")}
