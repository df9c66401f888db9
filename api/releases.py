"""How a marked file leaves, whoever made it: registered, logged and stored in one transaction, and only then given."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from api.auth import Actor
from api.clock import timestamp
from api.entries import Entry
from api.errors import NotFound
from api.outcomes import PREFIXES, append, new_id
from api.receipts import Receipt
from api.release_looks import packed
from api.repositories import GenerationRepository, ReleaseRepository, StoredGeneration, StoredRecord
from api.retention import retention_of
from api.workplace import Workplace
from detector.types import ReleaseRecord

if TYPE_CHECKING:
    from generator.release import Release


SUFFIXES: Final[Mapping[str, str]] = {"image/jpeg": "jpg", "model/gltf-binary": "glb"}
"""File names' endings that are not the second half of the media type."""


@dataclass(frozen=True, slots=True)
class Released:
    """A file that may leave: `document` is the JSON object of the output contract with a null `path`."""

    id: str
    data: bytes
    record: ReleaseRecord
    document: Mapping[str, Any]
    receipt: Receipt
    entry: Entry


async def register(
    workplace: Workplace,
    actor: Actor,
    product: str,
    release: "Release",
    document: Mapping[str, Any],
    *,
    mime: str,
    personal: Mapping[str, str],
) -> Released:
    """Puts `release` on record; `document` lacks `id`, `created_at` and `receipt`."""
    answer_id, created_at = new_id(product), timestamp()
    answer = {**document, "id": answer_id, "created_at": created_at}
    del answer["receipt"]
    kept = not (await retention_of(workplace, actor.tenant)).zero
    blob = await workplace.blobs.put(release.data) if kept else None
    async with workplace.database.write() as session:
        entry = await append(workplace, session, actor, product, answer, personal=personal)
        stored = {"answer": answer, "mime": mime, "record": asdict(release.record)}
        await GenerationRepository(session).add(
            StoredGeneration(answer_id, actor.tenant, created_at, stored, entry.index, blob)
        )
        await ReleaseRepository(session).add(
            StoredRecord(
                release.record,
                actor.tenant,
                release.manifest,
                entry.index,
                answer_id,
                release.manifest_id,
                stamped=release.stamped,
                looks=packed(release.looks),
            )
        )
        receipt = await workplace.audit.receipt(session, entry.index)
    if not kept:
        workplace.passing.put(answer_id, release.data)
    document = {**answer, "receipt": receipt.as_dict()}
    return Released(answer_id, release.data, release.record, document, receipt, entry)


async def find_release(workplace: Workplace, actor: Actor, answer_id: str, *, product: str) -> StoredGeneration:
    """Raises `NotFound` unless the actor's tenant has a release of this id, made by `product`."""
    async with workplace.database.read() as session:
        found = await GenerationRepository(session).get(answer_id, tenant=actor.tenant)
    if found is None or not answer_id.startswith(f"{PREFIXES[product]}_"):
        raise NotFound(f"There is no {product} of this id.")
    return found


async def release_document(workplace: Workplace, stored: StoredGeneration) -> dict[str, Any]:
    """The answer with a receipt for the log as it is now, which has the entry in it."""
    async with workplace.database.read() as session:
        return {**stored.answer["answer"], "receipt": await workplace.audit.handed_on(session, stored.entry)}


async def released_file(workplace: Workplace, stored: StoredRecord) -> tuple[bytes, str]:
    """The file of a registry's record byte for byte, and its type. Raises `NotFound` if it was not kept."""
    async with workplace.database.read() as session:
        found = await GenerationRepository(session).get(stored.generation_id or "", tenant=stored.tenant)
    if found is None:
        raise NotFound("There is no such release.")
    data, mime, _ = await release_file(workplace, found)
    return data, mime


async def release_file(workplace: Workplace, stored: StoredGeneration) -> tuple[bytes, str, str]:
    """The released file byte for byte, its type and a name for it. Raises `NotFound` if it is no longer kept."""
    mime = stored.answer.get("mime", "image/png")
    suffix = suffix_of(mime)
    name = f"shingan-{stored.answer['answer']['record_id']}.{suffix}"
    if stored.blob is not None:
        return await workplace.blobs.get(stored.blob), mime, name
    data = workplace.passing.get(stored.id)
    if data is None:
        raise NotFound("This file is no longer kept.")
    return data, mime, name


def suffix_of(mime: str) -> str:
    """How names of released files of type `mime` end."""
    return SUFFIXES.get(mime, mime.partition("/")[2])
