"""A tenant's own jurisdiction decides which label its releases get, and which one is enough."""

import pytest

from api.auth import Actor
from api.labels import AUTO, label_for, satisfies
from api.settings import Settings
from api.tenant_repository import StoredTenant, TenantRepository
from api.terms import daily_of, jurisdiction_of
from api.workplace import Workplace


@pytest.mark.parametrize(
    ("instance", "own", "label", "enough"),
    [
        ("eu", None, "none", {"eu", "china"}),
        ("eu", "china", "china", {"china"}),
        ("china", None, "china", {"china"}),
        ("china", "eu", "none", {"eu", "china"}),
        ("none", "california", "none", {"eu", "china"}),
    ],
)
async def test_the_label_follows_the_tenant(
    any_settings: Settings, instance: str, own: str | None, label: str, enough: set[str]
) -> None:
    settings = any_settings.model_copy(update={"jurisdiction": instance})
    async with await Workplace.open(settings) as place:
        async with place.database.write() as session:
            await TenantRepository(session).add(StoredTenant("acme", "", jurisdiction=own))
        actor = Actor.local("acme")
        assert await label_for(place, actor, AUTO) == label
        assert {each for each in ("none", "eu", "china") if await satisfies(place, actor, each)} == enough
        assert await satisfies(place, actor, AUTO) == (label in enough)
        assert await jurisdiction_of(place, actor) == (own or instance)


async def test_terms_that_a_tenant_lacks_are_the_instances(any_settings: Settings) -> None:
    settings = any_settings.model_copy(update={"daily_generations": 3})
    async with await Workplace.open(settings) as place, place.database.write() as session:
        await TenantRepository(session).add(StoredTenant("acme", "", daily_generations=0))
        found = [await daily_of(place, session, name) for name in ("acme", "default", "nobody")]
    assert found == [0, 3, 3]
