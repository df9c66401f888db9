"""The policy, asked without doing anything."""

from typing import Any

from fastapi import APIRouter

from api.access import KnownActor, Place
from api.policy import UNLIMITED, PolicyContext, PolicyRequest
from api.schemas import DecisionBody
from api.screening import screen

router = APIRouter(prefix="/v1/policies", tags=["policies"])


@router.post("/decide")
async def decide(place: Place, actor: KnownActor, body: DecisionBody) -> dict[str, Any]:
    """What the policy would say to the caller: a dry run, neither acted on nor logged."""
    context = PolicyContext(
        consent=body.consent,
        screened=screen(body.prompt),
        quota_left=UNLIMITED if body.quota_left is None else body.quota_left,
        jurisdiction=place.settings.jurisdiction,
        visible_label=body.visible_label,
        requested_age=body.requested_age,
    )
    return place.policy.decide(PolicyRequest(actor, body.action, body.purpose, context)).as_dict()
