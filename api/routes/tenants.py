"""The list of tenants, for the operator's own."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse

from api import tenants
from api.access import CanManage, Place
from api.schemas import TenantBody, TermsBody
from api.tenants import Terms

router = APIRouter(prefix="/v1/tenants", tags=["tenants"])
Name = Annotated[str, Path(max_length=64)]


@router.get("")
async def listed(place: Place, actor: CanManage) -> dict[str, Any]:
    """Every tenant with its terms; null terms are the instance's own."""
    return {"items": [tenants.told(tenant) for tenant in await tenants.listed(place, actor)]}


@router.post("", status_code=201)
async def create(place: Place, actor: CanManage, body: TenantBody) -> JSONResponse:
    """A new tenant."""
    made = await tenants.create(place, actor, body.name, Terms(body.jurisdiction, body.daily_generations, body.rate))
    return JSONResponse(tenants.told(made), 201)


@router.patch("/{tenant}")
async def change(place: Place, actor: CanManage, tenant: Name, body: TermsBody) -> dict[str, Any]:
    """Other terms from now on."""
    terms = Terms(body.jurisdiction, body.daily_generations, body.rate)
    return tenants.told(await tenants.change(place, actor, tenant, terms))


@router.post("/{tenant}/suspend")
async def suspend(place: Place, actor: CanManage, tenant: Name) -> dict[str, Any]:
    """Shuts a tenant's keys and tokens out; its data stay."""
    return tenants.told(await tenants.suspend(place, actor, tenant))


@router.post("/{tenant}/resume")
async def resume(place: Place, actor: CanManage, tenant: Name) -> dict[str, Any]:
    """Lets a suspended tenant in again."""
    return tenants.told(await tenants.resume(place, actor, tenant))
