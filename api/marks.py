"""Marking pictures and clips that another program made, as it is used over HTTP and on the command line alike.

1 count the quota, decide, and audit the decision  2 read, mark, sign and read back, in a thread  3 register, audit and
store the answer in one transaction  4 only then hand out the file.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from api.auth import Actor
from api.contract import mark_object
from api.labels import AUTO, chosen, label_for, satisfies
from api.outcomes import on_record
from api.policy import PolicyAction, PolicyContext, PolicyRequest
from api.quotas import permitted
from api.releases import Released, register
from api.workplace import Workplace
from detector.media import sha256_hex, sniff
from detector.video import is_clip

if TYPE_CHECKING:
    from generator.release import Release

MARK: Final = "mark"
Made = Literal["generated", "edited"]
MAX_SOFTWARE: Final = 64
UNNAMED: Final = "unnamed generator"


@dataclass(frozen=True, slots=True)
class MarkRequest:
    """A file to be marked, called `name` by its sender, and what is declared of it.

    `made` says whether `software` made all of it or edited it; both are signed as declared.
    """

    data: bytes
    name: str
    purpose: str = ""
    software: str = ""
    made: Made = "generated"
    label: str = AUTO


async def mark(workplace: Workplace, actor: Actor, request: MarkRequest) -> Released:
    """The file with every mark, registered and logged.

    Raises `PolicyDenied`, a `DetectorError` or a `GeneratorError`; then nothing leaves.
    """
    request = replace(request, label=await label_for(workplace, actor, request.label))
    async with permitted(workplace, await _request(workplace, actor, request)):  # 1
        return await _marked(workplace, actor, request)


async def _marked(workplace: Workplace, actor: Actor, request: MarkRequest) -> Released:
    async with on_record(workplace, actor, MARK, name=request.name):
        release = await workplace.run(lambda: _mark(workplace, request))  # 2
    mime = sniff(release.data)[1]
    document = mark_object(
        path=None,
        input_sha256=sha256_hex(request.data),
        record_id=release.record.record_id,
        sha256=release.record.sha256,
        mime=mime,
        software=release.record.backend,
        made=request.made,
        label=str(chosen(workplace, request.label)),
        timestamped=release.stamped,
    )
    personal = {"name": request.name, "input_sha256": document["input_sha256"], "sha256": release.record.sha256}
    return await register(workplace, actor, MARK, release, document, mime=mime, personal=personal)  # 3, 4


async def _request(workplace: Workplace, actor: Actor, request: MarkRequest) -> PolicyRequest:
    context = PolicyContext(
        jurisdiction=workplace.settings.jurisdiction,
        visible_label=await satisfies(workplace, actor, request.label),
    )
    return PolicyRequest(actor, PolicyAction.MARK, request.purpose, context)


def _mark(workplace: Workplace, request: MarkRequest) -> "Release":
    from generator.claim import EDITED, GENERATED  # these keep the signing library out of commands that sign nothing
    from generator.clips import mark_clip
    from generator.elsewhere import Order, mark_file

    order = Order(
        request.software.strip()[:MAX_SOFTWARE] or UNNAMED,
        EDITED if request.made == "edited" else GENERATED,
        key=workplace.mark_keys[0],
        source=workplace.key_source,
        purpose=request.purpose,
        label=chosen(workplace, request.label),
        provider=workplace.settings.provider,
    )
    if is_clip(request.data):
        return mark_clip(request.data, order, checker=workplace.checker, transcoder=workplace.transcoder)
    return mark_file(request.data, order, checker=workplace.checker)
