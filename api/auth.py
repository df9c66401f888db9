"""Who is asking: API keys that are stored only as an HMAC, and the actor that a valid one stands for."""

import hashlib
import hmac
import os
import secrets
from base64 import b32encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import timestamp, utc_now
from api.db import Database
from api.errors import Conflict, InvalidRequest, NotFound, Unauthenticated
from api.keyfiles import read_or_create
from api.repositories import KeyRepository, StoredKey, key_by_digest, touch_key
from api.settings import Settings
from api.tenant_repository import StoredTenant, TenantRepository, tenant_by_name

KEY_BYTES = 32
PREFIX_CHARACTERS = 12
"""How much of a key stays readable in lists: `sgn_` and eight characters (40 of its 256 bits)."""
TOKEN_START = "sgn_"  # noqa: S105 - no secret
TOUCH_AFTER = timedelta(minutes=10)
"""`last_used_at` is no more exact than this, so that reading never waits for a writer on every request."""


ANONYMOUS = "anonymous"


class Scope(StrEnum):
    """What a key may be used for; a scope is the name of the policy action that it opens."""

    VERIFY = "verify"
    INSPECT = "inspect"
    GENERATE = "generate"
    MARK = "mark"
    EDIT_PORTRAIT = "edit_portrait"
    STYLISE = "stylise"
    EXPORT = "export"
    REVIEW = "review"
    READ_AUDIT = "read_audit"
    MANAGE_KNOWN_MEDIA = "manage_known_media"
    MANAGE_WEBHOOKS = "manage_webhooks"
    MANAGE = "manage"


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever asks: `id` names a key or a local user and is never a person's name.

    `rate` is in requests a minute; null for what the instance gives everybody.
    """

    id: str
    tenant: str
    scopes: frozenset[str]
    rate: int | None = None

    @classmethod
    def local(cls, tenant: str = "default") -> "Actor":
        """The operator at the command line, who may do whatever the policy lets anybody do."""
        return cls("local", tenant, frozenset(Scope))

    @classmethod
    def anonymous(cls, tenant: str = "default") -> "Actor":
        """A caller without a key: only what is free for everybody."""
        return cls(ANONYMOUS, tenant, frozenset({Scope.VERIFY.value}))

    @property
    def is_anonymous(self) -> bool:
        """Whether this may be anybody: whoever has a key shares what is kept for its tenant, others share nothing."""
        return self.id == ANONYMOUS


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key; `token` is shown this once and kept nowhere."""

    token: str
    key: StoredKey


class ApiKeys:
    """Issues, recognises and revokes API keys; `pepper` is the instance's HMAC secret."""

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper

    @classmethod
    def open(cls, settings: Settings) -> "ApiKeys":
        """With the pepper of this instance's home, made on first use."""
        return cls(read_or_create(settings.keys / "pepper.key", lambda: os.urandom(KEY_BYTES)))

    async def issue(
        self,
        session: AsyncSession,
        *,
        name: str,
        scopes: Iterable[str],
        tenant: str = "default",
        expires_at: datetime | None = None,
        rate: int | None = None,
        rotated_from: str | None = None,
    ) -> IssuedKey:
        """A new key of 256 random bits.

        Raises `InvalidRequest` for an unknown scope or none, `NotFound` for an unknown tenant, and `Conflict` for a
        suspended one.
        """
        holder = await TenantRepository(session).get(tenant)
        if holder is None:
            raise NotFound("There is no such tenant.")
        if holder.suspended_at:
            raise Conflict("This tenant is suspended.")
        token = TOKEN_START + b32encode(secrets.token_bytes(KEY_BYTES)).decode().rstrip("=").lower()
        key = StoredKey(
            id="key_" + secrets.token_hex(8),
            tenant=tenant,
            name=name,
            prefix=token[:PREFIX_CHARACTERS],
            digest=self._digest(token),
            scopes=checked_scopes(scopes),
            created_at=timestamp(),
            expires_at=timestamp(expires_at) if expires_at else None,
            rotated_from=rotated_from,
            rate=rate,
        )
        await KeyRepository(session).add(key)
        return IssuedKey(token, key)

    async def authenticate(self, database: Database, token: str) -> Actor:
        """The actor behind `token`; raises `Unauthenticated`, without saying whether it was unknown or lapsed."""
        return (await self.recognise(database, token))[0]

    async def recognise(self, database: Database, token: str) -> tuple[Actor, StoredTenant | None]:
        """`authenticate`, and the actor's tenant as it is at the same moment; null if there is none."""
        key, tenant = await database.look(lambda connection: self._live(connection, token))
        if _stale(key.last_used_at):
            await database.change(lambda connection: touch_key(connection, key.id, timestamp()), durable=False)
        return _holder(key), tenant

    def recognise_within(self, connection: Connection, token: str) -> tuple[Actor, StoredTenant | None]:
        """`recognise` for a unit of work that is a plain function and may write."""
        key, tenant = self._live(connection, token)
        if _stale(key.last_used_at):
            touch_key(connection, key.id, timestamp())
        return _holder(key), tenant

    def _live(self, connection: Connection, token: str) -> tuple[StoredKey, StoredTenant | None]:
        key = key_by_digest(connection, self._digest(token))
        if key is None or not key.usable(timestamp()):
            raise Unauthenticated("This API key is unknown, revoked or expired.")
        return key, tenant_by_name(connection, key.tenant)

    async def rotate(self, session: AsyncSession, key_id: str, *, tenant: str, overlap: timedelta) -> IssuedKey:
        """A new key with the name, scopes, rate and end of an old one, which works on for `overlap` at most.

        Raises `NotFound` if `tenant` has no such live key.
        """
        old = await KeyRepository(session).get(key_id, tenant=tenant)
        now = utc_now()
        if old is None or not old.usable(timestamp(now)):
            raise NotFound("There is no such API key.")
        issued = await self.issue(
            session,
            name=old.name,
            scopes=old.scopes,
            tenant=tenant,
            expires_at=datetime.fromisoformat(old.expires_at) if old.expires_at else None,
            rate=old.rate,
            rotated_from=old.id,
        )
        end = timestamp(now + overlap)
        await KeyRepository(session).expire(old.id, min(end, old.expires_at or end))
        return issued

    def pseudonym(self, text: str) -> str:
        """An id for `text` that tells nobody what it is, in 32 hexadecimal digits."""
        return self._digest(f"id:{text}").hex()[:32]

    async def revoke(self, session: AsyncSession, key_id: str, *, tenant: str) -> None:
        """Ends the key at once; raises `NotFound` if `tenant` has no such key."""
        if not await KeyRepository(session).revoke(key_id, tenant=tenant, now=timestamp()):
            raise NotFound("There is no such API key.")

    def _digest(self, token: str) -> bytes:
        return hmac.digest(self._pepper, token.encode(), hashlib.sha256)


def checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """`scopes` in order, each once; raises `InvalidRequest` for an unknown one or none."""
    chosen = tuple(sorted(set(scopes)))
    unknown = [scope for scope in chosen if scope not in frozenset(Scope)]
    if unknown or not chosen:
        raise InvalidRequest(f"A key needs scopes out of: {', '.join(sorted(Scope))}.")
    return chosen


def _holder(key: StoredKey) -> Actor:
    return Actor(key.id, key.tenant, frozenset(key.scopes), key.rate)


def _stale(last_used_at: str | None) -> bool:
    if last_used_at is None:
        return True
    return utc_now() - datetime.fromisoformat(last_used_at).astimezone(UTC) > TOUCH_AFTER
