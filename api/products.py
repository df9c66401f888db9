"""The three products, as they are used over HTTP and on the command line alike; `generate` is in `api.making`.

Each is one procedure: 1 decide, and audit the decision  2 act, in a thread  3 audit the outcome and store the answer
in one transaction  4 hand out the receipt. A failure in 2 is audited as well, and then raised. A verification leaves
nothing behind until 3, so its decision is written there too, unless it is a refusal; two transactions would be twice
as slow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from api.auth import Actor
from api.contract import scan_object, verify_object
from api.decisions import decide_first, permit
from api.entries import Entry
from api.making import GenerateRequest as GenerateRequest
from api.making import generate as generate
from api.outcomes import Draft, Within, complete, on_record
from api.policy import PolicyAction, PolicyContext, PolicyRequest
from api.receipts import Receipt
from api.rendering import Preview, preview_of
from api.retention import retention_of
from api.timeline import shown_frame
from api.workplace import Workplace as Workplace
from detector.errors import UnreadableMedia, UnsupportedMedia
from detector.media import open_media, require_bytes, sha256_hex, sniff
from detector.sandbox import Sandbox
from detector.types import CredentialState, Media, MediaKind, Pixels, Provenance, Report, Verdict
from detector.verdict import decide
from detector.video import MARK_FRAMES, is_clip, still_at, stills

INSPECTION = "inspection"
VERIFICATION = "verification"
SPEAKING = (CredentialState.TRUSTED, CredentialState.VALID, CredentialState.INVALID)
"""States of credentials that say something of a file even where nothing of it can be decoded."""


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


async def verify(workplace: Workplace, actor: Actor, data: bytes, *, name: str, within: Within | None = None) -> Answer:
    """What a file says of its own origin, without a neural network; free for everybody.

    Raises `PolicyDenied`, or a `DetectorError` if the bytes are no media.
    """
    decision = await decide_first(workplace, request_of(workplace, actor, PolicyAction.VERIFY, ""))  # 1
    async with on_record(workplace, actor, VERIFICATION, name=name, after=[decision]):
        media, provenance = await workplace.run(lambda: _check(workplace, actor, data))  # 2
    verdict = decide(provenance, looked=False)
    draft = Draft(VERIFICATION, name, media.sha256, verify_object(provenance, verdict, path=name, sha256=media.sha256))
    done = await complete(workplace, actor, draft, after=[decision], within=within)  # 3
    return Answer(done.id, done.document, done.receipt, done.entry, verdict, provenance)  # 4


def request_of(workplace: Workplace, actor: Actor, action: PolicyAction, purpose: str) -> PolicyRequest:
    """What the policy is asked about an inspection or verification."""
    return PolicyRequest(actor, action, purpose, PolicyContext(jurisdiction=workplace.settings.jurisdiction))


def _check(workplace: Workplace, actor: Actor, data: bytes) -> tuple[Media, Provenance]:
    known = workplace.tenant_lists.in_thread(actor.tenant)
    seen = None if actor.is_anonymous else workplace.looks.find(actor.tenant, sha256_hex(data))
    if seen is not None and (again := workplace.checker.recheck(data, *seen, known=known)) is not None:
        workplace.looks.keep(actor.tenant, seen[0], again[1])
        return seen[0], again[0]
    require_bytes(data, workplace.sandbox.limits)
    kind, mime = sniff(data)
    reading = None if kind is MediaKind.UNKNOWN else workplace.checker.begin(data, mime)
    try:
        media, pictures = _open(data, workplace.sandbox)
    except UnreadableMedia:
        media = _undecoded(data)
        provenance, _ = workplace.checker.check_and_look(data, media, None, reading=reading)
        if provenance.credentials.state not in SPEAKING:
            raise
        return media, provenance  # the first segment of a stream has credentials and no picture
    first, more = (pictures[0], pictures[1:]) if pictures else (None, ())
    provenance, looks = workplace.checker.check_and_look(data, media, first, more=more, known=known, reading=reading)
    if looks is not None and not actor.is_anonymous:
        workplace.looks.keep(actor.tenant, media, looks)
    return media, provenance


def _open(data: bytes, sandbox: Sandbox) -> tuple[Media, Sequence[Pixels]]:
    """The picture, or a few frames of a clip; what is not decoded may still carry credentials and comes without any."""
    try:
        if is_clip(data):
            return stills(data, sandbox=sandbox, count=MARK_FRAMES)
        media, frame = open_media(data, sandbox=sandbox)
    except UnsupportedMedia:
        if sniff(data)[0] is MediaKind.UNKNOWN:
            raise
        return _undecoded(data), ()
    return media, (frame.pixels,)


def _undecoded(data: bytes) -> Media:
    kind, mime = sniff(data)
    return Media(sha256_hex(data), kind, mime, len(data), 0, 0)


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
