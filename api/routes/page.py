"""The local page: one desk, and the case sheets that it puts on it."""

from importlib.metadata import version

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.access import CanInspect, Place
from api.live import FRAME_SIDE, LIVE_STYLES
from api.rendering import case_html, page_html
from api.sessions import LocalSessions
from api.shelf import case_of, inspection
from detector.provenance.trust import OWN_LIST

router = APIRouter(include_in_schema=False)
PURPOSES = ("research", "education", "testing", "entertainment", "advertising", "design")
"""Offered on the page; the policy decides, and other codes may be sent over the API."""
OWN_CAMERA = {"permissions-policy": "camera=(self), geolocation=(), microphone=()"}
"""Of the page alone: live art asks for the camera."""


@router.get("/")
async def desk(request: Request, place: Place) -> HTMLResponse:
    """The page itself shows nothing that is stored; what it then asks for needs the session or a key."""
    lists = place.trust.lists()
    chosen = place.settings
    sessions: LocalSessions = request.app.state.sessions
    session = sessions.open(request)
    context = {
        "trust_lists": [item.name for item in lists if item.name != OWN_LIST],
        "max_bytes": chosen.max_bytes,
        "max_megabytes": chosen.max_bytes // 2**20,
        "purposes": PURPOSES,
        "styles": LIVE_STYLES,
        "frame_side": FRAME_SIDE,
        "version": version("shingan"),
    }
    response = HTMLResponse(page_html(context | {"local": session is not None}), headers=OWN_CAMERA)
    if session is not None:
        session.give(response)
    return response


@router.get("/inspections/{inspection_id}/sheet")
async def sheet(place: Place, actor: CanInspect, inspection_id: str) -> HTMLResponse:
    """One case sheet as a fragment."""
    return HTMLResponse(case_html(await case_of(place, await inspection(place, actor, inspection_id))))
