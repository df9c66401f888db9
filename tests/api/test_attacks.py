"""Every attack that was thought of ends in a denial, and every denial is in the log: one table.

All of it runs on SQLite; what the database has a part in, on PostgreSQL as well.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text

from api import consents, policy_bundles, tenants
from api.audit import verify_database
from api.auth import Actor
from api.clock import timestamp
from api.decisions import permit
from api.errors import ApiError, BundleRefused, DailyQuotaExceeded, InvalidRequest, PolicyDenied
from api.making import GenerateRequest, generate
from api.policy import FAULTY, NO_RULE, PolicyContext, PolicyRequest
from api.quotas import permitted
from api.settings import Settings
from api.workplace import Workplace

ACTOR = Actor.local()
SUBJECT = "file 7, drawer 3"
BUNDLE = {
    "rules.cedar": '@id("all") @reason("Yes.") permit (principal, action, resource);',
    "tests/all.toml": '[[case]]\nname = "all"\naction = "inspect"\nallowed = true\npolicies = ["all"]\n',
}


@dataclass(frozen=True, slots=True)
class Attack:
    """What is tried, the error that it ends in, and the kind and some facts of the last entry of the log."""

    name: str
    act: Callable[[Workplace], Awaitable[object]]
    error: type[ApiError] = PolicyDenied
    kind: str = "policy.decided"
    facts: Mapping[str, object] = field(default_factory=lambda: {"allowed": False})
    stored: bool = False
    """Whether rows of the database decide."""


def denied(*ids: str, **facts: object) -> Mapping[str, object]:
    return {"allowed": False, "policy_ids": list(ids), **facts}


def asks(action: str = "generate", purpose: str = "research", **rest: Any) -> Callable[[Workplace], Awaitable[object]]:  # noqa: ANN401
    """The policy is asked; `rest` are facts, or whose data it is."""
    resource = rest.pop("resource_tenant", None)
    request = PolicyRequest(ACTOR, action, purpose, PolicyContext(**rest), resource)
    return lambda place: permit(place, request)


def wants(prompt: str, *, purpose: str = "research", consent: bool = False) -> Callable[[Workplace], Awaitable[object]]:
    """A face is asked for."""
    return lambda place: generate(place, ACTOR, GenerateRequest(prompt, purpose=purpose, consent=consent))


def names_tenant(name: str) -> Callable[[Workplace], Awaitable[object]]:
    return lambda place: tenants.create(place, ACTOR, name, tenants.Terms())


def brings(**files: str) -> Callable[[Workplace], Awaitable[object]]:
    return lambda place: policy_bundles.bring_in(place, ACTOR, {**BUNDLE, **files})


async def given(place: Workplace, actor: Actor = ACTOR, *, purpose: str = "research") -> str:
    return (await consents.give(place, actor, subject=SUBJECT, purpose=purpose, days=7)).id


async def names_record(place: Workplace, reference: str) -> object:
    wish = GenerateRequest("Jane Doe", purpose="research", consent=True, consent_reference=reference)
    return await generate(place, ACTOR, wish)


async def with_expired_consent(place: Workplace) -> object:
    reference = await given(place)
    async with place.database.write() as session:
        await session.execute(text("UPDATE consents SET expires_at = :now"), {"now": timestamp()})
    return await names_record(place, reference)


async def with_revoked_consent(place: Workplace) -> object:
    reference = await given(place)
    await consents.revoke(place, ACTOR, reference)
    return await names_record(place, reference)


async def with_another_tenants_consent(place: Workplace) -> object:
    return await names_record(place, await given(place, Actor.local("other")))


async def with_consent_to_something_else(place: Workplace) -> object:
    return await names_record(place, await given(place, purpose="advertising"))


async def after_tampering_with_the_bundle(place: Workplace) -> object:
    stored = await policy_bundles.bring_in(place, ACTOR, BUNDLE)
    await policy_bundles.activate(place, ACTOR, stored.version)
    other = json.dumps({**BUNDLE, "more.cedar": BUNDLE["rules.cedar"].replace("all", "more")}).encode()
    async with place.database.write() as session:
        await session.execute(text("UPDATE policy_bundles SET files = :files"), {"files": other})
    return await permit(place, PolicyRequest(ACTOR, "inspect", "research"))


async def beyond_the_quota(place: Workplace) -> object:
    async def one() -> bool:
        try:
            async with permitted(place, PolicyRequest(ACTOR, "generate", "research")):
                await asyncio.sleep(0.001)
        except DailyQuotaExceeded:
            return False
        return True

    outcomes = await asyncio.gather(*(one() for _ in range(50)))
    assert sum(outcomes) == place.settings.daily_generations
    async with permitted(place, PolicyRequest(ACTOR, "generate", "research")) as decision:
        return decision


REFUSED_NAME: Mapping[str, object] = {"code": "invalid_request"}
LAPSED = denied("named_person", "consent_lapsed")
ATTACKS = [
    Attack("a fact is missing", asks(quota_left=None), facts=denied(reason=FAULTY)),
    Attack("another fact is missing", asks(consent=None), facts=denied(reason=FAULTY)),
    Attack("a fact is of another kind", asks(requested_age="ten"), facts=denied(reason=FAULTY)),
    Attack("a fact is beyond numbers", asks(quota_left=2**63), facts=denied(reason=FAULTY)),
    Attack("an action that there is not", asks("delete_everything"), facts=denied(reason=FAULTY)),
    Attack("an action in full width", asks("ｇｅｎｅｒａｔｅ"), facts=denied(reason=FAULTY)),
    Attack("an action with a Cyrillic letter", asks("gеnerate"), facts=denied(reason=FAULTY)),
    Attack("an action with an invisible letter", asks("generate\u200b"), facts=denied(reason=FAULTY)),
    Attack("an action that is no Unicode", asks("\ud800"), facts={"allowed": False, "action": "\\ud800"}),
    Attack("the group of actions", asks("make"), facts={"allowed": False}),
    Attack("no action", asks(""), facts={"allowed": False}),
    Attack("another tenant's data", asks("manage", resource_tenant="other"), facts=denied("other_tenant")),
    Attack("no purpose", wants("a woman", purpose=""), facts=denied("purpose_missing")),
    Attack("invisible purpose", wants("a woman", purpose="\u200b\u3164"), facts=denied("purpose_missing")),
    Attack("purpose, Cyrillic", wants("a woman", purpose="frаud"), facts=denied("purpose_refused", "disguised")),
    Attack("purpose, full width", wants("a woman", purpose="ＦＲＡＵＤ"), facts=denied("purpose_refused")),
    Attack(
        "purpose, zero width", wants("a woman", purpose="fr\u200baud"), facts=denied("purpose_refused", "disguised")
    ),
    Attack("purpose, NFKC", wants("a woman", purpose="𝖋𝖗𝖆𝖚𝖉"), facts=denied("purpose_refused")),
    Attack("purpose, no Unicode", wants("a woman", purpose="\ud800fraud"), facts=denied("purpose_refused")),
    Attack("prompt, Cyrillic", wants("a nudе woman"), facts=denied("sexual", "disguised")),
    Attack("prompt, full width", wants("a ｎｕｄｅ woman"), facts=denied("sexual")),
    Attack("prompt, zero width", wants("a n\u200bu\u200bd\u200be woman"), facts=denied("sexual", "disguised")),
    Attack("prompt, soft hyphen", wants("a school\u00adgirl"), facts=denied("minor", "disguised")),
    Attack("prompt, NFKC", wants("a 𝕟𝕦𝕕𝕖 woman"), facts=denied("sexual")),
    Attack("prompt, accents", wants("a ñüdé woman"), facts=denied("sexual")),
    Attack("prompt, gaps", wants("a n.u.d.e woman"), facts=denied("sexual")),
    Attack("prompt, turned around", wants("a \u202eedun\u202c woman"), facts=denied("disguised")),
    Attack("prompt, name with look-alikes", wants("Bаrаck Оbаmа"), facts=denied("named_person", "disguised")),
    Attack("prompt, age in full width", wants("a １５ year old"), facts=denied("minor")),
    Attack("prompt, a script that nobody needs", wants("a \U000e006e woman"), facts=denied("disguised")),
    Attack("expired consent", with_expired_consent, facts=LAPSED, stored=True),
    Attack("revoked consent", with_revoked_consent, facts=LAPSED, stored=True),
    Attack("another tenant's consent", with_another_tenants_consent, facts=LAPSED, stored=True),
    Attack("consent to something else", with_consent_to_something_else, facts=LAPSED, stored=True),
    Attack("made-up consent", lambda place: names_record(place, "cons_7"), facts=LAPSED, stored=True),
    Attack("no consent", wants("Jane Doe"), facts=denied("named_person")),
    Attack("quota race", beyond_the_quota, DailyQuotaExceeded, facts=denied("quota"), stored=True),
    Attack("tenant, Cyrillic", names_tenant("dеfault"), InvalidRequest, "tenant.refused", REFUSED_NAME),
    Attack("tenant, full width", names_tenant("ｄｅｆａｕｌｔ"), InvalidRequest, "tenant.refused", REFUSED_NAME),
    Attack("tenant, zero width", names_tenant("default\u200b"), InvalidRequest, "tenant.refused", REFUSED_NAME),
    Attack("tenant, NFKC", names_tenant("𝒹efault"), InvalidRequest, "tenant.refused", REFUSED_NAME),
    Attack("tenant, capitals", names_tenant("Default"), InvalidRequest, "tenant.refused", REFUSED_NAME),
    Attack("tenant, line end", names_tenant("default\n"), InvalidRequest, "tenant.refused", REFUSED_NAME),
    Attack("tenant, nothing", names_tenant(""), InvalidRequest, "tenant.refused", REFUSED_NAME),
    Attack("tenant, no Unicode", names_tenant("\ud800"), InvalidRequest, "tenant.refused", REFUSED_NAME),
    Attack("bundle, no policy", brings(**{"rules.cedar": "permit"}), BundleRefused, "policy.refused", {}),
    Attack("bundle, another file", brings(**{"../x.cedar": ""}), BundleRefused, "policy.refused", {}),
    Attack("bundle, tampered with", after_tampering_with_the_bundle, facts=denied(reason=FAULTY), stored=True),
]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Workplace]:
    async with await Workplace.open(settings.model_copy(update={"daily_generations": 5})) as place:
        await tenants.create(place, ACTOR, "other", tenants.Terms())
        yield place


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_it_ends_in_a_denial_that_is_on_record(attack: Attack) -> None:
    async with opened(Settings()) as place:
        await check(place, attack)


@pytest.mark.parametrize("attack", [each for each in ATTACKS if each.stored], ids=lambda attack: attack.name)
async def test_it_does_so_on_either_database(any_settings: Settings, attack: Attack) -> None:
    async with opened(any_settings) as place:
        await check(place, attack)


async def check(place: Workplace, attack: Attack) -> None:
    with pytest.raises(attack.error):
        await attack.act(place)
    async with place.database.read() as session:
        last = await place.audit.get(session, await place.audit.size(session) - 1)
    assert last.kind == attack.kind
    body = dict(last.content)
    assert {name: body.get(name) for name in attack.facts} == dict(attack.facts)
    assert (body["actor"], body["tenant"]) == (ACTOR.id, ACTOR.tenant)
    if attack.kind == "policy.decided":
        assert body["bundle_hash"] == place.policy.bundle_hash
    assert (await verify_database(place.settings)).ok


async def test_the_same_without_the_attack_is_allowed(any_settings: Settings) -> None:
    """So that the table does not pass because everything is denied."""
    async with opened(any_settings) as place:
        await check_what_is_allowed(place)


async def check_what_is_allowed(place: Workplace) -> None:
    reference = await given(place)
    context = PolicyContext(screened=frozenset({"named_person"}), consent_reference=reference)
    decision = await permit(place, PolicyRequest(ACTOR, "generate", "Research", context))
    assert (decision.allowed, decision.policy_ids, decision.reason == NO_RULE) == (True, ("scope_generate",), False)
    assert (await tenants.create(place, ACTOR, "acme", tenants.Terms())).id == "acme"
    assert (await policy_bundles.bring_in(place, ACTOR, BUNDLE)).version == 1
