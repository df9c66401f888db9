"""The operator's own detectors: a folder each under `home/detectors`, holding a card and its model."""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Final

from detector.classifier.own_card import OwnCard, read_own_card
from detector.errors import ModelUnavailable

FOLDER: Final = "detectors"
CARD: Final = "card.toml"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TRUST_LINE: Final = "trust_code = true"


class DetectorStore:
    """The own detectors of `home`; the folder is made by the first `add`."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER

    def cards(self) -> tuple[Path, ...]:
        """The cards, oldest first: the order in which they share the false-positive budget."""
        found = self._folder.glob(f"*/{CARD}")
        return tuple(sorted((path for path in found if NAME.fullmatch(path.parent.name)), key=_age))

    def add(self, path: Path, *, trust_code: bool = False) -> Path:
        """Copies card and model in and returns the new card; raises `ModelUnavailable` and then leaves nothing."""
        own = read_own_card(path)
        name, model = own.card.name, own.model_path()
        if not NAME.fullmatch(name):
            raise ModelUnavailable("a detector's name is letters, digits, dots, dashes and underscores")
        if self._place(name).exists():
            raise ModelUnavailable(f"a detector named {name} is there already; remove it first")
        if own.card.arch == "torchscript" and not trust_code:
            raise ModelUnavailable(f"{own.card.file} holds code that would run here; --trust-code allows it")
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".adding-") as draft:
            text = _trusting(path.read_text(encoding="utf-8"), trusted=trust_code)
            Path(draft, CARD).write_text(text, encoding="utf-8")
            shutil.copyfile(model, Path(draft, model.name))
            read_own_card(Path(draft, CARD)).model_path()  # what was copied is what was checked
            shutil.copytree(draft, self._place(name))
        return self._place(name) / CARD

    def remove(self, name: str) -> None:
        """Forgets a detector; raises `ModelUnavailable` if there is none of that name."""
        if not NAME.fullmatch(name) or not (self._place(name) / CARD).is_file():
            raise ModelUnavailable(f"there is no detector named {name}")
        shutil.rmtree(self._place(name))

    def loaded(self) -> tuple[OwnCard, ...]:
        return tuple(read_own_card(path) for path in self.cards())

    def _place(self, name: str) -> Path:
        return self._folder / name


def _age(path: Path) -> tuple[int, str]:
    return path.parent.stat().st_ctime_ns, path.parent.name


def _trusting(text: str, *, trusted: bool) -> str:
    """The card with the operator's consent as its own line, and never with one that it brought along."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("trust_code"))
    return re.sub(r"^\[model\]\s*$", f"[model]\n{TRUST_LINE}", kept + "\n", count=1, flags=re.M) if trusted else kept
