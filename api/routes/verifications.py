"""Verifications: what a file says of its own origin; free, without an account."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api import products
from api.access import Anyone, Counters, Place
from api.idempotency import IdempotencyKey, Keep, Reply, once
from api.ingest.bringing import bring
from api.shelf import document_of, inspection
from api.uploads import Sourced, source_body

router = APIRouter(prefix="/v1/verifications", tags=["verifications"])
PREFIX = "/v1/verifications"


@router.post("", status_code=201, openapi_extra=source_body())
async def create(
    place: Place, actor: Anyone, source: Sourced, counters: Counters, key: IdempotencyKey = None
) -> JSONResponse:
    """Reads credentials, watermark and known media; asks no classifier. A `url` is fetched for known callers alone."""

    async def work(keep: Keep) -> Reply:
        file = await bring(place, actor, source)
        answer = await products.verify(place, actor, file.data, name=file.name, within=keep(201, PREFIX))
        counters.products.labels("verification", str(answer.verdict.label)).inc()
        return Reply(201, answer.document, f"{PREFIX}/{answer.id}")

    return await once(place, actor, key, ("POST", PREFIX, source.name, source.url, source.data), work)


@router.get("/{verification_id}")
async def read(place: Place, actor: Anyone, verification_id: str) -> dict[str, Any]:
    """An answer given earlier; its id is unguessable, and that is its protection."""
    return await document_of(place, await inspection(place, actor, verification_id, product="verification"))
