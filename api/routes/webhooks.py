"""Webhooks: addresses of a tenant that are told when work has ended, and what could not be delivered."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from api.access import CanManageWebhooks, Place
from api.jobs.job import JobState
from api.schemas import WebhookBody
from api.webhooks import deliveries, endpoints

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
PAGE_LIMIT = 200


@router.post("", status_code=201)
async def set_up(place: Place, actor: CanManageWebhooks, body: WebhookBody) -> JSONResponse:
    """Sets up an address; its signing secret is shown this once."""
    made = await endpoints.set_up(place, actor, body.url, body.events)
    return JSONResponse(made, 201, {"location": f"/v1/webhooks/{made['id']}"})


@router.get("")
async def listed(place: Place, actor: CanManageWebhooks) -> dict[str, Any]:
    return {"items": await endpoints.listed(place, actor)}


@router.delete("/{webhook_id}", status_code=204)
async def end(place: Place, actor: CanManageWebhooks, webhook_id: str) -> Response:
    """Nothing more is sent there."""
    await endpoints.end(place, actor, webhook_id)
    return Response(status_code=204)


@router.get("/deliveries")
async def sent(
    place: Place,
    actor: CanManageWebhooks,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
    state: JobState | None = None,
) -> dict[str, Any]:
    """Deliveries, newest first; those in the state `failed` are the dead ones."""
    return {"items": await deliveries.latest(place, actor, state=state, limit=limit)}


@router.post("/deliveries/{delivery_id}/redeliver", status_code=202)
async def redeliver(place: Place, actor: CanManageWebhooks, delivery_id: str) -> dict[str, Any]:
    """Delivers once more, under the same `webhook-id`; one that is under way already is a conflict."""
    return await deliveries.again(place, actor, delivery_id)
