"""Who may call a route, written in the route's signature: `actor: CanInspect`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import HTTPConnection

from api.admission import admit, admit_anybody, admit_key, log_refusal
from api.auth import TOKEN_START, Actor, Scope
from api.decisions import permit
from api.errors import PolicyDenied, Unauthenticated
from api.metrics import Metrics
from api.oidc import BearerTokens
from api.policy import PolicyRequest
from api.sessions import LocalSessions
from api.tenant_repository import tenant_by_name
from api.workplace import Workplace

BEARER = HTTPBearer(auto_error=False, description="An API key, or a token of the issuer that is set.")
KEY = APIKeyHeader(name="X-API-Key", auto_error=False)
"""Both stand in routes' signatures so that the OpenAPI tells clients how to send a key; `known_actor` reads it."""


async def workplace_of(request: Request) -> Workplace:
    found: Workplace = request.app.state.workplace
    return found


async def metrics_of(request: Request) -> Metrics:
    found: Metrics = request.app.state.metrics
    return found


async def known_actor(request: HTTPConnection) -> Actor | None:
    """The holder of the API key, the token or the local session, let in; null for a caller with none of them."""
    token = _token(request)
    if token is not None:
        return await _admitted(request, token)
    sessions: LocalSessions = request.app.state.sessions
    return sessions.actor(request)


async def _admitted(request: HTTPConnection, token: str) -> Actor:
    place: Workplace = request.app.state.workplace
    tokens: BearerTokens | None = request.app.state.tokens
    if tokens is None or token.startswith(TOKEN_START):
        return await admit_key(request, place, request.app.state.keys, token)
    actor = await tokens.authenticate(token)
    tenant = await place.database.look(lambda connection: tenant_by_name(connection, actor.tenant))
    return await admit(request, place, actor, tenant)


async def anyone(request: Request) -> Actor:
    actor = await known_actor(request)
    if actor is not None:
        return actor
    place = await workplace_of(request)
    return await admit_anybody(request, place, Actor.anonymous(place.settings.tenant))


@dataclass(frozen=True, slots=True)
class HolderOf:
    """A dependency that lets only holders of one of `scopes` through: what a route asks for is in its signature.

    A refusal is decided by the policy, as the action of the first of them, and audited.
    """

    scopes: tuple[Scope, ...]

    async def __call__(
        self, request: Request, _bearer: Annotated[object, Security(BEARER)], _key: Annotated[object, Security(KEY)]
    ) -> Actor:
        actor = await known_actor(request)
        if actor is None:
            raise Unauthenticated("Send an API key as `Authorization: Bearer …` or `X-API-Key: …`.")
        if actor.scopes.isdisjoint(self.scopes):
            place = await workplace_of(request)
            await permit(place, PolicyRequest(actor, self.scopes[0]))
            await log_refusal(place, actor, PolicyDenied.code, action=self.scopes[0])  # free for all, but not here
            raise PolicyDenied(f"This key lacks the scope {' or '.join(self.scopes)}.")
        return actor


def holder_of(*scopes: Scope) -> HolderOf:
    return HolderOf(scopes)


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
CanPortray = Annotated[Actor, Depends(holder_of(Scope.STYLISE, Scope.EDIT_PORTRAIT))]
CanManage = Annotated[Actor, Depends(holder_of(Scope.MANAGE))]
CanManageWebhooks = Annotated[Actor, Depends(holder_of(Scope.MANAGE_WEBHOOKS))]
CanReadAudit = Annotated[Actor, Depends(holder_of(Scope.READ_AUDIT))]
