"""The Deepfake Detection Challenge set (Dolhansky et al. 2020) as its parts are unpacked.

dfdc_train_part_<n>/metadata.json names for each video its label, REAL or FAKE, and for a fake the `original`. Folders
with a labels.csv (`filename,label`, 1 for fake) beside their videos, as validation and test have, are read as well;
these say nothing of originals, so every one of their videos is a group of its own, of the split their folder names.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from detector.training.adapters.entries import Entry, LayoutUnknown, below, split_of

NAME: Final = "dfdc"
"""The name under which the index reader knows swaps of this set."""
SPLITS: Final = {"train": "train", "validation": "val", "val": "val", "test": "test"}


def entries(root: Path) -> Iterator[Entry]:
    """Rows of every labelled video that is there; an original and its fakes share group and split."""
    for path in sorted(root.rglob("metadata.json")):
        yield from _of_metadata(path, root)
    for path in sorted(root.rglob("labels.csv")):
        yield from _of_labels(path, root)


def _of_metadata(path: Path, root: Path) -> Iterator[Entry]:
    for name, facts in _read(path).items():
        video = path.parent / name
        if video.exists() and "label" in facts:
            group = f"{NAME}:{facts.get('original') or name}"
            yield _entry(video, root, split_of(group), fake=facts["label"] == "FAKE", group=group)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): dict(facts) for name, facts in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise LayoutUnknown(f"{path.parent.name}/{path.name} does not map videos to facts.") from error


def _of_labels(path: Path, root: Path) -> Iterator[Entry]:
    split = next((SPLITS[part] for part in reversed(path.parts) if part in SPLITS), "test")
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            name = row.get("filename") or ""
            for video in (path.parent / name, path.parent / "videos" / name):
                if name and video.is_file():
                    yield _entry(video, root, split, fake=row.get("label") == "1", group=f"{NAME}:{name}")


def _entry(video: Path, root: Path, split: str, *, fake: bool, group: str) -> Entry:
    kind, generator = ("swap", "dfdc") if fake else ("dfdc_real", "")
    return Entry(below(video, root), NAME, split, "fake" if fake else "real", kind, generator, group)
