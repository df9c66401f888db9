"""Generating, as it is used over HTTP and on the command line alike.

1 screen the prompt, count the quota, decide, and audit the decision  2 draw, mark, sign and read back, in a thread
3 register the release, audit it and store the answer, in one transaction  4 only then hand out the file.
"""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from api.auth import Actor
from api.clock import timestamp, utc_now
from api.contract import generate_object
from api.decisions import permit
from api.entries import Entry
from api.outcomes import append, new_id, on_record
from api.policy import PolicyAction, PolicyContext, PolicyRequest
from api.receipts import Receipt
from api.repositories import GenerationRepository, ReleaseRepository, StoredGeneration, StoredRecord
from api.screening import requested_age, screen
from api.workplace import Workplace
from detector.types import ReleaseRecord
from generator.prompt import FaceRequest, parse

if TYPE_CHECKING:
    from generator.release import Release
    from generator.synthesizer import Synthesis

GENERATION = "generation"
SEEDS = 2**32


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """A wish; without `seed` one is drawn. `consent`: the caller attests that a person who is named agreed."""

    prompt: str
    purpose: str = ""
    seed: int | None = None
    best_effort: bool = False
    consent: bool = False
    backend: str = "embedded"


@dataclass(frozen=True, slots=True)
class Generated:
    """A released face: `data` is the PNG, `document` the JSON object of the output contract with a null `path`."""

    id: str
    data: bytes
    record: ReleaseRecord
    document: Mapping[str, Any]
    receipt: Receipt
    entry: Entry


async def generate(workplace: Workplace, actor: Actor, request: GenerateRequest) -> Generated:
    """One face, marked, signed, checked, registered and logged.

    Raises `PolicyDenied`, or a `GeneratorError`; then nothing leaves.
    """
    await permit(workplace, await _request(workplace, actor, request), personal={"prompt": request.prompt})  # 1
    seed = secrets.randbelow(SEEDS) if request.seed is None else request.seed
    async with on_record(workplace, actor, GENERATION, name=request.prompt):
        wish = parse(request.prompt, best_effort=request.best_effort)
        synthesis, release = await workplace.run(lambda: _make(workplace, wish, request, seed))  # 2
    document = generate_object(
        path=None,
        prompt=request.prompt,
        seed=seed,
        record_id=release.record.record_id,
        attributes=_attributes(wish, synthesis),
        backend=release.record.backend,
    )
    return await _release(workplace, actor, release, document)  # 3, 4


async def _request(workplace: Workplace, actor: Actor, request: GenerateRequest) -> PolicyRequest:
    """What the policy is asked; the prompt's own reader and the screening list both have a say."""
    read = parse(request.prompt, best_effort=True)
    ages = [age for age in (read.requested_age, requested_age(request.prompt)) if age is not None]
    context = PolicyContext(
        consent=request.consent,
        screened=screen(request.prompt) | frozenset(read.screened),
        quota_left=await _quota_left(workplace, actor),
        jurisdiction=workplace.settings.jurisdiction,
        requested_age=min(ages, default=None),
    )
    return PolicyRequest(actor, PolicyAction.GENERATE, request.purpose, context)


async def _quota_left(workplace: Workplace, actor: Actor) -> int:
    midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    async with workplace.database.read() as session:
        used = await ReleaseRepository(session).count_since(timestamp(midnight), tenant=actor.tenant)
    return max(0, workplace.settings.daily_generations - used)


def _make(
    workplace: Workplace, wish: FaceRequest, request: GenerateRequest, seed: int
) -> tuple["Synthesis", "Release"]:
    from generator.release import release  # keeps the signing library out of commands that sign nothing

    synthesis = workplace.synthesizer(request.backend).synthesise(wish, seed=seed)
    # The prompt stays out of the manifest: that is for anybody to read, and a prompt may speak of somebody.
    released = release(
        synthesis,
        key=workplace.mark_keys[0],
        source=workplace.key_source,
        checker=workplace.checker,
        purpose=request.purpose,
    )
    return synthesis, released


def _attributes(wish: FaceRequest, synthesis: "Synthesis") -> dict[str, Any]:
    return {
        "asked": dict(wish.attributes),
        "honoured": dict(synthesis.attributes),
        "edited": synthesis.edited,
    }


async def _release(workplace: Workplace, actor: Actor, release: "Release", document: Mapping[str, Any]) -> Generated:
    answer_id, created_at = new_id(GENERATION), timestamp()
    answer = {**document, "id": answer_id, "created_at": created_at}
    del answer["receipt"]
    blob = await workplace.blobs.put(release.data)
    personal = {"prompt": document["prompt"], "sha256": release.record.sha256}
    async with workplace.database.write() as session:
        entry = await append(workplace, session, actor, GENERATION, answer, personal=personal)
        stored = {"answer": answer, "blob": blob, "record": asdict(release.record)}
        await GenerationRepository(session).add(
            StoredGeneration(answer_id, actor.tenant, created_at, stored, entry.index)
        )
        await ReleaseRepository(session).add(
            StoredRecord(release.record, actor.tenant, release.manifest, entry.index, answer_id)
        )
        receipt = await workplace.audit.receipt(session, entry.index)
    document = {**answer, "receipt": receipt.as_dict()}
    return Generated(answer_id, release.data, release.record, document, receipt, entry)
