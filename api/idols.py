"""Idols: made-up faces that speak, as they are used over HTTP and on the command line alike.

1 screen the prompt and what is to be said, count the quota, decide, and audit the decision  2 read the voice, in the
sandbox; draw, animate, mark, sign and read back, in a thread  3 register the release, audit it and store the answer, in
one transaction  4 only then hand out the file.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from api.auth import Actor
from api.contract import idol_object
from api.labels import AUTO, chosen, label_for, satisfies
from api.making import told_attributes
from api.outcomes import on_record
from api.policy import PolicyAction, PolicyContext, PolicyRequest
from api.quotas import permitted
from api.releases import Released, register
from api.screening import requested_age, screen
from api.workplace import Workplace
from detector.importing import ONE_IMPORT
from detector.media import sha256_hex, sniff
from generator.errors import UnsupportedAttribute
from generator.prompt import FaceRequest, parse

if TYPE_CHECKING:
    from generator.portrait.idol import Performance
    from generator.release import Release
    from generator.synthesizer import Synthesis

IDOL: Final = "idol"
SOFTWARE: Final = "shingan idol"
SEEDS: Final = 2**32


@dataclass(frozen=True, slots=True)
class IdolRequest:
    """A wish: a face (`prompt`, empty for any adult), and what it does.

    `say` is a text, `wav` the bytes of a recording; with neither it does not speak. `still` asks for the picture alone.
    Without `seed` one is drawn. `consent`: the caller attests that a person who is named agreed;
    `consent_reference` says where that is on file, or names a record of `api.consents`.
    """

    prompt: str = ""
    say: str = ""
    wav: bytes = b""
    seconds: float | None = None
    seed: int | None = None
    purpose: str = ""
    label: str = AUTO
    still: bool = False
    consent: bool = False
    consent_reference: str = ""


async def perform(workplace: Workplace, actor: Actor, request: IdolRequest) -> Released:
    """One idol, marked, signed, checked, registered and logged.

    Raises `PolicyDenied`, a `DetectorError` or a `GeneratorError`; then nothing leaves.
    """
    request = replace(request, label=await label_for(workplace, actor, request.label))
    asked = await _request(workplace, actor, request)
    personal = {"prompt": request.prompt, "say": request.say, "consent": request.consent_reference}
    async with permitted(workplace, asked, personal=personal):  # 1
        return await _perform(workplace, actor, request)


async def _perform(workplace: Workplace, actor: Actor, request: IdolRequest) -> Released:
    seed = secrets.randbelow(SEEDS) if request.seed is None else request.seed
    async with on_record(workplace, actor, IDOL, name=request.prompt):
        wish = parse(request.prompt)
        if "glasses" in wish.attributes and not request.still:
            raise UnsupportedAttribute(("glasses in a clip",))  # they would blink with the lids
        made = await workplace.run(lambda: _make(workplace, wish, request, seed))  # 2
    mime = sniff(made.release.data)[1]
    document = idol_object(
        path=None,
        prompt=request.prompt,
        say=request.say,
        seed=made.synthesis.seed,
        input_sha256=_input_digest(request),
        record_id=made.release.record.record_id,
        sha256=made.release.record.sha256,
        mime=mime,
        attributes=told_attributes(wish, made.synthesis),
        speech=made.told,
        label=str(chosen(workplace, request.label)),
        timestamped=made.release.stamped,
    )
    personal = {"prompt": request.prompt, "say": request.say, "sha256": made.release.record.sha256}
    return await register(workplace, actor, IDOL, made.release, document, mime=mime, personal=personal)  # 3, 4


@dataclass(frozen=True, slots=True)
class _Made:
    synthesis: "Synthesis"
    release: "Release"
    told: Mapping[str, Any]


async def _request(workplace: Workplace, actor: Actor, request: IdolRequest) -> PolicyRequest:
    """What the policy is asked; what is said counts like what is drawn."""
    read = parse(request.prompt, best_effort=True)
    ages = (read.requested_age, requested_age(request.prompt), requested_age(request.say))
    context = PolicyContext(
        consent=request.consent,
        screened=screen(request.prompt) | screen(request.say) | frozenset(read.screened),
        consent_reference=request.consent_reference,
        jurisdiction=workplace.settings.jurisdiction,
        visible_label=await satisfies(workplace, actor, request.label),
        requested_age=min((age for age in ages if age is not None), default=None),
    )
    return PolicyRequest(actor, PolicyAction.GENERATE, request.purpose, context)


def _make(workplace: Workplace, wish: FaceRequest, request: IdolRequest, seed: int) -> _Made:
    with ONE_IMPORT:  # here, to keep the networks out of what draws nothing
        from generator.backends.adults import draw_adult
        from generator.portrait.idol import act, studio
    finders = workplace.portrait_finders
    synthesis = draw_adult(workplace.synthesizer("embedded"), studio(wish), seed=seed, finders=finders)
    performance = None if request.still else _rehearse(workplace, request, synthesis.seed)
    if performance is None:
        return _Made(synthesis, _still(workplace, request, synthesis), {})
    return _Made(synthesis, _clip(workplace, request, act(synthesis, performance)), performance.told)


def _rehearse(workplace: Workplace, request: IdolRequest, seed: int) -> "Performance":
    with ONE_IMPORT:
        from generator.portrait.idol import Script, rehearse
        from generator.portrait.sound import read_wav
    voice = read_wav(request.wav, workplace.sandbox) if request.wav else None
    return rehearse(Script(request.say, voice, request.seconds), seed=seed)


def _still(workplace: Workplace, request: IdolRequest, synthesis: "Synthesis") -> "Release":
    from generator.label import labelled
    from generator.release import release

    pixels = labelled(synthesis.pixels, chosen(workplace, request.label), edited=synthesis.edited)
    return release(
        replace(synthesis, pixels=pixels),
        key=workplace.mark_keys[0],
        source=workplace.key_source,
        checker=workplace.checker,
        purpose=request.purpose,
        provider=workplace.settings.provider,
    )


def _clip(workplace: Workplace, request: IdolRequest, clip: bytes) -> "Release":
    from generator.claim import GENERATED
    from generator.clips import mark_clip
    from generator.elsewhere import Order

    order = Order(
        SOFTWARE,
        GENERATED,
        key=workplace.mark_keys[0],
        source=workplace.key_source,
        purpose=request.purpose,
        label=chosen(workplace, request.label),
        provider=workplace.settings.provider,
    )
    return mark_clip(clip, order, checker=workplace.checker, transcoder=workplace.transcoder)


def _input_digest(request: IdolRequest) -> str | None:
    return sha256_hex(request.wav) if request.wav else None
