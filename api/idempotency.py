"""`Idempotency-Key`: a request that comes twice is done once (draft-ietf-httpapi-idempotency-key-header-07).

The answer is kept in the transaction that records what was done, so that a crash leaves either both or neither. A key
belongs to a tenant; the same key with another request is refused, and one whose first request is still being answered
is asked to come back.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import Header
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.clock import timestamp, utc_now
from api.errors import ApiError, Conflict, IdempotencyMismatch, InvalidRequest
from api.outcomes import Within
from api.repositories import IdempotencyRepository, StoredAnswer
from api.workplace import Workplace

IN_FLIGHT: Final = 0
"""Status of a key whose answer is still to come."""
IN_FLIGHT_SECONDS: Final = 60.0
"""After so long whoever was answering is taken for dead, and the request may be made again."""
MAX_KEY: Final = 200
REPLAYED: Final = "idempotency-replayed"


class InFlight(ApiError):
    """The first request with this key has no answer yet."""

    status, code, title = 409, "idempotency_in_flight", "The first request with this Idempotency-Key is being answered"


@dataclass(frozen=True, slots=True)
class Reply:
    """A route's answer; `location` is where the thing is that it speaks of."""

    status: int
    document: Mapping[str, Any]
    location: str = ""

    def response(self, **headers: str) -> JSONResponse:
        placed = {"location": self.location} if self.location else {}
        return JSONResponse(dict(self.document), self.status, placed | headers)


Keep = Callable[[int, str], Within | None]
"""`keep(status, prefix)` stores the answer, at `prefix` and its id, in the transaction that it is called in; null where
there is no key to keep it for."""
Work = Callable[[Keep], Awaitable[Reply]]
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=MAX_KEY + 2)]


def fingerprint(*parts: str | bytes) -> str:
    """SHA-256 of everything about a request that must be the same the second time."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "big"))
        state.update(data)
    return state.hexdigest()


async def once(
    place: Workplace, actor: Actor, key: str | None, request: Sequence[str | bytes], work: Work
) -> JSONResponse:
    """The answer of `work`, or the one that was kept for `key` and the same `request` (see `fingerprint`).

    Raises `InFlight`, `IdempotencyMismatch`, `InvalidRequest`, or what `work` raises; a failure is not kept.
    """
    if key is None:
        return (await work(lambda status, prefix: None)).response()
    if actor.is_anonymous:
        raise InvalidRequest("An Idempotency-Key needs an API key beside it: whoever has none shares it with all.")
    claim = StoredAnswer(actor.tenant, _bare(key), fingerprint(*request), IN_FLIGHT, b"", timestamp())
    earlier = await _claim(place, claim)
    if earlier is not None:
        return _reply(earlier).response(**{REPLAYED: "true"})
    try:
        return (await work(lambda status, prefix: _keeper(claim, status, prefix))).response()
    except BaseException:
        async with place.database.write() as session:
            await IdempotencyRepository(session).remove(claim.key, tenant=claim.tenant, created_at=claim.created_at)
        raise


async def _claim(place: Workplace, claim: StoredAnswer) -> StoredAnswer | None:
    """The answer kept for the key, if there is one; else the key is claimed."""
    try:
        async with place.database.write() as session:
            return await _kept_or_claimed(place, session, claim)
    except Conflict as error:  # somebody else claimed it at the same moment
        raise InFlight from error


async def _kept_or_claimed(place: Workplace, session: AsyncSession, claim: StoredAnswer) -> StoredAnswer | None:
    now, repository = utc_now(), IdempotencyRepository(session)
    kept_since = timestamp(now - timedelta(hours=place.settings.idempotency_hours))
    alive_since = timestamp(now - timedelta(seconds=IN_FLIGHT_SECONDS))
    found = await repository.get(claim.key, tenant=claim.tenant)
    if found is not None and found.created_at >= kept_since:
        if found.request_sha256 != claim.request_sha256:
            raise IdempotencyMismatch
        if found.status != IN_FLIGHT:
            return found
        if found.created_at >= alive_since:
            raise InFlight
    if found is not None:
        await repository.remove(found.key, tenant=found.tenant, created_at=found.created_at)
    await repository.add(claim)
    return None


def _keeper(claim: StoredAnswer, status: int, prefix: str) -> Within:
    async def keep(session: AsyncSession, document: Mapping[str, Any]) -> None:
        reply = {"document": dict(document), "location": f"{prefix}/{document['id']}"}
        done = replace(claim, status=status, answer=json.dumps(reply, ensure_ascii=False).encode())
        if not await IdempotencyRepository(session).set(done):
            raise InFlight("Another request with this Idempotency-Key took this one's place.")

    return keep


def _reply(stored: StoredAnswer) -> Reply:
    kept = json.loads(stored.answer)
    return Reply(stored.status, kept["document"], kept["location"])


def _bare(key: str) -> str:
    """The key without the quotes of a structured field (RFC 8941), with which it may come or not."""
    bare = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
    if not 0 < len(bare) <= MAX_KEY or not bare.isascii() or not bare.isprintable():
        raise InvalidRequest(f"An Idempotency-Key has 1 to {MAX_KEY} printable ASCII characters.")
    return bare
