"""The README is complete: every command, code, label and setting that a user can meet stands in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cli import COMMANDS, GROUPS, PASSING
from api.commands.outcome import ExitCode
from api.errors import ApiError
from api.settings import Settings
from detector.errors import DetectorError
from detector.reasons import SENTENCES, Reason
from detector.types import Label
from generator.errors import GeneratorError

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
UNLISTED_SETTINGS = {"log_origin", "tenant"}
"""Settings that only somebody who reads `api/settings.py` has a use for."""


def _tree(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


CODES = sorted({kind.code for root in (ApiError, DetectorError, GeneratorError) for kind in _tree(root)})  # type: ignore[attr-defined]


@pytest.mark.parametrize("code", CODES)
def test_error_code_is_explained(code: str) -> None:
    assert f"`{code}`" in README


@pytest.mark.parametrize("reason", SENTENCES)
def test_reason_is_explained_in_its_own_words(reason: Reason) -> None:
    assert f"| `{reason}` | {SENTENCES[reason][0]} |" in README


@pytest.mark.parametrize("label", Label)
def test_label_is_explained(label: str) -> None:
    assert f"| `{label}` |" in README


@pytest.mark.parametrize("name", [*COMMANDS, *PASSING])
def test_command_is_listed(name: str) -> None:
    assert re.search(rf"\|.*`(shingan )?{name}\b", README)


@pytest.mark.parametrize("name", GROUPS)
def test_subcommands_are_listed(name: str) -> None:
    for command in GROUPS[name].registered_commands:
        assert re.search(rf"`(shingan )?{name} {command.name or getattr(command.callback, '__name__', '')}\b", README)


@pytest.mark.parametrize("code", [code for code in ExitCode if code is not ExitCode.INTERRUPTED])
def test_exit_code_is_listed(code: ExitCode) -> None:
    assert f"| {code.value} |" in README


@pytest.mark.parametrize("name", sorted(Settings.model_fields.keys() - UNLISTED_SETTINGS))
def test_setting_is_listed(name: str) -> None:
    assert f"`SHINGAN_{name.upper()}`" in README


@pytest.mark.parametrize("target", re.findall(r"^    make (\w+)", README, re.MULTILINE))
def test_named_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^):]+)\)", README))
def test_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
