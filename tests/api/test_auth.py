"""API keys on both databases: recognised while they live, kept nowhere in the clear."""

import stat
from datetime import timedelta

import pytest
from sqlalchemy import text

from api.auth import TOUCH_AFTER, Actor, ApiKeys, Scope
from api.clock import timestamp, utc_now
from api.db import Database
from api.errors import InvalidRequest, NotFound, Unauthenticated
from api.policy import PolicyAction
from api.repositories import KeyRepository
from api.settings import Settings
from api.tenant_repository import ensure_tenant


@pytest.fixture
def keys(any_settings: Settings) -> ApiKeys:
    return ApiKeys.open(any_settings)


async def issue(database: Database, keys: ApiKeys, **options: object) -> str:
    await ensure_tenant(database, str(options.get("tenant", "default")))
    async with database.write() as session:
        chosen = {"name": "test", "scopes": ["inspect"], **options}
        return (await keys.issue(session, **chosen)).token  # type: ignore[arg-type]


async def test_a_key_stands_for_its_actor(any_database: Database, keys: ApiKeys) -> None:
    token = await issue(any_database, keys, scopes=["inspect", "generate"], tenant="acme")
    actor = await keys.authenticate(any_database, token)
    assert (actor.tenant, sorted(actor.scopes)) == ("acme", ["generate", "inspect"])
    assert actor.id.startswith("key_")


async def test_a_token_is_long_and_kept_nowhere(any_database: Database, keys: ApiKeys) -> None:
    token = await issue(any_database, keys)
    assert token.startswith("sgn_")
    assert len(token) == len("sgn_") + 52  # 256 bits in base 32
    async with any_database.read() as session:
        (stored,) = await KeyRepository(session).of_tenant("default")
        row = (await session.execute(text("SELECT * FROM api_keys"))).one()
    assert token.startswith(stored.prefix)
    assert token not in repr(row)
    assert token[12:].encode() not in stored.digest


async def test_a_stranger_is_not_recognised(any_database: Database, keys: ApiKeys) -> None:
    token = await issue(any_database, keys)
    for wrong in ("", "sgn_", token[:-1], token + "a", token.upper(), "ü"):
        with pytest.raises(Unauthenticated):
            await keys.authenticate(any_database, wrong)
    with pytest.raises(Unauthenticated):
        await ApiKeys(b"another pepper").authenticate(any_database, token)


async def test_a_key_ends_when_it_expires(any_database: Database, keys: ApiKeys) -> None:
    live = await issue(any_database, keys, expires_at=utc_now() + timedelta(hours=1))
    dead = await issue(any_database, keys, expires_at=utc_now() - timedelta(seconds=1))
    await keys.authenticate(any_database, live)
    with pytest.raises(Unauthenticated):
        await keys.authenticate(any_database, dead)


async def test_a_key_ends_when_its_tenant_revokes_it(any_database: Database, keys: ApiKeys) -> None:
    token = await issue(any_database, keys)
    key_id = (await keys.authenticate(any_database, token)).id
    async with any_database.write() as session:
        with pytest.raises(NotFound):
            await keys.revoke(session, key_id, tenant="other")
        await keys.revoke(session, key_id, tenant="default")
        with pytest.raises(NotFound):
            await keys.revoke(session, key_id, tenant="default")
    with pytest.raises(Unauthenticated):
        await keys.authenticate(any_database, token)


async def test_the_last_use_is_noted_now_and_then(any_database: Database, keys: ApiKeys) -> None:
    token = await issue(any_database, keys)
    key_id = (await keys.authenticate(any_database, token)).id
    first = await last_use(any_database)
    assert first is not None
    await keys.authenticate(any_database, token)
    assert await last_use(any_database) == first
    long_ago = timestamp(utc_now() - TOUCH_AFTER - timedelta(seconds=1))
    async with any_database.write() as session:
        await KeyRepository(session).touch(key_id, long_ago)
    await keys.authenticate(any_database, token)
    assert str(await last_use(any_database)) > long_ago


async def last_use(database: Database) -> str | None:
    async with database.read() as session:
        (key,) = await KeyRepository(session).of_tenant("default")
    return key.last_used_at


@pytest.mark.parametrize("scopes", [[], ["everything"], ["inspect", "root"]])
async def test_a_key_needs_scopes_that_exist(any_database: Database, keys: ApiKeys, scopes: list[str]) -> None:
    with pytest.raises(InvalidRequest):
        await issue(any_database, keys, scopes=scopes)


def test_the_pepper_is_made_once_and_is_secret() -> None:
    settings = Settings()
    ApiKeys.open(settings)
    pepper = settings.keys / "pepper.key"
    first = pepper.read_bytes()
    ApiKeys.open(settings)
    assert pepper.read_bytes() == first
    assert len(first) == 32
    assert stat.S_IMODE(pepper.stat().st_mode) == 0o600


def test_scopes_and_actions_have_the_same_names() -> None:
    assert {scope.value for scope in Scope} == {action.value for action in PolicyAction}
    assert Actor.local().scopes == set(Scope)
    assert Actor.anonymous().scopes == {"verify"}
