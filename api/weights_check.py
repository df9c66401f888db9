"""Whether the weight files beside their cards are those that the cards name; loads no network."""

import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

from detector.errors import ModelUnavailable

CARDS = ("detector/weights", "generator/weights")
"""Folders of shipped cards, below the folder of the packages."""
ROOT = Path(__file__).parent.parent


class WeightsCheck:
    """Remembers what it hashed, so that a check of unchanged files costs a look at their sizes and times."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._sound: dict[Path, tuple[int, int]] = {}

    def require_intact(self) -> int:
        """How many weight files there are; raises `ModelUnavailable` if one is missing or another than its card's."""
        cards = list(self._cards())
        if not cards:
            raise ModelUnavailable("no model card was found")
        for path, digest in cards:
            self._require(path, digest)
        return len(cards)

    def _cards(self) -> Iterator[tuple[Path, str]]:
        """Weight file and SHA-256 of every card that has a file of its own."""
        for folder in CARDS:
            for card in sorted((self._root / folder).glob("*.card.toml")):
                try:
                    model = tomllib.loads(card.read_text("utf-8"))["model"]
                    file, digest = str(model.get("file", "")), str(model.get("sha256", ""))
                except (OSError, ValueError, KeyError, AttributeError) as error:
                    raise ModelUnavailable(f"the model card {card.name} cannot be read") from error
                if file:
                    yield card.parent / file, digest

    def _require(self, path: Path, digest: str) -> None:
        try:
            stat = path.stat()
            state = (stat.st_size, stat.st_mtime_ns)
            if self._sound.get(path) == state:
                return
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise ModelUnavailable(f"the weight file {path.name} cannot be read") from error
        if found != digest:
            raise ModelUnavailable(f"the weight file {path.name} is not the one that its card names")
        self._sound[path] = state
