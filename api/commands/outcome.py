"""How a command ends: its exit code, and a failure of any kind as a code and one sentence."""

import sys
import traceback
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from api.errors import ApiError
from api.errors import OutputUnwritable as OutputUnwritable
from detector.errors import DetectorError
from generator.errors import GeneratorError

FAILURES = (ApiError, DetectorError, GeneratorError)
"""What the three packages let out; their text is fit for a user."""
INTERNAL = "internal_error"


class ExitCode(IntEnum):
    CLEAN = 0
    ERROR = 1
    USAGE = 2
    FINDING = 3
    INTERRUPTED = 130
    """128 + SIGINT, as shells report it."""


class HomeUnusable(ApiError):
    """`SHINGAN_HOME` cannot be made."""

    code, title = "home_unusable", "The home folder cannot be made"


class ExtraMissing(ApiError):
    """The command needs an optional part of the package that is not installed."""

    code, title = "extra_missing", "An optional part is not installed"


def failure_of(error: Exception) -> tuple[str, str]:
    """Code and sentence; of an unforeseen exception only its kind, because its text was not written for users.

    Where it came from stands in the error output in Python's development mode alone.
    """
    if isinstance(error, FAILURES):
        return error.code, str(error) or error.code
    if sys.flags.dev_mode:
        traceback.print_exception(error)
    return INTERNAL, f"Unforeseen {type(error).__name__}; PYTHONDEVMODE=1 shows where."


def is_finding(document: Mapping[str, Any]) -> bool:
    """Whether a line of `scan` or `verify` says flag, or one of `watermark detect` says found."""
    if "verdict" in document:
        return bool(document["verdict"]["action"] == "flag")
    return bool(document.get("watermark", {}).get("detected"))
