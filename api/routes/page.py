"""The local page: one desk, and the case sheets that it puts on it."""

from importlib.metadata import version

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.access import CanInspect, Place
from api.live import FRAME_SIDE
from api.middleware import SECURITY_HEADERS
from api.rendering import case_html, page_html
from api.routes.page_offers import offers
from api.sessions import LocalSessions
from api.shelf import case_of, inspection
from api.wording import LABELS
from detector.provenance.trust import OWN_LIST

router = APIRouter(include_in_schema=False)
OWN_HEADERS = {
    "permissions-policy": "camera=(self), geolocation=(), microphone=()",
    "content-security-policy": f"{SECURITY_HEADERS['content-security-policy']}; media-src blob:",
}
"""Of the page alone: live art asks for the camera, and an idol's clip is played from the page's own memory."""


@router.get("/")
async def desk(request: Request, place: Place) -> HTMLResponse:
    """The page itself shows nothing that is stored; what it then asks for needs the session or a key."""
    lists = place.trust.lists()
    chosen = place.settings
    sessions: LocalSessions = request.app.state.sessions
    session = sessions.open(request)
    context: dict[str, object] = {
        "trust_lists": [item.name for item in lists if item.name != OWN_LIST],
        "max_bytes": chosen.max_bytes,
        "max_megabytes": chosen.max_bytes // 2**20,
        "frame_side": FRAME_SIDE,
        "verdicts": dict(LABELS),
        "version": version("shingan"),
    }
    context |= offers() | {"local": session is not None}
    response = HTMLResponse(page_html(context), headers=OWN_HEADERS)
    if session is not None:
        session.give(response)
    return response


@router.get("/inspections/{inspection_id}/sheet")
async def sheet(place: Place, actor: CanInspect, inspection_id: str) -> HTMLResponse:
    """One case sheet as a fragment."""
    case = await case_of(place, await inspection(place, actor, inspection_id))
    return HTMLResponse(case_html(case, address=f"/v1/inspections/{inspection_id}"))
