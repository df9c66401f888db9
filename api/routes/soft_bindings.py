"""C2PA's Soft Binding Resolution API (version 2.4): free for everybody, as reading a mark is."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api import soft_bindings
from api.access import Anyone, Counters, Place
from api.errors import NotOffered
from api.schemas import BindingBody
from api.soft_bindings import Match

router = APIRouter(prefix="/v1/soft-bindings", tags=["soft bindings"])
MANIFEST_TYPE = "application/c2pa"
MOST = 50
Limit = Annotated[int, Query(alias="maxResults", ge=1, le=MOST)]
Algorithm = Annotated[str, Query(max_length=128)]
CONTENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"image/*": {"schema": {"type": "string", "contentMediaType": "image/*"}}},
    }
}


@router.get("/services/supportedAlgorithms")
async def supported(_: Anyone) -> dict[str, Any]:
    """The algorithms that this registry can be asked by."""
    return dict(soft_bindings.algorithms())


@router.get("/matches/byBinding")
async def by_binding(
    place: Place, actor: Anyone, alg: Algorithm, value: Annotated[str, Query(max_length=4096)], limit: Limit = 10
) -> dict[str, Any]:
    """Manifests by the value of a soft binding."""
    return _answer(await soft_bindings.by_binding(place, actor, alg=alg, value=value, limit=limit))


@router.post("/matches/byBinding")
async def by_large_binding(place: Place, actor: Anyone, body: BindingBody, limit: Limit = 10) -> dict[str, Any]:
    """The same for a value too long for an address."""
    return _answer(await soft_bindings.by_binding(place, actor, alg=body.alg, value=body.value, limit=limit))


@router.post("/matches/byContent", openapi_extra=CONTENT)
async def by_content(
    place: Place,
    actor: Anyone,
    request: Request,
    counters: Counters,
    alg: Annotated[str | None, Query(max_length=128)] = None,
    limit: Limit = 10,
) -> dict[str, Any]:
    """Manifests of the picture in the body: by its mark, else by its fingerprint."""
    matches = await soft_bindings.by_content(place, actor, await request.body(), alg=alg, limit=limit)
    counters.products.labels("soft_binding", "matched" if matches else "unmatched").inc()
    return _answer(matches)


@router.post("/matches/byReference", status_code=501)
async def by_reference(_: Anyone) -> Response:
    """Not offered: this service fetches nothing from addresses that it is sent."""
    raise NotOffered("This service fetches nothing; send the picture itself to matches/byContent.")


@router.get("/manifests/{manifest_id}", response_class=Response)
async def manifest(place: Place, actor: Anyone, manifest_id: str) -> Response:
    """The manifest store of this name (JUMBF)."""
    return Response(await soft_bindings.manifest(place, actor, manifest_id), media_type=MANIFEST_TYPE)


def _answer(matches: Sequence[Match]) -> dict[str, Any]:
    return {"matches": [match.as_dict() for match in matches]}
