"""Stored answers taken down again: as the JSON object that was given out, and as a sheet for people."""

from pathlib import Path
from typing import Any

from api.auth import Actor
from api.errors import NotFound
from api.rendering import Case, Preview
from api.repositories import InspectionRepository, StoredInspection
from api.workplace import Workplace


async def inspection(
    workplace: Workplace, actor: Actor, inspection_id: str, *, product: str = "inspection"
) -> StoredInspection:
    """Raises `NotFound` if the actor's tenant has none of this id."""
    async with workplace.database.read() as session:
        found = await InspectionRepository(session).get(inspection_id, tenant=actor.tenant, product=product)
    if found is None:
        raise NotFound(f"There is no {product} of this id.")
    return found


async def document_of(workplace: Workplace, stored: StoredInspection) -> dict[str, Any]:
    """The answer with a receipt for the log as it is now."""
    async with workplace.database.read() as session:
        receipt = await workplace.audit.receipt(session, stored.entry)
    return {**stored.report["report"], "receipt": receipt.as_dict()}


async def handed_on(workplace: Workplace, stored: StoredInspection) -> dict[str, Any]:
    """As `document_of`, with the entry in the receipt: the answer can then be compared with the log from this alone."""
    async with workplace.database.read() as session:
        return {**stored.report["report"], "receipt": await workplace.audit.handed_on(session, stored.entry)}


async def case_of(workplace: Workplace, stored: StoredInspection) -> Case:
    """The answer as a sheet that carries all that its receipt check needs."""
    async with workplace.database.read() as session:
        receipt = await workplace.audit.receipt(session, stored.entry)
        entry = await workplace.audit.get(session, stored.entry)
    report = stored.report["report"]
    return Case(
        title=Path(str(report.get("path") or stored.id)).name,
        result={**report, "receipt": receipt.as_dict()},
        preview=await _preview(workplace, stored),
        entry=entry.json.decode(),
        log_key=str(workplace.audit.verifier),
        report=report,
        note=stored.created_at,
    )


async def _preview(workplace: Workplace, stored: StoredInspection) -> Preview | None:
    kept = stored.report.get("preview")
    if kept is None:
        return None
    jpeg = await workplace.blobs.get(kept["blob"])
    return Preview(jpeg, kept["width"], kept["height"], kept.get("frame"), kept.get("time_s"))
