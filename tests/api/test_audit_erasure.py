"""Erasure: the answer goes, its preview too where nobody else's is the same, and the entry knows nobody any more."""

from collections.abc import Callable

from api import products
from api.audit import verify_database
from api.audit_erasure import erase
from api.auth import Actor
from api.outcomes import Draft, complete
from api.settings import Settings
from api.workplace import Workplace
from detector.types import Pixels

LOCAL = Actor.local()


async def test_a_verification_is_erased_by_its_name(
    any_settings: Settings, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]
) -> None:
    async with await Workplace.open(any_settings.model_copy(update={"blob_url": "memory:///"})) as workplace:
        data = encode(make_photo())
        mine = await products.verify(workplace, LOCAL, data, name="mine.png")
        other = await products.verify(workplace, LOCAL, data, name="other.png")
        assert await erase(workplace, about=[("name", "mine.png")]) == (mine.entry.index,)
        async with workplace.database.read() as session:
            assert not await workplace.audit.recognises(session, mine.entry.index, "name", "mine.png")
            assert await workplace.audit.recognises(session, other.entry.index, "name", "other.png")
            last = (await workplace.audit.page(session))[-1]
        assert (last.kind, last.content["entries"]) == ("audit.forgotten", [mine.entry.index])
        assert await _left(workplace) == [other.id]
        assert await erase(workplace, about=[("name", "mine.png")]) == ()
    assert (await verify_database(any_settings)).ok


async def _left(workplace: Workplace) -> list[str]:
    from api.repositories import InspectionRepository

    async with workplace.database.read() as session:
        return [one.id for one in await InspectionRepository(session).latest(tenant="default", product="verification")]


async def test_a_preview_goes_with_the_last_answer_about_its_picture(any_settings: Settings) -> None:
    async with await Workplace.open(any_settings.model_copy(update={"blob_url": "memory:///"})) as workplace:
        blob = await workplace.blobs.put(b"preview")
        draft = Draft("inspection", "a.png", "0" * 64, {"verdict": {}}, {"blob": blob, "width": 1, "height": 1})
        one, two = [await complete(workplace, LOCAL, draft) for _ in range(2)]
        await erase(workplace, entries=[one.entry.index])
        assert await workplace.blobs.exists(blob)
        await erase(workplace, entries=[two.entry.index])
        assert not await workplace.blobs.exists(blob)
