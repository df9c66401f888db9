"""Which policies hold: the instance's for everybody, and on top of it the version that a tenant was put on.

The instance's folder is looked at again every few seconds. A bundle that has changed and is faulty is not taken: the
old one stays, and that is on record. A tenant's bundle can only take away: what the instance denies stays denied.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from api.audit import AuditLog
from api.errors import PolicyInvalid
from api.policy import FAULTY, Decision, Policy, PolicyAction, PolicyRequest, bundle_hash, read_folder
from api.policy_repository import NONE, active_version, bundle_files, bundle_of
from api.policy_tests import failed_tests

LOOK_EVERY: Final = 2.0
"""Seconds between two looks at the instance's folder."""
RELOADED: Final = "policy.reloaded"
REFUSED: Final = "policy.refused"


class PolicyStore:
    """Decides by the policies that hold now; `folder` is null where the shipped policy is the instance's."""

    def __init__(self, instance: Policy, audit: AuditLog, *, folder: Path | None = None) -> None:
        self.instance = instance
        self._audit = audit
        self._folder = folder
        self._looked_at = monotonic()
        self._refused = ""
        self._tenants: dict[tuple[str, int], Policy] = {}

    async def decide(self, session: AsyncSession, request: PolicyRequest, *, version: int | None = None) -> Decision:
        """Allowed only if both policies say so; a tenant's bundle that cannot be read denies everything.

        `version` is taken for the one that is in force.
        """
        return await session.run_sync(lambda plain: self.decide_within(plain.connection(), request, version=version))

    def decide_within(self, connection: Connection, request: PolicyRequest, *, version: int | None = None) -> Decision:
        """`decide` for a unit of work that is a plain function; it may run in any thread."""
        decision = self.instance.decide(request)
        if version is None:
            version = active_version(connection, request.actor.tenant)
        if version == NONE or request.action == PolicyAction.MANAGE:
            return decision  # so that nobody locks themselves out of their own policy
        try:
            own = self._own(connection, request.actor.tenant, version)
        except PolicyInvalid:
            return Decision(False, (), decision.bundle_hash, FAULTY)
        return both(decision, own.decide(request))

    @property
    def due(self) -> bool:
        """Whether the last look at the instance's folder was a while ago."""
        return self._folder is not None and monotonic() - self._looked_at >= LOOK_EVERY

    async def refresh(self, session: AsyncSession) -> None:
        """Looks at the instance's folder, if that is due."""
        if self.due:
            await self.reload(session)

    async def reload(self, session: AsyncSession) -> bool:
        """Takes the folder's bundle if it has changed and is sound; whether it did is on record, within `session`."""
        self._looked_at = monotonic()
        try:
            texts = read_folder(self._folder)
            found = bundle_hash(texts)
            if found in (self.instance.bundle_hash, self._refused):
                return False
            fresh = Policy.load(self._folder)
            if failures := failed_tests(fresh, self._folder):
                raise PolicyInvalid(f"The bundle fails its own tests: {'; '.join(failures)}")
        except PolicyInvalid as error:
            await self._refuse(session, str(error))
            return False
        body = {"old": self.instance.bundle_hash, "bundle_hash": fresh.bundle_hash}
        await self._audit.append(session, RELOADED, body)
        self.instance, self._refused = fresh, ""
        return True

    async def _refuse(self, session: AsyncSession, why: str) -> None:
        """Once for each faulty bundle."""
        try:
            faulty = bundle_hash(read_folder(self._folder))
        except PolicyInvalid:
            faulty = "unreadable"
        if faulty != self._refused:
            self._refused = faulty
            body = {"kept": self.instance.bundle_hash, "bundle_hash": faulty}
            await self._audit.append(session, REFUSED, body, personal={"why": why})

    def _own(self, connection: Connection, tenant: str, version: int) -> Policy:
        """Raises `PolicyInvalid` if the version is not there any more, or is not what was stored."""
        if (tenant, version) not in self._tenants:
            stored, files = bundle_of(connection, tenant, version), bundle_files(connection, tenant, version)
            if stored is None or files is None:
                raise PolicyInvalid("This version is not stored.")
            policy = policy_of(parsed(files))
            if policy.bundle_hash != stored.bundle_hash:
                raise PolicyInvalid("This version was changed after it was stored.")
            self._tenants[tenant, version] = policy
        return self._tenants[tenant, version]


def both(first: Decision, second: Decision) -> Decision:
    """A denial if either is one, the instance's before the tenant's; the ids of whatever decided."""
    if not first.allowed:
        return replace(first, tenant_bundle_hash=second.bundle_hash)
    ids = second.policy_ids if not second.allowed else (*first.policy_ids, *second.policy_ids)
    return Decision(second.allowed, ids, first.bundle_hash, second.reason, second.bundle_hash)


def policy_of(files: Mapping[str, str]) -> Policy:
    """The policy in `files`, text by name; raises `PolicyInvalid`."""
    texts = {name: text for name, text in files.items() if not name.startswith("tests/")}
    return Policy.of(texts)


def parsed(files: bytes) -> dict[str, str]:
    """Raises `PolicyInvalid` if this is no JSON object of texts."""
    try:
        found = json.loads(files)
    except (ValueError, RecursionError) as error:
        raise PolicyInvalid("A stored policy bundle cannot be read.") from error
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise PolicyInvalid("A stored policy bundle cannot be read.")
    return found
