"""Generations: faces that are marked, signed, registered and logged before anyone gets them."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api import products
from api.access import CanGenerate, Counters, Place
from api.making import GENERATION
from api.releases import find_release, release_document, release_file
from api.schemas import GenerationBody

router = APIRouter(prefix="/v1/generations", tags=["generations"])


@router.post("", status_code=201)
async def create(place: Place, actor: CanGenerate, body: GenerationBody, counters: Counters) -> JSONResponse:
    """Makes one face."""
    wish = products.GenerateRequest(
        body.prompt,
        purpose=body.purpose,
        seed=body.seed,
        best_effort=body.best_effort,
        consent=body.consent,
        label=body.label,
        backend=body.backend,
        consent_reference=body.consent_reference,
    )
    made = await products.generate(place, actor, wish)
    counters.products.labels("generation", "released").inc()
    return JSONResponse(made.document, 201, {"location": f"/v1/generations/{made.id}"})


@router.get("/{generation_id}")
async def read(place: Place, actor: CanGenerate, generation_id: str) -> dict[str, Any]:
    return await release_document(place, await find_release(place, actor, generation_id, product=GENERATION))


@router.get("/{generation_id}/image", response_class=Response)
async def image(place: Place, actor: CanGenerate, generation_id: str) -> Response:
    """The released file, byte for byte."""
    data, mime, name = await release_file(place, await find_release(place, actor, generation_id, product=GENERATION))
    return Response(data, media_type=mime, headers={"content-disposition": f'inline; filename="{name}"'})
