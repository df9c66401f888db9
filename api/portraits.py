"""Portrait tools, as they are used over HTTP and on the command line alike.

1 decide what can be decided without the picture, consent above all, and audit it  2 read the picture, in the sandbox
3 decide again if it is one that nobody may work on  4 redraw, mark, sign and read back, in a thread  5 register, audit
and store the answer in one transaction, and only then hand out the file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from api.auth import Actor
from api.contract import portrait_object
from api.decisions import permit
from api.labels import AUTO, chosen, label_for, satisfies
from api.outcomes import on_record
from api.policy import PolicyAction, PolicyContext, PolicyRequest
from api.quotas import permitted, quota_left
from api.releases import Released, register
from api.workplace import Workplace
from detector.importing import ONE_IMPORT
from detector.media import open_media, sha256_hex, sniff
from detector.provenance.known_media import KnownMediaList
from detector.types import Provenance

if TYPE_CHECKING:
    from generator.elsewhere import Opened
    from generator.portrait.subject import Subject
    from generator.portrait.tools import PortraitTool, Redrawn
    from generator.release import Release

PORTRAIT: Final = "portrait"
ACTIONS: Final[Mapping[str, PolicyAction]] = {
    "artwork": PolicyAction.STYLISE,
    "surgery": PolicyAction.EDIT_PORTRAIT,
    "reconstruct": PolicyAction.EDIT_PORTRAIT,
}
"""What the policy calls the use of each tool."""
KNOWN_MEDIA: Final = "known_media"
APPARENT_MINOR: Final = "apparent_minor"
"""In `PolicyContext.screened`: the picture is on a known-media list; the person in it may be a minor."""


@dataclass(frozen=True, slots=True)
class PortraitRequest:
    """A picture, called `name` by its sender, for `tool` with its `settings`.

    `consent`: the caller attests that the person shown agreed; `consent_reference` says where that is on file, or
    names a record of `api.consents`, and goes into the log as a salted digest alone. `style_data`: a second picture,
    whose manner `artwork` is to take. `face`: which one is meant, from 1 on and from left to right; null if there is
    one alone.
    """

    tool: str
    data: bytes
    name: str
    purpose: str = ""
    consent: bool = False
    consent_reference: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    label: str = AUTO
    style_data: bytes = b""
    face: int | None = None

    def settings_with(self, picture: object) -> Mapping[str, Any]:
        """`settings` as the tool takes them: with the style picture, if one was sent."""
        return {**self.settings, "picture": picture} if self.style_data else self.settings

    def settings_told(self) -> Mapping[str, Any]:
        """`settings` as the answer states them: the style picture by its digest, and the face if one was named."""
        digest = {"picture_sha256": sha256_hex(self.style_data)} if self.style_data else {}
        return {**self.settings, **digest} | ({} if self.face is None else {"face": self.face})


async def redraw(workplace: Workplace, actor: Actor, request: PortraitRequest) -> Released:
    """The picture after the tool, with every mark, registered and logged.

    Raises `PolicyDenied`, a `DetectorError` or a `GeneratorError`; then nothing leaves.
    """
    tool = _tool(request)
    request = replace(request, label=await label_for(workplace, actor, request.label))
    asked = await policy_request(workplace, actor, request)
    async with permitted(workplace, asked, personal={"consent": request.consent_reference}):  # 1
        return await _released(workplace, actor, request, asked, tool)


async def _released(
    workplace: Workplace, actor: Actor, request: PortraitRequest, asked: PolicyRequest, tool: "PortraitTool"
) -> Released:
    known = await workplace.tenant_lists.of(actor.tenant)
    async with on_record(workplace, actor, PORTRAIT, name=request.name):
        opened, subject, screened = await workplace.run(lambda: _open(workplace, request, known))  # 2
    if screened:
        await permit(workplace, replace(asked, context=replace(asked.context, screened=screened)))  # 3
    async with on_record(workplace, actor, PORTRAIT, name=request.name):
        redrawn, release = await workplace.run(lambda: _redraw(workplace, request, tool, opened, subject))  # 4
    document = portrait_object(
        path=None,
        tool=request.tool,
        settings=request.settings_told(),
        told=redrawn.told,
        input_sha256=sha256_hex(request.data),
        record_id=release.record.record_id,
        sha256=release.record.sha256,
        mime=redrawn.container.mime if redrawn.container else sniff(release.data)[1],
        label=str(chosen(workplace, request.label)),
        timestamped=release.stamped,
    )
    personal = {
        "name": request.name,
        "input_sha256": document["input_sha256"],
        "sha256": release.record.sha256,
        "consent": request.consent_reference,
    }
    return await register(  # 5
        workplace, actor, PORTRAIT, release, document, mime=document["mime"], personal=personal
    )


def _tool(request: PortraitRequest) -> "PortraitTool":
    with ONE_IMPORT:
        from generator.portrait.tools import open_tool
    tool = open_tool(request.tool)
    tool.check(request.settings_with(request.style_data))
    return tool


async def policy_request(workplace: Workplace, actor: Actor, request: PortraitRequest) -> PolicyRequest:
    """What the policy is asked before any pixel is looked at."""
    context = PolicyContext(
        consent=request.consent,
        quota_left=await quota_left(workplace, actor),
        consent_reference=request.consent_reference,
        jurisdiction=workplace.settings.jurisdiction,
        visible_label=await satisfies(workplace, actor, request.label),
    )
    return PolicyRequest(actor, ACTIONS[request.tool], request.purpose, context)


def _open(
    workplace: Workplace, request: PortraitRequest, known: Sequence[KnownMediaList]
) -> tuple["Opened", "Subject", frozenset[str]]:
    """The picture, the face that is meant, and what of either the policy has rules about."""
    with ONE_IMPORT:
        from generator.elsewhere import open_unmarked
        from generator.portrait.subject import choose_subject, find_subjects
    opened = open_unmarked(request.data, checker=workplace.checker, known=known, liftable=workplace.mark_keys)
    subjects = find_subjects(opened.pixels, workplace.portrait_finders)
    subject = choose_subject(subjects, request.face)
    return opened, subject, screen(opened.found) | _screen_looks(workplace, subjects)


def screen(found: Provenance) -> frozenset[str]:
    """Facts in the picture that the policy has rules about."""
    return frozenset({KNOWN_MEDIA}) if found.known_media else frozenset()


def _screen_looks(workplace: Workplace, subjects: Sequence["Subject"]) -> frozenset[str]:
    """Of everybody whose face is large enough, for they all are in what leaves, whoever is meant."""
    finders = workplace.portrait_finders
    looks = (finders.age.may_be_minor(each.pixels, each.mesh, landmarks=finders.landmarks) for each in subjects)
    return frozenset({APPARENT_MINOR}) if any(looks) else frozenset()


def _redraw(
    workplace: Workplace, request: PortraitRequest, tool: "PortraitTool", opened: "Opened", subject: "Subject"
) -> tuple["Redrawn", "Release"]:
    from generator.claim import EDITED
    from generator.elsewhere import DEFAULT_MIME, Order, mark_opened

    picture = open_media(request.style_data, sandbox=workplace.sandbox)[1].pixels if request.style_data else None
    redrawn = tool.redraw(subject, request.settings_with(picture))
    order = Order(
        f"shingan {request.tool}",
        EDITED,
        key=workplace.mark_keys[0],
        source=workplace.key_source,
        purpose=request.purpose,
        label=chosen(workplace, request.label),
        provider=workplace.settings.provider,
    )
    mime = DEFAULT_MIME if redrawn.container else None
    release = mark_opened(opened, redrawn.pixels, order, checker=workplace.checker, mime=mime)
    return redrawn, _packed(release, redrawn)


def _packed(release: "Release", redrawn: "Redrawn") -> "Release":
    """`release` inside the container that the tool's answer comes in, if any."""
    if redrawn.container is None:
        return release
    data = redrawn.container.pack(release.data)
    return replace(release, data=data, record=replace(release.record, sha256=sha256_hex(data)))
