"""What is printed: codes whole, terminals safe, JSON that any reader takes back."""

import json

import pytest

from api.commands.console import Lines, print_json, print_table, printable
from api.commands.outcome import ExitCode
from detector.reasons import Reason

ERROR = {"code": "empty_media", "detail": "The file is empty."}


def line(*, action: str = "allow", error: object = None) -> dict[str, object]:
    return {"verdict": {"action": action}, "error": error}


@pytest.mark.parametrize("columns", ["20", "80", "200"])
def test_tables_print_codes_whole_whatever_the_width(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    rows = [(code, "x" * 30, "\n".join(Reason), "/a/" + "long/" * 60 + "name.jpg") for code in Reason]
    print_table(("verdict", "other", "why", "file"), rows)
    out = capsys.readouterr().out
    assert all(code in out for code in Reason)
    assert "/a/" + "long/" * 60 + "name.jpg" in out
    assert "…" not in out


def test_nothing_in_a_cell_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name",), [("\x1b[31mred[bold]\udcff\r",)])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b[31mred[bold]\\udcff\\r" in out


def test_printable_keeps_what_people_write() -> None:
    assert printable("笑顔の女性 é\n") == "笑顔の女性 é\n"


def test_json_brings_names_back_that_are_no_unicode(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"path": "/a/\udcff.jpg"})
    assert json.loads(capsys.readouterr().out)["path"] == "/a/\udcff.jpg"


@pytest.mark.parametrize(
    ("documents", "code"),
    [
        ([], ExitCode.CLEAN),
        ([line()], ExitCode.CLEAN),
        ([line(action="review")], ExitCode.CLEAN),
        ([line(), line(action="flag")], ExitCode.FINDING),
        ([line(action="flag"), line(action="review", error=ERROR)], ExitCode.ERROR),
        ([{"watermark": {"detected": True}, "error": None}], ExitCode.FINDING),
        ([{"prompt": "a woman", "error": None}], ExitCode.CLEAN),
    ],
)
def test_exit_code_is_that_of_the_worst_line(documents: list[dict[str, object]], code: ExitCode) -> None:
    lines = Lines(("column",), lambda document: ("cell",), as_json=True)
    for document in documents:
        lines.add(document)
    assert lines.close() is code
