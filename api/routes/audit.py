"""The audit log, for whoever wants to check it without trusting this service."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse

from api.access import Anyone, CanReadAudit, Place
from api.audit_view import may_read
from api.errors import InvalidRequest, NotFound
from api.tiles import read_tile
from api.witnessing import accept

router = APIRouter(prefix="/v1/audit", tags=["audit"])
PAGE_LIMIT = 1000
LARGEST = 2**53 - 1
"""Entry numbers stay exact in JavaScript."""
NOTE_BODY = {"requestBody": {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}}
Index = Annotated[int, Path(ge=0, le=LARGEST)]


@router.get("/entries")
async def entries(
    place: Place,
    actor: CanReadAudit,
    start: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 100,
) -> dict[str, Any]:
    """Up to `limit` entries from `start` on; `json` is the text that `leaf_hash` is the hash of, or null if the entry
    is another tenant's."""
    async with place.database.read() as session:
        page = await place.audit.page(session, start=start, limit=limit)
        size = await place.audit.size(session)
    shown = {e.index: e.json.decode() for e in page if may_read(place, actor, e)}
    items = [{"entry": e.index, "leaf_hash": e.leaf_hash.hex(), "json": shown.get(e.index)} for e in page]
    return {"size": size, "items": items}


@router.get("/entries/{index}")
async def entry(place: Place, actor: CanReadAudit, index: Index) -> Response:
    """One entry, byte for byte the text that is hashed."""
    async with place.database.read() as session:
        found = await place.audit.get(session, index)
    if not may_read(place, actor, found):
        raise NotFound("This entry is another tenant's.")
    return Response(found.json, media_type="application/json")


@router.get("/checkpoint")
async def checkpoint(
    place: Place,
    actor: CanReadAudit,
    size: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    cosigned: bool = False,
) -> PlainTextResponse:
    """The signed head (C2SP tlog-checkpoint) at `size` entries, the newest, or the newest that a witness `cosigned`."""
    async with place.database.read() as session:
        return PlainTextResponse(await place.audit.checkpoint(session, size, cosigned=cosigned))


@router.post("/cosignatures", status_code=201, openapi_extra=NOTE_BODY)
async def cosign(place: Place, actor: CanReadAudit, request: Request) -> dict[str, Any]:
    """Takes a checkpoint of this log with the cosignature of a witness (C2SP tlog-cosignature) as plain text."""
    try:
        note = (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("A checkpoint is text in UTF-8.") from error
    taken = await accept(place, actor, note)
    return {"size": taken.size, "witnesses": list(taken.witnesses), "new": list(taken.new)}


@router.get("/tile/{path:path}")
async def tile(place: Place, actor: CanReadAudit, path: str) -> Response:
    """A tile of the tree, or a bundle of entries under `entries/`, as C2SP tlog-tiles names them."""
    content = await place.database.look(lambda connection: read_tile(connection, path))
    return Response(content, media_type="application/octet-stream")


@router.get("/key")
async def key(place: Place, actor: Anyone) -> PlainTextResponse:
    """The log's public key as a C2SP verifier key: whoever was handed an answer checks its receipt with it."""
    return PlainTextResponse(f"{place.audit.verifier}\n")


@router.get("/proof/{index}")
async def proof(
    place: Place, actor: CanReadAudit, index: Index, size: Annotated[int | None, Query(ge=1, le=LARGEST)] = None
) -> dict[str, Any]:
    """A receipt: the inclusion proof of one entry under the head at `size` entries, or the newest."""
    async with place.database.read() as session:
        return (await place.audit.receipt(session, index, size=size)).as_dict()


@router.get("/consistency")
async def consistency(
    place: Place,
    actor: CanReadAudit,
    old: Annotated[int, Query(ge=1, le=LARGEST)],
    new: Annotated[int, Query(ge=1, le=LARGEST)],
) -> dict[str, Any]:
    """Proof that the log of `old` entries is the beginning of that of `new`."""
    async with place.database.read() as session:
        hashes = await place.audit.consistency(session, old, new)
    return {"old": old, "new": new, "proof": [item.hex() for item in hashes]}
