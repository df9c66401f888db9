"""A tenant's own lists of known pictures: brought in and taken away on record, used for that tenant's checks alone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.auth import Actor
from api.clock import timestamp
from api.decisions import permit
from api.errors import InvalidRequest, NotFound
from api.outcomes import digest, on_record
from api.policy import PolicyAction, PolicyContext, PolicyRequest
from api.repositories import KnownMediaRepository, StoredList
from api.workplace import Workplace
from detector.errors import ProvenanceError
from detector.provenance.known_media import NAME, KnownMediaList

PRODUCT: Final = "known_media"
MAX_LISTS: Final = 64
"""Of a tenant: every one of them is searched for every picture."""


async def bring_in(
    workplace: Workplace, actor: Actor, data: bytes, *, name: str, purpose: str = ""
) -> Mapping[str, Any]:
    """Compares the tenant's pictures with the CSV `data` from now on; an earlier list of this name is replaced.

    Raises `PolicyDenied`, or `InvalidRequest` if that is no list or no name, or the tenant has too many.
    """
    await _permit(workplace, actor, purpose)
    async with on_record(workplace, actor, PRODUCT, name=name):
        known = await workplace.run(lambda: _parse(data, name))
        await _require_room(workplace, actor, name)
    now = timestamp()
    document = {"list": name, "entries": len(known), "sha256": known.sha256, "created_at": now}
    async with workplace.database.write() as session:
        body = _facts(actor, document) | {"report_sha256": digest(document)}
        entry = await workplace.audit.append(session, f"{PRODUCT}.imported", body)
        stored = StoredList(actor.tenant, name, known.sha256, len(known), now, entry.index)
        await KnownMediaRepository(session).put(stored, data)
        receipt = await workplace.audit.receipt(session, entry.index)
    return {**document, "receipt": receipt.as_dict()}


async def remove(workplace: Workplace, actor: Actor, name: str) -> Mapping[str, Any]:
    """Compares with the tenant's list of this name no more. Raises `PolicyDenied` or `NotFound`."""
    await _permit(workplace, actor, "")
    found = next((item for item in await lists(workplace, actor) if item.name == name), None)
    if found is None:
        raise _missing()
    document = described(found)
    async with workplace.database.write() as session:
        if not await KnownMediaRepository(session).remove(name, tenant=actor.tenant):
            raise _missing()
        body = _facts(actor, document) | {"report_sha256": digest(document)}
        entry = await workplace.audit.append(session, f"{PRODUCT}.removed", body)
        receipt = await workplace.audit.receipt(session, entry.index)
    return {**document, "receipt": receipt.as_dict()}


async def lists(workplace: Workplace, actor: Actor) -> Sequence[StoredList]:
    """The tenant's own, by name."""
    async with workplace.database.read() as session:
        return await KnownMediaRepository(session).of_tenant(actor.tenant)


async def content(workplace: Workplace, actor: Actor, name: str) -> bytes:
    """The CSV of the tenant's list of this name, as it was brought in. Raises `NotFound`."""
    async with workplace.database.read() as session:
        found = await KnownMediaRepository(session).content(name, tenant=actor.tenant)
    if found is None:
        raise _missing()
    return found


def described(stored: StoredList) -> dict[str, Any]:
    """A list as it is answered."""
    facts = {"list": stored.name, "entries": stored.entries, "sha256": stored.sha256}
    return facts | {"created_at": stored.created_at}


async def _permit(workplace: Workplace, actor: Actor, purpose: str) -> None:
    context = PolicyContext(jurisdiction=workplace.settings.jurisdiction)
    await permit(workplace, PolicyRequest(actor, PolicyAction.MANAGE_KNOWN_MEDIA, purpose, context))


def _parse(data: bytes, name: str) -> KnownMediaList:
    if not NAME.fullmatch(name):
        raise InvalidRequest("A list's name has letters, digits, blanks, dots and dashes, 64 at most.")
    try:
        return KnownMediaList.parse(data, name=name)
    except ProvenanceError as error:
        raise InvalidRequest(str(error)) from error


async def _require_room(workplace: Workplace, actor: Actor, name: str) -> None:
    names = {item.name for item in await lists(workplace, actor)}
    if len(names | {name}) > MAX_LISTS:
        raise InvalidRequest(f"A tenant keeps at most {MAX_LISTS} lists.")


def _facts(actor: Actor, document: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: document[name] for name in ("list", "entries", "sha256")}
    return {"actor": actor.id, "tenant": actor.tenant} | facts


def _missing() -> NotFound:
    return NotFound("This tenant has no list of this name.")
