"""How well generator and detector know each other: faces of the shipped backend, judged unmarked and marked.

The unmarked ones are never written anywhere. Versions are named by the checksums of the weights, so that rows of
different versions can be set side by side.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from api.workplace import Workplace
from detector.types import Action, Label, Pixels

if TYPE_CHECKING:
    from generator.synthesizer import Synthesis

POOR: Final = 50
"""JPEG quality of a face that was passed on."""
DIGITS: Final = 12
"""Of a checksum: enough to tell versions apart."""
SHOWN: Final = ("unmarked", "unmarked, JPEG 50", "marked", "marked, stripped, JPEG 50")


@dataclass(frozen=True, slots=True)
class Seen:
    """Of how many faces of one delivery the detector said what."""

    faces: int
    declared: int
    flagged: int
    reviewed: int
    cleared: int


@dataclass(frozen=True, slots=True)
class Pair:
    """One generator before one detector; `seen` by the names in `SHOWN`."""

    generator: Mapping[str, str]
    detector: Mapping[str, str]
    seen: Mapping[str, Seen]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(workplace: Workplace, *, count: int, tell: Callable[[int], None] = lambda _: None) -> Pair:
    """`count` faces over all prompts of the cycle, each delivered in four ways; blocks, in a worker thread."""
    said: dict[str, Counter[str]] = {name: Counter() for name in SHOWN}
    for number in range(count):
        for name, data in _deliveries(workplace, number).items():
            said[name][_word(workplace, data)] += 1
        tell(number + 1)
    seen = {name: _seen(words) for name, words in said.items()}
    return Pair(generator_version(), detector_version(), seen)


def generator_version() -> dict[str, str]:
    """Checksum of each weight file of the shipped backend."""
    from generator.backends.embedded import APPEARANCE, REFINER, UPSCALER
    from generator.stored import shipped

    return {name: _checksum(shipped() / f"{name}.safetensors") for name in (APPEARANCE, REFINER, UPSCALER)}


def detector_version() -> dict[str, str]:
    """Name and checksum of each shipped expert."""
    from detector.classifier.cards import read_card, shipped
    from detector.pipeline import EXPERTS

    cards = [read_card(shipped(kind)) for kind in EXPERTS]
    return {card.kind.value: f"{card.name} {card.sha256[:DIGITS]}".strip() for card in cards}


def remember(pair: Pair, history: Path) -> Sequence[Mapping[str, Any]]:
    """Adds `pair` to a file of one JSON object a line, and returns all of them; the last of equal versions stays."""
    kept = [json.loads(line) for line in history.read_text("utf-8").splitlines()] if history.exists() else []
    mine = pair.as_dict()
    kept = [row for row in kept if (row["generator"], row["detector"]) != (mine["generator"], mine["detector"])]
    rows = [*kept, mine]
    history.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in rows), "utf-8")
    return rows


def _deliveries(workplace: Workplace, number: int) -> dict[str, bytes]:
    from generator.prompt import parse
    from generator.prompt_cycle import PROMPTS
    from generator.synthesizer import SHIPPED

    face = workplace.synthesizer(SHIPPED).synthesise(parse(PROMPTS[number % len(PROMPTS)]), seed=number)
    marked = _marked(workplace, face)
    with Image.open(BytesIO(marked)) as picture:
        kept = np.asarray(picture.convert("RGB"))
    return dict(zip(SHOWN, (_png(face.pixels), _jpeg(face.pixels), marked, _jpeg(kept)), strict=True))


def _marked(workplace: Workplace, face: "Synthesis") -> bytes:
    from generator.release import release

    made = release(
        face, key=workplace.mark_keys[0], source=workplace.key_source, checker=workplace.checker, purpose="research"
    )
    return made.data


def _word(workplace: Workplace, data: bytes) -> str:
    verdict = workplace.detector.inspect(data).verdict
    if verdict.label is Label.SYNTHETIC_DECLARED:
        return "declared"
    return {Action.FLAG: "flagged", Action.REVIEW: "reviewed"}.get(verdict.action, "cleared")


def _seen(words: Counter[str]) -> Seen:
    return Seen(words.total(), *(words[name] for name in ("declared", "flagged", "reviewed", "cleared")))


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS]


def _png(pixels: Pixels) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _jpeg(pixels: Pixels) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=POOR)
    return buffer.getvalue()
