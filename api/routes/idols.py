"""Idols: made-up faces that speak a text or a recording, marked, signed, registered and logged before they leave."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from api import idols
from api.access import CanGenerate, Counters, Place
from api.idols import IDOL, IdolRequest
from api.releases import find_release, release_document, release_file
from api.schemas import IdolBody
from api.uploads import read_form, upload_form

router = APIRouter(prefix="/v1/idols", tags=["idols"])
LONGEST: Final = 600
FIELDS: Final = dict.fromkeys((name for name in IdolBody.model_fields if name not in ("say", "purpose")), LONGEST)
SHAPE: Final = IdolBody.model_json_schema()
FORM: Final[dict[str, Any]] = upload_form({name: SHAPE["properties"][name] for name in FIELDS})
FORM["requestBody"]["content"]["application/json"] = {"schema": SHAPE}


async def read_request(request: Request) -> IdolRequest:
    """The body as a request: JSON, or a form whose `file` is the recording. Raises `InvalidRequest`."""
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            return _wish(IdolBody.model_validate_json(await request.body()), b"")
        upload, fields = await read_form(request, FIELDS)
        given = {name: value for name, value in {**fields, "purpose": upload.purpose}.items() if value}
        return _wish(IdolBody.model_validate(given), upload.data)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


def _wish(body: IdolBody, wav: bytes) -> IdolRequest:
    return IdolRequest(**body.model_dump(), wav=wav)


@router.post("", status_code=201, openapi_extra=FORM)
async def create(
    place: Place, actor: CanGenerate, wish: Annotated[IdolRequest, Depends(read_request)], counters: Counters
) -> JSONResponse:
    """Makes one idol."""
    made = await idols.perform(place, actor, wish)
    counters.products.labels(IDOL, "released").inc()
    return JSONResponse(made.document, 201, {"location": f"/v1/idols/{made.id}"})


@router.get("/{idol_id}")
async def read(place: Place, actor: CanGenerate, idol_id: str) -> dict[str, Any]:
    return await release_document(place, await find_release(place, actor, idol_id, product=IDOL))


@router.get("/{idol_id}/file", response_class=Response)
async def file(place: Place, actor: CanGenerate, idol_id: str) -> Response:
    """The released file, byte for byte."""
    data, mime, name = await release_file(place, await find_release(place, actor, idol_id, product=IDOL))
    return Response(data, media_type=mime, headers={"content-disposition": f'inline; filename="{name}"'})
