"""Consent records of the caller's own tenant."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse

from api import consents
from api.access import CanManage, Place
from api.schemas import ConsentBody

router = APIRouter(prefix="/v1/consents", tags=["consents"])
PAGE_LIMIT: Final = 200
ConsentId = Annotated[str, Path(max_length=64)]


@router.get("")
async def listed(
    place: Place,
    actor: CanManage,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
    before: Annotated[str | None, Query(max_length=24)] = None,
) -> dict[str, Any]:
    """Newest first; `before` is the `created_at` of the last one already seen."""
    found = await consents.listed(place, actor, limit=limit, before=before)
    return {"items": [consents.told(consent) for consent in found]}


@router.post("", status_code=201)
async def give(place: Place, actor: CanManage, body: ConsentBody) -> JSONResponse:
    """Records a consent; requests name it by its `id` as their `consent_reference`."""
    made = await consents.give(place, actor, subject=body.subject, purpose=body.purpose, days=body.days)
    return JSONResponse(consents.told(made), 201, {"location": f"/v1/consents/{made.id}"})


@router.get("/{consent_id}")
async def read(
    place: Place,
    actor: CanManage,
    consent_id: ConsentId,
    subject: Annotated[str | None, Query(max_length=256)] = None,
) -> dict[str, Any]:
    """A record; with `subject`, also whether it is about them (`is_about`)."""
    found = await consents.read(place, actor, consent_id)
    about = {} if subject is None else {"is_about": consents.is_about(found, subject)}
    return consents.told(found) | about


@router.post("/{consent_id}/revoke")
async def revoke(place: Place, actor: CanManage, consent_id: ConsentId) -> dict[str, Any]:
    """Ends a consent at once: what was made under it stays, nothing more is made."""
    return consents.told(await consents.revoke(place, actor, consent_id))
