"""Policies that change while the service runs: a sound bundle is taken, a faulty one is not, and both are on record."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api import policy_bundles, policy_store, tenants
from api.auth import Actor
from api.decisions import permit
from api.errors import BundleRefused, Conflict, NotFound, PolicyDenied
from api.policy import SHIPPED, PolicyRequest
from api.settings import Settings
from api.workplace import Workplace

ACTOR = Actor.local()
ALL = '@id("all") @reason("Yes.") permit (principal, action, resource);'
NO_ART = '@id("no_art") @reason("No art here.") forbid (principal, action, resource) when { context.purpose == "art" };'
TEST = '[[case]]\nname = "all"\naction = "inspect"\nallowed = true\npolicies = ["all"]\n'
NO_ART_TEST = '[[case]]\nname = "art"\naction = "inspect"\npurpose = "art"\nallowed = false\npolicies = ["no_art"]\n'
STRICT = {"rules.cedar": f"{ALL}\n{NO_ART}", "tests/all.toml": f"{TEST}{NO_ART_TEST}"}
OPEN = {"rules.cedar": ALL, "tests/all.toml": TEST}
INSPECT = PolicyRequest(ACTOR, "inspect", "art")


@pytest.fixture
async def place(any_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workplace]:
    """An instance with a policy folder of its own, which it looks at before each decision."""
    monkeypatch.setattr(policy_store, "LOOK_EVERY", 0.0)
    folder = tmp_path / "policy"
    (folder / "tests").mkdir(parents=True)
    (folder / "own.cedarschema").write_text((SHIPPED / "shingan.cedarschema").read_text("utf-8"))
    (folder / "own.cedar").write_text(ALL)
    (folder / "tests" / "all.toml").write_text(TEST)
    settings = any_settings.model_copy(update={"policy_folder": folder})
    async with await Workplace.open(settings) as opened:
        yield opened


def folder_of(place: Workplace) -> Path:
    assert place.settings.policy_folder is not None
    return place.settings.policy_folder


async def entries(place: Workplace, start: str) -> list[dict[str, Any]]:
    async with place.database.read() as session:
        page = await place.audit.page(session, limit=1000)
    return [json.loads(entry.body) | {"kind": entry.kind} for entry in page if entry.kind.startswith(start)]


async def test_a_changed_folder_is_taken_at_once_and_logged(place: Workplace) -> None:
    old = place.policy.bundle_hash
    assert (await permit(place, INSPECT)).allowed
    (folder_of(place) / "own.cedar").write_text(f"{ALL}\n{NO_ART}")
    with pytest.raises(PolicyDenied) as denied:
        await permit(place, INSPECT)
    assert denied.value.extra["policy_ids"] == ["no_art"]
    assert denied.value.extra["bundle_hash"] == place.policy.bundle_hash != old
    (entry,) = await entries(place, "policy.reloaded")
    assert (entry["old"], entry["bundle_hash"]) == (old, place.policy.bundle_hash)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("own.cedar", b"permit"),
        ("own.cedar", b""),
        ("own.cedar", b"\xff"),
        ("own.cedar", b"permit (principal, action, resource);"),
        ("own.cedar", NO_ART.encode()),  # its test fails
        ("own.cedarschema", b"entity"),
        ("tests/all.toml", b"[[case"),
    ],
)
async def test_a_faulty_folder_is_not_taken_and_that_is_logged_once(
    place: Workplace, name: str, content: bytes
) -> None:
    old = place.policy.bundle_hash
    if name.startswith("tests/"):
        (folder_of(place) / "own.cedar").write_text(f"{ALL} ")
    (folder_of(place) / name).write_bytes(content)
    for _ in range(3):
        decision = await permit(place, INSPECT)
        assert (decision.allowed, decision.bundle_hash) == (True, old)
    (entry,) = await entries(place, "policy.re")
    assert (entry["kind"], entry["kept"]) == ("policy.refused", old)
    (folder_of(place) / "own.cedar").write_text(f"{ALL}\n{NO_ART}")
    (folder_of(place) / "own.cedarschema").write_text((SHIPPED / "shingan.cedarschema").read_text("utf-8"))
    (folder_of(place) / "tests" / "all.toml").write_text(TEST)
    with pytest.raises(PolicyDenied):
        await permit(place, INSPECT)


async def test_a_version_holds_from_its_activation_to_its_rollback(place: Workplace) -> None:
    first = await policy_bundles.bring_in(place, ACTOR, OPEN)
    second = await policy_bundles.bring_in(place, ACTOR, STRICT, note="no art")
    assert (await permit(place, INSPECT)).tenant_bundle_hash is None
    await policy_bundles.activate(place, ACTOR, first.version)
    decision = await permit(place, INSPECT)
    assert (decision.allowed, decision.policy_ids) == (True, ("all", "all"))
    assert decision.tenant_bundle_hash == first.bundle_hash
    await policy_bundles.activate(place, ACTOR, second.version)
    with pytest.raises(PolicyDenied, match="No art here"):
        await permit(place, INSPECT)
    denial = (await entries(place, "policy.decided"))[-1]
    assert (denial["policy_ids"], denial["tenant_bundle_hash"]) == (["no_art"], second.bundle_hash)
    await policy_bundles.roll_back(place, ACTOR)
    assert (await permit(place, INSPECT)).tenant_bundle_hash == first.bundle_hash
    assert [bundle.version for bundle in (await policy_bundles.listed(place, ACTOR))[1]] == [2, 1]
    kinds = [entry["kind"] for entry in await entries(place, "policy.") if entry["kind"] != "policy.decided"]
    assert kinds == ["policy.stored"] * 2 + ["policy.activated"] * 2 + ["policy.rolled_back"]


async def test_instances_see_each_others_activations(place: Workplace) -> None:
    async with await Workplace.open(place.settings) as other:
        stored = await policy_bundles.bring_in(place, ACTOR, STRICT)
        await policy_bundles.activate(place, ACTOR, stored.version)
        with pytest.raises(PolicyDenied, match="No art here"):
            await permit(other, INSPECT)


async def test_a_tenants_bundle_holds_for_it_alone(place: Workplace) -> None:
    await tenants.create(place, ACTOR, "acme", tenants.Terms())
    acme = Actor.local("acme")
    stored = await policy_bundles.bring_in(place, acme, STRICT)
    await policy_bundles.activate(place, acme, stored.version)
    assert (await permit(place, INSPECT)).allowed
    with pytest.raises(PolicyDenied):
        await permit(place, PolicyRequest(acme, "inspect", "art"))


async def test_a_tenants_bundle_can_only_take_away(any_settings: Settings) -> None:
    async with await Workplace.open(any_settings) as place:
        stored = await policy_bundles.bring_in(place, ACTOR, OPEN)
        await policy_bundles.activate(place, ACTOR, stored.version)
        with pytest.raises(PolicyDenied) as denied:
            await permit(place, PolicyRequest(ACTOR, "generate", "fraud"))
        assert denied.value.extra["policy_ids"] == ["purpose_refused"]


async def test_nobody_locks_themselves_out(place: Workplace) -> None:
    closed = ALL.replace("permit", "forbid")
    test = TEST.replace("allowed = true", "allowed = false")
    stored = await policy_bundles.bring_in(place, ACTOR, {"rules.cedar": closed, "tests/all.toml": test})
    await policy_bundles.activate(place, ACTOR, stored.version)
    with pytest.raises(PolicyDenied):
        await permit(place, INSPECT)
    await policy_bundles.roll_back(place, ACTOR)
    assert (await permit(place, INSPECT)).allowed


SCHEMA = (SHIPPED / "shingan.cedarschema").read_text("utf-8")


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"tests/all.toml": TEST},
        {"rules.cedar": ALL},
        {**OPEN, "rules.cedar": "permit"},
        {**OPEN, "rules.cedar": "permit (principal, action, resource);"},
        {**OPEN, "tests/all.toml": NO_ART_TEST},
        {**OPEN, "tests/all.toml": "[[case"},
        {**OPEN, "rules.cedarschema": "entity"},
        {**OPEN, "rules.cedarschema": SCHEMA.replace("quota_left: Long", "quota_left: String")},
        {**OPEN, "rules.cedarschema": SCHEMA.replace("mark, ", "")},
        {**OPEN, "../rules.cedar": ALL},
        {**OPEN, "rules.py": "pass"},
        {**OPEN, "ru\u200bles.cedar": NO_ART},
        {**OPEN, "more.cedar": f"//{'x' * 60_000}"},
        {**OPEN, **{f"n{number}.cedar": "" for number in range(32)}},
    ],
)
async def test_a_faulty_bundle_is_not_stored(place: Workplace, files: dict[str, str]) -> None:
    with pytest.raises(BundleRefused):
        await policy_bundles.bring_in(place, ACTOR, files)
    assert (await policy_bundles.listed(place, ACTOR)) == (0, [])
    assert [entry["kind"] for entry in await entries(place, "policy.re")] == ["policy.refused"]


async def test_what_is_not_there_is_not_put_in_force(place: Workplace) -> None:
    with pytest.raises(Conflict):
        await policy_bundles.roll_back(place, ACTOR)
    with pytest.raises(NotFound):
        await policy_bundles.activate(place, ACTOR, 1)
    assert (await policy_bundles.activate(place, ACTOR, 0)).version == 0
