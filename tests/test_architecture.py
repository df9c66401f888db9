"""The rules of the tree that no linter knows: import directions, cheap imports, names, sizes, docstrings."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGES = ("detector", "generator", "api")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MAX_LINES = 400
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
LIGHT_MODULES = (
    "detector.types",
    "detector.sandbox",
    "detector.sandbox_child",
    "detector.media",
    "detector.verdict",
    "detector.provenance.check",
    "api.cli",
)
"""What `shingan verify` and the sandbox load."""


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_imports_point_down() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_loads_without_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr or f"{module} imports torch"


@pytest.mark.parametrize("path", SOURCES, ids=_relative)
def test_source_has_a_docstring_and_a_telling_name(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a module says why it exists"
    assert path.stem not in VAGUE_NAMES
    if path.name == "__init__.py":
        assert len(tree.body) == 1, "a package's __init__ is a docstring and nothing else"


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=_relative)
def test_file_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in TESTS if path.name.startswith("test_")]
    assert len(names) == len(set(names))


def test_lock_pins_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}
    for text in (*project["dependencies"], *(item for extra in extras for item in extra)):
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), text
