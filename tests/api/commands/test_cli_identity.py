"""Tenants, keys, consents and policies of a tenant's own, from the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.auth import Scope
from api.commands.keys import SCOPES

Shingan = Callable[..., Any]
ALL = '@id("all") @reason("Yes.") permit (principal, action, resource);'
TEST = '[[case]]\nname = "all"\naction = "inspect"\nallowed = true\npolicies = ["all"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bundle" / "tests").mkdir(parents=True)
    (tmp_path / "bundle" / "rules.cedar").write_text(ALL)
    (tmp_path / "bundle" / "tests" / "all.toml").write_text(TEST)
    return tmp_path / "bundle"


def test_tenants_are_made_changed_and_suspended(shingan: Shingan) -> None:
    assert shingan("tenants", "create", "acme", "--jurisdiction", "china", "--daily", "7").code == 0
    acme, default = shingan("tenants", "list", "--json").documents
    assert (acme["jurisdiction"], acme["daily_generations"], default["name"]) == ("china", 7, "default")
    assert "(instance)" in shingan("tenants", "list").out
    assert shingan("tenants", "change", "acme", "--rate", "9").code == 0
    assert shingan("tenants", "suspend", "acme").code == 0
    acme = shingan("tenants", "list", "--json").documents[0]
    assert (acme["state"], acme["rate"]) == ("suspended", 9)
    assert shingan("keys", "create", "x", "--scope", "inspect", "--tenant", "acme").err.startswith("shingan: conflict:")
    assert shingan("tenants", "resume", "acme").code == 0
    assert shingan("keys", "create", "x", "--scope", "inspect", "--tenant", "acme").code == 0
    assert len(shingan("keys", "list", "--tenant", "acme", "--json").documents) == 1
    assert shingan("tenants", "create", "аcme").err.startswith("shingan: invalid_request: ")
    assert shingan("tenants", "suspend", "default").err.startswith("shingan: conflict: ")
    assert shingan("keys", "create", "x", "--scope", "inspect", "--tenant", "none").err.startswith("shingan: not_found")
    assert shingan("audit", "verify").code == 0


def test_a_scope_that_there_is_not_is_wrong_usage_and_the_help_lists_all(shingan: Shingan) -> None:
    assert tuple(SCOPES) == tuple(Scope)
    refused = shingan("keys", "create", "x", "--scope", "inspect", "--scope", "look")
    assert refused.code == 2
    assert "manage_webhooks" in refused.err
    assert shingan("keys", "list", "--json").documents == []


def test_a_key_is_rotated(shingan: Shingan) -> None:
    (old,) = shingan("keys", "create", "page", "--scope", "inspect", "--rate", "9", "--json").documents
    (new,) = shingan("keys", "rotate", old["id"], "--overlap", "1", "--json").documents
    assert (new["rotated_from"], new["scopes"], new["rate"]) == (old["id"], ["inspect"], 9)
    assert new["token"] != old["token"]
    listed = {item["id"]: item["expires_at"] for item in shingan("keys", "list", "--json").documents}
    assert (listed[old["id"]] is None, listed[new["id"]]) == (False, None)
    assert shingan("keys", "rotate", "key_none").err.startswith("shingan: not_found: ")


def test_a_tenants_policies_are_kept_in_versions(shingan: Shingan, folder: Path) -> None:
    assert "no policies" in shingan("policy", "list").out
    assert shingan("policy", "upload", folder, "--note", "first").code == 0
    assert shingan("policy", "activate", 1).code == 0
    (stored,) = shingan("policy", "list", "--json").documents
    assert (stored["version"], stored["active"], stored["note"]) == (1, True, "first")
    assert stored["bundle_hash"] in shingan("policy", "list").out
    assert shingan("policy", "rollback").err.startswith("Version 0")
    (folder / "rules.cedar").write_text("permit")
    assert shingan("policy", "upload", folder).err.startswith("shingan: bundle_refused: ")
    (folder / "rules.cedar").write_bytes(b"\xff")
    assert shingan("policy", "upload", folder).err.startswith("shingan: bundle_refused: ")
    assert shingan("policy", "activate", 7).err.startswith("shingan: not_found: ")


def test_a_consent_that_was_revoked_opens_nothing(shingan: Shingan, tmp_path: Path) -> None:
    assert "no record" in shingan("consents", "list").out
    reference = shingan("consents", "give", "file 7", "--purpose", "research").out.strip()
    assert reference in shingan("consents", "list").out
    assert shingan("consents", "revoke", reference).code == 0
    (record,) = shingan("consents", "list", "--json").documents
    assert (record["state"], "file" in str(record)) == ("revoked", False)
    wish = ("generate", "Jane Doe", "--purpose", "research", "--consent", "--consent-reference", reference)
    ran = shingan(*wish, "--out", tmp_path / "out", "--json")
    assert (ran.code, ran.documents[0]["error"]["code"]) == (1, "policy_denied")
