"""Keeps what a long measurement has found so far, so that one that was cut off goes on where it stopped.

Each line is one JSON object with its `key` and its `result`. A key names everything that the result depends on, the
version of the watermark included, so that a line is never taken for a measurement of something else.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from detector import provenance
from detector.types import Pixels

Result: TypeAlias = dict[str, Any]

BESIDES: Final = frozenset(
    (
        "check",
        "credentials",
        "declaration",
        "fingerprint",
        "judgement",
        "known_media",
        "likeness",
        "looks",
        "remote",
        "report",
        "trust",
    )
)
"""Modules of provenance that the watermark is not made of; a new one counts as a part of it."""


class Journal:
    """Results by key, in the file `path`; without one, nothing is kept. One process writes to a file at a time."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known = _read(path) if path is not None and path.exists() else {}
        if path is not None:
            path.touch()
            with path.open("rb+") as file:  # a line that was cut off gets its end, so that the next one begins anew
                if file.read()[-1:] not in (b"", b"\n"):
                    file.write(b"\n")

    def once(self, key: str, work: Callable[[], Result]) -> Result:
        """What `work` gave under `key` before, or gives now."""
        if key not in self._known:
            self._known[key] = work()
            self._append(key)
        return self._known[key]

    def _append(self, key: str) -> None:
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "result": self._known[key]}, allow_nan=False) + "\n")


@cache
def core_version() -> str:
    """SHA-1 of the watermark's source, as it was at the first call: every module of provenance but `BESIDES`."""
    files = sorted(Path(provenance.__path__[0]).glob("*.py"))
    source = b"".join(file.read_bytes() for file in files if file.stem not in BESIDES)
    return hashlib.sha1(source, usedforsecurity=False).hexdigest()


def picture_name(*pictures: Pixels) -> str:
    """A name that tells pictures apart by what they show."""
    digest = hashlib.sha256()
    for pixels in pictures:
        digest.update(str(pixels.shape).encode() + pixels.tobytes())
    return digest.hexdigest()[:16]


def _read(path: Path) -> dict[str, Result]:
    """Every whole line; one that was cut off while it was written is left out."""
    known: dict[str, Result] = {}
    for line in path.read_text("utf-8", errors="replace").splitlines():
        try:
            entry: Mapping[str, Any] = json.loads(line)
            known[entry["key"]] = entry["result"]
        except (ValueError, KeyError, TypeError):
            continue
    return known
