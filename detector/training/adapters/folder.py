"""A plain folder: real/... and fake/<generator>/..., in train/, val/ and test/ or without.

Without split folders the split is drawn by group. The group is what stands before the last underscore followed by
digits (`anna_001.jpg` and `anna_002.jpg` share one), the whole name where there is none; frames in a folder of
their own below the generator share that folder. Sets that pair fakes with originals should give both the same stem.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detector.training.adapters.entries import Entry, LayoutUnknown, below, media_in, split_of

SPLITS: Final = ("train", "val", "test")
LABELS: Final = ("real", "fake")
NUMBERED: Final = re.compile(r"^(.+)_\d+$")
SWAPS: Final = re.compile(r"swap|deepfake|reenact|replace|edit", re.IGNORECASE)
"""A generator so named changes a real face; any other makes whole faces."""


def entries(root: Path) -> Iterator[Entry]:
    """Rows of every picture and video below a folder called real or fake."""
    bases = [(name, root / name) for name in SPLITS if (root / name).is_dir()] or [("", root)]
    if not any((base / label).is_dir() for _, base in bases for label in LABELS):
        raise LayoutUnknown("There is no folder `real` or `fake`; see datasets/README.md for the layout.")
    for split, base in bases:
        for label in LABELS:
            for path in media_in(base / label):
                yield _entry(path, root, base / label, split)


def _entry(path: Path, root: Path, folder: Path, split: str) -> Entry:
    inner = path.relative_to(folder).parts[:-1]
    fake = folder.name == "fake"
    generator = inner[0].lower() if fake and inner else ""
    own = inner[1:] if fake else inner
    name = "/".join(own) if own else _stem(path)
    group = f"{root.name}:{name}"
    kind = ("swap" if SWAPS.search(generator) else "synthesis") if fake else "real"
    return Entry(
        below(path, root), root.name, split or split_of(group), folder.name, kind, generator, group,
        clip=below(path.parent, root) if own else "",
    )  # fmt: skip


def _stem(path: Path) -> str:
    numbered = NUMBERED.match(path.stem)
    return numbered[1] if numbered else path.stem
