"""Tenants' own policies: brought in as a new version, tried, put in force and taken back, each step on record."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.clock import timestamp
from api.decisions import encodable, permit
from api.errors import BundleRefused, Conflict, NotFound, PolicyInvalid
from api.policy import FAULTY, SHIPPED, Policy, PolicyAction, PolicyRequest
from api.policy_repository import NONE, PolicyRepository, StoredActivation, StoredBundle
from api.policy_store import REFUSED, parsed, policy_of
from api.policy_tests import cases_in, run_case
from api.workplace import Workplace

FILE: Final = re.compile(r"[\w-]{1,64}\.cedar|[\w-]{1,64}\.cedarschema|tests/[\w-]{1,64}\.toml", re.ASCII)
MAX_FILES: Final = 32
MAX_CHARACTERS: Final = 60_000
"""Of all files together: what fits into a body that is no upload."""
SCHEMA: Final = SHIPPED / "shingan.cedarschema"
"""Taken for a bundle that comes without one."""


async def bring_in(workplace: Workplace, actor: Actor, files: Mapping[str, str], *, note: str = "") -> StoredBundle:
    """The next version of the tenant's bundle, stored and not yet in force.

    Raises `PolicyDenied`, and `BundleRefused` for a bundle that is malformed or fails its own tests; both are on
    record, and what was in force stays.
    """
    await permit(workplace, _request(actor))
    try:
        whole = _whole(files)
        policy = _tried(whole)
    except PolicyInvalid as error:
        async with workplace.database.write() as session:
            why = {"why": encodable(str(error))}
            await workplace.audit.append(session, REFUSED, _body(actor), personal=why)
        raise BundleRefused(str(error)) from error
    async with workplace.database.write() as session:
        entry = await workplace.audit.append(
            session, "policy.stored", _body(actor) | {"bundle_hash": policy.bundle_hash}, personal={"note": note}
        )
        repository = PolicyRepository(session)
        version = await repository.newest(actor.tenant) + 1
        bundle = StoredBundle(actor.tenant, version, policy.bundle_hash, note, timestamp(), entry.index)
        await repository.add(bundle, json.dumps(whole, ensure_ascii=False).encode())
    return bundle


async def activate(workplace: Workplace, actor: Actor, version: int) -> StoredActivation:
    """Puts `version` in force; 0 for none of the tenant's own. Raises `PolicyDenied`, `NotFound`, `PolicyInvalid`."""
    await permit(workplace, _request(actor))
    async with workplace.database.write() as session:
        return await _activate(workplace, session, actor, version, "policy.activated")


async def roll_back(workplace: Workplace, actor: Actor) -> StoredActivation:
    """Puts in force what was so before the last change. Raises `PolicyDenied`, and `Conflict` if there was none."""
    await permit(workplace, _request(actor))
    async with workplace.database.write() as session:
        history = await PolicyRepository(session).activations(actor.tenant)
        if not history:
            raise Conflict("No policy of your own was ever in force.")
        earlier = history[1].version if len(history) > 1 else NONE
        return await _activate(workplace, session, actor, earlier, "policy.rolled_back")


async def listed(workplace: Workplace, actor: Actor) -> tuple[int, Sequence[StoredBundle]]:
    """The version in force, and all of them, newest first."""
    async with workplace.database.read() as session:
        repository = PolicyRepository(session)
        return await repository.active(actor.tenant), await repository.of_tenant(actor.tenant)


async def read(workplace: Workplace, actor: Actor, version: int) -> tuple[StoredBundle, Mapping[str, str]]:
    """A version with its files, text by name. Raises `NotFound`."""
    async with workplace.database.read() as session:
        repository = PolicyRepository(session)
        bundle, files = await repository.get(actor.tenant, version), await repository.files(actor.tenant, version)
    if bundle is None or files is None:
        raise NotFound("There is no such version.")
    return bundle, parsed(files)


def told(bundle: StoredBundle) -> dict[str, Any]:
    """As JSON."""
    return {
        "version": bundle.version,
        "bundle_hash": bundle.bundle_hash,
        "note": bundle.note,
        "created_at": bundle.created_at,
        "entry": bundle.entry,
    }


async def _activate(
    workplace: Workplace, session: AsyncSession, actor: Actor, version: int, kind: str
) -> StoredActivation:
    repository, found = PolicyRepository(session), None
    if version != NONE:
        found = await repository.get(actor.tenant, version)
        files = await repository.files(actor.tenant, version)
        if found is None or files is None:
            raise NotFound("There is no such version.")
        policy_of(parsed(files))
    facts = {"version": version, "bundle_hash": found.bundle_hash if found else None}
    entry = await workplace.audit.append(session, kind, _body(actor) | facts)
    last = await repository.activations(actor.tenant, limit=1)
    number = last[0].number + 1 if last else 1
    activation = StoredActivation(actor.tenant, number, version, timestamp(), entry.index)
    await repository.activate(activation)
    return activation


def _whole(files: Mapping[str, str]) -> dict[str, str]:
    """`files` by name, with a schema. Raises `PolicyInvalid` for too much, or for what is no file of a bundle."""
    if len(files) > MAX_FILES or sum(map(len, files.values())) > MAX_CHARACTERS:
        raise PolicyInvalid(f"A bundle has at most {MAX_FILES} files and {MAX_CHARACTERS} characters.")
    if wrong := [name for name in files if not FILE.fullmatch(name)]:
        raise PolicyInvalid(f"A bundle holds *.cedar, *.cedarschema and tests/*.toml, not {wrong[0]!r}.")
    whole = dict(sorted(files.items()))
    if not any(name.endswith(".cedarschema") for name in whole):
        whole[SCHEMA.name] = SCHEMA.read_text("utf-8")
    return whole


def _tried(files: Mapping[str, str]) -> Policy:
    """The policy in `files` after its own tests, and after each action was asked for. Raises `PolicyInvalid`."""
    policy = policy_of(files)
    tests = {name: text for name, text in files.items() if name.startswith("tests/")}
    cases = [case for name, text in tests.items() for case in cases_in(name, text)]
    if not cases:
        raise PolicyInvalid("A bundle brings at least one test of its own.")
    if failed := [result for result in (run_case(policy, case) for case in cases) if not result.passed]:
        raise PolicyInvalid(f"The test {failed[0].name!r} fails: {failed[0].detail}.")
    for action in PolicyAction:
        if policy.decide(PolicyRequest(Actor.local(), action, "research")).reason == FAULTY:
            raise PolicyInvalid(f"The schema does not take a request for the action {action}.")
    return policy


def _request(actor: Actor) -> PolicyRequest:
    return PolicyRequest(actor, PolicyAction.MANAGE)


def _body(actor: Actor) -> dict[str, Any]:
    return {"actor": actor.id, "tenant": actor.tenant}
