"""The commands that look after an instance: help, log, policy, trust lists, keys, database, doctor."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.cli import COMMANDS, GROUPS, PASSING
from generator.signing import DevelopmentCA

HEAVY = ("av", "c2pa", "cryptography", "cv2", "fastapi", "httpx", "numpy", "pydantic", "scipy", "sqlalchemy", "torch")
"""What makes a command slow to start, and `--help` needs none of."""


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    code = "import sys; from api.cli import main\ntry: main()\nfinally: print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert all(name in result.stdout for name in (*COMMANDS, *PASSING, *GROUPS))
    assert not set(HEAVY) & set(result.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPS])
def test_every_command_has_help(shingan: Callable[..., Any], name: str) -> None:
    assert shingan(name, "--help").code == 0


def test_version(shingan: Callable[..., Any]) -> None:
    assert shingan("--version").out.startswith("shingan ")


def test_audit_verify_names_the_entry_that_was_changed(shingan: Callable[..., Any], photo: Path, home: Path) -> None:
    shingan("verify", photo)
    assert shingan("audit", "verify").code == 0
    with sqlite3.connect(home / "shingan.db") as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        changed = connection.execute("UPDATE audit_entries SET body = '{}' WHERE entry = 1").rowcount
    connection.close()
    assert changed == 1
    ran = shingan("audit", "verify", "--json")
    assert ran.code == 1
    assert ran.documents[0]["first_bad"] == 1
    assert "ntry 1" in shingan("audit", "verify").out


def test_audit_verify_without_a_log_is_one_line(shingan: Callable[..., Any]) -> None:
    ran = shingan("audit", "verify")
    assert ran.code == 1
    assert ran.err.startswith("shingan: ")


def test_policy_tests_pass(shingan: Callable[..., Any]) -> None:
    ran = shingan("policy", "test", "--json")
    assert ran.code == 0
    assert all(document["passed"] for document in ran.documents)


def test_trust_import_is_listed_and_logged(shingan: Callable[..., Any], tmp_path: Path, home: Path) -> None:
    assert "No trust list" in shingan("trust", "list").out
    DevelopmentCA(tmp_path / "other").ensure()
    bundle = tmp_path / "partners.pem"
    bundle.write_bytes((tmp_path / "other" / "keys" / "ca" / "root.pem").read_bytes())
    assert shingan("trust", "import", bundle, "--kind", "signer", "--json").code == 0
    (listed,) = shingan("trust", "list", "--json").documents
    assert (listed["list"], listed["kind"], listed["certificates"]) == ("partners", "signer", 1)
    assert shingan("audit", "verify", "--json").documents[0]["size"] == 1


def test_trust_import_of_nonsense_is_one_line(shingan: Callable[..., Any], photo: Path) -> None:
    ran = shingan("trust", "import", photo)
    assert ran.code == 1
    assert ran.err.startswith("shingan: provenance_error: ")


def test_keys_are_made_listed_and_revoked(shingan: Callable[..., Any]) -> None:
    made = shingan("keys", "create", "page", "--scope", "inspect", "--scope", "verify", "--days", "7", "--json")
    (document,) = made.documents
    assert document["token"].startswith(document["prefix"])
    listed = shingan("keys", "list")
    assert document["id"] in listed.out
    assert document["token"] not in listed.out
    assert shingan("keys", "revoke", document["id"]).code == 0
    assert shingan("keys", "list", "--json").documents[0]["revoked_at"] is not None
    assert shingan("keys", "revoke", document["id"]).code == 1
    assert shingan("keys", "create", "page", "--scope", "nonsense").code == 2


def test_database_upgrade_can_be_repeated(shingan: Callable[..., Any], home: Path) -> None:
    assert shingan("db", "upgrade").code == 0
    assert shingan("db", "upgrade").code == 0
    assert (home / "shingan.db").exists()


def test_doctor_checks_everything(shingan: Callable[..., Any]) -> None:
    ran = shingan("doctor", "--json")
    assert ran.code == 0, ran.out
    assert {"database", "audit log", "policy", "experts", "generator"} <= {d["name"] for d in ran.documents}


def test_doctor_names_a_variable_that_is_no_setting(
    shingan: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHINGAN_API_KEY", "of a client")
    monkeypatch.setenv("SHINGAN_PORTT", "8001")
    ran = shingan("doctor", "--json")
    assert ran.code == 1
    failed = {check["name"]: check["detail"] for check in ran.documents if not check["ok"]}
    assert failed == {"settings": "invalid_request: No setting is named like SHINGAN_PORTT."}


def test_serve_answers_and_ends_when_interrupted(tmp_path: Path) -> None:
    environment = os.environ | {"SHINGAN_HOME": str(tmp_path / "served")}
    command = [str(Path(sys.executable).parent / "shingan"), "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "running on http://127.0.0.1:" in line:
                break
        process.send_signal(2)
        started = time.monotonic()
        rest = process.stderr.read()
    assert "Traceback" not in "".join(lines) + rest
    assert time.monotonic() - started < 20
