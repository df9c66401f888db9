"""Who may call a route, written in the route's signature: `actor: CanInspect`."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from api.auth import Actor, ApiKeys, Scope
from api.decisions import permit
from api.errors import PolicyDenied, Unauthenticated
from api.metrics import Metrics
from api.policy import PolicyRequest
from api.sessions import LocalSessions
from api.workplace import Workplace


def workplace_of(request: Request) -> Workplace:
    found: Workplace = request.app.state.workplace
    return found


def metrics_of(request: Request) -> Metrics:
    found: Metrics = request.app.state.metrics
    return found


async def known_actor(request: HTTPConnection) -> Actor | None:
    """The holder of the API key or of the local session; null for a caller with neither."""
    token = _token(request)
    if token is not None:
        keys: ApiKeys = request.app.state.keys
        place: Workplace = request.app.state.workplace
        return await keys.authenticate(place.database, token)
    sessions: LocalSessions = request.app.state.sessions
    return sessions.actor(request)


async def anyone(request: Request) -> Actor:
    return await known_actor(request) or Actor.anonymous(workplace_of(request).settings.tenant)


def holder_of(scope: Scope) -> Callable[[Request], Awaitable[Actor]]:
    """A dependency that lets only holders of `scope` through; a refusal is decided by the policy and audited."""

    async def checked(request: Request) -> Actor:
        actor = await known_actor(request)
        if actor is None:
            raise Unauthenticated("Send an API key as `Authorization: Bearer …` or `X-API-Key: …`.")
        if scope not in actor.scopes:
            await permit(workplace_of(request), PolicyRequest(actor, scope))
            raise PolicyDenied(f"This key lacks the scope {scope}.")
        return actor

    checked.__name__ = f"holder_of_{scope}"
    return checked


def _token(request: HTTPConnection) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.headers.get("x-api-key")


Place = Annotated[Workplace, Depends(workplace_of)]
Counters = Annotated[Metrics, Depends(metrics_of)]
Anyone = Annotated[Actor, Depends(anyone)]
KnownActor = Annotated[Actor, Depends(holder_of(Scope.VERIFY))]
CanInspect = Annotated[Actor, Depends(holder_of(Scope.INSPECT))]
CanGenerate = Annotated[Actor, Depends(holder_of(Scope.GENERATE))]
CanMark = Annotated[Actor, Depends(holder_of(Scope.MARK))]
CanManageKnownMedia = Annotated[Actor, Depends(holder_of(Scope.MANAGE_KNOWN_MEDIA))]
CanManage = Annotated[Actor, Depends(holder_of(Scope.MANAGE))]
CanReadAudit = Annotated[Actor, Depends(holder_of(Scope.READ_AUDIT))]
