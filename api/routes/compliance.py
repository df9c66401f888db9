"""What the law asks and what this instance does, for everybody to read."""

from typing import Any

from fastapi import APIRouter

from api.access import Anyone, Place
from api.compliance import compliance
from api.terms import jurisdiction_of

router = APIRouter(prefix="/v1/compliance", tags=["compliance"])


@router.get("")
async def read(place: Place, actor: Anyone) -> dict[str, Any]:
    """Duties by place, each with what happens here, and whose rules hold for the caller's tenant."""
    return compliance(place.settings) | {"jurisdiction": await jurisdiction_of(place, actor)}
