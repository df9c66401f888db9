"""Verifications: what a file says of its own origin; free, without an account."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api import products
from api.access import Anyone, Counters, Place
from api.shelf import document_of, inspection
from api.uploads import UPLOAD_BODY, Uploaded

router = APIRouter(prefix="/v1/verifications", tags=["verifications"])


@router.post("", status_code=201, openapi_extra=UPLOAD_BODY)
async def create(place: Place, actor: Anyone, upload: Uploaded, counters: Counters) -> JSONResponse:
    """Reads credentials, watermark and known media; asks no classifier."""
    answer = await products.verify(place, actor, upload.data, name=upload.name)
    counters.products.labels("verification", str(answer.verdict.label)).inc()
    return JSONResponse(answer.document, 201, {"location": f"/v1/verifications/{answer.id}"})


@router.get("/{verification_id}")
async def read(place: Place, actor: Anyone, verification_id: str) -> dict[str, Any]:
    """An answer given earlier; its id is unguessable, and that is its protection."""
    return await document_of(place, await inspection(place, actor, verification_id, product="verification"))
