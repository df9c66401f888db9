"""Generating, as it is used over HTTP and on the command line alike.

1 screen the prompt, count the quota, decide, and audit the decision  2 draw, mark, sign and read back, in a thread
3 register the release, audit it and store the answer, in one transaction  4 only then hand out the file.
"""

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from api.auth import Actor
from api.contract import generate_object
from api.labels import AUTO, chosen, label_for, satisfies
from api.outcomes import on_record
from api.policy import PolicyAction, PolicyContext, PolicyRequest
from api.quotas import permitted
from api.releases import Released, register
from api.screening import requested_age, screen
from api.workplace import Workplace
from detector.importing import ONE_IMPORT
from generator.prompt import FaceRequest, parse

if TYPE_CHECKING:
    from generator.release import Release
    from generator.synthesizer import Synthesis

GENERATION = "generation"
SEEDS = 2**32
MIME = "image/png"


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """A wish; without `seed` one is drawn. `consent`: the caller attests that a person who is named agreed;
    `consent_reference` says where that is on file, or names a record of `api.consents`.

    `backend` is a name in `generator.synthesizer.BACKENDS`.
    """

    prompt: str
    purpose: str = ""
    seed: int | None = None
    best_effort: bool = False
    consent: bool = False
    label: str = AUTO
    backend: str = "embedded"
    consent_reference: str = ""


async def generate(workplace: Workplace, actor: Actor, request: GenerateRequest) -> Released:
    """One face, marked, signed, checked, registered and logged.

    Raises `PolicyDenied`, or a `GeneratorError`; then nothing leaves.
    """
    request = replace(request, label=await label_for(workplace, actor, request.label))
    asked = await _request(workplace, actor, request)
    personal = {"prompt": request.prompt, "consent": request.consent_reference}
    async with permitted(workplace, asked, personal=personal):  # 1
        return await _generate(workplace, actor, request)


async def _generate(workplace: Workplace, actor: Actor, request: GenerateRequest) -> Released:
    seed = secrets.randbelow(SEEDS) if request.seed is None else request.seed
    async with on_record(workplace, actor, GENERATION, name=request.prompt):
        wish = parse(request.prompt, best_effort=request.best_effort)
        synthesis, release = await workplace.run(lambda: _make(workplace, wish, request, seed))  # 2
    document = generate_object(
        path=None,
        prompt=request.prompt,
        seed=synthesis.seed,
        record_id=release.record.record_id,
        attributes=told_attributes(wish, synthesis),
        backend=release.record.backend,
        label=str(chosen(workplace, request.label)),
        timestamped=release.stamped,
    )
    personal = {"prompt": request.prompt, "sha256": release.record.sha256}
    return await register(workplace, actor, GENERATION, release, document, mime=MIME, personal=personal)  # 3, 4


async def _request(workplace: Workplace, actor: Actor, request: GenerateRequest) -> PolicyRequest:
    """What the policy is asked; the prompt's own reader and the screening list both have a say."""
    read = parse(request.prompt, best_effort=True)
    ages = [age for age in (read.requested_age, requested_age(request.prompt)) if age is not None]
    context = PolicyContext(
        consent=request.consent,
        screened=screen(request.prompt) | frozenset(read.screened),
        consent_reference=request.consent_reference,
        jurisdiction=workplace.settings.jurisdiction,
        visible_label=await satisfies(workplace, actor, request.label),
        requested_age=min(ages, default=None),
    )
    return PolicyRequest(actor, PolicyAction.GENERATE, request.purpose, context)


def _make(
    workplace: Workplace, wish: FaceRequest, request: GenerateRequest, seed: int
) -> tuple["Synthesis", "Release"]:
    from generator.label import labelled  # these keep the signing library out of commands that sign nothing
    from generator.release import release

    synthesis = _draw(workplace, wish, request.backend, seed)
    label = chosen(workplace, request.label)
    synthesis = replace(synthesis, pixels=labelled(synthesis.pixels, label, edited=synthesis.edited))
    # The prompt stays out of the manifest: that is for anybody to read, and a prompt may speak of somebody.
    released = release(
        synthesis,
        key=workplace.mark_keys[0],
        source=workplace.key_source,
        checker=workplace.checker,
        purpose=request.purpose,
        provider=workplace.settings.provider,
    )
    return synthesis, released


def _draw(workplace: Workplace, wish: FaceRequest, backend: str, seed: int) -> "Synthesis":
    with ONE_IMPORT:
        from generator.backends.adults import draw_adult
    return draw_adult(workplace.synthesizer(backend), wish, seed=seed, finders=workplace.portrait_finders)


def told_attributes(wish: FaceRequest, synthesis: "Synthesis") -> dict[str, Any]:
    """What was asked of a face and what became of it, for the answer (`contract.generate_object`)."""
    missing = [name for name in wish.attributes if name not in synthesis.attributes]
    return {
        "asked": dict(wish.attributes),
        "honoured": dict(synthesis.attributes),
        "edited": synthesis.edited,
        "retouched": list(synthesis.retouched),
        "left_out": [*wish.unsupported, *missing],
    }
