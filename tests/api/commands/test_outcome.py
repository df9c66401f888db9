"""What a command says of a failure that nobody foresaw."""

import subprocess
import sys

FAIL = """
from api.commands.outcome import failure_of
def fails():
    raise LookupError("inside")
try:
    fails()
except LookupError as error:
    print(*failure_of(error))
"""


def _said(*options: str) -> tuple[str, str]:
    command = [sys.executable, "-W", "ignore", *options, "-c", FAIL]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return ran.stdout, ran.stderr


def test_its_place_is_shown_in_development_mode_alone() -> None:
    line, errors = _said()
    assert line == "internal_error Unforeseen LookupError; PYTHONDEVMODE=1 shows where.\n"
    assert errors == ""
    again, errors = _said("-X", "dev")
    assert again == line
    assert "in fails" in errors
    assert "inside" in errors
