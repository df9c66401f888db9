"""`shingan audit`: a database, an export or one receipt is checked, and what is wrong is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.checkpoints import Signer

Shingan = Callable[..., Any]


@pytest.fixture
def answer(shingan: Shingan, photo: Path, tmp_path: Path) -> Path:
    """A verification's answer, kept in a file; its entry is number 1 of two."""
    path = tmp_path / "answer.json"
    path.write_text(shingan("verify", "--json", photo).out)
    return path


@pytest.fixture
def export(shingan: Shingan, answer: Path, tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    assert shingan("audit", "export", path).out == "2 entries\n"
    return path


def _check(ran: Any) -> dict[str, Any]:  # noqa: ANN401  (a fixture's class)
    document: dict[str, Any] = ran.documents[0]
    assert ran.code == (0 if document["ok"] else 1)
    return document


def test_an_export_is_checked_elsewhere_with_the_key_alone(
    shingan: Shingan, export: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (home / "keys" / "audit.pub").read_text()
    monkeypatch.setenv("SHINGAN_HOME", str(tmp_path / "elsewhere"))
    check = _check(shingan("audit", "verify", "--export", export, "--key", key, "--json"))
    assert (check["ok"], check["size"], check["signed"]) == (True, 2, True)
    export.write_text(export.read_text().replace("policy.decided", "policy.denied_"))
    assert _check(shingan("audit", "verify", "--export", export, "--key", key, "--json"))["first_bad"] == 0
    stranger = str(Signer("shingan.local/audit", Ed25519PrivateKey.generate()).verifier)
    assert shingan("audit", "verify", "--export", export, "--key", stranger).err.startswith("shingan: key_unusable")


def test_a_receipt_is_checked_alone_and_with_its_entry(shingan: Shingan, answer: Path, export: Path) -> None:
    entry = answer.with_name("entry.json")
    entry.write_text(json.loads(export.read_text().splitlines()[2])["json"])
    arguments = ("audit", "verify", "--receipt", answer, "--json")
    assert _check(shingan(*arguments))["compared"] == "nothing"
    assert _check(shingan(*arguments, "--entry", entry))["compared"] == "answer"
    document = json.loads(answer.read_text())
    bare = answer.with_name("receipt.json")
    bare.write_text(json.dumps(document["receipt"]))
    assert _check(shingan("audit", "verify", "--receipt", bare, "--json"))["compared"] == "nothing"
    assert _check(shingan("audit", "verify", "--receipt", bare, "--entry", entry, "--json"))["compared"] == "entry"
    answer.write_text(json.dumps(document | {"sha256": "0" * 64}))
    assert _check(shingan(*arguments, "--entry", entry))["detail"] == "Entry 1 is about another answer."
    entry.write_text(entry.read_text().replace("verification", "inspection"))
    assert "does not hash" in _check(shingan(*arguments, "--entry", entry))["detail"]
    document["receipt"]["leaf_hash"] = "0" * 64
    bare.write_text(json.dumps(document["receipt"]))
    wrong = _check(shingan("audit", "verify", "--receipt", bare, "--json"))
    assert (wrong["first_bad"], wrong["detail"]) == (1, "Entry 1 is not under the head that was signed.")


def test_an_answer_that_holds_its_entry_is_compared_by_one_command(
    shingan: Shingan, answer: Path, export: Path
) -> None:
    document = json.loads(answer.read_text())
    whole = json.loads(export.read_text().splitlines()[2])["json"]

    def checked(entry: object, **changed: object) -> dict[str, Any]:
        receipt = document["receipt"] | {"entry_json": entry}
        answer.write_text(json.dumps(document | {"receipt": receipt} | changed))
        return _check(shingan("audit", "verify", "--receipt", answer, "--json"))

    assert checked(whole)["compared"] == "answer"
    assert checked(whole, sha256="0" * 64)["detail"] == "Entry 1 is about another answer."
    assert "does not hash" in checked(whole.replace("verification", "inspection"))["detail"]
    assert "does not hash" in checked(whole + "\ud800")["detail"]
    assert checked(7)["compared"] == "nothing"


def test_what_is_printed_of_a_receipt_claims_no_more_than_was_checked(
    shingan: Shingan, answer: Path, export: Path
) -> None:
    entry = answer.with_name("entry.json")
    entry.write_text(json.loads(export.read_text().splitlines()[2])["json"])
    arguments = ("audit", "verify", "--receipt", answer)
    alone = shingan(*arguments).out
    assert alone.startswith(
        "proof alone: The log has entry 1, under a head of 2 entries that it signed. What that entry"
    )
    assert "no answer was compared" in alone
    with_entry = "This is the answer that the log recorded in entry 1, under a head of 2 entries that it signed."
    assert shingan(*arguments, "--entry", entry).out.splitlines()[0] == f"ok: {with_entry}"
    answer.write_text(answer.read_text().replace('"verdict"', '"verdicts"'))
    assert shingan(*arguments, "--entry", entry).out == "not proven: Entry 1 is about another answer.\n"
    answer.write_text("{}")
    assert shingan(*arguments).out == "not proven: The entry is without a receipt that can be read.\n"


@pytest.mark.parametrize("value", [2**53 + 1, float("nan"), float("inf"), "\ud800"])
def test_a_value_that_no_answer_has_is_another_answer(
    shingan: Shingan, answer: Path, export: Path, tmp_path: Path, value: object
) -> None:
    entry = tmp_path / "entry.json"
    entry.write_text(json.loads(export.read_text().splitlines()[2])["json"])
    answer.write_text(json.dumps(json.loads(answer.read_text()) | {"path": value}))
    checked = _check(shingan("audit", "verify", "--receipt", answer, "--entry", entry, "--json"))
    assert checked["detail"] == "Entry 1 is about another answer."


def test_a_receipt_that_was_kept_tells_that_the_end_was_cut_off(
    shingan: Shingan, answer: Path, export: Path, tmp_path: Path
) -> None:
    lines = export.read_text().splitlines(keepends=True)
    header = json.dumps(json.loads(lines[0]) | {"size": 1}) + "\n"
    export.write_text("".join([header, lines[1]]))
    assert shingan("audit", "verify", "--export", export).code == 0
    ran = shingan("audit", "verify", "--export", export, "--checkpoint", answer)
    assert (ran.code, ran.out.splitlines()[0]) == (
        1,
        "audit_broken: Entry 1 is missing: a head that was kept is of 2 entries. 1 sound entries.",
    )
    note = tmp_path / "head.txt"
    note.write_text(json.loads(answer.read_text())["receipt"]["checkpoint"])
    assert shingan("audit", "verify", "--checkpoint", note).code == 0
    note.write_text(note.read_text().replace("\n2\n", "\n3\n", 1))
    assert shingan("audit", "verify", "--checkpoint", note).err.startswith("shingan: audit_broken")


def test_erasure_is_on_record_and_the_log_stays_whole(shingan: Shingan, photo: Path, answer: Path) -> None:
    shingan("verify", photo)
    sha256 = json.loads(answer.read_text())["sha256"]
    assert shingan("audit", "erase", "--about", f"sha256={sha256}", "--json").documents == [{"entries": [1, 3]}]
    assert shingan("audit", "erase", 1, 3).out == "erased: nothing\n"
    assert _check(shingan("audit", "verify", "--json"))["size"] == 5
    assert _check(shingan("audit", "verify", "--receipt", answer, "--json"))["ok"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--export", "a", "--receipt", "b"),
        ("verify", "--entry", "a"),
        ("erase",),
        ("erase", "--about", "name"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(shingan: Shingan, arguments: tuple[str, ...]) -> None:
    assert shingan("audit", *arguments).code == 2


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"[]", b"{}", b"nonsense"])
def test_files_that_hold_nothing_of_the_kind_are_one_line(
    shingan: Shingan, answer: Path, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    for option in ("--export", "--receipt", "--checkpoint"):
        ran = shingan("audit", "verify", option, path)
        assert ran.code == 1
        assert len((ran.err or ran.out.splitlines()[0]).splitlines()) == 1


def test_anchoring_without_an_authority_is_one_line(shingan: Shingan, answer: Path) -> None:
    assert "SHINGAN_TIMESTAMP_URL" in shingan("audit", "anchor").err
