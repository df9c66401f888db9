"""Portraits: a consenting person's picture, or a made-up one, redrawn by a tool, marked, signed and registered."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from api import portraits
from api.access import CanPortray, Counters, Place
from api.errors import InvalidRequest
from api.labels import AUTO, LABELS
from api.portraits import ACTIONS, PORTRAIT, PortraitRequest
from api.releases import find_release, release_document, release_file
from api.uploads import read_form, upload_form
from detector.faces import MAX_FACES

router = APIRouter(prefix="/v1/portraits", tags=["portraits"])
MAX_SETTINGS = 4096
MAX_REFERENCE = 256
MAX_WORD = 16
FORM = upload_form(
    {
        "style_file": {"type": "string", "contentMediaType": "application/octet-stream"},
        "settings": {"type": "string", "maxLength": MAX_SETTINGS, "description": "A JSON object; see each tool."},
        "consent": {"type": "string", "enum": ["true", "false"], "default": "false"},
        "consent_reference": {"type": "string", "maxLength": MAX_REFERENCE},
        "label": {"type": "string", "enum": list(LABELS), "default": AUTO},
        "face": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_FACES,
            "description": "Which one is meant, from left to right, where there are several.",
        },
    }
)
FIELDS = {
    "settings": MAX_SETTINGS,
    "consent": MAX_WORD,
    "consent_reference": MAX_REFERENCE,
    "label": MAX_WORD,
    "face": MAX_WORD,
}


async def read_request(request: Request, tool: str) -> PortraitRequest:
    """The form as a request; raises `InvalidRequest`."""
    if tool not in ACTIONS:
        raise InvalidRequest(f"A portrait tool is one of {', '.join(ACTIONS)}.")
    upload, fields = await read_form(request, FIELDS, beside="style_file")
    label = fields["label"] or AUTO
    if label not in LABELS:
        raise InvalidRequest(f"The field `label` is one of {', '.join(LABELS)}.")
    return PortraitRequest(
        tool,
        upload.data,
        upload.name,
        purpose=upload.purpose,
        consent=fields["consent"] == "true",
        consent_reference=fields["consent_reference"],
        settings=_settings(fields["settings"]),
        label=label,
        style_data=upload.beside,
        face=_face(fields["face"]),
    )


def _face(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MAX_FACES):
        raise InvalidRequest(f"The field `face` is a number from 1 to {MAX_FACES}.")
    return int(text)


def _settings(text: str) -> dict[str, Any]:
    try:
        settings = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The field `settings` is no JSON.") from error
    if not isinstance(settings, dict):
        raise InvalidRequest("The field `settings` is a JSON object.")
    return settings


@router.post("/{tool}", status_code=201, openapi_extra=FORM)
async def create(
    place: Place, actor: CanPortray, wish: Annotated[PortraitRequest, Depends(read_request)], counters: Counters
) -> JSONResponse:
    """Redraws one portrait; the policy asks for the scope of the tool, a purpose and the person's consent."""
    made = await portraits.redraw(place, actor, wish)
    counters.products.labels(PORTRAIT, "released").inc()
    return JSONResponse(made.document, 201, {"location": f"/v1/portraits/{made.id}"})


@router.get("/{portrait_id}")
async def read(place: Place, actor: CanPortray, portrait_id: str) -> dict[str, Any]:
    return await release_document(place, await find_release(place, actor, portrait_id, product=PORTRAIT))


@router.get("/{portrait_id}/file", response_class=Response)
async def file(place: Place, actor: CanPortray, portrait_id: str) -> Response:
    """The released file, byte for byte."""
    stored = await find_release(place, actor, portrait_id, product=PORTRAIT)
    data, mime, name = await release_file(place, stored)
    return Response(data, media_type=mime, headers={"content-disposition": f'attachment; filename="{name}"'})
