"""Which keys an instance works with, by digest alone: what a backup says of the keys that do not lie in it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from api.errors import BackupInvalid

RENEWED: Final = ("ca/leaf.key", "ca/leaf.pem")
"""Made anew when they near their end, so another home may well have others."""


def key_manifest(folder: Path) -> Mapping[str, str]:
    """SHA-256 of every key file below `folder`, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def require_keys(folder: Path, expected: Mapping[str, str]) -> None:
    """Raises `BackupInvalid` unless `folder` holds the keys of the manifest `expected`."""
    found = key_manifest(folder)
    wrong = [name for name, digest in expected.items() if name not in RENEWED and found.get(name) != digest]
    if wrong:
        names = ", ".join(wrong)
        raise BackupInvalid(
            f"These files are missing from the folder `keys`, or are others than at the backup: {names}."
        )
