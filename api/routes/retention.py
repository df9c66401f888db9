"""Retention and erasure: how long a tenant's answers and files are kept, and what goes when somebody asks."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api.access import CanManage, Place
from api.erasures import erase
from api.retention import Retention, retention_of, set_retention
from api.schemas import ErasureBody, RetentionBody

router = APIRouter(prefix="/v1", tags=["retention"])


@router.get("/retention")
async def read(place: Place, actor: CanManage) -> dict[str, Any]:
    """The rule that holds for the caller's tenant."""
    return {"tenant": actor.tenant, **asdict(await retention_of(place, actor.tenant))}


@router.put("/retention")
async def replace(place: Place, actor: CanManage, body: RetentionBody) -> Mapping[str, Any]:
    """Gives the caller's tenant a rule of its own."""
    rule = Retention(body.answer_days, body.file_days, body.zero)
    return await set_retention(place, actor, rule)


@router.post("/erasures", status_code=201)
async def create(place: Place, actor: CanManage, body: ErasureBody) -> JSONResponse:
    """Erases an answer, or whatever was kept of a file; the receipt proves it."""
    return JSONResponse(await erase(place, actor, body.target), 201)
