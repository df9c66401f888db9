"""The command line as a fixture: `shingan("scan", "--json", path)` gives exit code, output and error output."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.cli import main
from detector.types import Pixels


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines; fails if anything else is on it."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def shingan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> Callable[..., Ran]:
    """Runs the command in this process, as its entry point does, on the test's own home."""

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["shingan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def photo(tmp_path: Path, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(make_photo(width=256, height=256), "JPEG", quality=92))
    return path
