"""The three products, as they are used over HTTP and on the command line alike; `generate` is in `api.making`.

Each is one procedure: 1 decide, and audit the decision  2 act, in a thread  3 audit the outcome and store the answer
in one transaction  4 hand out the receipt. A failure in 2 is audited as well, and then raised.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.auth import Actor
from api.contract import scan_object, verify_object
from api.decisions import permit
from api.entries import Entry
from api.making import Generated as Generated
from api.making import GenerateRequest as GenerateRequest
from api.making import generate as generate
from api.outcomes import Draft, complete, on_record
from api.policy import PolicyAction, PolicyContext, PolicyRequest
from api.receipts import Receipt
from api.rendering import preview_of
from api.workplace import Workplace as Workplace
from detector.errors import UnsupportedMedia
from detector.media import open_media, sha256_hex, sniff
from detector.sandbox import Sandbox
from detector.types import Media, MediaKind, Pixels, Provenance, Report, Verdict
from detector.verdict import decide

INSPECTION = "inspection"
VERIFICATION = "verification"


@dataclass(frozen=True, slots=True)
class Answer:
    """`document` is the JSON object of the output contract, recorded; `report` is null for a verification."""

    id: str
    document: Mapping[str, Any]
    receipt: Receipt
    entry: Entry
    verdict: Verdict
    provenance: Provenance
    report: Report | None = None


async def inspect(
    workplace: Workplace, actor: Actor, data: bytes, *, name: str, purpose: str = "", keep_preview: bool = False
) -> Answer:
    """Both experts and provenance on one file; `keep_preview` stores a small copy for the HTML report.

    Raises `PolicyDenied`, or a `DetectorError` if the file cannot be judged.
    """
    await permit(workplace, _request(workplace, actor, PolicyAction.INSPECT, purpose))  # 1
    async with on_record(workplace, actor, INSPECTION, name=name):
        report = await workplace.run(lambda: workplace.detector.inspect(data))  # 2
        preview = await _preview(workplace, data) if keep_preview else None
    draft = Draft(INSPECTION, name, report.media.sha256, scan_object(report, path=name), preview)
    done = await complete(workplace, actor, draft)  # 3
    return Answer(done.id, done.document, done.receipt, done.entry, report.verdict, report.provenance, report)  # 4


async def verify(workplace: Workplace, actor: Actor, data: bytes, *, name: str) -> Answer:
    """What a file says of its own origin, without a neural network; free for everybody.

    Raises `PolicyDenied`, or a `DetectorError` if the bytes are no media.
    """
    await permit(workplace, _request(workplace, actor, PolicyAction.VERIFY, ""))  # 1
    async with on_record(workplace, actor, VERIFICATION, name=name):
        media, provenance = await workplace.run(lambda: _check(workplace, data))  # 2
    verdict = decide(provenance, looked=False)
    draft = Draft(VERIFICATION, name, media.sha256, verify_object(provenance, verdict, path=name, sha256=media.sha256))
    done = await complete(workplace, actor, draft)  # 3
    return Answer(done.id, done.document, done.receipt, done.entry, verdict, provenance)  # 4


def _request(workplace: Workplace, actor: Actor, action: PolicyAction, purpose: str) -> PolicyRequest:
    return PolicyRequest(actor, action, purpose, PolicyContext(jurisdiction=workplace.settings.jurisdiction))


def _check(workplace: Workplace, data: bytes) -> tuple[Media, Provenance]:
    media, pixels = _open(data, workplace.sandbox)
    return media, workplace.checker.check(data, media, pixels)


def _open(data: bytes, sandbox: Sandbox) -> tuple[Media, Pixels | None]:
    """As `open_media`; media of a kind that is not decoded may still carry credentials, so it comes without pixels."""
    try:
        media, frame = open_media(data, sandbox=sandbox)
    except UnsupportedMedia:
        kind, mime = sniff(data)
        if kind is MediaKind.UNKNOWN:
            raise
        return Media(sha256_hex(data), kind, mime, len(data), 0, 0), None
    return media, frame.pixels


async def _preview(workplace: Workplace, data: bytes) -> Mapping[str, Any]:
    small = await workplace.run(lambda: preview_of(open_media(data, sandbox=workplace.sandbox)[1].pixels))
    return {"blob": await workplace.blobs.put(small.jpeg), "width": small.width, "height": small.height}
