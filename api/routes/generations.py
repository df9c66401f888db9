"""Generations: faces that are marked, signed, registered and logged before anyone gets them."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api import products
from api.access import CanGenerate, Counters, Place
from api.auth import Actor
from api.errors import NotFound
from api.repositories import GenerationRepository, StoredGeneration
from api.schemas import GenerationBody
from api.workplace import Workplace

router = APIRouter(prefix="/v1/generations", tags=["generations"])


@router.post("", status_code=201)
async def create(place: Place, actor: CanGenerate, body: GenerationBody, counters: Counters) -> JSONResponse:
    """Makes one face."""
    wish = products.GenerateRequest(
        body.prompt, purpose=body.purpose, seed=body.seed, best_effort=body.best_effort, consent=body.consent
    )
    made = await products.generate(place, actor, wish)
    counters.products.labels("generation", "released").inc()
    return JSONResponse(made.document, 201, {"location": f"/v1/generations/{made.id}"})


@router.get("/{generation_id}")
async def read(place: Place, actor: CanGenerate, generation_id: str) -> dict[str, Any]:
    stored = await _find(place, actor, generation_id)
    async with place.database.read() as session:
        receipt = await place.audit.receipt(session, stored.entry)
    return {**stored.answer["answer"], "receipt": receipt.as_dict()}


@router.get("/{generation_id}/image", response_class=Response)
async def image(place: Place, actor: CanGenerate, generation_id: str) -> Response:
    """The released file, byte for byte."""
    stored = await _find(place, actor, generation_id)
    name = f"shingan-{stored.answer['answer']['record_id']}.png"
    data = await place.blobs.get(stored.answer["blob"])
    return Response(data, media_type="image/png", headers={"content-disposition": f'inline; filename="{name}"'})


async def _find(place: Workplace, actor: Actor, generation_id: str) -> StoredGeneration:
    async with place.database.read() as session:
        found = await GenerationRepository(session).get(generation_id, tenant=actor.tenant)
    if found is None:
        raise NotFound("There is no generation of this id.")
    return found
