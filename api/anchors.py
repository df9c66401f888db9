"""Anchors of the audit log: an authority's time-stamps (RFC 3161) of its heads, taken now and then.

A stamped head cannot have been made later than it says, so whoever holds the log's key cannot rewrite what lies before.
1 take the newest head, unless nothing was added since the last anchor  2 have it stamped, in a thread  3 read the reply
4 keep it and log it in one transaction. An outage costs the anchor alone, and the next round tries again.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from api.attestations import Anchor, AttestationRepository
from api.audit_repository import AuditRepository, CheckpointRow
from api.clock import timestamp, utc_now
from api.errors import ApiError, InvalidRequest
from api.ledger import Fact
from api.time_stamps import Query, read_stamp
from api.workplace import Workplace

ANCHORED: Final = "audit.anchored"
ROUND_SECONDS: Final = 600.0
"""How often the service looks whether an anchor is due, and so how soon it asks again after an outage."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Anchored:
    """The head at `size` was stamped at `stamped_at`; null after a `fault`, which says why there is no stamp."""

    size: int
    stamped_at: str | None
    fault: str | None = None


async def anchor(workplace: Workplace) -> Anchored | None:
    """Has the newest head stamped; null if nothing was added since. Raises `InvalidRequest` if no authority is set."""
    from generator.timestamp_relay import ask

    authority = workplace.settings.timestamp_url
    if authority is None:
        raise InvalidRequest("No time-stamp authority is set; SHINGAN_TIMESTAMP_URL names one.")
    head = await workplace.database.look(_unanchored)  # 1
    if head is None:
        return None
    query = Query.about(head.note.encode())
    reply, fault = await workplace.run(lambda: ask(authority, query.data))  # 2
    stamp = None if fault else read_stamp(reply, nonce=query.nonce)  # 3
    if stamp is None or stamp.digest != hashlib.sha256(head.note.encode()).digest():
        _log.warning("anchor_unavailable", extra={"reason": fault or "not_accepted", "size": head.size})
        return Anchored(head.size, None, fault or "not_accepted")
    kept = Anchor(head.size, timestamp(stamp.moment), reply)
    await workplace.database.change(lambda connection: _keep(workplace, connection, kept))  # 4
    return Anchored(kept.size, kept.stamped_at)


@asynccontextmanager
async def anchoring(workplace: Workplace) -> AsyncIterator[None]:
    """Anchors the log now and then while the block runs, if an authority is set."""
    settings = workplace.settings
    if settings.timestamp_url is None or not settings.anchor_hours:
        yield
        return
    rounds = asyncio.create_task(_rounds(workplace, timedelta(hours=settings.anchor_hours)))
    try:
        yield
    finally:
        rounds.cancel()
        with suppress(asyncio.CancelledError):
            await rounds


async def _rounds(workplace: Workplace, every: timedelta) -> None:
    while True:
        try:
            last = await workplace.database.look(lambda connection: AttestationRepository(connection).newest_anchor())
            if last is None or utc_now() - datetime.fromisoformat(last.stamped_at) >= every:
                await anchor(workplace)
        except ApiError:
            _log.warning("anchor_failed", exc_info=True)
        await asyncio.sleep(min(ROUND_SECONDS, every.total_seconds()))


def _unanchored(connection: Connection) -> CheckpointRow | None:
    """The newest head, unless it and the last anchor differ by that anchor's own entry alone."""
    head, last = AuditRepository(connection).checkpoint(), AttestationRepository(connection).newest_anchor()
    return head if head is not None and head.size > (last.size + 1 if last else 0) else None


def _keep(workplace: Workplace, connection: Connection, kept: Anchor) -> None:
    AttestationRepository(connection).add_anchor(kept)
    facts = {"size": kept.size, "stamped_at": kept.stamped_at, "reply_sha256": hashlib.sha256(kept.reply).hexdigest()}
    workplace.audit.within(connection).append([Fact(ANCHORED, facts)])
