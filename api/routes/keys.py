"""API keys of the caller's own tenant."""

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse

from api import key_care
from api.access import CanManage, Place
from api.auth import ApiKeys, IssuedKey
from api.clock import utc_now
from api.schemas import KeyBody

router = APIRouter(prefix="/v1/keys", tags=["keys"])
LONGEST_OVERLAP: Final = 30 * 24 * 3600
DEFAULT_OVERLAP: Final = 24 * 3600
KeyId = Annotated[str, Path(max_length=64)]


def _keys(request: Request) -> ApiKeys:
    found: ApiKeys = request.app.state.keys
    return found


@router.get("")
async def listed(place: Place, actor: CanManage) -> dict[str, Any]:
    """The tenant's keys, without their secrets."""
    return {"items": [key_care.told(key) for key in await key_care.listed(place, actor)]}


@router.post("", status_code=201)
async def create(place: Place, actor: CanManage, body: KeyBody, request: Request) -> JSONResponse:
    """A new key with scopes that the caller has too; `token` is shown this once."""
    expires_at = utc_now() + timedelta(days=body.days) if body.days else None
    issued = await key_care.issue(
        place, actor, _keys(request), name=body.name, scopes=body.scopes, expires_at=expires_at, rate=body.rate
    )
    return _shown(issued)


@router.post("/{key_id}/rotate", status_code=201)
async def rotate(
    place: Place,
    actor: CanManage,
    key_id: KeyId,
    request: Request,
    overlap_s: Annotated[int, Query(ge=0, le=LONGEST_OVERLAP)] = DEFAULT_OVERLAP,
) -> JSONResponse:
    """A new key in the place of an old one, which works on for `overlap_s` seconds."""
    return _shown(await key_care.rotate(place, actor, _keys(request), key_id, overlap=timedelta(seconds=overlap_s)))


@router.delete("/{key_id}", status_code=204)
async def revoke(place: Place, actor: CanManage, key_id: KeyId, request: Request) -> None:
    """Ends a key at once."""
    await key_care.revoke(place, actor, _keys(request), key_id)


def _shown(issued: IssuedKey) -> JSONResponse:
    return JSONResponse({**key_care.told(issued.key), "token": issued.token}, 201)
