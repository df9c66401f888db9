"""What another process changes in the database holds for the next request, also for a file that was seen before."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from api import policy_bundles, tenants
from api.auth import Actor, ApiKeys
from api.settings import Settings
from api.tenants import Terms
from api.workplace import Workplace

Issue = Callable[..., Awaitable[dict[str, str]]]
Headers = dict[str, str]
Ask = Callable[[], Awaitable[httpx.Response]]
OPERATOR, ACME = Actor.local(), Actor.local("acme")
ALL = '@id("all") @reason("Yes.") permit (principal, action, resource);'
CLOSED = '@id("closed") @reason("Closed today.") forbid (principal, action == Action::"verify", resource);'
TEST = '[[case]]\nname = "closed"\naction = "verify"\nallowed = false\npolicies = ["closed"]\n'
BUNDLE = {"rules.cedar": f"{ALL}\n{CLOSED}", "tests/all.toml": TEST}


@pytest.fixture
def settings(any_settings: Settings) -> Settings:
    """Of an instance on SQLite, and of one on PostgreSQL."""
    return any_settings.model_copy(update={"blob_url": "memory:///"})


@pytest.fixture
async def other(settings: Settings, client: httpx.AsyncClient) -> AsyncIterator[Workplace]:
    """The instance as another process has it open, with connections of its own."""
    async with await Workplace.open(settings) as opened:
        yield opened


@pytest.fixture
async def key(issue: Issue) -> Headers:
    return await issue("verify", "generate", tenant="acme")


@pytest.fixture
async def ask(
    client: httpx.AsyncClient, key: Headers, make_photo: Callable[..., Any], encode: Callable[..., bytes]
) -> Ask:
    """`await ask()`: verifies a picture that this tenant has had verified before."""
    photo = {"file": ("photo.png", encode(make_photo()))}

    async def asked() -> httpx.Response:
        return await client.post("/v1/verifications", files=photo, headers=key)

    for _ in range(2):
        assert (await asked()).status_code == 201
    return asked


async def decided(place: Workplace) -> dict[str, Any]:
    """The newest decision in the log."""
    async with place.database.read() as session:
        page = await place.audit.page(session, limit=1000)
    found: dict[str, Any] = json.loads([entry.body for entry in page if entry.kind == "policy.decided"][-1])
    return found


async def test_a_revoked_key_is_refused(ask: Ask, key: Headers, other: Workplace) -> None:
    keys, token = ApiKeys.open(other.settings), key["authorization"].removeprefix("Bearer ")
    holder = await keys.authenticate(other.database, token)
    async with other.database.write() as session:
        await keys.revoke(session, holder.id, tenant="acme")
    assert ((await ask()).status_code, (await ask()).json()["code"]) == (401, "unauthenticated")


async def test_a_suspended_tenant_is_refused_until_it_is_let_in_again(ask: Ask, other: Workplace) -> None:
    await tenants.suspend(other, OPERATOR, "acme")
    refused = await ask()
    assert (refused.status_code, refused.json()["code"]) == (403, "tenant_suspended")
    await tenants.resume(other, OPERATOR, "acme")
    assert (await ask()).status_code == 201


async def test_a_new_version_of_the_policy_decides_until_it_is_taken_back(ask: Ask, other: Workplace) -> None:
    stored = await policy_bundles.bring_in(other, ACME, BUNDLE)
    await policy_bundles.activate(other, ACME, stored.version)
    refused = await ask()
    assert (refused.status_code, refused.json()["policy_ids"]) == (403, ["closed"])
    denial = await decided(other)
    assert (denial["allowed"], denial["tenant_bundle_hash"]) == (False, stored.bundle_hash)
    await policy_bundles.activate(other, ACME, 0)
    assert (await ask()).status_code == 201
    assert (await decided(other))["tenant_bundle_hash"] is None


async def test_a_changed_jurisdiction_is_what_the_policy_is_told(ask: Ask, other: Workplace) -> None:
    for place in ("china", "eu"):
        await tenants.change(other, OPERATOR, "acme", Terms(jurisdiction=place))
        assert (await ask()).status_code == 201
        decision = await decided(other)
        assert (decision["action"], decision["jurisdiction"]) == ("verify", place)


async def test_a_changed_rate_counts(ask: Ask, other: Workplace) -> None:
    await tenants.change(other, OPERATOR, "acme", Terms(rate=1))
    answers = [await ask(), await ask()]
    assert [answer.status_code for answer in answers] == [201, 429]  # a changed rate begins a window of its own
    assert '"tenant";q=1' in answers[0].headers["ratelimit-policy"]
    await tenants.change(other, OPERATOR, "acme", Terms(rate=100))
    assert (await ask()).status_code == 201


async def test_a_changed_quota_counts(client: httpx.AsyncClient, key: Headers, other: Workplace) -> None:
    await tenants.change(other, OPERATOR, "acme", Terms(daily_generations=0))
    body = {"prompt": "a smiling woman", "purpose": "research"}
    refused = await client.post("/v1/generations", json=body, headers=key)
    assert (refused.status_code, refused.json()["violated-policies"]) == (429, ["daily"])
