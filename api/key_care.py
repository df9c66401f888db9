"""What is done with API keys, over HTTP and on the command line alike: decided, done and on record."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from api.auth import Actor, ApiKeys, IssuedKey, checked_scopes
from api.decisions import permit
from api.errors import NotFound, PolicyDenied
from api.policy import PolicyAction, PolicyRequest
from api.repositories import KeyRepository, StoredKey
from api.workplace import Workplace


async def issue(
    workplace: Workplace,
    actor: Actor,
    keys: ApiKeys,
    *,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None = None,
    rate: int | None = None,
) -> IssuedKey:
    """A new key of the actor's tenant. Raises `PolicyDenied`, also where the actor lacks one of the `scopes`."""
    chosen = frozenset(checked_scopes(scopes))
    await permit(workplace, _request(actor))
    await _check_reach(workplace, actor, chosen)
    async with workplace.database.write() as session:
        issued = await keys.issue(
            session, name=name, scopes=chosen, tenant=actor.tenant, expires_at=expires_at, rate=rate
        )
        facts = {"key": issued.key.id, "scopes": list(issued.key.scopes), "expires_at": issued.key.expires_at}
        await workplace.audit.append(session, "key.issued", _body(actor) | facts)
    return issued


async def rotate(workplace: Workplace, actor: Actor, keys: ApiKeys, key_id: str, *, overlap: timedelta) -> IssuedKey:
    """A new key in the place of an old one, which works on for `overlap`.

    Raises `PolicyDenied`, also where the old key reaches further than the actor, and `NotFound`.
    """
    await permit(workplace, _request(actor))
    async with workplace.database.read() as session:
        old = await KeyRepository(session).get(key_id, tenant=actor.tenant)
    if old is None:
        raise NotFound("There is no such API key.")
    await _check_reach(workplace, actor, frozenset(old.scopes))
    async with workplace.database.write() as session:
        issued = await keys.rotate(session, key_id, tenant=actor.tenant, overlap=overlap)
        facts = {"key": issued.key.id, "rotated_from": key_id, "overlap_s": int(overlap.total_seconds())}
        await workplace.audit.append(session, "key.rotated", _body(actor) | facts)
    return issued


async def revoke(workplace: Workplace, actor: Actor, keys: ApiKeys, key_id: str) -> None:
    """Ends a key at once. Raises `PolicyDenied` and `NotFound`."""
    await permit(workplace, _request(actor))
    async with workplace.database.write() as session:
        await keys.revoke(session, key_id, tenant=actor.tenant)
        await workplace.audit.append(session, "key.revoked", _body(actor) | {"key": key_id})


async def listed(workplace: Workplace, actor: Actor) -> Sequence[StoredKey]:
    """The keys of the actor's tenant, oldest first, without their secrets."""
    async with workplace.database.read() as session:
        return await KeyRepository(session).of_tenant(actor.tenant)


def told(key: StoredKey) -> dict[str, Any]:
    """As JSON."""
    return {
        "id": key.id,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "rotated_from": key.rotated_from,
        "rate": key.rate,
        "name": key.name,
    }


async def _check_reach(workplace: Workplace, actor: Actor, scopes: frozenset[str]) -> None:
    """Nobody hands out more than they have; the refusal is on record."""
    if beyond := sorted(scopes - actor.scopes):
        async with workplace.database.write() as session:
            await workplace.audit.append(session, "key.refused", _body(actor) | {"code": PolicyDenied.code})
        raise PolicyDenied(f"You cannot hand out scopes that you lack: {', '.join(map(repr, beyond))}.")


def _request(actor: Actor) -> PolicyRequest:
    return PolicyRequest(actor, PolicyAction.MANAGE)


def _body(actor: Actor) -> dict[str, Any]:
    return {"actor": actor.id, "tenant": actor.tenant}
