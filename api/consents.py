"""Consent records: who agreed to what, until when. A request that names a record stands and falls with it."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from api.auth import Actor
from api.clock import timestamp, utc_now
from api.consent_repository import PREFIX, ConsentRepository, StoredConsent
from api.decisions import encodable, permit
from api.errors import InvalidRequest, NotFound
from api.policy import PolicyAction, PolicyRequest, normalise
from api.workplace import Workplace

SALT_BYTES: Final = 32
MAX_DAYS: Final = 3650
MAX_PURPOSE: Final = 64


class ConsentState(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


async def give(workplace: Workplace, actor: Actor, *, subject: str, purpose: str, days: int) -> StoredConsent:
    """Records that the person behind `subject`, a reference of the caller's own, agreed to `purpose` for `days`.

    Who that is stays outside: an HMAC under a salt of the record's own is kept, so that the caller can prove whom it
    was about. Raises `PolicyDenied`, and `InvalidRequest` for a purpose that is none.
    """
    await permit(workplace, _request(actor), personal={"subject": subject})
    code = normalise(purpose)
    if not code or len(code) > MAX_PURPOSE or not 0 < days <= MAX_DAYS:
        raise InvalidRequest(f"A consent is for a purpose, and for 1 to {MAX_DAYS} days.")
    salt, now = secrets.token_bytes(SALT_BYTES), utc_now()
    made = StoredConsent(
        PREFIX + secrets.token_hex(16),
        actor.tenant,
        salt,
        _digest(salt, subject),
        code,
        timestamp(now),
        timestamp(now + timedelta(days=days)),
        entry=0,
    )
    async with workplace.database.write() as session:
        facts = {"consent": made.id, "expires_at": made.expires_at}
        personal = {"subject": subject, "purpose": code}
        entry = await workplace.audit.append(session, "consent.given", _body(actor) | facts, personal=personal)
        made = replace(made, entry=entry.index)
        await ConsentRepository(session).add(made)
    return made


async def revoke(workplace: Workplace, actor: Actor, consent_id: str) -> StoredConsent:
    """Ends a consent at once. Raises `PolicyDenied` and `NotFound`."""
    await permit(workplace, _request(actor))
    async with workplace.database.write() as session:
        repository = ConsentRepository(session)
        if not await repository.revoke(consent_id, tenant=actor.tenant, now=timestamp()):
            raise NotFound("There is no such consent, or it was revoked before.")
        await workplace.audit.append(session, "consent.revoked", _body(actor) | {"consent": consent_id})
        found = await repository.get(consent_id, tenant=actor.tenant)
    assert found is not None  # noqa: S101 - it was changed in this transaction
    return found


async def read(workplace: Workplace, actor: Actor, consent_id: str) -> StoredConsent:
    """Raises `NotFound` if the actor's tenant has none of this id."""
    async with workplace.database.read() as session:
        found = await ConsentRepository(session).get(consent_id, tenant=actor.tenant)
    if found is None:
        raise NotFound("There is no such consent.")
    return found


async def listed(
    workplace: Workplace, actor: Actor, *, limit: int, before: str | None = None
) -> Sequence[StoredConsent]:
    """Newest first."""
    async with workplace.database.read() as session:
        return await ConsentRepository(session).latest(tenant=actor.tenant, limit=limit, before=before)


def is_about(consent: StoredConsent, subject: str) -> bool:
    """Whether `subject` is the reference that the record was made for."""
    return hmac.compare_digest(consent.subject, _digest(consent.salt, subject))


def state(consent: StoredConsent) -> ConsentState:
    if consent.revoked_at is not None:
        return ConsentState.REVOKED
    return ConsentState.ACTIVE if consent.usable(timestamp()) else ConsentState.EXPIRED


def told(consent: StoredConsent) -> dict[str, Any]:
    """As JSON."""
    return {
        "id": consent.id,
        "state": str(state(consent)),
        "purpose": consent.purpose,
        "subject_hmac": consent.subject,
        "created_at": consent.created_at,
        "expires_at": consent.expires_at,
        "revoked_at": consent.revoked_at,
        "entry": consent.entry,
    }


def _digest(salt: bytes, subject: str) -> str:
    return hmac.digest(salt, encodable(subject).encode(), hashlib.sha256).hex()


def _request(actor: Actor) -> PolicyRequest:
    return PolicyRequest(actor, PolicyAction.MANAGE)


def _body(actor: Actor) -> dict[str, Any]:
    return {"actor": actor.id, "tenant": actor.tenant}
