"""Runs the policy's table tests, which are data beside the policy: `tests/*.toml`, one `[[case]]` per question.

[[case]]
name = "no faces of minors"
action = "generate"
purpose = "research"            # default: "research"
scopes = ["generate"]           # default: every scope
tenant = "other"                # whose data it is; default: the actor's own
context = { screened = ["minor"] }
allowed = false
policies = ["minor"]            # the ids that decided, in the order of the bundle
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.auth import Actor
from api.errors import PolicyInvalid
from api.policy import SHIPPED, Policy, PolicyContext, PolicyRequest

TENANT = "default"
KEYS = frozenset({"name", "action", "purpose", "scopes", "tenant", "context", "allowed", "policies"})


@dataclass(frozen=True, slots=True)
class PolicyCase:
    """One row of the table."""

    file: str
    name: str
    request: PolicyRequest
    allowed: bool
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of one case; `detail` says what was decided."""

    file: str
    name: str
    passed: bool
    detail: str


def run_policy_tests(policy: Policy, folder: Path | None = None) -> tuple[CaseResult, ...]:
    """Every case of `folder/*.toml` (default: the shipped ones) in order; raises `PolicyInvalid` for a faulty table."""
    return tuple(run_case(policy, case) for case in load_cases(folder))


def run_case(policy: Policy, case: PolicyCase) -> CaseResult:
    decision = policy.decide(case.request)
    passed = (decision.allowed, decision.policy_ids) == (case.allowed, case.policies)
    verb = "allowed" if decision.allowed else "denied"
    return CaseResult(case.file, case.name, passed, f"{verb} by {', '.join(decision.policy_ids) or 'no rule'}")


def failed_tests(policy: Policy, folder: Path | None = None) -> tuple[str, ...]:
    """Names of the cases beside the policy in `folder` that are decided otherwise; a folder without tests has none."""
    tests = SHIPPED / "tests" if folder is None else folder / "tests"
    if not any(tests.glob("*.toml")):
        return ()
    return tuple(result.name for result in run_policy_tests(policy, tests) if not result.passed)


def load_cases(folder: Path | None = None) -> tuple[PolicyCase, ...]:
    """The cases of `folder/*.toml`; raises `PolicyInvalid` if a file is faulty or there is no case at all."""
    chosen = SHIPPED / "tests" if folder is None else folder
    cases = tuple(case for file in sorted(chosen.glob("*.toml")) for case in _cases(file))
    if not cases:
        raise PolicyInvalid("There is no policy test.")
    return cases


def _cases(file: Path) -> Iterator[PolicyCase]:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyInvalid(f"The policy tests in {file.name} cannot be read.") from error
    yield from cases_in(file.name, text)


def cases_in(name: str, text: str) -> Iterator[PolicyCase]:
    """The cases of a table, `text`, called `name`; raises `PolicyInvalid`."""
    try:
        for row in tomllib.loads(text)["case"]:
            yield _case(name, row)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PolicyInvalid(f"The policy tests in {name} are malformed: {error}") from error


def _case(file: str, row: Mapping[str, Any]) -> PolicyCase:
    if unknown := row.keys() - KEYS:
        raise TypeError(f"unknown keys {sorted(unknown)}")
    facts = dict(row.get("context", {}))
    facts["screened"] = frozenset(facts.get("screened", ()))
    scopes = frozenset(row["scopes"]) if "scopes" in row else Actor.local().scopes
    request = PolicyRequest(
        actor=Actor("case", TENANT, scopes),
        action=row["action"],
        purpose=row.get("purpose", "research"),
        context=PolicyContext(**facts),
        resource_tenant=row.get("tenant"),
    )
    return PolicyCase(file, row["name"], request, row["allowed"], tuple(row["policies"]))
