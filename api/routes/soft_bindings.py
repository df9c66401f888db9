"""C2PA's Soft Binding Resolution API (version 2.4): free for everybody, as reading a mark is."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from api import soft_bindings
from api.access import Anyone, Counters, Place
from api.errors import InvalidQuery, InvalidRequest, NotOffered
from api.schemas import BindingBody
from api.soft_bindings import Match


class StandardRoute(APIRoute):
    """Answers a malformed question with 400, as the standard has it, where the other routes answer with 422."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise InvalidQuery("A field is missing or malformed.") from error
            except InvalidRequest as error:
                raise InvalidQuery(str(error)) from error

        return handled


router = APIRouter(prefix="/v1/soft-bindings", tags=["soft bindings"], route_class=StandardRoute)
MANIFEST_TYPE = "application/c2pa"
MOST = 50
"""More are not given, however many are asked for."""
Limit = Annotated[int, Query(alias="maxResults", ge=1)]
Algorithm = Annotated[str, Query(max_length=128)]
CONTENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in ("image/*", "video/*")},
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
    return _answer(await soft_bindings.by_binding(place, actor, alg=alg, value=value, limit=min(limit, MOST)))


@router.post("/matches/byBinding")
async def by_large_binding(place: Place, actor: Anyone, body: BindingBody, limit: Limit = 10) -> dict[str, Any]:
    """The same for a value too long for an address."""
    return _answer(await soft_bindings.by_binding(place, actor, alg=body.alg, value=body.value, limit=min(limit, MOST)))


@router.post("/matches/byContent", openapi_extra=CONTENT)
async def by_content(
    place: Place,
    actor: Anyone,
    request: Request,
    counters: Counters,
    alg: Annotated[str | None, Query(max_length=128)] = None,
    limit: Limit = 10,
) -> dict[str, Any]:
    """Manifests of the picture or clip in the body: by its mark, else by its fingerprint."""
    data = await request.body()
    matches = await soft_bindings.by_content(place, actor, data, alg=alg, limit=min(limit, MOST))
    counters.products.labels("soft_binding", "matched" if matches else "unmatched").inc()
    return _answer(matches)


@router.post("/matches/byReference", status_code=501)
async def by_reference(_: Anyone) -> Response:
    """Not offered: this service fetches nothing from addresses that it is sent."""
    raise NotOffered("This service fetches nothing; send the picture itself to matches/byContent.")


@router.get("/manifests/{manifest_id}", response_class=Response)
async def manifest(
    place: Place,
    actor: Anyone,
    manifest_id: str,
    active: Annotated[bool, Query(alias="returnActiveManifest")] = False,
) -> Response:
    """The manifest store of this name (JUMBF), or a store that holds its active manifest alone."""
    store = await soft_bindings.manifest(place, actor, manifest_id)
    return Response(soft_bindings.active_alone(store) if active else store, media_type=MANIFEST_TYPE)


def _answer(matches: Sequence[Match]) -> dict[str, Any]:
    return {"matches": [match.as_dict() for match in matches]}
