"""How an act ends: its outcome in the log and its answer in the database, both or neither."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import rfc8785
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.clock import timestamp
from api.entries import Entry
from api.errors import problem_of
from api.ledger import Fact
from api.receipts import Receipt
from api.repositories import StoredInspection, add_inspection
from api.workplace import Workplace

Within: TypeAlias = Callable[[AsyncSession, Mapping[str, Any]], Awaitable[None]]
"""What else happens in the transaction that records an answer, given the answer as it goes out."""

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


async def complete(
    workplace: Workplace,
    actor: Actor,
    draft: Draft,
    *,
    after: Sequence[Fact] = (),
    answer_id: str | None = None,
    within: Within | None = None,
) -> Done:
    """Records an inspection or verification, and does what `within` does, both or neither.

    `after` are entries of the same transaction that come first.
    """
    keep = _recording(workplace, actor, draft, after, answer_id)
    if within is None:
        return await workplace.database.change(keep)
    async with workplace.database.write() as session:
        done = await session.run_sync(lambda inner: keep(inner.connection()))
        await within(session, done.document)
    return done


def complete_in_thread(workplace: Workplace, actor: Actor, draft: Draft, *, after: Sequence[Fact] = ()) -> Done:
    """`complete` for a thread of the workplace."""
    return workplace.change_in_thread(_recording(workplace, actor, draft, after))


def _recording(
    workplace: Workplace, actor: Actor, draft: Draft, after: Sequence[Fact], answer_id: str | None = None
) -> Callable[[Connection], Done]:
    """The unit of work that records `draft`; what can be made ready is, since nobody else writes meanwhile."""
    answer_id, created_at = answer_id or new_id(draft.product), timestamp()
    report = {**draft.document, "id": answer_id, "created_at": created_at}
    report.pop("receipt", None)
    outcome = outcome_of(actor, draft.product, report, personal={"name": draft.name, "sha256": draft.sha256})
    stored = {"report": report, "preview": draft.preview}
    blob = draft.preview["blob"] if draft.preview else None

    def keep(connection: Connection) -> Done:
        entries, receipt = workplace.audit.within(connection).append([*after, outcome])
        add_inspection(
            connection,
            StoredInspection(
                answer_id, draft.product, actor.tenant, created_at, draft.sha256, stored, receipt.entry, blob=blob
            ),
        )
        return Done(answer_id, {**report, "receipt": receipt.as_dict()}, receipt, entries[-1])

    return keep


async def append(
    workplace: Workplace,
    session: AsyncSession,
    actor: Actor,
    product: str,
    report: Mapping[str, Any],
    *,
    personal: Mapping[str, str],
) -> Entry:
    """The entry of an answer."""
    fact = outcome_of(actor, product, report, personal=personal)
    return await workplace.audit.append(session, fact.kind, fact.body, personal=fact.personal)


def outcome_of(actor: Actor, product: str, report: Mapping[str, Any], *, personal: Mapping[str, str]) -> Fact:
    """What the log says of an answer. It names `report` by the digest of its canonical JSON (RFC 8785) alone: the
    unguessable `id` in it keeps others from finding out whether a picture that they have was ever looked at."""
    verdict = report.get("verdict") or {}
    body = {"actor": actor.id, "tenant": actor.tenant, "report_sha256": digest(report)}
    body |= {name: verdict[name] for name in ("label", "action") if name in verdict}
    return Fact(f"{product}.completed", body, personal)


@asynccontextmanager
async def on_record(workplace: Workplace, actor: Actor, product: str, *, name: str) -> AsyncIterator[None]:
    """Whatever fails in this block, foreseen or not, is in the log before it goes on its way."""
    try:
        yield
    except Exception as error:
        failure = failure_of(actor, product, error, name=name)
        await workplace.database.change(lambda connection: workplace.audit.within(connection).append([failure]))
        raise


async def record_failure(
    workplace: Workplace, session: AsyncSession, actor: Actor, product: str, error: Exception, *, name: str
) -> Entry:
    """Appends that an act failed to the log, within the caller's transaction."""
    fact = failure_of(actor, product, error, name=name)
    return await workplace.audit.append(session, fact.kind, fact.body, personal=fact.personal)


def failure_of(actor: Actor, product: str, error: Exception, *, name: str) -> Fact:
    """What the log says of an act that failed."""
    body = {"actor": actor.id, "tenant": actor.tenant, "code": problem_of(error).body["code"]}
    return Fact(f"{product}.failed", body, {"name": name})


def digest(report: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of `report`, which is an answer without its receipt."""
    return hashlib.sha256(rfc8785.dumps(dict(report))).hexdigest()


def new_id(product: str) -> str:
    return f"{PREFIXES[product]}_{secrets.token_hex(ID_BYTES)}"
