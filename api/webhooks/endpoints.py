"""Webhook addresses of a tenant: set up, listed and ended; each has a secret that is derived and never stored."""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.clock import timestamp
from api.decisions import decide_within, refuse
from api.errors import InvalidRequest, NotFound
from api.ingest.addresses import resolve
from api.ingest.network import DEFAULT_PORTS, checked
from api.keyfiles import read_or_create
from api.policy import PolicyAction, PolicyContext, PolicyRequest
from api.settings import Settings
from api.tables import webhooks
from api.workplace import Workplace

EVENTS: Final = ("inspection.completed", "inspection.failed", "batch.completed", "job.cancelled")
MOST: Final = 20
"""Addresses of one tenant."""
SECRET_BYTES: Final = 32
PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Webhook:
    id: str
    tenant: str
    url: str
    events: tuple[str, ...]
    created_at: str
    ended_at: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"id": self.id, "url": self.url, "events": list(self.events), "created_at": self.created_at}


class WebhookRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, hook: Webhook) -> None:
        values = hook.as_dict() | {"tenant": hook.tenant, "events": " ".join(hook.events), "ended_at": None}
        await self._session.execute(insert(webhooks).values(values))

    async def of_tenant(self, tenant: str) -> Sequence[Webhook]:
        """Those that have not ended, oldest first."""
        query = select(webhooks).where(webhooks.c.tenant == tenant, webhooks.c.ended_at.is_(None))
        return [_webhook(row._mapping) for row in await self._session.execute(query.order_by(webhooks.c.created_at))]

    async def get(self, hook_id: str) -> Webhook | None:
        """Of whatever tenant, ended or not."""
        row = (await self._session.execute(select(webhooks).where(webhooks.c.id == hook_id))).one_or_none()
        return _webhook(row._mapping) if row else None

    async def end(self, hook_id: str, *, tenant: str, now: str) -> bool:
        """Whether `tenant` had it, which it now has no more."""
        mine = (webhooks.c.id == hook_id, webhooks.c.tenant == tenant, webhooks.c.ended_at.is_(None))
        query = update(webhooks).where(*mine).values(ended_at=now).returning(webhooks.c.id)
        return (await self._session.execute(query)).one_or_none() is not None


def secret_of(settings: Settings, hook_id: str) -> str:
    """The signing secret in the form of the Standard Webhooks specification, `whsec_` and base64."""
    root = read_or_create(settings.keys / "webhooks.key", lambda: os.urandom(SECRET_BYTES))
    return PREFIX + base64.b64encode(hmac.digest(root, hook_id.encode(), hashlib.sha256)).decode()


async def set_up(workplace: Workplace, actor: Actor, url: str, events: Sequence[str]) -> dict[str, Any]:
    """A new address with its secret. Raises `AddressRefused`, `InvalidRequest` or `PolicyDenied`."""
    if unknown := sorted(set(events) - set(EVENTS)):
        raise InvalidRequest(f"There are no such events: {', '.join(unknown)}. Known are {', '.join(EVENTS)}.")
    parts = checked(url, workplace.settings)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    await resolve(str(parts.hostname), port, listed=workplace.settings.fetch_hosts)
    if len(await listed(workplace, actor)) >= MOST:
        raise InvalidRequest(f"A tenant has at most {MOST} webhooks.")
    chosen = tuple(sorted(set(events))) or EVENTS
    hook = Webhook(f"hook_{secrets.token_hex(8)}", actor.tenant, url, chosen, timestamp())
    await _decided(workplace, actor, hook, kind="webhook.set_up")
    return hook.as_dict() | {"secret": secret_of(workplace.settings, hook.id)}


async def listed(workplace: Workplace, actor: Actor) -> list[dict[str, Any]]:
    async with workplace.database.read() as session:
        return [hook.as_dict() for hook in await WebhookRepository(session).of_tenant(actor.tenant)]


async def end(workplace: Workplace, actor: Actor, hook_id: str) -> None:
    """Nothing more is sent to it. Raises `NotFound`."""
    async with workplace.database.read() as session:
        hook = await WebhookRepository(session).get(hook_id)
    if hook is None or hook.tenant != actor.tenant or hook.ended_at is not None:
        raise NotFound("There is no such webhook.")
    await _decided(workplace, actor, hook, kind="webhook.ended")


async def _decided(workplace: Workplace, actor: Actor, hook: Webhook, *, kind: str) -> None:
    """The decision, the change and its entry in the log, in one transaction."""
    context = PolicyContext(jurisdiction=workplace.settings.jurisdiction)
    asked = PolicyRequest(actor, PolicyAction.MANAGE_WEBHOOKS, "", context)
    async with workplace.database.write() as session:
        decision = await decide_within(workplace, session, asked)
        if decision.allowed:
            body = {"actor": actor.id, "tenant": actor.tenant, "webhook": hook.id}
            await workplace.audit.append(session, kind, body, personal={"url": hook.url})
            repository = WebhookRepository(session)
            if kind == "webhook.ended":
                await repository.end(hook.id, tenant=actor.tenant, now=timestamp())
            else:
                await repository.add(hook)
    refuse(decision)


def _webhook(row: Mapping[Any, Any]) -> Webhook:
    return Webhook(**{**row, "events": tuple(str(row["events"]).split())})
