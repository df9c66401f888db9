"""Erasure on request: everything that an instance holds of a file or an answer goes, and a log entry proves that.

What stays is said in the answer: the registry's record of a released file, without which this instance would no longer
recognise its own output, and the log's entries, in which nothing of it can be recognised any more.
"""

import hmac
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.clock import timestamp
from api.decisions import permit
from api.entries import PERSONAL, pseudonym
from api.errors import NotFound
from api.outcomes import digest, new_id
from api.policy import PolicyAction, PolicyRequest
from api.retention import BATCH, tenant_of
from api.retention_repository import RetentionRepository, Row
from api.workplace import Workplace

SHA256: Final = re.compile(r"[0-9a-f]{64}")
DIGESTS: Final = ("sha256", "input_sha256")
"""Names under which the log has digests of files."""
WHY_RECORD: Final = "The mark inside the file leads to this record; it holds no prompt and no name of anybody."
WHY_ENTRY: Final = "The log is append-only; what it held of this is a hash whose salt is gone."


async def erase(workplace: Workplace, actor: Actor, target: str) -> Mapping[str, Any]:
    """Erases what the actor's tenant has of `target`: the id of an answer, or the SHA-256 of a file.

    Raises `PolicyDenied`, or `NotFound` for an id that the tenant does not have. Of a file that was never seen the
    answer says so with zeros, which is proof as well.
    """
    await permit(workplace, PolicyRequest(actor, PolicyAction.MANAGE))
    sha256 = target if SHA256.fullmatch(target) else None
    ids = () if sha256 else (target,)
    async with workplace.database.write() as session:
        gone = await _remove(session, actor.tenant, ids, sha256)
        # Before the commit: if that fails, the rows are there and what they name is not, and the request can be sent
        # again. The other way round the log would prove an erasure that did not happen.
        for name in gone.blobs:
            await workplace.blobs.delete(name)
        document = _document(gone)
        facts = {"actor": actor.id, "tenant": actor.tenant, "erased": document["erased"]}
        body = facts | {"records_kept": len(gone.records), "report_sha256": digest(document)}
        entry = await workplace.audit.append(session, "erasure.completed", body)
        receipt = await workplace.audit.receipt(session, entry.index)
    for row in (*gone.answers, *gone.releases):
        workplace.passing.forget(row.id)
    if sha256:
        workplace.looks.forget(actor.tenant, sha256)
    return {**document, "receipt": receipt.as_dict()}


@dataclass(frozen=True, slots=True)
class _Gone:
    """What one erasure took out of the database, the names of `blobs` to erase, and the `records` that stay."""

    answers: Sequence[Row]
    releases: Sequence[Row]
    blobs: Sequence[str]
    log_entries: int
    records: Sequence[str]


async def _remove(session: AsyncSession, tenant: str, ids: Collection[str], sha256: str | None) -> _Gone:
    repository = RetentionRepository(session)
    entries = await _entries_about(repository, tenant, sha256) if sha256 else ()
    answers = await repository.inspections_of(ids, sha256=sha256, entries=entries, tenant=tenant)
    releases = await repository.generations_of(ids, sha256=sha256, entries=entries, tenant=tenant)
    rows = [*answers, *releases]
    if ids and not rows:
        raise NotFound("There is no answer of this id.")
    records = await repository.records_of([row.id for row in releases])
    await repository.remove_inspections([row.id for row in answers])
    await repository.remove_generations([row.id for row in releases])
    await repository.remove_repeats([row.id for row in rows], tenant=tenant)
    forgotten = await repository.drop_salts({*entries, *(row.entry for row in rows)})
    blobs = await repository.unnamed({row.blob for row in rows if row.blob is not None})
    return _Gone(answers, releases, blobs, forgotten, records)


def _document(gone: _Gone) -> dict[str, Any]:
    """The answer without its receipt."""
    erased = {"answers": len(gone.answers), "releases": len(gone.releases), "files": len(gone.blobs)}
    kept: list[dict[str, str]] = [{"what": "record", "id": name, "why": WHY_RECORD} for name in gone.records]
    if gone.log_entries:
        kept.append({"what": "log_entries", "id": "", "why": WHY_ENTRY})
    erased |= {"log_entries": gone.log_entries}
    return {"id": new_id("erasure"), "created_at": timestamp(), "erased": erased, "kept": kept}


async def _entries_about(repository: RetentionRepository, tenant: str, sha256: str) -> Collection[int]:
    """The tenant's log entries that were given this digest, told by its HMAC under each entry's own salt."""
    found, last = [], -1
    while page := await repository.salted(after=last, before=None, limit=BATCH):
        for item in page:
            personal = json.loads(item.body).get(PERSONAL, {})
            given = [name for name in DIGESTS if name in personal and tenant_of(item.body) == tenant]
            if any(hmac.compare_digest(personal[name], pseudonym(item.salt, name, sha256)) for name in given):
                found.append(item.entry)
        last = page[-1].entry
    return found
