"""The policy: asked without doing anything, and the versions that a tenant brings in on top of the instance's."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse

from api import policy_bundles
from api.access import CanManage, KnownActor, Place
from api.dry_runs import dry_run
from api.policy import UNLIMITED, PolicyContext, PolicyRequest
from api.policy_repository import StoredActivation
from api.schemas import BundleBody, DecisionBody
from api.screening import screen

router = APIRouter(prefix="/v1/policies", tags=["policies"])
Version = Annotated[int, Path(ge=0, lt=2**31)]


@router.post("/decide")
async def decide(place: Place, actor: KnownActor, body: DecisionBody) -> dict[str, Any]:
    """What the policy would say to the caller: a dry run, neither acted on nor logged."""
    context = PolicyContext(
        consent=body.consent,
        screened=screen(body.prompt),
        quota_left=UNLIMITED if body.quota_left is None else body.quota_left,
        visible_label=body.visible_label,
        requested_age=body.requested_age,
        consent_reference=body.consent_reference,
    )
    request = PolicyRequest(actor, body.action, body.purpose, context)
    return (await dry_run(place, request, version=body.version)).as_dict()


@router.get("")
async def listed(place: Place, actor: CanManage) -> dict[str, Any]:
    """The tenant's versions, newest first, and which is in force: 0 for the instance's alone."""
    active, bundles = await policy_bundles.listed(place, actor)
    return {
        "active": active,
        "instance_bundle_hash": place.policy.bundle_hash,
        "items": [policy_bundles.told(bundle) for bundle in bundles],
    }


@router.post("", status_code=201)
async def bring_in(place: Place, actor: CanManage, body: BundleBody) -> JSONResponse:
    """Stores the next version after its own tests, and does not put it in force yet."""
    made = await policy_bundles.bring_in(place, actor, body.files, note=body.note)
    return JSONResponse(policy_bundles.told(made), 201, {"location": f"/v1/policies/{made.version}"})


@router.post("/rollback")
async def roll_back(place: Place, actor: CanManage) -> dict[str, Any]:
    """Puts in force what was so before the last change."""
    return _told(await policy_bundles.roll_back(place, actor))


@router.get("/{version}")
async def read(place: Place, actor: CanManage, version: Version) -> dict[str, Any]:
    """A version with its files."""
    bundle, files = await policy_bundles.read(place, actor, version)
    return policy_bundles.told(bundle) | {"files": dict(files)}


@router.post("/{version}/activate")
async def activate(place: Place, actor: CanManage, version: Version) -> dict[str, Any]:
    """Puts a version in force; 0 for the instance's alone."""
    return _told(await policy_bundles.activate(place, actor, version))


def _told(activation: StoredActivation) -> dict[str, Any]:
    return {"active": activation.version, "created_at": activation.created_at, "entry": activation.entry}
