"""The three products, as they are used over HTTP and on the command line alike; `generate` is in `api.making`, `verify`
in `api.verifying`.

Each is one procedure: 1 decide, and audit the decision  2 act, in a thread  3 audit the outcome and store the answer
in one transaction  4 hand out the receipt. A failure in 2 is audited as well, and then raised.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from api.answers import Answer as Answer
from api.answers import request_of as request_of
from api.auth import Actor
from api.contract import scan_object
from api.decisions import permit
from api.making import GenerateRequest as GenerateRequest
from api.making import generate as generate
from api.outcomes import Draft, Within, complete, on_record
from api.policy import PolicyAction
from api.rendering import Preview, preview_of
from api.retention import retention_of
from api.timeline import shown_frame
from api.verifying import verify as verify
from api.workplace import Workplace as Workplace
from detector.media import open_media
from detector.sandbox import Sandbox
from detector.types import Report
from detector.video import still_at

INSPECTION = "inspection"


async def inspect(
    workplace: Workplace,
    actor: Actor,
    data: bytes,
    *,
    name: str,
    purpose: str = "",
    keep_preview: bool = False,
    within: Within | None = None,
) -> Answer:
    """Both experts and provenance on one file; `keep_preview` stores a small copy for the HTML report, unless
    the tenant has nothing kept.

    Raises `PolicyDenied`, or a `DetectorError` if the file cannot be judged.
    """
    await permit(workplace, request_of(workplace, actor, PolicyAction.INSPECT, purpose))  # 1
    async with on_record(workplace, actor, INSPECTION, name=name):
        report, draft = await examine(workplace, actor, data, name=name, keep_preview=keep_preview)  # 2
    done = await complete(workplace, actor, draft, within=within)  # 3
    return Answer(done.id, done.document, done.receipt, done.entry, report.verdict, report.provenance, report)  # 4


async def examine(
    workplace: Workplace, actor: Actor, data: bytes, *, name: str, keep_preview: bool
) -> tuple[Report, Draft]:
    """The act of an inspection alone: nothing of it is decided or recorded here."""
    known = await workplace.tenant_lists.of(actor.tenant)
    report = await workplace.run(lambda: workplace.detector.inspect(data, known=known))
    keep_preview = keep_preview and not (await retention_of(workplace, actor.tenant)).zero
    preview = await _preview(workplace, data, report) if keep_preview else None
    return report, Draft(INSPECTION, name, report.media.sha256, scan_object(report, path=name), preview)


async def _preview(workplace: Workplace, data: bytes, report: Report) -> Mapping[str, Any]:
    small = await workplace.run(lambda: _small(data, report, workplace.sandbox))
    place = {"frame": small.frame, "time_s": small.time_s, "width": small.width, "height": small.height}
    return {"blob": await workplace.blobs.put(small.jpeg)} | place


def _small(data: bytes, report: Report, sandbox: Sandbox) -> Preview:
    """A small copy of the picture, or of the most telling frame of a clip."""
    shown = shown_frame({"timeline": [asdict(moment) for moment in report.timeline]})
    if shown is None:
        return preview_of(open_media(data, sandbox=sandbox)[1].pixels)
    frame = still_at(data, shown[0], sandbox=sandbox)
    media, small = report.media, preview_of(frame.pixels)
    return replace(small, width=media.width, height=media.height, frame=frame.index, time_s=frame.time_s)
