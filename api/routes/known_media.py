"""Known media: a tenant's lists of pictures that its checks shall recognise."""

from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api import known_media
from api.access import CanManageKnownMedia, Place
from api.uploads import read_form, upload_form

router = APIRouter(prefix="/v1/known-media", tags=["known media"])
MAX_NAME = 64
FORM = upload_form({"name": {"type": "string", "maxLength": MAX_NAME}})


@router.get("")
async def listed(place: Place, actor: CanManageKnownMedia) -> dict[str, Any]:
    """The tenant's lists, and those that the operator brought in for everybody (`shared`)."""
    own = [known_media.described(item) for item in await known_media.lists(place, actor)]
    shared = [{"list": known.name, "entries": len(known), "sha256": known.sha256} for known in place.known_media]
    return {"items": own, "shared": shared}


@router.post("", status_code=201, openapi_extra=FORM)
async def bring_in(place: Place, actor: CanManageKnownMedia, request: Request) -> JSONResponse:
    """Brings in a CSV with a column `hash`, `pdq` or `signal_value`; a list of the same name is replaced."""
    upload, fields = await read_form(request, {"name": MAX_NAME + 1})
    name = fields["name"] or PurePath(upload.name).stem
    made = await known_media.bring_in(place, actor, upload.data, name=name, purpose=upload.purpose)
    return JSONResponse(made, 201, {"location": f"/v1/known-media/{quote(name)}"})


@router.get("/{name}", response_class=Response)
async def export(place: Place, actor: CanManageKnownMedia, name: str) -> Response:
    """A list as it was brought in."""
    found = await known_media.content(place, actor, name)
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(name)}.csv"}
    return Response(found, media_type="text/csv", headers=headers)


@router.delete("/{name}")
async def remove(place: Place, actor: CanManageKnownMedia, name: str) -> JSONResponse:
    """Takes a list away."""
    return JSONResponse(await known_media.remove(place, actor, name))
