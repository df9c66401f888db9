"""Whether a known caller is let in at all: an active tenant, and not too many requests."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection
from starlette.requests import HTTPConnection

from api.auth import Actor, ApiKeys
from api.clock import utc_now
from api.errors import QuotaExceeded, TenantSuspended, Unauthenticated
from api.ledger import Fact
from api.rates import Bucket, Standing, count
from api.tenant_repository import RateRepository, StoredTenant
from api.workplace import Workplace

STANDINGS: Final = "rate_standings"
"""Where a request keeps what its answer's headers say."""
REFUSED: Final = "access.refused"


class _Exceeded(Exception):
    """A bucket has just run over, which is to be counted where it can be logged."""


async def admit_key(request: HTTPConnection, place: Workplace, keys: ApiKeys, token: str) -> Actor:
    """Whoever holds the API key `token`, looked up and counted in one turn.

    Raises as `admit` does; for a key that is not known, or not any more, `Unauthenticated`, which is not on record.
    """
    if not (place.settings.rate_key or place.settings.rate_tenant):
        return await admit(request, place, *await keys.recognise(place.database, token))

    def enter(connection: Connection) -> tuple[Actor, StoredTenant | None, Sequence[Standing]]:
        actor, tenant = keys.recognise_within(connection, token)
        if tenant is None or tenant.suspended_at:
            return actor, tenant, ()
        return actor, tenant, _count_within(connection, _buckets(place, actor, tenant))

    try:
        actor, tenant, standings = await place.database.change(enter, durable=False)
    except _Exceeded:
        return await admit(request, place, *await keys.recognise(place.database, token))
    await _require_active(place, actor, tenant)
    _note(request, standings)
    return actor


async def admit(request: HTTPConnection, place: Workplace, actor: Actor, tenant: StoredTenant | None) -> Actor:
    """`actor` of `tenant`, counted.

    Raises `Unauthenticated`, `TenantSuspended` or `QuotaExceeded`, which are on record.
    """
    await _count(request, place, actor, _buckets(place, actor, await _require_active(place, actor, tenant)))
    return actor


async def admit_anybody(request: HTTPConnection, place: Workplace, actor: Actor) -> Actor:
    """`actor` without a key, counted with everybody else who has none. Raises `QuotaExceeded`."""
    await _count(request, place, actor, _limited([Bucket("anonymous", "anonymous", place.settings.rate_anonymous)]))
    return actor


async def _require_active(place: Workplace, actor: Actor, tenant: StoredTenant | None) -> StoredTenant:
    if tenant is None:
        await log_refusal(place, actor, Unauthenticated.code)
        raise Unauthenticated("This tenant is not known here.")
    if tenant.suspended_at:
        await log_refusal(place, actor, TenantSuspended.code)
        raise TenantSuspended("The operator suspended this tenant.")
    return tenant


def _buckets(place: Workplace, actor: Actor, tenant: StoredTenant) -> Sequence[Bucket]:
    of_key = place.settings.rate_key if actor.rate is None else actor.rate
    of_tenant = place.settings.rate_tenant if tenant.rate is None else tenant.rate
    return _limited([Bucket("key", f"key:{actor.id}", of_key), Bucket("tenant", f"tenant:{tenant.id}", of_tenant)])


def _limited(buckets: Sequence[Bucket]) -> Sequence[Bucket]:
    return [bucket for bucket in buckets if bucket.rate > 0]


async def _count(request: HTTPConnection, place: Workplace, actor: Actor, buckets: Sequence[Bucket]) -> None:
    if not buckets:
        return
    try:  # a count that a crash of the machine takes away is no loss; an entry in the log would be
        standings = await place.database.change(lambda found: _count_within(found, buckets), durable=False)
    except _Exceeded:
        standings = await place.database.change(lambda found: _count_and_log(found, place, actor, buckets))
    _note(request, standings)


def _count_within(connection: Connection, buckets: Sequence[Bucket]) -> Sequence[Standing]:
    """Raises `_Exceeded`, which undoes the count, if this is the first request of its window beyond a bucket."""
    standings = count(connection, buckets)
    if any(standing.over == 1 for standing in standings):
        raise _Exceeded
    return standings


def _count_and_log(
    connection: Connection, place: Workplace, actor: Actor, buckets: Sequence[Bucket]
) -> Sequence[Standing]:
    standings = count(connection, buckets)
    # Once a window: a flood of requests is no flood of entries.
    if exceeded := [standing.bucket for standing in standings if standing.over == 1]:
        body = {"actor": actor.id, "tenant": actor.tenant}
        facts = [Fact("rate.exceeded", body | {"limit": bucket.name, "rate": bucket.rate}) for bucket in exceeded]
        place.audit.within(connection).append(facts)
    return standings


def _note(request: HTTPConnection, standings: Sequence[Standing]) -> None:
    """Keeps what the answer's headers say; raises `QuotaExceeded` if a bucket is."""
    if standings:
        setattr(request.state, STANDINGS, standings)
    _check(standings)


def _check(standings: Sequence[Standing]) -> None:
    if exceeded := [each for each in standings if each.over]:
        names = [each.bucket.name for each in exceeded]
        seconds = max(each.seconds for each in exceeded)
        raise QuotaExceeded(
            f"Too many requests; ask again in {seconds} s.", **{"violated-policies": names, "retry_after_s": seconds}
        )


async def forget_windows(place: Workplace) -> None:
    """Drops the counts of windows that ended, which nobody needs any more."""
    now = int(utc_now().timestamp())
    await place.database.change(lambda connection: RateRepository(connection).forget(before=now))


async def log_refusal(place: Workplace, actor: Actor, code: str, *, action: str = "") -> None:
    """Puts on record that `actor` was turned away with the error `code`."""
    body = {"actor": actor.id, "tenant": actor.tenant, "action": action, "code": code, "allowed": False}
    async with place.database.write() as session:
        await place.audit.append(session, REFUSED, body)
