"""`backup` and `restore` on the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_backup_check_and_restore(
    shingan: Callable[..., Any], photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shingan("verify", photo)
    out = tmp_path / "out" / "backup.tar"
    made = shingan("backup", out, "--with-keys", "--json")
    assert made.code == 0
    (facts,) = made.documents
    assert facts["with_keys"]
    assert shingan("restore", out, "--check", "--json").documents == [facts]
    monkeypatch.setenv("SHINGAN_HOME", str(tmp_path / "elsewhere"))
    assert shingan("restore", out).code == 0
    assert shingan("audit", "verify", "--json").documents[0]["size"] == facts["audit_entries"] + 1
    assert shingan("restore", out).err.startswith("shingan: conflict: ")


def test_a_backup_without_keys_says_so(shingan: Callable[..., Any], tmp_path: Path) -> None:
    assert "keep the folder `keys`" in shingan("backup", tmp_path / "backup.tar").err


def test_restore_of_nonsense_is_one_line(shingan: Callable[..., Any], photo: Path) -> None:
    ran = shingan("restore", photo)
    assert ran.code == 1
    assert ran.err.startswith("shingan: backup_invalid: ")
