"""How an act ends: its outcome in the log and its answer in the database, both or neither."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import rfc8785
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.clock import timestamp
from api.entries import Entry
from api.errors import problem_of
from api.receipts import Receipt
from api.repositories import InspectionRepository, StoredInspection
from api.workplace import Workplace

ID_BYTES = 16
PREFIXES = {
    "inspection": "insp",
    "verification": "ver",
    "generation": "gen",
    "mark": "mark",
    "portrait": "port",
    "idol": "idol",
    "erasure": "ers",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """An outcome before it is recorded; `document` lacks `id`, `created_at` and `receipt`."""

    product: str
    name: str
    sha256: str
    document: Mapping[str, Any]
    preview: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    id: str
    document: Mapping[str, Any]
    receipt: Receipt
    entry: Entry


async def complete(workplace: Workplace, actor: Actor, draft: Draft) -> Done:
    """Records an inspection or verification."""
    answer_id, created_at = new_id(draft.product), timestamp()
    report = {**draft.document, "id": answer_id, "created_at": created_at}
    report.pop("receipt", None)
    async with workplace.database.write() as session:
        personal = {"name": draft.name, "sha256": draft.sha256}
        entry = await append(workplace, session, actor, draft.product, report, personal=personal)
        stored = {"report": report, "preview": draft.preview}
        await InspectionRepository(session).add(
            StoredInspection(
                answer_id,
                draft.product,
                actor.tenant,
                created_at,
                draft.sha256,
                stored,
                entry.index,
                blob=draft.preview["blob"] if draft.preview else None,
            )
        )
        receipt = await workplace.audit.receipt(session, entry.index)
    return Done(answer_id, {**report, "receipt": receipt.as_dict()}, receipt, entry)


async def append(
    workplace: Workplace,
    session: AsyncSession,
    actor: Actor,
    product: str,
    report: Mapping[str, Any],
    *,
    personal: Mapping[str, str],
) -> Entry:
    """The entry of an answer. It names `report` by the digest of its canonical JSON (RFC 8785) alone: the unguessable
    `id` in it keeps others from finding out whether a picture that they have was ever looked at."""
    verdict = report.get("verdict") or {}
    body = {"actor": actor.id, "tenant": actor.tenant, "report_sha256": digest(report)}
    body |= {name: verdict[name] for name in ("label", "action") if name in verdict}
    return await workplace.audit.append(session, f"{product}.completed", body, personal=personal)


@asynccontextmanager
async def on_record(workplace: Workplace, actor: Actor, product: str, *, name: str) -> AsyncIterator[None]:
    """Whatever fails in this block, foreseen or not, is in the log before it goes on its way."""
    try:
        yield
    except Exception as error:
        body = {"actor": actor.id, "tenant": actor.tenant, "code": problem_of(error).body["code"]}
        async with workplace.database.write() as session:
            await workplace.audit.append(session, f"{product}.failed", body, personal={"name": name})
        raise


def digest(report: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of `report`, which is an answer without its receipt."""
    return hashlib.sha256(rfc8785.dumps(dict(report))).hexdigest()


def new_id(product: str) -> str:
    return f"{PREFIXES[product]}_{secrets.token_hex(ID_BYTES)}"
