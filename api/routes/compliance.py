"""What the law asks and what this instance does, for everybody to read."""

from typing import Any

from fastapi import APIRouter

from api.access import Anyone, Place
from api.compliance import compliance

router = APIRouter(prefix="/v1/compliance", tags=["compliance"])


@router.get("")
async def read(place: Place, _: Anyone) -> dict[str, Any]:
    """Duties by place, each with what happens here."""
    return compliance(place.settings)
