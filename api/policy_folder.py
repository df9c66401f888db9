"""A tenant's policy bundle as a folder of files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from api.errors import BundleRefused

PATTERNS: Final = ("*.cedar", "*.cedarschema", "tests/*.toml")


def files_in(folder: Path) -> Mapping[str, str]:
    """Text by name of the bundle in `folder`; raises `BundleRefused` if it cannot be read."""
    try:
        found = sorted(file for pattern in PATTERNS for file in folder.glob(pattern))
        return {str(file.relative_to(folder)): file.read_text("utf-8") for file in found}
    except (OSError, UnicodeDecodeError) as error:
        raise BundleRefused("The folder cannot be read.") from error
