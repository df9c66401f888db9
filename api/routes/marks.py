"""Marks: pictures that other programs made, given every layer of marking by one call."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from api import marks
from api.access import CanMark, Counters, Place
from api.errors import InvalidRequest
from api.labels import AUTO, LABELS
from api.marks import MARK, MAX_SOFTWARE, Made, MarkRequest
from api.releases import find_release, release_document, release_file
from api.uploads import read_form, upload_form

router = APIRouter(prefix="/v1/marks", tags=["marks"])
MADE: Mapping[str, Made] = {"generated": "generated", "edited": "edited"}
FORM = upload_form(
    {
        "software": {"type": "string", "maxLength": MAX_SOFTWARE},
        "label": {"type": "string", "enum": list(LABELS), "default": AUTO},
        "made": {"type": "string", "enum": list(MADE), "default": "generated"},
    }
)


async def read_request(request: Request) -> MarkRequest:
    """The form as a request; raises `InvalidRequest`."""
    upload, fields = await read_form(request, {"software": MAX_SOFTWARE, "made": MAX_SOFTWARE, "label": MAX_SOFTWARE})
    made: Made | None = MADE.get(fields["made"] or "generated")
    if made is None:
        raise InvalidRequest(f"The field `made` is one of {', '.join(MADE)}.")
    label = fields["label"] or AUTO
    if label not in LABELS:
        raise InvalidRequest(f"The field `label` is one of {', '.join(LABELS)}.")
    return MarkRequest(upload.data, upload.name, upload.purpose, fields["software"], made, label)


@router.post("", status_code=201, openapi_extra=FORM)
async def create(
    place: Place, actor: CanMark, wish: Annotated[MarkRequest, Depends(read_request)], counters: Counters
) -> JSONResponse:
    """Marks, signs and registers one picture."""
    made = await marks.mark(place, actor, wish)
    counters.products.labels(MARK, "released").inc()
    return JSONResponse(made.document, 201, {"location": f"/v1/marks/{made.id}"})


@router.get("/{mark_id}")
async def read(place: Place, actor: CanMark, mark_id: str) -> dict[str, Any]:
    return await release_document(place, await find_release(place, actor, mark_id, product=MARK))


@router.get("/{mark_id}/file", response_class=Response)
async def file(place: Place, actor: CanMark, mark_id: str) -> Response:
    """The marked file, byte for byte."""
    data, mime, name = await release_file(place, await find_release(place, actor, mark_id, product=MARK))
    return Response(data, media_type=mime, headers={"content-disposition": f'attachment; filename="{name}"'})
