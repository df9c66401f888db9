"""The shipped policy by its own tables, and that whatever goes wrong is a denial."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.auth import Actor
from api.errors import PolicyInvalid
from api.policy import FAULTY, NO_RULE, SHIPPED, Policy, PolicyAction, PolicyContext, PolicyRequest, normalise
from api.policy_tests import PolicyCase, load_cases, run_case, run_policy_tests

POLICY = Policy.load()
RULE = '@id("all") @reason("Yes.") permit (principal, action, resource)'
SCHEMA = (SHIPPED / "shingan.cedarschema").read_text("utf-8")


def bundle(folder: Path, *, policies: str, schema: str = SCHEMA) -> Path:
    (folder / "rules.cedar").write_text(policies)
    (folder / "rules.cedarschema").write_text(schema)
    return folder


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_the_shipped_tables(case: PolicyCase) -> None:
    result = run_case(POLICY, case)
    assert result.passed, result.detail


def test_every_shipped_rule_decides_some_case() -> None:
    assert {name for case in load_cases() for name in case.policies} == set(POLICY.ids)


def test_every_action_has_a_case_either_way() -> None:
    asked = {(case.request.action, case.allowed) for case in load_cases()}
    assert {(action.value, True) for action in PolicyAction} <= asked


def test_a_wrong_expectation_fails(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text(
        '[[case]]\nname = "x"\naction = "generate"\nallowed = false\npolicies = ["minor"]\n'
    )
    (result,) = run_policy_tests(POLICY, tmp_path)
    assert (result.file, result.passed, result.detail) == ("wrong.toml", False, "allowed by scope_generate")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[[case]]\n",
        "case = 3",
        "[[case",
        '[[case]]\nname = "x"\naction = "generate"\nallowed = true\npolicies = []\nallow = 1',
        '[[case]]\nname = "x"\naction = "generate"\nallowed = true\npolicies = []\ncontext = { age = 1 }',
    ],
)
def test_a_faulty_table_is_no_pass(tmp_path: Path, text: str) -> None:
    (tmp_path / "faulty.toml").write_text(text)
    with pytest.raises(PolicyInvalid):
        run_policy_tests(POLICY, tmp_path)


def test_no_table_is_no_pass(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid, match="no policy test"):
        run_policy_tests(POLICY, tmp_path)


def test_a_decision_says_what_decided_it() -> None:
    request = PolicyRequest(Actor.local(), "generate", "research", PolicyContext(screened=frozenset({"minor"})))
    decision = POLICY.decide(request)
    assert decision.as_dict() == {
        "allowed": False,
        "policy_ids": ["minor"],
        "bundle_hash": POLICY.bundle_hash,
        "tenant_bundle_hash": None,
        "reason": "Faces of minors are not made.",
    }


def test_no_rule_is_a_denial() -> None:
    decision = POLICY.decide(PolicyRequest(Actor.anonymous(), "generate", "research"))
    assert (decision.allowed, decision.policy_ids, decision.reason) == (False, (), NO_RULE)


@pytest.mark.parametrize(
    "context",
    [
        {"quota_left": None},
        {"quota_left": 2**63},
        {"consent": "yes"},
        {"consent": None},
        {"jurisdiction": 7},
        {"requested_age": "ten"},
        {"screened": [1]},
        {"screened": ["a", 1]},
    ],
)
def test_facts_of_a_wrong_kind_are_a_denial(context: dict[str, object]) -> None:
    facts = PolicyContext(**context)  # type: ignore[arg-type]
    decision = POLICY.decide(PolicyRequest(Actor.local(), "generate", "research", facts))
    assert (decision.allowed, decision.reason) == (False, FAULTY)


@given(st.text(), st.text(), st.text(), st.frozensets(st.text(), max_size=3))
def test_whatever_is_asked_is_answered(action: str, purpose: str, name: str, scopes: frozenset[str]) -> None:
    actor = Actor(name, name, scopes)
    assert (
        not POLICY.decide(PolicyRequest(actor, action, purpose)).allowed or action in PolicyAction.__members__.values()
    )


@pytest.mark.parametrize(
    "policies",
    [
        "permit (principal, action, resource);",
        '@id("a") permit (principal, action, resource);',
        '@reason("b") permit (principal, action, resource);',
        f"{RULE}; {RULE};",
        f"{RULE} when {{ context.quota_lft > 1 }};",
        f"{RULE} when {{ context.requested_age > 1 }};",
        f"{RULE} when {{ context.purpose > 1 }};",
        RULE,
        "",
    ],
)
def test_a_bundle_that_could_mislead_is_not_loaded(tmp_path: Path, policies: str) -> None:
    with pytest.raises(PolicyInvalid):
        Policy.load(bundle(tmp_path, policies=policies))


def test_a_broken_schema_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid):
        Policy.load(bundle(tmp_path, policies=f"{RULE};", schema="entity"))


def test_a_missing_folder_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid, match="at least one"):
        Policy.load(tmp_path / "none")


def test_an_operator_brings_a_bundle_of_their_own(tmp_path: Path) -> None:
    policy = Policy.load(bundle(tmp_path, policies=f"{RULE};"))
    decision = policy.decide(PolicyRequest(Actor.anonymous(), "generate"))
    assert (decision.allowed, decision.policy_ids, decision.reason) == (True, ("all",), "Yes.")


def test_the_hash_follows_every_byte(tmp_path: Path) -> None:
    hashes = {Policy.load(bundle(tmp_path, policies=f"{RULE};{space}")).bundle_hash for space in ("", " ", "\n")}
    hashes.add(POLICY.bundle_hash)
    assert len(hashes) == 4
    assert Policy.load().bundle_hash == POLICY.bundle_hash


@pytest.mark.parametrize("spelling", ["fake_account", " Fake account ", "FAKE-ACCOUNT", "fake__account"])
def test_purposes_are_compared_in_one_form(spelling: str) -> None:
    assert normalise(spelling) == "fake_account"
